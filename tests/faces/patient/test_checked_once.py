"""Whatever stores answers makes the definition of their form once, and checks each of them once."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TypeAlias

import pytest
from anyio.from_thread import start_blocking_portal
from fastapi.testclient import TestClient
from httpx2 import Response

from app.domain.capture.outbox import item_tokens
from app.web import urls
from tests.browsers import Browser, OneHop
from tests.faces.acting import PRESSES
from tests.faces.callers import SiteFixture
from tests.faces.outbox_answers import CODES, SHOWN, outbox_records, send_outbox
from tests.faces.participant_browsers import ANSWERS, Phone, event
from tests.form_checks import FormChecks, counted_checks

Answers: TypeAlias = Counter[tuple[str, object]]
WHOLE: Answers = Counter({(code, 2): 1 for code in CODES})
FIRST: Answers = Counter({("q1", 2): 1})
JSON = {"accept": "application/json"}


def counted(client: TestClient, post: Callable[[], Response]) -> tuple[Response, FormChecks]:
    """One request in threads of its own."""
    assert isinstance(client, Browser)
    shared = client._transport
    with counted_checks() as checks, start_blocking_portal() as portal:
        client._transport = OneHop(client.app, lambda: portal)
        try:
            return post(), checks
        finally:
            client._transport = shared


def _send(phone: Phone, slot: str, **fields: str) -> Response:
    form = {**ANSWERS, "submission_id": "c1", "reviewed": "1", "at": SHOWN, **fields}
    return phone.client.post(f"/f/{slot}/submit", data=form, headers=JSON)


def _save_offline(phone: Phone, slot: str) -> Response:
    tokens = item_tokens(30, phone.person.installation.secret_box.keyed_digest("outbox", slot))
    names = ("seq", "base", "item", "value", "at", "sum", "offline")
    (stored,) = outbox_records(phone, slot, "q1")
    record = {
        **dict(zip(names, stored, strict=True)),
        "item": CODES[tokens.index(str(stored[2]))],
        "offline": True,
    }
    return phone.save(slot, record, client="box")


PATHS: Mapping[str, tuple[Callable[[Phone, str], Response], int, Answers]] = {
    "an answer": (lambda phone, slot: phone.save(slot, event(1, "q1", 2)), 204, FIRST),
    "an answer given offline": (_save_offline, 204, FIRST),
    "a form": (_send, 200, WHOLE),
    "a form with answers under way": (
        lambda phone, slot: _send(phone, slot, events=json.dumps([event(1, "q1", 2)])),
        200,
        WHOLE + FIRST,
    ),
    "other answers to a form that was sent": (
        lambda phone, slot: _send(phone, slot, q1="3", submission_id="c2"),
        409,
        WHOLE - FIRST + Counter({("q1", 3): 1}),
    ),
    "a page to review": (lambda phone, slot: phone.send(slot, reviewed=""), 303, WHOLE),
    "a page that lacks an answer": (
        lambda phone, slot: phone.send(slot, {**ANSWERS, "q1": ""}, reviewed=""),
        303,
        WHOLE - FIRST,
    ),
    "a page to save": (
        lambda phone, slot: phone.send(slot, {"q1": "2"}, action="save", reviewed=""),
        303,
        FIRST,
    ),
    "a phone's outbox": (
        lambda phone, slot: send_outbox(phone, slot, outbox_records(phone, slot, "q1")),
        200,
        FIRST,
    ),
    "a phone's outbox that was sent": (
        lambda phone, slot: send_outbox(phone, slot, outbox_records(phone, slot, *CODES), reviewed=SHOWN),
        200,
        WHOLE,
    ),
}


@pytest.mark.parametrize("path", PATHS)
def test_a_phone_s_answers_are_checked_once(phone: Phone, path: str) -> None:
    post, status, expected = PATHS[path]
    slot = phone.begin()
    if status == 409:
        assert _send(phone, slot).status_code == 200
    response, checks = counted(phone.client, lambda: post(phone, slot))
    assert (response.status_code, checks.definitions[slot]) == (status, 1), response.text
    assert checks.answers == expected


DESK: Mapping[str, Answers] = {
    urls.PAPER_ENTRY: WHOLE,
    urls.PAPER_DIFFERENCES: Counter(),
    urls.FORM_CORRECTION: Counter({("q6", 3): 1}),
    urls.CORRECTION: Counter(),
}
"""What the act stores that was not checked before."""


@pytest.mark.parametrize("path", DESK)
def test_answers_at_the_desk_are_checked_once(here: SiteFixture, path: str) -> None:
    press = PRESSES["POST", path](here)
    key = press.key()
    response, checks = counted(press.client, lambda: press.post(key))
    assert (response.status_code, set(checks.definitions.values())) == (303, {1})
    assert checks.answers == DESK[path]
