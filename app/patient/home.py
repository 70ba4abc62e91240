"""Home: what a participant can fill in now, and what comes next."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from fastapi import APIRouter
from starlette.responses import Response

from app.domain.plans.windows import local_day
from app.i18n import formats
from app.patient.forms.page_builders import name_form, url_of_form
from app.patient.person.home_screen import hint_url
from app.patient.refusals import PatientRoute
from app.patient.request import (
    ParticipantRequest,
    UnlockedRequest,
)
from app.services.patient import home
from app.services.patient.home import get_home
from app.services.patient.urgent_call import UrgentCall, get_urgent_call
from app.web.urls import CALL, LEAVE, MARK, OWN_DIARY


@dataclass(frozen=True, slots=True)
class FormCard:
    """One form that can be filled in now."""

    status: str  # "open" | "due" | "overdue" | "in_progress"
    name: str
    questions: int  # 0 where the answers decide how many there are
    minutes: int  # that are left
    answered: int
    closes: str
    url: str
    helper: str = ""  # who fills it in, where it begins at once: "self", or who types


@dataclass(frozen=True, slots=True)
class HomePage:
    """What is due, soonest closing first; what then; and where to turn.

    `next_today`: the next form opens later today. `reminded`: the study tells them of it. `finished`: they
    completed the study. `call`: whom to call because of an answer of today.
    """

    template: ClassVar[str] = "patient/home.html"
    cards: tuple[FormCard, ...]
    submitted_url: str
    diary_url: str
    settings_url: str
    call_url: str
    next_on: str = ""
    next_today: bool = False
    reminded: bool = False
    finished: bool = False
    notices: tuple[str, ...] = ()  # "pin_set" | "saved" | "language"
    opens_offline: bool = False
    call: UrgentCall | None = None
    give_back_url: str = ""  # on the clinic's tablet: where it is given back
    mark_url: str = ""  # where one's mark is chosen, on a phone of several people, until it is
    hint_url: str = ""  # how to put the pages on the home screen, where nothing else is to be done


router = APIRouter(route_class=PatientRoute, include_in_schema=False)


@router.get("/home")
def show_home(current: UnlockedRequest) -> Response:
    return current.show(home_page(current, get_home(current.context), ""))


@router.get("/home/{news}")
def show_news(current: UnlockedRequest, news: Literal["ready", "saved"]) -> Response:
    return current.show(home_page(current, get_home(current.context), news))


def home_page(current: ParticipantRequest, home: home.HomeOverview, news: str) -> HomePage:
    cards = tuple(
        FormCard(
            status=form.status.value,
            name=name_form(current, form.name, form.occasion),
            questions=form.certain,
            minutes=form.remaining_minutes,
            answered=form.answered,
            closes=formats.format_last_day(form.until_on, current.language),
            url=url_of_form(form.slot),
            helper=form.helper,
        )
        for form in home.due
    )
    notices = {"ready": ("pin_set",), "saved": ("saved",)}.get(news, ())
    zone = current.participant.zone
    return HomePage(
        cards=cards,
        submitted_url="/sent",
        diary_url=OWN_DIARY,
        settings_url="/settings",
        call_url=CALL,
        next_on=formats.format_opening(home.next_at, zone, current.language),
        next_today=home.next_on == local_day(current.context.at, zone),
        reminded=home.reminded,
        finished=home.finished,
        notices=notices,
        opens_offline=current.opens_offline,
        call=get_urgent_call(current.context) if home.urgent else None,
        give_back_url=LEAVE if current.participant.handed_over else "",
        mark_url=MARK if current.frame.mark and not (current.mark and current.mark.chosen) else "",
        hint_url="" if home.due or home.finished else hint_url(current),
    )
