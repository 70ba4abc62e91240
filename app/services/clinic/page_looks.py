"""Looks at desk pages as entries of the trail: who saw which page, of whom, and by which choices."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from app.domain.records.audit import AuditEvent, FieldChange
from app.services.core.context import StaffContext
from app.storage.row_changes import participant_chain, study_chain

LOOK_LASTS = timedelta(minutes=10)
"""For how long one entry stands for looks at the same page by the same person."""


@dataclass(frozen=True, slots=True)
class PageLook:
    """What somebody sees: a page, of one participant or of the study, and by which choices it was made."""

    page: str
    study_id: int
    participant_id: int | None
    choices: tuple[tuple[str, str], ...] = ()

    @property
    def chain(self) -> str:
        """The chain of whom the page is about."""
        return (
            study_chain(self.study_id)
            if self.participant_id is None
            else participant_chain(self.participant_id)
        )

    @property
    def changes(self) -> Iterable[FieldChange]:
        """What the entry tells of it."""
        said = (("page", self.page), *self.choices)
        return [FieldChange("page", name, None, value) for name, value in said if value]


@dataclass(frozen=True, slots=True)
class LookLog:
    """Enters looks in the trail; what one process entered a moment ago it does not enter again.

    It remembers the last `most` of them or fewer.
    """

    most: int = 5000
    _entered: dict[tuple[str, PageLook], datetime] = field(default_factory=dict)

    def enter_look(self, context: StaffContext, look: PageLook) -> None:
        """Enter this look, before anything is shown, unless an entry of the same stands for it."""
        seen = (context.actor.id, look)
        last = self._entered.get(seen)
        if last is not None and timedelta() <= context.at - last < LOOK_LASTS:
            return
        with replace(context, act=None).unit_of_work() as work:
            work.record(AuditEvent.PAGE_VIEWED, look.chain, look.study_id, changes=look.changes)
        if len(self._entered) >= self.most:
            self._entered.clear()
        self._entered[seen] = context.at
