"""The channel of a demonstration: letters are written to a stream, without their addresses."""

from dataclasses import dataclass
from typing import TextIO

from app.notify.channel import MessageText


@dataclass(frozen=True, slots=True)
class ConsoleChannel:
    """Writes each letter where the person who runs the demonstration sees it."""

    stream: TextIO

    def send(self, message: MessageText) -> None:
        # One write, so that letters of several workers do not mix; the address stays out of logs.
        self.stream.write(f"--- {message.key}\n{message.subject}\n\n{message.text}\n---\n")
        self.stream.flush()
