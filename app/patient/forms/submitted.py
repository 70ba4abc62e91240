"""What was sent: when, to be read where the study allows it, and asking for a correction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from app.domain.instruments.responses import NOT_TICKED
from app.domain.instruments.text import print_answer, print_highest
from app.domain.plans.plan import Appearance
from app.domain.plans.windows import local_day
from app.domain.refusal import Refused
from app.i18n import formats
from app.i18n.languages import find_language
from app.patient.forms.page_builders import call_because_of, format_optional_day, name_form
from app.patient.forms.questions import name_ticks
from app.patient.refusals import PatientRoute
from app.patient.request import ParticipantPost, ParticipantRequest, UnlockedRequest
from app.services.patient.correction_news import CorrectionNews, CorrectionState, list_correction_news
from app.services.patient.site_help import SiteHelp, get_site_help
from app.services.patient.submitted_forms import (
    SubmittedAnswers,
    SubmittedFormSummary,
    get_submitted_answers,
    get_submitted_form,
    list_submitted_forms,
)
from app.services.patient.team_requests import pending_corrections, request_correction, withdraw_correction
from app.services.patient.urgent_call import UrgentCall
from app.web.acts import STALE
from app.web.refusal_messages import message_of


@dataclass(frozen=True, slots=True)
class SubmittedLine:
    """One line of the history; `requested` is when its correction was asked for, "" when it was not.

    `correct_url` leads to reporting a mistake, `withdraw_url` to withdrawing the report.

    `news` says what became of a correction and `news_day` when, both "" where there is none.
    """

    name: str
    submitted_at: str
    correct_url: str
    withdraw_url: str
    late: bool = False
    read_url: str = ""
    requested: str = ""
    news: str = ""
    news_day: str = ""


@dataclass(frozen=True, slots=True)
class SubmittedPage:
    """Forms already sent, newest first; never their answers. `call`: because of one that was sent today.

    `withdrawn`: a report was just withdrawn.
    """

    template: ClassVar[str] = "patient/sent.html"
    forms: tuple[SubmittedLine, ...]
    call: UrgentCall | None = None
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class SubmittedAnswerRow:
    """One answer as it was sent, "" for one left blank; `most` as of `ReviewRow`."""

    number: int
    question: str
    answer: str
    most: str = ""


@dataclass(frozen=True, slots=True)
class AnswersPage:
    """What was answered in one form, to read and to print, never to change; never scores."""

    template: ClassVar[str] = "patient/answers.html"
    form: SubmittedLine
    lang: str
    rows: tuple[SubmittedAnswerRow, ...]
    receipt: str
    back_url: str
    demonstration: bool
    copyright_line: str = ""
    dark: bool = False  # as the form was


@dataclass(frozen=True, slots=True)
class CorrectionRequestedPage:
    """A correction is asked for: what happens now."""

    template: ClassVar[str] = "patient/asked.html"
    name: str
    submitted_at: str
    site: SiteHelp
    next_on: str  # the day on which the site is there again, "" for today
    back_url: str
    withdraw_url: str


@dataclass(frozen=True, slots=True)
class MistakePage:
    """Reporting a mistake, before anything happens: in which form, when it was sent, and what then."""

    template: ClassVar[str] = "patient/mistake.html"
    name: str
    submitted_at: str
    site: SiteHelp
    next_on: str  # as above
    action_url: str
    cancel_url: str


@dataclass(frozen=True, slots=True)
class MistakeWithdrawalPage:
    """Withdrawing such a report: `state` is "open", "checking" (a correction is proposed) or "closed".

    `error`: why nothing was done.
    """

    template: ClassVar[str] = "patient/mistake_withdrawal.html"
    form: SubmittedLine
    state: str
    cancel_url: str
    error: str = ""


HISTORY_URL = "/sent"

router = APIRouter(route_class=PatientRoute, include_in_schema=False)


@router.get("/sent")
def show_submitted(current: UnlockedRequest, withdrawn: bool = False) -> Response:
    said = _read_requests(current)
    forms = list_submitted_forms(current.context)
    lines = tuple(_line(current, form, said) for form in forms)
    return current.show(SubmittedPage(lines, call_because_of(current, forms), withdrawn))


@router.get("/sent/{slot}")
def show_answers(current: UnlockedRequest, slot: str) -> Response:
    submitted = get_submitted_answers(current.context, slot)
    return current.show(_answers(current, submitted, _read_requests(current)))


@router.get("/sent/{slot}/correction")
def show_correction_form(current: UnlockedRequest, slot: str) -> Response:
    """What will happen, before it is asked for; whoever has asked already is shown that."""
    line, requested = _one_line(current, slot)
    if requested:
        return RedirectResponse(f"{HISTORY_URL}/{slot}/asked", 303)
    site = get_site_help(current.context)
    next_on = format_optional_day(site.next_on, current.language)
    return current.show(
        MistakePage(line.name, line.submitted_at, site, next_on, line.correct_url, HISTORY_URL)
    )


@router.post("/sent/{slot}/correction")
def request_form_correction(post: ParticipantPost, slot: str) -> Response:
    request_correction(post.current.context, slot)
    return post.current.finish()


@router.get("/sent/{slot}/correction/withdrawal")
def show_correction_withdrawal(current: UnlockedRequest, slot: str) -> Response:
    return _show_withdrawal(current, slot)


@router.post("/sent/{slot}/correction/withdrawal")
def withdraw_form_correction(post: ParticipantPost, slot: str) -> Response:
    try:
        withdraw_correction(post.current.context, slot)
    except Refused as refused:
        if refused.code not in STALE | {"request_closed", "correction_under_way"}:
            raise
        return _show_withdrawal(post.current, slot, refused)
    return post.current.finish()


def _show_withdrawal(current: ParticipantRequest, slot: str, refused: Refused | None = None) -> Response:
    line, requested = _one_line(current, slot)
    checking = line.news == CorrectionState.checking
    state = "checking" if checking else "open" if requested else "closed"
    page = MistakeWithdrawalPage(line, state, HISTORY_URL, refused.code if refused else "")
    return current.show(page, message_of(refused).status if refused else 200)


@router.get("/sent/{slot}/asked")
def show_correction_requested(current: UnlockedRequest, slot: str) -> Response:
    """What happens now; who did not ask is only shown what was sent."""
    line, requested = _one_line(current, slot)
    if not requested:
        return RedirectResponse(HISTORY_URL, 303)
    site = get_site_help(current.context)
    next_on = format_optional_day(site.next_on, current.language)
    return current.show(
        CorrectionRequestedPage(line.name, line.submitted_at, site, next_on, HISTORY_URL, line.withdraw_url)
    )


@dataclass(frozen=True, slots=True)
class _Said:
    """What was asked and what was answered about each form, by the key of its slot."""

    requests: Mapping[int, datetime]
    news: Mapping[int, CorrectionNews]


def _read_requests(current: ParticipantRequest) -> _Said:
    return _Said(pending_corrections(current.context), list_correction_news(current.context))


def _one_line(current: ParticipantRequest, slot: str) -> tuple[SubmittedLine, bool]:
    """One's own form that was sent, and whether a request for its correction is open.

    Raises Refused("unknown_slot").
    """
    form, said = get_submitted_form(current.context, slot), _read_requests(current)
    return _line(current, form, said), form.slot_key in said.requests


def _line(current: ParticipantRequest, form: SubmittedFormSummary, said: _Said) -> SubmittedLine:
    spoken, zone = current.language, current.participant.zone
    moment, news = said.requests.get(form.slot_key), said.news.get(form.slot_key)
    return SubmittedLine(
        name=name_form(current, form.name, form.occasion),
        submitted_at=formats.format_local_time(form.submitted_at, zone, spoken),
        correct_url=f"{HISTORY_URL}/{form.slot}/correction",
        withdraw_url=f"{HISTORY_URL}/{form.slot}/correction/withdrawal",
        late=form.late,
        read_url=f"{HISTORY_URL}/{form.slot}" if form.readable else "",
        requested=formats.format_local_time(moment, zone, spoken) if moment else "",
        news=news.state.value if news else "",
        news_day=formats.format_day(local_day(news.at, zone), spoken) if news else "",
    )


def _answers(current: ParticipantRequest, submitted: SubmittedAnswers, said: _Said) -> AnswersPage:
    rows: list[SubmittedAnswerRow] = []
    answers = submitted.answers
    ticked = name_ticks(submitted.instrument.items, submitted.text, answers)
    for item in submitted.instrument.items:
        if answers.get(item.code, NOT_TICKED) == NOT_TICKED:
            continue
        value = answers[item.code]
        answer = "" if value is None else print_answer(item, submitted.text, value)
        names = " · ".join(ticked.values()) if item.lists else ""
        most = print_highest(item, submitted.text, value)
        rows.append(SubmittedAnswerRow(len(rows) + 1, submitted.text.items[item.code], names or answer, most))
    spoken = find_language(submitted.text.lang)
    return AnswersPage(
        form=_line(current, submitted.form, said),
        lang=spoken.tag if spoken else submitted.text.lang,
        rows=tuple(rows),
        receipt=submitted.form.receipt,
        back_url=HISTORY_URL,
        demonstration=submitted.text.wording == "demonstration",
        copyright_line=submitted.text.copyright,
        dark=current.plan.appearance is Appearance.auto,
    )
