"""Every form of the desk, with values that are refused: whatever was typed stands in the answer again."""

from collections.abc import Mapping

import pytest

from app.web import urls
from app.web.acts import ACTS, FIELD, SIGNING
from tests.applications import open_browser
from tests.faces.acting import PRESSES
from tests.faces.acting_people import PEOPLE_PRESSES
from tests.faces.callers import SiteFixture
from tests.faces.valid_acts import Press, all_rows
from tests.markup import Element, parse_page

Row = tuple[str, str]
FORMS: Mapping[Row, object] = {**PRESSES, **PEOPLE_PRESSES}
OF_DESK = sorted(row for row in ACTS if row[1].startswith(urls.DESK) and row[1] != urls.STAFF_LANGUAGE)
UNTYPED = {
    urls.ALERT_ACKNOWLEDGEMENT,
    urls.ASSIGNMENT,
    urls.BULK_ASSIGNMENTS,
    urls.BULK_REMINDERS,
    urls.CONTACT,
    urls.EXEMPTION,
    urls.INVITATION,
    urls.RESUME,
    urls.STAFF_PAUSE_END,
    urls.STAFF_REMINDER,
}
"""Acts of which nothing is typed: a button, or choices alone."""
IMPOSSIBLE = {"_year": "二〇二六", "_month": "31", "_day": " ２x"}
"""What stands in the boxes of a day that is none."""
SIGN = "\x0b"
"""What no text can hold."""
DAY = "DAY"
"""Stands for a day that is none, in its three boxes."""
_WHY = {"reason": ""}
_WRONG_CONTACT = {"outcome": "shouted", "note": SIGN, "next_try": DAY}
_SITE = {"name": "", "phone": "x", "hours": "x" * 50}
_ROLE = {"role": "", "site": "nowhere", "ends_on": DAY, "reason": ""}
WRONG: Mapping[str, Mapping[str, str]] = {
    urls.REQUEST: {"outcome": SIGN},
    urls.CONTACT_LOG: _WRONG_CONTACT,
    urls.CONTACT_ENTRY: _WRONG_CONTACT | _WHY,
    urls.SNOOZE: {"reason": "", "until": DAY},
    urls.ASSIGNMENT: {"assignee": ""},
    urls.ENROL: {
        "site": "nowhere",
        "subject": "Li",
        "language": "xx",
        "enrolled_on": DAY,
        "consent_version": "",
        "consented_on": DAY,
        "identity_check": "",
        "channel": "pigeon",
        "address": "x",
    },
    urls.NEW_CONTACT: {"channel": "pigeon", "address": "x", "reason": ""},
    urls.REMOVED_CONTACT: _WHY,
    urls.NEW_TELEPHONE: {"telephone": "one-two", "reason": ""},
    urls.STAFF_PAUSE: {"until": DAY, "reason": ""},
    urls.PARTICIPANT_DEVICE: _WHY,
    urls.BIRTH_DATE: {"birth": DAY, "reason": ""},
    urls.VISITS: {"visit": "NEVER", "on": DAY},
    urls.CANCELLED_VISIT: {"visit": "NEVER", "reason": ""},
    urls.DATES: {"kind": "never", "on": DAY, "reason": SIGN},
    urls.DISPOSITION: {"stated": DAY, "reason": ""},
    urls.UNDO_DISPOSITION: _WHY,
    urls.PARTICIPANT_FORM: {"reason": "", "note": SIGN},
    urls.DIARY_GAPS: {"reason": "", "note": SIGN},
    urls.EXEMPTION: {"exemption": "tired"},
    urls.FORM_CORRECTION: {"new_q6": "", "reason_q6": "", "words": "", "told_on": DAY, "evidence": ""},
    urls.CORRECTION: {"outcome": "", "note": SIGN, "password": "", "one_time_code": ""},
    urls.ALERT_ACTIONS: {"kind": "", "note": SIGN},
    urls.ALERT_CLOSING: {"note": SIGN},
    urls.EXPORTS: {"name": "!", "purpose": ""},
    urls.EXPORT_REQUESTS: {"cut": "never", "dataset": "all too", "format": "clay", "purpose": ""},
    urls.EXPORT_CHECKS: {"cut": "never", "purpose": ""},
    urls.MATTER: {"decision": "", "reason": ""},
    urls.LICENCE: {"decision": "", "reason": ""},
    urls.PAPER_ENTRY: {
        "collected_on": DAY,
        "paper": "",
        "reason": "",
        "helped_by": "nobody",
        "note": SIGN,
        "a_q1": "",
        "a_q2": "9",
    },
    urls.PAPER_DIFFERENCES: {"c_q1": "", "reason": ""},
    urls.STAFF_INVITATION: {
        "name": "",
        "email": "x",
        "language": "xx",
        "role_nurse": "",
        "ends_on": DAY,
        "reason": "",
    },
    urls.STAFF_EXISTING: {"email": "nobody@example.org"} | _ROLE,
    urls.STAFF_GRANTS: _ROLE,
    urls.STAFF_GRANT: _WHY,
    urls.STAFF_RESET: _WHY,
    urls.STAFF_DISABLING: _WHY,
    urls.STAFF_ENABLING: _WHY,
    urls.STAFF_SESSION: _WHY,
    urls.ACCESS_REVIEW: {"notes": ""},
    urls.CLIENTS: {"name": "", "scope_visits:write": "", "site": "nowhere"},
    urls.CLIENT_END: _WHY,
    urls.SITES: _SITE | {"code": "!", "zone": "Mars"},
    urls.SITE: _SITE | {"emergency_phone": "x", "hours_mon": "late", "hours_tue": "later", "reason": ""},
    urls.SITE_CLOSING: _WHY,
    urls.SITE_REOPENING: _WHY,
}
"""Of each act every field by which it can be refused, wrong; an act that is not here asks nothing."""


def fields_of(form: Element) -> dict[str, str]:
    """What stands in the boxes of a form into which people type."""
    boxes = [each for each in form.all("input") if each.get("type") in (None, "text", "email", "tel")]
    typed = {str(each["name"]): str(each.get("value") or "") for each in boxes}
    words = {str(each["name"]): "".join(map(str, each.children)) for each in form.all("textarea")}
    return {name: value for name, value in {**typed, **words}.items() if name not in SIGNING}


def shown(answer_text: str, press: Press) -> dict[str, str]:
    """What stands in the boxes of the act's form on this page."""
    forms = [each for each in parse_page(answer_text).all("form") if each["action"] == press.address]
    return fields_of(forms[-1]) if forms else {}


def spoiled(names: Mapping[str, str], sign: str) -> dict[str, str]:
    """Something else in every box: words with marks of HTML, and no day that there is."""

    def typed(name: str) -> str:
        part = name[name.rfind("_") :]
        return IMPOSSIBLE.get(part) or f'坏 <b>"{name}"</b> & more{sign}'

    return {name: typed(name) for name in names}


def expected(typed: Mapping[str, str]) -> dict[str, str]:
    return {name: value.replace(SIGN, "") for name, value in typed.items()}


@pytest.mark.parametrize("row", OF_DESK, ids=lambda row: row[1])
def test_whatever_was_typed_stands_in_the_form_that_is_refused(here: SiteFixture, row: Row) -> None:
    """Also a day that is none, a text that is too long, and what was sent after the session had ended."""
    press: Press = FORMS[row](here)  # type: ignore[operator]  # each makes a press of the fixture
    body = press.body | (
        {"step": "", "reason": SIGN} if press.body.get("step") and row[1] not in UNTYPED else {}
    )
    check_every_fault(press, row[1])
    names = shown(press.post("" if body == press.body else press.key(), body).text, press)
    assert (not names) is (row[1] in UNTYPED), names
    if not names:
        return
    before = all_rows(here.installation)
    days = any(name.endswith(tuple(IMPOSSIBLE)) for name in names)
    tries = [spoiled(names, SIGN), *([spoiled(names, "")] if days else [])]
    words = [name for name in names if not name.endswith(tuple(IMPOSSIBLE))]
    if words and row[1] not in (
        urls.ENROL,
        urls.BIRTH_DATE,
    ):  # whose texts are limited by what their boxes take
        tries.append(spoiled(names, "") | {words[0]: "言" * 401})
    if row[1].startswith(urls.PARTICIPANT):  # its words would stand in the trail
        named = [name for name in ("reason", "note") if name in words]
        tries += [spoiled(names, "") | {name: "call 0571 8700 0000"} for name in named]
    for typed in tries:
        refused = press.post(press.key(), {**body, **typed})
        assert refused.status_code in (403, 404, 409, 422), refused.text[:2000]
        if refused.status_code != 404:
            assert {k: v.strip() for k, v in shown(refused.text, press).items()} == {
                k: v.strip() for k, v in expected(typed).items()
            }
    check_signed_out(here, press, {**body, **tries[0]})
    assert all_rows(here.installation) == before


def check_every_fault(press: Press, path: str) -> None:
    """One press names every field that is wrong: marked, described by its words, and listed with a link."""
    if path not in WRONG:
        assert path in UNTYPED
        return
    wrong = {
        f"{name}{part}": each
        for name, typed in WRONG[path].items()
        for part, each in (IMPOSSIBLE if typed == DAY else {"": typed}).items()
    }
    before = all_rows(press.sites.installation)
    anew = {"step": ""} if "step" in press.body else {}
    refused = press.post(press.key(), {**press.body, **anew, **wrong})
    page = parse_page(refused.text)
    assert refused.status_code in (403, 404, 409, 422), refused.text[:2000]
    form = [each for each in page.all("form") if each["action"] == press.address][-1]
    faults, ids = marked(form, page), {each.get("id") for each in page.walk()}
    missing = {name for name in WRONG[path] if not faults.keys() & {name, f"{name}_year"}}
    assert not missing, (missing, faults)
    listed = {each.text: each["href"] for each in page.one("div", role="alert").all("a")}
    assert set(faults.values()) == set(listed)
    assert all(href[1:] in ids for href in listed.values()), listed
    assert all_rows(press.sites.installation) == before


def marked(form: Element, page: Element) -> dict[str, str]:
    """What each control that is marked as wrong is described by, by its name: of choices by that of each."""
    words = {each["id"]: each.text for each in page.walk() if (each.get("id") or "").endswith("-error")}
    errors: dict[str, str] = {}

    def describe(element: Element, around: str) -> None:
        described = element.get("aria-describedby") or ""
        about = next((words[each] for each in described.split() if each in words), around)
        names = [element.get("name"), *(each.get("name") for each in element.all("input"))]
        if element.get("aria-invalid") == "true":
            errors.update({name: about for name in names if name and about})
        for each in element.children:
            if isinstance(each, Element):
                describe(each, about if element.tag == "fieldset" else around)

    describe(form, "")
    return errors


def check_signed_out(here: SiteFixture, press: Press, typed: Mapping[str, str]) -> None:
    """The session has ended: the page carries all of it, and sends it again once somebody is signed in."""
    body = {**typed, FIELD: press.key()}
    stranger = open_browser(here.app, **{"Accept-Language": "en"})
    response = stranger.post(press.address, data=body)
    assert (response.status_code, "You were signed out" in response.text) == (401, True)
    form = parse_page(response.text).one("form", action=press.address)
    carried = {str(each["name"]): str(each["value"]) for each in form.all("input", type="hidden")}
    assert carried == {name: value for name, value in body.items() if name not in SIGNING}
    again = press.client.post(press.address, data=carried)
    assert shown(again.text, press).keys() <= typed.keys() | set(SIGNING)


def test_a_tablet_in_a_participants_hands_learns_nothing_of_an_act_of_staff(here: SiteFixture) -> None:
    press = PRESSES["POST", urls.SNOOZE](here)
    phone = here.phone.client
    answer = phone.post(press.address, data={**press.body, FIELD: press.key()})
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, urls.SIGN_IN)
