"""Sending: exactly once, scored, audited and told; late and different answers kept apart."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from sqlmodel import select

from app.domain.capture.answers import SubmittedAnswer
from app.domain.instruments.responses import ValidAnswers
from app.domain.records.access import CLOCK
from app.domain.records.audit import AuditEvent, canonical_json
from app.domain.refusal import Refused
from app.services.accounts.participant_session import change_language
from app.services.capture.answer_saving import AnswerBatch, save_answers
from app.services.capture.forms import begin_form, find_form, get_own_slot
from app.services.capture.submission import SubmissionReceipt, submission_context, submit_form
from app.services.capture.submission_builder import (
    ResponseOrigin,
    SubmittedForm,
    build_response,
    build_submission,
    check_submission,
)
from app.services.core.context import ClockContext, DeviceContext, ParticipantContext
from app.services.core.installation import Installation
from app.services.reminders.due_slots import process_due_slots
from app.storage.engine import autocommit_engine
from app.storage.tables.audit import AuditEntry
from app.storage.tables.capture import AnswerEvent, Quarantine, Response
from app.storage.tables.feed import FeedEvent
from tests.form_checks import counted_checks
from tests.refusals import refusal_of, refused
from tests.scenarios.concurrent_writer import move_heads_once
from tests.scenarios.people import START, Person, days, qlq
from tests.scenarios.submissions import only_response, stored_rows, submit_visit
from tests.scenarios.trail_entries import verify_trail

SHANGHAI = timezone(timedelta(hours=8))


@pytest.mark.req("AUD-01", "CAP-14")
def test_a_sending_joins_the_transaction_that_its_context_carries(person: Person) -> None:
    """Begun, sent and answered again in one transaction; the trail and what the session holds stay true."""
    slot_id, participant = person.slot("BL").public_id, person.participant(START)
    with person.installation.open_work(CLOCK, START) as opened:
        context = ParticipantContext(person.installation, participant, START, opened)
        process_due_slots(ClockContext(person.installation, START, opened), participant.participant_id)
        begin_form(context, slot_id, None, None)
        first = submit_form(context, slot_id, SubmittedForm(qlq(2), "s1", True))
        assert get_own_slot(opened.session, participant, slot_id).submitted_at == START
        assert stored_rows(person, Response) == [], "nothing is committed yet"
        assert submit_form(context, slot_id, SubmittedForm(qlq(2), "s1", True)).repeated
        assert (
            refused(lambda: submit_form(context, slot_id, SubmittedForm(qlq(3), "s2", True)))
            == "already_submitted"
        )
    assert only_response(person).public_id == first.number
    assert len(stored_rows(person, Quarantine)) == 1
    assert list(verify_trail(person.installation)) == []


@pytest.mark.req("CAP-14", "CAP-16", "CAP-18")
def test_a_form_becomes_one_response_with_scores_and_what_it_rests_on(person: Person) -> None:
    person.begin("BL", START)
    device = datetime(2026, 3, 2, 9, 29, tzinfo=SHANGHAI)
    shown: dict[str, str | int] = {"layout": "single", "width": 360}
    sending = SubmittedForm(qlq(2) | {"q3": None}, "s1", True, device, shown)
    receipt = submit_visit(person, "BL", sending, START)
    stored, slot = only_response(person), person.slot("BL")
    assert receipt == SubmissionReceipt(
        stored.public_id, START, out_of_window=False, in_grace=False, repeated=False
    )
    assert (slot.submitted_at, slot.out_of_window, slot.wake_at) == (START, False, None)
    assert (stored.answers["q3"], stored.answers["q4"], len(stored.answers)) == (None, 2, 30)
    scores = {score["scale"]: score for score in stored.scores}
    assert len(scores) == 16
    assert scores["PF"]["status"] == "prorated"
    assert (scores["QL"]["answered"], scores["QL"]["asked"]) == (2, 2)
    assert (stored.language, stored.originator, stored.mode, stored.presentation) == (
        "en",
        "participant",
        "own_device",
        shown | {"text_size": "standard"},
    )
    assert (stored.device_at, stored.device_offset, stored.begun_at) == (device, 480, START)
    assert len(stored.instrument_sha256) == len(stored.text_sha256) == 64


@pytest.mark.req("AUD-02", "AUD-05")
def test_only_answers_missing_in_the_draft_are_stored_again(person: Person) -> None:
    person.begin("BL", START)
    person.save("BL", START, *(SubmittedAnswer(number, 0, f"q{number}", 2) for number in range(1, 31)))
    submit_visit(person, "BL", SubmittedForm(qlq(2) | {"q7": 4}, "s1", True), START)
    events = stored_rows(person, AnswerEvent)
    assert len(events) == 31
    with person.installation.read() as session:
        entries = session.exec(
            select(AuditEntry).where(AuditEntry.event == AuditEvent.FORM_SUBMITTED.value)
        ).one()
    assert '{"field":"q7","new":4,"old":2,"record":"answer:BL/qlq-c30"}' in entries.changes
    assert '"field":"q8"' not in entries.changes


def test_submitting_a_complete_draft_adds_no_answer_event(person: Person) -> None:
    person.begin("BL", START)
    person.save("BL", START, *(SubmittedAnswer(number, 0, f"q{number}", 2) for number in range(1, 31)))
    person.submit("BL", START)
    assert len(stored_rows(person, AnswerEvent)) == 30


@pytest.mark.req("CAP-14")
def test_equal_content_gets_the_same_receipt_and_other_is_quarantined(person: Person) -> None:
    person.begin("BL", START)
    first = person.submit("BL", START)
    again = submit_visit(person, "BL", SubmittedForm(qlq(2), "s2", reviewed=False), START + days(1 / 1440))
    assert again == replace(first, repeated=True)
    for _ in range(2):
        refusal = refusal_of(lambda: submit_visit(person, "BL", SubmittedForm(qlq(3), "s3", True), START))
        assert (refusal.code, refusal.details["receipt"]) == ("already_submitted", first.number)
    (quarantine,) = stored_rows(person, Quarantine)
    assert (quarantine.reason, quarantine.answers["q1"]) == ("already_submitted", 3)
    assert only_response(person).answers["q1"] == 2


@pytest.mark.req("CAP-14")
def test_two_senders_at_once_make_one_response(person: Person) -> None:
    person.begin("BL", START)

    def attempt(number: int) -> str:
        return submit_visit(person, "BL", SubmittedForm(qlq(2), f"s{number}", True), START).number

    with ThreadPoolExecutor(3) as pool:
        numbers = list(pool.map(attempt, range(6)))
    assert set(numbers) == {only_response(person).public_id}
    with person.installation.read() as session:
        events = session.exec(select(FeedEvent).where(FeedEvent.type == "assessment.completed")).all()
    assert len(events) == 1


@pytest.mark.req("EDC-02", "AUD-04")
def test_many_people_sending_at_once_leave_no_gap_in_the_feed(
    installation: Installation, people: Callable[[int], Person]
) -> None:
    crowd = [people(number) for number in range(1, 9)]
    for each in crowd:
        each.begin("BL", START)
    with ThreadPoolExecutor(8) as pool:
        receipts = list(pool.map(lambda each: each.submit("BL", START), crowd))
    assert len({receipt.number for receipt in receipts}) == len(crowd)
    assert list(verify_trail(installation)) == []
    with installation.read() as session:
        lines = session.exec(select(FeedEvent).where(FeedEvent.type == "assessment.completed")).all()
    assert all(is_numbered_alike(line) for line in lines)
    assert len(lines) == len(crowd)


def is_numbered_alike(stored: FeedEvent) -> bool:
    """Whether the database spelled the line as the domain spells every line."""
    event = json.loads(stored.line)
    return stored.line == canonical_json(event) and (event["seq"], event["hash"]) == (stored.seq, stored.hash)


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
def test_an_overtaken_submission_retries_under_the_lock(person: Person) -> None:
    slot, participant = person.begin("BL", START), person.participant(START)
    with counted_checks() as checks, move_heads_once(person.installation.engine):
        receipt = submit_form(
            ParticipantContext(person.installation, participant, START),
            slot,
            SubmittedForm(ValidAnswers(qlq(2)), "s1", True),
        )
    assert receipt.number == only_response(person).public_id
    assert (checks.definitions[slot], checks.answers.total()) == (1, 0)


def test_what_was_read_before_somebody_came_between_is_read_again(person: Person) -> None:
    slot = person.begin("BL", START)
    form = find_form(person.device(START), slot)
    assert form is not None
    context = ParticipantContext(person.installation, form.participant, START)
    known_before = submission_context(context, form.rows)
    person.save("BL", START, SubmittedAnswer(1, 0, "q1", 4))
    change_language(context, "zh_CN")
    sending = SubmittedForm(qlq(2), "s1", True)
    receipt = submit_form(context, slot, sending, known_before)
    stored, instrument = only_response(person), known_before.definition.instrument
    assert (receipt.number, receipt.overtaken) == (stored.public_id, True)
    # Language and words are those of one moment, that of the sending.
    words = person.installation.get_text("sbrt-nsclc", instrument, "zh_CN").sha256
    assert (stored.language, stored.text_sha256) == ("zh_CN", words)
    assert len(stored_rows(person, AnswerEvent)) == 31


def test_a_sending_meets_the_newest_answer_of_each_item(person: Person) -> None:
    slot = person.begin("BL", START)
    for number, (item, value) in enumerate((("q1", 4), ("q2", 1), ("q1", 2), ("q3", None)), start=1):
        person.save("BL", START, SubmittedAnswer(number, number - 1, item, value))
    form = find_form(person.device(START), slot)
    assert form is not None
    stored = {item: (answer.answer, answer.revision) for item, answer in form.rows.draft.items()}
    assert stored == {"q1": (2, 3), "q2": (1, 2), "q3": (None, 4)}


def test_nobody_arrives_at_a_form_that_is_not_theirs(person: Person, people: Callable[[int], Person]) -> None:
    theirs = people(2).slot("BL").public_id
    assert find_form(person.device(START), theirs) is None
    stranger = DeviceContext.of_cookie(person.installation, "no cookie of ours", START)
    assert find_form(stranger, person.slot("BL").public_id) is None


@pytest.mark.req("CAP-14")
def test_no_acknowledged_answer_is_lost_beside_a_submission(person: Person) -> None:
    slot = person.begin("BL", START)

    def save(number: int) -> str | None:
        answers = [SubmittedAnswer(1, 0, f"q{number}", 3)]
        try:
            save_answers(person.device(START), slot, AnswerBatch(f"phone{number}", answers))
        except Refused as entries:
            return entries.code
        return None

    with ThreadPoolExecutor(4) as pool:
        saves = [pool.submit(save, number) for number in range(1, 6)]
        submission = pool.submit(submit_visit, person, "BL", SubmittedForm(qlq(2), "s1", True), START)
        later = [pool.submit(save, number) for number in range(6, 11)]
        outcomes = {number: each.result() for number, each in enumerate(saves + later, start=1)}
        submission.result()
    assert set(outcomes.values()) <= {None, "already_submitted"}
    stored = {event.item for event in stored_rows(person, AnswerEvent) if event.value == 3}
    assert stored == {f"q{number}" for number, code in outcomes.items() if code is None}


@pytest.mark.usefixtures("randomised")
def test_a_diary_stores_only_applicable_answers(person: Person) -> None:
    person.begin("D0", START)
    receipt = person.submit("D0", START, {"any_symptom": 0, "fatigue": 7})
    assert receipt.repeated is False
    assert only_response(person).answers == {"any_symptom": 0}
    assert only_response(person).scores == []
    assert person.submit("D0", START, {"any_symptom": 0}).repeated is True


@pytest.fixture
def statements(person: Person) -> Iterator[list[str]]:
    """The first word of every statement, transactions included, from now on."""
    engine, words = person.installation.engine, list[str]()
    pools = {engine, autocommit_engine(engine)}

    def heard(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        words.append(statement.split(maxsplit=1)[0].upper())

    def begun(_connection: object) -> None:
        words.append("BEGIN")

    for pool in pools:
        sa.event.listen(pool, "before_cursor_execute", heard)
        sa.event.listen(pool, "begin", begun)
    yield words
    for pool in pools:
        sa.event.remove(pool, "before_cursor_execute", heard)
        sa.event.remove(pool, "begin", begun)


@pytest.mark.parametrize("idle_seconds", [0, 120])
def test_keeping_a_browser_alive_adds_no_transaction_to_a_submission(
    person: Person, statements: list[str], idle_seconds: int
) -> None:
    slot, at = person.begin("BL", START), START + timedelta(seconds=idle_seconds)
    person.save("BL", START, SubmittedAnswer(1, 0, "q1", 2))
    context = ParticipantContext(person.installation, person.participant(at), at)
    statements.clear()
    submit_form(context, slot, SubmittedForm(qlq(2), "s1", True))
    assert person.participant(at).seen_at == at
    on_postgresql = person.installation.engine.dialect.name == "postgresql"
    writes = [word for word in statements if word in ("UPDATE", "WITH", "INSERT")]
    assert statements.count("COMMIT") == 0
    if on_postgresql:
        assert writes == ["WITH"]
    else:
        expected = ["UPDATE", "INSERT", "INSERT", "INSERT", "UPDATE", "INSERT", "UPDATE"]
        assert sorted(writes) == sorted(expected + ["UPDATE"] * (idle_seconds > 60))


@pytest.mark.parametrize("idle_seconds", [0, 120])
def test_keeping_a_browser_alive_adds_no_transaction_to_a_save(
    person: Person, statements: list[str], idle_seconds: int
) -> None:
    at = START + timedelta(seconds=idle_seconds)
    person.begin("BL", START)
    slot = person.slot("BL").public_id
    statements.clear()
    save_answers(person.device(at), slot, AnswerBatch("c1", [SubmittedAnswer(1, 0, "q1", 2)]))
    writes = [word for word in statements if word in ("UPDATE", "WITH", "INSERT")]
    if person.installation.engine.dialect.name == "postgresql":
        assert writes == ["WITH"]
    else:
        assert sorted(writes) == ["INSERT", "INSERT", *["UPDATE"] * (1 + (idle_seconds > 60))]
    assert person.participant(at).seen_at == at


def test_a_submission_changes_nothing_that_was_read(person: Person) -> None:
    slot = person.begin("BL", START)
    form = find_form(person.device(START), slot)
    assert form is not None
    known = submission_context(ParticipantContext(person.installation, form.participant, START), form.rows)
    before = deepcopy(known.rows)
    submission = build_submission(
        known, check_submission(known, SubmittedForm(qlq(2), "s1", True), START), START
    )
    assert known.rows == before
    assert (submission.slot.submitted_at, submission.slot.version) == (START, before.slot.version + 1)


def test_a_later_version_of_a_response_is_built_like_the_first(person: Person) -> None:
    slot = person.begin("BL", START)
    form = find_form(person.device(START), slot)
    assert form is not None
    known = submission_context(ParticipantContext(person.installation, form.participant, START), form.rows)
    first = build_submission(
        known, check_submission(known, SubmittedForm(qlq(2), "s1", True), START), START
    ).response
    later = START + days(1)
    origin = ResponseOrigin(
        public_id=first.public_id,
        submission="correction",
        language="en",
        presentation={},
        app_version="1",
        out_of_window=False,
        in_grace=False,
        submitted_at=later,
        originator="site",
    )
    answers = ValidAnswers(qlq(2) | {"q1": 4})
    second = build_response(known.definition, form.rows.slot, origin, version=2, answers=answers)
    assert (second.version, second.public_id, second.answers["q1"]) == (2, first.public_id, 4)
    assert (first.version, first.answers["q1"]) == (1, 2)
    assert second.content_sha256 != first.content_sha256
    assert second.scores != first.scores
