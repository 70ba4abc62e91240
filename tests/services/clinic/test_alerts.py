"""An alert: raised once with the form, told, acknowledged, acted on, closed; on either database alike."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from app.domain.alerts.handling import AlertState
from app.domain.desk.history import HistoryKind
from app.domain.records.access import SYSTEM, Actor, Role
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.domain.today.reasons import Reason
from app.notify.channel import SendFailed
from app.services.clinic.alerts.alert_acts import acknowledge_alert, close_alert, record_alert_action
from app.services.clinic.alerts.alert_list import AlertRecord, get_alert, list_alerts
from app.services.clinic.corrections.decisions import DecisionEntry
from app.services.clinic.corrections.proposals import ProposalEntry, ProposedAnswer, propose_correction
from app.services.clinic.participant_overview import get_participant_overview
from app.services.clinic.participants.history import get_participant_history
from app.services.clinic.report.figures import ReportTable
from app.services.clinic.report.report import list_figure_rows
from app.services.clinic.report.scope import ReportFilter
from app.services.clinic.today.participant_work import list_participant_reasons
from app.services.core.context import ClockContext, StaffContext
from app.services.core.installation import Installation
from app.services.reminders.alert_escalation import DueAlert, process_due_alert
from app.services.reminders.due_slots import find_due_work
from app.services.reminders.reminder_delivery import MessageSender
from app.services.setup.studies import disable_staff, open_site
from app.storage.row_changes import INSTALLATION_CHAIN, participant_chain
from app.storage.tables.audit import AuditEntry
from app.storage.tables.capture import Alert
from app.storage.tables.columns import table_of
from app.storage.tables.schedule import Slot
from app.storage.tables.staff import RoleGrant
from app.web.urls import ALERT
from tests.scenarios.alerts import (
    SLEEP,
    escalate_alerts,
    person_with_alert_rules,
    raised_alerts,
    submit_severe_pain,
    with_alert_rules,
)
from tests.scenarios.correction_signer import Signer
from tests.scenarios.people import START, Person, days, qlq, site_entry, staff_member
from tests.scenarios.reminders import WORDS, MailServer, message_sender
from tests.scenarios.report_tables import linked_figures, report_table
from tests.scenarios.trail_entries import verify_trail

SUBMITTED = START + timedelta(hours=1)
APPROVED = DecisionEntry("approved")


@pytest.fixture
def person(person: Person) -> Person:
    """Somebody enrolled in a study that watches answers."""
    return person_with_alert_rules(person)


@pytest.fixture
def nurse(person: Person) -> Signer:
    return Signer(person.installation, person.site, "li", Role.NURSE)


@pytest.fixture
def doctor(person: Person) -> Signer:
    return Signer(person.installation, person.site, "zhang", Role.INVESTIGATOR)


def acting(person: Person, at: timedelta = timedelta(), by: Actor | None = None) -> StaffContext:
    return StaffContext(person.installation, by or person.nurse, SUBMITTED + at)


def first(person: Person, at: timedelta = timedelta()) -> AlertRecord:
    """The oldest alert as a nurse sees it."""
    return get_alert(acting(person, at), person.row().id, raised_alerts(person.installation)[0].public_id)


def act(person: Person, how: Callable[..., None], *words: str, at: timedelta = timedelta()) -> None:
    how(acting(person, at), person.row().id, raised_alerts(person.installation)[0].public_id, *words)


def refusal(person: Person, how: Callable[..., None], *words: str) -> str:
    with pytest.raises(Refused) as refused:
        act(person, how, *words)
    return refused.value.code


def due_alert(person: Person) -> DueAlert:
    return DueAlert(raised_alerts(person.installation)[0].id, person.row().id)


def correct(person: Person, doctor: Signer, item: str, value: str, version: int) -> None:
    """A nurse proposes another answer to one question, and the doctor signs it a day later."""
    wrong = ProposedAnswer(item, value, "wrong_tap")
    entry = ProposalEntry(version, [wrong], "I meant the other one", SUBMITTED.date(), "telephone")
    key, at = person.row().id, SUBMITTED + days(version)
    slot = person.slot("BL").public_id
    context = StaffContext(person.installation, person.nurse, at)
    doctor.decide(person, propose_correction(context, key, slot, entry), at, APPROVED)


def events(installation: Installation, event: AuditEvent) -> list[str | None]:
    """The reasons of all entries of one event."""
    with installation.read() as session:
        entries = select(AuditEntry.reason).where(AuditEntry.event == event).order_by(col(AuditEntry.seq))
        return list(session.exec(entries).all())


@pytest.mark.req("ALR-02", "AUD-07")
def test_a_form_raises_each_rule_once_in_the_transaction_that_stores_it(person: Person) -> None:
    receipt = submit_severe_pain(person, SUBMITTED)
    (alert,) = raised_alerts(person.installation)
    assert (alert.rule, alert.response_version, alert.raised_at) == ("pain", 1, SUBMITTED)
    assert (alert.wake_at, alert.slot_id) == (SUBMITTED, person.slot("BL").id)
    # The same again is the first receipt; another content is kept apart; neither alerts.
    again = person.submit("BL", SUBMITTED + days(1), qlq(2) | {"q9": 4})
    assert (again.repeated, again.number) == (True, receipt.number)
    with pytest.raises(Refused, match="already_submitted"):
        person.submit("BL", SUBMITTED + days(1), qlq(4))
    assert [each.rule for each in raised_alerts(person.installation)] == ["pain"]
    assert events(person.installation, AuditEvent.ALERT_RAISED) == [None]
    assert verify_trail(person.installation) == []


def test_a_form_that_calls_for_nobody_and_a_plan_without_rules_raise_nothing(person: Person) -> None:
    person.begin("BL", SUBMITTED)
    person.submit("BL", SUBMITTED)
    plain = person_with_alert_rules(person, ())
    person.randomise(SUBMITTED.date() + days(2), SUBMITTED + days(3))
    plain.begin("D0", SUBMITTED + days(3))
    plain.submit("D0", SUBMITTED + days(3), {"any_symptom": 0})
    assert raised_alerts(person.installation) == []


@pytest.mark.req("ALR-04", "COR-07")
def test_a_correction_raises_what_is_new_and_takes_nothing_back(person: Person, doctor: Signer) -> None:
    submit_severe_pain(person, SUBMITTED)
    correct(person, doctor, "q9", "1", 1)  # takes the cause away
    assert [(each.rule, each.response_version) for each in raised_alerts(person.installation)] == [
        ("pain", 1)
    ]
    assert (first(person).corrected, first(person).state) == (True, AlertState.waiting)
    correct(person, doctor, "q11", "4", 2)  # another rule, met for the first time
    correct(person, doctor, "q9", "4", 3)  # the first rule once more
    pairs = [(each.rule, each.response_version) for each in raised_alerts(person.installation)]
    assert pairs == [("pain", 1), ("sleep", 3)]
    assert raised_alerts(person.installation)[1].raised_at == SUBMITTED + days(2)
    assert verify_trail(person.installation) == []


@pytest.mark.req("ALR-03")
def test_an_alert_stands_first_until_it_is_closed_and_says_who_did_what(person: Person) -> None:
    submit_severe_pain(person, SUBMITTED)
    key = person.row().id

    def why(at: timedelta = timedelta()) -> list[Reason]:
        return [each.reason for each in list_participant_reasons(acting(person, at), key)][:1]

    assert why() == [Reason.alert]
    assert refusal(person, record_alert_action, "called", "") == "alert_not_acknowledged"
    assert refusal(person, close_alert, "") == "alert_not_acted"
    act(person, acknowledge_alert)
    assert refusal(person, acknowledge_alert) == "alert_acknowledged"
    act(person, record_alert_action, "not_reached", "", at=days(1))
    act(person, record_alert_action, "called", "spoke to the daughter", at=days(2))
    assert why(days(3)) == [Reason.alert]
    act(person, close_alert, "comes to the clinic tomorrow", at=days(3))
    assert why(days(3)) == []
    assert refusal(person, close_alert, "") == "alert_closed"
    alert = first(person)
    assert alert.state is AlertState.closed
    assert [(each.kind, each.note) for each in alert.actions] == [
        ("not_reached", ""),
        ("called", "spoke to the daughter"),
    ]
    assert (alert.acknowledged_by, alert.closing_note) == (person.nurse.id, "comes to the clinic tomorrow")
    assert events(person.installation, AuditEvent.ALERT_ACKNOWLEDGED) == [None]
    assert events(person.installation, AuditEvent.ALERT_ACTED) == [None, "spoke to the daughter"]
    assert events(person.installation, AuditEvent.ALERT_CLOSED) == ["comes to the clinic tomorrow"]
    assert verify_trail(person.installation) == []
    history = get_participant_history(acting(person), key, "en", HistoryKind.alerts)
    acts = [(each.event.rpartition(":")[2], each.subject.visit, each.label) for each in history.entries]
    assert acts[0] == ("closed", "BL", "Much pain")
    assert [each[0] for each in acts] == ["closed", "acted", "acted", "acknowledged", "raised"]


def test_an_alert_of_another_person_site_or_study_is_not_there(person: Person) -> None:
    submit_severe_pain(person, SUBMITTED)
    alert, key = raised_alerts(person.installation)[0].public_id, person.row().id
    with pytest.raises(Refused, match="unknown_alert"):
        get_alert(acting(person), key + 1, alert)
    with pytest.raises(Refused, match="unknown_alert"):
        acknowledge_alert(acting(person), key, "none")
    there = open_site(StaffContext(person.installation, SYSTEM, START), "sbrt-nsclc", site_entry("0512"))
    far = acting(person, by=staff_member(Role.NURSE, there))
    study = person.site.study_id
    assert list_alerts(far, study, closed=False).alerts == ()
    assert len(list_alerts(acting(person), study, closed=False).alerts) == 1
    everywhere = acting(person, by=staff_member(Role.MONITOR, there, everywhere=True))
    (seen,) = list_alerts(everywhere, study, closed=False).alerts
    assert (seen.may_handle, seen.subject, seen.untold) == (False, "0571-001", False)
    statistician = acting(person, by=staff_member(Role.STATISTICIAN, person.site))
    assert get_participant_overview(statistician, key).alerts == ()
    assert [each.alert for each in get_participant_overview(acting(person), key).alerts] == [alert]


def test_a_form_that_would_tell_the_arm_is_not_named(person: Person) -> None:
    submit_severe_pain(person, SUBMITTED)
    library = person.installation.library
    plans = {key: replace(plan, blinded=True) for key, plan in library.plans.items()}
    blind = replace(person.installation, library=replace(library, plans=plans))
    with blind.open_work(SYSTEM, SUBMITTED) as work:
        slot = work.session.get_one(Slot, person.slot("BL").id)
        slot.arm_revealing = True
        work.record(AuditEvent.ANCHOR_RECORDED, participant_chain(slot.participant_id))
        work.mark_published(participant_chain(slot.participant_id))
    alert = first(replace(person, installation=blind))
    assert (alert.slot, alert.visit, alert.get_label("zh_CN")) == ("", "", "很痛")
    doctor = StaffContext(blind, staff_member(Role.INVESTIGATOR, person.site), SUBMITTED)
    assert get_alert(doctor, person.row().id, alert.alert).visit == "BL"


@pytest.mark.req("ALR-02", "ALR-03", "ALR-06")
@pytest.mark.usefixtures("nurse", "doctor")
def test_an_alert_is_delivered_once_and_escalated_unacknowledged(person: Person) -> None:
    submit_severe_pain(person, SUBMITTED)
    mail, here = MailServer(), person.installation
    assert find_due_work(ClockContext(here, SUBMITTED)).alerts
    assert [escalate_alerts(here, message_sender(mail), SUBMITTED) for _twice in range(2)] == [1, 0]
    assert not find_due_work(ClockContext(here, SUBMITTED + timedelta(hours=47))).alerts
    (letter,) = mail.letters
    assert (letter.to, letter.subject) == (
        "li@example.org",
        "sbrt-nsclc, site 0571: there is an alert for you",
    )
    alert = raised_alerts(here)[0]
    page = ALERT.format(participant=person.row().public_id, alert=alert.public_id)
    assert letter.text == (
        "A form raised an alert. Please acknowledge it by 3 March 2026, 10:30 (UTC+08:00).\n\n"
        f"https://d.test{page}\n\n"
        "You need to sign in to read it. Please do not reply to this message."
    )
    assert escalate_alerts(here, message_sender(mail), SUBMITTED + timedelta(hours=48)) == 1
    assert escalate_alerts(here, message_sender(mail), SUBMITTED + days(9)) == 0
    assert [each.to for each in mail.letters] == ["li@example.org", "zhang@example.org"]
    assert mail.letters[1].subject == "sbrt-nsclc, site 0571: an alert was not acknowledged"
    seen = first(person, days(9))
    assert (seen.overdue, seen.untold, seen.escalated_at) == (True, False, SUBMITTED + timedelta(hours=48))
    assert [(each.name, each.escalation, each.state) for each in seen.notices] == [
        ("li", False, "sent"),
        ("zhang", True, "sent"),
    ]
    for event in (AuditEvent.STAFF_ALERTED, AuditEvent.ALERT_ESCALATED):
        assert len(events(here, event)) == 1
    assert len(events(here, AuditEvent.ALERT_MESSAGE_SETTLED)) == 2
    assert verify_trail(here) == []


@pytest.mark.usefixtures("nurse", "doctor")
def test_after_an_outage_an_alert_is_delivered_and_escalated(person: Person) -> None:
    submit_severe_pain(person, SUBMITTED)
    mail = MailServer()
    assert escalate_alerts(person.installation, message_sender(mail), SUBMITTED + days(5)) == 2
    assert [each.to for each in mail.letters] == ["li@example.org", "zhang@example.org"]


@pytest.mark.usefixtures("nurse", "doctor")
def test_an_acknowledged_alert_is_neither_delivered_nor_escalated(person: Person) -> None:
    submit_severe_pain(person, SUBMITTED)
    mail, here = MailServer(fails=SendFailed("refused")), person.installation
    escalate_alerts(here, message_sender(mail), SUBMITTED)  # it is tried again later
    assert verify_trail(here) == []  # until then it moves between waiting and being sent
    act(person, acknowledge_alert)
    mail.fails = None
    assert escalate_alerts(here, message_sender(mail), SUBMITTED + days(5)) == 0
    assert mail.letters == []
    (notice,) = first(person).notices
    assert (notice.state, notice.failure, first(person).untold) == ("dropped", "acknowledged", True)


@pytest.mark.req("ALR-07")
@pytest.mark.usefixtures("nurse")
def test_whom_no_message_reaches_is_shown(person: Person) -> None:
    submit_severe_pain(person, SUBMITTED)
    here, at = person.installation, SUBMITTED
    process_due_alert(ClockContext(here, at), due_alert(person))
    disable_staff(StaffContext(here, SYSTEM, at), "li@example.org", "left")
    escalate_alerts(here, message_sender(MailServer()), at)
    assert [(each.state, each.failure) for each in first(person).notices] == [("dropped", "account_disabled")]
    assert first(person).untold
    # Nobody is left to be escalated to; the alert says so, and stands on the list of today.
    assert escalate_alerts(here, message_sender(MailServer()), at + days(3)) == 0
    assert first(person, days(3)).escalated_at == at + days(3)


@pytest.mark.req("ALR-07", "IAM-06")
@pytest.mark.usefixtures("nurse", "doctor")
def test_no_alert_goes_to_staff_without_the_role(person: Person) -> None:
    """The mail server was silent meanwhile; the doctor, to whom it is escalated, is still in charge."""
    submit_severe_pain(person, SUBMITTED)
    mail, here = MailServer(), person.installation
    process_due_alert(ClockContext(here, SUBMITTED), due_alert(person))
    with here.open_work(SYSTEM, SUBMITTED) as work:
        work.session.exec(select(RoleGrant).where(RoleGrant.role == Role.NURSE)).one().revoked_at = SUBMITTED
        work.record(AuditEvent.ROLE_REVOKED, INSTALLATION_CHAIN, reason="left the ward")
    escalate_alerts(here, message_sender(mail), SUBMITTED + timedelta(hours=48))
    assert [each.to for each in mail.letters] == ["zhang@example.org"]
    assert [(each.state, each.failure) for each in first(person).notices] == [
        ("dropped", "not_in_charge"),
        ("sent", ""),
    ]


@pytest.mark.usefixtures("nurse")
def test_without_a_channel_no_alert_is_delivered(person: Person) -> None:
    submit_severe_pain(person, SUBMITTED)
    escalate_alerts(person.installation, MessageSender({}, WORDS), SUBMITTED)
    assert [each.failure for each in first(person).notices] == ["no_channel"]


@pytest.mark.usefixtures("nurse")
def test_a_rule_that_a_draft_lost_leaves_the_alert_to_staff(person: Person) -> None:
    submit_severe_pain(person, SUBMITTED)
    other, due = with_alert_rules(person.installation, [SLEEP]), due_alert(person)
    assert escalate_alerts(other, message_sender(MailServer()), SUBMITTED) == 0
    alert = get_alert(StaffContext(other, person.nurse, SUBMITTED), person.row().id, first(person).alert)
    assert (alert.get_label("en"), alert.due_at, alert.overdue, alert.notices) == ("Pain", None, False, ())
    assert (
        process_due_alert(ClockContext(person.installation, SUBMITTED), due) == 0
    )  # nothing is owed any more


@pytest.mark.usefixtures("nurse")
def test_a_letter_that_was_queued_leaves_although_the_rule_is_lost(person: Person) -> None:
    submit_severe_pain(person, SUBMITTED)
    mail = MailServer()
    assert process_due_alert(ClockContext(person.installation, SUBMITTED), due_alert(person)) == 1
    escalate_alerts(with_alert_rules(person.installation, [SLEEP]), message_sender(mail), SUBMITTED)
    assert len(mail.letters) == 1


@pytest.mark.req("ALR-03", "REP-10")
def test_the_report_says_how_long_alerts_waited_and_the_list_goes_on(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is acknowledged after 59 minutes, one after an hour, one after a day, and the others not at all."""
    submit_severe_pain(person, SUBMITTED)
    beside = sa.create_engine(person.installation.engine.url)
    columns = [column for column in table_of(Alert).columns if column.name not in ("id", "public_id")]
    with beside.begin() as connection:
        like = connection.execute(sa.select(*columns)).mappings().all()
        for number, minutes in enumerate((59, 60, 24 * 60), start=90):
            taken = SUBMITTED + timedelta(minutes=minutes, seconds=59)
            values = {"id": number, "public_id": f"a{number}", "rule": f"r{number}", "acknowledged_at": taken}
            values |= {"closed_at": SUBMITTED + days(1) if number > 90 else None, "raised_at": SUBMITTED}
            connection.execute(sa.insert(table_of(Alert)).values({**like[0], **values}))
    beside.dispose()
    waiting = len(like)
    context = StaffContext(person.installation, staff_member(Role.MONITOR, person.site), SUBMITTED + days(3))
    alert_table = report_table(context, ReportTable.alerts)
    (only,) = alert_table.lines
    assert (only.where["site_id"], only.median) == (person.site.id, 60)
    assert only.counts == {
        "raised": 3 + waiting,
        "within_hour": 1,
        "within_day": 1,
        "after_day": 1,
        "waiting": waiting,
    }
    for address, count in linked_figures(alert_table):
        rows = list_figure_rows(context, ReportFilter(), address, limit=None)
        assert (rows.total, len(rows.forms)) == (count, count), address
    monkeypatch.setattr("app.services.clinic.alerts.alert_list.LISTED", 1)
    for closed, at_the_end in ((False, ["a90"]), (True, ["a92", "a91"])):
        walked, after = [], None
        while True:
            listed = list_alerts(context, person.site.study_id, closed=closed, site="0571", after=after)
            walked += [each.alert for each in listed.alerts]
            if (after := listed.next) is None:
                break
        assert len(walked) == len(set(walked)) == (2 if closed else 1 + waiting)
        assert walked[-len(at_the_end) :] == at_the_end
    elsewhere = list_alerts(context, person.site.study_id, closed=False, site="0021")
    assert (elsewhere.alerts, [each.code for each in elsewhere.sites]) == ((), ["0571"])
