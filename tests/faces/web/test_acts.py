"""Every act of a page happens once, on what the person saw.

All acts on SQLite. The key of each is claimed by the one statement of `app/storage/act_keys.py`, so that
PostgreSQL sees one act of each kind; what the acts themselves store is tried on both with the use cases.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import cast
from urllib.parse import urlencode

import pytest
from fastapi import FastAPI
from httpx2 import Response

from app.clinic.frame.addresses import LIST_FIELD, LISTS
from app.domain.records.acts import STORED_EPOCHS
from app.domain.records.audit import AuditEvent
from app.jobs.ticker import process_slots
from app.services.core.acts import purge_acts
from app.services.core.context import ClockContext
from app.storage.proof.event_tables import COVERS
from app.web import urls
from app.web.acts import ACTS, EXEMPT, ActRule, check_acts
from app.web.pages.rendering import TEMPLATES
from app.web.permissions import ROUTES, RouteMismatch
from tests.faces.acting import PRESSES as DESK_PRESSES
from tests.faces.acting_patient import PATIENT_PRESSES
from tests.faces.acting_people import PEOPLE_PRESSES
from tests.faces.callers import SiteFixture
from tests.faces.participant_browsers import event
from tests.faces.valid_acts import Press, all_rows

Row = tuple[str, str]
PRESSES = {**PATIENT_PRESSES, **DESK_PRESSES, **PEOPLE_PRESSES}
ROWS: list[Row] = sorted(ACTS)
SPOILT = [row for row in ROWS if ACTS[row].spoiled_by]
SHOWN_ONCE = {
    urls.ENROL,
    urls.CONTACT,
    urls.INVITATION,
    urls.DEVICES,
    urls.CLIENTS,
    urls.STAFF_INVITATION,
    urls.STAFF_RESET,
}
"""Acts whose first answer shows a secret, which a second press does not show again."""
ON_POSTGRESQL = {
    urls.CALL,
    urls.TEXT_SIZE,
    urls.BULK_REMINDERS,
    urls.BULK_ASSIGNMENTS,
    urls.ENROL,
    urls.VISITS,
    urls.EXEMPTION,
    urls.CORRECTION,
    urls.STAFF_GRANTS,
}
"""Of a participant, of several parts, of a new row, of dates, about one form, signed, of an administrator."""
ENDED = {urls.LEAVE}
"""After which nobody is signed in any more."""
IN_PARTS = {urls.BULK_REMINDERS, urls.BULK_ASSIGNMENTS}
"""Acts of several parts, each of which happens once, whatever else is ticked on the same page."""
KEYLESS_FORMS = {
    "clinic/code.html",
    "clinic/desk.html",
    "clinic/people/account.html",
    "clinic/people/join.html",
    "clinic/people/passkey.html",  # its challenge is its key
    "clinic/sign_in.html",
    "clinic/signed_out.html",  # carries the key of the page on which the act was pressed
    "patient/activate.html",
    "patient/address_code.html",
    "patient/check.html",
    "patient/form.html",
    "patient/home.html",  # puts a hint away, which the phone alone remembers
    "patient/locked.html",
    "patient/mark.html",
    "patient/new_pin.html",
    "patient/notice.html",
    "patient/people.html",
    "patient/practice.html",
    "patient/review.html",
    "ui/act_form.html",
    "ui/language_switch.html",
    "web/start.html",
}
"""Templates with a form that does not come from the macro, because its address is exempt."""


def each_of(rows: Iterable[Row]) -> pytest.MarkDecorator:
    """One test for each of these acts, on the databases where it is tried."""
    cases = [
        pytest.param(database, row, id=f"{database}-{row[1]}")
        for row in rows
        for database in ("sqlite", "postgresql")
        if database == "sqlite" or row[1] in ON_POSTGRESQL
    ]
    return pytest.mark.parametrize(("migrated_url", "row"), cases, indirect=["migrated_url"])


def test_every_route_that_writes_is_an_act_or_exempt(app: FastAPI) -> None:
    writing = {row for row in ROUTES if row[0] != "GET"}
    assert ACTS.keys() | EXEMPT.keys() == writing
    assert not ACTS.keys() & EXEMPT.keys()
    assert PRESSES.keys() == ACTS.keys()
    check_acts(app.routes)


def test_an_application_with_a_route_in_neither_table_does_not_start(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    for row in (*ROWS, *sorted(EXEMPT)):
        table = cast("dict[Row, object]", ACTS if row in ACTS else EXEMPT)
        said = re.escape(f"{row[0]} {row[1]}: must be an act or exempt")
        with monkeypatch.context() as without:
            without.delitem(table, row)
            with pytest.raises(RouteMismatch, match=said):
                check_acts(app.routes)


def test_a_row_without_a_route_is_named(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cast("dict[Row, ActRule]", ACTS), ("POST", "/nowhere"), ActRule("/"))
    with pytest.raises(RouteMismatch, match="/nowhere"):
        check_acts(app.routes)


def test_every_form_that_changes_something_comes_from_the_macro() -> None:
    without = {
        str(path.relative_to(TEMPLATES))
        for path in TEMPLATES.rglob("*.html")
        if re.search(r'<form[^>]* method="post"', path.read_text(encoding="utf-8"))
    }
    assert without == KEYLESS_FORMS


COURSE = frozenset({"anchor", "disposition", "visit_record", "slot"})
"""Tables of a participant's course and forms, on which the acts of their pages rest."""
SPOILS_NOTHING = frozenset(
    {
        AuditEvent.SLOT_OPENED,
        AuditEvent.SLOT_MISSED,
        AuditEvent.SLOT_PUBLISHED,
        AuditEvent.HELPER_CONFIRMED,
    }
)
"""What time alone brings, and who fills a form in: nothing that the desk decides rests on it."""


def test_whatever_changes_a_course_or_a_form_spoils_the_pages_about_it() -> None:
    """A new event that covers such a table is told apart here, or spoils."""
    changing = {event for event, tables in COVERS.items() if tables & COURSE} - SPOILS_NOTHING
    about_forms = ACTS["POST", urls.PARTICIPANT_FORM].spoiled_by
    assert changing - about_forms == set()
    beyond_one_form = {event for event in changing if COVERS[event] & (COURSE - {"slot"})}
    beyond_one_form |= {AuditEvent.PLAN_FOLLOWED, AuditEvent.SCHEDULE_MENDED, AuditEvent.ARM_RECORDED}
    assert beyond_one_form - ACTS["POST", urls.DATES].spoiled_by == set()


def refused(press: Press, key: str, body: dict[str, str] | None = None) -> str:
    """Press, and be told that nothing was done; the page that says so. The test reads that it is true."""
    answer = press.post(key, body)
    assert answer.status_code == 409, (answer.status_code, answer.text[:3000])
    return answer.text


@each_of(ROWS)
def test_an_act_happens_once(hospitals: SiteFixture, row: Row) -> None:
    press, list_url = PRESSES[row](hospitals), place_of(row)
    if list_url:
        press.body, press.other = (
            typed | {LIST_FIELD: f"{list_url}&x=1"} for typed in (press.body, press.other)
        )
    key, before = press.key(), all_rows(hospitals.installation)
    for wrong in ("", "f" * 16 + press.key()[16:]):  # none, and that of another person's page
        refused(press, wrong)
    assert all_rows(hospitals.installation) == before
    first = press.post(key)
    assert first.status_code == (200 if row[1] in SHOWN_ONCE else 303), first.text[:3000]
    done = all_rows(hospitals.installation)
    assert done != before
    again = press.post(key)
    if row[1] not in ENDED:
        check_result(row, first, again)
        if row[1] not in IN_PARTS:
            assert press.words in refused(press, key, press.other)
    assert all_rows(hospitals.installation) == done


def place_of(row: Row) -> str:
    """A place in the list to which this act leads back, with something for each choice of that list."""
    path = ACTS[row].result.partition("?")[0]
    if path not in LISTS or row[1] == urls.STAFF_LANGUAGE:  # which leads back to any page
        return ""
    return f"{path}?{urlencode(dict.fromkeys(LISTS[path], '7'))}"


def check_result(row: Row, first: Response, again: Response) -> None:
    """The second press leads where the first one led; one on a list back to what was shown of it."""
    assert again.status_code == 303
    if list_url := place_of(row):
        assert first.headers["location"] == f"{list_url}&{ACTS[row].result.partition('?')[2]}"
        assert again.headers["location"] == first.headers["location"]
        return
    assert again.headers["location"].partition("?")[2] == (
        ACTS[row].result.partition("?")[2] + ("&q=0571-077" if row[1] == urls.ENROL else "")
    )
    if row[1] not in SHOWN_ONCE:
        assert again.headers["location"] == first.headers["location"]


@each_of(SPOILT)
def test_an_act_on_what_changed_since_is_refused_with_what_is_true_now(
    hospitals: SiteFixture, row: Row
) -> None:
    press = PRESSES[row](hospitals)
    old = press.key()
    assert press.post(press.key()).status_code in (200, 303)
    done = all_rows(hospitals.installation)
    assert press.words in refused(press, old, press.other)
    assert all_rows(hospitals.installation) == done


DESK_ACTS = [row for row in SPOILT if row[1].startswith(urls.PARTICIPANTS)]


@each_of(row for row in DESK_ACTS if row[1] != urls.PARTICIPANT_FORM)
def test_a_tick_alone_and_answers_of_other_forms_spoil_nothing(hospitals: SiteFixture, row: Row) -> None:
    hospitals.phone.person.randomise(hospitals.clock.at.date(), hospitals.clock.at)
    press = PRESSES[row](hospitals)
    key, before = press.key(), all_rows(hospitals.installation)
    process_slots(hospitals.installation, hospitals.clock)
    if row[1] != urls.EXEMPTION:
        hospitals.phone.save(hospitals.phone.begin(), event(1, "q1", 2))
    assert all_rows(hospitals.installation) != before
    assert press.post(key).status_code in (200, 303)


@pytest.mark.parametrize("row", [("POST", urls.REQUEST), ("POST", urls.VISITS), ("POST", urls.TEXT_SIZE)])
def test_a_page_whose_keys_are_purged_is_refused_with_what_was_typed(
    hospitals: SiteFixture, row: Row
) -> None:
    """Also for what was done from it: nothing says any more that it was."""
    press = PRESSES[row](hospitals)
    key = press.key()
    assert press.post(key).status_code == 303
    again = [press.post(key).status_code]
    for day in range(STORED_EPOCHS + 1):
        purge_acts(ClockContext(hospitals.installation, hospitals.clock.at + timedelta(days=day)))
    assert again == [303]
    done = all_rows(hospitals.installation)
    assert press.words in refused(press, key, press.other)
    refused(press, key)
    assert all_rows(hospitals.installation) == done


def test_two_acts_of_one_page_are_two_acts(hospitals: SiteFixture) -> None:
    """Back in the browser, another form of the same page is pressed."""
    looking = PRESSES["POST", urls.CONTACT](hospitals)
    inviting = replace(looking, address=hospitals.address(urls.INVITATION, hospitals.phone.person))
    key = looking.key()
    assert inviting.post(key).status_code == 200
    assert looking.post(key).status_code == 200
