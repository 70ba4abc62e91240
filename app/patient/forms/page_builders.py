"""From what the use cases tell to the pages of a participant; here dates and codes become words."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from types import MappingProxyType

from app.domain.instruments.duration import count_certain, count_questions, estimate_minutes
from app.domain.instruments.reserved_codes import TICK_PREFIX
from app.domain.instruments.responses import (
    NOT_TICKED,
    AnswerValue,
    applicable_items,
    clear_unticked,
    format_answer,
)
from app.domain.instruments.text import print_answer, print_highest
from app.domain.plans.occasions import FormOccasion
from app.domain.plans.plan import Appearance
from app.domain.plans.windows import Unit
from app.i18n import formats
from app.i18n.languages import ENGLISH, Language, find_language
from app.i18n.marking import N_
from app.patient.forms.assets import FormAssets
from app.patient.forms.pages import BeginPage, DonePage, FormPage, ReviewPage, ReviewRow
from app.patient.forms.questions import build_questions, list_recalls, name_ticks
from app.patient.request import ParticipantRequest
from app.services.capture.forms import BY_ONESELF, FormDefinition, OpenForm
from app.services.patient import home
from app.services.patient.submitted_forms import SubmittedFormSummary, has_urgent_answers
from app.services.patient.urgent_call import NUMBER_ON_SHEET, UrgentCall, get_urgent_call, is_today
from app.web.pages.rendering import Pages


def url_of_form(slot: str) -> str:
    return f"/f/{slot}"


def begin_page(
    current: ParticipantRequest, form: OpenForm, error: str = "", filled_by: str = ""
) -> BeginPage:
    return BeginPage(
        name=name_form(current, form.name, form.occasion),
        lang=_tag(form),
        instruction=form.text.instruction,
        questions=count_certain(form.instrument, form.leave_out),
        minutes=estimate_minutes(count_questions(form.instrument, form.leave_out)),
        begin_url=f"{url_of_form(form.slot.public_id)}/begin",
        demonstration=_demonstration(form),
        error=error,
        who=filled_by,
        asks_late_reason=form.asks_late_reason,
        recalls=list_recalls(form.instrument, form.text, form.leave_out),
        copyright_line=form.text.copyright,
        dark=form.plan.appearance is Appearance.auto,
    )


def form_page(
    form: OpenForm,
    assets: FormAssets,
    answers: Mapping[str, AnswerValue],
    call: UrgentCall = NUMBER_ON_SHEET,
    missing: Collection[str] = (),
    invalid: Mapping[str, str] = MappingProxyType({}),
) -> FormPage:
    """The whole form; `answers` are those to show, which may be more than the draft holds.

    `call` is whom an urgent answer calls now. `invalid` is what was typed where no possible answer stands.
    """
    url, dark = url_of_form(form.slot.public_id), form.plan.appearance is Appearance.auto
    questions = build_questions(form.instrument, form.text, answers, form.leave_out, form.marks, invalid)
    return FormPage(
        name=form.name,
        lang=_tag(form),
        instruction=form.text.instruction,
        questions=questions,
        form_url=url,
        submit_url=f"{url}/submit",
        submission_id=form.client,
        revision=form.revision,
        demonstration=_demonstration(form),
        day=form_day(form),
        parts=assets.build_parts(questions, dark=dark),
        dark=dark,
        key=form.key,
        copyright_line=form.text.copyright,
        call=call,
        helper=helper_of(form),
        missing=tuple(missing),
        invalid=tuple(invalid),
        aloud=form.plan.reads_aloud and form.text.read_aloud,
    )


def review_page(
    current: ParticipantRequest, form: OpenForm, answers: Mapping[str, AnswerValue]
) -> ReviewPage:
    url = url_of_form(form.slot.public_id)
    answers = clear_unticked(form.instrument, answers, form.leave_out)
    ticked = name_ticks(form.items, form.text, answers)
    applicable = applicable_items(form.instrument, answers, form.leave_out)
    shown = (item for item in applicable if item.tick is None and answers[item.code] != NOT_TICKED)
    rows = []
    for number, item in enumerate(shown, start=1):
        value = answers[item.code]
        names = ticked if item.lists else {}
        words = "" if value is None else print_answer(item, form.text, value)
        rows.append(
            ReviewRow(
                code=item.code,
                number=number,
                text=form.text.items[item.code],
                answer=" · ".join(names.values()) or words,
                value=format_answer(item, value),
                blank=value is None,
                change_url=f"{url}#s-{item.code}",
                most=print_highest(item, form.text, value),
                ticks=tuple(TICK_PREFIX + code for code in names),
            )
        )
    return ReviewPage(
        name=form.name,
        lang=_tag(form),
        rows=tuple(rows),
        submit_url=f"{url}/submit",
        submission_id=form.client,
        revision=form.revision,
        form_url=url,
        demonstration=_demonstration(form),
        day=form_day(form),
        call=get_urgent_call(current.context) if has_urgent_answers(form, answers) else None,
        helper=helper_of(form),
        copyright_line=form.text.copyright,
        dark=form.plan.appearance is Appearance.auto,
    )


def done_page(current: ParticipantRequest, form: SubmittedFormSummary, ahead: home.NextForms) -> DonePage:
    return DonePage(
        name=name_form(current, form.name, form.occasion),
        submitted_at=formats.format_local_time(form.submitted_at, current.participant.zone, current.language),
        receipt=form.receipt,
        next_on=formats.format_opening(ahead.next_at, current.participant.zone, current.language),
        more=ahead.more,
        late=form.late,
        call=call_because_of(current, (form,)),
        start_url=url_of_form(ahead.first.slot.public_id) if ahead.first else "",
        start_name=name_form(current, ahead.first.name, ahead.first.occasion) if ahead.first else "",
        dark=current.plan.appearance is Appearance.auto,
    )


def call_because_of(current: ParticipantRequest, forms: Iterable[SubmittedFormSummary]) -> UrgentCall | None:
    """Whom to call now because of one of these forms, if it was sent today."""
    urgent = any(form.urgent and is_today(current.context, form.submitted_at) for form in forms)
    return get_urgent_call(current.context) if urgent else None


_COUNTED = {
    Unit.days: N_("Day %(number)s"),
    Unit.weeks: N_("Week %(number)s"),
    Unit.months: N_("Month %(number)s"),
}
_START = N_("At the start")


def name_form(current: ParticipantRequest, name: str, occasion: FormOccasion) -> str:
    """A form's name with the occasion that tells it from others; a diary entry's is its day."""
    occasion_words = _word(current, occasion)
    return f"{name} · {occasion_words}" if occasion_words else name


def _word(current: ParticipantRequest, occasion: FormOccasion) -> str:
    if occasion.day is not None:
        return formats.format_short_day(occasion.day, current.language)
    if occasion.unit is None:
        return occasion.words
    pages: Pages = current.request.app.state.pages
    sentence = _COUNTED[occasion.unit] if occasion.number else _START
    return pages.translate(sentence, current.frame) % {"number": occasion.number}


def format_optional_day(day: date | None, spoken: Language) -> str:
    return formats.format_day(day, spoken) if day else ""


def helper_of(form: FormDefinition) -> str:
    """Who fills in a form that begins with a list: `BY_ONESELF`, or who types; "" for other forms."""
    return (form.slot.helped_by or BY_ONESELF) if form.instrument.list_item else ""


def form_day(form: FormDefinition) -> str:
    """The day that a diary entry is about, in the form's own language; "" for other forms."""
    return format_optional_day(form.slot.for_day, find_language(form.text.lang) or ENGLISH)


def _tag(form: FormDefinition) -> str:
    spoken = find_language(form.text.lang)
    return spoken.tag if spoken else form.text.lang


def _demonstration(form: FormDefinition) -> bool:
    return form.text.wording == "demonstration"
