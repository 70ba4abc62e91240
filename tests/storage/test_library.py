"""The library of definitions: complete, locked, and loud about a fault."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from app.definitions.library import LOCK, Library, check_lock, file_digests, load_library, read_lock
from app.definitions.publishing import list_drafts
from app.domain.refusal import BadDefinition, Refused
from app.i18n.languages import LANGUAGE_CODES

SHIPPED = Path(__file__).parents[2] / "questionnaires"


def load(root: Path) -> Library:
    return load_library(root, LANGUAGE_CODES)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of what ships, that a test may spoil."""
    return Path(shutil.copytree(SHIPPED, tmp_path / "questionnaires"))


@pytest.fixture(scope="module")
def library() -> Library:
    return load(SHIPPED)


@pytest.mark.req("CAP-01")
def test_what_ships_loads_and_is_locked(library: Library) -> None:
    assert {("qlq-c30", "3.0"), ("symptom-diary", "1.0")} <= set(library.instruments)
    drafted = {name: plan.draft for name, plan in library.plans.items()}
    assert drafted.items() >= {("sbrt-nsclc", "1.0"): False, ("sbrt-nsclc", "1.1"): False}.items()
    assert library.get_plan("sbrt-nsclc", "1.0").languages == ("zh_CN", "en")
    digests, drafts = file_digests(SHIPPED), list_drafts(library)
    assert read_lock(SHIPPED) == {name: sha256 for name, sha256 in digests.items() if name not in drafts}


PUBLISHED = {
    "plans/sbrt-nsclc/1.0.toml": "b29337445897dc11067df6d0aa11116cb3840b8d7cd4393340a649fd682909bb",
    "plans/sbrt-nsclc/1.1.toml": "b922642c9d5125738bded222618f3e14ab944510cbb4c9d8584942bac98cc51d",
    "qlq-c30/3.0/golden.csv": "4869f1a7f3eb5ee892e53615e4e596eda12fc5f18b6c5fb884de180d0685ed41",
    "qlq-c30/3.0/instrument.toml": "19e22fc07e4adf2e576c340133ea053644615191663cf4606dafaef584c574a2",
    "qlq-c30/3.0/text.en.2.toml": "4f0950bfc4152967c9d55831608d53a212fed1c5dabacbb57a7840baeecbe697",
    "qlq-c30/3.0/text.en.toml": "8d62d431b416c8b49e100c002b20ea0711c40f23671afb42773c350bf0c494f9",
    "qlq-c30/3.0/text.zh_CN.2.toml": "c23a074b6c28a134507fb8e76ad268d87c0fec450876f795dad9980ace0a5989",
    "qlq-c30/3.0/text.zh_CN.toml": "ecc84a0cd2632941c7b1bc14439ac0277d5b0bac1833eb55049ed6ed27801c16",
    "symptom-diary/1.0/instrument.toml": "9d2386a746bd26087238d85a7c248cc90ef006d5e4bbaece14794f678f55d1c7",
    "symptom-diary/1.0/text.en.toml": "46c1a72fa30ecff3e6a268ac7ae0a52e06c6b88ac2293cfa4f771d8880ddc498",
    "symptom-diary/1.0/text.zh_CN.toml": "6b125e47794e14c3d810fe219d340eaa622b6e305ff115b0243d4ec2b2e2561a",
    "symptom-diary/1.1/instrument.toml": "b5ee1171b74c4714a05e894d26494e974f40a0eb347d8585aaf7f08f2486d85e",
    "symptom-diary/1.1/text.en.toml": "d99ad1b2e5cfcf94dece3921428b9abbc5079758f0068e43c42378a3bea2bd02",
    "symptom-diary/1.1/text.zh_CN.toml": "2eadc00bb5b97337a6c56e289b631a60542506c7dbdbfe74cac425d9faf78015",
}


@pytest.mark.req("CAP-01")
def test_what_was_first_published_is_the_same_to_the_byte() -> None:
    digests, lock = file_digests(SHIPPED), read_lock(SHIPPED)
    assert {name: digests[name] for name in PUBLISHED} == PUBLISHED
    assert {name: lock[name] for name in PUBLISHED} == PUBLISHED


@pytest.mark.parametrize("lock", ["", "[sha256]\na = 1", "[sha256]\n[more]", "sha256 = 3"])
def test_a_lock_that_is_none_is_refused(root: Path, lock: str) -> None:
    (root / LOCK).write_text(lock, "utf-8")
    with pytest.raises(BadDefinition, match=r"^published\.toml: "):
        load(root)


@pytest.mark.req("CAP-03")
def test_words_are_never_replaced_by_another_language(library: Library) -> None:
    instrument = library.get_instrument("qlq-c30", "3.0")
    assert library.get_text(instrument, "zh_CN").lang == "zh_CN"
    with pytest.raises(Refused, match="no_translation"):
        library.get_text(instrument, "fr")


def test_what_is_not_there_is_refused_with_what_is(library: Library) -> None:
    with pytest.raises(Refused, match=r"unknown_instrument.*qlq-c30@3\.0"):
        library.get_instrument("qlq-c30", "4.0")
    with pytest.raises(Refused, match=r"unknown_plan.*sbrt-nsclc@1\.0"):
        library.get_plan("sbrt-nsclc", "2.0")


@pytest.mark.req("CAP-01")
def test_a_published_file_that_changed_by_a_byte_is_refused(root: Path) -> None:
    text = root / "qlq-c30/3.0/text.en.toml"
    text.write_bytes(text.read_bytes() + b"\n")
    with pytest.raises(BadDefinition, match=r"text\.en\.toml"):
        load(root)


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
        load(root)
    (root / "away.toml").rename(root / "symptom-diary/1.0/text.zh_CN.toml")
    replaced(plan, 'leave_out = ["other"]', 'leave_out = ["nobody"]')
    with pytest.raises(BadDefinition, match="leave_out = 'nobody'"):
        load(root)
    shutil.rmtree(root / "symptom-diary")
    with pytest.raises(BadDefinition, match=r"one of .*qlq-c30 3\.0"):
        load(root)


@pytest.mark.req("ALR-05")
def test_a_plan_marks_as_urgent_only_what_can_be_answered(root: Path) -> None:
    unlock(root)
    plan = root / "plans/sbrt-nsclc/1.0.toml"
    marked = 'leave_out = ["other"]\nurgent = [{ item = "pain", op = ">=", value = 9 }]'
    replaced(plan, 'leave_out = ["other"]', marked)
    marks = load(root).get_plan("sbrt-nsclc", "1.0").instruments[1].urgent
    assert [(mark.item, mark.op, mark.value) for mark in marks] == [("pain", ">=", 9)]
    for old, new, expected in (
        ('item = "pain"', 'item = "nothing"', "urgent = 'nothing'"),
        ('item = "nothing"', 'item = "other"', "urgent = 'other'"),
        ('item = "other", op = ">=", value = 9', 'item = "pain", op = ">=", value = 11', "from 0 to 10"),
    ):
        replaced(plan, old, new)
        with pytest.raises(BadDefinition, match=expected):
            load(root)


def test_a_definition_stands_where_its_name_says(root: Path) -> None:
    unlock(root)
    (root / "qlq-c30/3.0").rename(root / "qlq-c30/4.0")
    with pytest.raises(BadDefinition, match="the names of its folders"):
        load(root)


def test_a_file_that_is_no_text_is_refused(root: Path) -> None:
    unlock(root)
    (root / "qlq-c30/3.0/text.en.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadDefinition, match="UTF-8"):
        load(root)


def test_a_plan_offers_only_languages_that_the_program_speaks(root: Path) -> None:
    with pytest.raises(BadDefinition, match=r"a language of the program: en$") as refused:
        load_library(root, ("en",))
    assert (refused.value.file.split("/")[0], refused.value.key) == ("plans", "languages")
    assert refused.value.value == "zh_CN"


def test_words_stand_in_the_file_of_their_language(root: Path) -> None:
    unlock(root)
    (root / "qlq-c30/3.0/text.en.toml").rename(root / "qlq-c30/3.0/text.de.toml")
    with pytest.raises(BadDefinition, match="the language in the file's name"):
        load(root)


@pytest.mark.req("VAL-05")
def test_words_have_editions_and_answers_keep_theirs(root: Path) -> None:
    unlock(root)
    folder = root / "qlq-c30/3.0"
    (folder / "text.en.2.toml").unlink()
    first = load(root)
    old = first.get_text(first.get_instrument("qlq-c30", "3.0"), "en")
    third = (folder / "text.en.toml").read_text("utf-8").replace("Breathlessness", "Out of breath")
    (folder / "text.en.3.toml").write_text(third, "utf-8")
    with pytest.raises(BadDefinition, match=r"text\.en\.3\.toml.*an edition after text\.en\.2\.toml"):
        load(root)
    (folder / "text.en.3.toml").rename(folder / "text.en.2.toml")
    both = load(root)
    new = both.get_text(both.get_instrument("qlq-c30", "3.0"), "en")
    assert (old.items["q8"], new.items["q8"]) == ("Breathlessness", "Out of breath")
    assert [both.editions[each.sha256] for each in (old, new)] == [old, new]
    replaced(folder / "text.en.2.toml", 'wording = "demonstration"', 'wording = "official"')
    with pytest.raises(BadDefinition, match=r"wording = 'official'.*a new version of the instrument"):
        load(root)
    replaced(folder / "text.en.2.toml", 'wording = "official"', 'wording = "demonstration"')
    for name in ("text.en.1.toml", "text.en.02.toml", "text.en.100.toml", "text.en.zwei.toml"):
        (folder / "text.en.2.toml").rename(folder / name)
        with pytest.raises(BadDefinition, match="the language in the file's name"):
            load(root)
        (folder / name).rename(folder / "text.en.2.toml")


def test_a_plan_names_thresholds_that_its_instrument_has(root: Path) -> None:
    unlock(root)
    plan = root / "plans/sbrt-nsclc/1.0.toml"
    text = plan.read_text("utf-8")
    named = 'id = "qlq-c30"\nthresholds = "giesinger-2020"\n'
    plan.write_text(text.replace('id = "qlq-c30"\n', named, 1), "utf-8")
    read = load(root)
    thresholds = read.thresholds_of(read.get_plan("sbrt-nsclc", "1.0"))
    assert {name: each.limits["PF"] for name, each in thresholds.items()} == {"qlq-c30": 83}
    assert read.thresholds_of(read.get_plan("symptoms-at-home", "1.0")) == {}
    plan.write_text(
        text.replace('id = "symptom-diary"\n', named.replace("qlq-c30", "symptom-diary"), 1), "utf-8"
    )
    with pytest.raises(BadDefinition, match="a set for symptom-diary: none") as refused:
        load(root)
    assert refused.value.key == "thresholds"


def test_thresholds_stand_in_the_folder_of_their_instrument(root: Path) -> None:
    unlock(root)
    (root / "thresholds/qlq-c30").rename(root / "thresholds/qlq-c31")
    with pytest.raises(BadDefinition, match="a folder named after an instrument"):
        load(root)


def asks(root: Path, keys: str) -> Library:
    """The library with a published plan that says these keys of the diary."""
    unlock(root)
    replaced(root / "plans/sbrt-nsclc/1.0.toml", 'leave_out = ["other"]', keys)
    return load(root)


def test_a_plan_may_name_the_items_it_asks(root: Path) -> None:
    used = asks(root, 'ask = ["any_symptom", "pain", "fever"]').get_plan("sbrt-nsclc", "1.0").instruments[1]
    diary = load(root).get_instrument("symptom-diary", "1.0")
    assert used.leave_out == set(diary.by_code) - {"any_symptom", "pain", "fever"}


@pytest.mark.parametrize(
    ("keys", "key", "reason"),
    [
        ('ask = ["any_symptom", "nothing"]', "ask", "an item of symptom-diary"),
        ('ask = ["fever", "any_symptom", "temperature", "nothing"]', "ask", "an item of symptom-diary"),
        ('ask = ["any_symptom", "temperature"]', "ask", "with fever, on which it depends"),
        ('ask = ["pain"]\nleave_out = ["other"]', "instruments[1].ask", "ask or leave_out, not both"),
        ("ask = []", "instruments[1].ask", "at least one item"),
        (
            'ask = ["any_symptom"]\nurgent = [{ item = "pain", op = ">=", value = 9 }]',
            "urgent",
            "an item of symptom-diary that is answered by a number",
        ),
    ],
)
def test_a_plan_names_only_existing_items(root: Path, keys: str, key: str, reason: str) -> None:
    with pytest.raises(BadDefinition, match=reason) as refused:
        asks(root, keys)
    assert refused.value.key == key


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('version = "3.0"', 'version = "3.1"', "instrument"),
        ("EOR0145 =", "EOR0146 =", "tests.EOR0146"),
        ('QL = "C30QL2"', 'XX = "C30QL2"', "parameters.XX"),
        ('SUM = "QLQ-C30 Summary Score"', 'TOTAL = "QLQ-C30 Summary Score"', "names.TOTAL"),
    ],
)
def test_terms_name_what_their_instrument_has(root: Path, old: str, new: str, key: str) -> None:
    unlock(root)
    replaced(root / "terms/qlq-c30-3.0.toml", old, new)
    with pytest.raises(BadDefinition) as refused:
        load(root)
    assert (refused.value.file, refused.value.key) == ("terms/qlq-c30-3.0.toml", key)


def test_two_files_of_terms_for_one_instrument_are_refused(root: Path) -> None:
    shutil.copy(root / "terms/qlq-c30-3.0.toml", root / "terms/other.toml")
    with pytest.raises(BadDefinition, match="each once"):
        load(root)


@pytest.mark.parametrize(
    ("file", "old", "new", "code"),
    [
        ("terms/qlq-c30-3.0.toml", 'RF = "C30RF2"', 'RF = "C30PF2"', "code of a score C30PF2"),
        (
            "symptom-diary/1.1/instrument.toml",
            'name = "Symptom diary"',
            'name = "EORTC QLQ-C30 v3.0"',
            "category EORTC QLQ-C30",
        ),
    ],
)
def test_a_code_means_one_thing_in_the_datasets_of_a_study(
    root: Path, file: str, old: str, new: str, code: str
) -> None:
    unlock(root)
    replaced(root / file, old, new)
    with pytest.raises(BadDefinition, match=code) as refused:
        load(root)
    assert refused.value.key == "instruments"


def test_a_published_plan_uses_no_draft(root: Path) -> None:
    unlock(root)
    replaced(
        root / "symptom-diary/1.1/instrument.toml", "licensed = false\n", "licensed = false\ndraft = true\n"
    )
    with pytest.raises(BadDefinition, match=r"symptom-diary 1\.1': no draft"):
        load(root)


def test_the_newer_plan_asks_what_the_first_one_asks(library: Library) -> None:
    first, newer = library.get_plan("sbrt-nsclc", "1.0"), library.get_plan("sbrt-nsclc", "1.1")
    unnamed = tuple(replace(rule, occasion={}) for rule in newer.visits)
    assert (unnamed, newer.diary, newer.reminders) == (first.visits, first.diary, first.reminders)
    assert [used.leave_out for used in newer.instruments] == [used.leave_out for used in first.instruments]
    old, new = (library.get_instrument("symptom-diary", version) for version in ("1.0", "1.1"))
    pairs = list(zip(old.items, new.items, strict=True))
    assert [one for one, _ in pairs] == [  # 1.1 asks the same items by one list
        replace(
            other,
            urgent=one.urgent,
            labels=one.labels,
            skippable=one.skippable,
            lists=False,
            box="",
            tick=None,
        )
        for one, other in pairs
    ]
    assert {one.code for one, other in pairs if one.skippable != other.skippable} == {"fever"}
    assert [one.code for one, other in pairs if one.urgent != other.urgent] == ["blood_in_sputum"]
    assert (old.draft, new.draft) == (False, False)
