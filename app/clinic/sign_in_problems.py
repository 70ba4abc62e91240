"""Participants who cannot sign in: locked out, or never activated."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import Response

from app.clinic.request import SignedInRequest, StaffRequest, url_of_participant
from app.domain.plans.windows import local_day
from app.services.clinic.sign_in_problems import UNUSED, list_sign_in_problems
from app.services.clinic.worklist import list_staff_sites
from app.storage.tables.participants import Participant
from app.web.urls import ACCESS


@dataclass(frozen=True, slots=True)
class LockedRow:
    """Somebody whose tries are used up, and until when."""

    subject: str
    url: str
    site: str
    until: datetime
    zone: str


@dataclass(frozen=True, slots=True)
class UnusedRow:
    """Somebody who has bound no phone since they were enrolled."""

    subject: str
    url: str
    site: str
    enrolled_on: date
    days: int


@dataclass(frozen=True, slots=True)
class SignInProblemsPage:
    """Who cannot get in; `after_days` is when an enrolment without a phone appears here."""

    template: ClassVar[str] = "clinic/access.html"
    locked_out: tuple[LockedRow, ...]
    not_activated: tuple[UnusedRow, ...]
    after_days: int


router = APIRouter(include_in_schema=False)


@router.get(ACCESS)
def show_sign_in_problems(desk: SignedInRequest) -> Response:
    with desk.installation.read() as session:
        sites = {place.site_id: place.name for place in list_staff_sites(session, desk.actor)}
        found = list_sign_in_problems(session, desk.actor, desk.at)
    page = SignInProblemsPage(
        locked_out=tuple(
            LockedRow(
                each.participant.subject,
                url_of_participant(each.participant.public_id),
                sites[each.participant.site_id],
                each.until,
                each.participant.zone,
            )
            for each in found.locked_out
        ),
        not_activated=tuple(_unused(desk, each, sites[each.site_id]) for each in found.not_activated),
        after_days=UNUSED.days,
    )
    return desk.show(page)


def _unused(desk: StaffRequest, participant: Participant, site: str) -> UnusedRow:
    enrolled_on = local_day(participant.enrolled_at, participant.zone)
    days = (local_day(desk.at, participant.zone) - enrolled_on).days
    return UnusedRow(participant.subject, url_of_participant(participant.public_id), site, enrolled_on, days)
