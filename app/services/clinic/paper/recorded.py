"""What was entered of a form from paper, as its page and its history tell it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session, col, select

from app.domain.capture.paper import PaperOutcome, PaperReason
from app.services.core.context import StaffContext
from app.storage.queries.slots import StoredSlot
from app.storage.queries.staff import find_staff_names
from app.storage.tables.capture import PaperEntry

_DECISIONS = (PaperOutcome.settled, PaperOutcome.discarded)


@dataclass(frozen=True, slots=True)
class RecordedPaper:
    """One entry of a paper form, or a decision on entries, as its page tells it; no answer in it.

    Of an entry `note` says why its day is outside the window, of a decision (`decides`) why it was taken.
    `is_newest`: nothing followed, so that what it waits for is still to come. `by` is a name, and
    `entered_by` what the trail calls them.
    """

    collected_on: date
    paper: str
    reason: PaperReason
    note: str
    outcome: PaperOutcome
    at: datetime
    by: str
    entered_by: str
    decides: bool
    is_newest: bool

    @property
    def is_response(self) -> bool:
        """Whether the form's response is what was entered here."""
        return self.outcome in (PaperOutcome.submitted, PaperOutcome.settled)


def list_paper_entries(session: Session, slot: StoredSlot) -> tuple[RecordedPaper, ...]:
    """What was entered from paper for a form that this reader may see, oldest first."""
    statement = select(PaperEntry).where(PaperEntry.slot_id == slot.id).order_by(col(PaperEntry.id))
    rows = session.exec(statement).all()
    names = find_staff_names(session, {row.entered_by for row in rows})
    shown = [row for row, before in zip(rows, (None, *rows), strict=False) if not _only_ends(row, before)]
    return tuple(
        RecordedPaper(
            collected_on=row.collected_on,
            paper=row.paper,
            reason=row.reason,
            note=row.note or "",
            outcome=row.outcome,
            at=row.entered_at,
            by=names.get(row.entered_by, row.entered_by),
            entered_by=row.entered_by,
            decides=row.outcome in _DECISIONS or _decided_apart(row, rows),
            is_newest=row is shown[-1],
        )
        for row in shown
    )


def _only_ends(row: PaperEntry, before: PaperEntry | None) -> bool:
    """Whether it is the end of the waiting that came with the decision before it, and no other decision."""
    if before is None or row.outcome is not PaperOutcome.discarded:
        return False
    return before.outcome is PaperOutcome.kept_apart and before.entered_at == row.entered_at


def _decided_apart(row: PaperEntry, rows: Sequence[PaperEntry]) -> bool:
    return any(_only_ends(after, row) for after in rows)


def get_paper_entries(context: StaffContext, slot: StoredSlot) -> tuple[RecordedPaper, ...]:
    """The paper entries of a form, for a page of their own."""
    with context.read() as session:
        return list_paper_entries(session, slot)
