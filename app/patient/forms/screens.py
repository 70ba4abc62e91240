"""Every screen of an instrument as a page, for pictures that its copyright holder reviews (CAP-02)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from app.domain.capture.outbox import item_tokens
from app.domain.instruments.definition import Instrument, Item
from app.domain.instruments.duration import count_certain, count_questions, estimate_minutes
from app.domain.instruments.responses import (
    NOT_TICKED,
    OPEN,
    AnswerValue,
    condition_holds,
    without_unasked,
)
from app.domain.instruments.text import InstrumentText
from app.domain.plans.plan import Plan
from app.i18n.languages import ENGLISH, find_language
from app.patient.forms.assets import FormAssets
from app.patient.forms.page_builders import form_page
from app.patient.forms.pages import BeginPage
from app.services.capture.forms import OpenForm
from app.web.pages.rendering import Page


@dataclass(frozen=True, slots=True)
class Screen:
    """One screen: its name, the item that it asks ("" for begin and review), and the page to show."""

    name: str
    item: str
    page: Page


@dataclass(frozen=True, slots=True)
class _ScreenSlot:
    """The slot of a form that is nobody's and is never stored."""

    plan_version: str
    instrument: str
    instrument_version: str
    public_id: str = "screen"
    begun_at: datetime | None = None
    visit: str = ""
    for_day: date | None = None
    helped_by: str | None = None
    target_on: date | None = None


def list_screens(
    instrument: Instrument, text: InstrumentText, plan: Plan, assets: FormAssets
) -> Iterator[Screen]:
    """The first page, each item whether always asked or not, and the check before sending.

    An item's page is the whole form with answers at which the runner opens there; one that its tick answers
    has none. `plan` lends the settings of a study, but leaves no item out.
    """
    yield Screen("begin", "", _begin(instrument, text))
    for item in (item for item in instrument.items if item.tick is None):
        page = form_page(_form(instrument, text, plan), assets, answers_leading_to(instrument, item))
        yield Screen(item.code, item.code, page)
    yield Screen("review", "", form_page(_form(instrument, text, plan), assets, complete_answers(instrument)))


def answers_leading_to(instrument: Instrument, item: Item) -> dict[str, AnswerValue]:
    """Answers to all that comes before the item, and such that the item is asked."""
    needed = _needed(instrument, item)
    before = instrument.items[: instrument.items.index(item)]
    answers = {earlier.code: needed.get(earlier.code, _calm(earlier)) for earlier in before}
    return without_unasked(instrument, answers | ({item.code: OPEN} if item.listed else {}))


def complete_answers(instrument: Instrument) -> dict[str, AnswerValue]:
    """Answers to everything, with as many conditions met as can be met together."""
    needed: dict[str, int] = {}
    for item in instrument.items:
        needed = _needed(instrument, item) | needed
    return without_unasked(
        instrument, {item.code: needed.get(item.code, _calm(item)) for item in instrument.items}
    )


def _needed(instrument: Instrument, item: Item) -> dict[str, int]:
    """What earlier items must be answered with before this one is asked: the value of each condition."""
    if item.condition is None:
        return {}
    source = instrument.get_item(item.condition.item)
    return {source.code: item.condition.value} | _needed(instrument, source)


def _calm(item: Item) -> AnswerValue:
    """An answer that calls for nothing: the lowest, or the highest where the lowest is urgent."""
    if item.tick is not None:
        return NOT_TICKED
    if item.free_text:
        return None if item.skippable else "-" * item.low
    urgent = item.urgent is not None and condition_holds(item.urgent, {item.code: item.low})
    return item.high if urgent else item.low


def _form(instrument: Instrument, text: InstrumentText, plan: Plan) -> OpenForm:
    return OpenForm(
        slot=_ScreenSlot(plan.version, instrument.id, instrument.version),
        plan=plan,
        instrument=instrument,
        text=text,
        leave_out=frozenset(),
        answers={},
        revision=0,
        client="screen",
        key=item_tokens(len(instrument.items), b"screen") if plan.outbox else "",
        asks_late_reason=False,
    )


def _begin(instrument: Instrument, text: InstrumentText) -> BeginPage:
    return BeginPage(
        name=text.name,
        lang=(find_language(text.lang) or ENGLISH).tag,
        instruction=text.instruction,
        questions=count_certain(instrument),
        minutes=estimate_minutes(count_questions(instrument)),
        begin_url="#",
        demonstration=text.wording == "demonstration",
    )
