"""Rows in = rows out: each line of a file of answers is one row of its scores, or a refusal names it."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.refusal import Refused
from app.services.datasets.scoring.answer_table import LONG_CELL, LONGEST_ROW
from app.services.datasets.scoring.score_file import ScoredFileCounts, score_file
from tests.domain.questionnaires import ODDITY, QLQ_C30

CODES = [item.code for item in QLQ_C30.items]
HEADER = ",".join(["row", *CODES])
ODD_HEADER = ["row", *(item.code for item in ODDITY.items)]
ONES = ",".join(["1"] * 30)


def stray_quote(rows: int, at: int) -> str:
    """A file of so many rows, one of which opens a quotation before its first answer and ends none."""
    lines = [HEADER, *(f"{row},{ONES}" for row in range(1, rows + 1))]
    lines[at] = lines[at].replace(",", ',"', 1)
    return "\n".join(lines) + "\n"


def scored(
    text: str, missing: str = "", allow_line_breaks: bool = False
) -> tuple[ScoredFileCounts, list[dict[str, str]]]:
    target = io.StringIO(newline="")
    tally = score_file(QLQ_C30, io.StringIO(text, newline=""), target, missing.split(), allow_line_breaks)
    return tally, list(csv.DictReader(io.StringIO(target.getvalue(), newline="")))


def refusal(text: str, missing: str = "", allow_line_breaks: bool = False) -> tuple[str, object]:
    """The code of the refusal and the line that it names."""
    with pytest.raises(Refused) as refused:
        scored(text, missing, allow_line_breaks)
    return refused.value.code, refused.value.details.get("line")


def test_a_stray_quote_is_refused_with_its_line() -> None:
    assert refusal(stray_quote(1000, at=500)) == ("line_break_in_cell", 501)
    assert refusal(stray_quote(1000, at=1000)) == ("unclosed_quote", 1001)
    assert refusal(stray_quote(1000, at=500), allow_line_breaks=True) == ("unclosed_quote", 501)
    assert refusal(stray_quote(1, at=0)) == ("line_break_in_cell", 1)


def test_two_stray_quotes_do_not_hide_the_rows_between_them() -> None:
    lines = stray_quote(1000, at=500).split("\n")
    lines[700] = lines[700].replace(",1", ',1"', 1)
    assert refusal("\n".join(lines)) == ("line_break_in_cell", 501)


def test_the_line_in_which_a_quotation_opens_may_be_a_later_one_of_its_row() -> None:
    text = f'{HEADER},note,more\n1,{ONES},"a, ""b""\nc",5" tall,"never\nends\n2,{ONES}\n'
    assert refusal(text, allow_line_breaks=True) == ("unclosed_quote", 3)


def test_a_quotation_that_ends_too_early_is_refused_with_its_line() -> None:
    assert refusal(f'{HEADER}\n1,{ONES}\n2,""{ONES}\n') == ("bad_csv", 3)


def test_a_quotation_without_end_does_not_fill_the_memory() -> None:
    endless = f'{HEADER}\n1,{ONES}\n2,"' + "x,\n" * LONGEST_ROW
    assert refusal(endless, allow_line_breaks=True) == ("unclosed_quote", 3)
    assert refusal(f"{HEADER}\n1,{ONES}\n" + "x" * (LONGEST_ROW + 1)) == ("line_too_long", 3)


def test_a_line_break_that_is_allowed_stays_in_its_cell() -> None:
    notes = ["a\nb", "a\r\nb", "a\rb", 'a\n\n"b"']
    table = io.StringIO(newline="")
    csv.writer(table, quoting=csv.QUOTE_ALL).writerows(
        [["row", *CODES, "note"], *([str(row), *"1" * 30, note] for row, note in enumerate(notes))]
    )
    tally, rows = scored(table.getvalue(), allow_line_breaks=True)
    assert tally == ScoredFileCounts(lines=10, rows=4, flagged=0)
    assert [row["note"] for row in rows] == notes
    assert {row["PF"] for row in rows} == {"100"}


@pytest.mark.parametrize(
    ("delimiter", "note"), [(",", "a;b\tc;d"), (";", "a,b\tc,d"), ("\t", "a,b;c,d"), (";", '"a;b"')]
)
def test_the_delimiter_is_recognised_and_used_again(delimiter: str, note: str) -> None:
    target = io.StringIO(newline="")
    lines = [[*HEADER.split(","), note], ["1", *ONES.split(","), note]]
    text = "\ufeff" + "\r\n".join(delimiter.join(cells) for cells in lines)
    assert score_file(QLQ_C30, io.StringIO(text, newline=""), target) == ScoredFileCounts(2, 1, 0)
    (row,) = csv.DictReader(io.StringIO(target.getvalue(), newline=""), delimiter=delimiter)
    assert row[note.strip('"')] == note.strip('"')
    assert (row["PF"], row["QL"], row["flags"]) == ("100", "0", "")


def test_another_delimiter_is_refused_and_named() -> None:
    with pytest.raises(Refused) as refused:
        scored(HEADER.replace(",", "|") + "\n")
    assert refused.value.code == "missing_columns"
    assert refused.value.details["delimiter"] == "comma"
    assert refused.value.details["delimiters"] == ("comma", "semicolon", "tab")


def test_codes_that_mean_missing_are_no_faults() -> None:
    cells = ["NA", " . ", "-9", "", "-8", *["1"] * 25]
    text = f"{HEADER}\n1,{','.join(cells)}\n"
    assert scored(text)[1][0]["flags"] == "q1 q2 q3 q5"
    tally, (row,) = scored(text, missing="NA . -9")
    assert (tally, row["flags"]) == (ScoredFileCounts(2, 1, 1), "q5")
    assert [row[code] for code in CODES[:5]] == cells[:5]
    assert row["PF"] == ""
    assert scored(text, missing="NA . -9 -8")[0] == ScoredFileCounts(2, 1, 0)


@pytest.mark.parametrize(("code", "item"), [("4", "q1"), ("7", "q29"), ("04.0", "q1")])
def test_a_possible_answer_cannot_mean_missing(code: str, item: str) -> None:
    with pytest.raises(Refused) as refused:
        scored(f"{HEADER}\n", missing=f"NA {code}")
    assert refused.value.code == "missing_is_answer"
    assert refused.value.details == {"value": code, "item": item}


def test_text_codes_for_missing_work_in_text_items() -> None:
    cells = dict.fromkeys(ODD_HEADER, "1") | {"f": "10", "note": "NA"}
    text = "\n".join([",".join(cells), ",".join(cells.values())])
    target = io.StringIO(newline="")
    assert score_file(ODDITY, io.StringIO(text, newline=""), target, ["NA"]) == ScoredFileCounts(2, 1, 0)


@pytest.mark.parametrize("position", ["q3", "note"])
def test_a_very_long_cell_is_one_flagged_row(position: str) -> None:
    names = ["row", *CODES, "note"]
    cells = dict.fromkeys(names, "1") | {position: "9" * 200_000}
    assert len(cells[position]) > LONG_CELL
    text = "\n".join([",".join(names), ",".join(cells.values()), ",".join(["1"] * 32)])
    csv.field_size_limit(131_072)
    target = io.StringIO(newline="")
    assert score_file(QLQ_C30, io.StringIO(text, newline=""), target) == ScoredFileCounts(3, 2, 1)
    long, short = csv.DictReader(io.StringIO(target.getvalue(), newline=""))
    assert long[position] == cells[position]
    assert (long["flags"], short["flags"]) == ("q3 cell_length" if position == "q3" else "cell_length", "")
    assert long["PF"] == "100"


def test_a_header_of_very_many_columns_is_read_in_one_pass() -> None:
    """Comparing every name with every other would take minutes."""
    names = [*CODES, *(f"{number:x}" for number in range(150_000))]
    with pytest.raises(Refused, match="duplicate_columns"):
        scored(",".join([*names, "q7"]) + "\n")
    assert scored(",".join(names) + "\n")[0] == ScoredFileCounts(1, 0, 0)


@pytest.mark.parametrize("bad_line", [1, 2, 3, 40_000])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_the_line_that_is_not_utf8_is_named(bad_line: int, line_end: str) -> None:
    lines = [HEADER.encode(), *[f"1,{ONES}".encode()] * 40_000]
    lines[bad_line - 1] += "中".encode("gbk")
    source = io.TextIOWrapper(io.BytesIO(line_end.encode().join(lines)), encoding="utf-8", newline="")
    with pytest.raises(Refused) as refused:
        score_file(QLQ_C30, source, io.StringIO())
    assert (refused.value.code, refused.value.details["line"]) == ("not_utf8", bad_line)


SIGNS = st.text(st.sampled_from([*'1234",;\t "NA.', "中", "\x00", "\u2028", "\x0b"]), max_size=12)
CELLS = st.lists(st.sampled_from([*"12345", '"1"', '""', '"a,b"', '5" x', "NA", ""]), min_size=7, max_size=9)
LINES = st.lists(SIGNS | CELLS.map(",".join), max_size=12)
LINE_ENDS = st.sampled_from(["\n", "\r\n", "\r"])


def parsed_alone(line: str) -> list[str] | None:
    """The cells of a line that is a whole row by itself, else None: RFC 4180, written out."""
    cell = r'"((?:[^"]|"")*)"|([^",][^,]*|)'
    if not re.fullmatch(f"(?:{cell})(?:,(?:{cell}))*", line, re.DOTALL):
        return None
    cells = re.finditer(f"(?:^|,)(?:{cell})", line, re.DOTALL)
    return [(each[1] or "").replace('""', '"') or each[2] or "" for each in cells] if line else []


def attempted(
    text: str, allow_line_breaks: bool = False
) -> tuple[ScoredFileCounts, list[list[str]]] | Refused:
    """The rows without the header, or the refusal."""
    source, target = io.StringIO(text, newline=""), io.StringIO(newline="")
    try:
        tally = score_file(ODDITY, source, target, allow_line_breaks=allow_line_breaks)
    except Refused as refused:
        return refused
    return tally, list(csv.reader(io.StringIO(target.getvalue(), newline="")))[1:]


def as_wide_as_the_header(cells: list[str]) -> list[str]:
    return [*cells, *[""] * len(ODD_HEADER)][: len(ODD_HEADER)]


@given(LINES, LINE_ENDS, st.booleans())
def test_every_line_is_a_row_or_the_first_that_is_none_is_named(
    lines: list[str], line_end: str, ends: bool
) -> None:
    alone = [parsed_alone(line) for line in lines]
    text = line_end.join([",".join(ODD_HEADER), *lines]) + line_end * (ends or lines[-1:] == [""])
    result = attempted(text)
    if isinstance(result, Refused):
        assert result.details["line"] == alone.index(None) + 2
        return
    tally, rows = result
    assert (tally.rows, tally.lines) == (len(lines), len(lines) + 1)
    assert [row[: len(ODD_HEADER)] for row in rows] == [as_wide_as_the_header(cells or []) for cells in alone]
    assert None not in alone
    slipped = [cells is not None and len(cells) != len(ODD_HEADER) for cells in alone]
    assert ["row_length" in row[-1] for row in rows] == slipped


@given(LINES, LINE_ENDS)
def test_with_line_breaks_allowed_the_rows_are_those_of_a_csv_reader(lines: list[str], line_end: str) -> None:
    text = line_end.join([",".join(ODD_HEADER), *lines, ""])
    result = attempted(text, allow_line_breaks=True)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    if isinstance(result, Refused):
        assert 1 < int(str(result.details["line"])) <= len(lines) + 1
        with pytest.raises(csv.Error):
            list(reader)
        return
    tally, rows = result
    expected = [as_wide_as_the_header(cells) for cells in list(reader)[1:]]
    assert [row[: len(ODD_HEADER)] for row in rows] == expected
    assert (tally.rows, tally.lines) == (len(expected), len(lines) + 1)
