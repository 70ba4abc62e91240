"""Every requirement has a text, every one that a test cites exists, and the document is up to date."""

import re

import pytest

from tests.meta.requirements import DOCUMENT, cited, document, evidence, groups, levels, requirements, summary

LONGEST_TEXT = 200


def test_every_requirement_has_one_line_of_text_and_a_source() -> None:
    assert requirements()
    wrong = [
        name
        for name, requirement in requirements().items()
        for line in (requirement.text, requirement.source)
        if not line.strip() or "\n" in line or "|" in line or len(line) > LONGEST_TEXT
    ]
    assert wrong == []


def test_every_requirement_has_a_known_level_and_group() -> None:
    assert set(levels().values()) == {"MUST", "MUST*", "SHOULD"}
    assert {name.split("-")[0] for name in requirements()} == groups().keys()
    assert [name for name in requirements() if not re.fullmatch(r"[A-Z]{3}-\d\d", name)] == []


def test_every_cited_requirement_exists() -> None:
    known = levels()
    assert [f"{where} {name}" for where, name in cited() if name not in known] == []


def test_every_citation_stands_at_a_test() -> None:
    proven = evidence()
    assert {name for _, name in cited()} == proven.keys()
    functions = {test.split("::")[1] for tests in proven.values() for test in tests}
    assert [name for name in functions if not name.startswith("test_")] == []


def test_binding_requirements_have_evidence() -> None:
    counted = re.match(r"requirements: (\d+) of (\d+) ", summary())
    assert counted
    assert 0 < int(counted[1]) <= int(counted[2])


@pytest.mark.req("VAL-01")
def test_the_document_is_what_the_command_writes() -> None:
    # Out of date? Run: python -m tests.meta.requirements
    assert DOCUMENT.read_text(encoding="utf-8") == document()
