"""Today: the work list as a page, and the same as a sheet to call by."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from typing import ClassVar

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from app.clinic.frame.addresses import build_address
from app.clinic.frame.desk_counts import get_desk_counts
from app.clinic.frame.navigation import list_menu
from app.clinic.request import StaffRequest, answer_staff, read_query, url_of_participant
from app.clinic.today.address import (
    LONGEST,
    SNOOZED,
    TodayQuery,
    build_query,
    format_cursor,
    has_filters,
    query_of,
)
from app.domain.desk.arm_blinding import sees_arm
from app.domain.refusal import Refused
from app.domain.today.contacts import ContactOutcome
from app.domain.typed_text import narrow_text
from app.i18n.languages import language_name
from app.services.clinic.staff_sites import StaffSite
from app.services.clinic.today.diary_gap_list import NO_GAPS, GapCount, GapFilter, count_diary_gaps
from app.services.clinic.today.rows import (
    Colleague,
    LatestContact,
    TodayForm,
    TodayReason,
    TodayRow,
    TodaySnooze,
)
from app.services.clinic.today.today_filter import TodayFilter
from app.services.clinic.today.work_list import Today, get_today, get_whole_list
from app.services.setup.packs import PackStatus, list_pack_statuses, packs_needing_attention
from app.web.middleware.plain_route import PlainRoute
from app.web.permissions import CallerKind, mark_guard
from app.web.urls import (
    ALERTS,
    BULK_REMINDERS,
    CALL_SHEET,
    CONTACT_LOG,
    DESK,
    DIARY_GAP_LIST,
    PARTICIPANTS,
    REQUESTS,
    TRAIL,
)


@dataclass(frozen=True, slots=True)
class ReasonTab:
    """One choice of reasons, with how many participants there are; `more`: or more."""

    code: str
    url: str
    current: bool
    count: int
    more: bool


@dataclass(frozen=True, slots=True, eq=False)
class TodayLine:
    """One participant of the list; `remind` is the form of which a reminder can be asked for, "" for none.

    Two are equal only if they are one, so that a page shows again what it showed of it.
    """

    key: str
    subject: str
    url: str
    site: str
    zone: str
    language: str
    reasons: tuple[TodayReason, ...]
    form: TodayForm | None
    form_name: str
    elapsed: int
    target: int
    more_forms: int
    contact: LatestContact | None
    snooze: TodaySnooze | None
    paused_until: date | None
    may_log: bool
    remind: str
    assignee: Colleague | None


@dataclass(frozen=True, slots=True)
class TodayPage:
    """Who needs somebody today, the most urgent first; `offers_reminders`: somebody of them can be reminded.

    `reminds` and `logs`: this colleague may have reminders sent, and log contacts. `requests_url` leads to
    the requests of participants, "" for whom they are not open.
    """

    template: ClassVar[str] = "clinic/today.html"
    rows: tuple[TodayLine, ...]
    offers_reminders: bool
    tabs: tuple[ReasonTab, ...]
    sites: tuple[tuple[str, str], ...]
    languages: tuple[tuple[str, str], ...]
    visits: tuple[tuple[str, str], ...]
    query: TodayQuery
    clear_url: str
    sheet_url: str
    snoozed_url: str
    resting: int
    resting_more: bool
    next_url: str
    as_of: datetime
    zone: str
    corrections: int
    next_opening: datetime | None
    fragment: bool = False
    reminds: bool = False
    logs: bool = False
    requests_url: str = ""
    packs: tuple[PackStatus, ...] = ()  # with names for codes
    orphan_alerts: int = 0  # alerts of people who left, whom no row is about
    orphan_calls: int = 0  # likewise those of them who ask to be called
    alerts_url: str = ""
    gaps: GapCount = NO_GAPS  # participants with unexplained days of the diary
    gaps_url: str = ""
    notice: str = ""
    error: str = ""
    unsent: tuple[tuple[str, str], ...] = ()
    queued: int = 0
    unassigned: tuple[tuple[str, str], ...] = ()
    assigned: int = 0
    colleagues: tuple[tuple[str, str], ...] = ()  # to whom this colleague may assign


@dataclass(frozen=True, slots=True)
class CallSheetPage:
    """The work list on paper, with room for what came of each call."""

    template: ClassVar[str] = "clinic/call_sheet.html"
    rows: tuple[TodayLine, ...]
    outcomes: tuple[str, ...]
    language: str
    query: TodayQuery
    back_url: str
    as_of: datetime
    zone: str
    next_url: str  # "" unless the list is longer than one sheet
    names_site: bool  # there are several


NOTICES = ("contact", "snoozed", "resumed", "reminded", "reminded_all", "assigned")
_FormIdentity = tuple[str, str, str, str]
"""A form by its study, the version of its plan, its instrument and that one's version."""
_BAR = 60
"""The width of a window's bar, in its own units."""

router = APIRouter(include_in_schema=False, route_class=PlainRoute)


@router.get(DESK)
@mark_guard(CallerKind.STAFF)
async def show_today(request: Request) -> Response:
    return await answer_staff(request, _show_today)


def _show_today(request: StaffRequest) -> Response:
    """The list, or where the menu of this colleague begins. Raises Refused("no_role")."""
    typed = read_query(request.http, **LONGEST, after=80)
    query, done = build_query(typed), request.http.query_params.get("done", "")
    if not request.actor.permissions:
        raise Refused("no_role")  # an empty list would say that nobody needs them
    first = list_menu(request.actor)[:1]
    reads = request.offers_route(PARTICIPANTS) and has_filters(request.http)
    if first and first[0].address != DESK and not reads:
        return RedirectResponse(request.frame.within(first[0].address), 303)
    criteria = query.build_filter(typed["after"]) if has_filters(request.http) else None
    fragment = bool(request.http.headers.get("hx-request"))
    page = build_today_page(request, criteria, fragment, done if done in NOTICES else "")
    return request.show_block(page, "results") if fragment else request.show(page)


@router.get(CALL_SHEET)
@mark_guard(CallerKind.STAFF)
async def show_call_sheet(request: Request) -> Response:
    return await answer_staff(request, _show_call_sheet)


def _show_call_sheet(request: StaffRequest) -> Response:
    typed = read_query(request.http, **LONGEST, after=80)
    query = build_query(typed)
    today = get_whole_list(request.context, query.build_filter(typed["after"]))
    further = f"{query.build_url(CALL_SHEET)}&after={format_cursor(today.next)}" if today.next else ""
    page = CallSheetPage(
        rows=_lines(request, today.rows),
        outcomes=tuple(ContactOutcome),
        language=language_name(query.language),
        query=query,
        back_url=request.frame.within(query.build_url()),
        as_of=request.at,
        zone=_zone(today.sites),
        next_url=request.frame.within(further) if further else "",
        names_site=len(today.sites) > 1,
    )
    return request.show(page)


def build_today_page(
    request: StaffRequest,
    criteria: TodayFilter | None = None,
    fragment: bool = False,
    notice: str = "",
    *,
    remembers: bool = True,
) -> TodayPage:
    """The list as it is now, by these filters; without any, by those of the last time.

    `remembers`: they are those of the next time.
    """
    # What is remembered is no part of an act that the request may ask for.
    looking = replace(request.context, act=None)
    viewer = request.staff.staff_id if remembers else None
    within, today = request.frame.within, get_today(looking, criteria, viewer)
    query, rows = query_of(today.criteria), _lines(request, today.rows)
    next_page = f"{query.build_url()}&after={format_cursor(today.next)}" if today.next else ""
    return TodayPage(
        rows=rows,
        offers_reminders=any(row.remind for row in rows),
        tabs=tuple(_tabs(request, query, today)),
        sites=tuple((site.code, f"{site.code} {site.name}") for site in today.sites),
        languages=tuple(_languages(request)),
        visits=tuple(_visits(request, today.sites)),
        query=query,
        clear_url=within(TodayQuery().build_url()),
        sheet_url=within(query.build_url(CALL_SHEET)),
        snoozed_url=within(query.build_url(view=SNOOZED, reason="")),
        resting=today.counts.resting,
        resting_more=today.counts.resting_is_cut,
        next_url=within(next_page) if next_page else "",
        as_of=request.at,
        zone=_zone(today.sites),
        corrections=today.counts.corrections,
        next_opening=today.next_opening,
        fragment=fragment,
        reminds=request.offers_route(BULK_REMINDERS, "POST"),
        logs=request.offers_route(CONTACT_LOG),
        colleagues=tuple([(str(colleague.staff_id), colleague.name) for colleague in today.colleagues]),
        requests_url=within(build_address(REQUESTS, {"site": query.site}))
        if request.offers_route(REQUESTS)
        else "",
        packs=() if fragment else tuple(_pack_notes(request)),
        orphan_alerts=today.counts.orphan_alerts,
        orphan_calls=today.counts.orphan_calls,
        alerts_url=within(build_address(ALERTS, {"site": query.site}))
        if request.offers_route(ALERTS)
        else "",
        gaps=_count_gaps(request, query),
        gaps_url=within(build_address(DIARY_GAP_LIST, _narrowing(query))),
        notice=notice,
    )


def _zone(sites: Sequence[StaffSite]) -> str:
    return next((site.zone for site in sites), "UTC")


def _tabs(request: StaffRequest, query: TodayQuery, today: Today) -> Iterator[ReasonTab]:
    counts = today.counts.by_reason
    shown = query.build_filter()
    every = DESK if not counts else query.build_url(reason="", view="")
    more = bool(today.counts.cut)
    yield ReasonTab(
        "", request.frame.within(every), not (shown.reason or shown.resting), today.counts.every, more
    )
    for reason, count in counts.items():
        if count or shown.reason is reason:
            url = request.frame.within(query.build_url(reason=reason.value, view=""))
            yield ReasonTab(reason.value, url, shown.reason is reason, count, reason in today.counts.cut)


def _languages(request: StaffRequest) -> Iterator[tuple[str, str]]:
    if request.study is None:
        return
    plan = request.installation.library.get_plan(request.study.code, request.study.plan_version)
    for code in plan.languages:
        yield code, language_name(code)


def _visits(request: StaffRequest, sites: Sequence[StaffSite]) -> Iterator[tuple[str, str]]:
    """The visits of the plan by which one may narrow; none that tells a hidden arm."""
    if not sites:
        return
    plan = sites[0].list_plans(request.installation.library)[0]
    sees = sees_arm(request.actor, plan, sites[0].study_id, *(site.site_id for site in sites))
    for rule in plan.visits:
        codes = [rule.code_of(offset) for offset in rule.offsets]
        yield from ((code, code) for code in codes if sees or not plan.reveals_visit(code))


def _narrowing(query: TodayQuery) -> dict[str, str]:
    """What narrows the participants, whatever they stand on the list for."""
    return {"site": query.site, "q": query.q, "language": query.language}


def _count_gaps(request: StaffRequest, query: TodayQuery) -> GapCount:
    """How many of these participants have days of the diary that this colleague can explain."""
    if not request.offers_route(DIARY_GAP_LIST) or query.visit:  # a day of the diary is of no visit
        return NO_GAPS
    looking = replace(request.context, act=None)
    if not query.is_filtered:
        return get_desk_counts(request.http).read(looking, count_diary_gaps)
    return count_diary_gaps(looking, GapFilter(query.site, narrow_text(query.q), query.language))


def _pack_notes(request: StaffRequest) -> Iterator[PackStatus]:
    """Licences of instruments that end soon or are missing, for roles that see the trail."""
    if request.study is None or not request.offers_route(TRAIL):
        return
    study, version = request.study.code, request.study.plan_version
    for pack in packs_needing_attention(list_pack_statuses(request.installation, study, version, request.at)):
        instrument = request.installation.library.get_instrument(pack.instrument, pack.version)
        name = request.installation.name_instrument(study, instrument, request.frame.code)
        yield replace(pack, instrument=name, language=language_name(pack.language))


def _lines(request: StaffRequest, rows: tuple[TodayRow, ...]) -> tuple[TodayLine, ...]:
    return _lines_named(rows, tuple([(form, _name_form(request, *form)) for form in _forms_of(rows)]))


@lru_cache(maxsize=64)
def _forms_of(rows: tuple[TodayRow, ...]) -> tuple[_FormIdentity, ...]:
    """The forms that these rows name, each once."""
    return tuple(dict.fromkeys([form for row in rows if (form := _form_of(row))]))


def _form_of(row: TodayRow) -> _FormIdentity | None:
    if (form := row.form) is None:
        return None
    return row.site.study, form.plan_version, form.instrument, form.instrument_version


@lru_cache(maxsize=64)
def _lines_named(
    rows: tuple[TodayRow, ...], names: tuple[tuple[_FormIdentity, str], ...]
) -> tuple[TodayLine, ...]:
    """The lines of these rows, whose forms have these names; the same ones again for the same rows."""
    of_form: dict[_FormIdentity | None, str] = {None: "", **dict(names)}
    return tuple([_line(row, of_form[_form_of(row)]) for row in rows])


@lru_cache(maxsize=1000)
def _line(row: TodayRow, form_name: str) -> TodayLine:
    form = row.form
    return TodayLine(
        key=row.participant,
        subject=row.subject,
        url=url_of_participant(row.participant),
        site=row.site.name,
        zone=row.zone,
        language=language_name(row.language),
        reasons=row.reasons,
        form=form,
        form_name=form_name,
        elapsed=round(_BAR * form.day / form.days) if form else 0,
        target=round(_BAR * (2 * form.target_day - 1) / (2 * form.days)) if form else 0,
        more_forms=row.more_forms,
        contact=row.contact,
        snooze=row.snooze,
        paused_until=row.paused_until,
        may_log=row.may_log,
        remind=form.key if form and row.may_remind else "",
        assignee=row.assignee,
    )


def _name_form(request: StaffRequest, study: str, plan_version: str, instrument: str, version: str) -> str:
    library, language = request.installation.library, request.frame.code
    name = library.get_plan(study, plan_version).form_name(instrument, language)
    return name or request.installation.name_instrument(
        study, library.get_instrument(instrument, version), language
    )
