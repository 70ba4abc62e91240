"""What a participant sets: text size and reminders. Each form saves one thing and says so."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import ClassVar, Literal

from fastapi import APIRouter
from starlette.responses import Response

from app.domain.plans.plan import SecondCheck
from app.domain.refusal import Refused
from app.domain.typed_text import parse_day
from app.i18n import formats
from app.patient.refusals import PatientRoute
from app.patient.request import FormPost, ParticipantPost, ParticipantRequest, UnlockedRequest
from app.services.core.acts import get_newest_entry
from app.services.core.context import ParticipantContext
from app.services.patient.text_size import choose_text_size
from app.services.reminders.own_address import get_own_address
from app.services.reminders.reminder_settings import (
    HOURS,
    choose_hour,
    choose_reminders,
    get_reminder_settings,
    pause_reminders,
)
from app.web.acts import STALE
from app.web.cookies import other_tokens
from app.web.form_fields import read_field
from app.web.refusal_messages import message_of
from app.web.urls import (
    CALL,
    LEAVE,
    OWN_ADDRESS,
    REMINDER_HOUR,
    REMINDER_PAUSE,
    REMINDERS,
    SETTINGS,
    SETTINGS_SAVED,
    TEXT_SIZE,
)


@dataclass(frozen=True, slots=True)
class ReminderChoices:
    """How somebody is reminded; `channel` is "" where no address is on file.

    At `address_url` they enter one themselves; "" where they may not, or no message could be sent.

    `hours` and `pauses` are what can be chosen, each with its words; `usual` are the plan's hours, of
    questionnaires and of the diary.
    """

    channel: str
    address: str
    address_url: str
    reminds: bool
    hour: str
    usual: tuple[str, str]
    hours: tuple[tuple[str, str], ...]
    paused_until: str
    pauses: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SettingsPage:
    """Language, text size, reminders and this phone; every form on it saves one thing at once."""

    template: ClassVar[str] = "patient/settings.html"
    leave_url: str
    call_url: str
    size: str  # "standard" | "large" | "extra_large"
    reminders: ReminderChoices
    saved: str = ""  # "" | "language" | "text_size" | "reminders" | "hour" | "pause" | "address"
    changes_pin: bool = True
    shared: bool = False
    error: str = ""  # why nothing was saved


router = APIRouter(route_class=PatientRoute, include_in_schema=False)


@router.get(SETTINGS)
def show_settings(current: UnlockedRequest) -> Response:
    return _show(current)


@router.get(SETTINGS_SAVED + "/{what}")
def show_saved(
    current: UnlockedRequest,
    what: Literal["language", "text_size", "reminders", "hour", "pause", "address"],
) -> Response:
    return _show(current, what)


@router.post(TEXT_SIZE)
def set_text_size(post: ParticipantPost) -> Response:
    return _save(post, lambda context: choose_text_size(context, post.fields.get("size", "")))


@router.post(REMINDERS)
def set_reminders(post: ParticipantPost) -> Response:
    choice = post.fields.get("wanted", "")
    if choice not in ("yes", "no"):
        raise Refused("unknown_choice", field="wanted", allowed=("yes", "no"))
    return _save(post, lambda context: choose_reminders(context, choice == "yes"))


@router.post(REMINDER_HOUR)
def set_reminder_hour(post: ParticipantPost) -> Response:
    return _save(post, lambda context: choose_hour(context, post.fields.get("hour", "")))


@router.post(REMINDER_PAUSE)
def set_reminder_pause(post: ParticipantPost) -> Response:
    until = _until(post.fields)
    return _save(post, lambda context: pause_reminders(context, until))


def _until(fields: Mapping[str, str]) -> date | None:
    text = read_field(fields, "until")
    return parse_day(text, "until") if text else None


def _save(post: FormPost, change: Callable[[ParticipantContext], None]) -> Response:
    """Save one setting; where the page is out of date, the settings as they are now are shown."""
    try:
        change(post.current.context)
    except Refused as refused:
        if refused.code not in STALE:
            raise
        return _show(post.current, refused=refused)
    return post.current.finish()


def _show(current: ParticipantRequest, saved: str = "", refused: Refused | None = None) -> Response:
    seen = get_newest_entry(current.context)
    page = replace(_page(current, saved), error=refused.code if refused else "")
    return current.show(page, message_of(refused).status if refused else 200, seen=seen)


def _page(current: ParticipantRequest, saved: str = "") -> SettingsPage:
    spoken = current.language
    now = get_reminder_settings(current.context)
    own = get_own_address(current.context, current.request.app.state.sender)
    reminders = ReminderChoices(
        channel=now.channel,
        address=now.address,
        address_url=OWN_ADDRESS if own.may_enter else "",
        reminds=now.reminds,
        hour=now.hour,
        usual=(f"{now.usual:%H:%M}", f"{now.usual_diary:%H:%M}"),
        hours=tuple((hour, hour) for hour in HOURS),
        paused_until=formats.format_day(now.paused_until, spoken) if now.paused_until else "",
        pauses=tuple((day.isoformat(), formats.format_day(day, spoken)) for day in now.pauses),
    )
    return SettingsPage(
        leave_url=LEAVE,
        call_url=CALL,
        size=current.participant.text_size.value,
        reminders=reminders,
        saved=saved,
        changes_pin=current.participant.second_check is SecondCheck.pin,
        shared=bool(other_tokens(current.request)),
    )
