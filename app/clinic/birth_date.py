"""A birth date that was mistyped, or came with no enrolment: recorded with a reason, and never shown."""

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from fastapi import APIRouter, Form
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from app.clinic.frame.form_faults import NO_FAULTS, FormFaults, find_field, list_faults
from app.clinic.frame.typed_day import TypedDay, read_typed_day
from app.clinic.request import ParticipantStaffRequest, PermittedRequest, url_of_participant
from app.domain.people.names import require_reason
from app.domain.refusal import Refused, check_all
from app.i18n.marking import N_
from app.services.accounts.birth_dates import asks_birth_date, record_birth_date
from app.web.acts import FIELD
from app.web.form_fields import DayPartField, NarrowedAct, VerbatimAct, read_birth_date
from app.web.urls import BIRTH_DATE


@dataclass(frozen=True, slots=True)
class BirthDatePage:
    """Record a participant's birth date, or correct it; the stored digest is never shown."""

    template: ClassVar[str] = "clinic/birth_date.html"
    subject: str
    url: str
    back_url: str
    born_on: TypedDay
    reason: str = ""
    faults: FormFaults = NO_FAULTS


router = APIRouter(include_in_schema=False)

BIRTH_LABELS = {
    "born_on": N_("Date of birth"),
    "birth": N_("Date of birth"),
    "reason": N_("Why it is recorded now (for example: mistyped)"),
}


class BirthDateForm(BaseModel):
    """The form as it is typed; nothing else is taken."""

    model_config = ConfigDict(extra="forbid")
    birth_year: DayPartField = ""
    birth_month: DayPartField = ""
    birth_day: DayPartField = ""
    reason: Annotated[str, Field(max_length=400), VerbatimAct] = ""
    act: Annotated[str, Field(max_length=200), NarrowedAct] = ""


@router.get(BIRTH_DATE)
def show_birth_date_form(request: PermittedRequest) -> Response:
    return request.show(_birth_date_page(request, {}))


@router.post(BIRTH_DATE)
def post_birth_date(request: PermittedRequest, typed: Annotated[BirthDateForm, Form()]) -> Response:
    fields = typed.model_dump(exclude={FIELD})
    page = _birth_date_page(request, fields)
    try:
        check_all(
            request.act.check_texts,
            lambda: read_birth_date(fields),
            lambda: require_reason(page.reason),
        )
        born_on = read_birth_date(fields)
        record_birth_date(request.context, request.participant.participant_id, born_on, page.reason)
    except Refused as refused:
        faults = list_faults(request, refused, BIRTH_LABELS, find=_find_birth_field)
        return request.show(replace(page, faults=faults), refused)
    return request.finish()


def _find_birth_field(refused: Refused) -> str:
    field = find_field(refused, BIRTH_LABELS)
    return "born_on" if field == "birth" else field


def _birth_date_page(request: ParticipantStaffRequest, fields: dict[str, str]) -> BirthDatePage:
    """The form; raises Refused("birth_date_not_asked") in a study that confirms people otherwise."""
    participant = request.participant
    if not asks_birth_date(request.context, participant.study_id):
        raise Refused("birth_date_not_asked")
    return BirthDatePage(
        subject=participant.subject,
        url=BIRTH_DATE.format(participant=participant.public_id),
        back_url=url_of_participant(participant.public_id),
        born_on=read_typed_day(fields, "birth"),
        reason=fields.get("reason", ""),
    )
