"""Looks at the trail and downloads of it, which are entries of the trail themselves: one for each."""

from collections.abc import Iterator
from dataclasses import replace

from app.domain.records.audit import AuditEvent, FieldChange
from app.services.clinic.trail.scope import TrailScope
from app.services.core.context import StaffContext
from app.storage.row_changes import participant_chain, study_chain


def record_trail_look(context: StaffContext, scope: TrailScope) -> None:
    """Enter that somebody looked, and at what: in the participant's chain where it was theirs alone."""
    _record(context, scope, AuditEvent.TRAIL_VIEWED)


def record_trail_download(context: StaffContext, scope: TrailScope, kind: str) -> None:
    """Record that a file of this kind was downloaded."""
    _record(context, scope, AuditEvent.TRAIL_SAVED, FieldChange("trail", "file", None, kind))


def _record(context: StaffContext, scope: TrailScope, event: AuditEvent, *more: FieldChange) -> None:
    of_one = scope.participant_id
    chain = study_chain(scope.study_id) if of_one is None else participant_chain(of_one)
    looking = replace(context, act=None)
    with looking.unit_of_work() as work:
        work.record(event, chain, scope.study_id, changes=[*_choices(scope), *more])


def _choices(scope: TrailScope) -> Iterator[FieldChange]:
    chosen = scope.filter
    instrument, item = chosen.item
    choices = {
        "site": chosen.site,
        "kind": chosen.kind.value if chosen.kind else "",
        "by": scope.selection.actor or scope.selection.actor_kind,
        "from": str(chosen.first or ""),
        "to": str(chosen.last or ""),
        "visit": chosen.visit,
        "item": f"{instrument}/{item}" if item else "",
    }
    for name, value in choices.items():
        if value:
            yield FieldChange("trail", name, None, value)
