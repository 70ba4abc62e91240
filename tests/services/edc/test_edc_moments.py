"""The moments that an EDC states: ahead of our clock, equal, stale; a death that none of them holds up."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from app.domain.plans.plan import Owner
from app.domain.records.access import Role, Scope
from app.domain.records.audit import AuditEvent
from app.domain.records.dispositions import DispositionKind, parse_stated_date
from app.domain.refusal import Refused
from app.services.clinic.participant_overview import get_participant_overview
from app.services.core.context import EdcClientSession, StaffContext
from app.services.core.installation import Installation
from app.services.core.plans import get_plan
from app.services.edc.entity_tags import Preconditions
from app.services.edc.lookups import describe_part
from app.services.edc.participants import StatusBody, StatusWord, WithdrawalScope, receive_status
from app.services.edc.records import StoreEffect, to_milliseconds
from app.services.edc.representations import Stated, represent_part
from app.services.edc.requests import EdcRequest
from app.services.edc.schedule import AnchorBody, receive_anchor, receive_arm
from app.storage.tables.schedule import Anchor
from app.storage.tables.studies import Site
from tests.scenarios.edc_session import request_about
from tests.scenarios.people import START, Person, days, enrol_person, staff_member, with_short_diary
from tests.scenarios.trail_entries import entries_of, verify_trail

LOST = StatusBody(StatusWord.lost, "2026-03-02")
DIED = StatusBody(StatusWord.died, "2026-03-02")
MINUTES = 5
NUMBERS = itertools.count(100)


def stating(installation: Installation, caller: EdcClientSession, as_of: datetime) -> EdcRequest:
    """A request at the start about the person, true from a moment."""
    return replace(request_about(installation, caller, "0571-001"), as_of=as_of)


@pytest.mark.usefixtures("person")
def test_five_minutes_ahead_and_no_more(installation: Installation, caller: EdcClientSession) -> None:
    limit = START + timedelta(minutes=MINUTES)
    with pytest.raises(Refused, match="date_in_future"):
        receive_arm(stating(installation, caller, limit + timedelta(milliseconds=1)), "SOC")
    assert receive_arm(stating(installation, caller, limit), "SOC").effect is StoreEffect.created


@pytest.fixture
def newcomer(
    installation: Installation, caller: EdcClientSession, site: Site
) -> Callable[[], tuple[Person, EdcRequest]]:
    """Makes somebody new, and a request of the EDC about them."""

    short = with_short_diary(installation)

    def enrol() -> tuple[Person, EdcRequest]:
        person = enrol_person(short, site, f"0571-{next(NUMBERS)}")
        return person, request_about(short, caller, person.subject)

    return enrol


TREATMENT = StatusBody(StatusWord.withdrawn, "2026-03-02", WithdrawalScope.treatment)


@pytest.mark.req("EDC-09")
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    hours=st.floats(-50_000, 50_000).map(lambda hours: round(hours, 2)),
    conditions=st.sampled_from([Preconditions(), Preconditions('"old"'), Preconditions(None, "*")]),
    before=st.sampled_from([None, LOST, TREATMENT]),
)
def test_no_clock_and_no_version_holds_up_a_death(
    newcomer: Callable[[], tuple[Person, EdcRequest]],
    hours: float,
    conditions: Preconditions,
    before: StatusBody | None,
) -> None:
    person, about = newcomer()
    if before is not None:
        receive_status(about, before)
    moment = to_milliseconds(START + timedelta(hours=hours))
    request = replace(about, as_of=moment, preconditions=conditions)
    stored = receive_status(request, DIED)
    assert stored.acts
    assert person.row().exit_kind == "death"
    ahead = moment > START + timedelta(minutes=MINUTES)
    assert stored.claimed_as_of == (moment if ahead else None)
    assert stored.as_of == (START if ahead else max(moment, START) if before else moment)
    again = receive_status(
        replace(request, context=replace(about.context, at=START + timedelta(seconds=1))), DIED
    )
    assert (again.effect, again.version) == (StoreEffect.none, stored.version)


def test_a_claimed_moment_is_shown_until_a_true_one_comes(
    installation: Installation, caller: EdcClientSession, person: Person
) -> None:
    ahead = START + days(400)
    receive_status(stating(installation, caller, ahead), DIED)
    shown = describe_part(
        request_about(installation, caller, person.subject).context, person.subject, "status"
    )
    assert (shown["as_of"], shown["claimed_as_of"]) == (
        "2026-03-02T01:30:00.000Z",
        "2027-04-06T01:30:00.000Z",
    )
    newer = request_about(installation, caller, person.subject, hours=1)
    assert receive_status(newer, DIED).effect is StoreEffect.newer
    shown = describe_part(newer.context, person.subject, "status")
    assert (shown["as_of"], shown["claimed_as_of"]) == ("2026-03-02T02:30:00.000Z", None)


def test_a_death_may_be_tomorrow_where_the_edc_is(
    installation: Installation, caller: EdcClientSession, person: Person
) -> None:
    late = StatusBody(StatusWord.died, "2026-03-04")
    with pytest.raises(Refused, match="date_in_future"):
        receive_status(stating(installation, caller, START), late)
    receive_status(stating(installation, caller, START), replace(late, stated="2026-03-03"))
    assert person.row().exit_kind == "death"


@pytest.mark.req("EDC-09", "AUD-01")
def test_another_body_for_the_same_moment_is_listed_once_and_changes_nothing(
    installation: Installation, caller: EdcClientSession, person: Person, site: Site
) -> None:
    request = stating(installation, caller, START)
    receive_arm(request, "SBRT")
    receive_status(request, LOST)
    other = replace(LOST, reason="MOVED")
    for _again in range(2):
        with pytest.raises(Refused, match="contradicting_body"):
            receive_arm(request, "SOC")
        with pytest.raises(Refused, match="contradicting_body"):
            receive_status(request, other)
    assert person.row().arm == "SBRT"
    assert len(entries_of(installation, AuditEvent.BODY_CONTRADICTED)) == 2
    nurse = StaffContext(installation, staff_member(Role.NURSE, site), START)
    view = get_participant_overview(nurse, person.row().id)
    assert [(each.part, each.as_of) for each in view.contradictions] == [("arm", START), ("status", START)]
    assert verify_trail(installation) == []


def test_an_anchor_has_the_source_that_said_it(
    installation: Installation, caller: EdcClientSession, person: Person
) -> None:
    withdrawn = StatusBody(StatusWord.withdrawn, "2026-03-02", WithdrawalScope.treatment)
    receive_status(stating(installation, caller, START), withdrawn)
    with installation.read() as session:
        rows = select(Anchor).where(Anchor.kind == "treatment_withdrawal")
        (row,) = session.exec(rows.where(Anchor.participant_id == person.row().id))
    assert (row.source, row.recorded_by) == (Owner.edc.value, caller.client_id)


def test_a_date_that_would_tell_the_arm_takes_its_scope(
    installation: Installation, caller: EdcClientSession, person: Person
) -> None:
    blind = replace(caller, scopes=frozenset({Scope.ANCHORS_WRITE.value}))
    with installation.read() as session:
        plan = get_plan(installation, session, person.site.study_id)
        stated = Stated(session, blind, replace(plan, blinded=True), person.row())
        with pytest.raises(Refused, match="insufficient_scope"):
            represent_part(stated, "anchors/sbrt_start")
        assert represent_part(stated, "anchors/randomisation")["date"] is None
        with pytest.raises(Refused, match="no_anchor"):
            represent_part(stated, "anchors/full_moon")


@pytest.mark.usefixtures("person")
def test_a_moment_of_an_older_record_is_compared_as_it_was_served(
    installation: Installation, caller: EdcClientSession
) -> None:
    """Records from before hold microseconds, of which milliseconds are served."""
    fine = START + timedelta(microseconds=1500)
    receive_arm(stating(installation, caller, fine), "SOC")
    served = START + timedelta(milliseconds=1)
    assert receive_arm(stating(installation, caller, served), "SOC").effect is StoreEffect.none
    receive_anchor(*_randomised(installation, caller, fine, 2))
    with pytest.raises(Refused, match="contradicting_body"):
        receive_anchor(*_randomised(installation, caller, served, 1))


def _randomised(
    installation: Installation, caller: EdcClientSession, as_of: datetime, hour: int
) -> tuple[EdcRequest, AnchorBody]:
    body = AnchorBody("randomisation", START.date(), datetime(2026, 3, 2, hour - 1, tzinfo=UTC), True)
    return stating(installation, caller, as_of), body


@given(st.dates(date(1990, 1, 1), date(2199, 12, 1)), st.dates(date(1990, 1, 1), date(2199, 12, 31)))
def test_a_month_counts_from_its_last_day_or_the_day_of_report(month: date, reported_on: date) -> None:
    stated = parse_stated_date(DispositionKind.death, f"{month:%Y-%m}")
    assert stated.first == month.replace(day=1)
    assert (stated.last + timedelta(days=1)).day == 1
    assert stated.first <= stated.last < stated.first + timedelta(days=31)
    assert stated.effective_on(reported_on) == min(stated.last, reported_on)
    day = parse_stated_date(DispositionKind.lost, month.isoformat())
    assert day.first == day.last == month


@pytest.mark.parametrize("stated", ["2026-02-30", "2026-13", "0000-01", "2026", "26-01-01", "2026-03-5", ""])
def test_a_date_that_is_none_is_refused(stated: str) -> None:
    with pytest.raises(Refused, match="bad_date"):
        parse_stated_date(DispositionKind.death, stated)


def test_only_a_death_is_known_to_the_month() -> None:
    with pytest.raises(Refused, match="bad_date"):
        parse_stated_date(DispositionKind.lost, "2026-03")
