"""Rows that are scored together give the same bytes as rows that the registered scorer scores one by one."""

import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.instruments.definition import Instrument
from app.domain.refusal import Refused
from app.services.datasets.scoring.answer_table import LONG_CELL
from app.services.datasets.scoring.score_file import score_file
from app.services.datasets.scoring.score_report import HEADER
from tests.domain.questionnaires import ODDITY, QLQ_C30

PLAIN = replace(
    ODDITY,
    items=tuple(replace(item, condition=None) for item in ODDITY.items if not item.free_text),
)
CODES = [item.code for item in PLAIN.items]
ODD_CELLS = [
    *[
        "",
        "",
        "NA",
        ".",
        "-9",
        " 2 ",
        "3.0",
        "10",
        "9",
        "x",
        "？",
        "３",
        "é",
        "\u00a0",
        "\u3000",
        "?",
        "\x00",
    ],
    *[
        "\x0b",
        "\u2028",
        "a;b",
        "a\tb",
        "a,b",
        '"1"',
        '"a, ""b"""',
        '"a\nb"',
        '"a\r\nb"',
        '5" x',
        '"',
        "\ufeff",
    ],
]
CELLS = st.sampled_from([*"0123412340123412340123401234"]) | st.sampled_from(ODD_CELLS)
MISSING = st.lists(st.sampled_from(["NA", ".", "-9", "?", "é", "x", "a,b", "", " NA", "\n"]), max_size=3)
HEADERS = st.sampled_from(
    [
        ["row", *CODES],
        [*CODES, "note"],
        ["id", *CODES[:2], "note", *CODES[2:], "more"],
        [*reversed(CODES)],
        [name for code in CODES for name in (code, f"note_{code}")],
    ]
)


def attempted(
    instrument: Instrument, data: bytes, missing: list[str], allow_line_breaks: bool, by_columns: bool
) -> tuple[object, ...]:
    """All that a run gives: counts, scores and report, or the refusal."""
    source = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", newline="")
    target, report = io.StringIO(newline=""), io.StringIO(newline="")
    try:
        tally = score_file(instrument, source, target, missing, allow_line_breaks, by_columns, report)
    except Refused as refused:
        return refused.code, dict(refused.details)
    return tally, target.getvalue(), report.getvalue()


@pytest.mark.req("VAL-07")
@given(st.data())
def test_the_same_bytes_and_the_same_report_together_and_one_by_one(data: st.DataObject) -> None:
    header = data.draw(HEADERS)
    delimiter, line_end = data.draw(st.sampled_from(",;\t")), data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    ragged = st.lists(CELLS, max_size=len(header) + 2)
    whole = st.lists(st.sampled_from("01234"), min_size=len(header), max_size=len(header))
    odd = st.lists(CELLS, min_size=len(header), max_size=len(header))
    rows = data.draw(st.lists(whole | odd | ragged, max_size=8))
    lines = [delimiter.join(row) for row in (header, *rows)]
    text = data.draw(st.sampled_from(["", "\ufeff"])) + line_end.join(lines)
    end = data.draw(st.sampled_from([b"", line_end.encode(), b"\n\xd6\xd0"]))
    missing, breaks = data.draw(MISSING), data.draw(st.booleans())
    results = [attempted(PLAIN, text.encode() + end, missing, breaks, way) for way in (True, False)]
    assert results[0] == results[1]


def test_many_batches_of_rows_good_and_bad_are_the_same() -> None:
    """Each kind of odd row, at the first, the last and a middle place of what is read ahead at once."""
    header = ",".join(["row", *(item.code for item in QLQ_C30.items), "note"])
    rows = [
        f"{row}," + ",".join(str(1 + row * item % 4) for item in range(1, 31)) + "," for row in range(5000)
    ]
    for index in (0, 1, 900, 2046, 2047, 2048, 4998, 4999):
        rows[index] += '"words, ""quoted"""'
        rows[index // 2 + 3] += ",slipped"
        rows[index // 3 + 7] = rows[index // 3 + 7].replace(",1,", ",8,", 1)
        rows[index // 5 + 11] = ""
    rows[3000] += "9" * (LONG_CELL + 1)
    data = "\n".join([header, *rows]).encode()
    together, alone = (attempted(QLQ_C30, data, [], False, way) for way in (True, False))
    assert together == alone
    assert str(together[1]).count("\n") == 5001


def test_a_whole_number_with_a_point_is_read_as_it_is_alone() -> None:
    header = ",".join(item.code for item in QLQ_C30.items)
    cells = [
        "9.0",
        "3.0",
        ".0",
        "13.0",
        "-3.0",
        "3.00",
        "q3.0",
        "3.0.0",
        "0.0.0",
        "0.0",
        "9",
        "",
        "4.0",
        "3.0.0.0",
    ]
    rows = [",".join([*["2.0"] * 5, cell, *["2.0"] * 24]) for cell in cells]
    data = "\n".join([header, *rows, ""]).encode()
    for missing in ([], ["9"], ["9.0"], ["q3"]):
        together, alone = (attempted(QLQ_C30, data, missing, False, way) for way in (True, False))
        assert together == alone
        assert ("q6" in str(together[1]).splitlines()[1]) is (missing != ["9.0"])


def test_one_column_alone_knows_a_blank_line_from_an_empty_cell() -> None:
    scale = replace(QLQ_C30.scales[0], items=("q30",), minimum=1)
    one = replace(QLQ_C30, items=QLQ_C30.items[29:30], scales=(scale,))
    scored = attempted(one, b"q30\n\n1\n", [], False, by_columns=True)
    assert scored[1] == f"q30,{one.scales[0].code},flags\n,,row_length\n1,0,\n"


def test_the_report_counts_rows_flags_answers_and_scores() -> None:
    header = ",".join(["row", *(item.code for item in QLQ_C30.items)])
    rows = [["1"] * 30, ["4"] * 28 + ["7"] * 2, ["2"] * 30, ["9", "NA", "", *["2"] * 27], ["1"] * 29]
    data = "\n".join([header, *(f"{index}," + ",".join(row) for index, row in enumerate(rows))]).encode()
    _, _, report = attempted(QLQ_C30, data, ["NA"], False, by_columns=True)
    lines = str(report).splitlines()
    assert lines[0] == ",".join(HEADER)
    assert {
        "file,,instrument,qlq-c30@3.0",
        "file,,missing_codes,NA",
        "file,,lines,6",
        "file,,rows,5",
        "file,,rows_scored,4",
        "file,,rows_not_scored,1",
        "file,,rows_flagged,2",
        "flag,row_length,rows,1",
        "flag,cell_length,rows,0",
        "item,q1,answered,3",
        "item,q1,missing,0",
        "item,q1,flagged,1",
        "item,q1,answer 2,1",
        "item,q2,missing,1",
        "item,q2,flagged,0",
        "scale,PF,scorable,3",
        "scale,PF,not_scorable,1",
        "scale,RF,not_scorable,0",
        "scale,RF,least,0",
        "scale,RF,lower_quartile,0",
        "scale,RF,median,66.6666666667",
        "scale,RF,upper_quartile,66.6666666667",
        "scale,RF,greatest,100",
        "scale,RF,mean,58.3333333334",
        "scale,RF,from 60 to 70,2",
        "scale,RF,from 90 to 100,1",
        "scale,DY,from 0 to 10,1",
    } <= set(lines)


def test_an_item_of_words_is_counted_without_them() -> None:
    header = ["row", *(item.code for item in ODDITY.items)]
    cells = dict.fromkeys(header, "1") | {"f": "10", "note": "something private"}
    data = "\n".join([",".join(header), ",".join(cells.values())]).encode()
    _, _, report = attempted(ODDITY, data, [], False, by_columns=True)
    assert "item,note,answered,1\n" in str(report)
    assert "private" not in str(report)
