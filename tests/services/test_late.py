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
from tests.services.people import START, Person, days
from tests.services.trail_entries import verify_trail

CODES = [f"q{number}" for number in range(1, 31)]
HOUR = timedelta(hours=1)


def kept(
    person: Person, *answers: tuple[int, str, AnswerValue], at: datetime, client: str = "box"
) -> list[SubmittedAnswer]:
    """Events as the phone's outbox holds them: signs for items, and a checksum."""
    of_form = item_tokens(
        30, person.installation.secret_box.keyed_digest("outbox", person.slot("BL").public_id)
    )
    made = []
    for seq, item, value in answers:
        sign = of_form[CODES.index(item)]
        bare = SubmittedAnswer(seq, 0, sign, value, at, skew=0, offline=True)
        made.append(replace(bare, checksum=record_checksum(of_form, client, sign, bare)))
    return made


def bring(
    person: Person,
    given: Sequence[SubmittedAnswer],
    at: datetime,
    reviewed_at: datetime | None = None,
    skew: int = 0,
) -> SyncResult:
    left = OfflineBatch("box", given, reviewed_at, skew)
    slot = person.slot("BL").public_id
    context = ParticipantContext(person.installation, person.participant(START), at)
    return accept_offline_answers(context, slot, left)


def everything(person: Person, at: datetime) -> list[SubmittedAnswer]:
    return kept(person, *((seq, code, 2) for seq, code in enumerate(CODES, start=1)), at=at)


def held(person: Person) -> tuple[list[tuple[str, int | None, bool]], list[Quarantine], list[Response]]:
    with person.installation.read() as session:
        events = [(row.item, row.value, row.captured_offline) for row in session.exec(select(AnswerEvent))]
        return events, list(session.exec(select(Quarantine))), list(session.exec(select(Response)))


def told(person: Person) -> list[str]:
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
    given = kept(begun, (1, "q1", 3), (2, "q2", None), at=START)
    assert bring(begun, given, START + HOUR) == SyncResult(SyncOutcome.saved)
    assert bring(begun, given, START + 2 * HOUR) == SyncResult(SyncOutcome.saved)
    events, apart, responses = held(begun)
    assert events == [("q1", 3, True), ("q2", None, True)]
    assert (apart, responses) == ([], [])


@pytest.mark.req("OFF-01", "CAP-14")
def test_with_send_pressed_they_become_the_response_once(begun: Person) -> None:
    given = everything(begun, START)
    done = bring(begun, given, START + HOUR, reviewed_at=START)
    response = held(begun)[2][0]
    assert done == SyncResult(SyncOutcome.submitted, late=False, receipt=response.public_id)
    assert (response.captured_offline, response.device_at, response.device_skew) == (True, START, 0)
    assert bring(begun, given, START + 2 * HOUR, reviewed_at=START) == done
    assert bring(begun, [], START + 2 * HOUR, reviewed_at=START) == done
    assert len(held(begun)[2]) == 1
    assert verify_trail(begun.installation) == []


@pytest.mark.req("OFF-04", "TIM-07")
def test_captured_in_time_they_are_taken_for_three_days_and_marked(begun: Person) -> None:
    closes = closing(begun)
    given = everything(begun, closes - HOUR)
    done = bring(begun, given, closes + timedelta(hours=71), reviewed_at=closes - HOUR)
    assert (done.outcome, done.late) == (SyncOutcome.submitted, True)
    response = held(begun)[2][0]
    assert (response.out_of_window, response.in_grace) == (True, False)


@pytest.mark.req("OFF-04", "TIM-07")
def test_after_three_days_or_captured_after_closing_they_are_kept_apart(begun: Person) -> None:
    closes = closing(begun)
    late = bring(begun, everything(begun, closes - HOUR), closes + timedelta(hours=73), closes - HOUR)
    assert late == SyncResult(SyncOutcome.quarantined)
    events, apart, responses = held(begun)
    assert (events, responses) == ([], [])
    assert [(row.reason, len(row.answers)) for row in apart] == [("arrived_too_late", 30)]


def test_each_answer_is_judged_by_its_own_time(begun: Person) -> None:
    closes = closing(begun)
    in_time = kept(begun, (1, "q1", 1), at=closes - HOUR)
    after = kept(begun, (2, "q2", 2), at=closes + timedelta(hours=49))
    at = closes + timedelta(hours=50)
    assert bring(begun, [*in_time, *after], at) == SyncResult(SyncOutcome.quarantined)
    events, apart, _ = held(begun)
    assert events == [("q1", 1, True)]
    assert [row.answers for row in apart] == [{"q2": 2}]


def test_every_answer_to_one_question_is_kept_apart(begun: Person) -> None:
    closes = closing(begun)
    given = kept(begun, (1, "q1", 1), (2, "q1", 2), (3, "q2", 3), at=closes + timedelta(hours=49))
    assert bring(begun, given, closes + timedelta(hours=50)) == SyncResult(SyncOutcome.quarantined)
    assert [row.answers for row in held(begun)[1]] == [{"q1": 1, "q2": 3}, {"q1": 2}]


@pytest.mark.req("TIM-02", "TIM-05")
@pytest.mark.parametrize(
    ("shown_hours", "skew", "fate"),
    [(-2, 86_400, SyncOutcome.quarantined), (20, -86_400, SyncOutcome.saved)],
    ids=["a day behind", "a day ahead"],
)
def test_a_wrong_clock_decides_nothing(begun: Person, shown_hours: int, skew: int, fate: SyncOutcome) -> None:
    closes = closing(begun)
    shown = closes + timedelta(hours=shown_hours)
    given = [replace(each, skew=skew) for each in kept(begun, (1, "q1", 1), at=shown)]
    assert bring(begun, given, closes + timedelta(hours=60), skew=skew) == SyncResult(fate)
    assert len(held(begun)[0]) == (fate is SyncOutcome.saved)


@pytest.mark.req("OFF-05", "CAP-14")
def test_after_the_form_was_sent_only_what_differs_is_kept_apart(begun: Person) -> None:
    begun.submit("BL", START)
    first = held(begun)[2][0]
    same = kept(begun, (1, "q1", 2), at=START)
    assert bring(begun, same, START + HOUR) == SyncResult(SyncOutcome.submitted, False, first.public_id)
    other = kept(begun, (2, "q2", 4), at=START)
    assert bring(begun, other, START + HOUR) == SyncResult(SyncOutcome.quarantined)
    assert [(row.reason, row.answers) for row in held(begun)[1]] == [("already_submitted", {"q2": 4})]


@pytest.mark.req("OFF-02")
def test_a_record_that_was_altered_is_kept_apart_and_told(begun: Person) -> None:
    good, bad = kept(begun, (1, "q1", 3), (2, "q2", 3), at=START)
    given = [good, replace(bad, value=1)]
    assert bring(begun, given, START + HOUR, reviewed_at=START) == SyncResult(SyncOutcome.quarantined)
    assert bring(begun, given, START + HOUR, reviewed_at=START) == SyncResult(SyncOutcome.quarantined)
    events, apart, responses = held(begun)
    assert (events, responses) == ([("q1", 3, True)], [])
    assert [(row.reason, row.answers) for row in apart] == [("altered", {"q2": 1})]
    assert told(begun).count(AuditEvent.ANSWERS_ALTERED) == 1


@pytest.mark.req("OFF-02")
def test_a_missing_number_is_told(begun: Person) -> None:
    bring(begun, kept(begun, (1, "q1", 3), (3, "q3", 3), at=START), START + HOUR)
    assert told(begun).count(AuditEvent.ANSWERS_AFTER_GAP) == 1


def test_an_unfinished_form_stays_a_draft(begun: Person) -> None:
    given = kept(begun, (1, "q1", 3), at=START)
    assert bring(begun, given, START + HOUR, reviewed_at=START) == SyncResult(SyncOutcome.saved)
    assert held(begun)[2] == []


def test_sent_too_late_for_every_rule_is_kept_apart_as_a_whole(begun: Person) -> None:
    closes = closing(begun)
    given = everything(begun, closes - HOUR)
    bring(begun, given, closes + HOUR)
    at = closes + timedelta(hours=73)
    assert bring(begun, given, at, reviewed_at=at) == SyncResult(SyncOutcome.quarantined)
    assert [row.reason for row in held(begun)[1]] == ["arrived_too_late"]


@pytest.mark.req("COR-10")
def test_who_left_the_study_before_answering_is_kept_apart(begun: Person) -> None:
    left = DispositionEntry(DispositionKind.withdrew_study, "2026-03-03", Owner.site, "asked to")
    study = begun.site.study_id
    record_disposition(
        StaffContext(begun.installation, begun.nurse, START + days(1)), study, begun.subject, left
    )
    before = kept(begun, (1, "q1", 3), at=START)
    after = kept(begun, (2, "q2", 3), at=START + days(2))
    visitor = begun.participant(START + days(2))
    slot = begun.slot("BL").public_id
    box = OfflineBatch("box", [*before, *after], None, 0)
    context = ParticipantContext(begun.installation, visitor, START + days(2))
    done = accept_offline_answers(context, slot, box)
    assert done == SyncResult(SyncOutcome.quarantined)
    assert held(begun)[0] == [("q1", 3, True)]


def test_what_was_never_begun_or_is_somebody_elses_is_refused(person: Person) -> None:
    with pytest.raises(Refused, match="not_begun"):
        bring(person, [], START)
    with pytest.raises(Refused, match="unknown_slot"):
        accept_offline_answers(
            ParticipantContext(person.installation, person.participant(START), START),
            "x",
            OfflineBatch("b", [], None, 0),
        )
