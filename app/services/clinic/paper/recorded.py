"""What was entered of a form from paper, as its page and its history tell it."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session, col, select

from app.domain.capture.paper import PaperOutcome, PaperReason
from app.services.core.context import StaffContext
from app.storage.queries.slots import StoredSlot
from app.storage.queries.staff import find_staff_names
from app.storage.tables.capture import PaperEntry


@dataclass(frozen=True, slots=True)
class RecordedPaper:
    """One entry of a paper form as its page tells it; no answer in it."""

    collected_on: date
    paper: str
    reason: PaperReason
    note: str
    outcome: PaperOutcome
    at: datetime
    by: str

    @property
    def is_response(self) -> bool:
        """Whether the form's response is what was entered here."""
        return self.outcome in (PaperOutcome.submitted, PaperOutcome.settled)


def list_paper_entries(session: Session, slot: StoredSlot) -> tuple[RecordedPaper, ...]:
    """What was entered from paper for a form that this reader may see, oldest first."""
    found = select(PaperEntry).where(PaperEntry.slot_id == slot.id).order_by(col(PaperEntry.id))
    rows = session.exec(found).all()
    names = find_staff_names(session, {row.entered_by for row in rows})
    return tuple(
        RecordedPaper(
            collected_on=row.collected_on,
            paper=row.paper,
            reason=row.reason,
            note=row.note or "",
            outcome=row.outcome,
            at=row.entered_at,
            by=names.get(row.entered_by, row.entered_by),
        )
        for row in rows
    )


def get_paper_entries(context: StaffContext, slot: StoredSlot) -> tuple[RecordedPaper, ...]:
    """The same for a page of its own."""
    with context.read() as session:
        return list_paper_entries(session, slot)
