"""How a member of staff last filtered a list of one study, so that it opens so on any computer."""

from collections.abc import Mapping

from app.services.clinic.today.staff_views import remember_view
from app.services.core.context import StaffContext


def find_list_view(views: Mapping[str, str], name: str, study_id: int) -> str:
    """The filters among all that are kept, as they stood in an address; "" for none."""
    return views.get(_page(name, study_id), "")


def keep_list_view(context: StaffContext, staff_id: int, name: str, study_id: int, query: str) -> None:
    """Keep these filters of a list in place of those before."""
    remember_view(context.installation, staff_id, _page(name, study_id), query)


def _page(name: str, study_id: int) -> str:
    return f"{name}:{study_id}"
