"""Finding participants: only those whom the actor may read, and strangers never."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.domain.desk.arm_blinding import sees_arm
from app.domain.plans.plan import ENROLMENT, Plan
from app.domain.plans.status import ExitKind
from app.domain.records.access import Actor, Permission
from app.domain.records.anchors import AnchorStanding
from app.domain.records.dispositions import DispositionKind
from app.domain.refusal import Refused
from app.domain.typed_text import fold_code, narrow_text
from app.storage.database.plain_reads import PlainRead
from app.storage.plain_rows import ContactRecord
from app.storage.queries.slots import list_slots
from app.storage.row_changes import PARTICIPANT_CHAIN
from app.storage.tables.audit import AuditChain
from app.storage.tables.participants import Contact, Participant
from app.storage.tables.schedule import Anchor, Disposition, Slot
from app.storage.tables.studies import Site, Study


def select_readable(
    actor: Actor, permission: Permission = Permission.PARTICIPANT_SEE
) -> SelectOfScalar[Participant]:
    """The participants whom this permission of a member of staff reaches."""
    return select(Participant).where(_is_reached(actor, permission))


_CODE = sa.func.lower(col(Participant.subject))
_ESCAPE = "/"


def with_code(people: SelectOfScalar[Participant], typed: str) -> SelectOfScalar[Participant]:
    """The people of a statement who have the code that staff typed, whatever its capitals and width.

    One of exactly this spelling comes first.
    """
    other_spelling = col(Participant.subject) != narrow_text(typed)
    return people.where(fold_code(typed) == _CODE).order_by(other_spelling, col(Participant.id))


def holds_code(pattern: sa.SQLColumnExpression[str]) -> sa.ColumnElement[bool]:
    """Whether a participant's code holds what staff typed, of which `code_pattern` makes the pattern."""
    return _CODE.like(pattern, escape=_ESCAPE)


def code_pattern(typed: str) -> str:
    """What `holds_code` compares with: the typed part of a code, each sign of it for itself."""
    marked = "".join(f"{_ESCAPE}{sign}" if sign in f"{_ESCAPE}%_" else sign for sign in fold_code(typed))
    return f"%{marked}%"


def _is_reached(actor: Actor, permission: Permission) -> sa.ColumnElement[bool]:
    reached = [
        col(Participant.study_id) == study if site is None else col(Participant.site_id) == site
        for study, site in actor.list_reach(permission)
    ]
    return sa.or_(sa.false(), *reached)


class ReadableParticipant(NamedTuple):
    """A participant whom a permission reaches, and the newest entry of their chain."""

    id: int
    public_id: str
    study_id: int
    site_id: int
    subject: str
    newest_entry: int


_READABLE = PlainRead(
    sa.select(
        col(Participant.id),
        col(Participant.public_id),
        col(Participant.study_id),
        col(Participant.site_id),
        col(Participant.subject),
        col(AuditChain.seq),
    )
    .join_from(
        Participant,
        AuditChain,
        col(AuditChain.chain)
        == sa.literal(PARTICIPANT_CHAIN).concat(sa.cast(col(Participant.id), sa.String)),
    )
    .where(
        col(Participant.public_id) == sa.bindparam("public_id", type_=sa.String),
        sa.or_(
            col(Participant.study_id).in_(sa.bindparam("studies", expanding=True)),
            col(Participant.site_id).in_(sa.bindparam("sites", expanding=True)),
        ),
    )
)


def find_readable_with_head(
    connection: Connection, actor: Actor, permission: Permission, public_id: str
) -> ReadableParticipant | None:
    """The participant of this public id, if this permission reaches them."""
    reach = actor.list_reach(permission)
    rows = _READABLE.fetch(
        connection,
        {
            "public_id": public_id,
            "studies": [study for study, site in reach if site is None],
            "sites": [site for _study, site in reach if site is not None],
        },
    )
    return ReadableParticipant._make(rows[0]) if rows else None


class ParticipantCard(NamedTuple):
    """A participant as their page shows them, with the name of their site and the code of their study."""

    id: int
    public_id: str
    study_id: int
    site_id: int
    subject: str
    plan_version: str
    language: str
    zone: str
    enrolled_at: datetime
    consent_version: str | None
    consented_on: date | None
    identity_check: str | None
    exit_kind: ExitKind | None
    reminders_wanted: bool
    remind_at: str | None
    reminders_paused_until: date | None
    site: str
    study: str


StoredParticipant = Participant | ParticipantCard
"""A participant who has a key, whether as a row of a session or as a plain record."""
_OWN = ParticipantCard._fields[:-2]
_CARD = PlainRead(
    sa.select(
        *(getattr(Participant, name) for name in _OWN),
        col(Site.name),
        col(Study.code),
        *(getattr(Contact, name) for name in ContactRecord._fields),
    )
    .join_from(Participant, Site, col(Site.id) == col(Participant.site_id))
    .join(Study, col(Study.id) == col(Participant.study_id))
    .outerjoin(Contact, col(Contact.participant_id) == col(Participant.id))
    .where(col(Participant.id) == sa.bindparam("participant", type_=sa.Integer))
)


def get_card(connection: Connection, participant_id: int) -> tuple[ParticipantCard, ContactRecord | None]:
    """The participant of this key, and where they are reached; None where nothing is stored."""
    (row,) = _CARD.fetch(connection, {"participant": participant_id})
    size = len(ParticipantCard._fields)
    contact = ContactRecord(*row[size:])
    return ParticipantCard(
        *row[:size]
    ), contact if contact.address_sealed or contact.telephone_sealed else None


# Built once, as of every statement that most requests execute: to build one costs as much as to execute it.
_BY_SUBJECT = select(Participant).where(
    Participant.study_id == sa.bindparam("study"), Participant.subject == sa.bindparam("subject")
)
_SLOT = select(Slot).where(
    Slot.public_id == sa.bindparam("slot"), Slot.participant_id == sa.bindparam("participant")
)
_STUDY = select(Study).where(Study.code == sa.bindparam("code"))
_SITES = select(Site).where(Site.study_id == sa.bindparam("study"))


def get_participant(session: Session, study_id: int, subject: str) -> Participant:
    """The participant of a study by code; raises Refused("unknown_participant")."""
    row = session.exec(_BY_SUBJECT, params={"study": study_id, "subject": subject}).one_or_none()
    if row is None:
        raise Refused("unknown_participant", subject=subject)
    return row


def get_readable_slot(
    session: Session, actor: Actor, plan: Plan, participant: Participant, slot_id: str
) -> Slot:
    """One form of a participant; raises Refused("unknown_slot") also for one that would tell the arm."""
    slot = session.exec(_SLOT, params={"slot": slot_id, "participant": participant.id}).one_or_none()
    if slot is None or (
        slot.arm_revealing and not sees_arm(actor, plan, participant.study_id, participant.site_id)
    ):
        raise Refused("unknown_slot")
    return slot


def list_readable_slots(
    session: Session, actor: Actor, plan: Plan, participant: Participant
) -> Sequence[Slot]:
    """All forms of a participant in the plan's order, but those that would tell this actor the arm."""
    sees = sees_arm(actor, plan, participant.study_id, participant.site_id)
    slots = list_slots(session, participant.id)
    return [slot for slot in slots if sees or not slot.arm_revealing]


def find_enrolment_days(session: Session, rows: Collection[Participant]) -> dict[int, date]:
    """The day of enrolment of each of these participants: the date in force, as everything else counts it."""
    keys = [row.id for row in rows]
    dated = sa.select(col(Anchor.participant_id), col(Anchor.dated_on)).where(
        col(Anchor.participant_id).in_(keys),
        col(Anchor.kind) == ENROLMENT,
        col(Anchor.standing) == AnchorStanding.CURRENT,
    )
    return {row.participant_id: row.dated_on for row in session.execute(dated)} if keys else {}


_DEATH = sa.orm.aliased(Disposition)
_IN_FORCE = (
    col(_DEATH.kind) == DispositionKind.death.value,
    col(_DEATH.undoes_id).is_(None),
    ~sa.exists().where(col(Disposition.undoes_id) == col(_DEATH.id)),
)


def is_alive() -> sa.ColumnElement[bool]:
    """That no death is in force of the participant of a statement, whatever else was recorded of them."""
    return ~sa.exists().where(col(_DEATH.participant_id) == col(Participant.id), *_IN_FORCE)


def find_deceased(session: Session, participant_ids: Collection[int | None]) -> frozenset[int]:
    """The participants of whom a death is in force, whatever else was recorded of them."""
    dead = sa.select(col(_DEATH.participant_id)).where(
        col(_DEATH.participant_id).in_(participant_ids), *_IN_FORCE
    )
    return frozenset(session.execute(dead).scalars()) if participant_ids else frozenset()


def find_death_day(session: Session, participant_id: int) -> date | None:
    """The day from which a participant's death counts, if one is in force; of two the earlier."""
    theirs = col(_DEATH.participant_id) == participant_id
    earliest = sa.select(sa.func.min(col(_DEATH.effective_on))).where(theirs, *_IN_FORCE)
    day: date | None = session.execute(earliest).scalar_one()
    return day


def get_site(session: Session, participant: Participant) -> Site:
    """The participant's site."""
    return session.get_one(Site, participant.site_id)


def get_study(session: Session, code: str) -> Study:
    """The study of this code; raises Refused("unknown_study")."""
    row = session.exec(_STUDY, params={"code": code}).one_or_none()
    if row is None:
        raise Refused("unknown_study", study=code)
    return row


def get_site_by_code(session: Session, study_id: int, code: str) -> Site:
    """The study's site of this code; raises Refused("unknown_site") naming those there are."""
    sites: Sequence[Site] = session.exec(_SITES, params={"study": study_id}).all()
    for site in sites:
        if site.code == code:
            return site
    raise Refused("unknown_site", site=code, allowed=tuple(sorted(site.code for site in sites)))
