"""Pages of the desk as tests read, type and confirm them."""

from fastapi.testclient import TestClient
from httpx2 import Response

from tests.faces.internals import find_internals
from tests.markup import Element, parse_page


def page(client: TestClient, url: str, status: int = 200) -> Element:
    """What a page says that must answer with this status, and no code in it."""
    answer = client.get(url)
    assert answer.status_code == status, answer.text[:500]
    shown = parse_page(answer.text)
    codes = find_internals(shown)
    assert not codes, (url, codes)
    return shown


def day_in(form: Element, name: str) -> str:
    """What stands in the three boxes of a day, year first."""
    return "-".join(form.one("input", name=f"{name}_{part}")["value"] for part in ("year", "month", "day"))


def hidden_of(answer: Response) -> dict[str, str]:
    """What the forms of a page carry along unseen."""
    fields = parse_page(answer.text).all("input", type="hidden")
    return {str(each["name"]): str(each["value"]) for each in fields}


def preview_and_confirm(client: TestClient, url: str, typed: dict[str, str]) -> Response:
    """Type, look at the preview, and confirm exactly that."""
    preview = client.post(url, data=typed)
    assert preview.status_code == 200, preview.text[:2000]
    return client.post(url, data=hidden_of(preview))


def enrolment(**changes: str) -> dict[str, str]:
    """What a nurse types to enrol somebody, but for these changes."""
    return {
        "site": "sbrt-nsclc:0571",
        "subject": "0571-002",
        "language": "zh_CN",
        "enrolled_on": "2026-03-02",
        "consent_version": "2.1",
        "consented_on": "2026-03-02",
        "identity_check": "id_card",
        "channel": "email",
        "address": "li.na@example.org",
    } | changes


def full_width(text: str) -> str:
    """As a Chinese keyboard writes digits and hyphens when it is left at full width."""
    return "".join(chr(ord(sign) + 0xFEE0) for sign in text)
