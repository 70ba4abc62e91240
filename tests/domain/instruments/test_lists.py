"""A list as data: which definitions can be meant, and the words that it takes."""

import pytest

from app.domain.instruments.duration import count_questions
from app.domain.instruments.parsing import parse_instrument
from app.domain.instruments.responses import NOT_TICKED, OPEN, parse_typed_answer
from app.domain.instruments.scoring.registry import score_answers
from app.domain.instruments.text import parse_text, print_answer
from app.domain.refusal import BadDefinition, Refused
from tests.domain.questionnaires import shipped_instrument

LIST = """id = "nausea-list"
version = "1"
name = "List"
licensed = false
algorithm = "none"
[labels.list]
kind = "choice"
low = 0
high = 1
named = [0, 1]
[labels.much]
kind = "choice"
low = 0
high = 3
named = [0, 1, 2, 3]
[[items]]
code = "any"
number = 1
labels = "list"
skippable = false
list = true
[[items]]
code = "sick"
number = 2
labels = "much"
condition = { item = "any", op = "==", value = 1 }
[[items]]
code = "fever"
number = 3
labels = "list"
skippable = false
condition = { item = "any", op = "==", value = 1 }
tick = 1
[[items]]
code = "hot"
number = 4
labels = "much"
condition = { item = "fever", op = "==", value = 1 }
"""
SCALE = """[[scales]]
code = "S"
name = "S"
kind = "symptom"
items = ["sick", "hot"]
minimum = 1
low = 0
high = 3
better = "lower"
"""
WORDS = """instrument = "nausea-list"
version = "1"
lang = "en"
wording = "official"
name = "List"
instruction = "Tick."
not_ticked = "Not ticked"
ticked = "Ticked"
[items]
any = "What was there?"
sick = "How sick?"
fever = "Fever?"
hot = "How hot?"
[ticks]
sick = "Sickness"
fever = "Fever"
[labels.list]
0 = "None"
1 = "Some"
[labels.much]
0 = "0"
1 = "1"
2 = "2"
3 = "3"
"""


def test_what_ships_asks_its_twenty_symptoms_in_one_list() -> None:
    listed = shipped_instrument("symptom-diary/1.1")
    assert [item.code for item in listed.items if item.lists] == ["any_symptom"]
    plain = shipped_instrument("symptom-diary/1.0")
    assert {code: item.number for code, item in listed.by_code.items()} == {
        code: item.number for code, item in plain.by_code.items()
    }, "an item is the same variable in both versions"
    assert (count_questions(listed, {"other"}), count_questions(plain, {"other"})) == (1, 21)
    assert (plain.list_item, listed.get_item("temperature").box, listed.get_item("temperature").listed) == (
        None,
        "fever",
        False,
    )


FAULTS = {
    "a list of more than two answers": (
        'labels = "list"\nskippable = false\nlist',
        'labels = "much"\nlist',
        "items[0].list",
    ),
    "a list that may be skipped": ("skippable = false\nlist", "list", "items[0].list"),
    "two lists": ("tick = 1", "list = true", "items[2].list"),
    "a list after an answer": (
        'item = "any", op = "==", value = 1 }\ntick = 1',
        'item = "sick", op = "==", value = 1 }\nlist = true',
        "items[2].list",
    ),
    "asked of what is not ticked": (
        '"any", op = "==", value = 1 }\n[[',
        '"any", op = "==", value = 0 }\n[[',
        "items[1].condition",
    ),
    "asked otherwise than of a tick": (
        '"fever", op = "==", value = 1',
        '"fever", op = ">=", value = 1',
        "items[3].condition",
    ),
    "a tick outside of a list": (
        '"fever", op = "==", value = 1 }',
        '"fever", op = "==", value = 1 }\ntick = 1',
        "items[3].tick",
    ),
    "a tick that may be skipped": ("skippable = false\ncondition", "condition", "items[2].tick"),
    "a tick for no answer": ("tick = 1", "tick = 2", "items[2].tick"),
}


@pytest.mark.parametrize(("old", "new", "key"), FAULTS.values(), ids=FAULTS.keys())
def test_a_list_that_cannot_be_meant_is_refused(old: str, new: str, key: str) -> None:
    assert LIST.count(old) >= 1
    with pytest.raises(BadDefinition) as refused:
        parse_instrument(LIST.replace(old, new, 1), "list")
    assert refused.value.key == key


def test_a_list_has_words_for_its_names_and_for_not_being_ticked() -> None:
    instrument = parse_instrument(LIST, "list")
    text = parse_text(WORDS, "list", instrument)
    assert [text.name_of(item) for item in instrument.items] == [
        "What was there?",
        "Sickness",
        "Fever",
        "How hot?",
    ]
    sick = instrument.get_item("sick")
    assert [print_answer(sick, text, value) for value in (NOT_TICKED, OPEN, 0)] == [
        "Not ticked",
        "Ticked",
        "0",
    ]
    for line, key in (('not_ticked = "Not ticked"\n', "not_ticked"), ('sick = "Sickness"\n', "ticks.sick")):
        with pytest.raises(BadDefinition) as refused:
            parse_text(WORDS.replace(line, ""), "list", instrument)
        assert refused.value.key == key


def test_what_is_not_ticked_counts_in_no_scale_and_raises_none() -> None:
    instrument = parse_instrument(LIST.replace('"none"', '"worst-of 1.0"') + SCALE, "list")
    (score,) = score_answers(instrument, {"any": 1, "sick": NOT_TICKED, "fever": 1, "hot": 2})
    assert score.value == 2
    assert (score.answered, score.asked) == (1, 1)
    (none,) = score_answers(instrument, {"any": 0, "sick": NOT_TICKED, "fever": NOT_TICKED})
    assert (none.value, none.asked) == (None, 0)


def test_no_number_that_is_typed_is_a_code() -> None:
    """-0.2 of a temperature that is asked by its tick would be "not answered yet"."""
    temperature = shipped_instrument("symptom-diary/1.1").get_item("temperature")
    for typed in ("-0.1", "-0.2", "-2", "-38.5"):
        with pytest.raises(Refused, match=r"^out_of_range"):
            parse_typed_answer(temperature, typed)
