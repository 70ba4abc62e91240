"""What people do in the demonstration, each act through the use case that a face would call."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlmodel import Session, select

from app.demo import answers
from app.demo.story import CALL, DatedFact, DemoAlert, DemoExit, FormStory, Story
from app.domain.capture.answers import HelpedBy, LateReason, SubmittedAnswer
from app.domain.instruments.responses import AnswerValue
from app.domain.plans.plan import MissedReason, Owner, Plan
from app.domain.records.access import Actor, read_staff_number
from app.domain.refusal import Refused
from app.domain.today.contacts import ContactOutcome
from app.services.accounts.activation import activate_device
from app.services.accounts.contacts import ContactChannel
from app.services.accounts.participant_session import authenticate_participant, unlock_device
from app.services.capture.answer_saving import AnswerBatch, save_answers
from app.services.capture.forms import begin_form, open_form
from app.services.capture.submission import submit_form
from app.services.capture.submission_builder import SubmittedForm
from app.services.clinic.today.assigning import assign_participant
from app.services.clinic.today.contact_log import log_contact
from app.services.clinic.today.participant_work import list_participant_reasons
from app.services.clinic.today.snoozing import snooze_participant
from app.services.core.context import (
    ClockContext,
    DeviceContext,
    EdcClientSession,
    EdcContext,
    ParticipantContext,
    ParticipantSession,
    StaffContext,
)
from app.services.core.installation import Installation
from app.services.edc.entity_tags import Preconditions
from app.services.edc.requests import EdcRequest
from app.services.edc.schedule import AnchorBody, receive_anchor, receive_arm
from app.services.patient.team_requests import request_call, request_correction
from app.services.reminders.alert_delivery import ALERT_NOTICES
from app.services.reminders.alert_escalation import alerts_due, process_due_alert
from app.services.reminders.due_slots import participants_due, process_due_slots
from app.services.reminders.reminder_delivery import (
    REMINDERS,
    MessageSender,
    claim_messages,
    deliver_message,
)
from app.services.schedule.anchors import AnchorEntry, record_anchor
from app.services.schedule.dispositions import DispositionEntry, record_disposition, undo_disposition
from app.services.schedule.enrolment import (
    EnrolmentEntry,
    IdentityCheck,
    enrol_participant,
    issue_invitation,
)
from app.services.schedule.exemptions import excuse_visit
from app.services.schedule.missed_reasons import record_missed_reason
from app.services.schedule.requested_visits import request_visit
from app.storage.queries.participants import get_participant
from app.storage.queries.slots import list_slot_records
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Site
from app.storage.unit_of_work import UnitOfWork

_BEGUN_ITEMS = 12


@dataclass(frozen=True, slots=True)
class DemoStage:
    """Where the acts happen: the installation, who acts for each site, and the browsers bound so far.

    `opened` is the transaction that an act joins; without it each command opens its own. `others` are the
    stages of further studies, by code.
    """

    installation: Installation
    study_id: int
    plan: Plan
    sites: Mapping[str, Site]
    nurses: Mapping[str, Actor]
    investigators: Mapping[str, Actor]
    administrator: Actor
    edc: EdcClientSession
    outbox: MessageSender
    cookies: dict[str, str] = field(default_factory=dict)
    slots: dict[str, dict[str, str]] = field(default_factory=dict)
    others: dict[str, "DemoStage"] = field(default_factory=dict)
    opened: UnitOfWork | None = None

    def read(self) -> AbstractContextManager[Session]:
        """A session to read with, which sees what the open transaction wrote."""
        return nullcontext(self.opened.session) if self.opened else self.installation.read()

    def staff_context(self, actor: Actor, at: datetime) -> StaffContext:
        """The context of a member of staff."""
        return StaffContext(self.installation, actor, at, self.opened)

    def participant_context(self, session: ParticipantSession, at: datetime) -> ParticipantContext:
        """The context of a participant."""
        return ParticipantContext(self.installation, session, at, self.opened)

    def device_context(self, story: Story, at: datetime) -> DeviceContext:
        """The context of a participant's browser."""
        return DeviceContext.of_cookie(self.installation, self.cookies[story.subject], at)

    def find_session(self, at: datetime, story: Story) -> ParticipantSession:
        """The participant behind that browser."""
        with self.read() as session:
            return authenticate_participant(session, self.device_context(story, at))

    def clock_context(self, at: datetime) -> ClockContext:
        """The context of the clock."""
        return ClockContext(self.installation, at, self.opened)


@dataclass(frozen=True, slots=True)
class Filling:
    """How a form is filled: how far, and with which answers (by how ill the person feels)."""

    visit: str
    burden: float
    how: FormStory | None = None
    late: bool = False
    alert: DemoAlert | None = None


def demo_pin(subject: str) -> str:
    """The PIN of a demonstration's participant: known to everybody who has the source."""
    return f"{100_000 + answers.draw_number(subject, 'pin') * 37:06d}"


def enrol_person(stage: DemoStage, at: datetime, story: Story, on: date) -> None:
    """A nurse enrols the person on this day."""
    channel = ContactChannel.email if story.address else None
    entry = EnrolmentEntry(
        story.subject, story.language, on, "2.1", on, IdentityCheck.id_card, channel, story.address
    )
    enrol_participant(stage.staff_context(stage.nurses[story.site], at), stage.sites[story.site], entry)


def invite_person(stage: DemoStage, at: datetime, story: Story) -> str:
    """Issue an invitation; returns its link."""
    nurse = stage.nurses[story.site]
    return issue_invitation(stage.staff_context(nurse, at), stage.study_id, story.subject).url


def activate_phone(stage: DemoStage, at: datetime, story: Story) -> None:
    """The person binds a phone and chooses a PIN."""
    secret, pin = invite_person(stage, at, story).rsplit("/", 1)[1], demo_pin(story.subject)
    stage.cookies[story.subject] = activate_device(
        stage.installation, secret, pin, pin, "Android", "192.0.2.1", at
    )


def randomise_person(stage: DemoStage, at: datetime, story: Story, on: date) -> None:
    """The EDC tells arm and day; where it is `retold`, also another day for it, which is not taken."""
    request = EdcRequest(
        EdcContext(stage.installation, stage.edc, at, stage.opened), story.subject, at, Preconditions()
    )
    receive_arm(request, story.arm or "")
    receive_anchor(request, AnchorBody("randomisation", on, at, confirm=True))
    if story.retold:
        with suppress(Refused):
            receive_anchor(request, AnchorBody("randomisation", on - timedelta(days=1), None, confirm=True))


def record_fact(stage: DemoStage, at: datetime, story: Story, stated: DatedFact, on: date) -> None:
    """A nurse records a dated fact."""
    entry = AnchorEntry(stated.kind, on, stated.source, stated.reason, against_order=stated.against_order)
    nurse = stage.nurses[story.site]
    record_anchor(stage.staff_context(nurse, at), stage.study_id, story.subject, entry, confirmed=True)


def record_exit(stage: DemoStage, at: datetime, story: Story, exit_: DemoExit, on: date) -> None:
    """The investigator records a disposition of this day."""
    entry = DispositionEntry(exit_.kind, on.isoformat(), Owner.site)
    actor = stage.investigators[story.site]
    record_disposition(stage.staff_context(actor, at), stage.study_id, story.subject, entry)


def undo_exit(stage: DemoStage, at: datetime, story: Story) -> None:
    """The investigator takes back a mistaken disposition."""
    actor, reason = stage.investigators[story.site], "entered for the wrong participant"
    undo_disposition(stage.staff_context(actor, at), stage.study_id, story.subject, reason)


def excuse_visit_of(stage: DemoStage, at: datetime, story: Story, visit: str) -> None:
    """A nurse excuses a visit's forms by the plan's first exemption."""
    actor = stage.nurses[story.site]
    excuse_visit(
        stage.staff_context(actor, at),
        stage.study_id,
        story.subject,
        visit,
        stage.plan.exemptions[0],
    )


def request_extra_visit(stage: DemoStage, at: datetime, story: Story, visit: str, on: date) -> None:
    """A nurse asks for a visit beside the schedule."""
    request_visit(
        stage.staff_context(stage.nurses[story.site], at),
        stage.study_id,
        story.subject,
        visit,
        on,
    )


def ask_team(stage: DemoStage, at: datetime, story: Story, what: str) -> None:
    """The participant asks to be called, or says that something is wrong in what they sent."""
    participant_session = wake_phone(stage, at, story)
    if what == CALL:
        request_call(stage.participant_context(participant_session, at))
    else:
        request_correction(
            stage.participant_context(participant_session, at), _slot(stage, participant_session, what)
        )


def call_person(stage: DemoStage, at: datetime, story: Story, outcome: ContactOutcome) -> None:
    """A nurse calls, and tries again on the next day if need be."""
    context = stage.staff_context(stage.nurses[story.site], at)
    log_contact(context, _participant(stage, story), outcome, "", at.date() + timedelta(days=1))


def snooze_row(stage: DemoStage, at: datetime, story: Story, reason: str) -> None:
    """A nurse snoozes the person's row of the work list for two days."""
    context = stage.staff_context(stage.nurses[story.site], at)
    participant = _participant(stage, story)
    reasons = [reason.reason for reason in list_participant_reasons(context, participant)]
    snooze_participant(context, participant, reasons, reason, at.date() + timedelta(days=2))


def assign_to_nurse(stage: DemoStage, at: datetime, story: Story) -> None:
    """The nurse of their site takes the person on."""
    nurse = stage.nurses[story.site]
    number = read_staff_number(nurse.id)
    assign_participant(stage.staff_context(nurse, at), _participant(stage, story), number, None)


def _participant(stage: DemoStage, story: Story) -> int:
    with stage.read() as session:
        return get_participant(session, stage.study_id, story.subject).id


def fill_form(stage: DemoStage, at: datetime, story: Story, filling: Filling) -> None:
    """Wake the phone, open the form, answer it as far as the story goes, and send it."""
    late = LateReason.forgot if filling.late else None
    helped = HelpedBy.family if answers.draw_number(story.subject, filling.visit) % 9 == 0 else None
    participant_session = wake_phone(stage, at, story)
    slot = _slot(stage, participant_session, filling.visit)
    context = stage.participant_context(participant_session, at)
    # What time alone makes due comes first: a form is announced as open before it is completed.
    process_due_slots(stage.clock_context(at), participant_session.participant_id)
    begin_form(context, slot, helped, late)
    form = open_form(context, slot)
    drawn = answers.draw_answers(
        form.instrument, form.leave_out, story.subject, filling.visit, filling.burden
    )
    drawn = answers.calm_answers(stage.plan.alert_rules, form.instrument, drawn)
    if filling.alert is not None:
        chosen = {"any_symptom": 1, filling.alert.item: filling.alert.value}
        drawn = answers.complete_answers(form.instrument, form.leave_out, drawn | chosen)
    sending = SubmittedForm(
        drawn, f"{filling.visit}-{at:%j%H%M}", True, None, {"width": 360, "layout": "steps"}
    )
    if filling.how is None:
        submit_form(context, slot, sending)
        return
    unfinished = filling.how in (FormStory.BEGUN, FormStory.IDLE)
    saved = list(drawn.items())[:_BEGUN_ITEMS] if unfinished else drawn.items()
    save_answers(stage.device_context(story, at), slot, AnswerBatch(form.client, _as_answers(saved, at)))


def _as_answers(values: Iterable[tuple[str, AnswerValue]], at: datetime) -> list[SubmittedAnswer]:
    """Answers as a page numbers them that knows of no others."""
    return [SubmittedAnswer(seq, 0, code, value, at) for seq, (code, value) in enumerate(values, start=1)]


def submit_from_second_phone(stage: DemoStage, at: datetime, story: Story, filling: Filling) -> None:
    """Answer two questions otherwise on a phone that knows of no earlier answers, and send the form."""
    participant_session = wake_phone(stage, at, story)
    slot, context = (
        _slot(stage, participant_session, filling.visit),
        stage.participant_context(participant_session, at),
    )
    form = open_form(context, slot)
    changed = {
        item.code: item.low if form.answers.get(item.code) != item.low else item.low + 1
        for item in form.instrument.items[:2]
    }
    page = AnswerBatch(f"{form.client}2", _as_answers(changed.items(), at))
    save_answers(stage.device_context(story, at), slot, page)
    sending = SubmittedForm(
        {**form.answers, **changed}, f"{filling.visit}-second", True, None, {"width": 390, "layout": "steps"}
    )
    submit_form(stage.participant_context(participant_session, at), slot, sending)


def submit_late(
    stage: DemoStage, at: datetime, story: Story, filling: Filling, captured_at: datetime
) -> None:
    """Send answers that were given while there was no connection."""
    participant_session = wake_phone(stage, at, story)
    slot = _slot(stage, participant_session, filling.visit)
    with stage.read() as session:
        row = session.exec(select(Slot).where(Slot.public_id == slot)).one()
    instrument = stage.installation.library.get_instrument(row.instrument, row.instrument_version)
    drawn = answers.draw_answers(instrument, (), story.subject, filling.visit, filling.burden)
    drawn = answers.calm_answers(stage.plan.alert_rules, instrument, drawn)
    sending = SubmittedForm(
        drawn,
        f"{filling.visit}-late",
        True,
        captured_at,
        {"width": 360, "layout": "steps"},
        offline=True,
    )
    refused = suppress(Refused) if filling.how is FormStory.TOO_LATE else nullcontext()
    with refused:
        submit_form(stage.participant_context(participant_session, at), slot, sending)


def wake_phone(stage: DemoStage, at: datetime, story: Story) -> ParticipantSession:
    """The person picks up their phone, and enters the PIN where it asks for one."""
    participant_session = stage.find_session(at, story)
    if participant_session.locked:
        unlock_device(stage.participant_context(participant_session, at), demo_pin(story.subject))
    return participant_session


def _slot(stage: DemoStage, participant_session: ParticipantSession, visit: str) -> str:
    known = stage.slots.get(participant_session.subject, {})
    if visit not in known:
        with stage.read() as session:
            known = {
                slot.visit: slot.public_id
                for slot in list_slot_records(session, participant_session.participant_id)
            }
        stage.slots[participant_session.subject] = known
    return known[visit]


def explain_missed(stage: DemoStage, at: datetime, story: Story, visit: str, reason: MissedReason) -> None:
    """Site staff say why a form was missed."""
    with stage.read() as session:
        participant = get_participant(session, stage.study_id, story.subject)
        key = participant.id
        slot = next(slot for slot in list_slot_records(session, key) if slot.visit == visit)
    nurse = stage.nurses[story.site]
    record_missed_reason(stage.staff_context(nurse, at), key, slot.public_id, reason.value, "")


def pass_time(stage: DemoStage, at: datetime) -> None:
    """Time alone: what opened or was missed is told, and reminders leave."""
    clock = stage.clock_context(at)
    for participant_id in participants_due(clock):
        process_due_slots(clock, participant_id)
    for due in alerts_due(clock):
        process_due_alert(clock, due)
    for queue in (ALERT_NOTICES, REMINDERS):
        while batch := claim_messages(clock, queue=queue):
            for claimed in batch:
                deliver_message(clock, stage.outbox, claimed, queue)
