"""Questions of the form document: the instrument's own order, words, conditions and known answers."""

from app.patient.forms.questions import build_questions, print_answer
from tests.faces import page_samples as samples


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
    assert shown["temperature"].ask_if == "fever==1"
    assert shown["temperature"].urgent_if == "temperature>=380"
    assert shown["temperature"].choices == ()
    assert shown["pain"].blank
    assert not shown["fatigue"].blank


def test_an_answer_is_printed_with_its_words() -> None:
    diary, text = samples.instrument(samples.DIARY, "zh_CN")
    assert print_answer(diary.item("any_symptom"), text, 1) == "是"
    assert print_answer(diary.item("fatigue"), text, 0) == "0: 没有"
    assert print_answer(diary.item("fatigue"), text, 4) == "4"
    assert print_answer(diary.item("temperature"), text, 385) == "38.5"
    assert print_answer(diary.item("other"), text, "头晕") == "头晕"
