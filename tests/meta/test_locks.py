"""The lock files hold every dependency, exactly, with hashes, and no address."""

import re
import tomllib

import pytest

from tests.meta.sources import ROOT

PINNED = re.compile(r"^([a-z0-9-]+)(?:\[[^]]*\])?==\S+", re.MULTILINE)


def _name(requirement: str) -> str:
    named = re.match(r"[\w.-]+", requirement)
    assert named
    return re.sub(r"[-_.]+", "-", named[0]).lower()


def _required(dev: bool) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {
        _name(one)
        for one in project["dependencies"] + (project["optional-dependencies"]["dev"] if dev else [])
    }


@pytest.mark.parametrize(("lock", "dev"), [("requirements.lock", False), ("requirements-dev.lock", True)])
def test_the_lock_holds_what_the_project_asks_for(lock: str, dev: bool) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert _required(dev) <= set(PINNED.findall(text))
    assert "://" not in text


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_every_locked_package_has_a_hash(lock: str) -> None:
    entries = re.split(r"\n(?=[a-z0-9])", (ROOT / lock).read_text(encoding="utf-8").strip())
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_both_locks_agree() -> None:
    run, dev = (
        set(re.findall(r"^[a-z0-9-]+(?:\[[^]]*\])?==\S+", (ROOT / lock).read_text("utf-8"), re.MULTILINE))
        for lock in ("requirements.lock", "requirements-dev.lock")
    )
    assert run <= dev
