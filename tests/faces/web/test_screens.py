"""The screens for a copyright holder's review: the runner opens where the picture is to be taken."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route

from app.definitions.library import load_library
from app.domain.instruments.definition import Instrument
from app.domain.instruments.parsing import parse_instrument
from app.domain.instruments.responses import unanswered_items
from app.domain.plans.plan import Plan
from app.i18n.languages import LANGUAGE_CODES
from app.patient.forms.screens import answers_leading_to, complete_answers, list_screens
from tests.compiled_templates import shipped_pages
from tests.faces import page_samples as samples

URGENT = """
id = "tried"
version = "1"
name = "Tried"
licensed = false
algorithm = "none"
[labels.yes_no]
kind = "choice"
low = 0
high = 1
named = [0, 1]
[labels.words]
kind = "text"
low = 2
high = 9
[[items]]
code = "well"
number = 1
labels = "yes_no"
skippable = false
urgent = { op = "==", value = 0 }
[[items]]
code = "who"
number = 2
labels = "words"
skippable = false
[[items]]
code = "how"
number = 3
labels = "words"
condition = { item = "well", op = "==", value = 0 }
"""


def plan() -> Plan:
    return load_library(samples.ROOT / "questionnaires", LANGUAGE_CODES).get_plan("sbrt-nsclc", "1.0")


@pytest.mark.parametrize("named", [samples.QLQ, samples.DIARY, ("qlq-lc13", "1.0"), ("pro-ctcae", "1.0")])
def test_the_answers_reach_every_item(named: tuple[str, str]) -> None:
    instrument, _ = samples.instrument(named, "en")
    first = {
        item.code: unanswered_items(instrument, answers_leading_to(instrument, item))[0]
        for item in instrument.items
    }
    assert all(code == opened for code, opened in first.items())
    assert unanswered_items(instrument, complete_answers(instrument)) == ()
    assert set(complete_answers(instrument)) == {item.code for item in instrument.items}


def test_an_answer_before_the_item_calls_for_nothing() -> None:
    instrument: Instrument = parse_instrument(URGENT, "tried")
    well, who, how = instrument.items
    assert answers_leading_to(instrument, who) == {well.code: 1}
    assert answers_leading_to(instrument, how) == {well.code: 0, who.code: "--"}
    assert complete_answers(instrument) == {well.code: 0, who.code: "--", how.code: None}


@pytest.mark.req("CAP-02", "VAL-11")
def test_the_runner_opens_each_page_at_its_item(chromium: Browser) -> None:
    instrument, text = samples.instrument(samples.DIARY, "zh_CN")
    pages = shipped_pages()
    every = list(list_screens(instrument, text, plan(), samples.assets()))
    shown: dict[str, str] = {}

    def answer(route: Route) -> None:
        screen = next(each for each in every if each.name == Path(route.request.url).name)
        route.fulfill(
            body=pages.render_document(screen.page, samples.frame("zh_CN")), content_type="text/html"
        )

    with chromium.new_context(viewport={"width": 360, "height": 740}) as context:
        context.route("https://screens.example/*", answer)
        tab = context.new_page()
        for screen in every[1:]:
            tab.goto(f"https://screens.example/{screen.name}")
            shown[screen.name] = tab.inner_text(".q.on h1")
    assert shown == {**text.items, "review": "请核对您的回答"}
    assert [every[0].name, every[-1].name] == ["begin", "review"]
    assert text.instruction in pages.render_document(every[0].page, samples.frame("zh_CN"))
