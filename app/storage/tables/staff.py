"""Staff accounts, their role grants, sessions, second factors, and counters of failed tries."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app.domain.records.access import Role
from app.domain.records.staff_links import LinkPurpose, MailOutcome
from app.storage.tables.columns import enum_type


class Staff(SQLModel, table=True):
    """A member of staff. Rows are disabled, never deleted, and an e-mail address is never reused.

    An empty `password_hash` or `totp_sealed` lets nobody in: who was invited, or is to choose anew, has none.
    """

    id: int = Field(default=None, primary_key=True)
    email: str = Field(unique=True, max_length=200)
    name: str = Field(max_length=120)
    language: str = Field(max_length=10)
    password_hash: str = Field(max_length=200)
    totp_sealed: str = Field(max_length=300)
    created_at: datetime
    disabled_at: datetime | None = None


class RoleGrant(SQLModel, table=True):
    """A role given to a member of staff in a study, at one site or at all (site empty).

    `ends_on` is its last day, by the clocks of its site or of the study; None: it lasts until it is revoked.
    """

    __tablename__ = "role_grant"
    id: int = Field(default=None, primary_key=True)
    staff_id: int = Field(foreign_key="staff.id", index=True)
    role: Role = Field(sa_type=enum_type(Role))
    study_id: int = Field(foreign_key="study.id")
    site_id: int | None = Field(default=None, foreign_key="site.id")
    granted_at: datetime
    granted_by: str = Field(max_length=80)
    revoked_at: datetime | None = None
    ends_on: date | None = None


class StaffSession(SQLModel, table=True):
    """A signed-in browser of a member of staff; half a session until the second factor is shown."""

    __tablename__ = "staff_session"
    token_hash: str = Field(primary_key=True, max_length=64)
    staff_id: int = Field(foreign_key="staff.id")
    second_factor_at: datetime | None = None
    opened_at: datetime
    seen_at: datetime
    closed_at: datetime | None = None


class StaffView(SQLModel, table=True):
    """How a member of staff last filtered a page, so that it opens so again."""

    __tablename__ = "staff_view"
    staff_id: int = Field(foreign_key="staff.id", primary_key=True)
    page: str = Field(primary_key=True, max_length=20)
    query: str = Field(max_length=400)


class UsedCode(SQLModel, table=True):
    """A one-time code that was accepted once and never will be again."""

    __tablename__ = "used_code"
    staff_id: int = Field(foreign_key="staff.id", primary_key=True)
    step: int = Field(primary_key=True, sa_type=sa.BigInteger)


class Throttle(SQLModel, table=True):
    """How often something failed in the running hour, per account and per source."""

    subject: str = Field(primary_key=True, max_length=120)
    failures: int
    since_at: datetime


class StaffLink(SQLModel, table=True):
    """A single-use link by which a member of staff chooses what they sign in with.

    `totp_sealed` is the second factor that the link offers, which becomes the account's when it is confirmed.
    """

    __tablename__ = "staff_link"
    id: int = Field(default=None, primary_key=True)
    staff_id: int = Field(foreign_key="staff.id", index=True)
    purpose: LinkPurpose = Field(sa_type=enum_type(LinkPurpose))
    token_hash: str = Field(max_length=64, unique=True)
    totp_sealed: str = Field(max_length=300)
    issued_at: datetime
    issued_by: str = Field(max_length=80)
    expires_at: datetime
    used_at: datetime | None = None
    revoked_at: datetime | None = None
    mailed: MailOutcome | None = Field(default=None, sa_type=enum_type(MailOutcome))


class RecoveryCode(SQLModel, table=True):
    """A code that stands in once for the second factor; kept as a keyed digest, replaced all at once."""

    __tablename__ = "recovery_code"
    id: int = Field(default=None, primary_key=True)
    staff_id: int = Field(foreign_key="staff.id", index=True)
    code_hash: str = Field(max_length=64)
    issued_at: datetime
    used_at: datetime | None = None
    replaced_at: datetime | None = None


class Passkey(SQLModel, table=True):
    """A passkey that stands in for the code of the authenticator app; its private key never leaves its owner.

    `sign_count` is the authenticator's own count of its signatures, 0 where it does not count. A passkey is
    `stopped` when that count went back, and `revoked` by its owner or with the whole second factor.
    """

    id: int = Field(default=None, primary_key=True)
    staff_id: int = Field(foreign_key="staff.id", index=True)
    credential_id: str = Field(max_length=1400, unique=True)
    public_key: str = Field(max_length=2000)
    sign_count: int = Field(sa_type=sa.BigInteger)
    transports: str = Field(max_length=100)
    name: str = Field(max_length=80)
    made_at: datetime
    last_used_at: datetime | None = None
    stopped_at: datetime | None = None
    revoked_at: datetime | None = None


class AccessReview(SQLModel, table=True):
    """That somebody looked through who has access to a study, on what they saw, and what they noted."""

    __tablename__ = "access_review"
    id: int = Field(default=None, primary_key=True)
    study_id: int = Field(foreign_key="study.id", index=True)
    reviewed_at: datetime
    reviewed_by: str = Field(max_length=80)
    people: int
    grants: int
    listed_sha256: str = Field(max_length=64)
    notes: str = Field(max_length=400)
