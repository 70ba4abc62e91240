"""Keys of pages: what makes an act that a page offers happen once, and on what the person saw."""

import secrets
from datetime import datetime

from app.domain.records.acts import KeyedAct, PageKey, page_owner
from app.services.core.context import ClockContext, ParticipantContext, StaffContext
from app.services.core.installation import Installation
from app.storage.act_keys import (
    begin_page_epoch,
    check_claimable,
    purge_act_keys,
    raise_if_repeated,
    read_newest_entry,
)


def new_page_key(installation: Installation, actor_id: str, at: datetime, seen: int | None = None) -> PageKey:
    """The key of a page that is shown to somebody now; `seen` is the newest entry that it shows."""
    return PageKey(page_owner(actor_id), secrets.token_hex(16), seen, _page_epoch(installation, at))


def _page_epoch(installation: Installation, at: datetime) -> int:
    epoch = installation.page_epochs.get_cached(at)
    if epoch is not None:
        return epoch
    with installation.read() as session:
        return installation.page_epochs.refresh(session, at)


def purge_acts(context: ClockContext) -> int:
    """Begin the next epoch of pages where it is time, and delete the keys of pages too old to act.

    Both are one transaction, so that nobody sees a key gone whose page could still act. It is bookkeeping
    without an entry: what the acts did stands in the trail. Returns how many keys were deleted.
    """
    with context.unit_of_work() as work:
        connection = work.session.connection()
        return purge_act_keys(connection) if begin_page_epoch(connection, work.at) else 0


def check_repeated(installation: Installation, act: KeyedAct) -> None:
    """Raise ActRepeated for an act that was done already, before anything of it is looked at again."""
    with installation.read() as session:
        raise_if_repeated(session.connection(), act)


def check_act(context: StaffContext) -> None:
    """Refuse an act that could not be claimed now, before something leaves that nobody can call back.

    Raises as `claim_act`; nothing where no page offered it.
    """
    if context.act is not None:
        with context.read() as session:
            check_claimable(session.connection(), context.act)


def get_newest_entry(context: ParticipantContext) -> int:
    """The number of the newest entry in one's own chain."""
    with context.read() as session:
        return read_newest_entry(session.connection(), context.participant.participant_id)
