"""The database itself keeps what was written: no statement, trick or role changes it (AUD-03)."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import product
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from app.domain.alerts.handling import AlertActionKind
from app.domain.capture.corrections import CorrectionEvidence, CorrectionOutcome
from app.domain.capture.paper import PaperOutcome, PaperReason
from app.domain.desk.matters import MatterDecision, MatterKind
from app.domain.records.access import SYSTEM
from app.domain.records.audit import AuditEvent
from app.domain.records.feed import FeedEventDraft
from app.domain.today.contacts import ContactOutcome
from app.storage.database.write_guard import WriteRefused
from app.storage.engine import open_engine, write_engine
from app.storage.row_changes import INSTALLATION_CHAIN, study_chain
from app.storage.tables import APPEND_ONLY
from app.storage.tables.audit import ClockConfirmation, DaySeal
from app.storage.tables.capture import (
    Alert,
    AlertAction,
    AnswerEvent,
    Correction,
    CorrectionDecision,
    PaperEntry,
    Quarantine,
    Response,
    Settlement,
)
from app.storage.tables.columns import metadata
from app.storage.tables.edc import EdcClient, Transfer
from app.storage.tables.feed import DataCut
from app.storage.tables.packs import InstrumentPack, LicenceDecision
from app.storage.tables.participants import ContactEntry
from app.storage.tables.schedule import Disposition
from app.storage.tables.staff import AccessReview
from app.storage.tables.studies import KeyCanary, PlanAmendment
from app.storage.unit_of_work import UnitOfWork
from tests import postgres
from tests.stages import Stage
from tests.storage.trial import AT, Trial, set_up_trial
from tests.unaudited_writes import allow_everything

RAISED = sa.exc.DBAPIError
EVENTS = (
    AuditEvent.FORM_SUBMITTED,
    AuditEvent.ANSWERS_QUARANTINED,
    AuditEvent.DISPOSITION_RECORDED,
    AuditEvent.CONTACT_LOGGED,
    AuditEvent.EDC_CLIENT_CREATED,
    AuditEvent.FEED_PULLED,
    AuditEvent.PACK_IMPORTED,
    AuditEvent.CLOCK_CONFIRMED,
    AuditEvent.ACCESS_REVIEWED,
    AuditEvent.CORRECTION_PROPOSED,
    AuditEvent.CORRECTION_DECLINED,
    AuditEvent.ALERT_RAISED,
    AuditEvent.ALERT_ACTED,
    AuditEvent.MATTER_SETTLED,
    AuditEvent.CUT_MADE,
    AuditEvent.PAPER_ENTERED,
    AuditEvent.PLAN_AMENDED,
)
"""Of acts that write the rows of `stored_rows`, each in every chain."""


def _write(url: str) -> Sequence[str]:
    engine = open_engine(url)
    with UnitOfWork(engine, SYSTEM, AT) as work:
        trial = set_up_trial(work)
    with UnitOfWork(engine, SYSTEM, AT) as work:
        work.session.add_all(stored_rows(trial, AT))
        for event, chain in product(EVENTS, (trial.chain, study_chain(trial.study), INSTALLATION_CHAIN)):
            work.record(event, chain)
        work.publish(trial.study, FeedEventDraft("visit.recorded", "01-001", trial.site, "r", 1, {}, {}))
    engine.dispose()
    return ()


WRITTEN = Stage(_write)
"""One row in every append-only table."""


@pytest.fixture
def stage() -> Stage:
    return WRITTEN


def stored_rows(trial: Trial, at: datetime) -> list[object]:
    """A row of each table of acts, in an order in which they can be stored."""
    return [*_of_a_form(trial, at), *_of_corrections_and_alerts(trial, at), *_of_a_study(trial, at)]


def _of_a_form(trial: Trial, at: datetime) -> list[object]:
    answer = AnswerEvent(
        slot_id=trial.slot, revision=1, client="c", seq=1, base=0, item="q1", value=1, language="en",
        text_sha256="0" * 64, received_at=at,
    )  # fmt: skip
    response = Response(
        public_id="r1", slot_id=trial.slot, study_id=trial.study, version=1, submission="s",
        content_sha256="0" * 64, answers={"q1": 1}, scores=[], instrument_sha256="0" * 64,
        text_sha256="0" * 64, algorithm="a",
        language="en", originator="participant", mode="own_device", presentation={}, app_version="0",
        out_of_window=False, in_grace=False, begun_at=at, submitted_at=at,
    )  # fmt: skip
    quarantine = Quarantine(
        slot_id=trial.slot, reason="late", content_sha256="0" * 64, answers={"q1": 2}, received_at=at
    )
    disposition = Disposition(
        participant_id=trial.participant, kind="lost", effective_on=at.date(), stated_date="2026-03-01",
        source="site", recorded_at=at, recorded_by="x",
    )  # fmt: skip
    contact = ContactEntry(
        participant_id=trial.participant, outcome=ContactOutcome.no_answer, contacted_at=at, recorded_at=at,
        recorded_by="x",
    )  # fmt: skip
    return [answer, response, quarantine, disposition, contact]


def _of_a_study(trial: Trial, at: datetime) -> list[object]:
    client = EdcClient(
        client_id="c1", study_id=trial.study, name="EDC", secret_hash="0" * 64, scopes="", created_at=at
    )
    pulled = Transfer(
        client_id="c1", study_id=trial.study, resource="changes", after=0, through=1, rows=1, sha256="0" * 64,
        pulled_at=at,
    )  # fmt: skip
    pack = InstrumentPack(
        study_id=trial.study, instrument="moon-6", version="1.0", lang="en", name="Moonlight", copyright="©",
        licensee="x", permission="x", valid_until=at.date(), sha256="0" * 64, content="x", imported_at=at,
        imported_by="x",
    )  # fmt: skip
    seal = DaySeal(study_id=trial.study, sealed_on="2026-03-01", chains=1, hash="0" * 64, sealed_at=at)
    reviewed = AccessReview(
        study_id=trial.study, reviewed_at=at, reviewed_by="x", people=1, grants=1, listed_sha256="0" * 64,
        notes="x",
    )  # fmt: skip
    cut = DataCut(
        study_id=trial.study, name="IA1", seq=1, feed_hash="0" * 64, cut_at=at, plan_version="1.0",
        plan_sha256="0" * 64, app_version="0", purpose="x", made_by="x",
    )  # fmt: skip
    confirmed = ClockConfirmation(confirmed_at=at, boot_id="x", boot_ms=1)
    canary = KeyCanary(id=1, sealed="x", laid_at=at)
    amended = PlanAmendment(
        study_id=trial.study, from_version="1.0", to_version="1.1", to_sha256="0" * 64, reason="x",
        began_at=at, began_by="x",
    )  # fmt: skip
    return [client, pulled, pack, seal, reviewed, cut, confirmed, canary, amended]


def _of_corrections_and_alerts(trial: Trial, at: datetime) -> list[object]:
    correction = Correction(
        id=1, public_id="k1", participant_id=trial.participant, study_id=trial.study, slot_id=trial.slot,
        response_version=1, changes={}, words="x", told_on=at.date(), evidence=CorrectionEvidence.telephone,
        proposed_at=at, proposed_by="x",
    )  # fmt: skip
    decision = CorrectionDecision(
        correction_id=1, participant_id=trial.participant, outcome=CorrectionOutcome.declined, decided_at=at,
        decided_by="x",
    )  # fmt: skip
    alert = Alert(
        id=1, public_id="a1", participant_id=trial.participant, study_id=trial.study, slot_id=trial.slot,
        rule="r", response_version=1, raised_at=at,
    )  # fmt: skip
    action = AlertAction(
        alert_id=1, participant_id=trial.participant, kind=AlertActionKind.called, recorded_at=at,
        recorded_by="x",
    )  # fmt: skip
    paper = PaperEntry(
        public_id="p1", participant_id=trial.participant, study_id=trial.study, slot_id=trial.slot,
        answers={}, collected_on=at.date(), paper="x", reason=PaperReason.other,
        outcome=PaperOutcome.submitted, entered_at=at, entered_by="x",
    )  # fmt: skip
    settled: dict[str, Any] = {"reason": "x", "settled_at": at, "settled_by": "x"}
    settlements = [
        Settlement(
            participant_id=trial.participant, kind=MatterKind.quarantine, ref="1",
            decision=MatterDecision.rejected, **settled,
        ),
        LicenceDecision(study_id=trial.study, ref="x", decision=MatterDecision.ends, **settled),
    ]  # fmt: skip
    return [correction, decision, alert, action, paper, *settlements]


def count(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one())


def a_column(table: str) -> str:
    """A column that is no key, so that only the guard can stand in the way."""
    return next(column.name for column in metadata.tables[table].columns if not column.primary_key)


@pytest.mark.req("AUD-03")
@pytest.mark.parametrize("table", APPEND_ONLY)
def test_the_program_can_neither_change_nor_remove(engine: Engine, table: str) -> None:
    column = a_column(table)
    before = count(engine, table)
    for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"):
        with (
            pytest.raises(RAISED, match=r"append-only|permission denied"),
            write_engine(engine).begin() as connection,
            allow_everything(connection),
        ):
            connection.execute(sa.text(statement))
    assert count(engine, table) == before > 0


@pytest.mark.req("AUD-03")
@pytest.mark.parametrize("table", APPEND_ONLY)
def test_sqlite_refuses_replace_into(migrated_sqlite_engine: Engine, table: str) -> None:
    assert count(migrated_sqlite_engine, table) > 0
    for words in ("INSERT OR REPLACE", "REPLACE"):
        statement = f"{words} INTO {table} SELECT * FROM {table}"
        with (
            pytest.raises(RAISED, match="append-only"),
            write_engine(migrated_sqlite_engine).begin() as connection,
            allow_everything(connection),
        ):
            connection.execute(sa.text(statement))
    upsert = f"UPDATE OR REPLACE {table} SET {a_column(table)} = NULL"
    with (
        pytest.raises(RAISED, match="append-only"),
        write_engine(migrated_sqlite_engine).begin() as connection,
        allow_everything(connection),
    ):
        connection.execute(sa.text(upsert))


@pytest.fixture
def owner(postgres_cluster: postgres.Cluster, migrated_postgres: str) -> Iterator[sa.Connection]:
    """The owner of the database, who may do most."""
    engine = sa.create_engine(postgres_cluster.url(migrated_postgres))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.mark.req("AUD-03")
@pytest.mark.parametrize("table", APPEND_ONLY)
def test_even_the_owner_is_stopped_by_the_guards(owner: sa.Connection, table: str) -> None:
    with pytest.raises(RAISED, match="append-only"):
        owner.execute(sa.text(f"TRUNCATE {table} CASCADE"))
    owner.rollback()
    if table == "audit_entry":
        for statement in ("UPDATE audit_entry SET reason = 'x'", "DELETE FROM audit_entry"):
            with pytest.raises(RAISED, match="append-only"):
                owner.execute(sa.text(statement))
            owner.rollback()


@pytest.mark.req("AUD-03", "SEC-04")
def test_the_programs_role_may_add_and_little_else(owner: sa.Connection) -> None:
    granted = sa.text(
        "SELECT table_name, string_agg(privilege_type, ' ' ORDER BY privilege_type) AS rights"
        " FROM information_schema.role_table_grants WHERE grantee = 'daybook_app' GROUP BY table_name"
    )
    rights = {row.table_name: row.rights for row in owner.execute(granted)}
    assert rights.pop("alembic_version") == "SELECT"
    assert rights.pop("act_key") == "DELETE INSERT SELECT UPDATE"  # spent keys are purged
    assert {*rights, "act_key"} == set(metadata.tables)
    for table, rights_held in rights.items():
        assert rights_held == ("INSERT SELECT" if table in APPEND_ONLY else "INSERT SELECT UPDATE")


@pytest.mark.req("SEC-04")
@pytest.mark.parametrize("statement", ["TRUNCATE audit_entry", "DROP TABLE audit_entry", "DELETE FROM slot"])
def test_the_programs_role_cannot_go_around_its_grants(postgres_engine: Engine, statement: str) -> None:
    refused = pytest.raises(RAISED, match=r"permission denied|must be owner")
    with refused, write_engine(postgres_engine).begin() as connection, allow_everything(connection):
        connection.execute(sa.text(statement))


@pytest.mark.req("SEC-04")
def test_a_reading_connection_cannot_write_on_postgresql(postgres_engine: Engine) -> None:
    with pytest.raises(WriteRefused, match="read-only"), postgres_engine.begin() as connection:
        connection.execute(sa.text("UPDATE participant SET language = 'en'"))
