"""The pages as an icon on a phone's home screen: offered to browsers, never asked of anybody."""

import zlib

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.cli.screens.chromium import png_size
from tests.applications import open_browser
from tests.faces.participant_browsers import Phone
from tests.markup import parse_page
from tests.tools import tool

ICONS = tool("build_icons")


@pytest.mark.req("SEC-02")
def test_the_manifest_is_neutral_and_in_the_pages_language(app: FastAPI, client: TestClient) -> None:
    link = str(
        parse_page(client.get("/", headers={"accept-language": "zh"}).text).one("link", rel="manifest")[
            "href"
        ]
    )
    answer = open_browser(app).get(link)
    assert answer.headers["content-type"] == "application/manifest+json"
    assert answer.headers["cache-control"] == "public, max-age=86400"
    assert "manifest-src 'self'" in answer.headers["content-security-policy"]
    manifest = answer.json()
    assert (manifest["name"], manifest["short_name"], manifest["lang"]) == ("我的问卷", "我的问卷", "zh-Hans")
    assert (manifest["start_url"], manifest["scope"], manifest["display"]) == ("/", "/", "standalone")
    assert client.get("/manifest.webmanifest", headers={"accept-language": "en"}).json()["name"] == "My forms"


def test_every_icon_exists_in_its_declared_size(client: TestClient) -> None:
    icons = client.get("/manifest.webmanifest").json()["icons"]
    assert [(icon["sizes"], icon["purpose"]) for icon in icons] == [
        ("192x192", "any"),
        ("512x512", "any"),
        ("512x512", "maskable"),
    ]
    apple = str(parse_page(client.get("/").text).one("link", rel="apple-touch-icon")["href"])
    for src, sizes in [*((icon["src"], icon["sizes"]) for icon in icons), (apple, "180x180")]:
        answer = client.get(src)
        assert answer.headers["content-type"] == "image/png"
        assert "x".join(map(str, png_size(answer.content))) == sizes
        assert len(answer.content) < 6000


@pytest.mark.parametrize("name", ICONS.FILES)
def test_an_icon_is_what_was_drawn(name: str) -> None:
    size, radius = ICONS.FILES[name]
    body = (ICONS.FOLDER / name).read_bytes()
    at = body.index(b"IDAT")
    rows = zlib.decompress(body[at + 4 : at + 4 + int.from_bytes(body[at - 4 : at])])
    for row in (0, size // 3, size // 2):
        assert rows[row * (size * 4 + 1) + 1 : (row + 1) * (size * 4 + 1)] == ICONS.draw_row(
            size, radius, row
        )


def test_pages_of_a_phone_name_it_and_forms_and_the_desk_do_not(phone: Phone) -> None:
    slot = phone.begin()
    named = {
        path: "webmanifest" in phone.client.get(path).text
        for path in ("/home", "/settings", "/help", "/code", f"/f/{slot}", "/desk/sign-in")
    }
    without = [path for path, is_named in named.items() if not is_named]
    assert without == [f"/f/{slot}", "/desk/sign-in"]
    home = phone.client.get("/home").text
    assert parse_page(home).one("meta", name="theme-color")["content"] == "#00615b"
    assert "beforeinstallprompt" not in home


def test_the_install_hint_is_shown_and_can_be_dismissed(phone: Phone) -> None:
    url = "/settings/home-screen"
    assert url not in phone.client.get("/home").text  # a form is to be filled in
    assert url in phone.client.get("/settings").text
    phone.send(phone.begin())
    assert parse_page(phone.client.get("/home").text).all("form", action=url)
    for agent, first in (
        ("MicroMessenger/8.0 iPhone", "In WeChat"),
        ("iPhone Safari", "iPhone or iPad, in Safari"),
        ("Linux; Android 14", "Android, in Chrome"),
        ("Firefox", "Another browser"),
    ):
        shown = parse_page(phone.client.get(url, headers={"User-Agent": agent}).text)
        steps = [each.text for each in shown.one("main").all("h2")]
        assert (steps[0], "In WeChat" in steps[1:]) == (first, False)
    for _ in range(2):
        assert phone.client.post(url).headers["location"] == "/home"
    assert url not in phone.client.get("/home").text
    assert phone.client.get("/home").status_code == 200  # the phone is still known
    assert url in phone.client.get("/settings").text
