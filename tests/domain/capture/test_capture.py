"""Whether a form may be answered, what may be sent, and how a late document is judged."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.capture.answers import SubmittedAnswer, check_answers, validate_answers
from app.domain.capture.arrival import Arrival, check_open, classify_arrival
from app.domain.capture.document import complete_document, content_digest
from app.domain.capture.outbox import capture_instant, credible_capture
from app.domain.instruments.definition import Instrument
from app.domain.instruments.responses import AnswerValue, ValidAnswers
from app.domain.plans.status import Exit, ExitKind, SlotFacts
from app.domain.plans.windows import build_window
from app.domain.refusal import Refused
from tests.domain.questionnaires import DIARY, QLQ_C30

WINDOW = build_window(
    date(2026, 3, 2), date(2026, 3, 9), date(2026, 3, 16), "Asia/Shanghai", overdue_after=1, grace_hours=48
)
HOUR = timedelta(hours=1)
INSIDE = WINDOW.opens_at + HOUR
EXITED = SlotFacts(exit=Exit(ExitKind.withdrew_study, datetime(2026, 3, 1, tzinfo=UTC)))
FULL = {f"q{number}": 2 for number in range(1, 31)}


@pytest.mark.req("TIM-07")
@pytest.mark.parametrize(
    ("facts", "at", "code", "day"),
    [
        (SlotFacts(), WINDOW.opens_at - timedelta(seconds=1), "not_yet_open", date(2026, 3, 2)),
        (SlotFacts(), WINDOW.closes_at, "window_closed", date(2026, 3, 16)),
        (SlotFacts(submitted_at=INSIDE), INSIDE, "already_submitted", date(2026, 3, 16)),
        (SlotFacts(excused=True), INSIDE, "not_expected", date(2026, 3, 16)),
        (EXITED, INSIDE, "not_expected", date(2026, 3, 16)),
    ],
)
def test_a_form_is_answerable_only_inside_its_window(
    facts: SlotFacts, at: datetime, code: str, day: date
) -> None:
    with pytest.raises(Refused) as refused:
        check_open(WINDOW, facts, at)
    assert (refused.value.code, refused.value.details["day"]) == (code, day)


def test_a_waiting_form_names_no_day() -> None:
    with pytest.raises(Refused) as refused:
        check_open(None, SlotFacts(), INSIDE)
    assert (refused.value.code, dict(refused.value.details)) == ("not_yet_open", {})


@pytest.mark.parametrize("at", [WINDOW.opens_at, WINDOW.closes_at - timedelta(seconds=1)])
def test_both_ends_of_the_window_count(at: datetime) -> None:
    check_open(WINDOW, SlotFacts(), at)
    assert classify_arrival(WINDOW, SlotFacts(), None, at) is Arrival.in_window


@pytest.mark.req("CAP-12")
@pytest.mark.parametrize(
    ("item", "value", "code"),
    [
        ("q31", 1, "unknown_item"),
        ("q1", 5, "out_of_range"),
        ("q1", "2", "wrong_kind"),
        ("other", "x", "unknown_item"),
    ],
)
def test_only_what_the_instrument_allows_is_taken(item: str, value: int | str, code: str) -> None:
    instrument = DIARY if item == "other" else QLQ_C30
    with pytest.raises(Refused) as refused:
        check_answers(instrument, [SubmittedAnswer(1, 0, item, value)], {"other"})
    assert refused.value.code == code
    assert "x" not in str(refused.value.details.get("allowed"))


@pytest.mark.req("SIG-01", "CAP-07")
def test_a_submission_is_complete_and_reviewed() -> None:
    assert document(QLQ_C30, FULL) == FULL
    assert document(QLQ_C30, FULL | {"q1": None})["q1"] is None
    with pytest.raises(Refused, match="not_reviewed"):
        document(QLQ_C30, FULL, reviewed=False)
    with pytest.raises(Refused) as refused:
        document(QLQ_C30, {key: value for key, value in FULL.items() if key != "q7"})
    assert (refused.value.code, refused.value.details["items"]) == ("unanswered", ("q7",))


def document(
    instrument: Instrument, answers: Mapping[str, AnswerValue], reviewed: bool = True
) -> ValidAnswers:
    leave_out = frozenset({"other"} if instrument is DIARY else ())
    return complete_document(
        instrument, validate_answers(instrument, answers, leave_out), leave_out, reviewed
    )


def test_inapplicable_answers_are_not_submitted() -> None:
    assert document(DIARY, {"any_symptom": 0, "fatigue": 3}) == {"any_symptom": 0}


def test_answers_are_validated_once() -> None:
    valid = validate_answers(QLQ_C30, FULL, frozenset())
    assert validate_answers(QLQ_C30, valid, frozenset()) is valid
    with pytest.raises(Refused, match="out_of_range"):
        validate_answers(QLQ_C30, FULL | {"q1": 9}, frozenset())


def test_content_is_known_by_what_was_answered_alone() -> None:
    assert content_digest(FULL) == content_digest(dict(reversed(FULL.items())))
    assert content_digest(FULL) != content_digest(FULL | {"q1": None})


BEGUN = SlotFacts(begun_at=INSIDE)


@pytest.mark.req("OFF-04", "TIM-03")
@pytest.mark.parametrize(
    ("facts", "captured", "received", "stands"),
    [
        (BEGUN, None, INSIDE, Arrival.in_window),
        (BEGUN, None, WINDOW.opens_at - HOUR, Arrival.quarantined),
        (BEGUN, None, WINDOW.closes_at, Arrival.in_grace),
        (BEGUN, None, WINDOW.grace_until, Arrival.quarantined),
        (BEGUN, INSIDE, WINDOW.grace_until, Arrival.out_of_window),
        (BEGUN, INSIDE, WINDOW.closes_at + timedelta(hours=72), Arrival.out_of_window),
        (BEGUN, INSIDE, WINDOW.closes_at + timedelta(hours=73), Arrival.quarantined),
        (BEGUN, WINDOW.closes_at, WINDOW.grace_until, Arrival.quarantined),
        (BEGUN, WINDOW.opens_at - HOUR, WINDOW.grace_until, Arrival.quarantined),
        (SlotFacts(), None, WINDOW.closes_at, Arrival.quarantined),
        (replace(BEGUN, exit=EXITED.exit), None, INSIDE, Arrival.quarantined),
        (replace(BEGUN, exit=Exit(ExitKind.death, WINDOW.closes_at)), INSIDE, INSIDE, Arrival.in_window),
    ],
)
def test_a_document_is_judged_by_when_it_was_captured_and_came(
    facts: SlotFacts, captured: datetime | None, received: datetime, stands: Arrival
) -> None:
    assert classify_arrival(WINDOW, facts, captured, received) is stands


@pytest.mark.req("TIM-02")
def test_a_device_clock_in_the_future_counts_as_now() -> None:
    exited = replace(BEGUN, exit=Exit(ExitKind.death, INSIDE + HOUR))
    assert classify_arrival(WINDOW, exited, INSIDE + 5 * HOUR, INSIDE) is Arrival.in_window


DAYS_OFF = st.timedeltas(timedelta(days=-400), timedelta(days=400))


@pytest.mark.req("TIM-05")
@given(early=DAYS_OFF, skew=st.none() | st.integers(-(2**31), 2**31 - 1), late=DAYS_OFF.map(abs))
def test_a_device_that_could_send_at_once_cannot_say_earlier(
    early: timedelta, skew: int | None, late: timedelta
) -> None:
    """Whatever its clock says, without the outbox's mark a form counts from when it arrived."""
    shown, received = INSIDE + early, WINDOW.grace_until + late
    assert credible_capture(shown, skew, offline=True) == capture_instant(shown, skew)
    captured = credible_capture(shown, skew, offline=False)
    assert classify_arrival(WINDOW, BEGUN, captured, received) is Arrival.quarantined
