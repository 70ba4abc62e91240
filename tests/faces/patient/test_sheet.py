"""The sheet as it is printed: its square and its code lead the phone in."""

import re

import pytest
import segno
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from app.clinic.records.first_steps import draw_qr
from tests.applications import open_browser
from tests.browsers import BASE_URL
from tests.faces.callers import SiteFixture, caller_as
from tests.faces.rights import Who
from tests.markup import Element, parse_page
from tests.scenarios.people import PIN

QUIET = 4
"""Modules of white around a QR code (ISO/IEC 18004, 9.1)."""
TOKENS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", min_size=32, max_size=32)


def modules(svg: Element) -> list[list[bool]]:
    """The dark modules that the drawing shows, its quiet zone taken off."""
    width, height = (int(each) for each in svg["viewbox"].split()[2:])
    dark, x, y = [[False] * width for _ in range(height)], 0.0, 0.0
    for command, numbers in re.findall(r"([Mmh])([-\d. ]+)", svg.one("path")["d"]):
        across, _, down = numbers.partition(" ")
        if command == "h":
            for column in range(int(x), int(x + float(across))):
                dark[int(y)][column] = True
        x = float(across) + (0 if command == "M" else x)
        y = (float(down) if down else 0) + (0 if command == "M" else y)
    border = [*dark[:QUIET], *dark[-QUIET:], *(row[:QUIET] + row[-QUIET:] for row in dark)]
    assert not any(any(row) for row in border)
    return [row[QUIET:-QUIET] for row in dark[QUIET:-QUIET]]


def mask_of(drawn: list[list[bool]]) -> int:
    """Which of the eight masks was laid over it, as its own format information says (ISO/IEC 18004, 7.9)."""
    return sum(dark << 4 - column for column, dark in enumerate(drawn[8]) if 2 <= column <= 4) ^ 0b101


def drawn_for(url: str, mask: int | None = None) -> list[list[bool]]:
    """The square of this address; the best of all masks takes eight times as long as the given one."""
    code = segno.make(url, error="q", boost_error=False, mask=mask)
    return [[bool(module) for module in row] for row in code.matrix]


@pytest.fixture
def sheet(here: SiteFixture) -> Element:
    """A fresh sheet for the participant who has not begun."""
    path = "/desk/participants/{participant}/invitation"
    address = here.address(path, here.waiting.person)
    return parse_page(caller_as(here, Who.nurse).ask("POST", path, address).text).one(
        "article", class_="sheet"
    )


@pytest.fixture
def unknown(here: SiteFixture) -> TestClient:
    return open_browser(here.app)


@given(TOKENS)
def test_the_square_says_the_link(secret: str) -> None:
    url = f"{BASE_URL}/a/{secret}"
    drawn = modules(parse_page(str(draw_qr(url))).one("svg"))
    assert drawn == drawn_for(url, mask_of(drawn))
    assert drawn != drawn_for(url[:-1], mask_of(drawn))


def test_the_square_of_the_sheet_is_whole(sheet: Element) -> None:
    square = modules(sheet.one("div", class_="qr").one("svg"))
    assert len(square) == len(square[0]) == len(drawn_for(f"{BASE_URL}/a/{'x' * 32}"))
    finder = [[True] * 7, [True] + [False] * 5 + [True], *[[True, False, True, True, True, False, True]] * 3]
    assert [row[:7] for row in square[:5]] == finder
    assert [row[-7:] for row in square[:5]] == finder


@pytest.mark.req("IAM-10")
def test_the_printed_code_lets_a_phone_in(sheet: Element, unknown: TestClient, here: SiteFixture) -> None:
    code = sheet.one("p", class_="code").text
    path = sheet.one("b", dir="ltr").text.removeprefix("testserver")
    activation = parse_page(unknown.post(path, data={"code": code.lower()}).text)
    carried = activation.one("input", name="code", type="hidden")["value"]
    done = unknown.post(path, data={"code": carried, "pin": PIN, "pin_again": PIN})
    assert (done.status_code, done.headers["location"]) == (303, "/welcome")
    assert unknown.get("/home").status_code == 200
    assert open_browser(here.app).post(path, data={"code": code}).status_code == 404
    assert here.waiting.client.get(f"/a/{here.waiting.link}").status_code == 404
