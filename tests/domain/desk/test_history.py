"""What an entry of the trail is about, as a history tells it: never an answer."""

from app.domain.desk.history import (
    HistoryKind,
    HistorySubject,
    find_history_kind,
    find_history_subject,
    has_typed_reason,
)


def test_a_reminder_is_about_its_message() -> None:
    changes = [{"record": "message:7", "field": "state", "old": None, "new": "sent"}]
    assert find_history_subject("clock:reminder:sent", changes) == HistorySubject(message=7)


def test_a_date_is_about_its_kind_and_day() -> None:
    changes = [
        {"record": "anchor:3", "field": "kind", "old": None, "new": "sbrt_start"},
        {"record": "anchor:3", "field": "dated_on", "old": None, "new": "2026-03-01"},
    ]
    assert find_history_kind("site:anchor:recorded") is HistoryKind.dates
    subject = find_history_subject("site:anchor:recorded", changes)
    assert subject == HistorySubject(kind="sbrt_start", dated="2026-03-01")


def test_an_answer_tells_its_visit_and_nothing_else() -> None:
    changes = [{"record": "answer:BL/q1", "field": "value", "old": None, "new": 4}]
    assert find_history_subject("participant:form:submitted", changes) == HistorySubject(visit="BL")


def test_a_contact_is_about_its_outcome_and_the_next_try() -> None:
    changes = [
        {"record": "contact_entry:3", "field": "outcome", "old": None, "new": "no_answer"},
        {"record": "contact_entry:3", "field": "next_try_on", "old": None, "new": "2026-03-01"},
    ]
    subject = find_history_subject("site:contact:logged", changes)
    assert subject == HistorySubject(kind="no_answer", dated="2026-03-01")


def test_reasons_of_staff_are_their_own_words() -> None:
    assert has_typed_reason("site:reminders:paused", "on holiday")
    of_codes = ("site:slot:excused", "clock:reminder:failed")
    assert not any(has_typed_reason(event, "on holiday") for event in of_codes)
    assert not has_typed_reason("site:anchor:recorded", "withdrew_treatment")
