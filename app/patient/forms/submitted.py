"""What was sent: when, to be read where the study allows it, and asking for a correction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from app.i18n import formats
from app.i18n.languages import find_language
from app.patient.forms.page_builders import name_with_day
from app.patient.forms.questions import print_answer
from app.patient.refusals import PatientRoute
from app.patient.request import ParticipantPost, ParticipantRequest, UnlockedRequest
from app.services.patient.submitted_forms import (
    SubmittedAnswers,
    SubmittedFormSummary,
    get_submitted_answers,
    get_submitted_form,
    list_submitted_forms,
)
from app.services.patient.team_requests import pending_corrections, request_correction


@dataclass(frozen=True, slots=True)
class SubmittedLine:
    """One line of the history; `asked` is when its correction was asked for, "" when it was not."""

    name: str
    sent_at: str
    correct_url: str
    late: bool = False
    read_url: str = ""
    asked: str = ""


@dataclass(frozen=True, slots=True)
class SubmittedPage:
    """Forms already sent, newest first; never their answers."""

    template: ClassVar[str] = "patient/sent.html"
    forms: tuple[SubmittedLine, ...]


@dataclass(frozen=True, slots=True)
class AnswersPage:
    """What was answered in one form, to read only; never scores. `rows`: number, question, answer."""

    template: ClassVar[str] = "patient/answers.html"
    form: SubmittedLine
    lang: str
    rows: tuple[tuple[int, str, str], ...]
    back_url: str
    demonstration: bool
    copyright_line: str = ""


@dataclass(frozen=True, slots=True)
class CorrectionRequestedPage:
    """A correction is asked for: what happens now."""

    template: ClassVar[str] = "patient/asked.html"
    name: str
    sent_at: str
    hours: str
    back_url: str


SENT = "/sent"

router = APIRouter(route_class=PatientRoute, include_in_schema=False)


@router.get("/sent")
def show_submitted(current: UnlockedRequest) -> Response:
    asked = pending_corrections(current.context)
    forms = list_submitted_forms(current.context)
    return current.show(SubmittedPage(tuple(_line(current, form, asked) for form in forms)))


@router.get("/sent/{slot}")
def show_answers(current: UnlockedRequest, slot: str) -> Response:
    sent = get_submitted_answers(current.context, slot)
    return current.show(_answers(current, sent, pending_corrections(current.context)))


@router.post("/sent/{slot}/correction")
def request_form_correction(sent: ParticipantPost, slot: str) -> Response:
    request_correction(sent.current.context, slot)
    return RedirectResponse(f"{SENT}/{slot}/asked", 303)


@router.get("/sent/{slot}/asked")
def show_correction_requested(current: UnlockedRequest, slot: str) -> Response:
    """What happens now; who did not ask is only shown what was sent."""
    form = get_submitted_form(current.context, slot)
    asked = pending_corrections(current.context)
    if form.slot_key not in asked:
        return RedirectResponse(SENT, 303)
    line = _line(current, form, asked)
    return current.show(
        CorrectionRequestedPage(line.name, line.sent_at, current.participant.site.hours, SENT)
    )


def _line(
    current: ParticipantRequest, form: SubmittedFormSummary, asked: Mapping[int, datetime]
) -> SubmittedLine:
    spoken, zone = current.language, current.participant.zone
    moment = asked.get(form.slot_key)
    return SubmittedLine(
        name=name_with_day(form.name, form.for_day, spoken),
        sent_at=formats.format_local_time(form.sent_at, zone, spoken),
        correct_url=f"{SENT}/{form.slot}/correction",
        late=form.late,
        read_url=f"{SENT}/{form.slot}" if form.readable else "",
        asked=formats.format_local_time(moment, zone, spoken) if moment else "",
    )


def _answers(
    current: ParticipantRequest, sent: SubmittedAnswers, asked: Mapping[int, datetime]
) -> AnswersPage:
    rows = []
    for item in sent.instrument.items:
        if item.code in sent.answers:
            value = sent.answers[item.code]
            answer = "" if value is None else print_answer(item, sent.text, value)
            rows.append((item.number, sent.text.items[item.code], answer))
    spoken = find_language(sent.text.lang)
    return AnswersPage(
        form=_line(current, sent.form, asked),
        lang=spoken.tag if spoken else sent.text.lang,
        rows=tuple(rows),
        back_url=SENT,
        demonstration=sent.text.wording == "demonstration",
        copyright_line=sent.text.copyright,
    )
