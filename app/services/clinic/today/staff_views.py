"""How a member of staff last filtered a page: kept for each person, so that it opens so on any computer."""

from typing import Any

import sqlalchemy as sa
from sqlmodel import col

from app.services.core.installation import Installation
from app.storage.statements.staff_views import keep_staff_view
from app.storage.tables.staff import StaffView

TODAY = "today"
LONGEST = 400
_COLUMNS: list[Any] = [col(StaffView.page), col(StaffView.query)]
STORED_VIEWS = sa.select(*_COLUMNS).where(
    col(StaffView.staff_id) == sa.bindparam("viewer", type_=sa.Integer),
    col(StaffView.page).startswith(f"{TODAY}:"),
)
"""How somebody filtered the work list of each study last."""


def remember_view(installation: Installation, staff_id: int, page: str, query: str) -> None:
    """Keep how a page is filtered; filters that are longer than any real ones are not kept."""
    if len(query) <= LONGEST:
        keep_staff_view(installation.engine, staff_id, page, query)
