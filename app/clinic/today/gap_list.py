"""Whose diary has days without an entry and without a reason, and the way to where they are explained."""

from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import Response

from app.clinic.frame.addresses import build_address, clear_address
from app.clinic.records.diary_gaps import GapRow
from app.clinic.request import SignedInRequest, url_of_participant
from app.domain.records.access import Permission
from app.domain.typed_text import narrow_text
from app.i18n.languages import language_name
from app.services.clinic.staff_sites import list_reached_sites
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

    `diary`: the study has one. `clear_url` leads to all where only some are shown, "" otherwise.
    """

    template: ClassVar[str] = "clinic/gap_list.html"
    rows: tuple[GapLine, ...]
    today_url: str
    next_url: str
    begun: bool
    diary: bool
    sites: tuple[tuple[str, str], ...]
    languages: tuple[tuple[str, str], ...]
    site: str
    language: str
    search: str
    clear_url: str


router = APIRouter(include_in_schema=False)


@router.get(DIARY_GAP_LIST)
def show_gap_list(
    request: SignedInRequest,
    after: BriefQuery = "",
    site: BriefQuery = "",
    q: BriefQuery = "",
    language: BriefQuery = "",
) -> Response:
    site, q, language = narrow_text(site), narrow_text(q), narrow_text(language)
    chosen = {"site": site, "q": q, "language": language}
    listed = list_diary_gaps_of_sites(request.context, after, GapFilter(site, q, language))
    study, plan, clear = request.study, request.plan, clear_address(DIARY_GAP_LIST)
    reached = list_reached_sites(request.context, study.id, Permission.REASON_RECORD) if study else ()
    further = build_address(DIARY_GAP_LIST, {**chosen, "after": listed.after})
    return request.show(
        GapListPage(
            rows=tuple(_line(row) for row in listed.rows),
            today_url=request.frame.within(DESK),
            next_url=request.frame.within(further) if listed.after else "",
            begun=bool(after),
            diary=plan.diary is not None,
            sites=tuple((site.code, f"{site.code} {site.name}") for site in reached),
            languages=tuple((code, language_name(code)) for code in plan.languages),
            site=site,
            language=language,
            search=q,
            clear_url=request.frame.within(clear) if any(chosen.values()) else "",
        )
    )


def _line(diary: DiaryGaps) -> GapLine:
    url = DIARY_GAPS.format(participant=diary.participant)
    gaps = (
        GapRow(
            gap.first,
            gap.last,
            gap.days,
            len(gap.entries),
            build_address(url, {"first": gap.first.isoformat()}),
        )
        for gap in diary.gaps
    )
    return GapLine(diary.subject, url_of_participant(diary.participant), diary.site, tuple(gaps))
