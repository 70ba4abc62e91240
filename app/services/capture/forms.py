"""Filling a form: what it asks, opening and beginning it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import Session, col

from app.domain.capture.answers import HelpedBy, LateReason
from app.domain.capture.arrival import check_open
from app.domain.capture.outbox import item_tokens
from app.domain.capture.slot_view import FormSlot
from app.domain.instruments.definition import Condition, Instrument, Item
from app.domain.instruments.responses import AnswerValue
from app.domain.instruments.text import InstrumentText
from app.domain.plans.occasions import FormOccasion, find_occasion
from app.domain.plans.plan import Plan
from app.domain.plans.schedule import needs_late_reason
from app.domain.plans.windows import local_day
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.services.accounts.participant_session import build_session
from app.services.core.context import DeviceContext, ParticipantContext, ParticipantSession
from app.services.core.identifiers import new_public_id
from app.services.core.installation import Installation
from app.services.core.plans import excluded_items
from app.services.schedule.next_due import next_due_at, used_up_kinds
from app.services.schedule.reminder_preference import reminder_preference
from app.services.setup.packs import check_form_wording
from app.storage.queries.form_rows import (
    FormRows,
    OwnFormRows,
    read_form_by_device,
    read_form_by_token,
    read_form_to_submit,
    reread_form,
)
from app.storage.queries.slots import planned_slot, slot_facts, window_of_slot
from app.storage.queries.upcoming_forms import UpcomingForms
from app.storage.row_changes import participant_chain
from app.storage.tables.participants import Device, Participant
from app.storage.tables.schedule import Slot
from app.storage.unit_of_work import UnitOfWork

BY_ONESELF = "self"
"""The participant fills in diaries without anybody's help."""

CONFIRMED_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class FormDefinition:
    """What a slot asks, in the participant's words, whatever its state."""

    slot: FormSlot
    plan: Plan
    instrument: Instrument
    text: InstrumentText
    leave_out: frozenset[str]

    @property
    def items(self) -> tuple[Item, ...]:
        """The items that the plan uses, in the instrument's order."""
        return tuple(item for item in self.instrument.items if item.code not in self.leave_out)

    def asks_as(self, other: "FormDefinition") -> bool:
        """Whether it asks the same items, so that answers to one are answers to the other."""
        return self.instrument == other.instrument and self.leave_out == other.leave_out

    @property
    def name(self) -> str:
        """What the form is called in the participant's language: by the plan or the instrument."""
        return self.plan.form_name(self.instrument.id, self.text.lang) or self.text.name

    @property
    def occasion(self) -> FormOccasion:
        """Which time in the study the form is for, in the participant's language."""
        slot, language = self.slot, self.text.lang
        return find_occasion(
            self.plan, self.instrument.id, slot.visit, language, slot.target_on, slot.for_day
        )

    @property
    def marks(self) -> tuple[Condition, ...]:
        """The answers that the plan calls urgent, beside the instrument's own."""
        return next(used.urgent for used in self.plan.instruments if used.id == self.instrument.id)


@dataclass(frozen=True, slots=True)
class OpenForm(FormDefinition):
    """A form as its participant may see it now, with the answers so far; begun or not.

    `key` holds the tokens under which the phone stores answers that it could not send yet.
    """

    answers: Mapping[str, AnswerValue]
    revision: int
    client: str
    key: str
    asks_late_reason: bool


@dataclass(frozen=True, slots=True)
class FormAccess:
    """Who asks for a form of their own with this browser, and everything stored of it, read at once."""

    participant: ParticipantSession
    rows: OwnFormRows


@dataclass(frozen=True, slots=True)
class SubmissionAccess(FormAccess):
    """A form that is on its way to be submitted, and what else lies before its participant."""

    upcoming: UpcomingForms


def find_form(context: DeviceContext, slot_id: str, *, bringing: bool = False) -> FormAccess | None:
    """The form that this browser's participant asks for; None where browser or slot is not known.

    `bringing` as in `build_session`.
    """
    rows = read_form_by_token(context.installation.engine, context.token_digest, slot_id)
    if rows is None:
        return None
    return FormAccess(build_session(context, rows.person, bringing=bringing), rows)


def find_form_to_submit(context: DeviceContext, slot_id: str) -> SubmissionAccess | None:
    """As `find_form`, of a browser that brings the answers."""
    submission_rows = read_form_to_submit(
        context.installation.engine, context.token_digest, slot_id, context.at
    )
    if submission_rows is None:
        return None
    rows, upcoming = submission_rows
    return SubmissionAccess(build_session(context, rows.person, bringing=True), rows, upcoming)


def open_form(context: ParticipantContext, slot_id: str) -> OpenForm:
    """The form of one's own slot, found by its id alone; begun or not.

    Raises Refused: "unknown_slot" (also for somebody else's), "not_yet_open", "window_closed",
    "already_submitted", "not_expected", "no_translation", or as `check_pack`.
    """
    return open_read_form(context, read_own_form(context, slot_id))


def read_own_form(
    context: ParticipantContext, slot_id: str, connection: Connection | None = None
) -> FormRows:
    """Everything stored of a form of one's own. Raises Refused("unknown_slot").

    It is read on the `connection` that holds the lock of the participant's chain, or in the transaction
    that the context carries, where there is one.
    """
    engine, device = context.installation.engine, context.participant.device_id
    if connection is None and context.opened is not None:
        connection = context.opened.session.connection()
    if connection is None:
        rows = read_form_by_device(engine, device, slot_id)
    else:
        rows = reread_form(connection, device, slot_id)
    if rows is None:
        raise Refused("unknown_slot")
    return rows


def open_read_form(
    context: ParticipantContext, rows: FormRows, known: FormDefinition | None = None
) -> OpenForm:
    """Open a form whose rows are at hand, and perhaps what it asks. Raises as `open_form`."""
    slot, participant = rows.slot, context.participant
    check_open(window_of_slot(slot), slot_facts(slot), context.at)
    check_form_wording(context.installation, participant.study, participant.language, slot, context.at)
    definition = redefine_form(context.installation, participant.study, slot, participant.language, known)
    return OpenForm(
        slot=slot,
        plan=definition.plan,
        instrument=definition.instrument,
        text=definition.text,
        leave_out=definition.leave_out,
        answers=rows.answers,
        revision=rows.revision,
        client=new_public_id(),
        key=form_item_tokens(context.installation, definition.plan, slot.public_id, len(definition.items)),
        asks_late_reason=needs_late_reason(definition.plan, planned_slot(slot), context.at),
    )


def get_form_definition(context: ParticipantContext, slot_id: str) -> FormDefinition:
    """What one's own slot asks, whatever its state. Raises Refused: "unknown_slot", "no_translation"."""
    with context.read() as session:
        slot = get_own_slot(session, context.participant, slot_id)
    return form_definition(context, slot)


_OWN = sa.select(Slot).where(
    col(Slot.public_id) == sa.bindparam("public_id"), col(Slot.participant_id) == sa.bindparam("participant")
)


def get_own_slot(session: Session, participant: ParticipantSession, slot_id: str) -> Slot:
    """One's own slot; anybody else's is refused like one that is not there: Refused("unknown_slot")."""
    own = {"public_id": slot_id, "participant": participant.participant_id}
    slot = session.scalars(_OWN, own).one_or_none()
    if slot is None:
        raise Refused("unknown_slot")
    return slot


def form_definition(context: ParticipantContext, slot: FormSlot) -> FormDefinition:
    """What a slot at hand asks of this participant. Raises Refused("no_translation")."""
    return define_form(context.installation, context.participant.study, slot, context.participant.language)


def define_form(
    installation: Installation, study: str, slot: FormSlot, language: str, shown: str = ""
) -> FormDefinition:
    """What a slot asks in this language, worded as when it was begun. Raises Refused("no_translation").

    `shown` is the digest of the words in which answers at hand were given.
    """
    plan = installation.library.get_plan(study, slot.plan_version)
    instrument = installation.library.get_instrument(slot.instrument, slot.instrument_version)
    text = installation.get_text(study, instrument, language, slot.begun_at, shown)
    return FormDefinition(slot, plan, instrument, text, excluded_items(plan, slot.instrument))


def redefine_form(
    installation: Installation,
    study: str,
    slot: FormSlot,
    language: str,
    known: FormDefinition | None,
    shown: str = "",
) -> FormDefinition:
    """What a slot that was read again asks: as is `known`, unless something that it rests on has changed.

    Raises as `define_form`, by which it is made where nothing is known of it.
    """
    if known is None or not _still_holds(known, slot, language, shown):
        return define_form(installation, study, slot, language, shown)
    return FormDefinition(slot, known.plan, known.instrument, known.text, known.leave_out)


def _still_holds(known: FormDefinition, slot: FormSlot, language: str, shown: str) -> bool:
    return (
        known.text.lang == language
        and shown in ("", known.text.sha256)
        and known.plan.version == slot.plan_version
        and known.instrument.id == slot.instrument
        and known.instrument.version == slot.instrument_version
        and known.slot.begun_at == slot.begun_at
    )


def find_confirmed_helper(participant: ParticipantSession, at: datetime) -> str:
    """Who fills in diaries on this browser: `BY_ONESELF`, or who types; "" where that is to be asked.

    It is asked once a week, whenever the phone passed to somebody else, and always on the clinic's tablet.
    """
    if participant.handed_over or participant.helper_on is None:
        return ""
    passed = local_day(at, participant.zone) - participant.helper_on
    return participant.helper if timedelta(0) <= passed < CONFIRMED_FOR else ""


def begin_as_confirmed(context: ParticipantContext, slot_id: str, shown: str) -> None:
    """Begin one's own form by whoever was confirmed to fill in diaries on this browser, and was `shown`.

    Raises Refused("who_needed") where that is to be asked first, or is somebody else by now, and as
    `begin_form`.
    """
    helper = find_confirmed_helper(context.participant, context.at)
    if not helper or helper != shown:
        raise Refused("who_needed", field="who")
    helped_by = None if helper == BY_ONESELF else HelpedBy(helper)
    begin_form(context, slot_id, helped_by, None, confirmed_on=context.participant.helper_on)


def change_helper(context: ParticipantContext, slot_id: str, helped_by: HelpedBy | None) -> None:
    """Say anew who fills in a form that is begun and not sent; the next diaries on this browser follow it.

    Raises as `open_form`, and Refused("not_begun").
    """
    chain = participant_chain(context.participant.participant_id)
    with context.unit_of_work() as work:
        work.lock(chain)
        slot = get_own_slot(work.session, context.participant, slot_id)
        check_open(window_of_slot(slot), slot_facts(slot), context.at)
        if slot.begun_at is None:
            raise Refused("not_begun")
        _set_helper(context, work, slot, helped_by, None)
        work.record(AuditEvent.HELPER_CONFIRMED, chain)


def _set_helper(
    context: ParticipantContext,
    work: UnitOfWork,
    slot: Slot,
    helped_by: HelpedBy | None,
    confirmed_on: date | None,
) -> None:
    """Store who fills in a form and when that was said: now, unless it was confirmed on an earlier day."""
    today = local_day(context.at, context.participant.zone)
    slot.helped_by = helped_by.value if helped_by else None
    slot.helper_on = confirmed_on or today
    if confirmed_on is None:
        device = work.session.get_one(Device, context.participant.device_id)
        device.helper, device.helper_on = helped_by.value if helped_by else BY_ONESELF, today


def begin_form(
    context: ParticipantContext,
    slot_id: str,
    helped_by: HelpedBy | None,
    late_reason: LateReason | None,
    confirmed_on: date | None = None,
) -> None:
    """Begin one's own form; a begun one stays as it is. From here on its window never moves.

    `confirmed_on`: who fills it in was said on that day, and not now.
    Raises as `open_form`, and Refused("late_reason_needed") for a diary entry made late without one.
    """
    chain = participant_chain(context.participant.participant_id)
    with context.unit_of_work() as work:
        work.lock(chain)
        slot = get_own_slot(work.session, context.participant, slot_id)
        check_open(window_of_slot(slot), slot_facts(slot), context.at)
        if slot.begun_at is not None:
            return
        participant = context.participant
        check_form_wording(context.installation, participant.study, participant.language, slot, context.at)
        plan = context.installation.library.get_plan(context.participant.study, slot.plan_version)
        if late_reason is None and needs_late_reason(plan, planned_slot(slot), context.at):
            raise Refused("late_reason_needed", field="late_reason", allowed=tuple(LateReason))
        slot.begun_at = context.at
        _set_helper(context, work, slot, helped_by, confirmed_on)
        slot.late_reason = late_reason.value if late_reason else None
        preference = reminder_preference(
            work.session.get_one(Participant, context.participant.participant_id)
        )
        used_up = used_up_kinds(work.session, [slot])[slot.id]
        slot.wake_at = next_due_at(plan, slot, used_up, context.at, preference)
        work.record(AuditEvent.FORM_BEGUN, chain)


def form_item_tokens(installation: Installation, plan: Plan, slot_id: str, items: int) -> str:
    """The tokens of a form's items on a phone; "" where the plan lets it store nothing."""
    return item_tokens(items, installation.secret_box.keyed_digest("outbox", slot_id)) if plan.outbox else ""
