"""Participants, how to reach them, and the browsers they use."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app.domain.plans.status import ExitKind
from app.domain.records.participants import TeamRequestKind, TextSize
from app.domain.today.contacts import ContactOutcome
from app.storage.tables.columns import enum_type, partial_index

NEVER_SIGNED_IN = "activated_at IS NULL AND exit_kind IS NULL AND consent_version IS NOT NULL"


class Participant(SQLModel, table=True):
    """A person in a study, known by a code and never by a name.

    `plan_version` is that of the plan which their forms follow. `birth_hash` is a keyed digest (HMAC), never
    the date. `remind_at` is the local time of day that the participant chose (HH:MM); reminders rest through
    `reminders_paused_until`.

    `exit_kind`/`exit_at` repeat the disposition in force, so that one row decides sign-in; `activated_at`
    repeats when the first browser was bound, so that an index finds those who never signed in.
    """

    __table_args__ = (
        sa.UniqueConstraint("study_id", "subject"),
        sa.Index(None, "site_id"),
        partial_index("ix_participant_unused", "site_id", "enrolled_at", where=NEVER_SIGNED_IN),
    )
    id: int = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True, max_length=24)
    study_id: int = Field(foreign_key="study.id")
    site_id: int = Field(foreign_key="site.id")
    subject: str = Field(max_length=40)
    plan_version: str = Field(max_length=20)
    zone: str = Field(max_length=40)
    language: str = Field(max_length=10)
    arm: str | None = Field(default=None, max_length=20)
    enrolled_at: datetime
    consent_version: str | None = Field(default=None, max_length=40)
    consented_on: date | None = None
    reminders_wanted: bool = False
    identity_check: str | None = Field(default=None, max_length=40)
    pin_hash: str | None = Field(default=None, max_length=200)
    birth_hash: str | None = Field(default=None, max_length=64)
    text_size: TextSize = Field(default=TextSize.standard, sa_type=enum_type(TextSize))
    remind_at: str | None = Field(default=None, max_length=5)
    reminders_paused_until: date | None = None
    activated_at: datetime | None = None
    exit_kind: ExitKind | None = Field(default=None, sa_type=enum_type(ExitKind))
    exit_at: datetime | None = None
    version: int = 0


class Contact(SQLModel, table=True):
    """Where a participant is reached: encrypted, apart from study data, optional (PRI-01).

    Reminders go to the address, staff call the telephone; either is "" where there is none. `entered_by` is
    the kind of actor who entered the address on `recorded_at`, staff or the participant; of old ones it is
    not known.
    """

    participant_id: int = Field(foreign_key="participant.id", primary_key=True)
    channel: str = Field(max_length=20)
    address_sealed: str = Field(max_length=600)
    recorded_at: datetime
    entered_by: str | None = Field(default=None, max_length=20)
    telephone_sealed: str = Field(default="", max_length=600, sa_column_kwargs={"server_default": ""})


class AddressClaim(SQLModel, table=True):
    """An address that a participant entered, which holds once the code that was mailed to it is entered.

    One for each participant: a later one takes the place of an earlier. `closed_at`: used, or the code could
    not be mailed; from then on it holds no address.
    """

    __tablename__ = "address_claim"
    participant_id: int = Field(foreign_key="participant.id", primary_key=True)
    channel: str = Field(max_length=20)
    address_sealed: str = Field(max_length=600)
    code_hash: str = Field(max_length=64)
    issued_at: datetime
    expires_at: datetime
    closed_at: datetime | None = None


class Activation(SQLModel, table=True):
    """A single-use, expiring invitation: a link for the QR sheet and a short code to type.

    One that staff issue lets a new PIN be chosen; one that participants make on a bound browser for
    their next one (`resets_pin` False) asks for the PIN that they have. With `handed_over_by` it binds the
    clinic's tablet for one sitting: for the form `handed_slot_id`, or for whatever is open.
    """

    id: int = Field(default=None, primary_key=True)
    participant_id: int = Field(foreign_key="participant.id", index=True)
    token_hash: str = Field(unique=True, max_length=64)
    code_hash: str = Field(unique=True, max_length=64)
    issued_at: datetime
    issued_by: str = Field(max_length=80)
    expires_at: datetime
    code_expires_at: datetime
    used_at: datetime | None = None
    revoked_at: datetime | None = None
    resets_pin: bool = True
    handed_over_by: str | None = Field(default=None, max_length=80)
    handed_slot_id: int | None = Field(default=None, foreign_key="slot.id", sa_type=sa.BigInteger)


class Device(SQLModel, table=True):
    """A browser bound to a participant; the cookie is stored only as its hash.

    `locked_at`: put down on purpose, so that the second check is asked however short ago it was used.
    `handed_over_by`: the clinic's tablet, which this colleague handed over for one sitting, `handed_slot_id`
    for which form, if for one. `helper` is who fills in diaries here ("self", or who types), as said on
    `helper_on`; none once the phone has passed to somebody else.
    """

    id: int = Field(default=None, primary_key=True)
    participant_id: int = Field(foreign_key="participant.id", index=True)
    token_hash: str = Field(unique=True, max_length=64)
    label: str = Field(max_length=40)
    bound_at: datetime
    seen_at: datetime
    revoked_at: datetime | None = None
    locked_at: datetime | None = None
    handed_over_by: str | None = Field(default=None, max_length=80)
    handed_slot_id: int | None = Field(default=None, foreign_key="slot.id", sa_type=sa.BigInteger)
    helper: str | None = Field(default=None, max_length=20)
    helper_on: date | None = None


class TeamRequest(SQLModel, table=True):
    """A participant asks to be called, or to have a form that was sent corrected; staff close it."""

    __tablename__ = "participant_request"
    __table_args__ = (
        partial_index(
            "uq_participant_request_open",
            "participant_id",
            "kind",
            "slot_key",
            where="closed_at IS NULL",
            unique=True,
        ),
    )
    id: int = Field(default=None, primary_key=True)
    participant_id: int = Field(foreign_key="participant.id", index=True)
    kind: TeamRequestKind = Field(sa_type=enum_type(TeamRequestKind))
    slot_id: int | None = Field(default=None, foreign_key="slot.id", sa_type=sa.BigInteger)
    slot_key: int = Field(default=0, sa_type=sa.BigInteger)
    asked_at: datetime
    closed_at: datetime | None = None
    closed_by: str | None = Field(default=None, max_length=80)
    outcome: str | None = Field(default=None, max_length=400)


class ContactEntry(SQLModel, table=True):
    """One try of staff to reach a participant, append-only; `corrects_id` names the entry that it corrects.

    `contacted_at` is when they tried, which a correction leaves as it is.
    """

    __tablename__ = "contact_entry"
    __table_args__ = (sa.Index("ix_contact_entry_participant", "participant_id", "id"),)
    id: int = Field(default=None, primary_key=True)
    participant_id: int = Field(foreign_key="participant.id")
    outcome: ContactOutcome = Field(sa_type=enum_type(ContactOutcome))
    note: str | None = Field(default=None, max_length=400)
    next_try_on: date | None = None
    contacted_at: datetime
    recorded_at: datetime
    recorded_by: str = Field(max_length=80)
    corrects_id: int | None = Field(default=None, foreign_key="contact_entry.id", unique=True)
    reason: str | None = Field(default=None, max_length=400)


class Snooze(SQLModel, table=True):
    """Until when a participant's row of the work list rests, for which of its reasons, and why.

    `reasons` are their codes between spaces; another reason brings the row back at once, and so does one of
    the same kind that is newer than `recorded_at`.
    """

    participant_id: int = Field(foreign_key="participant.id", primary_key=True)
    reasons: str = Field(max_length=120)
    until_at: datetime = Field(index=True)
    reason: str = Field(max_length=400)
    recorded_at: datetime
    recorded_by: str = Field(max_length=80)


class Assignment(SQLModel, table=True):
    """To which member of staff a participant of the work list is assigned; nobody where it is empty.

    It counts while `assignee_id` may work that list at the participant's site, and is nobody's otherwise.
    """

    participant_id: int = Field(foreign_key="participant.id", primary_key=True)
    assignee_id: int | None = Field(default=None, foreign_key="staff.id", index=True)
    recorded_at: datetime
    recorded_by: str = Field(max_length=80)
