"""The list of the tests that rest from tracing loses no branch, and names tests that exist."""

from xml.etree import ElementTree as ET

from app.storage.queries.today import rows
from app.storage.queries.today.branches import TodayShape
from tests import untraced
from tests.meta.sources import ROOT
from tests.tracing import forget_built_statements

CASE = '<testcase classname="tests.faces.test_a" name="{name}" time="{time}"/>'


def test_every_branch_is_still_reached_and_what_is_quick_never_rests() -> None:
    reached = {
        "dear": {(1, 1, 2), (1, 2, 3)},
        "dearer": {(1, 1, 2)},
        "quick": {(1, 2, 3)},
        "only": {(1, 3, 4)},
    }
    seconds = {"dearer": 9.0, "dear": 5.0, "only": 7.0, "quick": untraced.DEAR_SECONDS / 2}
    assert untraced.choose(reached, seconds) == ["dearer"]
    wide = {**reached, "wide": {(1, 1, 2), (1, 3, 4)}}
    assert untraced.choose(wide, {**seconds, "wide": 2.0}) == ["dear", "dearer", "only"]
    always = {f"{untraced.ALWAYS[0]}test_x.py::test_y": {(1, 2, 3)}, "quick": {(1, 2, 3)}}
    assert untraced.choose(always, {**seconds, next(iter(always)): 9.0}) == []
    assert untraced.choose({"quick": {(1, 2, 3)}, "dear": {(1, 2, 3)}}, seconds) == ["dear"]


def test_the_cases_of_a_function_count_together_but_those_on_postgresql() -> None:
    cases = [("test_x[sqlite-1]", "1.5"), ("test_x[sqlite-2]", "2"), ("test_x[postgresql-1]", "4")]
    seconds = untraced.read_seconds(ET.fromstring(CASE.format(name=name, time=time)) for name, time in cases)
    assert seconds == {
        "tests/faces/test_a.py::test_x": 3.5,
        "tests/faces/test_a.py::test_x[postgresql]": 4.0,
    }


def test_the_list_names_tests_that_exist() -> None:
    # Some were renamed or are gone? Make the list anew, as tests/untraced.py says, or take them out.
    addresses = [address.partition("[")[0].partition("::") for address in untraced.untraced_tests()]
    assert len(addresses) > 100
    missing = [
        f"{module}::{function}"
        for module, _, function in addresses
        if not (ROOT / module).exists()
        or f"def {function}(" not in (ROOT / module).read_text(encoding="utf-8")
    ]
    assert missing == []


def test_what_was_built_unmeasured_is_built_again() -> None:
    rows.people_statement(TodayShape((), hides_arm=True, filtered=False))
    assert rows.people_statement.cache_info().currsize > 0
    forget_built_statements()
    assert rows.people_statement.cache_info().currsize == 0
