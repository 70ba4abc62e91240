"""The states of a reminder message."""

from enum import StrEnum

WINDOW_MOVED = "window_moved"
"""Why a message was dropped whose form was moved before it left."""


class MessageState(StrEnum):
    """The life of a message."""

    queued = "queued"
    sending = "sending"
    sent = "sent"
    dropped = "dropped"
    failed = "failed"
    unconfirmed = "unconfirmed"
