"""Instruments as data: what ships is what CDISC and domain rules say; what is wrong is refused."""

import csv
import hashlib

import pytest

from app.domain.instruments.definition import Direction, Instrument, ItemKind, RowDirection, ScaleKind
from app.domain.instruments.parsing import parse_instrument
from app.domain.instruments.text import Wording, parse_text
from app.domain.refusal import BadDefinition, Refused
from tests.domain.questionnaires import DIARY, ODDITY, ODDITY_TOML, QLQ_C30, QUESTIONNAIRES

TEXTS = [(instrument, lang) for instrument in (QLQ_C30, DIARY) for lang in ("en", "zh_CN")]


def test_qlq_c30_has_its_items_ranges_and_recall() -> None:
    assert [item.code for item in QLQ_C30.items] == [f"q{n}" for n in range(1, 31)]
    assert [(item.low, item.high) for item in QLQ_C30.items] == [(1, 4)] * 28 + [(1, 7)] * 2
    assert [item.recall for item in QLQ_C30.items] == [None] * 5 + ["week"] * 25
    assert [(recall.code, recall.interval) for recall in QLQ_C30.recalls] == [("week", "-P1W")]
    assert all(item.skippable and item.kind in (ItemKind.CHOICE, ItemKind.SCALE) for item in QLQ_C30.items)
    assert {labels.code: labels.named for labels in QLQ_C30.labels} == {
        "amount": (1, 2, 3, 4),
        "rating": (1, 7),
    }


def test_qlq_c30_codes_run_as_in_the_controlled_terminology() -> None:
    codes = [item.cdisc for item in QLQ_C30.items] + [scale.cdisc for scale in QLQ_C30.scales[:15]]
    assert [code.testcd for code in codes if code] == [f"EOR01{n:02d}" for n in range(1, 46)]
    assert [code.ncit for code in codes if code] == [
        *(f"C{n}" for n in range(161674, 161704)),
        *(f"C{n}" for n in range(181142, 181157)),
    ]
    assert QLQ_C30.scales[15].cdisc is None


def test_qlq_c30_scales_point_the_right_way() -> None:
    assert [scale.code for scale in QLQ_C30.scales] == (
        ["QL", "PF", "RF", "EF", "CF", "SF", "FA", "NV", "PA", "DY", "SL", "AP", "CO", "DI", "FI", "SUM"]
    )
    assert [scale.name for scale in QLQ_C30.scales[:3]] == ["QL2", "PF2", "RF2"]
    for scale in QLQ_C30.scales:
        assert (scale.better is Direction.LOWER) is (scale.kind is ScaleKind.SYMPTOM)
    assert QLQ_C30.scales[15].reversed == frozenset(["FA", "NV", "PA", "DY", "SL", "AP", "CO", "DI"])


@pytest.mark.req("CAP-01")
def test_an_instrument_carries_the_digest_of_its_file() -> None:
    content = (QUESTIONNAIRES / "qlq-c30/3.0/instrument.toml").read_bytes()
    assert QLQ_C30.sha256 == hashlib.sha256(content).hexdigest()


def test_the_diary_begins_with_no_symptoms_and_allows_blanks() -> None:
    first, *rest = DIARY.items
    assert (first.code, first.skippable, first.condition) == ("any_symptom", False, None)
    assert all(item.skippable and item.condition for item in rest)
    assert [item.code for item in DIARY.items if item.free_text] == ["other"]
    assert (DIARY.get_item("temperature").low, DIARY.get_item("temperature").decimals) == (340, 1)
    assert not DIARY.licensed


def test_an_unknown_item_is_refused_with_those_allowed() -> None:
    with pytest.raises(Refused, match="unknown_item") as refused:
        ODDITY.get_item("zz")
    assert refused.value.details == {"item": "zz", "allowed": ("a", "b", "c", "d", "e", "f", "note")}


def changed(old: str, new: str) -> str:
    assert old in ODDITY_TOML
    return ODDITY_TOML.replace(old, new, 1)


def with_ten(keys: str) -> Instrument:
    """The oddity with another row of numbers, of which no scale is made."""
    toml = changed("high = 10\nnamed = [0, 10]", keys)
    return parse_instrument(toml[: toml.index("[[scales]]")].replace("eortc-linear 1.0", "none"), "f")


@pytest.mark.parametrize(("high", "typed"), [(10, False), (11, True), (100, True)])
def test_a_row_of_more_than_eleven_numbers_is_typed(high: int, typed: bool) -> None:
    instrument = with_ten(f"high = {high}\nnamed = [0, {high}]")
    assert instrument.get_item("f").typed_number is typed
    assert (instrument.get_item("a").typed_number, instrument.get_item("note").typed_number) == (False, False)
    assert DIARY.get_item("temperature").typed_number


def test_a_numeric_row_runs_left_to_right_by_default() -> None:
    assert ODDITY.get_item("f").direction is RowDirection.LEFT_TO_RIGHT
    turned = with_ten('high = 10\nnamed = [0, 10]\ndirection = "rtl"')
    assert turned.get_item("f").direction is RowDirection.RIGHT_TO_LEFT
    assert ODDITY.draft is False


WRONG = {
    "unknown key": ('name = "Oddity"', 'name = "Oddity"\nnmae = "x"', "nmae"),
    "algorithm": ("eortc-linear 1.0", "eortc-linear 9", "algorithm"),
    "scales without algorithm": ("eortc-linear 1.0", "none", "algorithm"),
    "identity": ('id = "oddity"', 'id = "Odd Ity"', "id"),
    "version": ('version = "0.1"', 'version = "first"', "version"),
    "label kind": ('kind = "choice"', 'kind = "radio"', "labels.five.kind"),
    "label range": ("low = 0\nhigh = 4", "low = 4\nhigh = 4", "labels.five.high"),
    "choice without a word": ("named = [0, 1, 2, 3, 4]", "named = [0, 4]", "labels.five.named"),
    "value named twice": ("named = [0, 1, 2, 3, 4]", "named = [0, 1, 2, 3, 3]", "labels.five.named"),
    "value beyond": ("named = [0, 1, 2, 3, 4]", "named = [0, 1, 2, 3, 5]", "labels.five.named[4]"),
    "text of nothing": ("low = 1\nhigh = 20", "low = 0\nhigh = 20", "labels.note.low"),
    "text too long": ("low = 1\nhigh = 20", "low = 1\nhigh = 201", "labels.note.high"),
    "direction of words": (
        'kind = "text"\nlow = 1\nhigh = 20',
        'kind = "text"\nlow = 1\nhigh = 20\ndirection = "rtl"',
        "labels.note.direction",
    ),
    "direction unheard of": ("named = [0, 10]", 'named = [0, 10]\ndirection = "up"', "labels.ten.direction"),
    "short code twice": (
        'number = 1\nlabels = "five"\n[[items]]\ncode = "b"\nnumber = 2',
        (
            'number = 1\nlabels = "five"\ncdisc = { testcd = "A1", ncit = "C1" }\n'
            '[[items]]\ncode = "b"\nnumber = 2\ncdisc = { testcd = "A1", ncit = "C2" }'
        ),
        "items[1].cdisc.testcd",
    ),
    "draft": ('name = "Oddity"', 'name = "Oddity"\ndraft = 1', "draft"),
    "unused labels": ("[[items]]", '[labels.x]\nkind = "text"\nlow = 1\nhigh = 2\n[[items]]', "labels"),
    "item twice": ('code = "b"\nnumber = 2', 'code = "a"\nnumber = 2', "items[1].code"),
    "item code": ('code = "b"\nnumber = 2', 'code = "b-1"\nnumber = 2', "items[1].code"),
    "number twice": ("number = 2", "number = 1", "items[1].number"),
    "number that falls": ("number = 3", "number = 1", "items[2].number"),
    "unknown labels": ('labels = "three"', 'labels = "four"', "items[3].labels"),
    "unknown recall": ('labels = "three"', 'labels = "three"\nrecall = "week"', "items[3].recall"),
    "condition on a later item": ('{ item = "a", op', '{ item = "c", op', "items[1].condition.item"),
    "condition on itself": ('{ item = "a", op', '{ item = "b", op', "items[1].condition.item"),
    "condition operator": ('">=", value = 2', '">", value = 2', "items[1].condition.op"),
    "condition beyond": ('">=", value = 2', '">=", value = 5', "items[1].condition.value"),
    "condition key": ('">=", value = 2', '">=", val = 1, value = 2', "items[1].condition.val"),
    "urgent beyond": ('">=", value = 8', '">=", value = 11', "items[5].urgent.value"),
    "urgent words": (
        'labels = "note"',
        'labels = "note"\nurgent = { op = "==", value = 1 }',
        "items[6].urgent",
    ),
    "code of CDISC": (
        'labels = "note"',
        'labels = "note"\ncdisc = { testcd = "EOR0101", ncit = "161674" }',
        "items[6].cdisc.ncit",
    ),
    "scale twice": ('code = "FUN"', 'code = "ALL"', "scales[1].code"),
    "scale code": ('code = "FUN"', 'code = "fun"', "scales[1].code"),
    "scale kind": ('kind = "functional"', 'kind = "function"', "scales[1].kind"),
    "scale of unknown item": ('items = ["d", "e"]', 'items = ["d", "z"]', "scales[1].items"),
    "scale with an item twice": ('items = ["d", "e"]', 'items = ["d", "d"]', "scales[1].items"),
    "scale of nothing": ('items = ["d", "e"]', "items = []", "scales[1].items"),
    "scale of another range": ('items = ["d", "e"]', 'items = ["d", "a"]', "scales[1].items"),
    "scale of words": ('items = ["d", "e"]', 'items = ["d", "note"]', "scales[1].items"),
    "scale range": ("low = 1\nhigh = 3\nbetter", "low = 3\nhigh = 3\nbetter", "scales[1].high"),
    "minimum above": ("minimum = 3", "minimum = 4", "scales[0].minimum"),
    "minimum of none": ("minimum = 3", "minimum = 0", "scales[0].minimum"),
    "reversed stranger": ('reversed = ["c"]', 'reversed = ["d"]', "scales[0].reversed"),
    "direction": ('better = "lower"', 'better = "up"', "scales[0].better"),
    "unknown part": ('parts = ["ALL", "FUN", "EE"]', 'parts = ["ALL", "XX"]', "scales[4].parts"),
    "items in a summary": ('parts = ["ALL"', 'items = ["a"]\nparts = ["ALL"', "scales[4].items"),
}


@pytest.mark.parametrize(("old", "new", "key"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_definition_names_file_key_value_and_what_is_allowed(old: str, new: str, key: str) -> None:
    with pytest.raises(BadDefinition) as refused:
        parse_instrument(changed(old, new), "odd/instrument.toml")
    assert (refused.value.file, refused.value.key) == ("odd/instrument.toml", key)
    assert refused.value.allowed


def test_a_wrong_recall_interval_is_refused() -> None:
    with pytest.raises(BadDefinition, match="a look back such as -P1W"):
        parse_instrument(ODDITY_TOML + '[recalls]\nweek = "7 days"\n', "f")


def test_an_instrument_without_items_is_refused() -> None:
    with pytest.raises(BadDefinition, match="at least one item"):
        parse_instrument('items = []\nalgorithm = "none"\n[labels]\n', "f")


@pytest.mark.req("CAP-02")
@pytest.mark.parametrize(("instrument", "lang"), TEXTS)
def test_shipped_words_are_whole(instrument: Instrument, lang: str) -> None:
    path = QUESTIONNAIRES / instrument.id / instrument.version / f"text.{lang}.toml"
    text = parse_text(path.read_text(encoding="utf-8"), str(path), instrument)
    assert (text.instrument, text.version, text.lang) == (instrument.id, instrument.version, lang)
    assert list(text.items) == [item.code for item in instrument.items]
    assert {code: tuple(words) for code, words in text.labels.items()} == {
        labels.code: labels.named for labels in instrument.labels if labels.named
    }
    assert (text.wording is Wording.DEMONSTRATION) is instrument.licensed
    assert len(set(text.items.values())) == len(text.items)
    assert text.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


ODD_TEXT = """
instrument = "oddity"
version = "0.1"
lang = "en"
wording = "official"
name = "Odd"
instruction = "Answer."
[items]
a = "A"
b = "B"
c = "C"
d = "D"
e = "E"
f = "F"
note = "Note"
[labels.five]
0 = "0"
1 = "1"
2 = "2"
3 = "3"
4 = "4"
[labels.three]
1 = "1"
2 = "2"
3 = "3"
[labels.ten]
0 = "least"
10 = "most"
"""


def test_words_without_recall_or_copyright_are_read() -> None:
    text = parse_text(ODD_TEXT, "text.en.toml", ODDITY)
    assert (text.copyright, dict(text.recalls), text.labels["ten"][10]) == ("", {}, "most")


def test_an_instrument_of_words_alone_needs_no_labels() -> None:
    toml = """
id = "note"
version = "1"
name = "Note"
licensed = false
algorithm = "none"
labels.words = { kind = "text", low = 1, high = 9 }
items = [{ code = "a", number = 1, labels = "words" }]
"""
    words = 'instrument="note"\nversion="1"\nlang="zh_Hans_CN"\nwording="official"\nname="n"\n'
    text = parse_text(words + 'instruction="i"\nitems.a="A"\n', "f", parse_instrument(toml, "f"))
    assert dict(text.labels) == {}


@pytest.mark.req("CAP-03")
@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('note = "Note"\n', "", "items.note"),
        ('note = "Note"', 'note = "Note"\nq99 = "x"', "items.q99"),
        ('f = "F"', 'f = " "', "items.f"),
        ('10 = "most"\n', "", "labels.ten.10"),
        ('10 = "most"', '10 = "most"\n5 = "middle"', "labels.ten.5"),
        ('instrument = "oddity"', 'instrument = "other"', "instrument"),
        ('version = "0.1"', 'version = "0.2"', "version"),
        ('lang = "en"', 'lang = "English"', "lang"),
        ('wording = "official"', 'wording = "borrowed"', "wording"),
        ('name = "Odd"', 'name = "Odd"\nrecalls = {}', "recalls"),
    ],
)
def test_words_that_are_missing_unknown_or_anothers_are_refused(old: str, new: str, key: str) -> None:
    assert old in ODD_TEXT
    with pytest.raises(BadDefinition) as refused:
        parse_text(ODD_TEXT.replace(old, new, 1), "text.en.toml", ODDITY)
    assert (refused.value.file, refused.value.key) == ("text.en.toml", key)


def test_the_golden_file_covers_every_scale_with_and_without_a_score() -> None:
    with (QUESTIONNAIRES / "qlq-c30/3.0/golden.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for scale in QLQ_C30.scales:
        assert {row[scale.code] == "" for row in rows} == {True, False}
