"""The administrators of a study in tests, who invite, grant and reset; and everybody whom they let in."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pyotp
from sqlmodel import col, select

from app.domain.records.access import SYSTEM, Actor, ActorKind, Grant, Role, staff_actor
from app.domain.records.audit import AuditEvent
from app.services.accounts.staff_session import authenticate_staff, confirm_second_factor, sign_in_staff
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.people.staff_links import InvitationEntry, IssuedLink, invite_person, read_link, use_link
from app.services.setup.studies import create_staff, grant_role
from app.storage.tables.audit import AuditEntry
from app.storage.tables.studies import Site
from tests.scenarios.people import START

STUDY, HERE, EMAIL = "sbrt-nsclc", "192.0.2.7", "zhao@example.org"
PASSWORD, SECOND = "correct horse battery", "another horse battery"


@dataclass
class Desk:
    """An administrator of the study, and a second one."""

    installation: Installation
    site: Site
    admin_id: int
    other_id: int
    at: datetime = START

    def context(self, staff_id: int | None = None, site_id: int | None = None) -> StaffContext:
        number = staff_id or self.admin_id
        grants = (Grant(Role.ADMIN, self.site.study_id, site_id),)
        return StaffContext(
            self.installation, Actor(ActorKind.STAFF, f"staff:{number}", "admin", grants), self.at
        )

    @property
    def system(self) -> StaffContext:
        return StaffContext(self.installation, SYSTEM, self.at)

    def local(self, site: Site) -> StaffContext:
        """An administrator of this site alone."""
        email = f"local-{site.code}@example.org"
        new = create_staff(self.system, email, f"Local {site.code}", PASSWORD, "en")
        grant_role(self.system, new.staff_id, Role.ADMIN, STUDY, site.code)
        grants = (Grant(Role.ADMIN, site.study_id, site.id),)
        return StaffContext(self.installation, staff_actor(new.staff_id, grants), self.at)

    def invite(
        self,
        email: str = EMAIL,
        roles: tuple[Role, ...] = (Role.NURSE,),
        by: StaffContext | None = None,
        **more: object,
    ) -> IssuedLink:
        typed: dict[str, object] = {
            "email": email, "name": "Zhao Min", "language": "en", "study": STUDY, "roles": roles,
            "sites": ("0571",), "ends_on": None, "reason": "new",
        }  # fmt: skip
        entry = InvitationEntry(**(typed | more))  # type: ignore[arg-type]  # fields by name
        return invite_person(by or self.context(), entry)

    def join(self, issued: IssuedLink, password: str = PASSWORD) -> tuple[str, list[str]]:
        """Use a link; the second factor's secret, and the recovery codes."""
        token = issued.url.rpartition("/")[2]
        secret = read_link(self.installation, token, self.at).totp_secret
        codes = use_link(self.installation, token, password, totp_code(secret, self.at), HERE, self.at)
        return secret, list(codes)

    def sign_in(self, typed: str, email: str = EMAIL, password: str = PASSWORD) -> str:
        half = sign_in_staff(self.installation, email, password, HERE, self.at)
        return confirm_second_factor(self.installation, half, typed, HERE, self.at)

    def seen(self, cookie: str) -> Actor:
        with self.installation.read() as session:
            return authenticate_staff(self.installation, session.connection(), cookie, self.at).actor

    def later(self, **spans: float) -> None:
        self.at += timedelta(**spans)

    def reasons(self, event: AuditEvent) -> list[str | None]:
        """Why each of these happened, oldest first."""
        with self.installation.read() as session:
            entries = select(AuditEntry.reason).where(AuditEntry.event == event)
            return list(session.exec(entries.order_by(col(AuditEntry.id))))

    def events(self) -> set[str]:
        with self.installation.read() as session:
            return set(session.exec(select(AuditEntry.event)))


def open_desk(installation: Installation, site: Site) -> Desk:
    """A desk with two administrators of the whole study."""
    system = StaffContext(installation, SYSTEM, START)
    accounts = [
        create_staff(system, f"boss{n}@example.org", f"Boss {n}", PASSWORD, "en").staff_id for n in (1, 2)
    ]
    for each in accounts:
        grant_role(system, each, Role.ADMIN, STUDY, None)
    return Desk(installation, site, accounts[0], accounts[1])


def totp_code(secret: str, at: datetime) -> str:
    return pyotp.TOTP(secret).generate_otp(int(at.timestamp()) // 30)
