"""How a member of staff last filtered a page: kept for each person, so that it opens so on any computer."""

from sqlmodel import Session

from app.services.core.installation import Installation
from app.storage.statements.staff_views import keep_staff_view
from app.storage.tables.staff import StaffView

TODAY = "today"
LONGEST = 400


def find_view(session: Session, staff_id: int, page: str) -> str:
    """How this person last filtered a page; "" where nothing is remembered."""
    row = session.get(StaffView, (staff_id, page))
    return row.query if row else ""


def remember_view(installation: Installation, staff_id: int, page: str, query: str) -> None:
    """Keep how a page is filtered; filters that are longer than any real ones are not kept."""
    if len(query) <= LONGEST:
        keep_staff_view(installation.engine, staff_id, page, query)
