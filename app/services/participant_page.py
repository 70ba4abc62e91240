"""All that site staff see of one participant: forms, dates, exits, contact, browsers, invitation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.domain.access import Actor, Permission
from app.domain.plan import AnchorKind, Plan
from app.domain.refusal import Refused
from app.domain.status import Status, died_in_window
from app.services.capture import left_out
from app.services.conflicts import Conflict, conflicts_of
from app.services.contacts import Reached, masked_contact
from app.services.installation import Installation
from app.services.participants import readable, seen_by, site_of
from app.services.scheduling import plan_of
from app.storage.capture import AnswerEvent, Quarantine
from app.storage.people import Activation, Device, Participant
from app.storage.schedule import Anchor, Disposition, Slot, Standing
from app.storage.slots import facts_of, slots_of, status_of, window_of_slot
from app.storage.study import Site

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
class Dated:
    """A kind of dated fact: the value in force (None: not known) and values that differ from it."""

    kind: AnchorKind
    current: Anchor | None
    differing: tuple[Anchor, ...]
    replaced: tuple[Anchor, ...]


@dataclass(frozen=True, slots=True)
class Stated:
    """A disposition, and the entry that took it back, if any."""

    entry: Disposition
    undone: Disposition | None


@dataclass(frozen=True, slots=True)
class KeptApart:
    """That answers came which the form could not take, and why; never the answers."""

    slot: Slot
    reason: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Overview:
    """A participant as this member of staff may see them; never their arm, answers or scores."""

    participant: Participant
    site: Site
    plan: Plan
    forms: tuple[FormState, ...]
    diary: tuple[FormState, ...]
    kept_apart: tuple[KeptApart, ...]
    conflicts: tuple[Conflict, ...]
    dates: tuple[Dated, ...]
    dispositions: tuple[Stated, ...]
    contact: Reached | None
    devices: tuple[Device, ...]
    invitations: tuple[Activation, ...]
    may: frozenset[Permission]

    @property
    def activated(self) -> bool:
        """Whether any browser was ever bound."""
        return bool(self.devices)


def overview(
    installation: Installation, session: Session, actor: Actor, public_id: str, at: datetime
) -> Overview:
    """Everything for the participant page, in a bounded number of queries.

    Raises Refused("unknown_participant") for a stranger's and for none. In a blinded plan what
    reveals the arm is left out for those without that grant.
    """
    participant = seen_by(session, actor, public_id, Permission.PARTICIPANT_SEE)
    key = participant.id or 0
    may = _permissions(actor, participant)
    plan = plan_of(installation, session, participant.study_id)
    hides = plan.blinded and Permission.ARM_SEE not in may
    slots = [slot for slot in slots_of(session, key) if not (hides and slot.arm_revealing)]
    counts = _answered(session, slots)
    states = [_state(installation, plan, slot, counts, at) for slot in slots]
    seen_contact = masked_contact(installation, session, key) if Permission.CONTACT_SEE in may else None
    return Overview(
        participant=participant,
        site=site_of(session, participant),
        plan=plan,
        forms=tuple(state for state in states if not of_diary(plan, state.slot)),
        diary=tuple(state for state in states if of_diary(plan, state.slot)),
        kept_apart=_kept_apart(session, key, slots),
        conflicts=conflicts_of(session, key, slots),
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


def of_diary(plan: Plan, slot: Slot) -> bool:
    """Whether a form is a day of the diary, also while its day waits for a date."""
    return plan.diary is not None and slot.series == plan.diary.series


def form_state(view: Overview, slot_id: str) -> FormState:
    """One form of the overview; raises Refused("unknown_slot")."""
    for state in (*view.forms, *view.diary):
        if state.slot.public_id == slot_id:
            return state
    raise Refused("unknown_slot")


def people(session: Session, actor: Actor, search: str, after: str) -> tuple[Participant, ...]:
    """Participants of this actor's sites by code, those after a code: one more than `PEOPLE` if there are."""
    statement = readable(actor).where(col(Participant.subject) > after)
    if search.strip():
        statement = statement.where(col(Participant.subject).contains(search.strip(), autoescape=True))
    return tuple(session.exec(statement.order_by(col(Participant.subject)).limit(PEOPLE + 1)))


def activated(session: Session, participants: Sequence[Participant]) -> frozenset[int]:
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
        status=status_of(slot, at),
        answered=counts.get(slot.id or 0, 0),
        asked=len(instrument.items) - len(left_out(plan, slot.instrument)),
        died_in_window=died_in_window(window_of_slot(slot), facts_of(slot)),
    )


def _kept_apart(session: Session, participant_id: int, slots: Sequence[Slot]) -> tuple[KeptApart, ...]:
    """Those of the forms that are shown, in the order in which they came."""
    shown = {slot.id: slot for slot in slots}
    statement = (
        select(Quarantine.slot_id, Quarantine.reason, Quarantine.received_at)
        .join(Slot, col(Slot.id) == col(Quarantine.slot_id))
        .where(Slot.participant_id == participant_id)
        .order_by(col(Quarantine.id))
    )
    rows = session.exec(statement).all()
    return tuple(KeptApart(shown[slot], reason, at) for slot, reason, at in rows if slot in shown)


def _dates(session: Session, plan: Plan, participant_id: int, hides: bool) -> tuple[Dated, ...]:
    statement = select(Anchor).where(Anchor.participant_id == participant_id).order_by(col(Anchor.id))
    rows = session.exec(statement).all()
    kinds = [kind for kind in plan.anchors if not (hides and kind.arm_revealing)]
    return tuple(_dated(kind, [row for row in rows if row.kind == kind.kind]) for kind in kinds)


def _dated(kind: AnchorKind, rows: Sequence[Anchor]) -> Dated:
    return Dated(
        kind,
        next((row for row in rows if row.standing is Standing.CURRENT), None),
        tuple(row for row in rows if row.standing is Standing.DIFFERING),
        tuple(row for row in rows if row.standing is Standing.SUPERSEDED),
    )


def _dispositions(session: Session, participant_id: int) -> tuple[Stated, ...]:
    statement = select(Disposition).where(Disposition.participant_id == participant_id)
    rows = session.exec(statement.order_by(col(Disposition.id))).all()
    undone = {row.undoes_id: row for row in rows if row.undoes_id is not None}
    return tuple(Stated(row, undone.get(row.id or 0)) for row in rows if row.undoes_id is None)
