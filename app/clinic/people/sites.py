"""The sites of a study: opened, with their telephones and hours, and closed to enrolment."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import Response

from app.clinic.frame.form_faults import NO_FAULTS, FormFaults, list_faults
from app.clinic.people.field_words import FIELD_WORDS
from app.clinic.people.people_list import Typed, read_typed
from app.clinic.request import PostedFields, SignedInRequest, StaffRequest
from app.domain.people.week_hours import WEEKDAYS
from app.domain.refusal import Refused, check_all
from app.services.people.site_desk import (
    ManagedSite,
    SiteDetails,
    check_site_details,
    close_site,
    digest_details,
    get_site_details,
    list_sites,
    open_managed_site,
    reopen_site,
    update_site,
)
from app.services.setup.studies import SiteEntry, check_site_entry
from app.web.form_fields import ActWords, RowNumber
from app.web.urls import SITE, SITE_CLOSING, SITE_REOPENING, SITES

_ZONE = "Asia/Shanghai"
"""The time zone that a new site is offered; another one is typed."""


@dataclass(frozen=True, slots=True)
class SiteRow:
    """One site in the list."""

    site: ManagedSite
    url: str


@dataclass(frozen=True, slots=True)
class SitesPage:
    """The sites of a study, and the form that opens one."""

    template: ClassVar[str] = "clinic/people/sites.html"
    study: str
    rows: tuple[SiteRow, ...]
    values: Typed
    done: str = ""
    faults: FormFaults = NO_FAULTS


@dataclass(frozen=True, slots=True)
class SitePage:
    """One site with all that may be changed; `faults` name the form that was refused.

    `shown` is the digest of what is stored, on which a change rests; `stored` is that, by field, where
    `values` are what was typed.
    """

    template: ClassVar[str] = "clinic/people/site.html"
    site: ManagedSite
    back_url: str
    days: tuple[str, ...]
    shown: str
    values: dict[str, str]
    stored: dict[str, str]
    done: str = ""
    faults: FormFaults = NO_FAULTS


router = APIRouter(include_in_schema=False)


@router.get(SITES)
def show_sites(request: SignedInRequest, done: str = "") -> Response:
    return request.show(_list(request, Typed(zone=_ZONE), done=done))


@router.post(SITES)
def open_new_site(request: SignedInRequest, fields: PostedFields) -> Response:
    values = read_typed(fields)
    entry = SiteEntry(*(values[name] for name in ("code", "name", "phone", "hours", "zone")))
    try:
        check_all(request.act.check_texts, lambda: check_site_entry(entry))
        open_managed_site(request.context, request.study_code, entry)
    except Refused as refused:
        faults = list_faults(request, refused, FIELD_WORDS)
        return request.show(replace(_list(request, values), faults=faults), refused)
    return request.finish()


@router.get(SITE)
def show_site(request: SignedInRequest, site: RowNumber, done: str = "") -> Response:
    return request.show(_page(request, site, done=done))


@router.post(SITE)
def change_site(request: SignedInRequest, site: RowNumber, fields: PostedFields) -> Response:
    values = read_typed(fields)
    details = SiteDetails(
        name=values["name"],
        phone=values["phone"],
        hours=values["hours"],
        emergency_phone=values["emergency_phone"],
        week_hours={day: values[f"hours_{day}"] for day in WEEKDAYS},
    )
    shown, reason = values.pop("shown", ""), values["reason"]

    def act() -> None:
        check_all(request.act.check_texts, lambda: check_site_details(details, reason))
        update_site(request.context, site, details, shown, reason)

    return _do(request, site, "change", values, act)


@router.post(SITE_CLOSING)
def close_to_enrolment(request: SignedInRequest, site: RowNumber, reason: ActWords = "") -> Response:
    return _do(request, site, "close", Typed(why=reason), lambda: close_site(request.context, site, reason))


@router.post(SITE_REOPENING)
def reopen_to_enrolment(request: SignedInRequest, site: RowNumber, reason: ActWords = "") -> Response:
    return _do(request, site, "reopen", Typed(why=reason), lambda: reopen_site(request.context, site, reason))


def _do(request: StaffRequest, site: int, form: str, values: Typed, act: Callable[[], None]) -> Response:
    try:
        act()
    except Refused as refused:
        if refused.code == "unknown_site_number":
            raise
        faults = list_faults(
            request, refused, FIELD_WORDS, form=form, prefix="" if form == "change" else "why-"
        )
        return request.show(replace(_page(request, site, values), faults=faults), refused)
    return request.finish()


def _list(request: StaffRequest, values: Typed, done: str = "") -> SitesPage:
    rows = tuple(
        SiteRow(site, request.frame.within(SITE.format(site=site.site_id)))
        for site in list_sites(request.context, request.study_code)
    )
    return SitesPage(request.study_code, rows, values, done)


def _page(request: StaffRequest, site: int, values: Typed | None = None, done: str = "") -> SitePage:
    stored = get_site_details(request.context, site)
    details = stored.details
    fields = {
        "name": details.name,
        "phone": details.phone,
        "hours": details.hours,
        "emergency_phone": details.emergency_phone,
        **{f"hours_{day}": details.week_hours.get(day, "") for day in WEEKDAYS},
    }
    return SitePage(
        site=stored,
        back_url=request.frame.within(SITES),
        days=WEEKDAYS,
        shown=digest_details(details),
        values={"reason": "", "why": "", **fields, **(values or {})},
        stored=fields,
        done=done,
    )
