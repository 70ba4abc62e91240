"""EDC clients as an administrator keeps them: what each may do, when it was last used, and its end."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.domain.people.names import parse_name, parse_reason
from app.domain.records.access import Permission, Scope
from app.domain.refusal import Refused, check_all
from app.services.accounts.edc_clients import TOKEN_LIFE, disable_client
from app.services.core.context import StaffContext
from app.services.people.managed_people import get_permitted_study
from app.services.setup.studies import NewClient, create_client
from app.storage.tables.edc import EdcClient, EdcToken, Transfer
from app.storage.tables.studies import Study


@dataclass(frozen=True, slots=True)
class ManagedClient:
    """One EDC client; `sites` is empty for all of the study, `used_at` None for one that never signed in."""

    client_id: str
    name: str
    scopes: tuple[str, ...]
    sites: tuple[str, ...]
    created_at: datetime
    used_at: datetime | None
    ended_at: datetime | None


def list_clients(context: StaffContext, study: str) -> tuple[ManagedClient, ...]:
    """The clients of a study that the caller administers as a whole, the newest first.

    Raises Refused("unknown_study"); one who administers single sites sees none.
    """
    with context.read() as session:
        row = _find_study(session, context, study)
        if row is None:
            return ()
        signed = sa.select(sa.func.max(col(EdcToken.expires_at))).where(
            col(EdcToken.client_id) == col(EdcClient.client_id)
        )
        pulled = sa.select(sa.func.max(col(Transfer.pulled_at))).where(
            col(Transfer.client_id) == col(EdcClient.client_id)
        )
        statement = (
            select(EdcClient, signed.scalar_subquery(), pulled.scalar_subquery())
            .where(EdcClient.study_id == row.id)
            .order_by(col(EdcClient.created_at).desc(), col(EdcClient.client_id))
        )
        return tuple(_describe(client, signed, at) for client, signed, at in session.exec(statement))


def create_managed_client(
    context: StaffContext, study: str, name: str, scopes: Collection[str], site: str
) -> NewClient:
    """A new client of a study, for all of its sites or one (`site` "" is all); the secret is shown once.

    Raises Refused: "unknown_study", "beyond_your_sites", "scopes_needed", "unknown_site", or as `parse_name`.
    """
    check_client(name, scopes)
    called, allowed = parse_name(name, "name"), [scope for scope in Scope if scope in scopes]
    with context.read() as session:
        if _find_study(session, context, study) is None:
            raise Refused("beyond_your_sites", field="site")
    return create_client(context, study, called, allowed, [site] if site else None)


def check_client(name: str, scopes: Collection[str]) -> None:
    """Raises Refused: "scopes_needed", or as `parse_name`."""
    check_all(lambda: parse_name(name, "name"), lambda: _check_scopes(scopes))


def _check_scopes(scopes: Collection[str]) -> None:
    if not set(Scope) & set(scopes):
        raise Refused("scopes_needed", field="scope")


def end_client(context: StaffContext, study: str, client_id: str, reason: str) -> None:
    """Stop a client of this study and its tokens at once.

    Raises Refused: "unknown_study", "unknown_client", "client_ended", or as `parse_reason`.
    """
    why = parse_reason(reason)
    with context.read() as session:
        row, client = _find_study(session, context, study), session.get(EdcClient, client_id)
        if row is None or client is None or client.study_id != row.id:
            raise Refused("unknown_client")
        if client.disabled_at is not None:
            raise Refused("client_ended")
    disable_client(context, client_id, why)


def _find_study(session: Session, context: StaffContext, code: str) -> Study | None:
    """The study, None where the caller administers only some of its sites."""
    row = get_permitted_study(session, context.actor, code, Permission.STAFF_MANAGE)
    return row if context.actor.may_administer(Permission.STAFF_MANAGE, row.id, None) else None


def _describe(client: EdcClient, token_until: datetime | None, pulled_at: datetime | None) -> ManagedClient:
    """A client, last used when its newest token was issued or when it last pulled."""
    used = [] if token_until is None else [token_until - TOKEN_LIFE]
    used += [] if pulled_at is None else [pulled_at]
    return ManagedClient(
        client_id=client.client_id,
        name=client.name,
        scopes=tuple(client.scopes.split()),
        sites=tuple(client.sites or ()),
        created_at=client.created_at,
        used_at=max(used, default=None),
        ended_at=client.disabled_at,
    )
