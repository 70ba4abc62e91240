"""Participants who cannot sign in: locked out, or never activated."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import Response

from app.clinic.frame.addresses import build_address, format_list_cursor, parse_list_cursor
from app.clinic.request import SignedInRequest, StaffRequest, url_of_participant
from app.domain.plans.windows import local_day
from app.domain.typed_text import narrow_text
from app.services.clinic.sign_in_problems import (
    LockedOut,
    NeverActivated,
    ProblemFilter,
    list_sign_in_problems,
)
from app.web.form_fields import ShortQuery
from app.web.urls import ACCESS


@dataclass(frozen=True, slots=True)
class LockedRow:
    """A participant whose second check is throttled, and until when."""

    subject: str
    url: str
    site: str
    until: datetime
    zone: str


@dataclass(frozen=True, slots=True)
class UnusedRow:
    """A participant who has bound no phone since enrolment."""

    subject: str
    url: str
    site: str
    enrolled_on: date
    days: int


@dataclass(frozen=True, slots=True)
class SignInProblemsPage:
    """Who cannot get in; `after_days` is when an enrolment without a phone appears here.

    `site` narrows both lists to one of `sites`, `locked_url` and `unused_url` lead on in each, "" at its end.
    """

    template: ClassVar[str] = "clinic/access.html"
    locked_out: tuple[LockedRow, ...]
    not_activated: tuple[UnusedRow, ...]
    after_days: int
    sites: tuple[tuple[str, str], ...]
    site: str
    locked_url: str
    unused_url: str


router = APIRouter(include_in_schema=False)


@router.get(ACCESS)
def show_sign_in_problems(
    request: SignedInRequest, site: ShortQuery = "", locked: ShortQuery = "", after: ShortQuery = ""
) -> Response:
    site = narrow_text(site)
    problems = list_sign_in_problems(request.context, ProblemFilter(site, locked, parse_list_cursor(after)))

    def further(**changes: str) -> str:
        chosen = {"site": site, "locked": locked, "after": after} | changes
        return request.frame.within(build_address(ACCESS, chosen)) if all(changes.values()) else ""

    unused = format_list_cursor(problems.more_unused) if problems.more_unused else ""
    page = SignInProblemsPage(
        locked_out=tuple(_locked_row(problem) for problem in problems.locked_out),
        not_activated=tuple(_unused_row(request, problem) for problem in problems.not_activated),
        after_days=problems.after_days,
        sites=tuple((site.code, f"{site.code} {site.name}") for site in problems.sites),
        site=site,
        locked_url=further(locked=problems.more_locked),
        unused_url=further(after=unused),
    )
    return request.show(page)


def _locked_row(person: LockedOut) -> LockedRow:
    url = url_of_participant(person.public_id)
    return LockedRow(person.subject, url, person.site, person.until, person.zone)


def _unused_row(request: StaffRequest, person: NeverActivated) -> UnusedRow:
    days = (local_day(request.at, person.zone) - person.enrolled_on).days
    url = url_of_participant(person.public_id)
    return UnusedRow(person.subject, url, person.site, person.enrolled_on, days)
