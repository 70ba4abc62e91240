"""One matter with what is needed to decide it; a look at answers is an audited read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlmodel import Session, select

from app.domain.desk.arm_blinding import sees_arm
from app.domain.desk.matters import DECISIONS, MatterDecision, MatterKind, MatterName
from app.domain.plans.plan import Plan
from app.domain.records.access import Permission
from app.domain.records.audit import AuditEvent, FieldChange
from app.domain.refusal import Refused
from app.services.capture.forms import FormDefinition, define_form
from app.services.clinic.matters.late_answers import LateAnswers, fingerprint_answers, read_late_answers
from app.services.clinic.matters.matter_list import OpenMatter, open_matter_scope
from app.services.clinic.matters.settlement import (
    find_open_licence,
    find_open_matter,
    may_accept,
    sees_matter,
)
from app.services.core.context import StaffContext
from app.services.core.plans import get_plan
from app.storage.queries.matters.answers import ConflictingAnswers, read_conflicting_answers
from app.storage.queries.matters.refusals import find_refusal, read_stored_body
from app.storage.queries.staff import find_staff_names
from app.storage.row_changes import participant_chain, record_name
from app.storage.tables.capture import Settlement
from app.storage.tables.edc import EdcRefusal
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Study


@dataclass(frozen=True, slots=True)
class SettledMatter:
    """What was decided of a matter, why, when and by whom."""

    decision: MatterDecision
    reason: str
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class ConflictingForm:
    """A form that two phones answered; `submitted`: it was sent, so that a correction can be proposed."""

    definition: FormDefinition
    answers: Sequence[ConflictingAnswers]
    submitted: bool


@dataclass(frozen=True, slots=True)
class MatterDetails:
    """A matter; `matter` is None where it is open no more, and `settled` says what was decided, if anything.

    Of a fact that the EDC was refused `refusal` says how often and since when, or that a later message about
    it was accepted; `stored` is what the EDC last stated of it.

    `late` and `conflict` are what it is about, where it is about answers; `sees_answers`: this reader may see
    them, `shown` their fingerprint. `records_dates`, `proposes` and `accepts`: this reader may record dates,
    propose corrections, and accept answers.
    """

    name: MatterName
    subject: str
    zone: str
    plan: Plan
    matter: OpenMatter | None
    settled: SettledMatter | None
    decisions: tuple[MatterDecision, ...]
    late: LateAnswers | None = None
    shown: str = ""
    conflict: ConflictingForm | None = None
    sees_answers: bool = False
    sees_arm: bool = True
    records_dates: bool = False
    proposes: bool = False
    accepts: bool = False
    refusal: EdcRefusal | None = None
    stored: Mapping[str, object] = field(default_factory=dict)


def get_matter(context: StaffContext, participant_id: int, name: MatterName) -> MatterDetails:
    """A matter of one participant, as far as this reader may know it; a look at answers is entered first.

    Raises Refused("unknown_matter") for one of a kind decided elsewhere.
    """
    if name.kind not in DECISIONS or name.kind is MatterKind.licence:
        raise Refused("unknown_matter")
    with context.read() as session:
        participant = session.get_one(Participant, participant_id)
        details = _read_details(context, session, participant, name)
        form = ""
        row = details.matter.row if details.matter else None
        if row is not None and name.kind is MatterKind.quarantine:
            late = read_late_answers(context, session, participant, int(name.ref))
            details, form = _with_late_answers(context, details, late), record_name(late.slot)
        elif row is not None and name.kind is MatterKind.conflict:
            slot = _find_slot(session, row.slot or "")
            details, form = _with_conflict(context, session, participant, details, slot), record_name(slot)
    if form and details.sees_answers:
        _record_look(context, participant_id, form, name)
    return details


def _read_details(
    context: StaffContext, session: Session, participant: Participant, name: MatterName
) -> MatterDetails:
    study, site = participant.study_id, participant.site_id
    plan = get_plan(context.installation, session, study)
    matter = find_open_matter(context, session, participant.id, name)
    sees = sees_arm(context.actor, plan, study, site)
    readable = sees or sees_matter(context, session, participant.id, name)
    refusal = find_refusal(session, participant.id, name.ref) if readable else None
    decisions = DECISIONS[name.kind] if matter else ()
    return MatterDetails(
        name=name,
        subject=participant.subject,
        zone=participant.zone,
        plan=plan,
        matter=matter,
        settled=_read_settled(session, participant, name) if readable else None,
        decisions=decisions[:1] if refusal else decisions,
        sees_answers=context.actor.may(Permission.ANSWERS_SEE, study, site),
        sees_arm=sees,
        records_dates=context.actor.may(Permission.ANCHOR_RECORD, study, site),
        proposes=context.actor.may(Permission.CORRECTION_PROPOSE, study, site),
        accepts=may_accept(context, participant),
        refusal=refusal,
        stored=read_stored_body(session, participant, refusal) if refusal else {},
    )


def get_licence(context: StaffContext, ref: str) -> OpenMatter | None:
    """The licence of this name, if something of it is open for this colleague."""
    with context.read() as session:
        scope = open_matter_scope(context, session)
        return None if scope is None else find_open_licence(context, session, scope, ref)


def _with_late_answers(context: StaffContext, details: MatterDetails, late: LateAnswers) -> MatterDetails:
    accepts = details.accepts and late.obstacle is None
    open_to = tuple(
        decision for decision in details.decisions if accepts or decision is not MatterDecision.accepted
    )
    shown = fingerprint_answers(context, late)
    if not details.sees_answers:
        late = late.without_answers()
    return replace(details, late=late, shown=shown, decisions=open_to)


def _with_conflict(
    context: StaffContext, session: Session, participant: Participant, details: MatterDetails, slot: Slot
) -> MatterDetails:
    study = session.get_one(Study, participant.study_id)
    conflict = ConflictingForm(
        define_form(context.installation, study.code, slot, participant.language),
        read_conflicting_answers(session, slot.id) if details.sees_answers else (),
        slot.submitted_at is not None,
    )
    return replace(details, conflict=conflict)


def _find_slot(session: Session, public_id: str) -> Slot:
    return session.exec(select(Slot).where(Slot.public_id == public_id)).one()


def _record_look(context: StaffContext, participant_id: int, form: str, name: MatterName) -> None:
    seen = FieldChange(form, "matter", None, str(name))
    with replace(context, act=None).unit_of_work() as work:
        work.record(AuditEvent.ANSWERS_VIEWED, participant_chain(participant_id), changes=[seen])


def _read_settled(session: Session, participant: Participant, name: MatterName) -> SettledMatter | None:
    same = select(Settlement).where(
        Settlement.participant_id == participant.id,
        Settlement.kind == name.kind,
        Settlement.ref == name.ref,
    )
    row = session.exec(same).one_or_none()
    if row is None:
        return None
    names = find_staff_names(session, [row.settled_by])
    return SettledMatter(row.decision, row.reason, row.settled_at, names.get(row.settled_by, row.settled_by))
