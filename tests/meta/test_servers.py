"""The servers that journeys use are real: bytes go through sockets, a browser shows the page."""

import smtplib
from email.message import EmailMessage

import httpx2
import pytest
from playwright.sync_api import Browser
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from tests.servers import Mailbox, free_socket, serve_application, socket_address


def _page(_request: object) -> HTMLResponse:
    return HTMLResponse("<!doctype html><title>日记</title><h1>Daybook</h1>")


APP = Starlette(routes=[Route("/", _page)])


def test_an_application_is_served_and_stops() -> None:
    with serve_application(APP) as base:
        assert "Daybook" in httpx2.get(base).text
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(base)


def test_the_address_can_be_known_beforehand() -> None:
    listener = free_socket()
    known = socket_address(listener)
    with serve_application(APP, listener) as base:
        assert base == known


def test_a_letter_arrives(mailbox: Mailbox) -> None:
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "a@example.org", "b@example.org", "提醒"
    letter.set_content("您好")
    host, port = mailbox.url.removeprefix("smtp://").split(":")
    with smtplib.SMTP(host, int(port)) as client:
        client.send_message(letter)
    assert [message["Subject"] for message in mailbox.letters] == ["提醒"]
    assert mailbox.letters[0].get_content().strip() == "您好"


def test_the_browser_shows_the_page(chromium: Browser) -> None:
    with serve_application(APP) as base:
        page = chromium.new_page()
        page.goto(base)
        assert (page.title(), page.inner_text("h1")) == ("日记", "Daybook")
        page.close()
