"""Background threads: a silent mail server or a long export blocks neither the clock nor a stop."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

Clock = Callable[[], datetime]
"""What says which moment it is, and refuses while the clock is not trusted."""
STOP_SECONDS = 12
"""How long a stopping server waits for the letter that is under way: longer than a silent relay is given.

A letter that is still under way then is one of which nobody knows, and it is never sent again.
"""


class BackgroundRounds:
    """Calls `work` at each interval, with a function that says whether the server is stopping."""

    def __init__(self, name: str, work: Callable[[Callable[[], bool]], None], every: timedelta) -> None:
        self._work, self._seconds = work, every.total_seconds()
        self._stopping = threading.Event()
        # A daemon: the interpreter does not wait for it, whatever it waits for.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """The first round comes after one interval."""
        self._thread.start()

    def stop(self, patience_seconds: float) -> None:
        """Begin nothing more, and wait for what is under way, but not for ever."""
        self._stopping.set()
        self._thread.join(patience_seconds)

    def _run(self) -> None:
        while not self._stopping.wait(self._seconds):
            self._work(self._stopping.is_set)
