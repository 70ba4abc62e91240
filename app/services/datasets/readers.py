"""What somebody may read of a study's data: the scopes of the feed, at each site."""

from collections.abc import Mapping
from typing import TypeAlias

from app.domain.records.access import Permission, Scope
from app.services.core.context import EdcContext, StaffContext

DataContext: TypeAlias = StaffContext | EdcContext
"""Whoever works with cuts and datasets: staff, the operator at the command line, or an EDC client."""

_OPENED: Mapping[Permission, tuple[Scope, ...]] = {
    Permission.ARM_SEE: (Scope.ARM_READ,),
    Permission.ANSWERS_SEE: (Scope.ANSWERS_READ, Scope.DIARY_READ),
    Permission.SCORES_SEE: (Scope.SCORES_READ,),
}
"""Which sections of the feed a permission of staff opens."""
READ_SCOPES = frozenset(scope.value for scopes in _OPENED.values() for scope in scopes)
"""The scopes that open something to read."""


def is_within_reach(context: DataContext, permission: Permission, study_id: int) -> bool:
    """Whether somebody may do this with the whole study; a client's route has its scope already."""
    if isinstance(context, EdcContext):
        return study_id == context.client.study_id
    return context.actor.is_operator or context.actor.may(permission, study_id, None)


def is_anywhere_within_reach(context: DataContext, permission: Permission, study_id: int) -> bool:
    """Whether at least one site of the study is within this actor's reach."""
    return is_within_reach(context, permission, study_id) or bool(_sites(context, permission, study_id))


def study_scopes(context: DataContext, study_id: int) -> frozenset[str]:
    """What may be read at every site that is the reader's: by that files have their columns."""
    if isinstance(context, EdcContext):
        return context.client.scopes & READ_SCOPES
    if context.actor.is_operator:
        return READ_SCOPES
    sites = _sites(context, Permission.EXPORT_RUN, study_id)
    return READ_SCOPES.intersection(*(_opened_at(context, study_id, site) for site in sites))


def _sites(context: DataContext, permission: Permission, study_id: int) -> list[int | None]:
    return [site for study, site in context.actor.list_reach(permission) if study == study_id]


def reached_sites(context: DataContext, study_id: int) -> tuple[int, ...] | None:
    """The sites whose participants this reader's files hold; None: every site of the study."""
    if isinstance(context, EdcContext):
        return None if context.client.sites is None else tuple(sorted(context.client.site_ids))
    sites = [] if context.actor.is_operator else _sites(context, Permission.EXPORT_RUN, study_id)
    known = tuple(sorted({site for site in sites if site is not None}))
    return None if context.actor.is_operator or None in sites else known


def read_scopes(context: DataContext, study_id: int, site_id: int) -> frozenset[str] | None:
    """What of this site's data may be read; None where it is not the reader's."""
    if isinstance(context, EdcContext):
        client = context.client
        return client.scopes & READ_SCOPES if client.can_reach(site_id) else None
    actor = context.actor
    if not (actor.is_operator or actor.may(Permission.EXPORT_RUN, study_id, site_id)):
        return None
    return _opened_at(context, study_id, site_id)


def _opened_at(context: StaffContext, study_id: int, site_id: int | None) -> frozenset[str]:
    if context.actor.is_operator:
        return READ_SCOPES
    may = (
        scopes for permission, scopes in _OPENED.items() if context.actor.may(permission, study_id, site_id)
    )
    return frozenset(scope.value for scopes in may for scope in scopes)
