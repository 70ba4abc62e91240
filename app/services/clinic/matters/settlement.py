"""Settling an open matter: by one of the decisions of its kind, with a reason, and told where it is known."""

import json
from dataclasses import dataclass

from sqlmodel import Session

from app.domain.desk.matters import DECISIONS, MatterDecision, MatterKind, MatterName
from app.domain.people.names import parse_reason
from app.domain.records.access import Permission
from app.domain.records.audit import AuditEvent, FieldChange
from app.domain.refusal import Refused, check_all
from app.services.clinic.matters.corrections_there import check_put_right
from app.services.clinic.matters.late_answers import (
    accept_late_answers,
    fingerprint_answers,
    read_late_answers,
)
from app.services.clinic.matters.matter_list import (
    MatterScope,
    OpenMatter,
    describe_matter,
    list_open_licences,
    open_matter_scope,
)
from app.services.core.context import StaffContext
from app.services.schedule.anchors import confirm_anchor
from app.storage.queries.matters.refusals import is_refusal_name, refusal_record
from app.storage.queries.matters.rows import MatterRow, MatterSearch, find_matter, is_matter_seen
from app.storage.row_changes import participant_chain, study_chain
from app.storage.tables.capture import Settlement
from app.storage.tables.packs import LicenceDecision
from app.storage.tables.participants import Participant


@dataclass(frozen=True, slots=True)
class SettlementEntry:
    """A decision as it is typed, and its reason.

    `shown` is the fingerprint of the answers that were shown, where the decision is about answers.
    """

    decision: str
    reason: str
    shown: str = ""


def settle_matter(
    context: StaffContext, participant_id: int, name: MatterName, entry: SettlementEntry
) -> None:
    """Decide a matter of one participant, for good; what changes later is another matter.

    Investigators alone accept answers, which become the form's response. Where a date stands against the
    EDC's, the EDC is told it once more with the reason. Raises Refused: "matter_closed" where it is settled
    or no more what it was, "unknown_decision", "accepted_by_investigators", "preview_changed" where the form
    would hold other answers by now than were shown, those of `parse_reason`, and as `accept_late_answers` and
    `check_put_right`.
    """
    with context.unit_of_work() as work:
        chain = participant_chain(participant_id)
        work.lock(chain)
        participant = work.session.get_one(Participant, participant_id)
        row = find_open_row(context, work.session, participant_id, name)
        if row is None:
            raise Refused("matter_closed")
        decision, reason = parse_settlement(name.kind, entry)
        check_put_right(work.session, participant, row, decision)
        if decision is MatterDecision.accepted:
            if not may_accept(context, participant):
                raise Refused("accepted_by_investigators", field="decision")
            late = read_late_answers(context, work.session, participant, int(name.ref))
            if entry.shown != fingerprint_answers(context, late):
                raise Refused("preview_changed")
            accept_late_answers(context, work, participant, late, reason)
        else:
            about = [FieldChange(record, "matter", None, str(name)) for record in _list_records(row)]
            work.record(AuditEvent.MATTER_SETTLED, chain, reason=reason, changes=about)
        if decision is MatterDecision.date_stands:
            confirm_anchor(context.installation, work, participant, row.one or "", reason)
        settled = Settlement(
            participant_id=participant_id,
            kind=name.kind,
            ref=name.ref,
            decision=decision,
            reason=reason,
            settled_at=context.at,
            settled_by=context.actor.id,
        )
        work.session.add(settled)


def settle_licence(context: StaffContext, ref: str, entry: SettlementEntry) -> None:
    """Decide what becomes of a licence; one that has ended since is another matter.

    Raises Refused: "matter_closed" (also for who does not settle in the whole study), "unknown_decision",
    and those of `parse_reason`.
    """
    with context.unit_of_work() as work:
        scope = open_matter_scope(context, work.session)
        if scope is None:
            raise Refused("matter_closed")
        chain = study_chain(scope.study_id)
        work.lock(chain, scope.study_id)
        matter = find_open_licence(context, work.session, scope, ref)
        if matter is None:
            raise Refused("matter_closed")
        decision, reason = parse_settlement(MatterKind.licence, entry)
        work.record(AuditEvent.MATTER_SETTLED, chain, scope.study_id, reason=reason)
        decided = LicenceDecision(
            study_id=scope.study_id,
            ref=ref,
            decision=decision,
            reason=reason,
            settled_at=context.at,
            settled_by=context.actor.id,
        )
        work.session.add(decided)


def may_accept(context: StaffContext, participant: Participant) -> bool:
    """Whether this colleague may make answers a form's response: whoever signs corrections (IAM-04)."""
    return context.actor.may(Permission.CORRECTION_DECIDE, participant.study_id, participant.site_id)


def find_open_row(
    context: StaffContext, session: Session, participant_id: int, name: MatterName
) -> MatterRow | None:
    """The open matter of this name of one participant, at a site where this colleague settles."""
    search = _search_one(context, session, participant_id, name)
    return None if search is None else find_matter(session, search, name.ref)


def sees_matter(context: StaffContext, session: Session, participant_id: int, name: MatterName) -> bool:
    """Whether this colleague may know of a matter, settled or not: not of one that tells them the arm."""
    search = _search_one(context, session, participant_id, name)
    return search is not None and is_matter_seen(session, search, name.ref)


def _search_one(
    context: StaffContext, session: Session, participant_id: int, name: MatterName
) -> MatterSearch | None:
    scope = open_matter_scope(context, session)
    if scope is None or name.kind not in DECISIONS:
        return None
    return scope.build_search(context.at, (name.kind,), participant_id=participant_id)


def find_open_matter(
    context: StaffContext, session: Session, participant_id: int, name: MatterName
) -> OpenMatter | None:
    """An open matter as the list tells it."""
    row = find_open_row(context, session, participant_id, name)
    return None if row is None else describe_matter(row, context.at)


def find_open_licence(
    context: StaffContext, session: Session, scope: MatterScope, ref: str
) -> OpenMatter | None:
    """The open licence of this name."""
    named = (licence for licence in list_open_licences(context, session, scope) if licence.name.ref == ref)
    return next(named, None)


def parse_settlement(kind: MatterKind, entry: SettlementEntry) -> tuple[MatterDecision, str]:
    """What was decided and why. Raises Refused: "unknown_decision", or as `parse_reason`."""
    check_all(lambda: _check_decision(kind, entry.decision), lambda: parse_reason(entry.reason))
    return MatterDecision(entry.decision), parse_reason(entry.reason)


def _check_decision(kind: MatterKind, decision: str) -> None:
    allowed = DECISIONS.get(kind, ())
    if decision not in allowed:
        raise Refused("unknown_decision", field="decision", allowed=allowed)


def _list_records(row: MatterRow) -> list[str]:
    """What it is about, as the trail names it: a form, the dates, or what the EDC sent twice."""
    if row.slot:
        return [f"slot:{row.visit}/{row.instrument}"]
    if is_refusal_name(row.ref):
        return [refusal_record(row.two or "")]
    if row.kind == MatterKind.edc_message:
        return [change["record"] for change in json.loads(row.note or "[]")]
    return [f"anchor:{key}" for key in row.ref.split("-") if key != "0"]
