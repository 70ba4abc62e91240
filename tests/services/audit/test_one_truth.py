"""The feed and the live state are the same, whatever people and the clock do, in any order.

Longer: `pytest --hypothesis-profile=long` and this file, 300 examples of up to 60 acts; on SQLite some five
minutes of CPU.
"""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlmodel import select

from app.domain.plans.plan import Owner
from app.domain.records.access import SYSTEM, Role
from app.domain.records.dispositions import DispositionKind
from app.services.core.context import ClockContext, StaffContext
from app.services.core.installation import Installation
from app.services.reminders.due_slots import process_due_slots
from app.services.schedule.amendment.amendments import begin_amendment, open_amendment
from app.services.schedule.dispositions import (
    DispositionEntry,
    record_disposition,
    undo_disposition,
)
from app.services.schedule.requested_visits import cancel_visit, request_visit
from app.storage.tables.participants import Participant
from app.storage.tables.studies import Site
from tests.scenarios.dataset_fold import check_numbers_of_the_feed
from tests.scenarios.feed_checks import check_snapshots_of_everybody
from tests.scenarios.interleaved_acts import InterleavedActs, make_machine
from tests.scenarios.people import START
from tests.scenarios.plan_versions import STUDY
from tests.scenarios.trail_entries import verify_trail


@pytest.mark.slow
@pytest.mark.req("EDC-02", "EDC-04", "REP-01", "REP-03", "REP-09")
def test_the_feed_is_the_live_state_whatever_anybody_does(installation: Installation, site: Site) -> None:
    profile = settings()
    own = settings(
        max_examples=profile.max_examples if profile.max_examples > 100 else 6,
        stateful_step_count=profile.stateful_step_count,
        suppress_health_check=list(HealthCheck),
    )
    everybody = make_machine(installation, site)
    run_state_machine_as_test(everybody, settings=own)
    check_snapshots_of_everybody(installation, site)
    late = StaffContext(everybody.installation, SYSTEM, START + timedelta(days=400))
    amend_as_participants_were(late)
    check_numbers_of_the_feed(late.installation, STUDY, late.at)
    assert verify_trail(installation) == []


def amend_as_participants_were(operator: StaffContext) -> None:
    """The study follows each version that somebody follows: they were moved one by one, and before it."""
    with operator.read() as session:
        followed = set(session.exec(select(Participant.plan_version)).all())
    for version in sorted(followed - {"1.0"}):
        begin_amendment(operator, open_amendment(operator, STUDY, version), "amendment")


def tick_and_compare(acts: InterleavedActs) -> None:
    process_due_slots(ClockContext(acts.installation, acts.now), acts.person.row().id)
    acts.ticked = True
    acts.feed_and_live_state_are_the_same()


def test_an_unpublished_begun_form_is_published_when_its_act_is_undone(
    installation: Installation, site: Site
) -> None:
    """It stays out of the plan, and once its window has closed it is missed, in the feed as well."""
    acts = make_machine(installation, site)()
    acts.now += timedelta(days=15)
    entry = DispositionEntry(
        DispositionKind.withdrew_treatment, acts.today().isoformat(), Owner.site, "told by telephone"
    )
    record_disposition(acts.staff(), *acts.about(), entry)
    acts.person.begin("ET", acts.now)
    undo_disposition(acts.staff(Role.INVESTIGATOR), *acts.about(), "a mistake")
    for days in (0, 30):
        acts.now += timedelta(days=days)
        tick_and_compare(acts)
    states = [event["data"]["slot"]["state"] for event in acts._events() if event["visit"] == "ET"]
    assert states == ["open", "missed"]


def test_a_visit_cancelled_after_a_death_is_published_as_out_of_plan(
    installation: Installation, site: Site
) -> None:
    """Its state stays the same: nobody expects it either way."""
    acts = make_machine(installation, site)()
    request_visit(acts.staff(), *acts.about(), "UNS", acts.today())
    tick_and_compare(acts)
    acts.now += timedelta(days=1)
    entry = DispositionEntry(DispositionKind.death, acts.today().isoformat(), Owner.site, "told by telephone")
    record_disposition(acts.staff(), *acts.about(), entry)
    cancel_visit(acts.staff(), *acts.about(), "UNS-1", "asked for by mistake")
    tick_and_compare(acts)
    states = [event["data"]["slot"] for event in acts._events() if event["visit"] == "UNS-1"]
    assert (states[-1]["state"], states[-1]["out_of_plan"]) == ("not_expected", True)
