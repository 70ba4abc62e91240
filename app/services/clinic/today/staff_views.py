"""How a member of staff last filtered a page: kept for each person, so that it opens so on any computer."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import col

from app.services.core.installation import Installation
from app.storage.database.plain_reads import PlainRead
from app.storage.statements.staff_views import keep_staff_view
from app.storage.tables.staff import StaffView

TODAY = "today"
LONGEST = 400
_QUERY = PlainRead(
    sa.select(col(StaffView.query)).where(
        col(StaffView.staff_id) == sa.bindparam("staff", type_=sa.Integer),
        col(StaffView.page) == sa.bindparam("page", type_=sa.String),
    )
)


def find_view(connection: Connection, staff_id: int, page: str) -> str:
    """How this person last filtered a page; "" where nothing is remembered."""
    rows = _QUERY.fetch(connection, {"staff": staff_id, "page": page})
    return str(rows[0][0]) if rows else ""


def remember_view(installation: Installation, staff_id: int, page: str, query: str) -> None:
    """Keep how a page is filtered; filters that are longer than any real ones are not kept."""
    if len(query) <= LONGEST:
        keep_staff_view(installation.engine, staff_id, page, query)
