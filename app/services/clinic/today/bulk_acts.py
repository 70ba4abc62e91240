"""One act for each of several participants that were chosen on the work list."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from sqlmodel import col

from app.domain.records.access import Permission
from app.domain.records.acts import ActRepeated
from app.domain.refusal import Refused
from app.services.core.context import StaffContext
from app.storage.queries.participants import select_readable
from app.storage.tables.participants import Participant

_Choice = TypeVar("_Choice")
MOST = 100
"""Participants of one act: more than a page shows."""


@dataclass(frozen=True, slots=True)
class RefusedParticipant:
    """A participant for whom the act was refused, and why."""

    subject: str
    refused: Refused


@dataclass(frozen=True, slots=True)
class BulkResult:
    """For how many participants the act was done, and for which it was refused."""

    done: int
    refused: tuple[RefusedParticipant, ...]


def act_on_each(
    context: StaffContext,
    permission: Permission,
    chosen: Mapping[str, _Choice],
    wording: Callable[[_Choice], str],
    act: Callable[[StaffContext, int, _Choice], object],
) -> BulkResult:
    """Do the act for each of these participants (public id, with what was chosen for them).

    Each is an act and a transaction of its own, so that one that is refused holds up no other; pressed twice,
    what was done is told of again. `wording` is the choice as text, by which a second press is known.

    Raises Refused: "nobody_chosen", "too_many_chosen", and "unknown_participant" where the permission does
    not reach one of them.
    """
    if not chosen:
        raise Refused("nobody_chosen")
    if len(chosen) > MOST:
        raise Refused("too_many_chosen", most=MOST)
    with context.read() as session:
        statement = select_readable(context.actor, permission)
        named = statement.where(col(Participant.public_id).in_(chosen)).order_by(col(Participant.subject))
        people = [(row.id, row.public_id, row.subject) for row in session.exec(named)]
    if len(people) < len(chosen):
        raise Refused("unknown_participant")
    refusals = []
    for key, public_id, subject in people:
        choice = chosen[public_id]
        body = context.installation.secret_box.keyed_fingerprint(f"{public_id} {wording(choice)}", "act")
        own_act = context.act.derive_part(public_id, body) if context.act else None
        try:
            with suppress(ActRepeated):
                act(replace(context, act=own_act), key, choice)
        except Refused as refused:
            refusals.append(RefusedParticipant(subject, refused))
    return BulkResult(len(people) - len(refusals), tuple(refusals))
