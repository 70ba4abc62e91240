"""What staff call the questions of an instrument: by number and words in their language."""

from collections.abc import Mapping

from app.clinic.request import StaffRequest
from app.domain.instruments.definition import Instrument
from app.domain.plans.plan import Plan
from app.domain.refusal import Refused
from app.i18n.marking import N_

QUESTION = N_("Question %(number)s")
"""A question of which there are no words in the reader's language."""
_NUMBERED = N_("%(number)s. %(words)s")


def list_question_words(request: StaffRequest, study: str, instrument: Instrument) -> Mapping[str, str]:
    """Each question of an instrument by its code."""
    try:
        text = request.installation.get_text(study, instrument, request.frame.code)
    except Refused:
        word = request.translate(QUESTION)
        return {item.code: word % {"number": item.number} for item in instrument.items}
    word = request.translate(_NUMBERED)
    return {
        item.code: word % {"number": item.number, "words": text.name_of(item)} for item in instrument.items
    }


def list_plan_questions(request: StaffRequest, plan: Plan) -> Mapping[str, Mapping[str, str]]:
    """The questions of each instrument of a plan, by its id."""
    library = request.installation.library
    return {
        used.id: list_question_words(request, plan.id, library.get_instrument(used.id, used.version))
        for used in plan.instruments
    }
