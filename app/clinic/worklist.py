"""The work list: whose form is due or overdue."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Annotated, ClassVar
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query
from starlette.responses import RedirectResponse, Response

from app.clinic.frame.navigation import list_menu
from app.clinic.request import SignedInRequest, StaffRequest, url_of_participant
from app.domain.records.access import Permission
from app.domain.records.worklist import Urgency, WorklistCursor
from app.domain.typed_text import narrow_text
from app.i18n.languages import find_language
from app.services.clinic.worklist import (
    Worklist,
    WorklistEntry,
    WorklistFilter,
    get_worklist_overview,
)
from app.services.core.installation import Installation
from app.services.setup.packs import PackStatus, list_pack_statuses, packs_needing_attention
from app.web.urls import DESK


@dataclass(frozen=True, slots=True)
class FilterTab:
    """One choice of a filter, with how many there are (None: not counted)."""

    code: str
    url: str
    current: bool
    count: int | None
    more: bool = False


@dataclass(frozen=True, slots=True)
class WorklistLine:
    """One form that is due; `days` is more than 0 for a participant's diary."""

    status: str
    subject: str
    url: str
    site: str
    form: str
    visit: str
    closes_on: date
    days_left: int
    answered: int
    asked: int
    days: int
    reminded_at: datetime | None
    zone: str


@dataclass(frozen=True, slots=True)
class WorklistPage:
    """Who needs a call."""

    template: ClassVar[str] = "clinic/worklist.html"
    rows: tuple[WorklistLine, ...]
    forms: tuple[FilterTab, ...]
    groups: tuple[FilterTab, ...]
    sites: tuple[tuple[str, str], ...]
    site: str
    search: str
    form: str
    group: str
    next_url: str
    as_of: datetime
    zone: str
    fragment: bool = False
    cannot_get_in: int = 0
    packs: tuple[PackStatus, ...] = ()  # with names for codes
    requests: int = 0


DIARY = "diary"
FORMS = "questionnaires"
_GROUPS = ("", *(group.value for group in Urgency))

_NUMBER = re.compile("[0-9]{1,18}")

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class WorklistQuery:
    """The work list's address: every part may be missing, and an unknown one means nothing special."""

    site: str = ""
    form: str = FORMS
    group: str = ""
    q: str = ""
    after: str = ""

    def url(self, **changes: str) -> str:
        """The address of the same list with some parts changed, from its first page."""
        parts = {"site": self.site, "form": self.form, "group": self.group, "q": self.q} | changes
        return f"{DESK}?{urlencode({name: value for name, value in parts.items() if value})}"

    def filter(self) -> WorklistFilter:
        group = Urgency(self.group) if self.group in _GROUPS[1:] else None
        return WorklistFilter(
            self.site, group, self.form == DIARY, narrow_text(self.q)[:40], _cursor(self.after)
        )


def read_worklist_query(
    site: Annotated[str, Query(max_length=40)] = "",
    form: Annotated[str, Query(max_length=40)] = FORMS,
    group: Annotated[str, Query(max_length=40)] = "",
    q: Annotated[str, Query(max_length=40)] = "",
    after: Annotated[str, Query(max_length=80)] = "",
) -> WorklistQuery:
    return WorklistQuery(site, form, group, q, after)


@router.get(DESK)
def show_worklist(
    desk: SignedInRequest, query: Annotated[WorklistQuery, Depends(read_worklist_query)]
) -> Response:
    first = list_menu(desk.actor)[:1]
    if first and first[0].address != DESK:
        return RedirectResponse(desk.frame.within(first[0].address), 303)
    fragment = bool(desk.request.headers.get("hx-request"))
    overview = get_worklist_overview(desk.context, query.filter(), with_counts=not fragment)
    page = replace(
        _worklist_page(desk, query, overview.worklist, fragment),
        cannot_get_in=overview.sign_in_problems,
        requests=overview.open_requests,
    )
    return desk.show_block(page, "results") if fragment else desk.show(page)


def _worklist_page(
    desk: StaffRequest, query: WorklistQuery, worklist: Worklist, fragment: bool
) -> WorklistPage:
    within = desk.frame.within
    diary = query.filter().diary
    chosen = query.filter().group
    return WorklistPage(
        rows=tuple(_worklist_line(desk.installation, work, desk.frame.code) for work in worklist.rows),
        forms=tuple(
            _tab(
                code, within(query.url(form=code)), diary == (code == DIARY), worklist, code == DIARY, CALLED
            )
            for code in (FORMS, DIARY)
        ),
        groups=tuple(
            _tab(code, within(query.url(group=code)), (chosen or "") == code, worklist, diary, GROUPS[code])
            for code in _GROUPS
            if not (diary and code == Urgency.open)
        ),
        sites=tuple((site.code, f"{site.code} {site.name}") for site in worklist.workplaces),
        site=query.site,
        search=query.q,
        form=query.form,
        group=query.group,
        next_url=within(f"{query.url()}&{urlencode({'after': format_cursor(worklist.next)})}")
        if worklist.next
        else "",
        as_of=desk.at,
        zone=next((site.zone for site in worklist.workplaces), "UTC"),
        fragment=fragment,
        packs=() if fragment else tuple(_pack_notes(desk, worklist)),
    )


def _pack_notes(desk: StaffRequest, worklist: Worklist) -> Iterator[PackStatus]:
    """Licences of instruments that end soon or are missing, for roles that see the trail."""
    if not desk.actor.reach(Permission.TRAIL_SEE):
        return
    for study, version in dict.fromkeys((each.study, each.plan_version) for each in worklist.workplaces):
        for each in packs_needing_attention(list_pack_statuses(desk.installation, study, version, desk.at)):
            instrument = desk.installation.library.instrument(each.instrument, each.version)
            name, spoken = (
                desk.installation.name(study, instrument, desk.frame.code),
                find_language(each.language),
            )
            yield replace(each, instrument=name, language=spoken.name if spoken else each.language)


CALLED = (Urgency.overdue, Urgency.due)
GROUPS = {"": CALLED} | {group.value: (group,) for group in Urgency}


def _tab(
    code: str, url: str, current: bool, worklist: Worklist, diary: bool, groups: tuple[Urgency, ...]
) -> FilterTab:
    counts = [worklist.counts.get((diary, group), 0) for group in groups]
    return FilterTab(code, url, current, sum(counts), more=any(count >= worklist.most for count in counts))


def _worklist_line(installation: Installation, work: WorklistEntry, code: str) -> WorklistLine:
    instrument = installation.library.instrument(work.instrument, work.instrument_version)
    plan = installation.library.plan(work.workplace.study, work.workplace.plan_version)
    return WorklistLine(
        status=work.status.value,
        subject=work.subject,
        url=url_of_participant(work.participant),
        site=work.workplace.name,
        form=plan.form_name(work.instrument, code) or installation.name(plan.id, instrument, code),
        visit=work.visit,
        closes_on=work.closes_on,
        days_left=work.days_left,
        answered=work.answered,
        asked=work.asked,
        days=work.days,
        reminded_at=work.reminded_at,
        zone=work.workplace.zone,
    )


def format_cursor(cursor: WorklistCursor) -> str:
    """The keyset cursor as it stands in an address."""
    return f"{cursor.rank}_{int(cursor.closes_at.timestamp() * 1_000_000)}_{cursor.key}"


def _cursor(text: str) -> WorklistCursor | None:
    parts = text.split("_")
    if len(parts) != 3 or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    rank, moment, key = (int(part) for part in parts)
    try:
        return WorklistCursor(rank, datetime.fromtimestamp(moment / 1_000_000, UTC), key)
    except (ValueError, OverflowError, OSError):
        return None
