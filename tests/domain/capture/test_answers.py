"""What an item may be answered with, and which items a form asks."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.capture.answers import SubmittedAnswer, find_bases, find_submitted_bases
from app.domain.instruments.definition import Comparison, Condition, Instrument, Item
from app.domain.instruments.responses import (
    NOT_TICKED,
    OPEN,
    AnswerValue,
    applicable_items,
    find_empty_list,
    format_answer,
    parse_answer,
    unanswered_items,
    urgent_items,
    validate_answer,
    without_unasked,
)
from app.domain.refusal import Refused
from tests.domain.questionnaires import DIARY, ODDITY, QLQ_C30, shipped_instrument

WHOLE_NUMBERS = [(item.code, item) for each in (QLQ_C30, DIARY) for item in each.items if not item.free_text]


def refusal(item: Item, value: object) -> Refused:
    with pytest.raises(Refused) as refused:
        validate_answer(item, value)
    return refused.value


@pytest.mark.req("CAP-12")
@given(st.sampled_from([item for _, item in WHOLE_NUMBERS]), st.integers())
def test_only_values_of_the_instrument_pass(item: Item, value: int) -> None:
    if item.low <= value <= item.high:
        assert validate_answer(item, value) == value
    else:
        refused = refusal(item, value)
        assert refused.code == "out_of_range"
        assert refused.details == {"item": item.code, "low": item.low, "high": item.high}


@pytest.mark.req("CAP-12")
@pytest.mark.parametrize("value", [True, False, "1", 1.0, [1], {}, b"1"])
def test_only_whole_numbers_answer_a_numbered_item(value: object) -> None:
    refused = refusal(QLQ_C30.get_item("q1"), value)
    assert (refused.code, refused.details["item"]) == ("wrong_kind", "q1")


@pytest.mark.req("CAP-07")
def test_a_skip_is_its_own_answer_where_allowed() -> None:
    assert validate_answer(QLQ_C30.get_item("q1"), None) is None
    refused = refusal(DIARY.get_item("any_symptom"), None)
    assert (refused.code, dict(refused.details)) == ("must_answer", {"item": "any_symptom"})


@pytest.mark.parametrize("words", ["itchy scalp", "头皮发痒\n夜里更重", "x" * 200, "👩‍⚕️"])
def test_free_text_is_stored_unchanged(words: str) -> None:
    assert validate_answer(DIARY.get_item("other"), words) == words


@pytest.mark.req("CAP-12")
@pytest.mark.parametrize(
    ("value", "code"),
    [
        (3, "wrong_kind"),
        ("nul\x00", "wrong_kind"),
        ("\ud800", "wrong_kind"),
        ("x" * 201, "out_of_range"),
        ("", "out_of_range"),
        ("  ", "out_of_range"),
    ],
)
def test_unstorable_text_is_refused_without_repeating_it(value: object, code: str) -> None:
    refused = refusal(DIARY.get_item("other"), value)
    assert refused.code == code
    assert value not in refused.details.values()


@pytest.mark.parametrize(
    ("code", "text", "value"),
    [
        ("temperature", "38.5", 385),
        ("temperature", "38", 380),
        ("temperature", " 38.50 ", 385),
        ("pain", "7", 7),
        ("pain", "7.0", 7),
        ("pain", "007", 7),
        ("pain", "", None),
        ("pain", "  ", None),
        ("other", "itch", "itch"),
    ],
)
def test_typed_text_becomes_the_stored_value(code: str, text: str, value: AnswerValue) -> None:
    assert parse_answer(DIARY.get_item(code), text) == value


@pytest.mark.req("CAP-12")
@pytest.mark.parametrize(
    ("code", "text", "why"),
    [
        ("temperature", "38.55", "wrong_kind"),
        ("temperature", "101.3", "out_of_range"),
        ("temperature", "38,5", "wrong_kind"),
        ("pain", "11", "out_of_range"),
        ("pain", "-1", "out_of_range"),
        ("pain", "1.5", "wrong_kind"),
        ("pain", "５", "wrong_kind"),
        ("pain", "NA", "wrong_kind"),
        ("pain", ".", "wrong_kind"),
        ("pain", "1e1", "wrong_kind"),
        ("pain", "9" * 5000, "wrong_kind"),
    ],
)
def test_typed_text_that_is_no_answer_is_refused(code: str, text: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        parse_answer(DIARY.get_item(code), text)


def test_one_typed_digit_is_read_as_any_number() -> None:
    """The answers that are looked up are those of the way that reads every text (`0` before a digit)."""
    for each in (QLQ_C30, DIARY, ODDITY, shipped_instrument("symptom-diary/1.1")):
        for item in each.items:
            assert {digit: parse_answer(item, f"0{digit}") for digit in item.by_digit} == item.by_digit
            assert all(validate_answer(item, value) == value for value in item.by_digit.values())
    assert (len(QLQ_C30.get_item("q1").by_digit), DIARY.get_item("temperature").by_digit) == (4, {})


@given(st.data(), st.sampled_from(DIARY.items))
def test_what_is_written_is_read_back(data: st.DataObject, item: Item) -> None:
    words = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=200)
    values: st.SearchStrategy[AnswerValue] = words if item.free_text else st.integers(item.low, item.high)
    value = data.draw(st.none() | values)
    assert parse_answer(item, format_answer(item, value)) == value


def codes(
    instrument: Instrument, answers: dict[str, AnswerValue], leave_out: frozenset[str] = frozenset()
) -> str:
    return " ".join(item.code for item in applicable_items(instrument, answers, leave_out))


def test_no_symptoms_is_one_answer() -> None:
    assert codes(DIARY, {}) == "any_symptom"
    assert codes(DIARY, {"any_symptom": 0}) == "any_symptom"
    assert unanswered_items(DIARY, {"any_symptom": 0}) == ()
    assert len(applicable_items(DIARY, {"any_symptom": 1})) == 21
    assert len(applicable_items(DIARY, {"any_symptom": 1, "fever": 1}, frozenset({"other"}))) == 21


def test_conditions_compare_and_follow_each_other() -> None:
    assert codes(ODDITY, {"a": 1}) == "a c d f"
    assert codes(ODDITY, {"a": 2}) == "a b c d f"
    assert codes(ODDITY, {"a": None}) == "a c d f"
    assert codes(ODDITY, {"a": 2, "b": 1}) == "a b c d e f"
    assert codes(ODDITY, {"a": 2, "b": 2}) == "a b c d f"
    assert codes(ODDITY, {"a": 1, "b": 1, "f": 10}) == "a c d f note"
    assert codes(ODDITY, {"a": 2, "b": 1}, frozenset({"b"})) == "a c d f"


@pytest.mark.req("CAP-07")
def test_an_explicit_skip_counts_as_dealt_with() -> None:
    assert unanswered_items(ODDITY, {"a": 2, "b": None, "c": 1}) == ("d", "f")


def test_answers_to_inapplicable_items_are_dropped() -> None:
    earlier: dict[str, AnswerValue] = {"f": 3, "a": 1, "b": 1, "e": 2}
    assert without_unasked(ODDITY, earlier) == {"a": 1, "f": 3}
    assert list(without_unasked(ODDITY, earlier)) == ["a", "f"]


def test_an_unknown_item_is_refused() -> None:
    with pytest.raises(Refused, match="unknown_item"):
        without_unasked(ODDITY, {"q1": 1})


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"temperature": 379}, ("fever",)),
        ({"temperature": 380}, ("fever", "temperature")),
        ({"temperature": 400, "fever": 0}, ()),
        ({"fever": 0, "breathlessness": 8}, ("breathlessness",)),
        ({"fever": 0, "breathlessness": 7, "blood_in_sputum": 1}, ()),
        ({"fever": 0, "breathlessness": None, "blood_in_sputum": 2}, ("blood_in_sputum",)),
    ],
)
def test_only_applicable_items_are_urgent(answers: dict[str, AnswerValue], expected: tuple[str, ...]) -> None:
    assert urgent_items(DIARY, {"any_symptom": 1, "fever": 1, **answers}) == expected
    assert urgent_items(DIARY, {"any_symptom": 0, "fever": 1, **answers}) == ()


@pytest.mark.req("ALR-05")
def test_a_plan_may_call_more_answers_urgent() -> None:
    marks = (Condition("pain", Comparison.AT_LEAST, 9),)
    assert urgent_items(DIARY, {"any_symptom": 1, "pain": 9, "fever": 0}, marks) == ("pain",)
    assert urgent_items(DIARY, {"any_symptom": 1, "pain": 8, "fever": 1}, marks) == ("fever",)
    assert urgent_items(DIARY, {"any_symptom": 0, "pain": 9}, marks) == ()


def test_a_decimal_is_written_as_it_was_typed() -> None:
    item = next(item for item in DIARY.items if item.decimals)
    assert format_answer(item, None) == ""
    for typed in ("36.5", "37.0", "40.1"):
        answer = parse_answer(item, typed)
        assert answer == int(typed.replace(".", ""))
        assert format_answer(item, answer) == typed


@dataclass
class Phone:
    """A phone that notes answers, sends them in their order, and may not hear what became of them."""

    client: str
    known: int = 0
    last: int = 0
    noted: list[SubmittedAnswer] = field(default_factory=list)


@dataclass
class Draft:
    """A form's stored answers, with the base that the phone claimed beside the one that is stored."""

    rows: list[tuple[str, SubmittedAnswer, int]] = field(default_factory=list)

    def store(self, phone: Phone) -> None:
        own = {
            answer.seq: number
            for number, (client, answer, _claimed) in enumerate(self.rows, start=1)
            if client == phone.client and answer.base >= number - 1
        }
        bases = find_bases(phone.noted, len(self.rows), own)
        stored = [replace(each, base=base) for each, base in zip(phone.noted, bases, strict=True)]
        claims = [each.base for each in phone.noted]
        self.rows += [(phone.client, answer, claim) for answer, claim in zip(stored, claims, strict=True)]
        phone.noted.clear()

    def conflicts(self, bases: Sequence[int]) -> set[tuple[int, int]]:
        """Earlier and later answer to one item by two phones, of which the later one did not know."""
        numbered = list(enumerate(self.rows, start=1))
        return {
            (one, two)
            for one, (client, earlier, _) in numbered
            for two, (another, later, _) in numbered
            if bases[two - 1] < one < two and client != another and earlier.item == later.item
        }


@pytest.mark.parametrize("base", [0, 3, 4, 5, 9])
def test_the_answers_of_a_submission_rest_on_what_its_page_rested_on(base: int) -> None:
    answers = [SubmittedAnswer(seq, base, f"q{seq}", 1) for seq in range(1, 4)]
    assert find_submitted_bases(base, 4, 3) == find_bases(answers, 4, {})


STEPS = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from(["q1", "q2", "q3", "send", "hear"])), max_size=40
)


@pytest.mark.req("OFF-05")
@given(STEPS)
def test_an_answer_rests_on_all_that_its_phone_knew_and_conflicts_stay_the_same(
    steps: list[tuple[int, str]],
) -> None:
    phones, draft = (Phone("one"), Phone("two")), Draft()
    for number, step in steps:
        phone = phones[number]
        if step in ("send", "hear"):
            draft.store(phone)
            phone.known = len(draft.rows) if step == "hear" else phone.known
        else:
            phone.last += 1
            phone.noted.append(SubmittedAnswer(phone.last, phone.known, step, 1))
    stored = [answer.base for _client, answer, _claimed in draft.rows]
    claimed = [claim for _client, _answer, claim in draft.rows]
    assert draft.conflicts(stored) == draft.conflicts(claimed)
    if len({client for client, _answer, _claimed in draft.rows}) == 1:
        assert stored == list(range(len(stored)))  # alone, a phone knows everything


LISTED = shipped_instrument("symptom-diary/1.1")
TICKED = [item.code for item in LISTED.items if item.listed]


def test_a_list_is_answered_by_ticks_or_by_none_of_these() -> None:
    unticked = dict.fromkeys(TICKED, NOT_TICKED)
    assert codes(LISTED, {"any_symptom": OPEN}) == "any_symptom"
    assert unanswered_items(LISTED, {"any_symptom": OPEN, "pain": OPEN}) == ("any_symptom",)
    assert without_unasked(LISTED, {"any_symptom": 0, "pain": 9, "temperature": 385}) == {
        "any_symptom": 0,
        **unticked,
    }
    some = unticked | {"any_symptom": 1, "pain": OPEN, "fever": 1}
    assert unanswered_items(LISTED, some) == ("pain", "temperature")
    assert unanswered_items(LISTED, unticked | {"any_symptom": 1}) == ("any_symptom",)
    assert find_empty_list(DIARY, {"any_symptom": 1}) is None
    assert urgent_items(LISTED, {"any_symptom": OPEN, "fever": 1}) == ("fever",)
    assert urgent_items(LISTED, {"any_symptom": 0, "fever": 1, "blood_in_sputum": 4}) == ()
    marks = [Condition("pain", Comparison.AT_MOST, 3)]
    assert urgent_items(LISTED, some | {"pain": NOT_TICKED, "fever": NOT_TICKED}, marks) == ()


@pytest.mark.parametrize(
    ("item", "value", "code"),
    [
        ("any_symptom", NOT_TICKED, "out_of_range"),
        ("any_symptom", None, "must_answer"),
        ("pain", -3, "out_of_range"),
        ("fever", 0, "out_of_range"),
        ("fever", None, "must_answer"),
        ("temperature", NOT_TICKED, "out_of_range"),
        ("other", -3, "wrong_kind"),
    ],
)
def test_only_items_of_a_list_have_its_codes(item: str, value: int | None, code: str) -> None:
    assert refusal(LISTED.get_item(item), value).code == code
    allowed = [("pain", NOT_TICKED), ("other", NOT_TICKED), ("temperature", OPEN), ("any_symptom", OPEN)]
    for each, expected in allowed:
        assert validate_answer(LISTED.get_item(each), expected) == expected
        assert refusal(DIARY.get_item(each), expected).code in ("out_of_range", "wrong_kind")
