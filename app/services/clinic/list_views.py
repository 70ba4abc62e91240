"""How a member of staff last filtered a list of one study, so that it opens so on any computer."""

from app.services.clinic.today.staff_views import remember_view
from app.services.core.context import StaffContext


def keep_list_view(context: StaffContext, staff_id: int, name: str, study_id: int, query: str) -> None:
    """Keep these filters of a list in place of those before; signing in reads them with the grants."""
    remember_view(context.installation, staff_id, f"{name}:{study_id}", query)
