"""From what the use cases tell to the pages of a participant; here dates and codes become words."""

from collections.abc import Collection, Mapping
from datetime import date

from app.domain.answers import Value, asked, urgent
from app.domain.plan import Appearance
from app.i18n import formats
from app.i18n.languages import ENGLISH, Language, language
from app.patient.form_assets import FormAssets
from app.patient.pages import (
    BeginPage,
    Card,
    DonePage,
    FormPage,
    HomePage,
    ReviewPage,
    ReviewRow,
)
from app.patient.questions import printed_answer, questions, recalled, written_answer
from app.patient.visits import Visit
from app.services import patient_home
from app.services.capture import Definition, Form


def form_url(slot: str) -> str:
    return f"/f/{slot}"


def home_page(visit: Visit, home: patient_home.Home, news: str) -> HomePage:
    cards = tuple(
        Card(
            status=form.status.value,
            name=named(form.name, form.for_day, visit.language),
            questions=form.questions,
            minutes=form.minutes,
            answered=form.answered,
            closes=formats.day(form.until_on, visit.language),
            url=form_url(form.slot),
        )
        for form in home.due
    )
    notices = {"ready": ("pin_set",), "saved": ("saved",)}.get(news, ())
    next_on = on_day(home.next_on, visit.language)
    return HomePage(
        cards=cards,
        sent_url="/sent",
        settings_url="/settings",
        call_url="/help#call",
        next_on=next_on,
        reminded=home.reminded,
        finished=home.finished,
        notices=notices,
        opens_offline=visit.opens_offline,
    )


def begin_page(visit: Visit, form: Form, error: str = "", who: str = "") -> BeginPage:
    count = len(form.instrument.items) - len(form.leave_out)
    return BeginPage(
        name=named(form.text.name, form.slot.for_day, visit.language),
        lang=_tag(form),
        instruction=form.text.instruction,
        questions=count,
        minutes=patient_home.minutes(count),
        begin_url=f"{form_url(form.slot.public_id)}/begin",
        demonstration=_demonstration(form),
        error=error,
        who=who,
        asks_late_reason=form.asks_late_reason,
        recalls=recalled(form.instrument, form.text, form.leave_out),
        copyright_line=form.text.copyright,
    )


def form_page(
    form: Form,
    assets: FormAssets,
    answers: Mapping[str, Value],
    missing: Collection[str] = (),
    invalid: Collection[str] = (),
) -> FormPage:
    """The whole form; `answers` are those to show, which may be more than the draft holds."""
    url = form_url(form.slot.public_id)
    return FormPage(
        name=form.text.name,
        lang=_tag(form),
        instruction=form.text.instruction,
        questions=questions(form.instrument, form.text, answers, form.leave_out, form.marks),
        form_url=url,
        submit_url=f"{url}/submit",
        submission_id=form.client,
        revision=form.revision,
        demonstration=_demonstration(form),
        day=on_day(form.slot.for_day, _spoken(form)),
        mark=assets.mark,
        css=assets.css_auto if form.plan.appearance is Appearance.auto else assets.css,
        dark=form.plan.appearance is Appearance.auto,
        runner=assets.runner,
        key=form.key,
        copyright_line=form.text.copyright,
        urgent_text=form.urgent_words,
        missing=tuple(missing),
        invalid=tuple(invalid),
    )


def review_page(form: Form, answers: Mapping[str, Value]) -> ReviewPage:
    url = form_url(form.slot.public_id)
    rows = []
    for number, item in enumerate(asked(form.instrument, answers, form.leave_out), start=1):
        value = answers[item.code]
        rows.append(
            ReviewRow(
                code=item.code,
                number=number,
                text=form.text.items[item.code],
                answer="" if value is None else printed_answer(item, form.text, value),
                value="" if value is None else written_answer(item, value),
                blank=value is None,
                change_url=f"{url}#s-{item.code}",
            )
        )
    return ReviewPage(
        name=form.text.name,
        lang=_tag(form),
        rows=tuple(rows),
        submit_url=f"{url}/submit",
        submission_id=form.client,
        revision=form.revision,
        form_url=url,
        demonstration=_demonstration(form),
        day=on_day(form.slot.for_day, _spoken(form)),
        urgent=bool(urgent(form.instrument, answers, form.marks)),
        urgent_text=form.urgent_words,
        copyright_line=form.text.copyright,
    )


def done_page(visit: Visit, sent: patient_home.SentForm, ahead: patient_home.Outlook) -> DonePage:
    return DonePage(
        name=named(sent.name, sent.for_day, visit.language),
        sent_at=formats.told(sent.sent_at, visit.visitor.zone, visit.language),
        receipt=sent.receipt,
        next_on=on_day(ahead.next_on, visit.language),
        more=ahead.more,
        late=sent.late,
    )


def named(name: str, for_day: date | None, spoken: Language) -> str:
    """A form's name; a diary entry's with its day."""
    return f"{name} · {formats.short_day(for_day, spoken)}" if for_day else name


def on_day(day: date | None, spoken: Language) -> str:
    return formats.day(day, spoken) if day else ""


def _spoken(form: Definition) -> Language:
    return language(form.text.lang) or ENGLISH


def _tag(form: Definition) -> str:
    spoken = language(form.text.lang)
    return spoken.tag if spoken else form.text.lang


def _demonstration(form: Definition) -> bool:
    return form.text.wording == "demonstration"
