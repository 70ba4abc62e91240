"""Whatever happens in whatever order: an alert is raised once, escalated once, and closed for ever."""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random

import pytest
from sqlmodel import select

from app.domain.records.access import CLOCK, SYSTEM, Role
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.domain.today.reasons import Reason
from app.services.capture.submission_builder import CheckedSubmission, SubmissionContext, build_submission
from app.services.clinic.alerts.alert_acts import acknowledge_alert, close_alert, record_alert_action
from app.services.clinic.corrections.decisions import DecisionEntry
from app.services.clinic.corrections.proposals import ProposalEntry, ProposedAnswer, propose_correction
from app.services.clinic.today.participant_work import list_participant_reasons
from app.services.core.context import ClockContext, StaffContext
from app.services.reminders.alert_escalation import DueAlert, process_due_alert
from app.services.setup.studies import open_site
from app.storage.queries.today.alerts import list_alert_actions, list_alert_messages
from app.storage.row_changes import participant_chain
from app.storage.statements.submit_form import Submission
from app.storage.tables.audit import AuditEntry
from app.storage.tables.capture import Response
from app.storage.tables.messages import AlertMessage
from app.storage.unit_of_work import UnitOfWork
from tests.scenarios.alerts import (
    PAIN,
    SLEEP,
    escalate_alerts,
    person_with_alert_rules,
    raised_alerts,
    submit_severe_pain,
)
from tests.scenarios.correction_signer import Signer
from tests.scenarios.people import START, Person, bind_browser, enrol_person, qlq, site_entry
from tests.scenarios.reminders import MailServer, message_sender, open_installation
from tests.scenarios.trail_entries import verify_trail

PAINFUL = qlq(2) | {"q9": 4}
RULES = (PAIN, SLEEP)
ITEMS = {"pain": "q9", "sleep": "q11"}


@dataclass
class Course:
    """One participant with two phones, a nurse and a doctor, and a clock that only runs forward."""

    person: Person
    doctor: Signer
    draw: Random
    at: datetime = START + timedelta(hours=1)
    mail: MailServer = field(default_factory=MailServer)
    closed: set[str] = field(default_factory=set)
    phones: list[str] = field(default_factory=list)

    def step(self) -> None:
        self.at += timedelta(minutes=self.draw.randint(1, 900))
        self.draw.choice([self.send, self.send, self.correct, self.handle, self.handle, self.tick])()
        self.check()

    def send(self) -> None:
        """One of the phones sends the form: for the first time, the same again, or something else."""
        self.person.cookie = self.draw.choice(self.phones)
        answers = qlq(2) | {item: self.draw.choice([2, 4]) for item in ITEMS.values()}
        with suppress(Refused):
            self.person.begin("BL", self.at)
        with suppress(Refused):
            self.person.submit("BL", self.at, answers)

    def correct(self) -> None:
        slot, key = self.person.slot("BL"), self.person.row().id
        item, value = self.draw.choice([*ITEMS.values()]), self.draw.choice(["2", "4"])
        with self.person.installation.read() as session:
            versions = session.exec(select(Response.version).where(Response.slot_id == slot.id)).all()
        entry = ProposalEntry(
            max(versions, default=1),
            [ProposedAnswer(item, value, "wrong_tap")],
            "meant the other",
            self.at.date(),
            "telephone",
        )
        context = StaffContext(self.person.installation, self.person.nurse, self.at)
        with suppress(Refused):
            correction = propose_correction(context, key, slot.public_id, entry)
            self.doctor.decide(self.person, correction, self.at, DecisionEntry("approved"))

    def handle(self) -> None:
        context = StaffContext(self.person.installation, self.person.nurse, self.at)
        key = self.person.row().id
        for alert in raised_alerts(self.person.installation):
            how = self.draw.choice(["acknowledge", "act", "close", "nothing"])
            with suppress(Refused):
                if how == "acknowledge":
                    acknowledge_alert(context, key, alert.public_id)
                elif how == "act":
                    record_alert_action(context, key, alert.public_id, "called", "")
                elif how == "close":
                    close_alert(context, key, alert.public_id, "")
                    self.closed.add(alert.public_id)

    def tick(self) -> None:
        self.at += timedelta(hours=self.draw.choice([0, 1, 24, 48]))
        for _worker in range(2):
            escalate_alerts(self.person.installation, message_sender(self.mail), self.at)

    def check(self) -> None:
        """What must be true after every step."""
        alerts = raised_alerts(self.person.installation)
        assert [each.rule for each in alerts if each.closed_at] == [
            each.rule for each in alerts if each.public_id in self.closed
        ]
        assert sorted(each.rule for each in alerts) == sorted(self.expected())
        context = StaffContext(self.person.installation, self.person.nurse, self.at)
        reasons = [each.reason for each in list_participant_reasons(context, self.person.row().id)]
        assert (reasons[:1] == [Reason.alert]) is any(each.closed_at is None for each in alerts)

    def expected(self) -> set[str]:
        """The rules that any version of the answers has met, told a second time."""
        with self.person.installation.read() as session:
            versions = session.exec(select(Response.answers)).all()
        return {rule for rule, item in ITEMS.items() if any(each[item] == 4 for each in versions)}

    def check_messages(self) -> None:
        """Nobody was told twice; what was escalated was not acknowledged before, and escalated once."""
        with self.person.installation.read() as session:
            messages = session.exec(select(AlertMessage)).all()
            escalations = session.exec(
                select(AuditEntry.at).where(AuditEntry.event == AuditEvent.ALERT_ESCALATED)
            ).all()
        counts = Counter((each.alert_id, each.staff_id, each.escalation) for each in messages)
        assert set(counts.values()) <= {1}
        alerts = raised_alerts(self.person.installation)
        escalated = [each.escalated_at for each in alerts if each.escalated_at]
        assert sorted(escalated) == sorted(escalations)
        for each in alerts:
            late = timedelta(hours=PAIN.escalate_after_hours)
            if each.escalated_at:
                assert each.escalated_at >= each.raised_at + late
                assert each.acknowledged_at is None or each.acknowledged_at >= each.escalated_at
            elif each.acknowledged_at is None:
                assert self.at < each.raised_at + late
        assert len({letter.key for letter in self.mail.letters}) == len(self.mail.letters)


@pytest.mark.req("ALR-02", "ALR-03", "COR-07")
@pytest.mark.parametrize("seed", [1, 2])
def test_an_alert_is_raised_once_escalated_once_and_stays_closed(person: Person, seed: int) -> None:
    person = person_with_alert_rules(person, RULES)
    Signer(person.installation, person.site, "li", Role.NURSE)
    doctor = Signer(person.installation, person.site, "zhang", Role.INVESTIGATOR)
    course = Course(person, doctor, Random(seed), phones=[person.cookie, bind_browser(person, START)])
    for _step in range(16):
        course.step()
    course.tick()
    course.check_messages()
    assert raised_alerts(person.installation)
    assert verify_trail(person.installation) == []


def test_a_turn_claimed_by_another_worker_is_skipped(migrated_postgres_url: str) -> None:
    with open_installation(migrated_postgres_url) as installation:
        site = open_site(StaffContext(installation, SYSTEM, START), "sbrt-nsclc", site_entry("0571"))
        person = person_with_alert_rules(enrol_person(installation, site, "0571-001"), RULES)
        Signer(installation, site, "li", Role.NURSE)
        submit_severe_pain(person, START)
        due, clock = (
            DueAlert(raised_alerts(installation)[0].id, person.row().id),
            ClockContext(person.installation, START),
        )
        with UnitOfWork(installation.engine, CLOCK, START) as other:
            other.lock(participant_chain(due.participant_id))
            assert process_due_alert(clock, due) == 0
        assert [process_due_alert(clock, due) for _twice in range(2)] == [1, 0]


def test_two_phones_send_at_the_same_moment_and_one_alert_is_raised(
    migrated_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have built their sending on the same head; the second finds the first one's response."""
    with open_installation(migrated_postgres_url) as installation:
        site = open_site(StaffContext(installation, SYSTEM, START), "sbrt-nsclc", site_entry("0571"))
        person = person_with_alert_rules(enrol_person(installation, site, "0571-001"), RULES)
        other = replace(person, cookie=bind_browser(person, START))
        person.begin("BL", START)
        build, messages = build_submission, list[str]()

        def build_while_the_other_sends(
            known: SubmissionContext, checked: CheckedSubmission, at: datetime
        ) -> Submission:
            result = build(known, checked, at)
            if not messages:
                messages.append("other")
                messages.append(other.submit("BL", START, PAINFUL).number)
            return result

        monkeypatch.setattr("app.services.capture.submission.build_submission", build_while_the_other_sends)
        receipt = person.submit("BL", START, PAINFUL)
        assert (receipt.number, receipt.repeated) == (messages[1], True)
        assert [each.rule for each in raised_alerts(installation)] == ["pain"]
        assert verify_trail(installation) == []


def test_more_alerts_than_a_statement_has_values_are_read(migrated_postgres_url: str) -> None:
    with open_installation(migrated_postgres_url) as installation, installation.read() as session:
        assert list_alert_actions(session, range(70_000)) == {}
        assert list_alert_messages(session, range(70_000)) == {}
