"""The states of a reminder message."""

from enum import StrEnum


class MessageState(StrEnum):
    """The life of a message."""

    queued = "queued"
    sending = "sending"
    sent = "sent"
    dropped = "dropped"
    failed = "failed"
    unconfirmed = "unconfirmed"
