"""The work list after an act about several participants, of which some were refused."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from starlette.responses import Response

from app.clinic.frame.addresses import parse_list_position
from app.clinic.frame.form_faults import words_by_label
from app.clinic.request import StaffRequest
from app.clinic.today.address import build_query
from app.clinic.today.work_page import build_today_page
from app.domain.refusal import Refused
from app.web.urls import DESK


def show_unsent(
    request: StaffRequest, refused: Refused, queued: int = 0, unsent: Sequence[tuple[str, str]] = ()
) -> Response:
    """The list, and to whom no reminder goes and why."""
    return _show_refused(request, refused, queued=queued, unsent=tuple(unsent))


def show_unassigned(
    request: StaffRequest, refused: Refused, assigned: int = 0, unassigned: Sequence[tuple[str, str]] = ()
) -> Response:
    """The list, and who was not assigned and why."""
    return _show_refused(request, refused, assigned=assigned, unassigned=tuple(unassigned))


def _show_refused(request: StaffRequest, refused: Refused, **outcome: Any) -> Response:  # noqa: ANN401 - fields
    shown = parse_list_position(request.frame.list_url, DESK)
    criteria = build_query(shown).build_filter(shown["after"]) if shown else None
    page = build_today_page(request.as_on(DESK), criteria, remembers=criteria is None)
    error = words_by_label(request, refused, {})
    return request.show(replace(page, error=error, **outcome), refused)
