"""Whose diary has days without an entry and without a reason, and the way to where they are explained."""

from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import Response

from app.clinic.frame.addresses import build_address
from app.clinic.records.diary_gaps import GapRow
from app.clinic.request import SignedInRequest, url_of_participant
from app.domain.typed_text import narrow_text
from app.services.clinic.today.diary_gap_list import DiaryGaps, GapFilter, list_diary_gaps_of_sites
from app.web.form_fields import BriefQuery
from app.web.urls import DESK, DIARY_GAP_LIST, DIARY_GAPS


@dataclass(frozen=True, slots=True)
class GapLine:
    """A participant with their stretches, the earliest first."""

    subject: str
    url: str
    site: str
    gaps: tuple[GapRow, ...]


@dataclass(frozen=True, slots=True)
class GapListPage:
    """Participants by code, `next_url` leads to further ones; `begun`: others come before them.

    `diary`: the study has one. `whole_url` leads to all where only some are shown, "" otherwise.
    """

    template: ClassVar[str] = "clinic/gap_list.html"
    rows: tuple[GapLine, ...]
    today_url: str
    next_url: str
    begun: bool
    diary: bool
    whole_url: str


router = APIRouter(include_in_schema=False)


@router.get(DIARY_GAP_LIST)
def show_gap_list(
    request: SignedInRequest,
    after: BriefQuery = "",
    site: BriefQuery = "",
    q: BriefQuery = "",
    language: BriefQuery = "",
) -> Response:
    chosen = {"site": site, "q": q, "language": language}
    listed = list_diary_gaps_of_sites(request.context, after, GapFilter(site, narrow_text(q), language))
    further = build_address(DIARY_GAP_LIST, {**chosen, "after": listed.after})
    return request.show(
        GapListPage(
            rows=tuple(_line(each) for each in listed.rows),
            today_url=request.frame.within(DESK),
            next_url=request.frame.within(further) if listed.after else "",
            begun=bool(after),
            diary=request.plan.diary is not None,
            whole_url=request.frame.within(DIARY_GAP_LIST) if any(chosen.values()) else "",
        )
    )


def _line(each: DiaryGaps) -> GapLine:
    url = DIARY_GAPS.format(participant=each.participant)
    gaps = (
        GapRow(
            gap.first,
            gap.last,
            gap.days,
            len(gap.entries),
            build_address(url, {"first": gap.first.isoformat()}),
        )
        for gap in each.gaps
    )
    return GapLine(each.subject, url_of_participant(each.participant), each.site, tuple(gaps))
