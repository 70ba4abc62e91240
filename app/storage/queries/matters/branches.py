"""Where each kind of open matter stands in the records: one SELECT a kind, in columns that all share.

Each is bounded by an index of its own or by a small table. A matter is named by the keys of the records that
it is about (`ref`), so that a date, a message or an answer that comes later makes another matter.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import col

from app.domain.capture.paper import PaperOutcome
from app.domain.desk.matters import MatterKind
from app.domain.plans.status import Status
from app.domain.records.anchors import AnchorStanding
from app.storage.queries.participants import holds_code
from app.storage.queries.slots import awaits_answers, code_literal, paper_waits, status_expression
from app.storage.tables.audit import AuditEntry
from app.storage.tables.capture import AnswerEvent, Correction, CorrectionDecision, PaperEntry, Quarantine
from app.storage.tables.columns import table_of
from app.storage.tables.edc import EdcRefusal
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Anchor, Slot

_AT = table_of(Anchor).c.recorded_at.type
_TYPES: Mapping[str, Any] = {
    "ref": sa.String(),
    "participant_id": sa.Integer(),
    "slot_id": sa.BigInteger(),
    "at": _AT,
    "one": sa.String(),
    "one_on": sa.Date(),
    "one_source": sa.String(),
    "two": sa.String(),
    "two_on": sa.Date(),
    "two_source": sa.String(),
    "number": sa.Integer(),
    "note": sa.Text(),
}
_NOW = sa.bindparam("now", type_=_AT)
_STUDY = sa.bindparam("study", type_=sa.Integer)
_SITES: sa.BindParameter[Any] = sa.bindparam("sites", expanding=True)
_SEEING: sa.BindParameter[Any] = sa.bindparam("seeing", expanding=True)
"""The sites at which the reader may see what tells the arm."""
LATER = table_of(AnswerEvent).alias("later")
EARLIER = table_of(AnswerEvent).alias("earlier")

MatterBranch = sa.Select[Any]


@dataclass(frozen=True, slots=True)
class MatterShape:
    """What the statements of a search depend on beside its values.

    `order` are pairs of dates that the plan has one after the other. `revealing` are kinds of date, and
    `revealing_visits` visits, which tell the arm. `filtered`: by a part of the code; `single`: one person.
    """

    kinds: tuple[MatterKind, ...]
    order: tuple[tuple[str, str], ...]
    revealing: tuple[str, ...] = ()
    revealing_visits: tuple[str, ...] = ()
    filtered: bool = False
    single: bool = False


def list_branches(shape: MatterShape) -> list[MatterBranch]:
    """The SELECTs of these kinds."""
    return [part for kind in shape.kinds for part in _SOURCES[kind](shape)]


def _part(kind: MatterKind, shape: MatterShape, **columns: sa.SQLColumnExpression[Any]) -> MatterBranch:
    """The shared columns, of participants whom the search reaches; the caller joins what they stand in."""
    shared = [sa.cast(columns.get(name, sa.null()), type_).label(name) for name, type_ in _TYPES.items()]
    narrowed: list[sa.ColumnElement[bool]] = []
    if shape.filtered:
        narrowed.append(holds_code(sa.bindparam("subject", type_=sa.String)))
    if shape.single:
        narrowed.append(col(Participant.id) == sa.bindparam("participant", type_=sa.Integer))
    return sa.select(code_literal(kind).label("kind"), *shared).where(
        col(Participant.study_id) == _STUDY, col(Participant.site_id).in_(_SITES), *narrowed
    )


def _seen_slot() -> sa.ColumnElement[bool]:
    return sa.or_(col(Slot.arm_revealing).is_(sa.false()), col(Slot.site_id).in_(_SEEING))


def _seen_date(shape: MatterShape, *kinds: sa.SQLColumnExpression[str]) -> sa.ColumnElement[bool]:
    if not shape.revealing:
        return sa.true()
    shown = sa.and_(*(kind.not_in(shape.revealing) for kind in kinds))
    return sa.or_(shown, col(Participant.site_id).in_(_SEEING))


def _key(column: sa.SQLColumnExpression[Any]) -> sa.ColumnElement[str]:
    return sa.cast(column, sa.String)


def _differing(shape: MatterShape) -> list[MatterBranch]:
    """A date that its source said last and that is not the one in force."""
    other, current, newer = (sa.orm.aliased(Anchor) for _ in range(3))
    in_force = sa.and_(
        col(current.participant_id) == col(other.participant_id),
        col(current.kind) == col(other.kind),
        col(current.standing) == code_literal(AnchorStanding.CURRENT),
    )
    said_since = sa.exists().where(
        col(newer.participant_id) == col(other.participant_id),
        col(newer.kind) == col(other.kind),
        col(newer.source) == col(other.source),
        col(newer.id) > col(other.id),
    )
    branch = _part(
        MatterKind.dates_differ,
        shape,
        ref=_key(col(other.id)).concat("-").concat(_key(sa.func.coalesce(col(current.id), 0))),
        participant_id=col(other.participant_id),
        at=col(other.recorded_at),
        one=col(other.kind),
        one_on=col(current.dated_on),
        one_source=col(current.source),
        two=col(other.kind),
        two_on=col(other.dated_on),
        two_source=col(other.source),
    )
    joined = sa.join(Participant, other, col(other.participant_id) == col(Participant.id))
    return [
        branch.select_from(joined.join(current, in_force, isouter=True)).where(
            col(other.standing) == code_literal(AnchorStanding.DIFFERING),
            ~said_since,
            sa.or_(col(current.id).is_(None), col(current.dated_on) != col(other.dated_on)),
            _seen_date(shape, col(other.kind)),
        )
    ]


def _out_of_order(shape: MatterShape) -> list[MatterBranch]:
    """Two dates in force of which the one that the plan has come later is earlier."""
    before, after = sa.orm.aliased(Anchor), sa.orm.aliased(Anchor)
    pairs = [sa.and_(col(before.kind) == one, col(after.kind) == two) for one, two in shape.order]
    newest = sa.case(
        (col(before.recorded_at) > col(after.recorded_at), col(before.recorded_at)),
        else_=col(after.recorded_at),
    )
    branch = _part(
        MatterKind.dates_order,
        shape,
        ref=_key(col(before.id)).concat("-").concat(_key(col(after.id))),
        participant_id=col(before.participant_id),
        at=newest,
        one=col(before.kind),
        one_on=col(before.dated_on),
        one_source=col(before.source),
        two=col(after.kind),
        two_on=col(after.dated_on),
        two_source=col(after.source),
    )
    both = sa.join(Participant, before, col(before.participant_id) == col(Participant.id)).join(
        after, col(after.participant_id) == col(before.participant_id)
    )
    return [
        branch.select_from(both).where(
            col(before.standing) == code_literal(AnchorStanding.CURRENT),
            col(after.standing) == code_literal(AnchorStanding.CURRENT),
            col(after.dated_on) < col(before.dated_on),
            sa.or_(sa.false(), *pairs),
            _seen_date(shape, col(before.kind), col(after.kind)),
        )
    ]


_FORMS = sa.join(Participant, Slot, col(Slot.participant_id) == col(Participant.id))


def _of_forms(branch: MatterBranch, source: type[Any]) -> MatterBranch:
    """The branch, of rows that each belong to a form that the reader may see."""
    return branch.select_from(_FORMS.join(source, col(source.slot_id) == col(Slot.id))).where(_seen_slot())


def _quarantined(shape: MatterShape) -> list[MatterBranch]:
    branch = _part(
        MatterKind.quarantine,
        shape,
        ref=_key(col(Quarantine.id)),
        participant_id=col(Participant.id),
        slot_id=col(Slot.id),
        at=col(Quarantine.received_at),
        one=col(Quarantine.reason),
    )
    return [_of_forms(branch, Quarantine)]


# The same comparison as in the index `ix_answer_event_unaware`.
_STALE: sa.ColumnElement[bool] = LATER.c.base < LATER.c.revision - sa.literal_column("1")
UNAWARE: sa.ColumnElement[bool] = sa.and_(
    _STALE,
    EARLIER.c.slot_id == LATER.c.slot_id,
    EARLIER.c.item == LATER.c.item,
    EARLIER.c.revision < LATER.c.revision,
    EARLIER.c.revision > LATER.c.base,
    EARLIER.c.client != LATER.c.client,
    # What a page sends with the whole form comes from the same phone as what it saved before.
    sa.literal("sent:").concat(EARLIER.c.client) != LATER.c.client,
    sa.or_(
        EARLIER.c.value.is_distinct_from(LATER.c.value),
        EARLIER.c.words.is_distinct_from(LATER.c.words),
    ),
)
"""Whether one phone gave `later` and did not know of `earlier`, which another one had given."""


_RARE = tuple(
    sa.case((_STALE, sa.literal_column(one)), else_=sa.literal_column(other)) == sa.literal_column(one)
    for one, other in (("1", "0"), ("0", "1"))
)
"""The same twice more, for PostgreSQL's planner alone: it guesses that a third of all answers are stale, and
would read the whole tables; of an equality it guesses one in 200, and looks each form and answer up."""


def _conflicting(shape: MatterShape) -> list[MatterBranch]:
    """One matter for each form, however many of its questions; named by the newest answer concerned."""
    branch = _part(
        MatterKind.conflict,
        shape,
        ref=_key(sa.func.max(LATER.c.id)),
        participant_id=col(Slot.participant_id),
        slot_id=col(Slot.id),
        at=sa.func.max(LATER.c.received_at),
        number=sa.func.count(sa.distinct(LATER.c.item)),
    )
    joined = _FORMS.join(LATER, LATER.c.slot_id == col(Slot.id)).join(EARLIER, UNAWARE)
    seen = branch.select_from(joined).where(_seen_slot(), *_RARE)
    return [seen.group_by(col(Slot.id), col(Slot.participant_id))]


def _on_paper(shape: MatterShape) -> list[MatterBranch]:
    """Two entries of a sheet of paper that differ, or one that waits for its second, of a form that was sent
    meanwhile; until a newer one settles them.
    """
    branch = _part(
        MatterKind.paper,
        shape,
        ref=_key(col(PaperEntry.id)),
        participant_id=col(Participant.id),
        slot_id=col(Slot.id),
        at=col(PaperEntry.entered_at),
        one=col(PaperEntry.outcome),
    )
    waiting = _of_forms(branch, PaperEntry).where(*paper_waits(), col(PaperEntry.study_id) == _STUDY)
    decides = sa.or_(
        col(PaperEntry.outcome) == code_literal(PaperOutcome.differs), col(Slot.submitted_at).is_not(None)
    )
    return [waiting.where(decides)]


def _unexplained(shape: MatterShape) -> list[MatterBranch]:
    """A missed visit without a reason; of those who left, too: what they missed before stays missed."""
    branch = _part(
        MatterKind.missed,
        shape,
        ref=_key(col(Slot.id)),
        participant_id=col(Participant.id),
        slot_id=col(Slot.id),
        at=col(Slot.closes_at),
    ).select_from(_FORMS)
    # The conditions of the indexes, so that they are used; the status is the rule.
    shared = branch.where(
        col(Slot.study_id) == _STUDY,
        *awaits_answers(),
        col(Slot.for_day).is_(None),
        col(Slot.missed_reason).is_(None),
        status_expression(_NOW) == code_literal(Status.missed),
        _seen_slot(),
    )
    here = shared.where(col(Slot.exit_kind).is_(None), col(Slot.closes_at) <= _NOW)
    # Of those who left, what opened later is not expected, and there is ever more of it.
    exited = (col(Slot.exit_kind).is_not(None), col(Slot.exit_at) >= col(Slot.opens_at))
    return [here, shared.where(*exited)]


def _unsigned(shape: MatterShape) -> list[MatterBranch]:
    decided = sa.exists().where(col(CorrectionDecision.correction_id) == col(Correction.id))
    branch = _part(
        MatterKind.correction,
        shape,
        ref=col(Correction.public_id),
        participant_id=col(Participant.id),
        slot_id=col(Slot.id),
        at=col(Correction.proposed_at),
        one=col(Correction.public_id),
        two=col(Correction.proposed_by),
    )
    waiting = _of_forms(branch, Correction)
    return [waiting.where(col(Correction.study_id) == _STUDY, ~decided)]


def _refused(shape: MatterShape) -> list[MatterBranch]:
    """Messages of the EDC that were not taken: two for one moment, and facts that were refused."""
    return [_contradicted(shape), _refused_facts(shape)]


def _refused_facts(shape: MatterShape) -> MatterBranch:
    """One matter for each fact, whatever else is said of it; `one` is why, and `two` what it is about."""
    branch = _part(
        MatterKind.edc_message,
        shape,
        ref=sa.literal("r")
        .concat(_key(col(EdcRefusal.id)))
        .concat("-")
        .concat(_key(col(EdcRefusal.version))),
        participant_id=col(Participant.id),
        at=col(EdcRefusal.refused_at),
        one=col(EdcRefusal.cause),
        two=col(EdcRefusal.part),
        number=col(EdcRefusal.times),
        note=col(EdcRefusal.stated),
    )
    joined = sa.join(Participant, EdcRefusal, col(EdcRefusal.participant_id) == col(Participant.id))
    refused = branch.select_from(joined).where(
        col(EdcRefusal.study_id) == _STUDY, col(EdcRefusal.ended_at).is_(None)
    )
    part = col(EdcRefusal.part)
    hidden = [part == f"anchors/{kind}" for kind in shape.revealing]
    for visit in shape.revealing_visits:
        hidden += [part == f"visits/{visit}", part.startswith(f"visits/{visit}-", autoescape=True)]
    return (
        refused.where(sa.or_(~sa.or_(*hidden), col(Participant.site_id).in_(_SEEING))) if hidden else refused
    )


def _contradicted(shape: MatterShape) -> MatterBranch:
    """Two messages of the EDC for one moment, as the trail of the participant tells them."""
    branch = _part(
        MatterKind.edc_message,
        shape,
        ref=_key(col(AuditEntry.id)),
        participant_id=col(Participant.id),
        at=col(AuditEntry.at),
        note=col(AuditEntry.changes),
    )
    own = col(AuditEntry.chain) == sa.literal_column("'participant:'").concat(_key(col(Participant.id)))
    # Written out as in the index.
    contradictions = branch.select_from(sa.join(Participant, AuditEntry, own)).where(
        col(AuditEntry.event) == sa.literal_column("'edc:body:contradicted'")
    )
    parts = (
        *(f"/anchors/{kind}@" for kind in shape.revealing),
        # Also of a visit that staff requested or repeated, such as `EOT-2`.
        *(f"/visits/{visit}{end}" for visit in shape.revealing_visits for end in ("@", "-")),
    )
    hidden = [col(AuditEntry.changes).contains(part, autoescape=True) for part in parts]
    if not hidden:
        return contradictions
    return contradictions.where(sa.or_(~sa.or_(*hidden), col(Participant.site_id).in_(_SEEING)))


def _nothing(shape: MatterShape) -> list[MatterBranch]:
    """Licences stand in the packs, and not in the records."""
    return [_part(MatterKind.licence, shape).select_from(Participant).where(sa.false())]


_SOURCES: Mapping[MatterKind, Callable[[MatterShape], list[MatterBranch]]] = {
    MatterKind.dates_differ: _differing,
    MatterKind.dates_order: _out_of_order,
    MatterKind.quarantine: _quarantined,
    MatterKind.conflict: _conflicting,
    MatterKind.paper: _on_paper,
    MatterKind.missed: _unexplained,
    MatterKind.correction: _unsigned,
    MatterKind.edc_message: _refused,
    MatterKind.licence: _nothing,
}
