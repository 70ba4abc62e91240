"""A study whose plan watches answers, and people who send forms that raise alerts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlmodel import col, select

from app.domain.alerts.rules import AlertRule
from app.domain.instruments.definition import Comparison
from app.domain.records.access import Role
from app.services.capture.submission import SubmissionReceipt
from app.services.core.context import ClockContext
from app.services.core.installation import Installation
from app.services.reminders.alert_delivery import ALERT_NOTICES
from app.services.reminders.alert_escalation import alerts_due, process_due_alert
from app.services.reminders.reminder_delivery import MessageSender, claim_messages, deliver_message
from app.storage.tables.capture import Alert
from tests.scenarios.people import Person, qlq

PAIN = AlertRule(
    code="pain",
    instrument="qlq-c30",
    item="q9",
    scale="",
    op=Comparison.AT_LEAST,
    value=4,
    tell=(Role.NURSE,),
    within_hours=24,
    escalate_to=(Role.INVESTIGATOR,),
    escalate_after_hours=48,
    labels={"en": "Much pain", "zh_CN": "很痛"},
)
SLEEP = replace(PAIN, code="sleep", item="q11", labels={"en": "No sleep", "zh_CN": "睡不着"})
SCORE = replace(PAIN, code="pain_score", item="", scale="PA", value=80, labels={"en": "Pain score"})
RULES = (PAIN, SLEEP, SCORE)


def with_alert_rules(installation: Installation, rules: Sequence[AlertRule] = RULES) -> Installation:
    """The installation with plans that watch answers by these rules."""
    library = installation.library
    plans = {
        key: replace(plan, monitoring="alerts", alert_rules=tuple(rules), out_of_hours={"en": "Nobody."})
        for key, plan in library.plans.items()
    }
    return replace(installation, library=replace(library, plans=plans))


def person_with_alert_rules(person: Person, rules: Sequence[AlertRule] = RULES) -> Person:
    """The same person in a study that watches answers."""
    return replace(person, installation=with_alert_rules(person.installation, rules))


def submit_severe_pain(person: Person, at: datetime, visit: str = "BL") -> SubmissionReceipt:
    """Send a form that raises `PAIN` alone."""
    person.begin(visit, at)
    return person.submit(visit, at, qlq(2) | {"q9": 4})


def raised_alerts(installation: Installation) -> list[Alert]:
    """Every alert there is, in the order in which they were raised."""
    with installation.read() as session:
        return list(session.exec(select(Alert).order_by(col(Alert.id))).all())


def escalate_alerts(installation: Installation, outbox: MessageSender, at: datetime) -> int:
    """What the clock does for alerts at this moment; returns how many messages it queued."""
    clock = ClockContext(installation, at)
    queued = sum(process_due_alert(clock, due) for due in alerts_due(clock))
    for claimed in claim_messages(clock, queue=ALERT_NOTICES):
        deliver_message(clock, outbox, claimed, ALERT_NOTICES)
    return queued
