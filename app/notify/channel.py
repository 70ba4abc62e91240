"""What every channel takes and how it says that a letter did not leave."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class MessageText:
    """One message to one person. `key` is its name for ever: the same letter sent again has the same."""

    key: str
    to: str
    subject: str
    text: str
    language: str
    at: datetime


class SendFailed(Exception):
    """The letter certainly did not leave; `lasting` when trying again would not help.

    `code` says why in one word and never holds the address or the server's own text.
    """

    def __init__(self, code: str, lasting: bool = False) -> None:
        super().__init__(code)
        self.code, self.lasting = code, lasting


class Unconfirmed(Exception):
    """The letter may have left: the other side fell silent before it said so."""


class MessageChannel(Protocol):
    """A way to reach a participant."""

    def send(self, message: MessageText) -> None:
        """Send a message; raises SendFailed or Unconfirmed."""
        ...
