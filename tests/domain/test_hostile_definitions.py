"""Whatever stands in a definition file: one sentence that names the file, and soon."""

import time
from collections.abc import Callable
from datetime import time as clock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.instruments.pack import parse_pack
from app.domain.instruments.parsing import parse_instrument
from app.domain.instruments.text import parse_text
from app.domain.plans.parsing import parse_plan
from app.domain.refusal import BadDefinition
from app.domain.toml_section import read_toml
from tests.domain.hostile_files import HOSTILE_TOML
from tests.domain.questionnaires import ODDITY, ODDITY_TOML
from tests.domain.trial import HEAD, repeated_visit, visit

PARSERS: dict[str, Callable[[str], object]] = {
    "instrument": lambda toml: parse_instrument(toml, "f.toml"),
    "text": lambda toml: parse_text(toml, "f.toml", ODDITY),
    "plan": lambda toml: parse_plan(toml, "f.toml"),
    "pack": lambda toml: parse_pack(toml, "f.toml", lambda _id, _version: ODDITY),
}
LONGEST = 1.0
"""Seconds of this process's own work, whoever else works beside it."""


def refuse(parse: Callable[[str], object], toml: str, tries: int = 3) -> BadDefinition:
    begun = time.process_time()
    with pytest.raises(BadDefinition) as refused:
        parse(toml)
    if time.process_time() - begun >= LONGEST:
        assert tries > 1, "longer than a second each time, and not only while others used the core"
        return refuse(parse, toml, tries - 1)
    said = str(refused.value)
    assert said.startswith("f.toml: ")
    assert said.isprintable()
    assert len(said) < 1000
    return refused.value


def complaint(text: str) -> str:
    """What is said of a text; "" when it is TOML."""
    try:
        read_toml(text, "f.toml")
    except BadDefinition as refused:
        return str(refused)
    return ""


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("toml", HOSTILE_TOML.values(), ids=HOSTILE_TOML.keys())
def test_a_hostile_file_is_refused_in_one_sentence_within_a_second(parser: str, toml: str) -> None:
    assert refuse(PARSERS[parser], toml).allowed


@pytest.mark.parametrize(
    "toml",
    [
        'a = "See 1.2.3.4.5.6.7.8.9"',
        "a = 'z. B. d. h. u. a. i. d. R.'",
        "a = 1 # www.a.b.c.d.e.f.g.h.i",
        'a = """\nwww.a.b.c.d.e.f.g.h.i "" \\"" """',
        "a = '''www.a.b.c.d.e.f.g.h.i '' '''",
        "a.b.c.d.e.f.g.h = 1",
    ],
)
def test_dots_are_no_fault_but_in_an_endless_key(toml: str) -> None:
    assert read_toml(toml, "file.toml").has("a")


@pytest.mark.parametrize("key", ["a.b.c.d.e.f.g.h.i", 'a . \'b.\'."c.\\"".d.e.f.g.h.i'])
@pytest.mark.parametrize("line", ["{} = 1", "[{}]", "[[{}]]", 'x = "a.b"\ny = {{{} = 1}}'])
def test_a_key_of_nine_parts_is_refused(key: str, line: str) -> None:
    with pytest.raises(BadDefinition, match="keys of at most 8 parts"):
        read_toml(line.format(key), "file.toml")


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    assert complaint(text).isprintable()


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('name = "Oddity"', 'name = "Odd\\nity"', "name"),
        ('name = "Oddity"', 'name = "Odd\u200fity"', "name"),
        ('name = "Oddity"', 'name = "Odd\u200bity"', "name"),
        ('name = "Oddity"', "name = '" + "x" * 201 + "'", "name"),
        ('name = "Oddity"', 'name = "Odd\u202eity"', "name"),
    ],
)
def test_a_name_is_one_line_of_signs_that_are_seen(old: str, new: str, key: str) -> None:
    assert refuse(PARSERS["instrument"], ODDITY_TOML.replace(old, new)).key == key


def test_long_lists_of_allowed_values_are_shortened() -> None:
    many = "".join(f'[[items]]\ncode = "i{n}"\nnumber = {n}\nlabels = "five"\n' for n in range(1, 999))
    head = ODDITY_TOML[: ODDITY_TOML.index("[[items]]")]
    labels = head[head.index("[labels.five]") : head.index("[labels.three]")]
    scale = '[[scales]]\ncode = "A"\nname = "A"\nkind = "symptom"\nitems = ["none"]\nlow = 0\nhigh = 4\n'
    toml = head[: head.index("[labels.five]")] + labels + many + scale
    assert refuse(PARSERS["instrument"], toml).key == "scales[0].items"


def test_running_text_allows_line_ends_and_direction_marks() -> None:
    assert read_toml('a = """x\ny\tz\u200f"""', "f.toml").read_text("a") == "x\ny\tz\u200f"


@pytest.mark.parametrize(
    ("parts", "key"),
    [
        ([visit(f"V{n}", offset=str(n)) for n in range(201)], "visits"),
        ([repeated_visit("D{n}", 0, 1001, 1, "days", before="0", after="0")], "visits"),
        ([repeated_visit("M{n}", 0, 4200, 1, "months", before="0", after="0")], "visits"),
        ([repeated_visit("M{n}", 0, 900, 1, "months", before="0", after="0")], "visits[0]"),
        ([visit("V" + "9" * 5000)], "visits[0].code"),
    ],
)
def test_a_plan_of_too_many_visits_is_refused_soon(parts: list[str], key: str) -> None:
    assert refuse(PARSERS["plan"], HEAD + "".join(parts)).key == key


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("[0-9]{3}", "(" * 150 + ")" * 150, "subject_pattern"),
        ("[0-9]{3}", "a{99999999999999999999}", "subject_pattern"),
        ("[0-9]{3}", "(a+)+", "subject_pattern"),
        ("[0-9]{3}", "(a|aa){9}", "subject_pattern"),
        ("[0-9]{3}", "a*a*a*a*a{0,9}b", "subject_pattern"),
        ("[0-9]{3}", "(?=a)b", "subject_pattern"),
        ('id = "small"', 'id = "' + "s" * 41 + '"', "id"),
        ('languages = ["en"]', "languages = [" + '"en", ' * 10_000 + "]", "languages"),
        ("blinded = true", "blinded = true\nexemptions = ['" + "x" * 41 + "']", "exemptions"),
        (
            'arms = [{ code = "A", name = "First" }, { code = "B", name = "Second" }]',
            "arms = [" + "".join(f'{{ code = "A{n}", name = "x" }}, ' for n in range(13)) + "]",
            "arms",
        ),
        (
            '{ id = "short", version = "1.0" }',
            '{ id = "short", version = "1.0", urgent = ['
            + '{ item = "a", op = ">=", value = 1 }, ' * 101
            + "] }",
            "instruments[0].urgent",
        ),
        ("Europe/Berlin", "../../../etc/passwd", "zone"),
        ("Europe/Berlin", "x" * 5000, "zone"),
    ],
)
def test_hostile_values_of_a_plan_are_refused_by_key(old: str, new: str, key: str) -> None:
    assert old in HEAD
    assert refuse(PARSERS["plan"], HEAD.replace(old, new, 1) + visit()).key == key


def test_a_plan_at_its_limits_is_read_within_a_second() -> None:
    many = [
        repeated_visit(f"{letter}{{n}}", 1, 125, 1, "months", series=f'"s_{letter.lower()}"')
        for letter in "ABCDEFG"
    ]
    begun = time.process_time()
    plan = parse_plan(
        HEAD.replace("follow_up_weeks = 200", "follow_up_weeks = 600") + "".join(many), "f.toml"
    )
    assert time.process_time() - begun < LONGEST
    assert (len(plan.visits), plan.reminders.at) == (7, clock(9))
