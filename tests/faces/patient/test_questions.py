"""Questions of the form document: the instrument's own order, words, conditions and known answers."""

from dataclasses import replace

import pytest

from app.domain.instruments.definition import Instrument
from app.domain.instruments.parsing import parse_instrument
from app.domain.instruments.text import InstrumentText, parse_text, print_answer
from app.patient.forms.form_parser import parse_form
from app.patient.forms.pages import Choice
from app.patient.forms.questions import build_questions
from tests.compiled_templates import shipped_pages
from tests.faces import page_samples as samples
from tests.markup import Element, parse_page
from tests.scenarios.people import START


def test_every_item_comes_in_order_unless_the_plan_leaves_it_out() -> None:
    diary, text = samples.instrument(samples.DIARY, "en")
    shown = build_questions(diary, text, {}, leave_out={"other"})
    assert [question.code for question in shown] == [
        item.code for item in diary.items if item.code != "other"
    ]


def test_conditions_and_urgency_are_written_for_the_runner() -> None:
    diary, text = samples.instrument(samples.DIARY, "en")
    shown = {question.code: question for question in build_questions(diary, text, {"pain": None})}
    assert shown["any_symptom"].ask_if == ""
    assert shown["temperature"].ask_if == "fever,1,1"
    assert shown["temperature"].depends_on == (14, "Yes")
    assert shown["temperature"].urgent_if == "temperature,380,430"
    assert shown["temperature"].choices == ()
    assert shown["pain"].blank
    assert not shown["fatigue"].blank


def test_a_row_too_long_for_a_telephone_is_a_number_that_is_typed() -> None:
    instrument, text = samples.wide_diary()
    fatigue = next(
        each for each in build_questions(instrument, text, {"fatigue": 37}) if each.code == "fatigue"
    )
    assert (fatigue.kind, fatigue.low, fatigue.high, fatigue.decimals) == ("decimal", 0, 100, 0)
    assert (fatigue.value, fatigue.choices) == (
        "37",
        (Choice("0", "None"), Choice("100", "Worst imaginable")),
    )
    assert print_answer(instrument.get_item("fatigue"), text, 100) == "100: Worst imaginable"
    assert print_answer(instrument.get_item("fatigue"), text, 37) == "37"


def form_html(instrument: Instrument, text: InstrumentText) -> Element:
    pages = shipped_pages()
    page = replace(samples.form(samples.DIARY), questions=build_questions(instrument, text, {}))
    return parse_page(pages.render_document(page, samples.frame("en")))


def test_the_typed_number_is_shown_with_its_range_and_the_words_of_its_ends() -> None:
    html = form_html(*samples.wide_diary())
    (section,) = [each for each in html.all("section") if each["id"] == "s-fatigue"]
    assert (section["data-low"], section["data-high"], section["data-steps"]) == ("0", "100", "1")
    (number,) = section.all("input", name="fatigue")
    assert (number["inputmode"], number["aria-describedby"]) == ("numeric", "h-fatigue e-fatigue")
    assert "A whole number from 0 to 100" in section.text
    assert "0: None · 100: Worst imaginable" in section.text
    assert section.all("input", type="radio") == []


def test_a_typed_whole_number_is_read_as_it_is_written() -> None:
    instrument, _ = samples.wide_diary()
    fields = {"submission_id": "s1", "any_symptom": "1", "fatigue": " 37 ", "pain": "37.5", "cough": "101"}
    read = parse_form(instrument, (), fields, START)
    assert read.form.answers == {"any_symptom": 1, "fatigue": 37}
    assert read.invalid == {"pain": "37.5", "cough": "101"}


@pytest.mark.parametrize(("key", "side"), [("", "ltr"), ('direction = "rtl"', "rtl")])
def test_a_row_runs_as_the_instrument_says(key: str, side: str) -> None:
    folder = samples.ROOT / "questionnaires" / "symptom-diary" / "1.0"
    toml = (
        (folder / "instrument.toml").read_text("utf-8").replace("named = [0, 10]", f"named = [0, 10]\n{key}")
    )
    instrument = parse_instrument(toml, "row")
    words = (folder / "text.en.toml").read_text("utf-8")
    html = form_html(instrument, parse_text(words, "row", instrument))
    (section,) = [each for each in html.all("section") if each["id"] == "s-fatigue"]
    assert {each["dir"] for each in (*section.all("div"), *section.all("p")) if "dir" in each.attributes} == {
        side
    }
    assert [each["value"] for each in section.all("input", type="radio")] == [str(n) for n in range(11)]


def test_an_answer_is_printed_with_its_words() -> None:
    diary, text = samples.instrument(samples.DIARY, "zh_CN")
    assert print_answer(diary.get_item("any_symptom"), text, 1) == "是"
    assert print_answer(diary.get_item("fatigue"), text, 0) == "0：没有"
    assert print_answer(diary.get_item("fatigue"), text, 4) == "4"
    assert print_answer(diary.get_item("temperature"), text, 385) == "38.5"
    assert print_answer(diary.get_item("other"), text, "头晕") == "头晕"
