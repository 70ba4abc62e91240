"""The epoch of pages as this process read it last, so that no page asks the database for it."""

from datetime import datetime, timedelta

from sqlmodel import Session

from app.storage.act_keys import read_page_epoch

FRESH_FOR = timedelta(hours=1)
"""After so long it is read anew."""


class PageEpochs:
    """A cache of one number. One that is out of date is harmless: it only shortens the life of a page."""

    def __init__(self) -> None:
        self._epoch = 0
        self._read_at: datetime | None = None

    def get_cached(self, at: datetime) -> int | None:
        """The epoch that was read lately, None where it should be read anew."""
        fresh = self._read_at is not None and self._read_at <= at < self._read_at + FRESH_FOR
        return self._epoch if fresh else None

    def refresh(self, session: Session, at: datetime) -> int:
        """Read the epoch from the database."""
        self._epoch, self._read_at = read_page_epoch(session.connection()), at
        return self._epoch
