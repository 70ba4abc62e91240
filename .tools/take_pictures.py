"""The two pictures of README.md: `.venv/bin/python .tools/take_pictures.py` writes docs/pictures/.

A demonstration is made in a folder of its own and served; a participant opens a form on a phone, and a nurse
her list for today. Nobody in either picture exists.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyotp
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from app.cli.screens.chromium import find_camera
from tests.servers import free_socket

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures"
PHONE: ViewportSize = {"width": 360, "height": 740}
DESK: ViewportSize = {"width": 1280, "height": 800}
QUALITY = 80
PATIENCE_SECONDS = 600.0
"""Only against hanging."""


def main() -> int:
    """Write both, and say how large they are."""
    PICTURES.mkdir(exist_ok=True)
    with serve_demonstration() as access, launch_browser() as browser:
        for name, picture in ("phone", take_phone(browser, access)), ("desk", take_desk(browser, access)):
            path = PICTURES / f"{name}.webp"
            path.write_bytes(picture)
            print(f"{path.relative_to(ROOT)}: {len(picture):,} bytes")
    return 0


@contextmanager
def serve_demonstration() -> Iterator[Mapping[str, Any]]:
    """A new demonstration, served until this is left; yields how to sign in to it."""
    with tempfile.TemporaryDirectory(prefix="daybook-pictures-") as name:
        database = f"sqlite:///{Path(name) / 'demo.sqlite3'}"
        with free_socket() as held:
            port = held.getsockname()[1]
        access = Path(name) / "access.json"
        command = [sys.executable, "-m", "app", "demo", "--port", str(port), "--json", str(access)]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("DAYBOOK_")}
        environment |= {"DAYBOOK_DATABASE_URL": database, "PYTHONPATH": str(ROOT)}
        with (Path(name) / "log").open("w") as log:
            server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
            try:
                wait_until_ready(server, f"http://127.0.0.1:{port}/readyz")
                yield json.loads(access.read_text("utf-8"))
            finally:
                server.terminate()
                server.wait(PATIENCE_SECONDS)


def wait_until_ready(server: subprocess.Popen[bytes], url: str) -> None:
    """Until the program answers there."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        if server.poll() is not None:
            raise RuntimeError("the demonstration ended")
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.URLError:
            time.sleep(0.2)
    raise TimeoutError(url)


@contextmanager
def launch_browser() -> Iterator[Browser]:
    """The Chromium of this machine."""
    with sync_playwright() as driver:
        # No sandbox: root may run this, and it opens our own pages only.
        browser = driver.chromium.launch(
            executable_path=find_camera(**PHONE).program, args=["--no-sandbox", "--hide-scrollbars"]
        )
        yield browser
        browser.close()


def take_phone(browser: Browser, access: Mapping[str, Any]) -> bytes:
    """A question as a participant meets it, with an answer tapped."""
    page = browser.new_context(viewport=PHONE, has_touch=True).new_page()
    page.goto(
        next(each for each in access["participants"] if each["subject"] == "0571-002")["activation_url"]
    )
    page.locator(".bar button:visible").last.click()
    page.locator("[name=pin]").fill("246802")
    page.locator("[name=pin_again]").fill("246802")
    page.locator(".bar button:visible").last.click()
    for step in ("welcome", "practice"):
        page.wait_for_url(f"**/{step}")
        page.locator("footer a").click()
    page.wait_for_url("**/home**")
    switch_to_english(page)
    page.locator("main a[href^='/f/']").first.click()
    page.locator("[name=who][value=self]").check()
    page.locator(".bar button:visible").click()
    page.locator("#f .q.on .o").nth(1).click()
    return screenshot_as_webp(page, 2)


def take_desk(browser: Browser, access: Mapping[str, Any]) -> bytes:
    """Today, as a nurse meets it."""
    nurse = next(each for each in access["staff"] if each["role"] == "nurse")
    page = browser.new_context(viewport=DESK).new_page()
    page.goto(f"{access['base_url']}/desk/sign-in")
    page.locator("[name=email]").fill(nurse["email"])
    page.locator("[name=password]").fill(nurse["password"])
    page.locator("main button[type=submit]").last.click()
    page.locator("[name=code]").fill(pyotp.TOTP(nurse["totp_secret"]).now())
    page.locator("main button[type=submit]").last.click()
    page.wait_for_url("**/desk")
    switch_to_english(page)
    return screenshot_as_webp(page, 1)


def switch_to_english(page: Page) -> None:
    """Those of the demonstration read Chinese."""
    page.get_by_text("English", exact=True).first.click()
    page.locator("html[lang=en]").wait_for(state="attached")


def screenshot_as_webp(page: Page, scale: int) -> bytes:
    """What the page shows. The browser's own protocol knows WebP, which is a third of a PNG."""
    page.wait_for_load_state("networkidle")
    view = page.evaluate("({x: scrollX, y: scrollY, width: innerWidth, height: innerHeight})")
    wire = page.context.new_cdp_session(page)
    asked = {"format": "webp", "quality": QUALITY, "clip": {**view, "scale": scale}}
    return base64.b64decode(wire.send("Page.captureScreenshot", asked)["data"])


if __name__ == "__main__":
    sys.exit(main())
