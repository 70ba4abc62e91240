"""The two lists: who needs a call, and everybody at one's sites."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from app.clinic.desk import AtDesk, Desk
from app.clinic.pages import PeoplePage, PersonRow, Tab, WorkListPage, WorkRow
from app.domain.access import Permission
from app.domain.window import local_day
from app.i18n.languages import language
from app.services.access_list import access_list
from app.services.installation import Installation
from app.services.packs import PackStanding, standings, unsound
from app.services.participant_page import PEOPLE, activated, people
from app.services.participant_requests import count_requests
from app.services.worklist import Filter, Work, WorkList, work_list, workplaces_of
from app.storage.work import Cursor, Group
from app.web.places import DESK

DIARY = "diary"
FORMS = "questionnaires"
_GROUPS = ("", *(group.value for group in Group))

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Asked:
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

    def filter(self) -> Filter:
        group = Group(self.group) if self.group in _GROUPS[1:] else None
        return Filter(self.site, group, self.form == DIARY, self.q[:40], _cursor(self.after))


def asked(
    site: Annotated[str, Query(max_length=40)] = "",
    form: Annotated[str, Query(max_length=40)] = FORMS,
    group: Annotated[str, Query(max_length=40)] = "",
    q: Annotated[str, Query(max_length=40)] = "",
    after: Annotated[str, Query(max_length=80)] = "",
) -> Asked:
    return Asked(site, form, group, q, after)


@router.get("/desk")
def who_needs_a_call(desk: AtDesk, wanted: Annotated[Asked, Depends(asked)]) -> Response:
    fragment = bool(desk.request.headers.get("hx-request"))
    with desk.daybook.read() as session:
        found = work_list(desk.daybook, session, desk.actor, wanted.filter(), desk.at)
        waiting = 0 if fragment else access_list(session, desk.actor, desk.at).count
        requests = 0 if fragment else count_requests(session, desk.actor)
    page = replace(_work_page(desk, wanted, found, fragment), cannot_get_in=waiting, requests=requests)
    return desk.show_block(page, "results") if fragment else desk.show(page)


@router.get("/desk/participants")
def everybody(
    desk: AtDesk,
    q: Annotated[str, Query(max_length=40)] = "",
    after: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    with desk.daybook.read() as session:
        sites = {place.site_id: place for place in workplaces_of(session, desk.actor)}
        found = people(session, desk.actor, q, after)
        bound = activated(session, found)
    rows = tuple(
        PersonRow(
            subject=each.subject,
            url=f"{DESK}/participants/{each.public_id}",
            site=sites[each.site_id].name,
            language=each.language,
            enrolled_on=local_day(each.enrolled_at, each.zone),
            activated=each.id in bound,
            exit=each.exit_kind.value if each.exit_kind else "",
        )
        for each in found[:PEOPLE]
    )
    more = urlencode({"q": q, "after": rows[-1].subject}) if len(found) > PEOPLE else ""
    return desk.show(PeoplePage(rows, q, f"{DESK}/participants?{more}" if more else ""))


def _work_page(desk: Desk, wanted: Asked, found: WorkList, fragment: bool) -> WorkListPage:
    diary = wanted.filter().diary
    chosen = wanted.filter().group
    return WorkListPage(
        rows=tuple(_work_row(desk.daybook, work, desk.shell.code) for work in found.rows),
        forms=tuple(
            _tab(code, wanted.url(form=code), diary == (code == DIARY), found, code == DIARY, CALLED)
            for code in (FORMS, DIARY)
        ),
        groups=tuple(
            _tab(code, wanted.url(group=code), (chosen or "") == code, found, diary, GROUPS[code])
            for code in _GROUPS
            if not (diary and code == Group.open)
        ),
        sites=tuple((place.code, f"{place.code} {place.name}") for place in found.workplaces),
        site=wanted.site,
        search=wanted.q,
        form=wanted.form,
        group=wanted.group,
        next_url=f"{wanted.url()}&{urlencode({'after': written(found.next)})}" if found.next else "",
        as_of=desk.at,
        zone=next((place.zone for place in found.workplaces), "UTC"),
        fragment=fragment,
        packs=() if fragment else tuple(_pack_notes(desk, found)),
    )


def _pack_notes(desk: Desk, found: WorkList) -> Iterator[PackStanding]:
    """The licences that somebody must see to, for those who answer for the study's conduct."""
    if not desk.actor.reach(Permission.TRAIL_SEE):
        return
    for study, version in dict.fromkeys((each.study, each.plan_version) for each in found.workplaces):
        for each in unsound(standings(desk.daybook, study, version, desk.at)):
            instrument = desk.daybook.library.instrument(each.instrument, each.version)
            name, spoken = desk.daybook.name(study, instrument, desk.shell.code), language(each.language)
            yield replace(each, instrument=name, language=spoken.name if spoken else each.language)


CALLED = (Group.overdue, Group.due)
GROUPS = {"": CALLED} | {group.value: (group,) for group in Group}


def _tab(code: str, url: str, current: bool, found: WorkList, diary: bool, groups: tuple[Group, ...]) -> Tab:
    counts = [found.counts.get((diary, group), 0) for group in groups]
    return Tab(code, url, current, sum(counts), more=any(count >= found.most for count in counts))


def _work_row(daybook: Installation, work: Work, code: str) -> WorkRow:
    instrument = daybook.library.instrument(work.instrument, work.instrument_version)
    return WorkRow(
        status=work.status.value,
        subject=work.subject,
        url=f"{DESK}/participants/{work.participant}",
        site=work.workplace.name,
        form=daybook.name(work.workplace.study, instrument, code),
        visit=work.visit,
        closes_on=work.closes_on,
        days_left=work.days_left,
        answered=work.answered,
        asked=work.asked,
        days=work.days,
        reminded_at=work.reminded_at,
        zone=work.workplace.zone,
    )


def written(cursor: Cursor) -> str:
    """A place in the list as it stands in an address."""
    return f"{cursor.rank}_{int(cursor.closes_at.timestamp() * 1_000_000)}_{cursor.key}"


def _cursor(text: str) -> Cursor | None:
    parts = text.split("_")
    if len(parts) != 3 or not all(part.isdecimal() for part in parts):
        return None
    rank, moment, key = (int(part) for part in parts)
    try:
        return Cursor(rank, datetime.fromtimestamp(moment / 1_000_000, UTC), key)
    except (ValueError, OverflowError, OSError):
        return None
