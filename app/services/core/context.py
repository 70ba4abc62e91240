"""Who acts, when and in which installation: made once by the face and passed to every use case.

A command takes a context and opens its own unit of work through it, or joins the one that the context
carries; `at` is the one moment of the request. Where only a browser's session token is known, the context is
a `DeviceContext`, and the statement by which the use case reads authenticates it.
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Protocol

from sqlalchemy.engine import Connection
from sqlmodel import Session

from app.domain.plans.plan import SecondCheck
from app.domain.plans.status import ExitKind
from app.domain.records.access import CLOCK, Actor, ActorKind, Scope
from app.domain.records.acts import KeyedAct
from app.domain.records.participants import TextSize
from app.domain.refusal import Refused
from app.services.core.clock_watch import ClockUntrusted
from app.services.core.identifiers import token_digest
from app.services.core.installation import Installation
from app.storage.plain_rows import SiteRecord
from app.storage.queries.staff import GrantRules
from app.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class ParticipantSession:
    """The participant behind a bound device. `locked`: idle too long or locked on purpose (`put_down`).

    `handed_over`: the clinic's tablet, for one sitting; `handed_slot` is the form for which, if for one.
    `helper` is who fills in diaries on this browser, as it was said on `helper_on`; "" where it was not.
    """

    token_digest: str = field(repr=False)
    device_id: int
    participant_id: int
    public_id: str
    study_id: int
    study: str
    plan_version: str
    subject: str
    language: str
    text_size: TextSize
    zone: str
    site: SiteRecord
    exit_kind: ExitKind | None
    enrolled_at: datetime
    seen_at: datetime
    locked: bool
    put_down: bool
    second_check: SecondCheck
    handed_over: bool = False
    handed_slot: int | None = None
    helper: str = ""
    helper_on: date | None = None

    @property
    def actor(self) -> Actor:
        """The participant as the trail names them."""
        return participant_actor(self.public_id)


def participant_actor(public_id: str) -> Actor:
    """The participant as the trail names them."""
    return Actor(ActorKind.PARTICIPANT, public_id, "participant")


@dataclass(frozen=True, slots=True)
class EdcClientSession:
    """The EDC client behind a token. `sites` are the codes it is bound to; None means all of the study.

    `feed_restored`: the study's feed was begun anew before, so that a number alone does not say of which.
    """

    client_id: str
    name: str
    study_id: int
    study: str
    feed: str
    scopes: frozenset[str]
    sites: tuple[str, ...] | None
    site_ids: frozenset[int]
    expires_at: datetime
    feed_restored: bool = False

    @property
    def actor(self) -> Actor:
        """The client as the trail names it."""
        return Actor(ActorKind.EDC, self.client_id, "edc")

    def can_reach(self, site_id: int) -> bool:
        """Whether this site is one of the client's."""
        return self.sites is None or site_id in self.site_ids

    def require(self, scope: Scope) -> None:
        """Raises Refused("insufficient_scope") naming the scope that is missing."""
        if scope.value not in self.scopes:
            raise Refused("insufficient_scope", scope=scope.value)


class _Context(Protocol):
    """What every context has."""

    @property
    def installation(self) -> Installation: ...
    @property
    def actor(self) -> Actor: ...
    @property
    def at(self) -> datetime: ...
    @property
    def opened(self) -> UnitOfWork | None: ...
    @property
    def act(self) -> KeyedAct | None: ...


class _Transactions:
    """How a context reads and writes; mixed into each of them."""

    __slots__ = ()

    @property
    def grant_rules(self: _Context) -> GrantRules:
        """The moment of this context as it is read where a grant counts."""
        return self.installation.grant_rules(self.at)

    def unit_of_work(self: _Context) -> UnitOfWork:
        """One audited transaction by this actor at this moment; a context manager that commits.

        Where the context carries a transaction that is open already, it is an act inside that one. The act
        of a page, which the face puts into the context, is claimed first; raises as `claim_act`.
        """
        if self.opened is not None:
            return self.opened.join_act(self.actor, self.at)
        return self.installation.open_work(self.actor, self.at, self.act)

    def read(self: _Context) -> AbstractContextManager[Session]:
        """A session to read with: the open transaction's own, or one that can only read."""
        if self.opened is not None:
            return nullcontext(self.opened.session)
        return self.installation.read()

    def read_plainly(self: _Context) -> AbstractContextManager[Connection]:
        """A connection to read with by plain statements: the open transaction's own, or one of pages."""
        if self.opened is not None:
            self.opened.session.flush()
            return nullcontext(self.opened.session.connection())
        return self.installation.read_plainly()


@dataclass(frozen=True, slots=True)
class DeviceContext:
    """A browser as its session token names it, not authenticated yet, acting at one moment.

    The token is stored only as its digest, by which a statement finds browser and participant.
    """

    installation: Installation
    token_digest: str = field(repr=False)
    at: datetime

    @classmethod
    def of_cookie(cls, installation: Installation, cookie: str | None, at: datetime) -> "DeviceContext":
        """The browser whose cookie this is; without one a browser that nobody has bound."""
        return cls(installation, token_digest(cookie or ""), at)


@dataclass(frozen=True, slots=True)
class StaffContext(_Transactions):
    """A member of staff, or the operator at the command line, acting at one moment."""

    installation: Installation
    actor: Actor
    at: datetime
    opened: UnitOfWork | None = None
    act: KeyedAct | None = None

    def join_work(self, work: UnitOfWork) -> "StaffContext":
        """This context in a transaction that is open: use cases join it, and read what it has locked."""
        return replace(self, opened=work, act=None)


@dataclass(frozen=True, slots=True)
class ParticipantContext(_Transactions):
    """A participant at a bound device, acting at one moment."""

    installation: Installation
    participant: ParticipantSession
    at: datetime
    opened: UnitOfWork | None = None
    act: KeyedAct | None = None

    @property
    def actor(self) -> Actor:
        """The participant as the trail names them."""
        return self.participant.actor

    @property
    def device(self) -> DeviceContext:
        """Their browser, for a use case whose own statement authenticates it."""
        return DeviceContext(self.installation, self.participant.token_digest, self.at)


@dataclass(frozen=True, slots=True)
class EdcContext(_Transactions):
    """An authenticated EDC client, acting at one moment."""

    installation: Installation
    client: EdcClientSession
    at: datetime
    opened: UnitOfWork | None = None

    @property
    def act(self) -> None:
        """The EDC repeats itself by bodies and `as_of`."""
        return None

    @property
    def actor(self) -> Actor:
        """The client as the trail names it."""
        return self.client.actor


@dataclass(frozen=True, slots=True)
class ClockContext(_Transactions):
    """The clock itself, doing what time alone makes due.

    None can be made while the clock is not trusted: it raises ClockUntrusted (TIM-04).
    """

    installation: Installation
    at: datetime
    opened: UnitOfWork | None = None

    def __post_init__(self) -> None:
        if self.installation.clock_watch.untrusted:
            raise ClockUntrusted

    @property
    def act(self) -> None:
        """Nobody presses anything."""
        return None

    @property
    def actor(self) -> Actor:
        """The clock as the trail names it."""
        return CLOCK
