"""Every requirement that a test cites exists."""

import re

from tests.meta.requirements import cited, levels, summary


def test_every_cited_requirement_exists() -> None:
    known = levels()
    assert known
    assert [f"{where} {name}" for where, name in cited() if name not in known] == []


def test_binding_requirements_have_evidence() -> None:
    counted = re.match(r"requirements: (\d+) of (\d+) ", summary())
    assert counted
    assert 0 < int(counted[1]) <= int(counted[2])
