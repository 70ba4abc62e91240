"""Who needs help with getting in, and a birth date that was mistyped."""

from typing import Annotated

from fastapi import APIRouter, Form
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from app.clinic.access_pages import AccessPage, LockedRow, UnusedRow
from app.clinic.desk import AtDesk, Desk
from app.clinic.enrol_pages import BirthDatePage
from app.clinic.participant import allowed, done
from app.domain.access import Permission
from app.domain.plan import SecondCheck
from app.domain.refusal import Refused
from app.domain.window import local_day
from app.services.access_list import UNUSED, access_list
from app.services.birth_dates import record_birth_date
from app.services.scheduling import plan_of
from app.services.worklist import workplaces_of
from app.storage.people import Participant
from app.web.places import ACCESS, DESK
from app.web.typed_dates import typed_birth_date

router = APIRouter(include_in_schema=False)
Short = Annotated[str, Field(max_length=10)]


class BirthDateForm(BaseModel):
    """The form as it is typed; nothing else is taken."""

    model_config = ConfigDict(extra="forbid")
    birth_year: Short = ""
    birth_month: Short = ""
    birth_day: Short = ""
    reason: Annotated[str, Field(max_length=400)] = ""


@router.get(ACCESS)
def who_cannot_get_in(desk: AtDesk) -> Response:
    with desk.daybook.read() as session:
        sites = {place.site_id: place.name for place in workplaces_of(session, desk.actor)}
        found = access_list(session, desk.actor, desk.at)
    page = AccessPage(
        locked_out=tuple(
            LockedRow(
                each.participant.subject,
                _url(each.participant),
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


@router.get(DESK + "/participants/{participant}/birth-date")
def ask_birth_date(desk: AtDesk, participant: str) -> Response:
    return desk.show(_birth_date_page(desk, participant, {}))


@router.post(DESK + "/participants/{participant}/birth-date")
def take_birth_date(desk: AtDesk, participant: str, typed: Annotated[BirthDateForm, Form()]) -> Response:
    fields = typed.model_dump()
    page = _birth_date_page(desk, participant, fields)
    try:
        born_on = typed_birth_date(fields)
        record_birth_date(desk.daybook, desk.actor, participant, born_on, page.reason, desk.at)
    except Refused as refused:
        return desk.show(_birth_date_page(desk, participant, fields, refused), refused)
    return done(participant, "birth_date")


def _birth_date_page(
    desk: Desk, participant: str, fields: dict[str, str], refused: Refused | None = None
) -> BirthDatePage:
    """The form; raises Refused("birth_date_not_asked") in a study that confirms people otherwise."""
    found = allowed(desk, participant, Permission.PARTICIPANT_ENROL)
    with desk.daybook.read() as session:
        if plan_of(desk.daybook, session, found.study_id).second_check is not SecondCheck.birth_date:
            raise Refused("birth_date_not_asked")
    return BirthDatePage(
        subject=found.subject,
        url=f"{_url(found)}/birth-date",
        back_url=_url(found),
        values=fields,
        reason=fields.get("reason", ""),
        field=str(refused.details.get("field", "")) if refused else "",
        error=desk.words(refused) if refused else "",
    )


def _unused(desk: Desk, participant: Participant, site: str) -> UnusedRow:
    enrolled_on = local_day(participant.enrolled_at, participant.zone)
    days = (local_day(desk.at, participant.zone) - enrolled_on).days
    return UnusedRow(participant.subject, _url(participant), site, enrolled_on, days)


def _url(participant: Participant) -> str:
    return f"{DESK}/participants/{participant.public_id}"
