"""What a page lets nobody type, the server would refuse as well: full-width digits are digits."""

import re

from app.settings import ROOT

TEMPLATES = ROOT / "app" / "templates"
DIGITS = "[0-9０-９]*"


def test_no_pattern_of_a_page_refuses_full_width_digits() -> None:
    patterns = {
        (path.name, pattern)
        for path in TEMPLATES.rglob("*.html")
        for pattern in re.findall(r'(?<!\w)pattern="([^"{]*)"', path.read_text("utf-8"))
        if pattern
    }
    assert patterns
    assert {pattern for _name, pattern in patterns} == {DIGITS}
    assert re.fullmatch(DIGITS, "１２５２７１")
    assert re.fullmatch(DIGITS, "125271")
