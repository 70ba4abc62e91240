"""EDC clients: proving who they are, short-lived tokens, two secrets during rotation."""

import hmac
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.domain.clock_trust import CLOCK_LIMIT
from app.domain.records.access import Actor, ActorKind
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.services.core.context import EdcClientSession, StaffContext
from app.services.core.identifiers import new_token, token_digest
from app.services.core.installation import Installation
from app.services.core.throttling import check_guess, client_limits
from app.storage.row_changes import INSTALLATION_CHAIN, study_chain
from app.storage.tables.edc import EdcClient, EdcToken
from app.storage.tables.studies import Site, Study
from app.storage.unit_of_work import UnitOfWork

TOKEN_LIFE = timedelta(minutes=15)
_CLIENT_ID = re.compile(r"[\x21-\x7e]{1,40}")


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new access token, shown once, with its life in seconds and what it allows."""

    token: str
    seconds: int
    scopes: tuple[str, ...]


def issue_token(
    installation: Installation,
    client_id: str,
    secret: str,
    requested: Collection[str] | None,
    source: str,
    at: datetime,
) -> IssuedToken:
    """A token for a client that knows one of its secrets; `requested` narrows its scopes.

    `source` names where the request came from: guesses are slowed down per client and source.
    Raises Refused: "throttled", "invalid_client" (alike for unknown, disabled and wrong secret),
    "invalid_scope". Every refusal is recorded (EDC-07, RFC 6749 §4.4).
    """
    limits = client_limits(client_id, source)
    outcome = check_guess(
        installation, limits, at, lambda: _issue_or_refuse(installation, client_id, secret, requested, at)
    )
    if isinstance(outcome, Refused):
        raise outcome
    return outcome


def _issue_or_refuse(
    installation: Installation, client_id: str, secret: str, requested: Collection[str] | None, at: datetime
) -> IssuedToken | Refused:
    """A token or why there is none; either is recorded."""
    with installation.read() as session:
        client = _client(session, client_id)
        study_id = client.study_id if client else None
    chain = study_chain(study_id) if study_id else INSTALLATION_CHAIN
    secret_token = new_token()
    with installation.open_work(Actor(ActorKind.EDC, _named(client_id), "edc"), at) as work:
        work.lock(chain, study_id)
        outcome = _issue(work, client_id, secret, requested, secret_token)
        event = AuditEvent.EDC_TOKEN_REFUSED if isinstance(outcome, Refused) else AuditEvent.EDC_TOKEN_ISSUED
        work.record(event, chain, study_id)
    return outcome


def _issue(
    work: UnitOfWork, client_id: str, secret: str, requested: Collection[str] | None, secret_token: str
) -> IssuedToken | Refused:
    client = _client(work.session, client_id)
    if client is None or client.disabled_at is not None or not _matches_secret(client, secret):
        return Refused("invalid_client")
    allowed = client.scopes.split()
    if requested and not set(requested) <= set(allowed):
        return Refused("invalid_scope", allowed=tuple(allowed))
    scopes = tuple(scope for scope in allowed if not requested or scope in requested)
    work.session.add(
        EdcToken(
            token_hash=token_digest(secret_token),
            client_id=client.client_id,
            scopes=" ".join(scopes),
            expires_at=work.at + TOKEN_LIFE,
        )
    )
    return IssuedToken(secret_token, int(TOKEN_LIFE.total_seconds()), scopes)


# Every request of an EDC begins with this, so it is prepared once and makes no objects of the rows.
_BEARER: sa.Select[*tuple[Any, ...]] = (
    sa.select(
        col(EdcClient.client_id),
        col(EdcClient.name),
        col(EdcClient.study_id),
        col(EdcClient.scopes),
        col(EdcClient.sites),
        col(EdcToken.scopes).label("granted"),
        col(EdcToken.expires_at),
        col(Study.code).label("study"),
        col(Study.feed),
        col(Study.restored_at),
    )
    .join(EdcToken, col(EdcToken.client_id) == col(EdcClient.client_id))
    .join(Study, col(Study.id) == col(EdcClient.study_id))
    .where(
        col(EdcToken.token_hash) == sa.bindparam("token_hash"),
        col(EdcToken.expires_at) > sa.bindparam("at"),
        col(EdcToken.expires_at) <= sa.bindparam("latest"),
        col(EdcClient.disabled_at).is_(None),
    )
)


def authenticate_client(installation: Installation, bearer: str | None, at: datetime) -> EdcClientSession:
    """The client of this token, with what the client may still do.

    Raises Refused("invalid_token") for none, an unknown or expired one, and a disabled client.
    """
    # A token that a wrong clock issued in the future would live until then.
    latest = at + TOKEN_LIFE + CLOCK_LIMIT
    bounds = {"token_hash": token_digest(bearer or ""), "at": at, "latest": latest}
    with installation.read() as session:
        row = session.connection().execute(_BEARER, bounds).one_or_none()
        if row is None:
            raise Refused("invalid_token")
        site_ids = _site_ids(session, row.study_id, row.sites)
    return EdcClientSession(
        client_id=row.client_id,
        name=row.name,
        study_id=row.study_id,
        study=row.study,
        feed=row.feed,
        scopes=frozenset(row.granted.split()) & frozenset(row.scopes.split()),
        sites=tuple(row.sites) if row.sites is not None else None,
        site_ids=site_ids,
        expires_at=row.expires_at,
        feed_restored=row.restored_at is not None,
    )


def find_client_session(
    installation: Installation, client_id: str, scopes: Collection[str], at: datetime
) -> EdcClientSession | None:
    """A client for which something is done later, with what is left of the scopes that it had then.

    None for one that is disabled or not there.
    """
    with installation.read() as session:
        client = _client(session, client_id)
        if client is None or client.disabled_at is not None:
            return None
        study = session.get_one(Study, client.study_id)
        site_ids = _site_ids(session, client.study_id, client.sites)
    return EdcClientSession(
        client_id=client.client_id,
        name=client.name,
        study_id=client.study_id,
        study=study.code,
        feed=study.feed,
        scopes=frozenset(scopes) & frozenset(client.scopes.split()),
        sites=tuple(client.sites) if client.sites is not None else None,
        site_ids=site_ids,
        expires_at=at,
        feed_restored=study.restored_at is not None,
    )


def add_secret(context: StaffContext, client_id: str) -> str:
    """A second secret beside the first, shown once; both work until `retire_secret`.

    Raises Refused: "unknown_client", "two_secrets" while there are two already.
    """
    secret = new_token()
    with context.unit_of_work() as work:
        client = _lock_client(work, client_id)
        if client.next_secret_hash is not None:
            raise Refused("two_secrets")
        client.next_secret_hash = token_digest(secret)
        work.record(AuditEvent.EDC_SECRET_ADDED, study_chain(client.study_id), client.study_id)
    return secret


def retire_secret(context: StaffContext, client_id: str) -> None:
    """Stop the older of two secrets. Raises Refused: "unknown_client", "one_secret"."""
    with context.unit_of_work() as work:
        client = _lock_client(work, client_id)
        if client.next_secret_hash is None:
            raise Refused("one_secret")
        client.secret_hash, client.next_secret_hash = client.next_secret_hash, None
        work.record(AuditEvent.EDC_SECRET_RETIRED, study_chain(client.study_id), client.study_id)


def disable_client(context: StaffContext, client_id: str, reason: str) -> None:
    """Stop a client and every token of it at once. Raises Refused("unknown_client")."""
    with context.unit_of_work() as work:
        client = _lock_client(work, client_id)
        client.disabled_at = client.disabled_at or context.at
        chain = study_chain(client.study_id)
        work.record(AuditEvent.EDC_CLIENT_DISABLED, chain, client.study_id, reason=reason)


def _lock_client(work: UnitOfWork, client_id: str) -> EdcClient:
    client = _client(work.session, client_id)
    if client is None:
        raise Refused("unknown_client")
    work.lock(study_chain(client.study_id), client.study_id)
    work.session.refresh(client)
    return client


def _client(session: Session, client_id: str) -> EdcClient | None:
    return session.get(EdcClient, client_id) if _CLIENT_ID.fullmatch(client_id) else None


def _named(client_id: str) -> str:
    """A claimed client id for the audit trail; what has not its form is replaced by its digest."""
    return client_id if _CLIENT_ID.fullmatch(client_id) else f"sha256:{token_digest(client_id)}"


def _matches_secret(client: EdcClient, secret: str) -> bool:
    digest = token_digest(secret)
    first = hmac.compare_digest(digest, client.secret_hash)
    second = hmac.compare_digest(digest, client.next_secret_hash or "")
    return first or second  # both were compared, so that the time tells nothing


def _site_ids(session: Session, study_id: int, codes: Sequence[str] | None) -> frozenset[int]:
    if codes is None:
        return frozenset()
    statement = select(Site.id).where(Site.study_id == study_id, col(Site.code).in_(codes))
    return frozenset(session.exec(statement))
