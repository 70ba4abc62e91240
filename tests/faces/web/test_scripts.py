"""The patient's scripts are read by a parser of ECMAScript 5: nobody raises the level by accident."""

import re

import pytest
from calmjs.parse.exceptions import ECMASyntaxError
from calmjs.parse.parsers.es5 import Parser

from tests.faces import page_samples as samples

DESK = {"desk.js"}
"""Runs in the browsers of hospitals only, beside htmx."""
FOLDER = samples.STATIC / "js"
SCRIPTS = sorted(
    path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.js") if path.name not in DESK
)


@pytest.mark.req("CAP-20")
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_for_patients_is_ecmascript_5(name: str) -> None:
    tree = Parser().parse((FOLDER / name).read_text(encoding="utf-8"))
    assert list(tree)


@pytest.mark.req("CAP-20")
def test_the_served_runner_is_ecmascript_5() -> None:
    inlined = samples.assets()
    for script in (*inlined.runners.values(), inlined.mark):
        assert list(Parser().parse(str(script)))


@pytest.mark.parametrize("newer", ["let a = 1;", "f(() => 1);", "`a`;", "a?.b;", "f(...a);", "x = {a};"])
def test_the_parser_refuses_newer_words(newer: str) -> None:
    with pytest.raises(ECMASyntaxError):
        Parser().parse(newer)


def test_the_desk_listens_to_events_that_its_htmx_has() -> None:
    """Another version names them otherwise, and a listener for what never comes does nothing."""
    named = set(re.findall("'(htmx:[a-zA-Z:]+)'", (FOLDER / "desk.js").read_text(encoding="utf-8")))
    known = (samples.STATIC / "vendor" / "htmx" / "htmx.min.js").read_text(encoding="utf-8")
    assert named
    assert {name for name in named if f'"{name}"' not in known} == set()
