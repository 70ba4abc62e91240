"""The instruments beside QLQ-C30 and diary: their structure, and what independent programs computed."""

import csv
from fractions import Fraction

import pytest

from app.definitions.library import load_library
from app.domain.instruments.definition import Instrument, ItemKind
from app.domain.instruments.parsing import parse_instrument
from app.domain.instruments.responses import AnswerValue, applicable_items, without_unasked
from app.domain.instruments.scoring.registry import find_algorithm, score_answers
from app.domain.instruments.scoring.rows import compile_row_scorer
from app.domain.instruments.scoring.score import ScoreStatus
from app.domain.refusal import BadDefinition
from app.i18n.languages import LANGUAGE_CODES
from tests.domain.questionnaires import QUESTIONNAIRES, REFERENCE, shipped_instrument
from tests.reference import health_five, pro_ctcae, qlq_lc13

LC13, CTCAE, FIVE = (shipped_instrument(f"{name}/1.0") for name in ("qlq-lc13", "pro-ctcae", "health-five"))


def applicable(instrument: Instrument, answers: dict[str, AnswerValue]) -> list[str]:
    return [item.code for item in applicable_items(instrument, answers)]


@pytest.mark.req("VAL-07")
def test_what_ships_is_what_the_independent_programs_print() -> None:
    for program, file in (
        (qlq_lc13, QUESTIONNAIRES / "qlq-lc13/1.0/golden.csv"),
        (health_five, QUESTIONNAIRES / "health-five/1.0/golden.csv"),
        (pro_ctcae, REFERENCE / "pro-ctcae-asked.csv"),
    ):
        assert program.golden() == file.read_text("utf-8")


def test_lc13_goes_on_from_the_core_questionnaire_and_its_parts_share_a_number() -> None:
    assert [(item.code, item.number) for item in LC13.items if item.code != f"q{item.number}"] == [
        ("q42a", 42),
        ("q43a", 43),
    ]
    codes = {item.code: item.cdisc.testcd for item in LC13.items if item.cdisc}
    assert codes == {item.code: f"EOR18{item.code[1:].upper()}" for item in LC13.items}
    assert "q43" in applicable(LC13, {})
    assert "q43a" not in applicable(LC13, {"q43": 1})
    assert applicable(LC13, {"q42": 2, "q43": 2})[-3:] == ["q42a", "q43", "q43a"]
    assert "q42a" not in applicable(LC13, {"q42": 1})
    assert without_unasked(LC13, {"q43": 1, "q43a": 4, "q42": 1, "q42a": "hip"}) == {"q42": 1, "q43": 1}


def test_a_part_repeats_its_number_only_on_a_condition_and_with_a_code_of_its_own() -> None:
    toml = (QUESTIONNAIRES / "qlq-lc13/1.0/instrument.toml").read_text("utf-8")
    for line in (
        'condition = { item = "q43", op = "==", value = 2 }\n',
        'cdisc = { testcd = "EOR1843A", ncit = "C172417" }\n',
    ):
        assert line in toml
        with pytest.raises(BadDefinition, match="more than 43; only a part") as refused:
            parse_instrument(toml.replace(line, ""), "f")
        assert refused.value.key == "items[14].number"


def test_lc13_scores_dyspnoea_from_all_three_and_the_question_of_painkillers_never() -> None:
    whole: dict[str, AnswerValue] = {f"q{number}": 2 for number in range(31, 43)}
    scores = {each.scale: each for each in score_answers(LC13, {**whole, "q43": 2, "q43a": 4, "q42a": "hip"})}
    assert {each.value for each in scores.values()} == {Fraction(100, 3)}
    stairs = {each.scale: each for each in score_answers(LC13, {**whole, "q35": None})}
    assert (stairs["LCDY"].value, stairs["LCDY"].status) == (None, ScoreStatus.TOO_FEW)
    assert [each.value for each in stairs.values() if each.scale != "LCDY"] == [Fraction(100, 3)] * 9
    assert not {code for scale in LC13.scales for code in scale.items} & {"q42a", "q43", "q43a"}
    assert {item.recall for item in LC13.items} == {item.recall for item in CTCAE.items} == {"week"}
    cells = [*["2"] * 12, "left hip", "1", "4"]
    assert compile_row_scorer(LC13).score_row(cells) == (["33.3333333333"] * 10, ())


def test_ctcae_asks_later_parts_of_a_symptom_where_its_first_is_not_none() -> None:
    firsts = [item.code for item in CTCAE.items if item.condition is None]
    symptoms = {code.rpartition("_")[0]: code for code in firsts}
    with (REFERENCE / "pro-ctcae-asked.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 7
    for row in rows:
        answers: dict[str, AnswerValue] = dict.fromkeys(firsts, 1)
        answers.update((symptoms[each], 0) for each in row["none"].split())
        answers.update((symptoms[each], None) for each in row["blank"].split())
        items = applicable(CTCAE, answers)
        assert len(items) == int(row["asked"])
        assert sorted(CTCAE.by_code.keys() - set(items)) == row["not_asked"].split()


def test_ctcae_has_the_codes_and_answers_of_its_library_and_no_score() -> None:
    assert (CTCAE.scales, CTCAE.licensed, len(CTCAE.items)) == ((), True, 103)
    for item in CTCAE.items:
        attribute = item.code.rpartition("_")[2]
        assert item.labels == attribute
        assert (item.low, item.high) == ((0, 1) if attribute == "presence" else (0, 4))
        assert item.cdisc
        assert item.cdisc.testcd[:-1] == f"PT01{item.number:03d}"
        assert (item.cdisc.testcd[-1] == "A") is (item.condition is None)


def test_five_lines_are_one_state_or_none_and_the_rating_is_typed() -> None:
    algorithm = find_algorithm(FIVE.algorithm)
    assert [algorithm.score_range(scale) for scale in FIVE.scales] == [(0, 20), (0, 100)]
    assert [item.typed_number for item in FIVE.items] == [False] * 5 + [True]
    assert FIVE.get_item("rating").kind is ItemKind.SCALE
    four: dict[str, AnswerValue] = {"strength": 4, "breathing": 0, "pain": 1, "sleep": 3, "rating": 70}
    state, rating = score_answers(FIVE, {**four, "spirits": 2})
    assert [state.value, rating.value] == [10, 70]
    assert score_answers(FIVE, four)[0].status is ScoreStatus.TOO_FEW


def test_all_of_them_have_words_in_every_language_and_codes_for_datasets() -> None:
    library = load_library(QUESTIONNAIRES, LANGUAGE_CODES)
    for instrument in (LC13, CTCAE, FIVE):
        assert instrument.draft
        terms = library.terms[instrument.id, instrument.version]
        names = [(terms.item_code(item), terms.item_name(item)) for item in instrument.items]
        names += [(terms.name_parameter(scale), terms.scale_name(scale)) for scale in instrument.scales]
        assert len({code for code, _ in names}) == len({name for _, name in names}) == len(names)
        for language in LANGUAGE_CODES:
            text = library.get_text(library.get_instrument(instrument.id, instrument.version), language)
            assert len(set(text.items.values())) == len(text.items)
            assert all(words.endswith(("?", "？")) for words in text.items.values())  # whole questions
