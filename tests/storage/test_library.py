"""The library of definitions: complete, locked, and loud about a fault."""

import shutil
from pathlib import Path

import pytest

from app.definitions.library import LOCK, Library, check_lock, file_digests, load_library
from app.domain.refusal import BadDefinition, Refused

SHIPPED = Path(__file__).parents[2] / "questionnaires"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of what ships, that a test may spoil."""
    return Path(shutil.copytree(SHIPPED, tmp_path / "questionnaires"))


@pytest.fixture(scope="module")
def library() -> Library:
    return load_library(SHIPPED)


@pytest.mark.req("CAP-01")
def test_what_ships_loads_and_is_locked(library: Library) -> None:
    assert {("qlq-c30", "3.0"), ("symptom-diary", "1.0")} <= set(library.instruments)
    assert library.plan("sbrt-nsclc", "1.0").languages == ("zh_CN", "en")
    lock = (SHIPPED / LOCK).read_text("utf-8")
    assert all(name in lock and sha256 in lock for name, sha256 in file_digests(SHIPPED).items())


@pytest.mark.req("CAP-03")
def test_words_are_never_replaced_by_another_language(library: Library) -> None:
    instrument = library.instrument("qlq-c30", "3.0")
    assert library.text(instrument, "zh_CN").lang == "zh_CN"
    with pytest.raises(Refused, match="no_translation"):
        library.text(instrument, "fr")


def test_what_is_not_there_is_refused_with_what_is(library: Library) -> None:
    with pytest.raises(Refused, match=r"unknown_instrument.*qlq-c30@3\.0"):
        library.instrument("qlq-c30", "4.0")
    with pytest.raises(Refused, match=r"unknown_plan.*sbrt-nsclc@1\.0"):
        library.plan("sbrt-nsclc", "2.0")


@pytest.mark.req("CAP-01")
def test_a_published_file_that_changed_by_a_byte_is_refused(root: Path) -> None:
    text = root / "qlq-c30/3.0/text.en.toml"
    text.write_bytes(text.read_bytes() + b"\n")
    with pytest.raises(BadDefinition, match=r"text\.en\.toml"):
        load_library(root)


def test_a_published_file_that_went_is_refused(root: Path) -> None:
    (root / "symptom-diary/1.0/text.zh_CN.toml").unlink()
    with pytest.raises(BadDefinition, match="zh_CN"):
        check_lock(root)


def unlock(root: Path) -> None:
    (root / LOCK).write_text("[sha256]\n", "utf-8")


def replaced(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_a_plan_names_only_what_there_is(root: Path) -> None:
    unlock(root)
    plan = root / "plans/sbrt-nsclc/1.0.toml"
    (root / "symptom-diary/1.0/text.zh_CN.toml").rename(root / "away.toml")
    with pytest.raises(BadDefinition, match="languages = 'zh_CN'"):
        load_library(root)
    (root / "away.toml").rename(root / "symptom-diary/1.0/text.zh_CN.toml")
    replaced(plan, 'leave_out = ["other"]', 'leave_out = ["nobody"]')
    with pytest.raises(BadDefinition, match="leave_out = 'nobody'"):
        load_library(root)
    shutil.rmtree(root / "symptom-diary")
    with pytest.raises(BadDefinition, match=r"one of qlq-c30 3\.0"):
        load_library(root)


@pytest.mark.req("ALR-05")
def test_a_plan_marks_as_urgent_only_what_can_be_answered(root: Path) -> None:
    unlock(root)
    plan = root / "plans/sbrt-nsclc/1.0.toml"
    marked = 'leave_out = ["other"]\nurgent = [{ item = "pain", op = ">=", value = 9 }]'
    replaced(plan, 'leave_out = ["other"]', marked)
    marks = load_library(root).plan("sbrt-nsclc", "1.0").instruments[1].urgent
    assert [(mark.item, mark.op, mark.value) for mark in marks] == [("pain", ">=", 9)]
    for old, new, told in (
        ('item = "pain"', 'item = "nothing"', "urgent = 'nothing'"),
        ('item = "nothing"', 'item = "other"', "urgent = 'other'"),
        ('item = "other", op = ">=", value = 9', 'item = "pain", op = ">=", value = 11', "from 0 to 10"),
    ):
        replaced(plan, old, new)
        with pytest.raises(BadDefinition, match=told):
            load_library(root)


def test_a_definition_stands_where_its_name_says(root: Path) -> None:
    unlock(root)
    (root / "qlq-c30/3.0").rename(root / "qlq-c30/4.0")
    with pytest.raises(BadDefinition, match="the names of its folders"):
        load_library(root)


def test_a_file_that_is_no_text_is_refused(root: Path) -> None:
    unlock(root)
    (root / "qlq-c30/3.0/text.en.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadDefinition, match="UTF-8"):
        load_library(root)
