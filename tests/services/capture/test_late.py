"""What a phone still held of a form: accepted, marked or kept apart by the slot's rules, never dropped."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlmodel import select

from app.domain.capture.answers import SubmittedAnswer
from app.domain.capture.outbox import item_tokens, record_checksum
from app.domain.instruments.responses import AnswerValue
from app.domain.plans.plan import Owner
from app.domain.records.audit import AuditEvent
from app.domain.records.dispositions import DispositionKind
from app.domain.refusal import Refused
from app.services.capture.offline_sync import OfflineBatch, SyncOutcome, SyncResult, accept_offline_answers
from app.services.core.context import ParticipantContext, StaffContext
from app.services.schedule.dispositions import DispositionEntry, record_disposition
from app.storage.tables.audit import AuditEntry
from app.storage.tables.capture import AnswerEvent, Quarantine, Response
from tests.scenarios.people import START, Person, days
from tests.scenarios.trail_entries import verify_trail

CODES = [f"q{number}" for number in range(1, 31)]
HOUR = timedelta(hours=1)


def offline_answers(
    person: Person, *answers: tuple[int, str, AnswerValue], at: datetime, client: str = "box"
) -> list[SubmittedAnswer]:
    """Events as the phone's outbox holds them: signs for items, and a checksum."""
    of_form = item_tokens(
        30, person.installation.secret_box.keyed_digest("outbox", person.slot("BL").public_id)
    )
    signed = []
    for seq, item, value in answers:
        sign = of_form[CODES.index(item)]
        bare = SubmittedAnswer(seq, 0, sign, value, at, skew=0, offline=True)
        signed.append(replace(bare, checksum=record_checksum(of_form, client, sign, bare)))
    return signed


def bring(
    person: Person,
    answers: Sequence[SubmittedAnswer],
    at: datetime,
    reviewed_at: datetime | None = None,
    skew: int = 0,
) -> SyncResult:
    batch = OfflineBatch("box", answers, reviewed_at, skew)
    slot = person.slot("BL").public_id
    context = ParticipantContext(person.installation, person.participant(START), at)
    return accept_offline_answers(context, slot, batch)


def everything(person: Person, at: datetime) -> list[SubmittedAnswer]:
    return offline_answers(person, *((seq, code, 2) for seq, code in enumerate(CODES, start=1)), at=at)


def read_stored(
    person: Person,
) -> tuple[list[tuple[str, int | None, bool]], list[Quarantine], list[Response]]:
    with person.installation.read() as session:
        events = [(row.item, row.value, row.captured_offline) for row in session.exec(select(AnswerEvent))]
        return events, list(session.exec(select(Quarantine))), list(session.exec(select(Response)))


def list_events(person: Person) -> list[str]:
    with person.installation.read() as session:
        return [entry.event for entry in session.exec(select(AuditEntry))]


def closing(person: Person) -> datetime:
    closes_at = person.slot("BL").closes_at
    assert closes_at is not None
    return closes_at


@pytest.fixture
def begun(person: Person) -> Person:
    person.begin("BL", START)
    return person


@pytest.mark.req("OFF-01", "OFF-04", "TIM-03")
def test_while_the_form_is_open_they_join_the_draft(begun: Person) -> None:
    answers = offline_answers(begun, (1, "q1", 3), (2, "q2", None), at=START)
    assert bring(begun, answers, START + HOUR) == SyncResult(SyncOutcome.saved)
    assert bring(begun, answers, START + 2 * HOUR) == SyncResult(SyncOutcome.saved)
    events, apart, responses = read_stored(begun)
    assert events == [("q1", 3, True), ("q2", None, True)]
    assert (apart, responses) == ([], [])


@pytest.mark.req("OFF-01", "CAP-14")
def test_with_send_pressed_they_become_the_response_once(begun: Person) -> None:
    answers = everything(begun, START)
    done = bring(begun, answers, START + HOUR, reviewed_at=START)
    response = read_stored(begun)[2][0]
    assert done == SyncResult(SyncOutcome.submitted, late=False, receipt=response.public_id)
    assert (response.captured_offline, response.device_at, response.device_skew) == (True, START, 0)
    assert bring(begun, answers, START + 2 * HOUR, reviewed_at=START) == done
    assert bring(begun, [], START + 2 * HOUR, reviewed_at=START) == done
    assert len(read_stored(begun)[2]) == 1
    assert verify_trail(begun.installation) == []


@pytest.mark.req("OFF-04", "TIM-07")
def test_captured_in_time_they_are_taken_for_three_days_and_marked(begun: Person) -> None:
    closes = closing(begun)
    answers = everything(begun, closes - HOUR)
    done = bring(begun, answers, closes + timedelta(hours=71), reviewed_at=closes - HOUR)
    assert (done.outcome, done.late) == (SyncOutcome.submitted, True)
    response = read_stored(begun)[2][0]
    assert (response.out_of_window, response.in_grace) == (True, False)


@pytest.mark.req("OFF-04", "TIM-07")
def test_offline_answers_too_late_are_quarantined(begun: Person) -> None:
    closes = closing(begun)
    late = bring(begun, everything(begun, closes - HOUR), closes + timedelta(hours=73), closes - HOUR)
    assert late == SyncResult(SyncOutcome.quarantined)
    events, apart, responses = read_stored(begun)
    assert (events, responses) == ([], [])
    assert [(row.reason, len(row.answers)) for row in apart] == [("arrived_too_late", 30)]


def test_each_answer_is_judged_by_its_own_time(begun: Person) -> None:
    closes = closing(begun)
    in_time = offline_answers(begun, (1, "q1", 1), at=closes - HOUR)
    after = offline_answers(begun, (2, "q2", 2), at=closes + timedelta(hours=49))
    at = closes + timedelta(hours=50)
    assert bring(begun, [*in_time, *after], at) == SyncResult(SyncOutcome.quarantined)
    events, apart, _ = read_stored(begun)
    assert events == [("q1", 1, True)]
    assert [row.answers for row in apart] == [{"q2": 2}]


def test_every_late_answer_to_one_item_is_quarantined(begun: Person) -> None:
    closes = closing(begun)
    answers = offline_answers(
        begun, (1, "q1", 1), (2, "q1", 2), (3, "q2", 3), at=closes + timedelta(hours=49)
    )
    assert bring(begun, answers, closes + timedelta(hours=50)) == SyncResult(SyncOutcome.quarantined)
    assert [row.answers for row in read_stored(begun)[1]] == [{"q1": 1, "q2": 3}, {"q1": 2}]


@pytest.mark.req("TIM-02", "TIM-05")
@pytest.mark.parametrize(
    ("shown_hours", "skew", "fate"),
    [(-2, 86_400, SyncOutcome.quarantined), (20, -86_400, SyncOutcome.saved)],
    ids=["a day behind", "a day ahead"],
)
def test_a_wrong_clock_decides_nothing(begun: Person, shown_hours: int, skew: int, fate: SyncOutcome) -> None:
    closes = closing(begun)
    shown = closes + timedelta(hours=shown_hours)
    answers = [replace(each, skew=skew) for each in offline_answers(begun, (1, "q1", 1), at=shown)]
    assert bring(begun, answers, closes + timedelta(hours=60), skew=skew) == SyncResult(fate)
    assert len(read_stored(begun)[0]) == (fate is SyncOutcome.saved)


@pytest.mark.req("OFF-05", "CAP-14")
def test_after_submission_only_differing_answers_are_quarantined(begun: Person) -> None:
    begun.submit("BL", START)
    first = read_stored(begun)[2][0]
    same = offline_answers(begun, (1, "q1", 2), at=START)
    assert bring(begun, same, START + HOUR) == SyncResult(SyncOutcome.submitted, False, first.public_id)
    other = offline_answers(begun, (2, "q2", 4), at=START)
    assert bring(begun, other, START + HOUR) == SyncResult(SyncOutcome.quarantined)
    assert [(row.reason, row.answers) for row in read_stored(begun)[1]] == [("already_submitted", {"q2": 4})]


@pytest.mark.req("OFF-02")
def test_an_altered_record_is_quarantined_and_audited(begun: Person) -> None:
    good, bad = offline_answers(begun, (1, "q1", 3), (2, "q2", 3), at=START)
    answers = [good, replace(bad, value=1)]
    assert bring(begun, answers, START + HOUR, reviewed_at=START) == SyncResult(SyncOutcome.quarantined)
    assert bring(begun, answers, START + HOUR, reviewed_at=START) == SyncResult(SyncOutcome.quarantined)
    events, apart, responses = read_stored(begun)
    assert (events, responses) == ([("q1", 3, True)], [])
    assert [(row.reason, row.answers) for row in apart] == [("altered", {"q2": 1})]
    assert list_events(begun).count(AuditEvent.ANSWERS_ALTERED) == 1


@pytest.mark.req("OFF-02")
def test_a_missing_number_is_audited(begun: Person) -> None:
    bring(begun, offline_answers(begun, (1, "q1", 3), (3, "q3", 3), at=START), START + HOUR)
    assert list_events(begun).count(AuditEvent.ANSWERS_AFTER_GAP) == 1


def test_an_unfinished_form_stays_a_draft(begun: Person) -> None:
    answers = offline_answers(begun, (1, "q1", 3), at=START)
    assert bring(begun, answers, START + HOUR, reviewed_at=START) == SyncResult(SyncOutcome.saved)
    assert read_stored(begun)[2] == []


def test_a_form_submitted_too_late_is_quarantined_as_a_whole(begun: Person) -> None:
    closes = closing(begun)
    answers = everything(begun, closes - HOUR)
    bring(begun, answers, closes + HOUR)
    at = closes + timedelta(hours=73)
    assert bring(begun, answers, at, reviewed_at=at) == SyncResult(SyncOutcome.quarantined)
    assert [row.reason for row in read_stored(begun)[1]] == ["arrived_too_late"]


@pytest.mark.req("COR-10")
def test_answers_after_an_exit_from_the_study_are_quarantined(begun: Person) -> None:
    withdrawal = DispositionEntry(DispositionKind.withdrew_study, "2026-03-03", Owner.site, "asked to")
    study = begun.site.study_id
    record_disposition(
        StaffContext(begun.installation, begun.nurse, START + days(1)), study, begun.subject, withdrawal
    )
    before = offline_answers(begun, (1, "q1", 3), at=START)
    after = offline_answers(begun, (2, "q2", 3), at=START + days(2))
    participant = begun.participant(START + days(2))
    slot = begun.slot("BL").public_id
    box = OfflineBatch("box", [*before, *after], None, 0)
    context = ParticipantContext(begun.installation, participant, START + days(2))
    done = accept_offline_answers(context, slot, box)
    assert done == SyncResult(SyncOutcome.quarantined)
    assert read_stored(begun)[0] == [("q1", 3, True)]


def test_what_was_never_begun_or_is_somebody_elses_is_refused(person: Person) -> None:
    with pytest.raises(Refused, match="not_begun"):
        bring(person, [], START)
    with pytest.raises(Refused, match="unknown_slot"):
        accept_offline_answers(
            ParticipantContext(person.installation, person.participant(START), START),
            "x",
            OfflineBatch("b", [], None, 0),
        )
