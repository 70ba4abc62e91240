"""Keys of pages: what makes an act that a page offers happen once, and on what the person saw."""

import secrets

from app.domain.records.acts import KeyedAct, PageKey, page_owner
from app.services.core.context import ParticipantContext
from app.services.core.installation import Installation
from app.storage.act_keys import raise_if_repeated, read_newest_entry


def new_page_key(actor_id: str, seen: int | None = None) -> PageKey:
    """The key of a page that is shown to somebody now; `seen` is the newest entry that it shows."""
    return PageKey(page_owner(actor_id), secrets.token_hex(16), seen)


def check_repeated(installation: Installation, act: KeyedAct) -> None:
    """Raise ActRepeated for an act that was done already, before anything of it is looked at again."""
    with installation.read() as session:
        raise_if_repeated(session.connection(), act)


def get_newest_entry(context: ParticipantContext) -> int:
    """The number of the newest entry in one's own chain."""
    with context.read() as session:
        return read_newest_entry(session.connection(), context.participant.participant_id)
