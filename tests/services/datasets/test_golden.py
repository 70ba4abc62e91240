"""The golden rows agree, and every way of not agreeing is told with its place."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from app.definitions.golden import GoldenResult, check_golden
from app.definitions.library import LOCK, Library, file_digests, load_library, read_lock
from app.definitions.publishing import list_drafts, publish_definitions
from app.domain.refusal import BadDefinition
from app.i18n.languages import LANGUAGE_CODES

REFERENCE = Path(__file__).resolve().parents[2] / "reference"
SHIPPED = Path(__file__).resolve().parents[3] / "questionnaires"
Row = dict[str, str]


def load(root: Path) -> Library:
    return load_library(root, LANGUAGE_CODES)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The shipped definitions, none published."""
    copy = tmp_path / "questionnaires"
    shutil.copytree(SHIPPED, copy)
    (copy / LOCK).write_text("[sha256]\n", "utf-8")
    return copy


def spoil(root: Path, change: Callable[[list[Row]], list[Row]]) -> str:
    """What is said once the golden rows were changed."""
    path = root / "qlq-c30" / "3.0" / "golden.csv"
    with path.open(encoding="utf-8", newline="") as source:
        rows = change(list(csv.DictReader(source)))
    with path.open("w", encoding="utf-8", newline="") as target:
        writer = csv.DictWriter(target, list(rows[0]))
        writer.writeheader()
        writer.writerows(row for row in rows if any(row.values()))
    with pytest.raises(BadDefinition) as bad:
        check_golden(load(root))
    return str(bad.value)


@pytest.mark.req("VAL-07")
def test_the_shipped_rows_agree() -> None:
    library = load(SHIPPED)
    agreed = {result.instrument: result for result in check_golden(library)}
    scored = {f"{each.id}@{each.version}": each for each in library.instruments.values() if each.scales}
    assert agreed.keys() == scored.keys()
    for name, instrument in scored.items():
        golden = SHIPPED / instrument.id / instrument.version / "golden.csv"
        rows = len(golden.read_text("utf-8").splitlines()) - 1
        assert rows > 40
        assert agreed[name] == GoldenResult(name, rows, rows * len(instrument.scales))


@pytest.mark.parametrize(
    ("cell", "value", "expected"),
    [
        ("QL", "0.00000001", "row 1, QL"),
        ("QL", "", "row 1, QL"),
        ("QL", "many", "row 1, QL"),
        ("QL", "Infinity", "row 1, QL"),
        ("QL", "1e999999999", "row 1, QL"),
        ("q1", "5", "row 1"),
        ("q1", "two", "row 1"),
        ("q1", "9" * 5000, "row 1"),
    ],
)
def test_a_golden_difference_names_file_row_and_scale(
    root: Path, cell: str, value: str, expected: str
) -> None:
    said = spoil(root, lambda rows: [{**rows[0], cell: value}, *rows[1:]])
    assert said.startswith(f"qlq-c30/3.0/golden.csv: {expected} = ")


def test_a_score_where_none_can_be_is_a_difference(root: Path) -> None:
    empty = spoil(root, lambda rows: [{**rows[0], "q29": "", "q30": ""}])
    assert "row 1, QL = '0'" in empty
    assert "no score" in empty


def test_a_column_is_missed(root: Path) -> None:
    assert "columns = 'SUM'" in spoil(root, lambda rows: [{k: v for k, v in rows[0].items() if k != "SUM"}])


def test_a_golden_file_without_scores_or_none_at_all_is_refused(root: Path) -> None:
    assert "rows = 0" in spoil(root, lambda rows: [dict.fromkeys(rows[0], "")])
    (root / "qlq-c30" / "3.0" / "golden.csv").unlink()
    with pytest.raises(BadDefinition, match="file = 'missing'"):
        check_golden(load(root))


@pytest.mark.req("VAL-07")
def test_golden_rows_of_a_second_algorithm_agree_within_the_range_of_its_scores(root: Path) -> None:
    shutil.copytree(REFERENCE / "burden", root / "burden")
    (burden,) = [each for each in check_golden(load(root)) if each.instrument == "burden@1.0"]
    assert burden == GoldenResult("burden@1.0", 6, 6 * 4)
    golden = root / "burden" / "1.0" / "golden.csv"
    golden.write_text(golden.read_text("utf-8").replace("4,10,0,0,10,0", "4,10,0,0.0000000001,10,0"), "utf-8")
    with pytest.raises(BadDefinition, match="row 1, UNREST"):
        check_golden(load(root))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("q1,", "q1,q1,", "each column once"),
        ("q1,", "q1," + "".join(f"x{number}," for number in range(11)), "at most 10 others"),
        ("\n", "\n1\n", "as the first line"),
        ("\n", "\n" + "," * 47 + "7\n", "as the first line"),
    ],
)
def test_golden_rows_have_each_column_once_and_every_cell(
    root: Path, old: str, new: str, reason: str
) -> None:
    golden = root / "qlq-c30" / "3.0" / "golden.csv"
    golden.write_text(golden.read_text("utf-8").replace(old, new, 1), "utf-8")
    with pytest.raises(BadDefinition, match=reason):
        check_golden(load(root))


def test_more_golden_rows_than_are_scored_at_once_are_refused(root: Path) -> None:
    golden = root / "health-five" / "1.0" / "golden.csv"
    row = golden.read_text("utf-8").splitlines()[1]
    golden.write_text(golden.read_text("utf-8") + f"{row}\n" * 10_000, "utf-8")
    with pytest.raises(BadDefinition, match="at most 10000 rows"):
        check_golden(load(root))


def test_golden_rows_that_are_no_csv_are_refused(root: Path) -> None:
    golden = root / "qlq-c30" / "3.0" / "golden.csv"
    golden.write_text(golden.read_text("utf-8") + '"' + "x" * 200_000, "utf-8")
    with pytest.raises(BadDefinition, match="a CSV file"):
        check_golden(load(root))


@pytest.mark.req("CAP-01")
def test_drafts_are_never_published(root: Path) -> None:
    library = load(root)
    drafts = list_drafts(library)
    assert "qlq-lc13/1.0/text.zh_CN.toml" in drafts
    assert {"plans/sbrt-nsclc/1.0.toml", "qlq-c30/3.0/instrument.toml"}.isdisjoint(drafts)
    assert set(publish_definitions(library)).isdisjoint(drafts)
    assert set(read_lock(root)) | set(drafts) == set(file_digests(root))


@pytest.mark.req("CAP-01")
def test_publishing_locks_new_files_and_never_changes_a_locked_one(root: Path) -> None:
    library = load(root)
    assert "qlq-c30/3.0/instrument.toml" in publish_definitions(library)
    assert publish_definitions(library) == ()
    locked = (root / LOCK).read_text("utf-8")
    golden = root / "qlq-c30" / "3.0" / "golden.csv"
    golden.write_text(golden.read_text("utf-8") + "\n", "utf-8")
    with pytest.raises(BadDefinition, match=r"golden\.csv"):
        publish_definitions(library)
    assert (root / LOCK).read_text("utf-8") == locked
