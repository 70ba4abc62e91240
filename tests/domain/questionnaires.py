"""The shipped instruments, the reference rows, and a made-up instrument with every rule at once."""

import csv
from collections.abc import Iterator
from pathlib import Path

from app.domain.instruments.definition import Instrument
from app.domain.instruments.parsing import parse_instrument

ROOT = Path(__file__).parents[2]
QUESTIONNAIRES = ROOT / "questionnaires"
REFERENCE = ROOT / "tests" / "reference"


def shipped_instrument(name: str) -> Instrument:
    path = QUESTIONNAIRES / name / "instrument.toml"
    return parse_instrument(path.read_text(encoding="utf-8"), str(path))


QLQ_C30 = shipped_instrument("qlq-c30/3.0")
DIARY = shipped_instrument("symptom-diary/1.0")

# Minimum that is not half, a reversed item, a conditional one, three ranges, a summary of two of three.
ODDITY_TOML = """
id = "oddity"
version = "0.1"
name = "Oddity"
licensed = false
algorithm = "eortc-linear 1.0"
[labels.five]
kind = "choice"
low = 0
high = 4
named = [0, 1, 2, 3, 4]
[labels.three]
kind = "choice"
low = 1
high = 3
named = [1, 2, 3]
[labels.ten]
kind = "scale"
low = 0
high = 10
named = [0, 10]
[labels.note]
kind = "text"
low = 1
high = 20
[[items]]
code = "a"
number = 1
labels = "five"
[[items]]
code = "b"
number = 2
labels = "five"
condition = { item = "a", op = ">=", value = 2 }
[[items]]
code = "c"
number = 3
labels = "five"
[[items]]
code = "d"
number = 4
labels = "three"
skippable = false
[[items]]
code = "e"
number = 5
labels = "three"
condition = { item = "b", op = "<=", value = 1 }
[[items]]
code = "f"
number = 6
labels = "ten"
urgent = { op = ">=", value = 8 }
[[items]]
code = "note"
number = 7
labels = "note"
condition = { item = "f", op = "==", value = 10 }
[[scales]]
code = "ALL"
name = "ALL3"
kind = "symptom"
items = ["a", "b", "c"]
reversed = ["c"]
minimum = 3
low = 0
high = 4
better = "lower"
[[scales]]
code = "FUN"
name = "FUN"
kind = "functional"
items = ["d", "e"]
minimum = 1
low = 1
high = 3
better = "higher"
[[scales]]
code = "EE"
name = "EE"
kind = "symptom"
items = ["e"]
minimum = 1
low = 1
high = 3
better = "lower"
[[scales]]
code = "TEN"
name = "TEN"
kind = "global"
items = ["f"]
minimum = 1
low = 0
high = 10
better = "higher"
[[scales]]
code = "MEAN"
name = "MEAN"
kind = "summary"
parts = ["ALL", "FUN", "EE"]
reversed = ["ALL"]
minimum = 2
low = 0
high = 100
better = "higher"
"""
ODDITY = parse_instrument(ODDITY_TOML, "oddity.toml")


def reference_rows() -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Each reference row: its answers and its scores, both as text."""
    with (
        (REFERENCE / "qlq-c30-responses.csv").open(encoding="utf-8", newline="") as answers,
        (REFERENCE / "qlq-c30-scores.csv").open(encoding="utf-8", newline="") as scores,
    ):
        for answer_row, expected in zip(csv.DictReader(answers), csv.DictReader(scores), strict=True):
            assert answer_row["row"] == expected["row"]
            yield answer_row, {"SUM": expected.pop("C30SUMMARY"), **expected}
