"""A request for a call that staff closed rests on an entry of the log, as the log stands corrected."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import col, select

from app.domain.plans.plan import Owner
from app.domain.records.audit import AuditEvent
from app.domain.records.dispositions import DispositionKind
from app.domain.refusal import Refused
from app.domain.today.contacts import SETTLING, ContactOutcome
from app.domain.today.reasons import Reason
from app.services.clinic.open_requests import close_request, list_open_requests
from app.services.clinic.today.contact_log import correct_contact, get_contact_context, log_contact
from app.services.clinic.today.participant_work import list_participant_reasons
from app.services.core.context import ParticipantContext, StaffContext
from app.services.patient.team_requests import pending_call_request, request_call, withdraw_call
from app.services.schedule.dispositions import DispositionEntry, record_disposition
from app.storage.tables.participants import TeamRequest
from tests.refusals import refused
from tests.scenarios.people import START, Person
from tests.scenarios.reminders import count_entries
from tests.scenarios.trail_entries import verify_trail

_MINUTES = count(1)
"""No example acts before the one that came before it."""
outcomes = st.sampled_from(ContactOutcome)
acts = st.one_of(
    st.tuples(st.just("ask")),
    st.tuples(st.just("withdraw")),
    st.tuples(st.just("log"), outcomes, st.booleans()),
    st.tuples(st.just("correct"), outcomes, st.integers(0, 5)),
    st.tuples(st.just("close")),
)


def desk(person: Person, at: datetime) -> StaffContext:
    return StaffContext(person.installation, person.nurse, at)


def phone(person: Person, at: datetime) -> ParticipantContext:
    return ParticipantContext(person.installation, person.participant(START), at)


def newest_request(person: Person) -> TeamRequest | None:
    with person.installation.read() as session:
        return session.exec(select(TeamRequest).order_by(col(TeamRequest.id).desc())).first()


def log_and_correct(person: Person, outcome: str = "no_answer") -> None:
    """Somebody logs that they reached the participant, who had asked for a call, and takes it back."""
    key = person.row().id
    log_contact(desk(person, START), key, "reached_will_do", "", None, answers_call=True)
    entry = get_contact_context(desk(person, START), key).log[0].entry_id
    correct_contact(desk(person, START + timedelta(hours=1)), key, entry, outcome, "", None, "mixed up")


def is_call_open(person: Person, at: datetime) -> bool:
    """Whether the call is still to come; the phone, the list of requests and Today say the same."""
    own = pending_call_request(phone(person, at)) is not None
    key = person.row().id
    listed = bool(list_open_requests(desk(person, at)))
    today = Reason.call in [each.reason for each in list_participant_reasons(desk(person, at), key)]
    assert own is listed is today
    return own


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(acts, min_size=4, max_size=14))
def test_a_closed_call_rests_on_an_entry_that_reached_them(
    person: Person, drawn: list[tuple[str, ...]]
) -> None:
    key = person.row().id
    for kind, *values in drawn:
        at = START + timedelta(minutes=next(_MINUTES))
        with suppress(Refused):
            _PLAYS[kind](person, key, at, *values)
        request = newest_request(person)
        is_open = is_call_open(person, at)
        if request is None or request.closed_by == person.row().public_id:
            assert not is_open
            continue
        log = get_contact_context(desk(person, at), key).log
        reached = any(each.outcome in SETTLING and each.contacted_at >= request.asked_at for each in log)
        assert is_open or reached
    assert verify_trail(person.installation) == []


def _correct(person: Person, key: int, at: datetime, outcome: str, index: int) -> None:
    log = get_contact_context(desk(person, at), key).log
    if log:
        correct_contact(desk(person, at), key, log[index % len(log)].entry_id, outcome, "x", None, "mixed up")


def _close(person: Person, _key: int, at: datetime) -> None:
    for each in list_open_requests(desk(person, at)):
        close_request(desk(person, at), each.request_id, "")


_PLAYS: dict[str, Callable[..., None]] = {
    "ask": lambda person, _key, at: request_call(phone(person, at)),
    "withdraw": lambda person, _key, at: withdraw_call(phone(person, at)),
    "log": lambda person, key, at, outcome, answers: log_contact(
        desk(person, at), key, outcome, "x", None, answers_call=answers
    ),
    "correct": _correct,
    "close": _close,
}


def test_a_call_that_nobody_made_after_all_is_to_be_made_again(person: Person) -> None:
    request_call(phone(person, START))
    log_and_correct(person)
    assert is_call_open(person, START + timedelta(hours=2))
    assert pending_call_request(phone(person, START)) == START
    assert count_entries(person.installation, AuditEvent.REQUEST_REOPENED) == 1
    assert verify_trail(person.installation) == []


def test_a_correction_that_reached_them_all_the_same_opens_nothing(person: Person) -> None:
    request_call(phone(person, START))
    log_and_correct(person, "reached_needs_help")
    assert not is_call_open(person, START + timedelta(hours=2))


def test_a_call_that_was_asked_for_again_is_open_once(person: Person) -> None:
    request_call(phone(person, START))
    key, later = person.row().id, START + timedelta(minutes=5)
    log_contact(desk(person, START), key, "reached_will_do", "", None, answers_call=True)
    request_call(phone(person, later))
    entry = get_contact_context(desk(person, later), key).log[0].entry_id
    correct_contact(desk(person, later), key, entry, "no_answer", "", None, "mixed up")
    assert pending_call_request(phone(person, later)) == later
    assert count_entries(person.installation, AuditEvent.REQUEST_REOPENED) == 0


def test_nobody_is_to_be_called_who_died_and_no_next_try_is_corrected_in(person: Person) -> None:
    request_call(phone(person, START))
    key, day = person.row().id, START.date()
    log_contact(desk(person, START), key, "reached_will_do", "", day, answers_call=True)
    death = DispositionEntry(DispositionKind.death, day.isoformat(), Owner.site, "told by the family")
    record_disposition(desk(person, START), person.site.study_id, person.subject, death)
    entry = get_contact_context(desk(person, START), key).log[0].entry_id

    def correct(next_try: datetime | None) -> None:
        on = next_try.date() if next_try else None
        correct_contact(desk(person, START), key, entry, "no_answer", "", on, "mixed up")

    assert refused(lambda: correct(START + timedelta(days=2))) == "no_next_try"
    correct(START)  # as it was agreed while they took part
    assert list_open_requests(desk(person, START)) == ()
