"""Golden rows of health in five lines by a program of their own: it imports nothing of Daybook.

`python -m tests.reference.health_five` prints them; `questionnaires/health-five/1.0/golden.csv` is what it
printed.
"""

import csv
import io
import random
import sys
from collections.abc import Iterator

LINES = ["strength", "breathing", "pain", "sleep", "spirits"]


def rows() -> Iterator[dict[str, int]]:
    """Edges first: best, worst, each line alone at its worst or blank, the ends of the rating; then drawn."""
    yield {**dict.fromkeys(LINES, 0), "rating": 100}
    yield {**dict.fromkeys(LINES, 4), "rating": 0}
    yield {}
    for line in LINES:
        yield {**dict.fromkeys(LINES, 0), line: 4, "rating": 50}
        yield {each: 2 for each in LINES if each != line}
    draw = random.Random(5)
    for _ in range(30):
        row = {line: draw.randint(0, 4) for line in LINES if draw.random() > 0.1}
        if draw.random() > 0.1:
            row["rating"] = draw.randint(0, 100)
        yield row


def golden() -> str:
    """The file: the levels added up where all five are there, and the rating as it was given."""
    out = io.StringIO()
    fields = ["row", *LINES, "rating", "STATE", "RATING"]
    writer = csv.DictWriter(out, fields, restval="", lineterminator="\n")
    writer.writeheader()
    for number, row in enumerate(rows(), 1):
        levels = [row[line] for line in LINES if line in row]
        whole = str(sum(levels)) if len(levels) == len(LINES) else ""
        writer.writerow({"row": number, **row, "STATE": whole, "RATING": row.get("rating", "")})
    return out.getvalue()


if __name__ == "__main__":
    sys.stdout.write(golden())
