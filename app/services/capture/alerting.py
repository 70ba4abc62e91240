"""Raising alerts: each rule of the plan at most once for a form, by the version that first met it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from app.domain.alerts.rules import find_triggered_rules
from app.domain.plans.plan import Plan
from app.domain.records.access import SYSTEM
from app.domain.records.audit import AuditEvent, FieldChange
from app.services.core.identifiers import new_public_id
from app.storage.audit import ChainHead, build_entry
from app.storage.plain_rows import ResponseRecord
from app.storage.proof.row_facts import FactKey, new_row_fact
from app.storage.queries.today.alerts import list_raised_rules
from app.storage.row_changes import participant_chain, record_name
from app.storage.statements.raise_alerts import RaisedAlerts
from app.storage.tables.capture import Alert
from app.storage.tables.schedule import Slot
from app.storage.unit_of_work import UnitOfWork


def build_alert_rows(
    plan: Plan,
    instrument: str,
    participant_id: int,
    response: ResponseRecord,
    at: datetime,
    raised_before: Collection[str] = (),
) -> list[dict[str, Any]]:
    """The alerts that a version of a response raises, by their columns.

    `plan` is the version that the form keeps, so that a form is judged by the rules that were in force when
    it was begun (ALR-04). A rule that an earlier version raised is not raised again, and none is taken back.
    """
    triggered = find_triggered_rules(plan.alert_rules, instrument, response.answers, response.scores)
    return [
        {
            "public_id": new_public_id(),
            "participant_id": participant_id,
            "study_id": response.study_id,
            "slot_id": response.slot_id,
            "rule": rule.code,
            "response_version": response.version,
            "raised_at": at,
            "wake_at": at,
        }
        for rule in triggered
        if rule.code not in raised_before
    ]


def raise_alerts(work: UnitOfWork, plan: Plan, slot: Slot, response: ResponseRecord) -> None:
    """Raise in this unit of work what a version calls for and the form did not raise before (COR-07).

    What it raised stays raised: somebody has to look at it, and closes it.
    """
    before = list_raised_rules(work.session, response.slot_id)
    rows = build_alert_rows(plan, slot.instrument, slot.participant_id, response, work.at, before)
    if not rows:
        return
    work.session.add_all([Alert(**row) for row in rows])
    changes = [name_alert(record_name(slot), row["rule"]) for row in rows]
    work.record(AuditEvent.ALERT_RAISED, participant_chain(slot.participant_id), changes=changes)


def name_alert(form: str, rule: str) -> FieldChange:
    """What every entry about an alert says: of which form (as the trail names it), and by which rule."""
    return FieldChange(form, "alert", None, rule)


def link_alerts(
    head: ChainHead, form: str, rows: Sequence[dict[str, Any]], at: datetime, key: FactKey
) -> RaisedAlerts | None:
    """The alerts of a sending with their entry, which follows this head; None where there are none."""
    if not rows:
        return None
    changes = [name_alert(form, row["rule"]) for row in rows]
    facts = [new_row_fact(key, "alert", row) for row in rows]
    return RaisedAlerts(
        build_entry(head, AuditEvent.ALERT_RAISED, SYSTEM, at, changes, facts=facts), tuple(rows)
    )
