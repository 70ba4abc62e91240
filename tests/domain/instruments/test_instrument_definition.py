"""Reading of definition files: each wrong key is refused with file, key, value and what is allowed."""

from collections.abc import Callable
from datetime import date

import pytest

from app.domain.refusal import BadDefinition
from app.domain.toml_section import TomlSection, read_toml

SAMPLE = """
name = "x"
size = 3
on = true
kind = "b"
day = 2026-02-13
tags = ["p", "q"]
sizes = [1, 2]
[below]
deep = "y"
[[rows]]
n = 1
[[rows]]
n = 2
"""


def test_every_getter_reads_what_it_names() -> None:
    root = read_toml(SAMPLE, "f.toml")
    assert (root.read_text("name"), root.read_integer("size", 1, 3), root.read_flag("on")) == ("x", 3, True)
    assert root.read_choice("kind", ["a", "b"]) == "b"
    assert root.read_code("kind", "[a-c]", "a, b or c") == "b"
    assert root.read_day("day") == date(2026, 2, 13)
    assert (root.read_texts("tags"), root.read_integers("sizes", 1, 2)) == (("p", "q"), (1, 2))
    assert root.read_table("below") == {"deep": "y"}
    assert [row.read_integer("n", 1, 2) for row in root.read_sections("rows")] == [1, 2]
    root.refuse_unknown()


def test_defaults_stand_in_for_absent_keys_only() -> None:
    root = read_toml("size = 3", "f.toml")
    assert root.read_text("t", "d") == "d"
    assert root.read_integer("size", 0, 9, 1) == 3
    assert root.read_integer("n", 0, 9, 1) == 1
    assert root.read_flag("f", False) is False
    assert root.read_choice("c", ["a"], "a") == "a"
    assert root.read_texts("ts", ()) == ()
    assert root.read_integers("is", 0, 1, ()) == ()
    assert root.read_sections("ss", ()) == ()
    assert (root.has("size"), root.has("nothing")) == (True, False)
    root.refuse_unknown()


@pytest.mark.parametrize(
    ("toml", "ask", "key", "value"),
    [
        ("", lambda s: s.text("k"), "k", None),
        ("k = 1", lambda s: s.text("k"), "k", 1),
        ('k = "  "', lambda s: s.text("k"), "k", "  "),
        ("k = true", lambda s: s.integer("k", 0, 1), "k", True),
        ("k = 5", lambda s: s.integer("k", 0, 4), "k", 5),
        ("k = 1.0", lambda s: s.integer("k", 0, 4), "k", 1.0),
        ('k = "yes"', lambda s: s.flag("k"), "k", "yes"),
        ('k = "c"', lambda s: s.choice("k", ["a", "b"]), "k", "c"),
        ("k = 1", lambda s: s.choice("k", ["a", "b"]), "k", 1),
        ('k = "A"', lambda s: s.code("k", "[a-z]", "lower case"), "k", "A"),
        ("k = 1", lambda s: s.code("k", "[a-z]", "lower case"), "k", 1),
        ('k = "2026-02-13"', lambda s: s.day("k"), "k", "2026-02-13"),
        ('k = "p"', lambda s: s.texts("k"), "k", "p"),
        ('k = ["p", 2]', lambda s: s.texts("k"), "k[1]", 2),
        ("k = [1, 9]", lambda s: s.integers("k", 0, 4), "k[1]", 9),
        ("k = 1", lambda s: s.section("k"), "k", 1),
        ("k = [1]", lambda s: s.sections("k"), "k[0]", 1),
        ("[k]\nx = 1", lambda s: s.section("k").text("x"), "k.x", 1),
        ("[[k]]\n[[k]]\nx = 1", lambda s: s.sections("k")[1].text("x"), "k[1].x", 1),
    ],
)
def test_a_wrong_value_is_refused_with_its_position(
    toml: str, ask: Callable[[TomlSection], object], key: str, value: object
) -> None:
    with pytest.raises(BadDefinition) as refused:
        ask(read_toml(toml, "f.toml"))
    assert (refused.value.file, refused.value.key, refused.value.value) == ("f.toml", key, value)
    assert refused.value.allowed


def test_a_moment_is_not_a_day() -> None:
    with pytest.raises(BadDefinition, match="a date, such as"):
        read_toml("k = 2026-02-13T00:00:00Z", "f.toml").read_day("k")


@pytest.mark.parametrize(("toml", "key"), [("x = 1", "x"), ("[a]\nx = 1", "a.x"), ("[[a]]\nx = 1", "a[0].x")])
def test_an_unknown_key_is_refused(toml: str, key: str) -> None:
    root = read_toml(toml, "f.toml")
    if toml.startswith("[["):
        root.read_sections("a")
    elif root.has("a"):
        root.read_section("a").has("y")
    with pytest.raises(BadDefinition, match="unknown key; allowed: ") as refused:
        root.refuse_unknown()
    assert refused.value.key == key


def test_text_that_is_not_toml_is_refused_with_its_line() -> None:
    with pytest.raises(BadDefinition, match="line 2") as refused:
        read_toml("a = 1\nb = = 2\n", "f.toml")
    assert refused.value.file == "f.toml"
