"""Golden rows of the QLQ-LC13 by a program of their own, in binary arithmetic: it imports nothing of Daybook.

`python -m tests.reference.qlq_lc13` prints them; `questionnaires/qlq-lc13/1.0/golden.csv` is what it printed.
"""

import csv
import io
import random
import sys
from collections.abc import Iterator

ITEMS = [*(f"q{number}" for number in range(31, 43)), "q42a", "q43", "q43a"]
SINGLES = {
    "LCCO": "q31",
    "LCHA": "q32",
    "LCSM": "q36",
    "LCDS": "q37",
    "LCPN": "q38",
    "LCHR": "q39",
    "LCPC": "q40",
    "LCPA": "q41",
    "LCPO": "q42",
}
DYSPNOEA = ("q33", "q34", "q35")


def scores(row: dict[str, int]) -> dict[str, float]:
    """Each scale by the manual, ((mean - 1) / 3) * 100; dyspnoea from all three or not at all."""
    results = {scale: (row[item] - 1) / 3 * 100 for scale, item in SINGLES.items() if item in row}
    if all(item in row for item in DYSPNOEA):
        results["LCDY"] = (sum(row[item] for item in DYSPNOEA) / 3 - 1) / 3 * 100
    return results


def rows() -> Iterator[dict[str, int]]:
    """Edges first: all alike, nothing, one blank of the three, the parts of question 43; then drawn ones."""
    twelve = ITEMS[:12]
    for value in (1, 2, 3, 4):
        yield dict.fromkeys(twelve, value)
    yield {}
    for missing in DYSPNOEA:
        yield {item: 3 for item in twelve if item != missing}
    yield {"q33": 1, "q34": 2, "q35": 4}
    yield {**dict.fromkeys(twelve, 1), "q43": 1}
    yield {**dict.fromkeys(twelve, 1), "q43": 2}
    yield {**dict.fromkeys(twelve, 1), "q43": 2, "q43a": 4}
    draw = random.Random(13)
    for _ in range(40):
        row = {item: draw.randint(1, 4) for item in twelve if draw.random() > 0.1}
        row["q43"] = draw.randint(1, 2)
        if row["q43"] == 2:
            row["q43a"] = draw.randint(1, 4)
        yield row


def golden() -> str:
    """The file: a row's number, its answers and its scores; empty where there is none."""
    scales = ["LCDY", *SINGLES]
    out = io.StringIO()
    writer = csv.DictWriter(out, ["row", *ITEMS, *scales], restval="", lineterminator="\n")
    writer.writeheader()
    for number, row in enumerate(rows(), 1):
        writer.writerow({"row": number, **row, **{name: repr(value) for name, value in scores(row).items()}})
    return out.getvalue()


if __name__ == "__main__":
    sys.stdout.write(golden())
