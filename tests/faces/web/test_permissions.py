"""Every route with everybody who may come: let in as the table says, and turned away everywhere else."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import cast

import pytest
from httpx2 import Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.records.access import ROLE_PERMISSIONS, SYSTEM, Permission, Role, Scope
from app.services.core.context import StaffContext
from app.services.setup.studies import grant_role
from app.web import urls
from app.web.permissions import ROUTES, Access, CallerKind, edc_access, staff_access
from tests.faces.callers import ENDING, Caller, SiteFixture, caller_as
from tests.faces.rights import READERS, STAFF, Who, is_admitted, leaves_view
from tests.scenarios.people import START

NAMES = ("{participant}", "{subject}", "{assessment}")
SAFE = "GET"
CHECKED_ROUTES = sorted(
    ROUTES.items(),
    key=lambda row: ENDING.index(row[0][1]) + 1 if row[0][1] in ENDING and row[0][0] != SAFE else 0,
)
ANSWERING = (Who.participant, Who.locked)
NOT_OF_THE_TRIAL = {
    Permission.STAFF_MANAGE,
    Permission.SITE_MANAGE,
    Permission.CUT_MAKE,
    Permission.EXPORT_RUN,
}
"""What changes nothing of the trial: accounts and sites, names for its data at a moment, files of them."""

Let = Callable[[Who], Caller]
Seen = Mapping[Who, Caller]


@pytest.fixture
def let(here: SiteFixture) -> Let:
    return lambda who: caller_as(here, who)


def turned_away(answer: Response) -> bool:
    """Whether nothing was shown or done: refused, not there, or sent to sign in."""
    to_sign_in = answer.status_code == 303 and answer.headers["location"].partition("?")[0] == "/desk/sign-in"
    signed_out = "set-cookie" in answer.headers  # sent there too, but by their own wish
    return (to_sign_in and not signed_out) or answer.status_code in (401, 403, 404)


def described(method: str, path: str, answer: Response) -> str:
    return f"{method} {path}: {answer.status_code} {answer.headers.get('location', '')} {answer.text[:160]}"


@pytest.mark.req("IAM-02", "IAM-04", "IAM-08", "IAM-11", "AUD-14", "INV-06")
@pytest.mark.parametrize("who", list(Who))
def test_everybody_is_let_in_where_the_table_says(here: SiteFixture, let: Let, who: Who) -> None:
    """And of all of them, only the participant answers.

    Whoever is turned away has no key of the page either; to be refused for that alone would be 409.
    """
    if who not in ANSWERING:
        here.phone.begin()
    asking, wrong, before = let(who), [], here.answers()
    for (method, path), access in CHECKED_ROUTES:
        let_in, views = is_admitted(who, method, path, access), here.views()
        coming = replace(asking, keyless=not let_in)
        answer = coming.ask(method, path, here.address(path, here.phone.person))
        assert answer.status_code != 500, described(method, path, answer)
        if turned_away(answer) is let_in:
            wrong.append(described(method, path, answer))
        if who in STAFF and method == SAFE and answer.status_code == 200:
            seen = here.views() - views
            if seen != leaves_view(who, path):
                wrong.append(f"{seen} entries of views of {path}")
    assert wrong == []
    if who not in ANSWERING:
        assert here.answers() == before


@pytest.fixture
def seen(let: Let) -> Seen:
    return {who: let(who) for who in (Who.nurse, Who.participant, Who.edc)}


@pytest.mark.req("IAM-03")
@pytest.mark.parametrize("who", [Who.nurse, Who.investigator, Who.monitor, Who.data_manager, Who.edc])
def test_another_hospitals_people_are_not_there(here: SiteFixture, let: Let, who: Who) -> None:
    asking = let(who)
    about = [
        row
        for row in ROUTES
        if any(f"/{{{name}}}" in row[1] for name in ("participant", "subject", "assessment", "request"))
    ]
    served = [row for row in about if (ROUTES[row].caller is CallerKind.EDC) is (who is Who.edc)]
    answers = {
        row: asking.ask(*row, here.address(row[1], here.others.person)).status_code
        for row in served
        if row[0] == SAFE or who is not Who.edc
    }
    assert len(answers) >= 4
    assert set(answers.values()) == {404}


ROLES_AT_TWO_SITES = [
    (Who.investigator, Role.NURSE),
    (Who.statistician, Role.NURSE),
    (Who.monitor, Role.SPONSOR_VIEWER),
    (Who.nurse, Role.DATA_MANAGER),
]
"""Somebody's role at this site and at the other, where they lack what many lists ask."""


@pytest.mark.req("IAM-02", "IAM-03", "IAM-08")
def test_a_list_shows_no_site_at_which_its_permission_is_missing(here: SiteFixture, let: Let) -> None:
    """Whatever the person may do at the other site: every list, file and overview."""
    theirs = here.others.person
    system = StaffContext(here.installation, SYSTEM, START)
    lists = {
        path: access.permission
        for (method, path), access in ROUTES.items()
        if access.caller is CallerKind.STAFF and access.permission and method == SAFE and "{" not in path
    }
    shown, leaked = 0, []
    for who, role in ROLES_AT_TWO_SITES:
        asking = let(who)
        grant_role(system, here.staff[f"{who}@example.org"][0].staff_id, role, "sbrt-nsclc", theirs.site.code)
        for path, permission in lists.items():
            text = asking.ask(SAFE, path, f"{path}?code={theirs.subject}&table=ledger&figure=forms").text
            if permission in ROLE_PERMISSIONS[role]:
                shown += theirs.site.code in text
            elif theirs.site.code in text.replace(f"code={theirs.subject}", ""):
                leaked.append((who, role, path))
    assert leaked == []
    assert shown > 40
    unsent = let(Who.nurse).ask("POST", urls.BULK_REMINDERS, urls.BULK_REMINDERS)
    assert theirs.site.code in unsent.text  # the list of today again, which has both sites


@pytest.mark.req("IAM-03")
def test_a_participant_finds_nobody_elses_forms(here: SiteFixture, let: Let) -> None:
    theirs = here.places(here.others.person)["slot"]
    asking = let(Who.participant)
    about = [row for row in ROUTES if "/{slot}" in row[1] and row[1] != "/f/{slot}/{step}"]
    about = [row for row in about if ROUTES[row].caller is CallerKind.PARTICIPANT]
    before = here.answers()
    assert {asking.ask(*row, row[1].replace("{slot}", theirs)).status_code for row in about} == {404}
    assert here.answers() == before


@pytest.mark.req("IAM-03")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text("0123456789abcdefghijkmnpqrstuvwxyz", min_size=1, max_size=24))
def test_a_guessed_name_leads_nowhere(seen: Seen, name: str) -> None:
    for who, path in (
        (Who.nurse, f"/desk/participants/{name}"),
        (Who.participant, f"/f/{name}"),
        (Who.edc, f"/api/edc/v1/assessments/{name}"),
    ):
        assert seen[who].ask(SAFE, path, path).status_code in (404, 422)


@pytest.mark.req("IAM-04", "INV-06")
@pytest.mark.parametrize("who", READERS)
def test_those_who_only_read_change_nothing(here: SiteFixture, let: Let, who: Who) -> None:
    asking, before = let(who), here.trail()
    answers_before = here.answers()
    refused = [
        asking.ask(method, path, here.address(path, here.phone.person))
        for (method, path), access in CHECKED_ROUTES
        if method != SAFE
        and (access.permission or access.caller is CallerKind.PARTICIPANT)
        and access.permission not in NOT_OF_THE_TRIAL
    ]
    assert len(refused) == 63
    assert all(turned_away(answer) for answer in refused)
    assert (here.trail(), here.answers()) == (before, answers_before)


@pytest.mark.req("SEC-04")
@pytest.mark.parametrize("who", [Who.stranger, Who.nurse, Who.investigator, Who.participant])
def test_another_sites_page_changes_nothing(here: SiteFixture, let: Let, who: Who) -> None:
    asking, before = let(who), here.trail()
    unsafe = [row for row in ROUTES if row[0] != SAFE and not row[1].startswith("/api/")]
    for method, path in unsafe:
        address = here.address(path, here.phone.person)
        for header in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}):
            answer = asking.ask(method, path, address, **header)
            assert answer.status_code == 403, described(method, path, answer)
    assert here.trail() == before


@pytest.mark.req("SEC-04")
@pytest.mark.parametrize("who", [Who.stranger, Who.half, Who.investigator, Who.participant])
def test_looking_changes_nothing(here: SiteFixture, let: Let, who: Who) -> None:
    asking, before = let(who), here.trail()
    for method, path in ROUTES:
        if method == SAFE:
            asking.ask(method, path, here.address(path, here.phone.person))
    assert here.trail() == before


TABLE = cast("dict[tuple[str, str], Access]", ROUTES)
"""The table itself, to be changed for one test."""


@pytest.mark.req("IAM-02", "IAM-08")
def test_who_sees_a_participant_follows_the_table(
    here: SiteFixture, let: Let, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, address = (SAFE, urls.PARTICIPANT), here.address(urls.PARTICIPANT, here.phone.person)
    nurse, investigator = let(Who.nurse), let(Who.investigator)
    assert nurse.ask(*row, address).status_code == 200
    monkeypatch.setitem(TABLE, row, staff_access(Permission.DISPOSITION_UNDO))
    assert nurse.ask(*row, address).status_code == 403
    assert investigator.ask(*row, address).status_code == 200


@pytest.mark.req("IAM-02", "IAM-08")
def test_who_opens_a_list_follows_the_table(let: Let, monkeypatch: pytest.MonkeyPatch) -> None:
    row, monitor = (SAFE, urls.REQUESTS), let(Who.monitor)
    assert monitor.ask(*row, urls.REQUESTS).status_code == 403
    assert "/desk/requests" not in monitor.ask(SAFE, urls.PARTICIPANTS, urls.PARTICIPANTS).text
    monkeypatch.setitem(TABLE, row, staff_access(Permission.PARTICIPANT_SEE))
    assert monitor.ask(*row, urls.REQUESTS).status_code == 200
    assert "/desk/requests" in monitor.ask(SAFE, urls.PARTICIPANTS, urls.PARTICIPANTS).text


@pytest.mark.req("IAM-02", "IAM-08")
def test_the_scope_of_a_client_follows_the_table(let: Let, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"{urls.EDC}/whoami"
    client = let(Who.edc_without_scopes)
    assert client.ask(SAFE, path, path).status_code == 200
    monkeypatch.setitem(TABLE, (SAFE, path), edc_access(Scope.SCORES_READ))
    refused = client.ask(SAFE, path, path)
    assert (refused.status_code, refused.json()["scope"]) == (403, "scores:read")


@pytest.mark.req("IAM-02")
@pytest.mark.parametrize(
    ("who", "path"),
    [
        (Who.nurse, urls.PARTICIPANT),
        (Who.nurse, urls.DESK),
        (Who.half, urls.SIGN_IN_CODE),
        (Who.edc, f"{urls.EDC}/whoami"),
    ],
)
def test_a_route_that_loses_its_row_is_not_served(
    here: SiteFixture, let: Let, monkeypatch: pytest.MonkeyPatch, who: Who, path: str
) -> None:
    caller, address = let(who), here.address(path, here.phone.person)
    assert caller.ask(SAFE, path, address).status_code == 200
    monkeypatch.delitem(TABLE, (SAFE, path))
    assert caller.ask(SAFE, path, address).status_code == 404
