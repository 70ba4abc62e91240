"""The golden rows agree, and every way of not agreeing is told with its place."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from app.definitions.golden import GoldenResult, check_golden
from app.definitions.library import LOCK, load_library
from app.definitions.publishing import publish_definitions
from app.domain.refusal import BadDefinition

SHIPPED = Path(__file__).resolve().parents[2] / "questionnaires"
Row = dict[str, str]


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
        check_golden(load_library(root))
    return str(bad.value)


@pytest.mark.req("VAL-07")
def test_the_shipped_rows_agree() -> None:
    (agreed,) = check_golden(load_library(SHIPPED))
    assert agreed == GoldenResult("qlq-c30@3.0", 65, 65 * 16)


@pytest.mark.parametrize(
    ("cell", "value", "told"),
    [
        ("QL", "0.00000001", "row 1, QL"),
        ("QL", "", "row 1, QL"),
        ("QL", "many", "row 1"),
        ("QL", "Infinity", "row 1"),
        ("q1", "5", "row 1"),
        ("q1", "two", "row 1"),
    ],
)
def test_a_difference_is_told_with_file_row_and_scale(root: Path, cell: str, value: str, told: str) -> None:
    said = spoil(root, lambda rows: [{**rows[0], cell: value}, *rows[1:]])
    assert said.startswith(f"qlq-c30/3.0/golden.csv: {told} = ")


def test_a_score_where_none_can_be_is_a_difference(root: Path) -> None:
    empty = spoil(root, lambda rows: [{**rows[0], "q29": "", "q30": ""}])
    assert "row 1, QL = '0'" in empty
    assert "no score" in empty


def test_a_column_is_missed(root: Path) -> None:
    assert "columns = 'SUM'" in spoil(root, lambda rows: [{k: v for k, v in rows[0].items() if k != "SUM"}])


def test_rows_are_missed(root: Path) -> None:
    assert "rows = 0" in spoil(root, lambda rows: [dict.fromkeys(rows[0], "")])
    (root / "qlq-c30" / "3.0" / "golden.csv").unlink()
    with pytest.raises(BadDefinition, match="file = 'missing'"):
        check_golden(load_library(root))


@pytest.mark.req("CAP-01")
def test_publishing_locks_new_files_and_never_changes_a_locked_one(root: Path) -> None:
    (root / LOCK).unlink()
    assert "qlq-c30/3.0/instrument.toml" in publish_definitions(root)
    assert publish_definitions(root) == ()
    locked = (root / LOCK).read_text("utf-8")
    golden = root / "qlq-c30" / "3.0" / "golden.csv"
    golden.write_text(golden.read_text("utf-8") + "\n", "utf-8")
    with pytest.raises(BadDefinition, match=r"golden\.csv"):
        publish_definitions(root)
    assert (root / LOCK).read_text("utf-8") == locked
