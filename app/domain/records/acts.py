"""An act that a page offers is done once, and only on what its page showed."""

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import timedelta

from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused, raise_all

_KEY = re.compile(r"([0-9a-f]{16})\.([0-9a-f]{32})\.([0-9]{0,9})\.([0-9]{1,9})")
EPOCH_LENGTH = timedelta(days=1)
"""How long an epoch of pages lasts at least."""
LONGEST_TEXT = 400
"""Characters of a text of an act, a line end counted as one, as a browser counts it."""
STORED_EPOCHS = 30
"""So many epochs a page can be used and the keys of its acts are kept: longer than any session lives."""


@dataclass(frozen=True, slots=True)
class PageKey:
    """What a page carries along with its acts: whose page it is, its random number, and what it showed.

    `seen` is the number of the newest entry in the participant's chain when the page was made; None on a
    page whose acts nothing can spoil. `epoch` is the epoch of pages in which it was made.
    """

    owner: str
    number: str
    seen: int | None = None
    epoch: int = 0

    def __str__(self) -> str:
        return f"{self.owner}.{self.number}.{'' if self.seen is None else self.seen}.{self.epoch}"

    def name_act(self, address: str) -> str:
        """The idempotency key of the act at this address: one for each form of the page."""
        return hashlib.sha256(f"{self.owner}.{self.number} {address}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class KeyedAct:
    """An act as it was pressed, before anything is changed.

    `key` and `body` are its idempotency key and the digest of what was typed ("" and False for `own`
    where the page has no key, or another person's). `result` is the address of its first result. Entries of
    `spoiled_by` that are newer than `seen` spoil it; `about` narrows them to those that change one record.
    `unwritable` names the fields with text that cannot be stored, `too_long` those whose text is too long.
    `identifying` those whose words seem to say who a participant is. `epoch` is that of the page.
    """

    key: str
    own: bool
    actor: str
    body: str
    result: str
    participant_id: int | None = None
    seen: int | None = None
    spoiled_by: frozenset[AuditEvent] = frozenset()
    about: str = ""
    unwritable: tuple[str, ...] = ()
    too_long: tuple[str, ...] = ()
    identifying: tuple[str, ...] = ()
    epoch: int = 0

    def check_texts(self) -> None:
        """Refuse each field that cannot be stored, or must not be.

        Raises Refused: "control_characters", "words_too_long", "identifying_words".
        """
        unwritable = [Refused("control_characters", field=name) for name in self.unwritable]
        too_long = [Refused("words_too_long", field=name, most=LONGEST_TEXT) for name in self.too_long]
        identifying = [Refused("identifying_words", field=name) for name in self.identifying]
        raise_all([*unwritable, *too_long, *identifying])

    def derive_part(self, name: str, body: str) -> "KeyedAct":
        """The act upon one of several records that this act is about: done once, like the whole.

        `body` is the digest of what was typed about this record alone: what is said of others may differ.
        """
        return replace(self, key=hashlib.sha256(f"{self.key} {name}".encode()).hexdigest(), body=body)


class ActRepeated(Exception):
    """The act was done before, from this very page with these very words; its first result is `result`."""

    def __init__(self, result: str) -> None:
        super().__init__(result)
        self.result = result


def page_owner(actor_id: str) -> str:
    """Whose page it is, as its key says it."""
    return hashlib.sha256(f"page of {actor_id}".encode()).hexdigest()[:16]


def parse_page_key(text: str) -> PageKey | None:
    """The key that came back with a form; None for what is none."""
    matched = _KEY.fullmatch(text)
    if matched is None:
        return None
    return PageKey(matched[1], matched[2], int(matched[3]) if matched[3] else None, int(matched[4]))


def is_page_usable(epoch: int, now: int) -> bool:
    """Whether a page of this epoch may still act in the epoch `now`; none acts whose keys may be purged."""
    return oldest_usable_epoch(now) <= epoch <= now


def oldest_usable_epoch(now: int) -> int:
    """The oldest epoch whose pages may act and whose keys are kept, in the epoch `now`."""
    return now - STORED_EPOCHS + 1


def fingerprint_consequences(consequences: object) -> str:
    """A digest of what an act would change, as its preview computed it: equal previews, equal digests."""
    return hashlib.sha256(repr(consequences).encode()).hexdigest()
