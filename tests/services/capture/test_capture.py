"""Opening, beginning and saving: each answer stored as it is given, once, and in the trail."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from sqlmodel import select

from app.domain.capture.answers import HelpedBy, LateReason, SubmittedAnswer
from app.domain.capture.outbox import item_tokens, record_checksum
from app.domain.plans.status import ExitKind
from app.domain.records.audit import AuditEvent
from app.services.accounts.participant_session import change_language, unlock_device
from app.services.capture.answer_saving import AnswerBatch, save_answers, save_draft
from app.services.capture.forms import begin_form, get_form_definition, open_form
from app.services.core.context import DeviceContext, ParticipantContext
from app.services.core.installation import Installation
from app.storage.engine import autocommit_engine
from app.storage.tables.audit import AuditEntry
from app.storage.tables.capture import AnswerEvent
from tests.form_checks import counted_checks
from tests.refusals import refusal_of, refused
from tests.scenarios.concurrent_writer import move_heads_once
from tests.scenarios.people import PIN, START, Person, days, with_all_items
from tests.statement_log import record_statements, statement_verbs

DEVICE = datetime(2026, 3, 2, 9, 31, tzinfo=timezone(timedelta(hours=8)))


def stored(person: Person, visit: str = "BL") -> list[AnswerEvent]:
    slot = person.slot(visit).id
    with person.installation.read() as session:
        statement = select(AnswerEvent).where(AnswerEvent.slot_id == slot).order_by(sa.text("revision"))
        return list(session.exec(statement))


def trail(installation: Installation, event: AuditEvent) -> list[AuditEntry]:
    with installation.read() as session:
        return list(
            session.exec(select(AuditEntry).where(AuditEntry.event == event.value).order_by(sa.text("seq")))
        )


def test_a_form_is_read_by_its_id_with_its_text(person: Person) -> None:
    participant, slot = person.participant(START), person.slot("BL").public_id
    form = open_form(ParticipantContext(person.installation, participant, START), slot)
    assert (form.instrument.id, form.text.lang, form.revision, dict(form.answers)) == ("qlq-c30", "en", 0, {})
    assert (form.slot.begun_at, form.asks_late_reason, form.leave_out) == (None, False, frozenset())
    assert (
        get_form_definition(
            ParticipantContext(person.installation, participant, participant.seen_at), slot
        ).text
        == form.text
    )


@pytest.mark.req("IAM-03")
def test_a_form_of_somebody_else_is_not_there(person: Person, people: Callable[[int], Person]) -> None:
    theirs = people(2).slot("BL").public_id
    participant = person.participant(START)
    for act in (
        lambda: open_form(ParticipantContext(person.installation, participant, START), theirs),
        lambda: get_form_definition(
            ParticipantContext(person.installation, participant, participant.seen_at), theirs
        ),
        lambda: begin_form(ParticipantContext(person.installation, participant, START), theirs, None, None),
        lambda: save_answers(
            person.device(START), theirs, AnswerBatch("c", [SubmittedAnswer(1, 0, "q1", 1)])
        ),
    ):
        assert refused(act) == "unknown_slot"


def test_a_form_waits_for_its_window_and_ends_with_it(person: Person) -> None:
    participant = person.participant(START)
    waiting = person.slot("W6").public_id
    assert (
        refused(lambda: open_form(ParticipantContext(person.installation, participant, START), waiting))
        == "not_yet_open"
    )
    person.randomise(date(2026, 3, 2), START)
    early = refusal_of(
        lambda: open_form(ParticipantContext(person.installation, participant, START), waiting)
    )
    assert (early.code, early.details["day"]) == ("not_yet_open", date(2026, 4, 6))
    late = refusal_of(
        lambda: begin_form(
            ParticipantContext(person.installation, participant, START + days(60)), waiting, None, None
        )
    )
    assert (late.code, late.details["day"]) == ("window_closed", date(2026, 4, 20))


def test_beginning_is_recorded_once_with_who_helped(person: Person) -> None:
    participant, slot = person.participant(START), person.slot("BL").public_id
    begin_form(ParticipantContext(person.installation, participant, START), slot, HelpedBy.nurse, None)
    begin_form(ParticipantContext(person.installation, participant, START + days(1)), slot, None, None)
    row = person.slot("BL")
    assert (row.begun_at, row.helped_by) == (START, "nurse")
    assert len(trail(person.installation, AuditEvent.FORM_BEGUN)) == 1


@pytest.mark.usefixtures("randomised")
def test_a_late_diary_entry_asks_for_its_reason(person: Person) -> None:
    at = START + days(2)
    unlock_device(ParticipantContext(person.installation, person.participant(at), at), PIN)
    slot = person.slot("D0").public_id
    form = open_form(ParticipantContext(person.installation, person.participant(at), at), slot)
    assert form.asks_late_reason
    refusal = refusal_of(
        lambda: begin_form(
            ParticipantContext(person.installation, person.participant(at), at), slot, None, None
        )
    )
    assert (refusal.code, refusal.details["field"]) == ("late_reason_needed", "late_reason")
    begin_form(
        ParticipantContext(person.installation, person.participant(at), at), slot, None, LateReason.too_ill
    )
    assert person.slot("D0").late_reason == "too_ill"


@pytest.mark.req("AUD-02", "AUD-05", "CAP-07")
def test_each_answer_is_an_event_with_its_change_audited(person: Person) -> None:
    person.begin("BL", START)
    assert person.save("BL", START, SubmittedAnswer(1, 0, "q1", 3, DEVICE)) == 1
    assert (
        person.save(
            "BL",
            START,
            SubmittedAnswer(2, 1, "q1", 2),
            SubmittedAnswer(3, 1, "q2", None),
            SubmittedAnswer(4, 1, "q1", 4),
        )
        == 4
    )
    rows = stored(person)
    assert [(row.revision, row.item, row.value) for row in rows] == [
        (1, "q1", 3),
        (2, "q1", 2),
        (3, "q2", None),
        (4, "q1", 4),
    ]
    assert (rows[0].device_offset, rows[1].device_offset, rows[0].language) == (480, None, "en")
    assert rows[0].device_at == DEVICE
    first, second = trail(person.installation, AuditEvent.ANSWER_SAVED)
    assert first.changes == '[{"field":"q1","new":3,"old":null,"record":"answer:BL/qlq-c30"}]'
    assert second.changes.count('"field"') == 3
    assert '"field":"q1","new":4,"old":2' in second.changes
    assert '"field":"q2","new":"blank"' in second.changes
    form = open_form(
        ParticipantContext(person.installation, person.participant(START), START), person.slot("BL").public_id
    )
    assert (dict(form.answers), form.revision) == ({"q1": 4, "q2": None}, 4)


@pytest.mark.req("CAP-14")
def test_a_replay_stores_nothing_and_a_mixed_one_only_what_is_new(person: Person) -> None:
    person.begin("BL", START)
    person.save("BL", START, SubmittedAnswer(1, 0, "q1", 3))
    assert person.save("BL", START, SubmittedAnswer(1, 0, "q1", 3)) == 1
    assert person.save("BL", START, SubmittedAnswer(1, 0, "q1", 3), SubmittedAnswer(2, 1, "q2", 1)) == 2
    assert person.save("BL", START, SubmittedAnswer(1, 0, "q1", 1), client="c2") == 3
    assert [row.value for row in stored(person)] == [3, 1, 1]


@pytest.mark.usefixtures("randomised")
def test_words_reach_the_trail_as_a_digest_only(person: Person) -> None:
    person.begin("D0", START)
    assert refused(lambda: person.save("D0", START, SubmittedAnswer(1, 0, "other", "sore"))) == "unknown_item"
    person.installation = with_all_items(person.installation)
    person.save("D0", START, SubmittedAnswer(1, 0, "other", "a sore shoulder"))
    form = open_form(
        ParticipantContext(person.installation, person.participant(START), START), person.slot("D0").public_id
    )
    assert form.answers["other"] == "a sore shoulder"
    (entry,) = trail(person.installation, AuditEvent.ANSWER_SAVED)
    assert '"field":"other"' in entry.changes
    assert "shoulder" not in entry.changes


@pytest.mark.req("CAP-12")
@pytest.mark.parametrize(
    ("item", "value", "code"),
    [("q31", 1, "unknown_item"), ("q1", 5, "out_of_range"), ("q1", "2", "wrong_kind")],
)
def test_what_the_instrument_does_not_know_is_refused(
    person: Person, item: str, value: int | str, code: str
) -> None:
    person.begin("BL", START)
    assert refused(lambda: person.save("BL", START, SubmittedAnswer(1, 0, item, value))) == code
    assert stored(person) == []


def test_an_answer_needs_a_browser_that_is_known_awake_and_has_begun(person: Person) -> None:
    answer = SubmittedAnswer(1, 0, "q1", 1)
    assert refused(lambda: person.save("BL", START, answer)) == "not_begun"
    slot = person.begin("BL", START)
    assert refused(lambda: person.save("BL", START + days(1), answer)) == "locked"
    stranger = DeviceContext.of_cookie(person.installation, "guess", START)
    refusal = refusal_of(lambda: save_answers(stranger, slot, AnswerBatch("c", [answer])))
    assert refusal.code == "not_signed_in"


def test_saving_keeps_a_browser_awake(person: Person) -> None:
    person.begin("BL", START)
    moment = START + days(10 / 1440)
    person.save("BL", moment, SubmittedAnswer(1, 0, "q1", 1))
    assert person.participant(moment).seen_at == moment
    person.save("BL", moment + days(10 / 1440), SubmittedAnswer(2, 1, "q1", 2))
    assert person.participant(moment + days(20 / 1440)).locked is False


def test_answers_end_with_the_participation(person: Person) -> None:
    person.begin("BL", START)
    with person.installation.open_work(person.nurse, START) as work:
        slot = work.session.merge(person.slot("BL"))
        slot.exit_kind, slot.exit_at = ExitKind.withdrew_study, START
        work.record(AuditEvent.DISPOSITION_RECORDED, f"participant:{slot.participant_id}")
        work.mark_published(f"participant:{slot.participant_id}")
    assert refused(lambda: person.save("BL", START, SubmittedAnswer(1, 0, "q1", 1))) == "window_closed"


def test_a_page_keeps_only_what_differs_from_the_draft(person: Person) -> None:
    slot = person.begin("BL", START)
    person.save("BL", START, SubmittedAnswer(1, 0, "q1", 3))
    participant = person.participant(START)

    def stored_after(answers: dict[str, int | str | None]) -> dict[str, object]:
        context = ParticipantContext(person.installation, participant, START)
        form = save_draft(context, open_form(context, slot), answers, 1)
        return {**form.answers, "revision": form.revision}

    assert stored_after({"q1": 3}) == {"q1": 3, "revision": 1}
    assert stored_after({"q1": 4, "q2": None}) == {"q1": 4, "q2": None, "revision": 3}
    assert stored_after({"q1": 3, "q2": None}) == {"q1": 3, "q2": None, "revision": 4}


@pytest.mark.req("CAP-03")
def test_a_change_of_language_keeps_the_answers_and_marks_the_next(person: Person) -> None:
    slot = person.begin("BL", START)
    person.save("BL", START, SubmittedAnswer(1, 0, "q1", 3))
    change_language(ParticipantContext(person.installation, person.participant(START), START), "zh_CN")
    person.save("BL", START, SubmittedAnswer(2, 1, "q2", 2))
    form = open_form(ParticipantContext(person.installation, person.participant(START), START), slot)
    assert (form.text.lang, dict(form.answers)) == ("zh_CN", {"q1": 3, "q2": 2})
    assert [row.language for row in stored(person)] == ["en", "zh_CN"]


def test_simultaneous_saves_of_two_browsers_are_stored(person: Person) -> None:
    person.begin("BL", START)

    def give(number: int) -> int:
        return person.save("BL", START, SubmittedAnswer(1, 0, f"q{number}", 2), client=f"phone{number}")

    with ThreadPoolExecutor(3) as pool:
        revisions = list(pool.map(give, range(1, 7)))
    assert sorted(revisions) == [1, 2, 3, 4, 5, 6]
    assert sorted(row.item for row in stored(person)) == ["q1", "q2", "q3", "q4", "q5", "q6"]


def test_a_save_costs_at_most_two_reads_and_one_write(person: Person) -> None:
    slot = person.begin("BL", START)
    engine, answers = person.installation.engine, [SubmittedAnswer(2, 1, "q2", 1)]
    with record_statements(engine, autocommit_engine(engine)) as statements:
        save_answers(person.device(START), slot, AnswerBatch("c1", answers))
    written = ["WITH"] if engine.dialect.name == "postgresql" else ["UPDATE", "INSERT", "INSERT"]
    assert [verb for verb in statement_verbs(statements) if verb != "SELECT"] == written
    assert statement_verbs(statements).count("SELECT") <= 2


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("count", [1, 2])
def test_an_overtaken_answer_retries_under_the_lock(person: Person, count: int) -> None:
    slot = person.begin("BL", START)
    answers = [SubmittedAnswer(number, 0, f"q{number}", 2) for number in range(1, count + 1)]
    with counted_checks() as checks, move_heads_once(person.installation.engine):
        assert save_answers(person.device(START), slot, AnswerBatch("c1", answers)) == count
    assert len(stored(person)) == count
    assert (checks.definitions[slot], checks.answers.total()) == (1, count)


@pytest.mark.req("OFF-02")
def test_an_answer_altered_on_the_phone_is_refused(person: Person) -> None:
    person.begin("BL", START)
    key = person.installation.secret_box.keyed_digest("outbox", person.slot("BL").public_id)
    bare = SubmittedAnswer(1, 0, "q1", 3, DEVICE, 0, True)
    signed = replace(
        bare, checksum=record_checksum(item_tokens(30, key), "c1", item_tokens(30, key)[0], bare)
    )
    assert refused(lambda: person.save("BL", START, replace(signed, value=1))) == "altered_answer"
    assert person.save("BL", START, signed) == 1


@pytest.mark.req("OFF-02")
def test_a_gap_in_a_phones_numbers_is_recorded(person: Person) -> None:
    person.begin("BL", START)
    person.save("BL", START, SubmittedAnswer(1, 0, "q1", 3))
    person.save("BL", START, SubmittedAnswer(3, 0, "q3", 3))
    person.save("BL", START, SubmittedAnswer(4, 0, "q4", 3))
    assert len(trail(person.installation, AuditEvent.ANSWERS_AFTER_GAP)) == 1
    assert len(trail(person.installation, AuditEvent.ANSWER_SAVED)) == 2


@pytest.mark.req("CAP-14")
def test_late_answers_never_join_a_submitted_form(person: Person) -> None:
    person.begin("BL", START)
    person.submit("BL", START)
    slot, late = person.slot("BL").public_id, [SubmittedAnswer(1, 0, "q1", 3)]
    batch = AnswerBatch("c1", late, late=True)
    refusal = refusal_of(lambda: save_answers(person.device(START), slot, batch))
    assert refusal.code == "already_submitted"
