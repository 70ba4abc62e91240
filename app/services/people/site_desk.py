"""A study's sites as an administrator keeps them: telephones, hours, and the end of enrolment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.domain.people.names import (
    parse_hours,
    parse_name,
    parse_optional_phone,
    parse_phone,
    parse_reason,
)
from app.domain.people.week_hours import parse_week_hours
from app.domain.records.access import Permission
from app.domain.records.audit import AuditEvent, canonical_json, sha256_hex
from app.domain.refusal import Refused, check_all
from app.services.core.context import StaffContext
from app.services.people.managed_people import get_permitted_study
from app.services.setup.studies import SiteEntry, open_site
from app.storage.row_changes import study_chain
from app.storage.tables.participants import Participant
from app.storage.tables.studies import Site, Study
from app.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class SiteDetails:
    """What may be changed of a site; of a closed one as well, which its participants go on calling."""

    name: str
    phone: str
    hours: str
    emergency_phone: str = ""
    week_hours: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ManagedSite:
    """A site as an administrator sees it; `participants` is how many take part there."""

    site_id: int
    study: str
    code: str
    zone: str
    details: SiteDetails
    closed_at: datetime | None
    participants: int


def list_sites(context: StaffContext, study: str) -> tuple[ManagedSite, ...]:
    """The sites of a study that the caller manages, by code. Raises Refused("unknown_study")."""
    with context.read() as session:
        row = get_permitted_study(session, context.actor, study, Permission.SITE_MANAGE)
        sites = session.exec(select(Site).where(Site.study_id == row.id).order_by(Site.code)).all()
        counted = sa.select(col(Participant.site_id), sa.func.count()).where(
            col(Participant.study_id) == row.id
        )
        counted = counted.group_by(col(Participant.site_id))
        numbers: dict[int, int] = {row[0]: row[1] for row in session.execute(counted)}
        return tuple(
            _describe(site, row, numbers.get(site.id, 0)) for site in sites if _manages(context, site)
        )


def find_desk_zone(context: StaffContext, study_id: int) -> str:
    """The zone of the only site at which somebody has a role, or that of the study."""
    sites = {grant.site_id for grant in context.actor.grants if grant.study_id == study_id}
    with context.read() as session:
        if len(sites) == 1 and (site_id := next(iter(sites))) is not None:
            return session.get_one(Site, site_id).zone
        study = session.get_one(Study, study_id)
    return context.installation.library.get_plan(study.code, study.plan_version).zone


def get_site_details(context: StaffContext, site_id: int) -> ManagedSite:
    """One site. Raises Refused("unknown_site_number") also for one that is not the caller's."""
    with context.read() as session:
        site = _find(session, context, site_id)
        counted = sa.select(sa.func.count()).where(col(Participant.site_id) == site_id)
        number = int(session.execute(counted).scalar_one())
        return _describe(site, session.get_one(Study, site.study_id), number)


def open_managed_site(context: StaffContext, study: str, entry: SiteEntry) -> Site:
    """Open a site of a study that the caller administers as a whole.

    Raises Refused: "unknown_study", "beyond_your_sites", or as `open_site`.
    """
    with context.read() as session:
        row = get_permitted_study(session, context.actor, study, Permission.SITE_MANAGE)
        if not context.actor.may_administer(Permission.SITE_MANAGE, row.id, None):
            raise Refused("beyond_your_sites", field="code")
    return open_site(context, study, entry)


def digest_details(details: SiteDetails) -> str:
    """A digest of what a page showed of a site: equal details, equal digests."""
    lines = [details.name, details.phone, details.hours, details.emergency_phone]
    return sha256_hex(canonical_json([*lines, dict(details.week_hours)]))


def update_site(context: StaffContext, site_id: int, details: SiteDetails, shown: str, reason: str) -> None:
    """Change a site's name, telephones and hours; participants see them at once.

    `shown` is the digest of the details that the person saw. Where nothing differs nothing is written.
    Raises Refused: "unknown_site_number", "state_changed" when the site is another by now, or as
    `parse_name`, `parse_phone`, `parse_hours`, `parse_week_hours` and `parse_reason`.
    """
    checked = check_site_details(details, reason)
    with context.unit_of_work() as work:
        site = _find_locked(work, context, site_id)
        stored = _details(site)
        if digest_details(stored) != shown:
            raise Refused("state_changed")
        if stored == checked:
            return
        site.name, site.phone, site.hours = checked.name, checked.phone, checked.hours
        site.emergency_phone = checked.emergency_phone or None
        if checked.week_hours != stored.week_hours:
            site.week_hours = dict(checked.week_hours) or None
        why = parse_reason(reason)
        work.record(AuditEvent.SITE_UPDATED, study_chain(site.study_id), site.study_id, reason=why)


def check_site_details(details: SiteDetails, reason: str) -> SiteDetails:
    """The details as they are stored. Raises Refused as `update_site` says, of every field that is wrong."""
    check_all(
        lambda: parse_name(details.name, "name"),
        lambda: parse_phone(details.phone, "phone"),
        lambda: parse_optional_phone(details.emergency_phone, "emergency_phone"),
        lambda: parse_hours(details.hours, "hours"),
        lambda: parse_week_hours(details.week_hours),
        lambda: parse_reason(reason),
    )
    return SiteDetails(
        parse_name(details.name, "name"),
        parse_phone(details.phone, "phone"),
        parse_hours(details.hours, "hours"),
        parse_optional_phone(details.emergency_phone, "emergency_phone") or "",
        parse_week_hours(details.week_hours),
    )


def close_site(context: StaffContext, site_id: int, reason: str) -> None:
    """Close a site: nobody is enrolled there any more, and who takes part goes on.

    Raises Refused: "unknown_site_number", "site_closed", or as `parse_reason`.
    """
    reason = parse_reason(reason)
    with context.unit_of_work() as work:
        site = _find_locked(work, context, site_id)
        if site.closed_at is not None:
            raise Refused("site_closed")
        site.closed_at = context.at
        work.record(AuditEvent.SITE_CLOSED, study_chain(site.study_id), site.study_id, reason=reason)


def reopen_site(context: StaffContext, site_id: int, reason: str) -> None:
    """Let a closed site enrol again. Raises Refused: "unknown_site_number", or "site_open"."""
    reason = parse_reason(reason)
    with context.unit_of_work() as work:
        site = _find_locked(work, context, site_id)
        if site.closed_at is None:
            raise Refused("site_open")
        site.closed_at = None
        work.record(AuditEvent.SITE_REOPENED, study_chain(site.study_id), site.study_id, reason=reason)


def _find(session: Session, context: StaffContext, site_id: int) -> Site:
    site = session.get(Site, site_id)
    if site is None or not _manages(context, site):
        raise Refused("unknown_site_number")
    return site


def _find_locked(work: UnitOfWork, context: StaffContext, site_id: int) -> Site:
    """The site as it is when nobody else changes the study's sites any more."""
    study_id = _find(work.session, context, site_id).study_id
    work.lock(study_chain(study_id), study_id)
    return work.session.get_one(Site, site_id)


def _manages(context: StaffContext, site: Site) -> bool:
    return context.actor.may_administer(Permission.SITE_MANAGE, site.study_id, site.id)


def _describe(site: Site, study: Study, participants: int) -> ManagedSite:
    return ManagedSite(
        site.id, study.code, site.code, site.zone, _details(site), site.closed_at, participants
    )


def _details(site: Site) -> SiteDetails:
    return SiteDetails(
        site.name, site.phone, site.hours, site.emergency_phone or "", dict(site.week_hours or {})
    )
