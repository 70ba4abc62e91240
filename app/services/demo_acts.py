"""What people do in the demonstration, each act through the use case that a face would call."""

from collections.abc import Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlmodel import select

from app.domain.access import Actor
from app.domain.capture import Given, HelpedBy, LateReason
from app.domain.plan import MissedReason, Owner, Plan
from app.domain.refusal import Refused
from app.services import demo_answers
from app.services.activation import activate
from app.services.anchors import AnchorEntry, record_anchor
from app.services.capture import begin_form, open_form
from app.services.demo_people import CALL, How, Left, Stated, Story
from app.services.dispositions import DispositionEntry, record_disposition, undo_disposition
from app.services.edc_access import Caller
from app.services.edc_delivery import Delivery
from app.services.edc_records import Preconditions
from app.services.edc_schedule import AnchorBody, receive_anchor, receive_arm
from app.services.enrolment import Channel, EnrolmentEntry, IdentityCheck, enrol, issue_invitation
from app.services.entry import Visitor, recognise, unlock
from app.services.exemptions import excuse_visit
from app.services.installation import Installation
from app.services.missed_reasons import record_missed_reason
from app.services.participant_requests import ask_for_call, ask_for_correction
from app.services.participants import participant_of
from app.services.reminding import Outbox, claim, hand_over
from app.services.saving import save_answers
from app.services.scheduling import request_visit
from app.services.submission import Sending, submit_form
from app.services.ticking import owing, push
from app.storage.schedule import Slot
from app.storage.slots import slots_of
from app.storage.study import Site

_BEGUN_ITEMS = 12


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the acts happen: the installation, who acts for each site, and the browsers bound so far."""

    installation: Installation
    study_id: int
    plan: Plan
    sites: Mapping[str, Site]
    nurses: Mapping[str, Actor]
    investigators: Mapping[str, Actor]
    edc: Caller
    outbox: Outbox
    cookies: dict[str, str] = field(default_factory=dict)
    slots: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Filling:
    """How a form is filled: how far, and with which answers (by how ill the person feels)."""

    visit: str
    burden: float
    how: How | None = None
    late: bool = False


def pin_of(subject: str) -> str:
    """The PIN of a demonstration's participant: known to everybody who has the source."""
    return f"{100_000 + demo_answers.drawn(subject, 'pin') * 37:06d}"


def enrols(stage: Stage, at: datetime, story: Story, on: date) -> None:
    """A nurse enrols the person on this day."""
    channel = Channel.email if story.address else None
    entry = EnrolmentEntry(
        story.subject, story.language, on, "2.1", on, IdentityCheck.id_card, channel, story.address
    )
    enrol(stage.installation, stage.nurses[story.site], stage.sites[story.site], entry, at)


def invites(stage: Stage, at: datetime, story: Story) -> str:
    """Issue an invitation; returns its link."""
    nurse = stage.nurses[story.site]
    return issue_invitation(stage.installation, nurse, stage.study_id, story.subject, at).url


def activates(stage: Stage, at: datetime, story: Story) -> None:
    """The person binds a phone and chooses a PIN."""
    secret, pin = invites(stage, at, story).rsplit("/", 1)[1], pin_of(story.subject)
    stage.cookies[story.subject] = activate(stage.installation, secret, pin, pin, "phone", "192.0.2.1", at)


def randomises(stage: Stage, at: datetime, story: Story, on: date) -> None:
    """The EDC tells arm and day."""
    sent = Delivery(stage.edc, story.subject, at, at, Preconditions())
    receive_arm(stage.installation, sent, story.arm or "")
    receive_anchor(stage.installation, sent, AnchorBody("randomisation", on, at, confirm=True))


def states(stage: Stage, at: datetime, story: Story, stated: Stated, on: date) -> None:
    """A nurse records a dated fact."""
    entry = AnchorEntry(stated.kind, on, stated.source, stated.reason)
    nurse = stage.nurses[story.site]
    record_anchor(stage.installation, nurse, stage.study_id, story.subject, entry, at, confirmed=True)


def leaves(stage: Stage, at: datetime, story: Story, left: Left, on: date) -> None:
    """The investigator records a disposition of this day."""
    entry = DispositionEntry(left.kind, on.isoformat(), Owner.site)
    actor = stage.investigators[story.site]
    record_disposition(stage.installation, actor, stage.study_id, story.subject, entry, at)


def returns(stage: Stage, at: datetime, story: Story) -> None:
    """The investigator takes back a mistaken disposition."""
    actor, reason = stage.investigators[story.site], "entered for the wrong participant"
    undo_disposition(stage.installation, actor, stage.study_id, story.subject, reason, at)


def excuses(stage: Stage, at: datetime, story: Story, visit: str) -> None:
    """A nurse excuses a visit's forms by the plan's first exemption."""
    actor = stage.nurses[story.site]
    excuse_visit(
        stage.installation, actor, stage.study_id, story.subject, visit, stage.plan.exemptions[0], at
    )


def requests(stage: Stage, at: datetime, story: Story, visit: str, on: date) -> None:
    """A nurse asks for a visit beside the schedule."""
    request_visit(stage.installation, stage.nurses[story.site], stage.study_id, story.subject, visit, on, at)


def asks(stage: Stage, at: datetime, story: Story, what: str) -> None:
    """The participant asks to be called, or says that something is wrong in what they sent."""
    visitor = _awake(stage, at, story)
    if what == CALL:
        ask_for_call(stage.installation, visitor, at)
    else:
        ask_for_correction(stage.installation, visitor, _slot(stage, visitor, what), at)


def fills(stage: Stage, at: datetime, story: Story, filling: Filling) -> None:
    """Wake the phone, open the form, answer it as far as the story goes, and send it."""
    visitor = _awake(stage, at, story)
    slot = _slot(stage, visitor, filling.visit)
    late = LateReason.forgot if filling.late else None
    helped = HelpedBy.family if demo_answers.drawn(story.subject, filling.visit) % 9 == 0 else None
    push(stage.installation, visitor.participant_id, at)  # told as opened before it is told as completed
    begin_form(stage.installation, visitor, slot, helped, late, at)
    form = open_form(stage.installation, visitor, slot, at)
    given = demo_answers.answers(
        form.instrument, form.leave_out, story.subject, filling.visit, filling.burden
    )
    sending = Sending(given, f"{filling.visit}-{at:%j%H%M}", True, None, {"width": 360, "layout": "steps"})
    if filling.how is None:
        submit_form(stage.installation, visitor, slot, sending, at)
        return
    events = [Given(seq, 0, code, value, at) for seq, (code, value) in enumerate(given.items(), start=1)]
    kept = events[:_BEGUN_ITEMS] if filling.how is How.BEGUN else events
    save_answers(stage.installation, stage.cookies[story.subject], slot, form.client, kept, at)


def sends_late(stage: Stage, at: datetime, story: Story, filling: Filling, captured_at: datetime) -> None:
    """Send answers that were given while there was no connection."""
    visitor = _awake(stage, at, story)
    slot = _slot(stage, visitor, filling.visit)
    with stage.installation.read() as session:
        row = session.exec(select(Slot).where(Slot.public_id == slot)).one()
    instrument = stage.installation.library.instrument(row.instrument, row.instrument_version)
    given = demo_answers.answers(instrument, (), story.subject, filling.visit, filling.burden)
    sending = Sending(given, f"{filling.visit}-late", True, captured_at, {"width": 360, "layout": "steps"})
    refused = suppress(Refused) if filling.how is How.TOO_LATE else nullcontext()
    with refused:
        submit_form(stage.installation, visitor, slot, sending, at)


def _awake(stage: Stage, at: datetime, story: Story) -> Visitor:
    with stage.installation.read() as session:
        visitor = recognise(stage.installation, session, stage.cookies[story.subject], at)
    if visitor.locked:
        unlock(stage.installation, visitor, pin_of(story.subject), at)
    return visitor


def _slot(stage: Stage, visitor: Visitor, visit: str) -> str:
    known = stage.slots.get(visitor.subject, {})
    if visit not in known:
        with stage.installation.read() as session:
            known = {slot.visit: slot.public_id for slot in slots_of(session, visitor.participant_id)}
        stage.slots[visitor.subject] = known
    return known[visit]


def explains(stage: Stage, at: datetime, story: Story, visit: str, reason: MissedReason) -> None:
    """Site staff say why a form was missed."""
    with stage.installation.read() as session:
        participant = participant_of(session, stage.study_id, story.subject)
        slot = next(slot for slot in slots_of(session, participant.id or 0) if slot.visit == visit)
    nurse = stage.nurses[story.site]
    record_missed_reason(
        stage.installation, nurse, participant.public_id, slot.public_id, reason.value, "", at
    )


def passes(stage: Stage, at: datetime) -> None:
    """Time alone: what opened or was missed is told, and reminders leave."""
    for participant_id in owing(stage.installation, at):
        push(stage.installation, participant_id, at)
    while batch := claim(stage.installation, at):
        for claimed in batch:
            hand_over(stage.installation, stage.outbox, claimed, at)
