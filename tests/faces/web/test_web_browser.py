"""What only a real browser can tell."""

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser

from tests.servers import serve_application


@pytest.mark.req("SEC-03")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_demonstration_s_cookies_work_without_a_certificate(
    app: FastAPI, chromium: Browser, host: str
) -> None:
    with serve_application(app) as url, chromium.new_context(locale="en-GB") as context:
        page = context.new_page()
        faults: list[str] = []
        page.on("console", lambda message: faults.append(message.text))
        page.goto(f"{url.replace('127.0.0.1', host)}/about")
        page.get_by_role("button", name="中文").first.click()
        page.wait_for_load_state()
        assert page.url.endswith("/about")
        assert page.locator("html").get_attribute("lang") == "zh-Hans"
        (cookie,) = context.cookies()
        assert (cookie["name"], cookie["secure"], cookie["httpOnly"]) == ("__Host-language", True, True)
        assert faults == []
