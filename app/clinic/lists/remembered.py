"""Remembered filters of lists: stored for each person and study, so that a list opens as it was filtered.

An address that names a filter holds, and is what is remembered from then on; one that names none is answered
with the address of what is remembered. So the address of a list says all of what it shows. One that looks for
something once (a code, a form, the next page) holds, and changes nothing of what is remembered.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request

from app.clinic.frame.addresses import BETTER, REMEMBERED, build_address
from app.clinic.frame.studies import STUDY, StaffStudy
from app.domain.desk.list_cursor import ListOrder
from app.domain.desk.trail import TrailKind
from app.domain.records.access import Permission
from app.domain.typed_text import narrow_text
from app.services.accounts.staff_access import StaffAdmission
from app.services.clinic.list_views import keep_list_view
from app.services.clinic.staff_sites import list_reached_sites
from app.services.clinic.trail.scope import is_trail_actor
from app.services.core.context import StaffContext


@dataclass(frozen=True, slots=True)
class _ListReader:
    """Who opens a list of one study, under which permission."""

    context: StaffContext
    study: StaffStudy
    permission: Permission


def _is_own_site(reader: _ListReader, code: str) -> bool:
    sites = list_reached_sites(reader.context, reader.study.id, reader.permission)
    return any(site.code == code and site.closed_at is None for site in sites)


def _is_language(reader: _ListReader, code: str) -> bool:
    library = reader.context.installation.library
    return code in library.get_plan(reader.study.code, reader.study.plan_version).languages


_MAKES_SENSE: Mapping[str, Callable[[_ListReader, str], bool]] = {
    "site": _is_own_site,
    "language": _is_language,
    "kind": lambda _reader, code: code in tuple(TrailKind),
    "by": lambda _reader, code: is_trail_actor(code),
    "up": lambda _reader, code: code == BETTER,
    "order": lambda _reader, code: code in tuple(ListOrder),
}
"""Whether a filter that was remembered still says something."""


def open_as_remembered(
    request: Request,
    context: StaffContext,
    admission: StaffAdmission,
    study: StaffStudy | None,
    permission: Permission | None,
) -> str:
    """Remember how the address filters its list; of one without filters, the address of what is remembered.

    "" where the request is to be answered as it is. A filter that no longer says something (a site that was
    closed or is not theirs) is left out.
    """
    listed = REMEMBERED.get(request.scope["route"].path)
    if listed is None or study is None or permission is None or request.method != "GET":
        return ""
    typed = request.query_params
    if any(typed[name] for name in typed.keys() - _NEUTRAL - {*listed.parameters}):
        return ""
    stored = next(row.filters for row in admission.staff.studies if row.study_id == study.id)
    if any(name in typed for name in listed.parameters):
        chosen = {name: narrow_text(typed.get(name, ""))[:LONGEST] for name in listed.parameters}
        if _write(chosen) != stored:
            keep_list_view(context, admission.staff.staff_id, listed.name, study.id, _write(chosen))
        return ""
    reader = _ListReader(context, study, permission)
    known = (parameter for parameter in parse_qsl(stored) if parameter[0] in listed.parameters)
    chosen = {name: value for name, value in known if _MAKES_SENSE[name](reader, value)}
    carried = {name: typed[name] for name in typed if name != STUDY}
    return build_address(request.url.path, {**carried, **chosen}) if chosen else ""


_NEUTRAL = frozenset({STUDY, "done", "closed", "decided", "kind"})
"""Parameters that look for nothing: the study, news about an act, tabs."""
LONGEST = 80
"""Characters of a filter that is remembered."""


def _write(chosen: Mapping[str, str]) -> str:
    return urlencode({name: value for name, value in chosen.items() if value})
