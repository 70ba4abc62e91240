"""What a participant sets: text size and reminders. Each form saves one thing and says so."""

from collections.abc import Mapping
from datetime import date
from typing import Literal

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from app.domain.plan import SecondCheck
from app.domain.refusal import Refused
from app.i18n import formats
from app.patient.person_pages import Reminders, SettingsPage
from app.patient.refusals import PatientRoute
from app.patient.tokens import others_of
from app.patient.visits import Awake, FormPost, Visit
from app.services.preferences import (
    HOURS,
    choose_hour,
    choose_reminders,
    choose_text_size,
    pause_reminders,
    reminding,
)
from app.web.places import SETTINGS, SETTINGS_SAVED

router = APIRouter(route_class=PatientRoute, include_in_schema=False)


@router.get("/settings")
def show_settings(visit: Awake) -> Response:
    return visit.show(_page(visit))


@router.get("/settings/saved/{what}")
def show_saved(
    visit: Awake, what: Literal["language", "text_size", "reminders", "hour", "pause"]
) -> Response:
    return visit.show(_page(visit, what))


@router.post("/settings/text-size")
def set_text_size(sent: FormPost) -> Response:
    choose_text_size(sent.visit.daybook, sent.visit.visitor, sent.fields.get("size", ""), sent.visit.at)
    return _saved("text_size")


@router.post("/settings/reminders")
def set_reminders(sent: FormPost) -> Response:
    wanted = sent.fields.get("wanted", "")
    if wanted not in ("yes", "no"):
        raise Refused("unknown_choice", field="wanted", allowed=("yes", "no"))
    choose_reminders(sent.visit.daybook, sent.visit.visitor, wanted == "yes", sent.visit.at)
    return _saved("reminders")


@router.post("/settings/reminders/hour")
def set_hour(sent: FormPost) -> Response:
    choose_hour(sent.visit.daybook, sent.visit.visitor, sent.fields.get("hour", ""), sent.visit.at)
    return _saved("hour")


@router.post("/settings/reminders/pause")
def set_pause(sent: FormPost) -> Response:
    pause_reminders(sent.visit.daybook, sent.visit.visitor, _until(sent.fields), sent.visit.at)
    return _saved("pause")


def _until(fields: Mapping[str, str]) -> date | None:
    text = fields.get("until", "")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as bad:
        raise Refused("bad_date", field="until", allowed="YYYY-MM-DD") from bad


def _saved(what: str) -> Response:
    return RedirectResponse(f"{SETTINGS_SAVED}/{what}", 303)


def _page(visit: Visit, saved: str = "") -> SettingsPage:
    spoken = visit.language
    now = reminding(visit.daybook, visit.visitor, visit.at)
    reminders = Reminders(
        channel=now.channel,
        address=now.address,
        wanted=now.wanted,
        hour=now.hour,
        usual=(f"{now.usual:%H:%M}", f"{now.usual_diary:%H:%M}"),
        hours=tuple((hour, hour) for hour in HOURS),
        paused_until=formats.day(now.paused_until, spoken) if now.paused_until else "",
        pauses=tuple((day.isoformat(), formats.day(day, spoken)) for day in now.pauses),
    )
    return SettingsPage(
        leave_url=f"{SETTINGS}/leave",
        size=visit.visitor.text_size.value,
        reminders=reminders,
        saved=saved,
        changes_pin=visit.visitor.second_check is SecondCheck.pin,
        shared=bool(others_of(visit.request)),
    )
