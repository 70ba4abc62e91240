"""All that site staff see of one participant: forms, dates, exits, contact, browsers, invitation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.domain.plans.plan import ENROLMENT, AnchorKind, Plan
from app.domain.plans.status import ExitKind, Status, died_in_window
from app.domain.records.access import Actor, Permission
from app.domain.records.anchors import AnchorStanding
from app.domain.records.dispositions import DispositionKind
from app.domain.records.participants import TeamRequestKind
from app.domain.refusal import Refused
from app.services.accounts.contacts import ContactDetails, get_masked_contact
from app.services.accounts.devices import BoundDevice, bound_device
from app.services.clinic.conflicts import AnswerConflict, list_conflicts
from app.services.clinic.today.contact_log import LoggedContact, read_contact_log
from app.services.core.context import StaffContext
from app.services.core.plans import excluded_items, get_plan
from app.storage.queries.contradictions import Contradiction, read_contradictions
from app.storage.queries.participants import get_site
from app.storage.queries.slots import is_diary_slot, list_slots, slot_facts, slot_status, window_of_slot
from app.storage.tables.capture import AnswerEvent, Quarantine
from app.storage.tables.columns import key_of
from app.storage.tables.participants import Activation, Device, Participant, TeamRequest
from app.storage.tables.schedule import Anchor, Disposition, Slot


@dataclass(frozen=True, slots=True)
class FormState:
    """One expected form at this moment; `answered` of `asked` questions while it is begun."""

    slot: Slot
    status: Status
    answered: int
    asked: int
    died_in_window: bool


@dataclass(frozen=True, slots=True)
class AnchorValue:
    """A value that was given for a dated fact."""

    dated_on: date
    source: str
    reason: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class AnchorHistory:
    """A kind of dated fact: the value in force (None: not known) and values that differ from it."""

    kind: AnchorKind
    current: AnchorValue | None
    differing: tuple[AnchorValue, ...]
    replaced: tuple[AnchorValue, ...]


@dataclass(frozen=True, slots=True)
class DispositionValue:
    """A disposition, or the taking back of one, as it was stated."""

    entry_id: int
    kind: str
    stated_date: str
    source: str
    reason: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class DispositionHistory:
    """A disposition, and the entry that took it back, if any."""

    entry: DispositionValue
    undone: DispositionValue | None


@dataclass(frozen=True, slots=True)
class QuarantinedAnswers:
    """That answers came which the form could not take, and why; never the answers."""

    slot: Slot
    reason: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class RequestHistory:
    """What a participant asked for; no form where there is none, or where it would tell the arm."""

    kind: TeamRequestKind
    slot: Slot | None
    asked_at: datetime
    closed_at: datetime | None
    outcome: str


@dataclass(frozen=True, slots=True)
class IssuedInvitation:
    """An invitation: until when it can be used, and whether it was used or revoked."""

    issued_at: datetime
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class ParticipantDetails:
    """What a participant's own row says to staff."""

    public_id: str
    subject: str
    language: str
    zone: str
    consent_version: str
    consented_on: date | None
    identity_check: str
    exit_kind: ExitKind | None


@dataclass(frozen=True, slots=True)
class ParticipantOverview:
    """A participant as this member of staff may see them; never their arm, answers or scores."""

    participant: ParticipantDetails
    site: str
    plan: Plan
    forms: tuple[FormState, ...]
    diary: tuple[FormState, ...]
    kept_apart: tuple[QuarantinedAnswers, ...]
    conflicts: tuple[AnswerConflict, ...]
    dates: tuple[AnchorHistory, ...]
    dispositions: tuple[DispositionHistory, ...]
    contradictions: tuple[Contradiction, ...]
    contact: ContactDetails | None
    devices: tuple[BoundDevice, ...]
    invitations: tuple[IssuedInvitation, ...]
    requests: tuple[RequestHistory, ...]
    contacts: tuple[LoggedContact, ...]
    may: frozenset[Permission]

    @property
    def exit(self) -> str:
        """The disposition that ended participation, "" for none; a death outranks every other."""
        standing = {each.entry.kind for each in self.dispositions if each.undone is None}
        if DispositionKind.death in standing:
            return DispositionKind.death.value
        return self.participant.exit_kind.value if self.participant.exit_kind else ""

    @property
    def instruments(self) -> tuple[str, ...]:
        """The instruments of their visits, each once."""
        return tuple(dict.fromkeys(state.slot.instrument for state in self.forms))

    @property
    def activated(self) -> bool:
        """Whether any browser was ever bound."""
        return bool(self.devices)

    @property
    def enrolled_on(self) -> date:
        """The day of enrolment in force; windows count from it."""
        current = (dated.current for dated in self.dates if dated.kind.kind == ENROLMENT)
        return next(anchor.dated_on for anchor in current if anchor is not None)


def get_participant_overview(context: StaffContext, participant_id: int) -> ParticipantOverview:
    """Everything for the page of a participant whom this member of staff may see, in bounded queries.

    In a blinded plan what reveals the arm is left out for those without that grant.
    """
    with context.read() as session:
        participant = session.get_one(Participant, participant_id)
        may = _permissions(context.actor, participant)
        plan = get_plan(context.installation, session, participant.study_id)
        hides = plan.blinded and Permission.ARM_SEE not in may
        slots = [slot for slot in list_slots(session, participant_id) if not (hides and slot.arm_revealing)]
        counts = _count_answered(session, slots)
        states = [_form_state(context, plan, slot, counts) for slot in slots]
        return ParticipantOverview(
            participant=_details(participant),
            site=get_site(session, participant).name,
            plan=plan,
            forms=tuple(state for state in states if not is_diary_slot(plan, state.slot)),
            diary=tuple(state for state in states if is_diary_slot(plan, state.slot)),
            kept_apart=_quarantined(session, participant_id, slots),
            conflicts=list_conflicts(session, participant_id, slots),
            dates=_anchors(session, plan, participant_id, hides),
            dispositions=_dispositions(session, participant_id),
            contradictions=tuple(read_contradictions(session, participant_id)),
            contact=_contact(context, session, participant_id) if Permission.CONTACT_SEE in may else None,
            devices=_devices(session, participant_id),
            invitations=_invitations(session, participant_id),
            requests=_requests(session, participant_id, slots),
            contacts=read_contact_log(session, participant_id),
            may=may,
        )


def get_form_state(view: ParticipantOverview, slot_id: str) -> FormState:
    """One form of the overview; raises Refused("unknown_slot")."""
    for state in (*view.forms, *view.diary):
        if state.slot.public_id == slot_id:
            return state
    raise Refused("unknown_slot")


def _permissions(actor: Actor, participant: Participant) -> frozenset[Permission]:
    return frozenset(
        each for each in Permission if actor.may(each, participant.study_id, participant.site_id)
    )


def _details(row: Participant) -> ParticipantDetails:
    return ParticipantDetails(
        public_id=row.public_id,
        subject=row.subject,
        language=row.language,
        zone=row.zone,
        consent_version=row.consent_version or "",
        consented_on=row.consented_on,
        identity_check=row.identity_check or "",
        exit_kind=row.exit_kind,
    )


def _contact(context: StaffContext, session: Session, participant_id: int) -> ContactDetails | None:
    return get_masked_contact(context.installation, session, participant_id)


def _devices(session: Session, participant_id: int) -> tuple[BoundDevice, ...]:
    statement = select(Device).where(Device.participant_id == participant_id).order_by(col(Device.id))
    return tuple(bound_device(row) for row in session.exec(statement))


def _invitations(session: Session, participant_id: int) -> tuple[IssuedInvitation, ...]:
    statement = select(Activation).where(Activation.participant_id == participant_id)
    return tuple(
        IssuedInvitation(row.issued_at, row.expires_at, row.used_at, row.revoked_at)
        for row in session.exec(statement.order_by(col(Activation.id)))
    )


def _requests(session: Session, participant_id: int, slots: Sequence[Slot]) -> tuple[RequestHistory, ...]:
    """What was asked for, the newest first."""
    shown = {slot.id: slot for slot in slots}
    statement = select(TeamRequest).where(TeamRequest.participant_id == participant_id)
    return tuple(
        RequestHistory(row.kind, shown.get(row.slot_id), row.asked_at, row.closed_at, row.outcome or "")
        for row in session.exec(statement.order_by(col(TeamRequest.id).desc()))
    )


def _count_answered(session: Session, slots: Sequence[Slot]) -> Mapping[int, int]:
    begun = [slot.id for slot in slots if slot.begun_at is not None and slot.submitted_at is None]
    statement = (
        select(AnswerEvent.slot_id, sa.func.count(sa.distinct(col(AnswerEvent.item))))
        .where(col(AnswerEvent.slot_id).in_(begun))
        .group_by(col(AnswerEvent.slot_id))
    )
    return dict(session.exec(statement).all()) if begun else {}


def _form_state(context: StaffContext, plan: Plan, slot: Slot, counts: Mapping[int, int]) -> FormState:
    instrument = context.installation.library.instrument(slot.instrument, slot.instrument_version)
    return FormState(
        slot=slot,
        status=slot_status(slot, context.at),
        answered=counts.get(key_of(slot), 0),
        asked=len(instrument.items) - len(excluded_items(plan, slot.instrument)),
        died_in_window=died_in_window(window_of_slot(slot), slot_facts(slot)),
    )


def _quarantined(
    session: Session, participant_id: int, slots: Sequence[Slot]
) -> tuple[QuarantinedAnswers, ...]:
    """Those of the forms that are shown, in the order in which they came."""
    shown = {slot.id: slot for slot in slots}
    statement = (
        select(Quarantine.slot_id, Quarantine.reason, Quarantine.received_at)
        .join(Slot, col(Slot.id) == col(Quarantine.slot_id))
        .where(Slot.participant_id == participant_id)
        .order_by(col(Quarantine.id))
    )
    rows = session.exec(statement).all()
    return tuple(QuarantinedAnswers(shown[slot], reason, at) for slot, reason, at in rows if slot in shown)


def _anchors(session: Session, plan: Plan, participant_id: int, hides: bool) -> tuple[AnchorHistory, ...]:
    statement = select(Anchor).where(Anchor.participant_id == participant_id).order_by(col(Anchor.id))
    rows = session.exec(statement).all()
    kinds = [kind for kind in plan.anchors if not (hides and kind.arm_revealing)]
    return tuple(_anchor_history(kind, [row for row in rows if row.kind == kind.kind]) for kind in kinds)


def _anchor_history(kind: AnchorKind, rows: Sequence[Anchor]) -> AnchorHistory:
    def values(standing: AnchorStanding) -> tuple[AnchorValue, ...]:
        return tuple(
            AnchorValue(row.dated_on, row.source, row.reason or "", row.recorded_at)
            for row in rows
            if row.standing is standing
        )

    return AnchorHistory(
        kind,
        next(iter(values(AnchorStanding.CURRENT)), None),
        values(AnchorStanding.DIFFERING),
        values(AnchorStanding.SUPERSEDED),
    )


def _dispositions(session: Session, participant_id: int) -> tuple[DispositionHistory, ...]:
    statement = select(Disposition).where(Disposition.participant_id == participant_id)
    rows = session.exec(statement.order_by(col(Disposition.id))).all()
    undone = {row.undoes_id: _disposition(row) for row in rows if row.undoes_id is not None}
    return tuple(
        DispositionHistory(_disposition(row), undone.get(key_of(row)))
        for row in rows
        if row.undoes_id is None
    )


def _disposition(row: Disposition) -> DispositionValue:
    return DispositionValue(
        key_of(row), row.kind, row.stated_date, row.source, row.reason or "", row.recorded_at
    )
