"""The demonstration shows every state of the vocabulary, and everything in it came the proper way."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from app.demo import calendar, demonstration
from app.demo.home_study import HOME_PEOPLE
from app.demo.sites import BOTH_STUDIES, HOME_STUDY, PLAN, SITES, STAFF, STUDY, ZONE
from app.demo.stories import PEOPLE
from app.domain.alerts.handling import AlertState, derive_alert_state
from app.domain.capture.corrections import CorrectionOutcome
from app.domain.capture.paper import PaperOutcome
from app.domain.desk.matters import MatterKind
from app.domain.plans.status import Status, died_in_window
from app.domain.records.access import SYSTEM, Actor, ActorKind, Grant, Role
from app.domain.records.anchors import AnchorStanding
from app.domain.records.audit import AuditEvent
from app.domain.records.dispositions import DispositionKind
from app.domain.records.participants import TeamRequestKind
from app.domain.records.studies import StudyMode
from app.domain.refusal import Refused
from app.services.accounts.activation import activate_device
from app.services.clinic.matters.matter_list import MatterFilter, get_open_matters
from app.services.core.context import ClockContext, StaffContext
from app.services.reminders.due_slots import find_due_work
from app.services.setup.studies import load_study
from app.storage.queries.slots import slot_facts, slot_status, window_of_slot
from app.storage.row_changes import study_chain
from app.storage.tables.capture import (
    Alert,
    AlertAction,
    AnswerEvent,
    Correction,
    CorrectionDecision,
    PaperEntry,
    Quarantine,
    Response,
)
from app.storage.tables.feed import FeedEvent, FeedHead
from app.storage.tables.messages import AlertMessage, Message
from app.storage.tables.participants import Participant, TeamRequest
from app.storage.tables.schedule import Anchor, Disposition, Slot
from app.storage.tables.staff import RoleGrant, Staff
from app.storage.tables.studies import Study
from tests import postgres
from tests.services.made_demonstration import Made, installed, made_by_program, made_now
from tests.services.people import library
from tests.services.stale_next_due import find_stale_next_due
from tests.services.trail_entries import verify_trail

NOON = datetime(2026, 11, 20, 4, 15, tzinfo=UTC)
AFTER_MIDNIGHT = datetime(2026, 11, 20, 16, 1, tzinfo=UTC)  # in Shanghai the next day has just begun


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def made(request: pytest.FixtureRequest) -> Iterator[Made]:
    """The whole demonstration on each database: by the program at this moment, and just after midnight."""
    if request.param == "sqlite":
        yield from made_by_program(request.getfixturevalue("program_demonstration"))
        return
    cluster: postgres.Cluster = request.getfixturevalue("postgres_cluster")
    name = cluster.create(request.getfixturevalue("postgres_template"))
    yield from made_now(cluster.url(name, postgres.APP), AFTER_MIDNIGHT)
    cluster.drop(name)


def test_every_state_is_to_be_seen(made: Made) -> None:
    states = {slot_status(slot, made.at) for slot in made.rows(Slot) if slot.series != "diary"}
    assert states == set(Status)


def test_each_person_shows_what_their_story_says(made: Made) -> None:
    told = {each.subject: each.state for each in made.told.participants}
    assert told == {
        "0571-001": Status.planned,
        "0571-002": Status.open,
        "0571-003": Status.due,
        "0571-004": Status.overdue,
        "0571-005": Status.in_progress,
        "0571-006": Status.submitted,
        "0571-007": Status.planned,
        "0571-008": Status.planned,
        "0571-009": Status.missed,
        "0571-010": Status.missed,
        "0512-001": Status.excused,
        "0512-002": Status.not_expected,
        "0512-003": Status.not_expected,
        "0512-004": Status.not_expected,
        "0512-005": Status.not_expected,
        "0512-006": Status.due,
        "0512-007": Status.not_expected,
        "0512-008": Status.due,
        "0755-001": Status.waiting,
        "0755-002": Status.due,
        "0755-003": Status.missed,
        "0755-004": Status.submitted,
        "0755-005": Status.in_progress,
        "0755-006": Status.due,
        "0755-007": Status.overdue,
        "0755-008": Status.missed,
        "SH-001": Status.submitted,
        "SH-002": Status.due,
        "SH-003": Status.overdue,
        "SH-004": Status.submitted,
    }


def test_the_second_study_is_of_another_shape_and_settles_a_paper_form(made: Made) -> None:
    second = next(study for study in made.rows(Study) if study.code == HOME_STUDY)
    plan = library().plan(HOME_STUDY, second.plan_version)
    assert (plan.draft, plan.diary, plan.monitoring, plan.double_paper_entry) == (True, None, "none", True)
    people = [each for each in made.rows(Participant) if each.study_id == second.id]
    assert {each.subject for each in people} == {story.subject for story in HOME_PEOPLE}
    assert {each.arm for each in people} == {None}
    assert {slot.instrument for slot in made.slots("SH-001").values()} == {"health-five"}
    entries = [(each.slot_id, each.outcome) for each in made.rows(PaperEntry) if each.study_id == second.id]
    assert entries == [(made.slots("SH-004")["H3"].id, PaperOutcome.first)]
    assert set(made.told.both) == BOTH_STUDIES
    assert not {each.email for each in STAFF if each.site == "0571"} & set(made.told.both)
    manager = next(row for row in made.rows(Staff) if row.email == "data@daybook.example")
    grants = (Grant(Role.DATA_MANAGER, second.id, None),)
    actor = Actor(ActorKind.STAFF, f"staff:{manager.id}", "data_manager", grants)
    matters = get_open_matters(StaffContext(made.installation, actor, made.at), MatterFilter())
    assert [matter.name.kind for matter in matters.rows] == [MatterKind.paper]


def test_every_way_out_is_taken_and_one_is_taken_back(made: Made) -> None:
    rows = made.rows(Disposition)
    undone = [row for row in rows if row.undoes_id is not None]
    assert {row.kind for row in rows} == set(DispositionKind)
    assert [row.reason for row in undone] == ["entered for the wrong participant"]
    before, inside = made.slots("0512-002")["W6"], made.slots("0512-003")["W6"]
    assert not died_in_window(window_of_slot(before), slot_facts(before))
    assert died_in_window(window_of_slot(inside), slot_facts(inside))
    assert "ET" in made.slots("0512-006")


def test_forms_came_in_time_late_in_grace_too_late_and_not_at_all(made: Made) -> None:
    by_slot = {slot.id: slot for slot in made.rows(Slot)}
    responses = {by_slot[each.slot_id].public_id: each for each in made.rows(Response)}
    assert responses[made.slots("0571-007")["W6"].public_id].out_of_window
    assert responses[made.slots("0571-008")["W6"].public_id].in_grace
    apart = {each.reason: each.slot_id for each in made.rows(Quarantine)}
    said = {"already_submitted": "0571-008", "arrived_too_late": "0755-008"}
    assert apart == {why: made.slots(who)["W6"].id for why, who in said.items()}
    reasons = {slot.missed_reason for slot in by_slot.values() if slot_status(slot, made.at) is Status.missed}
    assert reasons == {None, "too_ill_staff", "not_reachable"}
    drafts = {each.slot_id for each in made.rows(AnswerEvent)} - {
        each.slot_id for each in made.rows(Response)
    }
    assert {by_slot[slot].submitted_at for slot in drafts} == {None}
    assert made.slots("0571-009")["W6"].id in drafts


def test_answers_differ_as_those_of_people_do(made: Made) -> None:
    responses = made.rows(Response)
    assert {each.language for each in responses} == {"en", "zh_CN"}
    assert {each.helped_by for each in responses} >= {None, "family"}
    assert "forgot" in {each.late_reason for each in responses}
    assert any(None in each.answers.values() for each in responses)
    assert all(each.scores for each in responses if len(each.answers) == 30)
    assert {each.arm for each in made.rows(Participant)} == {"SBRT", "SOC", None}
    courses = [[score["value"] for score in each.scores] for each in responses if each.scores]
    assert len({str(course) for course in courses}) > len(courses) / 2


def test_two_dates_differ_and_an_unscheduled_form_was_asked_for(made: Made) -> None:
    differing = [row for row in made.rows(Anchor) if row.standing is AnchorStanding.DIFFERING]
    assert [(row.kind, row.source) for row in differing] == [("randomisation", "site")]
    assert slot_status(made.slots("0755-006")["UNS-1"], made.at) is Status.due


def test_the_nurse_finds_a_call_and_a_correction_asked_for(made: Made) -> None:
    assert {request.kind for request in made.rows(TeamRequest)} == set(TeamRequestKind)
    outcomes = [decision.outcome for decision in made.rows(CorrectionDecision)]
    assert sorted(outcomes) == sorted(CorrectionOutcome)
    assert len(made.rows(Correction)) == len(outcomes) + 2  # two wait, of which one nobody else can sign
    assert all(request.closed_at is None for request in made.rows(TeamRequest))


def test_an_alert_stands_in_every_state_and_only_stories_have_one(made: Made) -> None:
    acted = {action.alert_id for action in made.rows(AlertAction)}
    alerts = made.rows(Alert)
    states = [
        derive_alert_state(each.acknowledged_at, int(each.id in acted), each.closed_at) for each in alerts
    ]
    assert set(states) == set(AlertState)
    assert len(alerts) == sum(story.alerted is not None for story in PEOPLE)
    escalated = [each.acknowledged_at for each in alerts if each.escalated_at]
    assert escalated in ([None], [None, None])  # late in the day also the one of last evening
    assert {message.state for message in made.rows(AlertMessage)} == {"sent"}


def test_the_trail_holds_and_every_chain_is_in_order_of_time(made: Made) -> None:
    assert verify_trail(made.installation) == []
    for _, chain in itertools.groupby(made.trail, key=lambda entry: entry[0]):
        moments = [at for *_, at, _event in chain]
        assert moments == sorted(moments)
    later = {event for *_, at, event in made.trail if at > made.at}
    assert later <= {AuditEvent.ACTIVATION_ISSUED}  # the links that the program prints


def test_the_feed_has_no_gap_and_tells_a_form_as_opened_first(made: Made) -> None:
    assert len(made.rows(FeedHead)) == 2
    for head in made.rows(FeedHead):
        of_study = [event for event in made.rows(FeedEvent) if event.study_id == head.study_id]
        events = sorted(of_study, key=lambda event: event.seq)
        assert [event.seq for event in events] == list(range(1, head.seq + 1))
        assert [event.recorded_at for event in events] == sorted(event.recorded_at for event in events)
        types = [event.type for event in events]
        assert types.count("assessment.opened") >= types.count("assessment.completed") > 0


def test_nothing_is_owed_that_time_alone_brings(made: Made) -> None:
    owed = find_due_work(ClockContext(made.installation, made.at))
    assert not owed.slots
    assert not owed.seals
    assert list(find_stale_next_due(ClockContext(made.installation, made.at))) == []
    assert {message.state for message in made.rows(Message)} <= {"sent", "dropped"}
    assert "sent" in {message.state for message in made.rows(Message)}
    assert "participant.example" not in made.letters


def test_staff_of_each_role_can_be_told_how_to_sign_in(made: Made) -> None:
    staff = made.told.staff
    assert [(each.email, each.role, each.site) for each in staff] == [
        (each.email, each.role.value, each.site) for each in STAFF
    ]
    assert {row.role for row in made.rows(RoleGrant)} == {each.role for each in STAFF}
    assert {each.site for each in staff} == {None, *(site.code for site in SITES)}
    assert all(len(each.totp_secret) == 32 for each in staff)


def test_a_printed_link_binds_a_browser_and_is_renewed_only_then(made: Made) -> None:
    first = demonstration.list_sign_ins(made.installation, made.told.kept, made.at)
    again = demonstration.list_sign_ins(made.installation, first.kept, made.at + timedelta(days=1))
    assert again.kept == first.kept
    person = next(each for each in again.participants if each.subject == "0571-002")
    assert person.activation_url is not None
    secret = person.activation_url.removeprefix("http://demo.test/a/")
    activate_device(made.installation, secret, "246802", "246802", "laptop", "192.0.2.9", made.at)
    renewed = {
        each.subject: each
        for each in demonstration.list_sign_ins(made.installation, again.kept, made.at).participants
    }
    assert renewed["0571-002"].activation_url not in (None, person.activation_url)
    assert renewed["0571-003"].activation_url == next(
        each.activation_url for each in again.participants if each.subject == "0571-003"
    )
    assert renewed["0512-002"].activation_url is None


def test_a_link_that_ran_out_is_renewed(made: Made) -> None:
    first = made.told
    later = demonstration.list_sign_ins(made.installation, first.kept, made.at + timedelta(days=15))
    assert not set(first.kept.invitations.values()) & set(later.kept.invitations.values())


def test_the_printed_pin_opens_the_phone_of_before(made: Made) -> None:
    person = next(each for each in made.told.participants if each.subject == "0755-006")
    assert person.activation_url is not None
    assert person.pin is not None
    stored = made.participant("0755-006").pin_hash
    assert made.installation.secret_box.pins.matches(stored, person.pin)
    not_activated = [story.subject for story in PEOPLE if not story.activated]
    assert [made.participant(subject).pin_hash for subject in not_activated] == [None, None]


def test_a_client_whose_secret_nobody_kept_is_replaced(made: Made) -> None:
    anew = demonstration.list_sign_ins(made.installation, None, made.at).kept
    assert anew.client_id != made.kept.client_id
    assert anew.client_secret != made.kept.client_secret


def test_an_interrupted_demonstration_is_told_from_a_whole_one(migrated_url: str) -> None:
    installation = installed(migrated_url)
    load_study(StaffContext(installation, SYSTEM, NOON), STUDY, PLAN, StudyMode.DEMO)
    assert demonstration.demonstration_exists(installation)
    with pytest.raises(Refused, match="demonstration_incomplete"):
        demonstration.list_sign_ins(installation, None, NOON)
    installation.engine.dispose()


@pytest.mark.req("VAL-08")
def test_a_trials_database_is_never_taken_for_a_demonstration(migrated_url: str) -> None:
    installation = installed(migrated_url)
    with installation.work(SYSTEM, NOON) as work:
        work.session.add(
            Study(
                code="real",
                plan_version="1.0",
                plan_sha256="0" * 64,
                mode=StudyMode.LIVE,
                feed="f",
                loaded_at=NOON,
            )
        )
        work.record(AuditEvent.STUDY_LOADED, study_chain(1))
    with pytest.raises(Refused, match="mixed_modes"):
        demonstration.demonstration_exists(installation)
    installation.engine.dispose()


@pytest.mark.parametrize("minute", range(0, 24 * 60, 97))
def test_nothing_happens_after_now_at_whatever_time_it_is_made(minute: int) -> None:
    now = datetime(2027, 3, 28, tzinfo=UTC) + timedelta(minutes=minute)
    acts = calendar.list_acts(library(), now)
    assert [act.at for act in acts] == sorted(act.at for act in acts)
    assert acts[-1].at == now


def test_somebody_of_whom_nothing_is_expected_yet_is_planned_or_waits() -> None:
    slot = Slot(
        public_id="s",
        study_id=1,
        participant_id=1,
        site_id=1,
        visit="W6",
        series="follow_up",
        instrument="qlq-c30",
        instrument_version="3.0",
        plan_version="1.0",
        anchor="randomisation",
        arm_revealing=False,
        position=0,
        zone=ZONE,
    )
    assert demonstration.most_pressing_status([slot], NOON) is Status.waiting
    assert demonstration.most_pressing_status([], NOON) is Status.submitted
