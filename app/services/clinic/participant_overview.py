"""All that site staff see of one participant: forms, dates, exits, contact, browsers, invitation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.domain.plans.plan import AnchorKind, Plan
from app.domain.plans.status import Status, died_in_window
from app.domain.records.access import Actor, Permission
from app.domain.records.anchors import AnchorStanding
from app.domain.refusal import Refused
from app.services.accounts.contacts import ContactDetails, get_masked_contact
from app.services.clinic.conflicts import AnswerConflict, list_conflicts
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.core.plans import get_plan, items_left_out
from app.storage.queries.participants import get_readable_participant, get_site, select_readable
from app.storage.queries.slots import is_diary_slot, list_slots, slot_facts, slot_status, window_of_slot
from app.storage.tables.capture import AnswerEvent, Quarantine
from app.storage.tables.participants import Activation, Device, Participant
from app.storage.tables.schedule import Anchor, Disposition, Slot
from app.storage.tables.studies import Site

PEOPLE = 50


@dataclass(frozen=True, slots=True)
class FormState:
    """One expected form at this moment; `answered` of `asked` questions while it is begun."""

    slot: Slot
    status: Status
    answered: int
    asked: int
    died_in_window: bool


@dataclass(frozen=True, slots=True)
class AnchorHistory:
    """A kind of dated fact: the value in force (None: not known) and values that differ from it."""

    kind: AnchorKind
    current: Anchor | None
    differing: tuple[Anchor, ...]
    replaced: tuple[Anchor, ...]


@dataclass(frozen=True, slots=True)
class DispositionHistory:
    """A disposition, and the entry that took it back, if any."""

    entry: Disposition
    undone: Disposition | None


@dataclass(frozen=True, slots=True)
class QuarantinedAnswers:
    """That answers came which the form could not take, and why; never the answers."""

    slot: Slot
    reason: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class ParticipantOverview:
    """A participant as this member of staff may see them; never their arm, answers or scores."""

    participant: Participant
    site: Site
    plan: Plan
    forms: tuple[FormState, ...]
    diary: tuple[FormState, ...]
    kept_apart: tuple[QuarantinedAnswers, ...]
    conflicts: tuple[AnswerConflict, ...]
    dates: tuple[AnchorHistory, ...]
    dispositions: tuple[DispositionHistory, ...]
    contact: ContactDetails | None
    devices: tuple[Device, ...]
    invitations: tuple[Activation, ...]
    may: frozenset[Permission]

    @property
    def activated(self) -> bool:
        """Whether any browser was ever bound."""
        return bool(self.devices)


def get_participant_overview(context: StaffContext, session: Session, public_id: str) -> ParticipantOverview:
    """Everything for the participant page, in a bounded number of queries.

    Raises Refused("unknown_participant") for a stranger's and for none. In a blinded plan what
    reveals the arm is left out for those without that grant.
    """
    participant = get_readable_participant(session, context.actor, public_id, Permission.PARTICIPANT_SEE)
    key = participant.id or 0
    may = _permissions(context.actor, participant)
    plan = get_plan(context.installation, session, participant.study_id)
    hides = plan.blinded and Permission.ARM_SEE not in may
    slots = [slot for slot in list_slots(session, key) if not (hides and slot.arm_revealing)]
    counts = _answered(session, slots)
    states = [_state(context.installation, plan, slot, counts, context.at) for slot in slots]
    seen_contact = (
        get_masked_contact(context.installation, session, key) if Permission.CONTACT_SEE in may else None
    )
    return ParticipantOverview(
        participant=participant,
        site=get_site(session, participant),
        plan=plan,
        forms=tuple(state for state in states if not is_diary_slot(plan, state.slot)),
        diary=tuple(state for state in states if is_diary_slot(plan, state.slot)),
        kept_apart=_kept_apart(session, key, slots),
        conflicts=list_conflicts(session, key, slots),
        dates=_dates(session, plan, key, hides),
        dispositions=_dispositions(session, key),
        contact=seen_contact,
        devices=tuple(
            session.exec(select(Device).where(Device.participant_id == key).order_by(col(Device.id)))
        ),
        invitations=tuple(
            session.exec(
                select(Activation).where(Activation.participant_id == key).order_by(col(Activation.id))
            )
        ),
        may=may,
    )


def get_form_state(view: ParticipantOverview, slot_id: str) -> FormState:
    """One form of the overview; raises Refused("unknown_slot")."""
    for state in (*view.forms, *view.diary):
        if state.slot.public_id == slot_id:
            return state
    raise Refused("unknown_slot")


def list_participants(session: Session, actor: Actor, search: str, after: str) -> tuple[Participant, ...]:
    """Participants of this actor's sites by code, those after a code: one more than `PEOPLE` if there are."""
    statement = select_readable(actor).where(col(Participant.subject) > after)
    if search.strip():
        statement = statement.where(col(Participant.subject).contains(search.strip(), autoescape=True))
    return tuple(session.exec(statement.order_by(col(Participant.subject)).limit(PEOPLE + 1)))


def list_activated_ids(session: Session, participants: Sequence[Participant]) -> frozenset[int]:
    """Who of them ever had a browser bound; a PIN does not tell it in every study."""
    keys = [each.id for each in participants]
    return frozenset(session.exec(select(Device.participant_id).where(col(Device.participant_id).in_(keys))))


def _permissions(actor: Actor, participant: Participant) -> frozenset[Permission]:
    place = participant.study_id, participant.site_id
    return frozenset(each for each in Permission if actor.may(each, *place))


def _answered(session: Session, slots: Sequence[Slot]) -> Mapping[int, int]:
    begun = [slot.id for slot in slots if slot.begun_at is not None and slot.submitted_at is None]
    statement = (
        select(AnswerEvent.slot_id, sa.func.count(sa.distinct(col(AnswerEvent.item))))
        .where(col(AnswerEvent.slot_id).in_(begun))
        .group_by(col(AnswerEvent.slot_id))
    )
    return dict(session.exec(statement).all()) if begun else {}


def _state(
    installation: Installation, plan: Plan, slot: Slot, counts: Mapping[int, int], at: datetime
) -> FormState:
    instrument = installation.library.instrument(slot.instrument, slot.instrument_version)
    return FormState(
        slot=slot,
        status=slot_status(slot, at),
        answered=counts.get(slot.id or 0, 0),
        asked=len(instrument.items) - len(items_left_out(plan, slot.instrument)),
        died_in_window=died_in_window(window_of_slot(slot), slot_facts(slot)),
    )


def _kept_apart(
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


def _dates(session: Session, plan: Plan, participant_id: int, hides: bool) -> tuple[AnchorHistory, ...]:
    statement = select(Anchor).where(Anchor.participant_id == participant_id).order_by(col(Anchor.id))
    rows = session.exec(statement).all()
    kinds = [kind for kind in plan.anchors if not (hides and kind.arm_revealing)]
    return tuple(_dated(kind, [row for row in rows if row.kind == kind.kind]) for kind in kinds)


def _dated(kind: AnchorKind, rows: Sequence[Anchor]) -> AnchorHistory:
    return AnchorHistory(
        kind,
        next((row for row in rows if row.standing is AnchorStanding.CURRENT), None),
        tuple(row for row in rows if row.standing is AnchorStanding.DIFFERING),
        tuple(row for row in rows if row.standing is AnchorStanding.SUPERSEDED),
    )


def _dispositions(session: Session, participant_id: int) -> tuple[DispositionHistory, ...]:
    statement = select(Disposition).where(Disposition.participant_id == participant_id)
    rows = session.exec(statement.order_by(col(Disposition.id))).all()
    undone = {row.undoes_id: row for row in rows if row.undoes_id is not None}
    return tuple(DispositionHistory(row, undone.get(row.id or 0)) for row in rows if row.undoes_id is None)
