"""Setting up: a study from its plan, its sites, the staff and what they are granted."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

import pyotp
from sqlmodel import select

from app.domain.people.duties import choose_last_day
from app.domain.people.names import (
    parse_code,
    parse_hours,
    parse_mail_address,
    parse_name,
    parse_phone,
    parse_reason,
)
from app.domain.plans.windows import load_zone
from app.domain.records.access import Role, Scope
from app.domain.records.audit import AuditEvent
from app.domain.records.studies import StudyMode
from app.domain.refusal import Refused, check_all
from app.domain.typed_text import narrow_address, password_spellings
from app.services.core.context import StaffContext
from app.services.core.identifiers import new_public_id, new_token, token_digest
from app.services.core.installation import Installation
from app.services.setup.passwords import check_new_password
from app.services.setup.staff_duties import (
    add_grant,
    end_sessions,
    is_self,
    require_remaining_admin,
    revoke_links,
)
from app.storage.feed_numbering import new_feed_head
from app.storage.queries.participants import get_site_by_code, get_study
from app.storage.queries.staff import get_staff_by_address
from app.storage.row_changes import INSTALLATION_CHAIN, study_chain
from app.storage.tables.edc import EdcClient
from app.storage.tables.staff import RoleGrant, Staff
from app.storage.tables.studies import Site, Study


def load_study(context: StaffContext, code: str, version: str, mode: StudyMode) -> Study:
    """Open a study under a plan of the library, with an empty feed.

    A trial's licensed instruments then wait for their packs: `packs.check_packs`. Raises Refused:
    "unknown_plan", "draft_plan" (a trial takes none), "study_exists", "mixed_modes" (demonstration and
    trial never share a database, VAL-08).
    """
    plan = context.installation.library.get_plan(code, version)
    if plan.draft and mode is not StudyMode.DEMO:
        raise Refused("draft_plan", plan=f"{code}@{version}")
    with context.unit_of_work() as work:
        studies = work.session.exec(select(Study)).all()
        if any(study.code == code for study in studies):
            raise Refused("study_exists", study=code)
        if any(study.mode != mode for study in studies):
            raise Refused("mixed_modes", mode=mode.value)
        study = Study(
            code=code,
            plan_version=version,
            plan_sha256=plan.sha256,
            mode=mode,
            feed=new_public_id(),
            loaded_at=context.at,
        )
        work.session.add(study)
        work.session.flush()
        work.session.add(new_feed_head(study.id))
        work.record(AuditEvent.STUDY_LOADED, study_chain(study.id), study.id)
        return study


def check_mode(installation: Installation, mode: StudyMode) -> None:
    """Refuse to serve a trial as a demonstration, or the other way round: Refused("mixed_modes") (VAL-08)."""
    with installation.read() as session:
        if session.exec(select(Study.id).where(Study.mode != mode)).first() is not None:
            raise Refused("mixed_modes", mode=mode.value)


@dataclass(frozen=True, slots=True)
class SiteEntry:
    """A site as it is entered: code, name, telephone and hours that its participants are shown."""

    code: str
    name: str
    phone: str
    hours: str
    zone: str


def check_site_entry(entry: SiteEntry) -> SiteEntry:
    """A site as it is stored: what stands on pages, on paper and in `tel:` is as they bear it.

    Raises Refused: "unknown_zone", and those of `app.domain.people.names`.
    """
    check_all(
        lambda: parse_code(entry.code, "code"),
        lambda: parse_name(entry.name, "name"),
        lambda: parse_phone(entry.phone, "phone"),
        lambda: parse_hours(entry.hours, "hours"),
        lambda: _check_zone(entry.zone),
    )
    return SiteEntry(
        code=parse_code(entry.code, "code"),
        name=parse_name(entry.name, "name"),
        phone=parse_phone(entry.phone, "phone"),
        hours=parse_hours(entry.hours, "hours"),
        zone=entry.zone,
    )


def _check_zone(zone: str) -> None:
    try:
        load_zone(zone)
    except Refused as unknown:
        raise Refused(unknown.code, field="zone", **unknown.details) from unknown


def open_site(context: StaffContext, study: str, entry: SiteEntry) -> Site:
    """Open a site of a study. Raises Refused: "unknown_study", "site_exists", or as `check_site_entry`."""
    entry = check_site_entry(entry)
    with context.unit_of_work() as work:
        study_row = get_study(work.session, study)
        work.lock(study_chain(study_row.id), study_row.id)
        if work.session.exec(
            select(Site).where(Site.study_id == study_row.id, Site.code == entry.code)
        ).first():
            raise Refused("site_exists", site=entry.code, field="code")
        site = Site(
            study_id=study_row.id,
            code=entry.code,
            name=entry.name,
            phone=entry.phone,
            hours=entry.hours,
            zone=entry.zone,
        )
        work.session.add(site)
        work.record(AuditEvent.SITE_OPENED, study_chain(study_row.id), study_row.id)
        return site


@dataclass(frozen=True, slots=True)
class NewStaff:
    """A new member of staff, and the secret to be put into their authenticator, shown once."""

    staff_id: int
    totp_secret: str


def create_staff(
    context: StaffContext,
    email: str,
    name: str,
    password: str,
    language: str,
) -> NewStaff:
    """Create an account; the address of a disabled one stays taken (IAM-01).

    Raises Refused: "weak_password", "common_password", "staff_exists", "bad_email", or as `parse_name`.
    """
    name, address = parse_name(name, "name"), parse_mail_address(email, "email")
    composed = password_spellings(password)[0]
    check_new_password(composed, email)
    secret = pyotp.random_base32()
    hashed_password = context.installation.secret_box.passwords.hash(composed)
    with context.unit_of_work() as work:
        work.lock(INSTALLATION_CHAIN)
        if work.session.exec(select(Staff).where(Staff.email == address)).first():
            raise Refused("staff_exists", email=address, field="email")
        staff = Staff(
            email=address,
            name=name,
            language=language,
            password_hash=hashed_password,
            totp_sealed=context.installation.secret_box.encrypt(secret),
            created_at=context.at,
        )
        work.session.add(staff)
        work.record(AuditEvent.STAFF_CREATED, INSTALLATION_CHAIN)
        work.session.flush()
        return NewStaff(staff.id, secret)


def create_granted_staff(
    context: StaffContext,
    email: str,
    name: str,
    password: str,
    language: str,
    role: Role,
    study: str,
    site: str | None,
) -> NewStaff:
    """Create an account with its first role, or neither. Raises as `create_staff` and `grant_role`."""
    with context.unit_of_work() as work:
        inside = context.join_work(work)
        account = create_staff(inside, email, name, password, language)
        grant_role(inside, account.staff_id, role, study, site)
    return account


def grant_role(
    context: StaffContext,
    staff_id: int,
    role: Role,
    study: str,
    site: str | None,
    ends_on: date | None = None,
    reason: str | None = None,
) -> None:
    """Give a role in a study, at one site or at all, until a last day or until it is revoked.

    Raises Refused as `add_grant` and `choose_grant_end`.
    """
    last_day = choose_grant_end(context, role, ends_on, study, site)
    with context.unit_of_work() as work:
        study_row = get_study(work.session, study)
        grant = RoleGrant(
            staff_id=staff_id,
            role=role,
            study_id=study_row.id,
            site_id=get_site_by_code(work.session, study_row.id, site).id if site else None,
            granted_at=context.at,
            granted_by=context.actor.id,
            ends_on=last_day,
        )
        add_grant(context, work, staff_id, grant)
        work.record(AuditEvent.ROLE_GRANTED, INSTALLATION_CHAIN, reason=reason)


def choose_grant_end(
    context: StaffContext, role: Role, chosen: date | None, study: str, site: str | None
) -> date | None:
    """The last day of a new grant by the clocks of its site, or of the study for all of its sites.

    Raises Refused: "unknown_study", "unknown_site", or as `choose_last_day`.
    """
    with context.read() as session:
        row = get_study(session, study)
        zone = get_site_by_code(session, row.id, site).zone if site else None
    return choose_last_day(role, chosen, context.grant_rules.find_day(zone, row.code, row.plan_version))


def disable_staff(context: StaffContext, email: str, reason: str) -> None:
    """Disable an account; its sessions and links end at once (IAM-06).

    Raises Refused: "unknown_staff", "own_account", "already_disabled", "last_admin", or as `parse_reason`.
    """
    reason = parse_reason(reason)
    with context.unit_of_work() as work:
        work.lock(INSTALLATION_CHAIN)
        staff = get_staff_by_address(work.session, narrow_address(email))
        if is_self(context, staff.id):
            raise Refused("own_account")
        if staff.disabled_at is not None:
            raise Refused("already_disabled")
        require_remaining_admin(work, staff.id)
        staff.disabled_at = context.at
        end_sessions(work, staff.id)
        revoke_links(work, staff.id)
        work.record(AuditEvent.STAFF_DISABLED, INSTALLATION_CHAIN, reason=reason)


def enable_staff(context: StaffContext, email: str, reason: str) -> None:
    """Enable a disabled account again, for the same person and with the same number (IAM-01).

    Raises Refused: "unknown_staff", "own_account", "staff_enabled", or as `parse_reason`.
    """
    reason = parse_reason(reason)
    with context.unit_of_work() as work:
        work.lock(INSTALLATION_CHAIN)
        staff = get_staff_by_address(work.session, narrow_address(email))
        if staff.disabled_at is None:
            raise Refused("staff_enabled")
        staff.disabled_at = None
        work.record(AuditEvent.STAFF_ENABLED, INSTALLATION_CHAIN, reason=reason)


@dataclass(frozen=True, slots=True)
class NewClient:
    """A new EDC client and its secret, shown once."""

    client_id: str
    secret: str


def create_client(
    context: StaffContext,
    study: str,
    name: str,
    scopes: Collection[Scope],
    sites: Sequence[str] | None,
) -> NewClient:
    """Create an EDC client of one study, for all its sites or some. Raises Refused: "unknown_study|site"."""
    secret = new_token()
    with context.unit_of_work() as work:
        study_row = get_study(work.session, study)
        for site in sites or ():
            get_site_by_code(work.session, study_row.id, site)
        client = EdcClient(
            client_id=f"edc-{new_public_id().lower()}",
            study_id=study_row.id,
            name=name,
            secret_hash=token_digest(secret),
            scopes=" ".join(sorted(scope.value for scope in scopes)),
            sites=list(sites) if sites is not None else None,
            created_at=context.at,
        )
        work.session.add(client)
        work.record(AuditEvent.EDC_CLIENT_CREATED, study_chain(study_row.id), study_row.id)
        return NewClient(client.client_id, secret)
