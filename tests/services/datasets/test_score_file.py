"""CSV in, CSV out: columns in any order, bad cells flagged, bad files refused once."""

import csv
import io
import tracemalloc
from fractions import Fraction
from pathlib import Path
from typing import TextIO

import pytest

from app.domain.refusal import Refused
from app.services.datasets.scoring.answer_table import DELIMITERS
from app.services.datasets.scoring.score_file import ScoredFileCounts, score_file
from tests.domain.questionnaires import DIARY, QLQ_C30, REFERENCE, reference_rows

CODES = [item.code for item in QLQ_C30.items]
SCORES = ["QL", "PF", "RF", "EF", "CF", "SF", "FA", "NV", "PA", "DY", "SL", "AP", "CO", "DI", "FI", "SUM"]
HEADER = ",".join(["row", *CODES])


def scored(text: str, allow_line_breaks: bool = False) -> tuple[ScoredFileCounts, list[dict[str, str]]]:
    target = io.StringIO(newline="")
    source = io.StringIO(text, newline="")
    tally = score_file(QLQ_C30, source, target, allow_line_breaks=allow_line_breaks)
    return tally, list(csv.DictReader(io.StringIO(target.getvalue(), newline="")))


def refusal(source: TextIO) -> Refused:
    with pytest.raises(Refused) as refused:
        score_file(QLQ_C30, source, io.StringIO())
    return refused.value


@pytest.mark.req("VAL-07", "REP-05")
def test_the_reference_file_scores_as_the_independent_program_did(tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    with (
        (REFERENCE / "qlq-c30-responses.csv").open(encoding="utf-8", newline="") as source,
        output.open("w", encoding="utf-8", newline="") as target,
    ):
        assert score_file(QLQ_C30, source, target) == ScoredFileCounts(lines=1202, rows=1201, flagged=0)
    with output.open(encoding="utf-8", newline="") as file:
        scored = list(csv.DictReader(file))
    for row, (scored_row, expected) in zip(scored, reference_rows(), strict=True):
        assert {name: row[name] for name in scored_row} == scored_row
        for code in SCORES:
            assert (row[code] == "") is (expected[code] == "")
            assert abs(Fraction(row[code] or 0) - Fraction(expected[code] or 0)) <= Fraction(1, 10**9)


def test_columns_may_stand_in_any_order_and_others_pass_through() -> None:
    names = [*reversed(CODES), "备注", "row"]
    cells = ["7", "7", *["1"] * 28, '"a, ""b""\nc"', "001"]
    text = ",".join(names) + "\r\n" + ",".join(cells) + "\r\n"
    tally, rows = scored(text, allow_line_breaks=True)
    assert tally == ScoredFileCounts(3, 1, 0)
    assert list(rows[0]) == [*names, *SCORES, "flags"]
    assert (rows[0]["备注"], rows[0]["row"]) == ('a, "b"\nc', "001")
    assert (rows[0]["QL"], rows[0]["SUM"], rows[0]["flags"]) == ("100", "100", "")


@pytest.mark.req("CAP-18")
def test_a_bad_cell_is_flagged_and_the_batch_goes_on() -> None:
    bad = ",".join(["1", "9", "x", *["1"] * 28])
    good = ",".join(["2", *["1"] * 30])
    tally, rows = scored(f"{HEADER}\n{bad}\n{good}\n")
    assert tally == ScoredFileCounts(3, 2, 1)
    assert (rows[0]["q1"], rows[0]["q2"], rows[0]["PF"], rows[0]["flags"]) == ("9", "x", "100", "q1 q2")
    assert rows[1]["flags"] == ""


def test_a_ragged_row_and_a_blank_line_are_flagged_and_not_scored() -> None:
    short, long = ",".join(["1"] * 30), ",".join(["1"] * 33)
    good = ",".join(["1"] * 31)
    tally, rows = scored(f"{HEADER}\n{short}\n{long}\n\n{good}\n")
    assert tally == ScoredFileCounts(5, 4, 3)
    assert [row["flags"] for row in rows] == ["row_length", "row_length", "row_length", ""]
    assert [row["PF"] for row in rows] == ["", "", "", "100"]
    assert (rows[0]["q29"], rows[0]["q30"]) == ("1", "")


def test_a_byte_order_mark_and_quoted_names_are_tolerated() -> None:
    quoted = ",".join(f'"{name}"' for name in ["row", *CODES])
    tally, rows = scored("\ufeff" + quoted + "\n" + ",".join(["1"] * 31))
    assert (tally.rows, rows[0]["row"], rows[0]["PF"]) == (1, "1", "100")


def test_a_header_alone_gives_a_header_alone() -> None:
    assert scored(HEADER + "\n") == (ScoredFileCounts(1, 0, 0), [])


@pytest.mark.parametrize(
    ("text", "code", "details"),
    [
        ("", "no_header", {"allowed": CODES}),
        ("\n\n", "no_header", {"allowed": CODES}),
        (",,\n", "no_header", {"allowed": CODES}),
        (
            HEADER.replace(",q7,", ",") + "\n",
            "missing_columns",
            {"columns": ["q7"], "allowed": CODES, "delimiter": "comma", "delimiters": tuple(DELIMITERS)},
        ),
        (HEADER + ",q7, q2\n", "duplicate_columns", {"columns": ["q2", "q7"]}),
        (HEADER + ",flags,PF\n", "reserved_columns", {"columns": ["PF", "flags"]}),
    ],
)
def test_a_bad_file_is_refused_once_with_its_reason(text: str, code: str, details: dict[str, object]) -> None:
    refused = refusal(io.StringIO(text))
    assert (refused.code, dict(refused.details)) == (code, details)


@pytest.mark.parametrize("before", ["", HEADER + "\n"])
def test_bytes_that_are_not_utf8_are_refused(before: str) -> None:
    source = io.TextIOWrapper(
        io.BytesIO(before.encode() + b"\xd6\xd0\xce\xc4\n"), encoding="utf-8", newline=""
    )
    assert refusal(source).code == "not_utf8"


def test_an_instrument_without_scales_is_refused() -> None:
    with pytest.raises(Refused, match="nothing_to_score"):
        score_file(DIARY, io.StringIO(HEADER), io.StringIO())


def forms(path: Path, count: int) -> Path:
    with path.open("w", encoding="utf-8") as file:
        file.write(HEADER + "\n")
        for n in range(count):
            file.write(f"{n}," + ",".join(str(1 + (n * k + n // 7) % 4) for k in range(1, 31)) + "\n")
    return path


def peak(source: Path, target: Path) -> int:
    with source.open(encoding="utf-8", newline="") as rows, target.open("w", encoding="utf-8") as scored:
        tracemalloc.start()
        score_file(QLQ_C30, rows, scored)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return used


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    few, many = forms(tmp_path / "few.csv", 3_000), forms(tmp_path / "many.csv", 9_000)
    target = tmp_path / "out.csv"
    peak(few, target)
    assert peak(many, target) < peak(few, target) * 1.5
