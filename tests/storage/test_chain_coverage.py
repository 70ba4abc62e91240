"""A row is covered by an entry of the chain to which it belongs, and by no other: each attack is refused."""

from collections.abc import Callable
from datetime import datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlmodel import Session

from app.domain.capture.answers import SubmittedAnswer
from app.domain.records.access import SYSTEM
from app.domain.records.audit import AuditEvent
from app.storage.audit import append_if_unmoved, audited_writes
from app.storage.database.write_guard import WriteRefused
from app.storage.row_changes import INSTALLATION_CHAIN, chain_of_row, participant_chain, study_chain
from app.storage.statements.connections import open_autocommit, open_transaction
from app.storage.statements.raise_alerts import RaisedAlerts, write_alerts
from app.storage.statements.save_answers import ArrivingAnswers, AuditedAnswers, save_if_unmoved
from app.storage.statements.saving_context import SavingContext
from app.storage.tables.audit import AuditChain, AuditEntry, ClockConfirmation
from app.storage.tables.capture import AnswerEvent
from app.storage.tables.columns import table_of
from app.storage.tables.edc import EdcRecord
from app.storage.tables.participants import Device, Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.staff import RoleGrant, Staff
from app.storage.tables.studies import Site, Study
from app.storage.unit_of_work import UnitOfWork
from tests.storage.attacks import PARTICIPANT, UPDATE, Attack, Means, commit_hot
from tests.storage.trial import Trial, a_participant, a_slot

WHOEVER = sa.select(sa.func.max(PARTICIPANT.c.id)).scalar_subquery()
TOKEN = "t"


def told_in(chain: Callable[[Means], str], event: AuditEvent, change: Attack) -> Attack:
    """A change of rows of a session that is told in another chain than theirs."""

    def attack(means: Means) -> None:
        change(means)
        means.work.record(event, chain(means))

    return attack


def others(means: Means) -> str:
    return means.others_chain


def change_both(means: Means) -> None:
    means.change()
    means.work.session.get_one(Participant, means.other).language = "en"


def move_unread_row(means: Means) -> None:
    """A slot becomes another participant's, and whose it was is not read before."""
    slot = means.work.session.get_one(Slot, means.trial.slot)
    means.work.session.expire(slot)
    slot.participant_id = means.other


def add_child_of_new(means: Means) -> None:
    """A form of a participant who is new in this transaction, and whose own entry does not cover it."""
    child = a_participant(means.work, means.trial.study, means.trial.site, "01-778")
    means.work.session.add(a_slot(child, "W6", None))


def rename_site(means: Means) -> None:
    means.work.session.get_one(Site, means.trial.site).name = "Two"


def add_account(means: Means) -> None:
    means.work.session.add(
        Staff(email="a@b", name="A", language="en", password_hash="", totp_sealed="", created_at=means.at)
    )


def commit_with_entry_of_other(means: Means) -> None:
    """A changed row, a stored entry of somebody else, and the commit of the driver."""
    means.change()
    event = AuditEvent.LANGUAGE_CHANGED
    append_if_unmoved(means.connection, means.entry(means.connection, event, means.others_chain))
    means.driver.commit()


def hot(statement: sa.Executable) -> Attack:
    """A statement over rows that it does not name, with the entry of one."""

    def write(means: Means, connection: Connection) -> None:
        entry = means.entry(connection, AuditEvent.LANGUAGE_CHANGED)
        with audited_writes(connection, entry, "participant"):
            append_if_unmoved(connection, entry)
            connection.execute(statement)

    return commit_hot(open_transaction, write)


def store_entry_of_other(means: Means, connection: Connection) -> None:
    """Opened with the entry of one chain, and the one of another is stored."""
    event = AuditEvent.LANGUAGE_CHANGED
    with audited_writes(connection, means.entry(connection, event), "participant"):
        append_if_unmoved(connection, means.entry(connection, event, means.others_chain))
        connection.execute(UPDATE.where(PARTICIPANT.c.id == means.trial.participant))


def store_both_at_once(means: Means, connection: Connection) -> None:
    """One statement that stores the entry of another chain along with its row."""
    event = AuditEvent.LANGUAGE_CHANGED
    other = means.entry(connection, event, means.others_chain)
    changed = UPDATE.where(PARTICIPANT.c.id == means.trial.participant).cte("changed")
    with audited_writes(connection, means.entry(connection, event), "participant"):
        connection.execute(sa.insert(AuditEntry).values(**other.entry.as_row()).add_cte(changed))


def raise_alert_of_other(means: Means, connection: Connection) -> None:
    raised = RaisedAlerts(
        means.entry(connection, AuditEvent.ALERT_RAISED), ({"participant_id": means.other},)
    )
    write_alerts(connection, raised)


def save_by(of_slot: int, chain: Callable[[Means], str]) -> Attack:
    """An answer to the participant's form, as a row of a slot `of_slot` further, with an entry of a chain."""

    def attack(means: Means) -> None:
        slot = means.work.session.get_one(Slot, means.trial.slot).public_id
        means.work.session.rollback()
        answers = [SubmittedAnswer(1, 0, "q1", 1)]

        def judge(read: SavingContext) -> AuditedAnswers:
            with means.engine.connect() as connection:
                entry = means.entry(connection, AuditEvent.ANSWER_SAVED, chain(means))
            return AuditedAnswers(entry, [{"slot_id": read.slot.id + of_slot}], None)

        save_if_unmoved(means.engine, ArrivingAnswers(TOKEN, slot, "c", answers), judge)

    return attack


UNCOVERED = "changed without an event"
UNNAMED = "not named by their keys"
FOREIGN = "covers no row of participant"
OWED = "has no entry in the audit trail"
ATTACKS: dict[str, tuple[Attack, str]] = {
    "a row told by another's entry": (told_in(others, AuditEvent.LANGUAGE_CHANGED, Means.change), UNCOVERED),
    "two rows told by one's entry": (told_in(others, AuditEvent.LANGUAGE_CHANGED, change_both), UNCOVERED),
    "an unread row given to another": (
        told_in(others, AuditEvent.VISIT_REQUESTED, move_unread_row),
        "slot.participant_id never changes so",
    ),
    "a child of a new parent": (told_in(others, AuditEvent.VISIT_REQUESTED, add_child_of_new), UNCOVERED),
    "a site told by a participant": (told_in(others, AuditEvent.SITE_UPDATED, rename_site), UNCOVERED),
    "an account told by a participant": (told_in(others, AuditEvent.STAFF_CREATED, add_account), UNCOVERED),
    "an entry of another and a commit": (commit_with_entry_of_other, OWED),
    "hot on everybody": (hot(UPDATE), UNNAMED),
    "hot on whom a query finds": (hot(UPDATE.where(PARTICIPANT.c.id == WHOEVER)), UNNAMED),
    "hot on itself": (hot(UPDATE.where(PARTICIPANT.c.id == PARTICIPANT.c.id)), UNNAMED),
    "hot on one or everybody": (hot(UPDATE.where((PARTICIPANT.c.id == 1) | sa.true())), UNNAMED),
    "hot removal of everybody": (hot(sa.delete(PARTICIPANT)), UNNAMED),
    "hot with an entry of another": (commit_hot(open_transaction, store_entry_of_other), OWED),
    "hot alert of another": (commit_hot(open_transaction, raise_alert_of_other), FOREIGN),
    "hot answer of another's form": (save_by(1, lambda means: means.trial.chain), "is not one of slot"),
    "hot answer with another's entry": (save_by(0, others), FOREIGN),
}
ON_POSTGRESQL = {
    "hot with an entry of another inside": (
        commit_hot(open_autocommit, store_both_at_once),
        "a change that is committed without its entry",
    )
}


@pytest.mark.req("AUD-01")
def test_no_entry_covers_rows_of_another_chain(engine: Engine, trial: Trial, at: datetime) -> None:
    with UnitOfWork(engine, SYSTEM, at) as work:
        other = a_participant(work, trial.study, trial.site, "01-777").id
        phone = Device(participant_id=trial.participant, token_hash=TOKEN, label="x", bound_at=at, seen_at=at)
        work.session.add(phone)
        work.record(AuditEvent.DEVICE_BOUND, trial.chain)
    stored = [sa.select(table_of(each)) for each in (Participant, Slot, Site, Staff, AuditChain)]
    with Session(engine) as session:
        before = [session.execute(each).all() for each in stored]
    attacks = ATTACKS | (ON_POSTGRESQL if engine.dialect.name == "postgresql" else {})
    for name, (attack, refusal) in attacks.items():
        with pytest.raises(WriteRefused) as refused, UnitOfWork(engine, SYSTEM, at) as work:
            attack(Means(engine, work, trial, other, at))
        assert refusal in str(refused.value), name
        with Session(engine) as session:
            assert [session.execute(each).all() for each in stored] == before, name
    # The same changes, each told in its own chain.
    with UnitOfWork(engine, SYSTEM, at) as work:
        means = Means(engine, work, trial, other, at)
        for change in (change_both, add_child_of_new, rename_site, add_account):
            change(means)
        newest = work.session.execute(sa.select(WHOEVER)).scalar_one()
        for event, chain in (
            (AuditEvent.LANGUAGE_CHANGED, trial.chain),
            (AuditEvent.LANGUAGE_CHANGED, means.others_chain),
            (AuditEvent.VISIT_REQUESTED, participant_chain(newest)),
            (AuditEvent.SITE_UPDATED, study_chain(trial.study)),
            (AuditEvent.STAFF_CREATED, INSTALLATION_CHAIN),
        ):
            work.record(event, chain)


def test_every_record_has_one_chain(trial: Trial, engine: Engine) -> None:
    """What names a participant is told in theirs, what names a study in its, all else elsewhere."""
    rows = (
        (Participant.model_construct(id=7, study_id=1), "participant:7"),
        (Slot.model_construct(id=8, participant_id=7, study_id=1), "participant:7"),
        (AnswerEvent.model_construct(slot_id=trial.slot), trial.chain),
        (Study.model_construct(id=3), "study:3"),
        (Site.model_construct(id=4, study_id=3), "study:3"),
        (RoleGrant.model_construct(staff_id=1, study_id=3), INSTALLATION_CHAIN),
        (Staff.model_construct(id=3), INSTALLATION_CHAIN),
        (ClockConfirmation.model_construct(), INSTALLATION_CHAIN),
        (EdcRecord.model_construct(study_id=trial.study, resource="participants/01-001/arm"), trial.chain),
    )
    with Session(engine) as session:
        for row, chain in rows:
            assert chain_of_row(row, session) == chain
