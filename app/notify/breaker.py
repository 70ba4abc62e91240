"""A circuit breaker: a mail server that is out of order is left alone for a while, and then tried once."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.notify.channel import MessageChannel, MessageText, SendFailed, Unconfirmed

OUTAGES = frozenset({"unreachable", "broken_off", "sign_in_refused"})
"""Why a letter did not leave when no other letter would have left either."""
FAILURES = 3
"""So many in a row open the circuit."""
FIRST_PAUSE = timedelta(minutes=1)
_DOUBLINGS = 4
"""The longest pause is sixteen times the first."""


@dataclass(slots=True)
class CircuitBreaker:
    """A channel that counts its outages. While it is open nobody should hand it letters: they wait queued.

    After the pause one letter tries the server; each further outage doubles the pause.
    """

    channel: MessageChannel
    _failures: int = field(default=0, init=False)
    _opened_at: datetime | None = field(default=None, init=False)

    def is_open(self, at: datetime) -> bool:
        """Whether letters should wait. A clock that was set back ends the pause instead of lengthening it."""
        if self._opened_at is None:
            return False
        pause = FIRST_PAUSE * (1 << min(self._failures - FAILURES, _DOUBLINGS))
        return self._opened_at <= at < self._opened_at + pause

    def send(self, message: MessageText) -> None:
        """Send a message by the channel, and count its failure; raises what the channel raises."""
        try:
            self.channel.send(message)
        except SendFailed as failed:
            if failed.code in OUTAGES:
                self._note_outage(message.at)
            else:
                self._close()
            raise
        except Unconfirmed:
            self._note_outage(message.at)
            raise
        self._close()

    def _note_outage(self, at: datetime) -> None:
        self._failures += 1
        if self._failures >= FAILURES:
            self._opened_at = at

    def _close(self) -> None:
        self._failures, self._opened_at = 0, None
