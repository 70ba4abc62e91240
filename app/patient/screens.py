"""Every screen of an instrument as a page, for pictures that its copyright holder reviews (CAP-02)."""

from collections.abc import Iterator
from dataclasses import dataclass

from app.domain.answers import Value, holds, settled
from app.domain.instrument import Instrument, Item
from app.domain.instrument_text import InstrumentText
from app.domain.outbox import signs
from app.domain.plan import Plan
from app.i18n.languages import ENGLISH, language
from app.patient.form_assets import FormAssets
from app.patient.pages import BeginPage
from app.patient.views import form_page
from app.services.capture import Form
from app.services.patient_home import minutes
from app.storage.schedule import Slot
from app.web.pages import Page


@dataclass(frozen=True, slots=True)
class Screen:
    """One screen: its name, the item that it asks ("" for begin and review), and the page to show."""

    name: str
    item: str
    page: Page


def screens(instrument: Instrument, text: InstrumentText, plan: Plan, assets: FormAssets) -> Iterator[Screen]:
    """The first page, each item whether always asked or not, and the check before sending.

    An item's page is the whole form with answers at which the runner opens there; `plan` lends the
    settings of a study, but leaves no item out.
    """
    yield Screen("begin", "", _begin(instrument, text))
    for item in instrument.items:
        page = form_page(_form(instrument, text, plan), assets, leading_to(instrument, item))
        yield Screen(item.code, item.code, page)
    yield Screen("review", "", form_page(_form(instrument, text, plan), assets, completed(instrument)))


def leading_to(instrument: Instrument, item: Item) -> dict[str, Value]:
    """Answers to all that comes before the item, and such that the item is asked."""
    needed = _needed(instrument, item)
    before = instrument.items[: instrument.items.index(item)]
    return settled(instrument, {each.code: needed.get(each.code, _calm(each)) for each in before})


def completed(instrument: Instrument) -> dict[str, Value]:
    """Answers to everything, with as many conditions met as can be met together."""
    needed: dict[str, int] = {}
    for item in instrument.items:
        needed = _needed(instrument, item) | needed
    return settled(instrument, {each.code: needed.get(each.code, _calm(each)) for each in instrument.items})


def _needed(instrument: Instrument, item: Item) -> dict[str, int]:
    """What earlier items must be answered with before this one is asked: the value of each condition."""
    if item.condition is None:
        return {}
    source = instrument.item(item.condition.item)
    return {source.code: item.condition.value} | _needed(instrument, source)


def _calm(item: Item) -> Value:
    """An answer that calls for nothing: the lowest, or the highest where the lowest is urgent."""
    if item.free_text:
        return None if item.skippable else "-" * item.low
    urgent = item.urgent is not None and holds(item.urgent, {item.code: item.low})
    return item.high if urgent else item.low


def _form(instrument: Instrument, text: InstrumentText, plan: Plan) -> Form:
    return Form(
        slot=_slot(instrument, plan),
        plan=plan,
        instrument=instrument,
        text=text,
        leave_out=frozenset(),
        answers={},
        revision=0,
        client="screen",
        key=signs(len(instrument.items), b"screen") if plan.outbox else "",
        asks_late_reason=False,
    )


def _slot(instrument: Instrument, plan: Plan) -> Slot:
    """Nobody's slot, never stored: a form stands in one."""
    return Slot(
        public_id="screen",
        study_id=0,
        participant_id=0,
        site_id=0,
        visit="",
        series="",
        instrument=instrument.id,
        instrument_version=instrument.version,
        plan_version=plan.version,
        anchor="",
        arm_revealing=False,
        position=0,
        zone=plan.zone,
    )


def _begin(instrument: Instrument, text: InstrumentText) -> BeginPage:
    count = len(instrument.items)
    return BeginPage(
        name=text.name,
        lang=(language(text.lang) or ENGLISH).tag,
        instruction=text.instruction,
        questions=count,
        minutes=minutes(count),
        begin_url="#",
        demonstration=text.wording == "demonstration",
    )
