"""Throttling of guesses: per account and source, per source, and slowly per account; never for good (IAM-12).

Whoever checks a secret does it through `check_guess`: the try is counted before anything is compared or
hashed, by one statement that counts and decides, in the database that all processes share.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import Session, col, or_, select

from app.domain.refusal import Refused
from app.services.core.identifiers import token_digest
from app.services.core.installation import Installation
from app.storage.database.plain_reads import PlainRead
from app.storage.statements.throttle import (
    FullCounter,
    TryLimit,
    count_try,
    release_counted_tries,
    take_back_try,
)
from app.storage.tables.columns import table_of
from app.storage.tables.staff import Throttle
from app.storage.unit_of_work import UnitOfWork

ActResult = TypeVar("ActResult")

TRIES = 5
"""Failures in an hour at one account from one source."""
SOURCE_TRIES = 50
"""Failures in an hour from one source at all accounts together; a whole hospital may stand behind it."""
BRAKE_TRIES = 50
"""Failures in an hour at one account of staff from all sources; browsers that are known to it are exempt."""
INVITATION_TRIES = 10
"""Wrong answers in a day to the invitations of one participant, from all sources together."""
CODE_TRIES = 200
"""Wrong short codes and links in an hour from one source: a guesser would need centuries, and a hospital full
of people who mistype does not come near."""
LETTERS = 5
"""Codes in an hour that one participant may have mailed, to addresses that are not theirs yet."""
ADDRESS_LETTERS = 10
"""The same in a day to one address, from all participants together."""
TEST_PATIENCE = timedelta(minutes=2)
"""How long a test message to an address may be under way; one of which nothing is heard holds up no other."""
SPAN = timedelta(hours=1)
BRAKE_SPAN = timedelta(days=1)

_DEVICE, _INVITATION, _INVITED = "pin", "check", "invited"
_PARTICIPANT_LIMITS = {
    _DEVICE: (TRIES, SPAN),
    _INVITATION: (TRIES, SPAN),
    _INVITED: (INVITATION_TRIES, BRAKE_SPAN),
}
"""By the first word of a counter's name: those that name a participant in the second."""


def check_guess(
    installation: Installation,
    limits: Sequence[TryLimit],
    at: datetime,
    check: Callable[[], ActResult],
    opened: UnitOfWork | None = None,
) -> ActResult:
    """Check a guess, if it may be made at all; what the check returns says whether it was right.

    None, False and a refusal stand for a wrong one, which stays counted. `limits` go from the narrowest to
    the widest. A guess that ended in an error, such as Refused("sign_in_busy"), decided nothing and is taken
    back. Where a transaction is `opened`, the try is counted in it, and forgotten with it.
    Raises Refused("throttled"), which says when to try again.
    """
    database = opened.session.connection() if opened is not None else installation.engine
    counted = count_try(database, limits, at)
    if isinstance(counted, FullCounter):
        raise Refused("throttled", until=counted.until)
    with ExitStack() as undecided:
        undecided.callback(take_back_try, database, counted)
        outcome = check()
        undecided.pop_all()
    if outcome and not isinstance(outcome, Refused):
        release_counted_tries(database, counted)
    return outcome


def staff_limits(factor: str, account: str, source: str, browser: str | None) -> Sequence[TryLimit]:
    """The counters of guesses at a factor of a staff account, whether there is such an account or not.

    `browser` names one that this account signed in with before: it has a counter to itself, so that nobody
    else can hold it up.
    """
    if browser is not None:
        return (_limit(factor, f"{account} browser {browser}", TRIES, cleared=True),)
    return (
        _limit(factor, f"{account} from {source}", TRIES, cleared=True),
        TryLimit(f"staff-from:{source}", SOURCE_TRIES, SPAN),
        _limit(f"{factor}-brake", account, BRAKE_TRIES),
    )


def client_limits(client_id: str, source: str) -> Sequence[TryLimit]:
    """The counters of guesses at an EDC client's secret from one source."""
    return (_limit("edc", f"{client_id} {source}", TRIES, cleared=True),)


def code_limits(source: str) -> Sequence[TryLimit]:
    """The counters of short codes and links that do not exist."""
    return (TryLimit(f"link:{source}", CODE_TRIES, SPAN),)


def invitation_limits(participant_id: int, activation_id: int, source: str) -> Sequence[TryLimit]:
    """The counters of wrong answers to an invitation; a new invitation has counters of its own."""
    invitation = f"{_INVITATION}:{participant_id}:{activation_id}:{source}"
    return (
        TryLimit(invitation, TRIES, SPAN, cleared=True),
        TryLimit(f"ward:{source}", SOURCE_TRIES, SPAN),
        TryLimit(f"{_INVITED}:{participant_id}", INVITATION_TRIES, BRAKE_SPAN),
    )


def device_limits(participant_id: int, device_id: int) -> Sequence[TryLimit]:
    """The counters of one bound browser's wrong answers; browsers do not throttle each other."""
    return (TryLimit(f"{_DEVICE}:{participant_id}:{device_id}", TRIES, SPAN, cleared=True),)


def address_limits(participant_id: int) -> Sequence[TryLimit]:
    """The counters of wrong codes for an address that a participant entered."""
    return (TryLimit(f"address:{participant_id}", TRIES, SPAN, cleared=True),)


def count_code_message(work: UnitOfWork, participant_id: int, address: str) -> None:
    """Count a letter to an address that nobody verified yet, so that nobody is flooded with them.

    It is counted in the transaction of the act, and forgotten with it. Raises Refused("throttled").
    """
    limits = (
        TryLimit(f"letter:{participant_id}", LETTERS, SPAN),
        TryLimit(f"letter-to:{token_digest(address.lower())}", ADDRESS_LETTERS, BRAKE_SPAN),
    )
    counted = count_try(work.session.connection(), limits, work.at)
    if isinstance(counted, FullCounter):
        raise Refused("throttled", until=counted.until)


@contextmanager
def send_alone(installation: Installation, participant_id: int, at: datetime) -> Iterator[None]:
    """Send one test message at a time per participant, across all processes.

    Raises Refused("test_under_way").
    """
    limit = TryLimit(f"test:{participant_id}", 1, TEST_PATIENCE)
    counted = count_try(installation.engine, (limit,), at)
    if isinstance(counted, FullCounter):
        raise Refused("test_under_way")
    try:
        yield
    finally:
        take_back_try(installation.engine, counted)


def forget_invitation_failures(session: Session, participant_id: int) -> None:
    """Let a participant be asked anew: the site made a new invitation, or corrected what is asked."""
    counters = select(Throttle).where(
        or_(
            col(Throttle.subject) == f"{_INVITED}:{participant_id}",
            col(Throttle.subject).startswith(f"{_INVITATION}:{participant_id}:", autoescape=True),
        )
    )
    for counter in session.exec(counters):
        counter.failures = 0


FULL_COUNTERS = sa.select(col(Throttle.subject), col(Throttle.failures), col(Throttle.since_at)).where(
    col(Throttle.failures) >= TRIES,
    col(Throttle.since_at) > sa.bindparam("since", type_=table_of(Throttle).c.since_at.type),
    sa.or_(*(col(Throttle.subject).startswith(f"{kind}:") for kind in _PARTICIPANT_LIMITS)),
)
_FULL = PlainRead(FULL_COUNTERS)


def find_throttled_participants(connection: Connection, at: datetime) -> dict[int, datetime]:
    """Until when whose second check is refused, on the way in or on a bound browser."""
    return find_full_counters(_FULL.fetch(connection, {"since": at - BRAKE_SPAN}), at)


def name_participant_counters(participant_id: int) -> tuple[str, str, str]:
    """Patterns, as LIKE takes them, of the names of all counters of one participant."""
    return (
        f"{_DEVICE}:{participant_id}:%",
        f"{_INVITATION}:{participant_id}:%",
        f"{_INVITED}:{participant_id}",
    )


def find_full_counters(counters: Iterable[tuple[str, int, datetime]], at: datetime) -> dict[int, datetime]:
    """Until when whose second check is refused, by counters: their names, failures, and since when."""
    until: dict[int, datetime] = {}
    for subject, failures, since_at in counters:
        kind, participant_key = subject.split(":")[:2]
        tries, span = _PARTICIPANT_LIMITS[kind]
        ends = min(since_at, at) + span  # one from the future runs out as if it began now
        if failures >= tries and ends > at:
            until[int(participant_key)] = max(ends, until.get(int(participant_key), at))
    return until


def _limit(kind: str, name: str, tries: int, cleared: bool = False) -> TryLimit:
    """A counter under a digest: what was typed as an account may be anything, and is nobody's to read."""
    return TryLimit(f"{kind}:{token_digest(name)}", tries, SPAN, cleared)
