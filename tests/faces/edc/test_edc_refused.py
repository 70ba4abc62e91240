"""What the interface refuses of somebody known: the EDC is answered as ever, and the desk is shown it."""

import json
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import Response
from sqlmodel import col, select

from app.storage.tables.audit import AuditEntry
from app.storage.tables.edc import EdcRefusal
from tests.faces.edc_caller import AS_OF, BASE, REGISTER, Edc, count_trail, later_as_of

WHO = "/participants/0571-101"
NAME = "Zhang San"


def refusals(app: FastAPI) -> dict[str, tuple[str, dict[str, str]]]:
    """Each refused fact with why and what was stated of it."""
    with app.state.installation.read() as session:
        rows = session.exec(select(EdcRefusal).where(col(EdcRefusal.ended_at).is_(None)))
        return {row.part: (row.cause, json.loads(row.stated)) for row in rows}


def send_raw(edc: Edc, path: str, body: bytes) -> Response:
    headers = {"Authorization": f"Bearer {edc.token}", "Content-Type": "application/json"}
    return edc.http.put(f"{BASE}{path}", content=body, headers=headers)


@pytest.mark.req("EDC-09", "AUD-01")
def test_a_refused_body_is_answered_as_ever_and_kept_once(edc: Edc, app: FastAPI) -> None:
    edc.put(WHO, REGISTER)
    before = count_trail(app)
    occurred = {"state": "occurred", "as_of": AS_OF}
    calls: dict[str, dict[str, Any]] = {
        "/visits/W6": occurred | {"date": "1926-05-14"},
        "/visits/W99": occurred | {"date": "2026-03-02"},
        "/visits/W.6": occurred | {"date": "2026-03-02"},
        "/anchors/randomisation": {"date": "2026-02-30", "as_of": AS_OF, "patient": NAME},
        "/status": {"status": "died", "date": "2026-03", "reason": NAME, "as_of": "yesterday"},
        "/arm": {"arm": "GAMMA", "as_of": None},
        "": REGISTER | {"language": "fr", "as_of": later_as_of(hours=1)},
    }
    for path, body in calls.items():
        answers = [edc.put(f"{WHO}{path}", body) for _again in range(2)]
        assert answers[0].content == answers[1].content, path
        assert answers[0].status_code in (404, 422), path
    listed = refusals(app)
    assert listed == {
        "visits/W6": ("date_beyond", {"date": "1926-05-14", "state": "occurred"}),
        "visits/W99": ("no_visit", {"date": "2026-03-02", "state": "occurred"}),
        "visits": ("unreadable", {"date": "2026-03-02", "state": "occurred"}),
        "anchors/randomisation": ("unreadable", {"date": "2026-02-30"}),
        "status": ("unreadable", {"date": "2026-03", "status": "died"}),
        "arm": ("bad_field", {"arm": "GAMMA"}),
        "participant": ("no_language", {"language": "fr", "reference_date": "2026-03-02", "site": "0571"}),
    }
    assert count_trail(app) == before + len(listed)
    with app.state.installation.read() as session:
        assert not any(NAME in changes for changes in session.exec(select(AuditEntry.changes)))
    assert edc.put(f"{WHO}/visits/W6", occurred | {"date": "2026-03-02"}).status_code == 201
    assert "visits/W6" not in refusals(app)


@pytest.mark.parametrize(
    ("path", "body", "cause"),
    [
        ("/visits/W6", {"state": "occurred", "date": "2026-02-30"}, "bad_date"),
        ("/visits/W6", {"state": "occurred", "date": "2026-02"}, "bad_date"),
        ("/visits/W6", {"state": "occurred", "date": "20260302"}, "bad_date"),
        ("/visits/W6", {"state": "occurred", "date": 20260302}, "unreadable"),
        ("/visits/W6", {"state": "occurred", "date": "2200-01-01"}, "date_beyond"),
        ("/visits/W6", {"state": "came", "date": "2026-03-02"}, "unknown_word"),
        ("/visits/W6", {"date": "2026-03-02"}, "bad_field"),
        ("/visits/W6", {"state": "occurred", "date": "2026-03-02", "as_of": "today"}, "bad_as_of"),
        ("/visits/W6", {"state": "occurred", "date": "2026-03-02", "room": "4"}, "unknown_field"),
        ("/visits/W6", {"state": "came", "date": "1926-03-02"}, "unreadable"),
        ("", {"site": "0571", "language": "en", "reference_date": "1926-03-02"}, "date_beyond"),
        ("/anchors/randomisation", {"date": "2026-03-02", "at": "2026-03-02T09:00"}, "bad_instant"),
        ("/anchors/randomisation", {"date": "2026-03-02", "at": "1926-03-02T09:00:00Z"}, "date_beyond"),
        ("/status", {"status": "died", "date": "1826-03-02"}, "impossible_date"),
        ("/status", {"status": "died", "date": "1926-03-02"}, "before_enrolment"),
    ],
)
def test_the_cause_is_that_of_the_field_which_is_wrong(
    edc: Edc, app: FastAPI, path: str, body: dict[str, Any], cause: str
) -> None:
    edc.put(WHO, REGISTER)
    assert edc.put(f"{WHO}{path}", {"as_of": later_as_of(hours=1)} | body).status_code == 422
    assert [each for each, _stated in refusals(app).values()] == [cause]


def test_what_states_no_fact_of_somebody_known_is_not_kept(edc: Edc, app: FastAPI) -> None:
    edc.put(WHO, REGISTER)
    edc.put("/participants/0571-999", REGISTER | {"reference_date": "1926-05-14"})
    edc.put(f"{WHO}/anchors/randomisation", {"date": "1926-05-14", "as_of": AS_OF}, dry_run=True)
    half = {"date": "2026-03-02", "as_of": None}
    assert edc.put(f"{WHO}/anchors/randomisation", half, dry_run=True).status_code == 422
    edc.put(WHO, REGISTER | {"zone": "Mars"})
    edc.put(f"{WHO}/arm", {"arm": None, "as_of": AS_OF})
    assert edc.http.put(f"{BASE}{WHO}/arm", json={"arm": 7}).status_code == 401
    assert send_raw(edc, f"{WHO}/arm", b"{").status_code == 400
    assert refusals(app) == {}
    assert send_raw(edc, f"{WHO}/arm", b"[]").status_code == 422
    assert refusals(app) == {"arm": ("unreadable", {})}
