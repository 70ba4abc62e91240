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
from app.domain.plans.status import Status, died_in_window
from app.domain.records.access import SYSTEM
from app.domain.records.anchors import AnchorStanding
from app.domain.records.audit import AuditEvent
from app.domain.records.dispositions import DispositionKind
from app.domain.records.participants import TeamRequestKind
from app.domain.records.studies import StudyMode
from app.domain.refusal import Refused
from app.services.accounts.activation import activate_device
from app.services.core.context import ClockContext, StaffContext
from app.services.reminders.due_slots import find_due_work
from app.services.setup.studies import load_study
from app.storage.queries.slots import slot_facts, slot_status, window_of_slot
from app.storage.row_changes import study_chain
from app.storage.tables.capture import (
    Alert,
    AlertAction,
    AnswerEvent,
    CorrectionDecision,
    PaperEntry,
    Quarantine,
    Response,
)
from app.storage.tables.edc import EdcRefusal
from app.storage.tables.feed import FeedEvent, FeedHead
from app.storage.tables.messages import AlertMessage, Message
from app.storage.tables.participants import Participant, TeamRequest
from app.storage.tables.schedule import Anchor, Disposition, Slot
from app.storage.tables.staff import RoleGrant
from app.storage.tables.studies import Study
from tests import postgres
from tests.scenarios.demonstration_facts import (
    SHOWN,
    DemonstrationRun,
    open_installation,
    open_program_run,
    run_demonstration,
)
from tests.scenarios.people import library
from tests.scenarios.stale_next_due import find_stale_next_due
from tests.scenarios.trail_entries import verify_trail

NOON = datetime(2026, 11, 20, 4, 15, tzinfo=UTC)
AFTER_MIDNIGHT = datetime(2026, 11, 20, 16, 1, tzinfo=UTC)  # in Shanghai the next day has just begun


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def demonstration_run(request: pytest.FixtureRequest) -> Iterator[DemonstrationRun]:
    """The whole demonstration on each database: by the program at this moment, and just after midnight."""
    if request.param == "sqlite":
        yield from open_program_run(request.getfixturevalue("program_demonstration"))
        return
    cluster: postgres.Cluster = request.getfixturevalue("postgres_cluster")
    name = cluster.create(request.getfixturevalue("postgres_template"))
    yield from run_demonstration(cluster.url(name, postgres.APP), AFTER_MIDNIGHT)
    cluster.drop(name)


def test_every_state_is_to_be_seen(demonstration_run: DemonstrationRun) -> None:
    states = {
        slot_status(slot, demonstration_run.at)
        for slot in demonstration_run.rows(Slot)
        if slot.series != "diary"
    }
    assert states == set(Status)


def test_each_person_shows_what_their_story_says(demonstration_run: DemonstrationRun) -> None:
    states = {each.subject: each.state for each in demonstration_run.list_sign_ins.participants}
    assert states == {
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
        "0571-011": Status.overdue,
        "0571-012": Status.missed,
        "0512-001": Status.excused,
        "0512-002": Status.not_expected,
        "0512-003": Status.not_expected,
        "0512-004": Status.not_expected,
        "0512-005": Status.not_expected,
        "0512-006": Status.due,
        "0512-007": Status.not_expected,
        "0512-008": Status.due,
        "0512-009": Status.overdue,
        "0512-010": Status.in_progress,
        "0512-011": Status.missed,
        "0512-012": Status.overdue,
        "0755-001": Status.waiting,
        "0755-002": Status.due,
        "0755-003": Status.missed,
        "0755-004": Status.submitted,
        "0755-005": Status.in_progress,
        "0755-006": Status.due,
        "0755-007": Status.overdue,
        "0755-008": Status.missed,
        "0755-009": Status.overdue,
        "SH-001": Status.submitted,
        "SH-002": Status.due,
        "SH-003": Status.overdue,
        "SH-004": Status.submitted,
    }


def test_the_second_study_is_of_another_shape_and_settles_a_paper_form(
    demonstration_run: DemonstrationRun,
) -> None:
    second = next(study for study in demonstration_run.rows(Study) if study.code == HOME_STUDY)
    plan = library().get_plan(HOME_STUDY, second.plan_version)
    assert (plan.draft, plan.diary, plan.monitoring, plan.double_paper_entry) == (True, None, "none", True)
    people = [each for each in demonstration_run.rows(Participant) if each.study_id == second.id]
    assert {each.subject for each in people} == {story.subject for story in HOME_PEOPLE}
    assert {each.arm for each in people} == {None}
    assert {slot.instrument for slot in demonstration_run.slots("SH-001").values()} == {"health-five"}
    entries = [
        (each.slot_id, each.outcome)
        for each in demonstration_run.rows(PaperEntry)
        if each.study_id == second.id
    ]
    assert entries == [(demonstration_run.slots("SH-004")["H3"].id, PaperOutcome.first)]
    assert set(demonstration_run.list_sign_ins.both) == BOTH_STUDIES
    assert not {each.email for each in STAFF if each.site == "0571"} & set(
        demonstration_run.list_sign_ins.both
    )


def test_each_page_shows_every_kind_of_what_it_is_for(demonstration_run: DemonstrationRun) -> None:
    lacking = {
        page: least - shown
        for page, (show, of, least) in SHOWN.items()
        if not least <= (shown := show(demonstration_run, *of))
    }
    assert lacking == {}
    assert [each.cause for each in demonstration_run.rows(EdcRefusal)] == ["date_in_future"]


def test_every_way_out_is_taken_and_one_is_taken_back(demonstration_run: DemonstrationRun) -> None:
    rows = demonstration_run.rows(Disposition)
    undone = [row for row in rows if row.undoes_id is not None]
    assert {row.kind for row in rows} == set(DispositionKind)
    assert [row.reason for row in undone] == ["entered for the wrong participant"]
    before, inside = demonstration_run.slots("0512-002")["W6"], demonstration_run.slots("0512-003")["W6"]
    assert not died_in_window(window_of_slot(before), slot_facts(before))
    assert died_in_window(window_of_slot(inside), slot_facts(inside))
    assert "ET" in demonstration_run.slots("0512-006")


def test_forms_came_in_time_late_in_grace_too_late_and_not_at_all(
    demonstration_run: DemonstrationRun,
) -> None:
    by_slot = {slot.id: slot for slot in demonstration_run.rows(Slot)}
    responses = {by_slot[each.slot_id].public_id: each for each in demonstration_run.rows(Response)}
    assert responses[demonstration_run.slots("0571-007")["W6"].public_id].out_of_window
    assert responses[demonstration_run.slots("0571-008")["W6"].public_id].in_grace
    apart = {each.reason: each.slot_id for each in demonstration_run.rows(Quarantine)}
    said = {"already_submitted": "0571-008", "arrived_too_late": "0755-008"}
    assert apart == {why: demonstration_run.slots(who)["W6"].id for why, who in said.items()}
    reasons = {
        slot.missed_reason
        for slot in by_slot.values()
        if slot_status(slot, demonstration_run.at) is Status.missed
    }
    assert reasons == {None, "too_ill_staff", "not_reachable"}
    drafts = {each.slot_id for each in demonstration_run.rows(AnswerEvent)} - {
        each.slot_id for each in demonstration_run.rows(Response)
    }
    assert {by_slot[slot].submitted_at for slot in drafts} == {None}
    assert demonstration_run.slots("0571-009")["W6"].id in drafts


def test_answers_differ_as_those_of_people_do(demonstration_run: DemonstrationRun) -> None:
    responses = demonstration_run.rows(Response)
    assert {each.language for each in responses} == {"en", "zh_CN"}
    assert {each.helped_by for each in responses} >= {None, "family"}
    assert "forgot" in {each.late_reason for each in responses}
    assert any(None in each.answers.values() for each in responses)
    assert all(each.scores for each in responses if len(each.answers) == 30)
    assert {each.arm for each in demonstration_run.rows(Participant)} == {"SBRT", "SOC", None}
    courses = [[score["value"] for score in each.scores] for each in responses if each.scores]
    assert len({str(course) for course in courses}) > len(courses) / 2


def test_demo_has_differing_dates_and_an_unscheduled_form(demonstration_run: DemonstrationRun) -> None:
    differing = [row for row in demonstration_run.rows(Anchor) if row.standing is AnchorStanding.DIFFERING]
    assert [(row.kind, row.source) for row in differing] == [("randomisation", "site")]
    assert slot_status(demonstration_run.slots("0755-006")["UNS-1"], demonstration_run.at) is Status.due


def test_demo_has_a_call_and_a_correction_request(demonstration_run: DemonstrationRun) -> None:
    assert {request.kind for request in demonstration_run.rows(TeamRequest)} == set(TeamRequestKind)
    outcomes = [decision.outcome for decision in demonstration_run.rows(CorrectionDecision)]
    assert set(outcomes) == set(CorrectionOutcome)
    assert all(request.closed_at is None for request in demonstration_run.rows(TeamRequest))


def test_an_alert_stands_in_every_state_and_only_stories_have_one(
    demonstration_run: DemonstrationRun,
) -> None:
    acted = {action.alert_id for action in demonstration_run.rows(AlertAction)}
    alerts = demonstration_run.rows(Alert)
    states = [
        derive_alert_state(each.acknowledged_at, int(each.id in acted), each.closed_at) for each in alerts
    ]
    assert set(states) == set(AlertState)
    assert len(alerts) == sum(story.alerted is not None for story in PEOPLE)
    escalated = [each.acknowledged_at for each in alerts if each.escalated_at]
    assert escalated in ([None], [None, None])  # late in the day also the one of last evening
    assert {message.state for message in demonstration_run.rows(AlertMessage)} == {"sent"}


def test_the_trail_holds_and_every_chain_is_in_order_of_time(demonstration_run: DemonstrationRun) -> None:
    assert verify_trail(demonstration_run.installation) == []
    for _, chain in itertools.groupby(demonstration_run.trail, key=lambda entry: entry[0]):
        moments = [at for *_, at, _event in chain]
        assert moments == sorted(moments)
    later = {event for *_, at, event in demonstration_run.trail if at > demonstration_run.at}
    assert later <= {AuditEvent.ACTIVATION_ISSUED}  # the links that the program prints


def test_the_feed_has_no_gap_and_tells_a_form_as_opened_first(demonstration_run: DemonstrationRun) -> None:
    assert len(demonstration_run.rows(FeedHead)) == 2
    for head in demonstration_run.rows(FeedHead):
        of_study = [event for event in demonstration_run.rows(FeedEvent) if event.study_id == head.study_id]
        events = sorted(of_study, key=lambda event: event.seq)
        assert [event.seq for event in events] == list(range(1, head.seq + 1))
        assert [event.recorded_at for event in events] == sorted(event.recorded_at for event in events)
        types = [event.type for event in events]
        assert types.count("assessment.opened") >= types.count("assessment.completed") > 0


def test_nothing_is_owed_that_time_alone_brings(demonstration_run: DemonstrationRun) -> None:
    owed = find_due_work(ClockContext(demonstration_run.installation, demonstration_run.at))
    assert not owed.slots
    assert not owed.seals
    assert list(find_stale_next_due(ClockContext(demonstration_run.installation, demonstration_run.at))) == []
    assert {message.state for message in demonstration_run.rows(Message)} <= {"sent", "dropped", "failed"}
    assert "sent" in {message.state for message in demonstration_run.rows(Message)}
    assert "participant.example" not in demonstration_run.letters


def test_demo_lists_the_sign_in_of_each_role(demonstration_run: DemonstrationRun) -> None:
    staff = demonstration_run.list_sign_ins.staff
    assert [(each.email, each.role, each.site) for each in staff] == [
        (each.email, each.role.value, each.site) for each in STAFF
    ]
    assert {row.role for row in demonstration_run.rows(RoleGrant)} == {each.role for each in STAFF}
    assert {each.site for each in staff} == {None, *(site.code for site in SITES)}
    assert all(len(each.totp_secret) == 32 for each in staff)


def test_a_printed_link_binds_a_browser_and_is_renewed_only_then(demonstration_run: DemonstrationRun) -> None:
    first = demonstration.list_sign_ins(
        demonstration_run.installation, demonstration_run.list_sign_ins.secrets, demonstration_run.at
    )
    again = demonstration.list_sign_ins(
        demonstration_run.installation, first.secrets, demonstration_run.at + timedelta(days=1)
    )
    assert again.secrets == first.secrets
    person = next(each for each in again.participants if each.subject == "0571-002")
    assert person.activation_url is not None
    secret = person.activation_url.removeprefix("http://demo.test/a/")
    activate_device(
        demonstration_run.installation,
        secret,
        "246802",
        "246802",
        "laptop",
        "192.0.2.9",
        demonstration_run.at,
    )
    renewed = {
        each.subject: each
        for each in demonstration.list_sign_ins(
            demonstration_run.installation, again.secrets, demonstration_run.at
        ).participants
    }
    assert renewed["0571-002"].activation_url not in (None, person.activation_url)
    assert renewed["0571-003"].activation_url == next(
        each.activation_url for each in again.participants if each.subject == "0571-003"
    )
    assert renewed["0512-002"].activation_url is None


def test_a_link_that_ran_out_is_renewed(demonstration_run: DemonstrationRun) -> None:
    first = demonstration_run.list_sign_ins
    later = demonstration.list_sign_ins(
        demonstration_run.installation, first.secrets, demonstration_run.at + timedelta(days=15)
    )
    assert not set(first.secrets.invitations.values()) & set(later.secrets.invitations.values())


def test_the_printed_pin_opens_the_phone_of_before(demonstration_run: DemonstrationRun) -> None:
    person = next(each for each in demonstration_run.list_sign_ins.participants if each.subject == "0755-006")
    assert person.activation_url is not None
    assert person.pin is not None
    stored = demonstration_run.participant("0755-006").pin_hash
    assert demonstration_run.installation.secret_box.pins.matches(stored, person.pin)
    not_activated = [story.subject for story in PEOPLE if not story.activated]
    assert {demonstration_run.participant(subject).pin_hash for subject in not_activated} == {None}


def test_a_client_with_a_lost_secret_is_replaced(demonstration_run: DemonstrationRun) -> None:
    anew = demonstration.list_sign_ins(demonstration_run.installation, None, demonstration_run.at).secrets
    assert anew.client_id != demonstration_run.secrets.client_id
    assert anew.client_secret != demonstration_run.secrets.client_secret


def test_an_interrupted_demonstration_is_recognised(migrated_url: str) -> None:
    installation = open_installation(migrated_url)
    load_study(StaffContext(installation, SYSTEM, NOON), STUDY, PLAN, StudyMode.DEMO)
    assert demonstration.demonstration_exists(installation)
    with pytest.raises(Refused, match="demonstration_incomplete"):
        demonstration.list_sign_ins(installation, None, NOON)
    installation.engine.dispose()


@pytest.mark.req("VAL-08")
def test_a_trials_database_is_never_taken_for_a_demonstration(migrated_url: str) -> None:
    installation = open_installation(migrated_url)
    with installation.open_work(SYSTEM, NOON) as work:
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
def test_no_demo_event_lies_in_the_future(minute: int) -> None:
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
