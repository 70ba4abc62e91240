"""What was sent: when, to be read where the study allows it, and asking for a correction."""

from collections.abc import Mapping
from datetime import datetime

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from app.i18n import formats
from app.i18n.languages import language
from app.patient.person_pages import AnswersPage, AskedPage, SentForm, SentPage
from app.patient.questions import printed_answer
from app.patient.refusals import PatientRoute
from app.patient.views import named
from app.patient.visits import Awake, FormPost, Visit
from app.services import patient_home
from app.services.participant_requests import ask_for_correction, corrections_asked
from app.services.patient_home import SentAnswers, sent_answers, sent_form, sent_forms

SENT = "/sent"

router = APIRouter(route_class=PatientRoute, include_in_schema=False)


@router.get("/sent")
def show_sent(visit: Awake) -> Response:
    asked = corrections_asked(visit.daybook, visit.visitor)
    forms = sent_forms(visit.daybook, visit.visitor)
    return visit.show(SentPage(tuple(_line(visit, form, asked) for form in forms)))


@router.get("/sent/{slot}")
def show_answers(visit: Awake, slot: str) -> Response:
    sent = sent_answers(visit.daybook, visit.visitor, slot)
    return visit.show(_answers(visit, sent, corrections_asked(visit.daybook, visit.visitor)))


@router.post("/sent/{slot}/correction")
def ask_correction(sent: FormPost, slot: str) -> Response:
    ask_for_correction(sent.visit.daybook, sent.visit.visitor, slot, sent.visit.at)
    return RedirectResponse(f"{SENT}/{slot}/asked", 303)


@router.get("/sent/{slot}/asked")
def show_asked(visit: Awake, slot: str) -> Response:
    """What happens now; who did not ask is only shown what was sent."""
    form = sent_form(visit.daybook, visit.visitor, slot)
    asked = corrections_asked(visit.daybook, visit.visitor)
    if form.slot_key not in asked:
        return RedirectResponse(SENT, 303)
    line = _line(visit, form, asked)
    return visit.show(AskedPage(line.name, line.sent_at, visit.visitor.site.hours, SENT))


def _line(visit: Visit, form: patient_home.SentForm, asked: Mapping[int, datetime]) -> SentForm:
    spoken, zone = visit.language, visit.visitor.zone
    moment = asked.get(form.slot_key)
    return SentForm(
        name=named(form.name, form.for_day, spoken),
        sent_at=formats.told(form.sent_at, zone, spoken),
        correct_url=f"{SENT}/{form.slot}/correction",
        late=form.late,
        read_url=f"{SENT}/{form.slot}" if form.readable else "",
        asked=formats.told(moment, zone, spoken) if moment else "",
    )


def _answers(visit: Visit, sent: SentAnswers, asked: Mapping[int, datetime]) -> AnswersPage:
    rows = []
    for item in sent.instrument.items:
        if item.code in sent.answers:
            value = sent.answers[item.code]
            answer = "" if value is None else printed_answer(item, sent.text, value)
            rows.append((item.number, sent.text.items[item.code], answer))
    spoken = language(sent.text.lang)
    return AnswersPage(
        form=_line(visit, sent.form, asked),
        lang=spoken.tag if spoken else sent.text.lang,
        rows=tuple(rows),
        back_url=SENT,
        demonstration=sent.text.wording == "demonstration",
        copyright_line=sent.text.copyright,
    )
