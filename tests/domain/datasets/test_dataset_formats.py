"""Formats of datasets: what stands in a file, to the byte."""

import csv
import io
import json
import re
import struct
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.capture.answers import CollectionMode, HelpedBy, LateReason
from app.domain.datasets.builder import DATASETS, find_table
from app.domain.datasets.formats.codebook import write_codebook, write_define
from app.domain.datasets.formats.csv_lines import CsvFormat
from app.domain.datasets.formats.json_texts import DatasetJsonFormat, NdjsonFormat
from app.domain.datasets.formats.spelling import DatasetFormat, FileContext, format_decimal
from app.domain.datasets.formats.transport import CARD, MISSING, TransportFormat, ibm_double
from app.domain.datasets.subjects import TERMS_OF_EXITS
from app.domain.datasets.tables import ColumnKind, DatasetRow, DatasetTable, describe_columns
from app.domain.datasets.terms import MOST_NAME, parse_terms, plain_terms
from app.domain.instruments.definition import Direction
from app.domain.instruments.parsing import LONGEST_TEXT as LONGEST_ANSWER
from app.domain.instruments.scoring.registry import ALGORITHM_NAMES
from app.domain.instruments.scoring.score import ScoreStatus
from app.domain.instruments.scoring.thresholds import MOST_SOURCE
from app.domain.people.names import MOST_CODE, MOST_SUBJECT
from app.domain.plans.plan import MissedReason, Owner
from app.domain.plans.status import ExitKind, Status
from app.domain.records.audit import format_instant
from app.domain.records.dispositions import DispositionKind
from app.domain.toml_section import LONGEST_LINE, LONGEST_WORD
from tests.domain.questionnaires import QLQ_C30, QUESTIONNAIRES

AT = datetime(2026, 6, 14, 2, 0, tzinfo=UTC)
FORMULA = tuple("=+-@＝＋－＠\t\r\n")
CONTEXT = FileContext("sbrt-nsclc", "IA1", AT, "0.1.0")
TABLE = DatasetTable(
    "ADX", "Example", "BASIC DATA STRUCTURE", "One record", ("NAME",),
    describe_columns("""
        NAME | text:8  | C | Name
        N    | integer | D | Whole Number | counted
        X    | decimal | D | Decimal & Number
        DT   | date    | C | Day
    """),
)  # fmt: skip
ROWS: Sequence[DatasetRow] = (
    {"NAME": "=1+1", "N": -2, "X": Decimal("33.3333333333"), "DT": date(2026, 3, 4)},
    {"NAME": "分"},
)


def written(
    format_: DatasetFormat, rows: Sequence[DatasetRow] = ROWS, context: FileContext = CONTEXT
) -> bytes:
    columns = TABLE.columns
    body = (format_.write_record(columns, row, number) for number, row in enumerate(rows, 1))
    return b"".join(
        (format_.write_head(context, TABLE, columns), *body, format_.write_tail(columns, len(rows)))
    )


@pytest.mark.req("EDC-10", "REP-09")
def test_csv_keeps_numbers_and_disarms_formulas() -> None:
    text = written(CsvFormat()).decode()
    assert text == "NAME,N,X,DT\r\n'=1+1,-2,33.3333333333,2026-03-04\r\n分,,,\r\n"
    recall = written(CsvFormat(), [{"NAME": "-P1W"}, {"NAME": "-1+1"}]).decode()
    assert recall.splitlines()[1:] == ["-P1W,,,", "'-1+1,,,"]
    plain = ["'", "''", "'x", "x'=", " =1", "'", "0571-001", "I'm"]
    assert [row[0] for row in csv_rows([{"NAME": text} for text in plain])] == plain
    marked = FileContext("s", "c", AT, "0", with_mark=True)
    assert written(CsvFormat(), (), marked).decode() == "\ufeffNAME,N,X,DT\r\n"
    assert [format_decimal(Decimal(text)) for text in ("1E+2", "0.50", "100", "-0.10")] == [
        "100",
        "0.5",
        "100",
        "-0.1",
    ]


def csv_rows(rows: Sequence[DatasetRow]) -> list[list[str]]:
    return list(csv.reader(io.StringIO(written(CsvFormat(), rows).decode(), newline="")))[1:]


@given(st.text("'=+-@＝＋－＠\t\r\n1PW a", max_size=5))
def test_a_text_is_had_back_from_its_cell(text: str) -> None:
    """By the one rule that the codebook states, so that no two texts share a cell."""
    ((cell, *_numbers),) = csv_rows([{"NAME": text}])
    assert not cell.startswith(FORMULA) or re.fullmatch("-P[0-9]+[DWMY]", cell)
    bare = cell.lstrip("'")
    assert (cell[1:] if cell != bare and bare.startswith(FORMULA) else cell) == text


@pytest.mark.req("EDC-10")
def test_ndjson_has_what_is_there() -> None:
    first, second = (json.loads(line, parse_float=Decimal) for line in written(NdjsonFormat()).splitlines())
    assert first == {"NAME": "=1+1", "N": -2, "X": Decimal("33.3333333333"), "DT": "2026-03-04"}
    assert second == {"NAME": "分"}


@pytest.mark.req("EDC-10", "REP-09")
def test_dataset_json_says_what_it_holds() -> None:
    file = json.loads(written(DatasetJsonFormat()))
    assert file["rows"] == [["=1+1", -2, "33.3333333333", "2026-03-04"], ["分", None, None, None]]
    assert (file["records"], file["datasetJSONVersion"], file["name"]) == (2, "1.1.0", "ADX")
    assert file["datasetJSONCreationDateTime"] == file["dbLastModifiedDateTime"] == "2026-06-14T02:00:00.000Z"
    assert file["columns"][0] == {
        "itemOID": "IT.ADX.NAME", "name": "NAME", "label": "Name", "dataType": "string", "length": 8,
        "keySequence": 1,
    }  # fmt: skip
    assert [column["dataType"] for column in file["columns"]] == ["string", "integer", "decimal", "date"]
    assert file["columns"][3]["targetDataType"] == "integer"
    assert json.loads(written(DatasetJsonFormat(), ()))["rows"] == []


def ieee(data: bytes) -> float:
    """An IBM double as a number, by the definition of its bits."""
    whole = int.from_bytes(data, "big")
    sign, exponent, mantissa = whole >> 63, (whole >> 56 & 0x7F) - 64, whole & (1 << 56) - 1
    return float((-1) ** sign * mantissa * 2.0 ** (4 * exponent - 56))


@given(st.one_of(st.floats(-1e15, 1e15), st.integers(-(10**9), 10**9).map(float)))
def test_every_number_of_a_dataset_is_an_ibm_double_exactly(number: float) -> None:
    if number == 0 or abs(number) > 1e-15:
        assert ieee(ibm_double(number)) == number


@pytest.mark.req("EDC-10")
def test_transport_files_are_cards_of_ascii() -> None:
    file = written(TransportFormat())
    assert len(file) % CARD == 0
    assert file.startswith(b"HEADER RECORD*******LIBRARY HEADER RECORD!!!!!!!")
    assert file[80 * 2 : 80 * 2 + 16] == b"14JUN26:02:00:00"
    start = file.index(b"HEADER RECORD*******OBS") + CARD
    first, second = (file[start + 32 * index : start + 32 * (index + 1)] for index in (0, 1))
    assert first[:8] == b"=1+1    "
    assert [ieee(first[index : index + 8]) for index in (8, 16, 24)] == [-2, 33.3333333333, 24169]
    assert second == b" " * 8 + MISSING * 3  # what is not ASCII stands in the other formats
    names = file.index(b"HEADER RECORD*******NAMESTR") + CARD
    kind, _, length, number, name, label = struct.unpack(">hhhh8s40s", file[names : names + 56])
    assert (kind, length, number, name.strip(), label.strip()) == (2, 8, 1, b"NAME", b"Name")
    with pytest.raises(ValueError, match="NAME holds at most 8"):
        written(TransportFormat(), [{"NAME": "123456789"}])
    with pytest.raises(ValueError, match="never so large"):
        ibm_double(1e200)


@pytest.mark.req("EDC-10")
@pytest.mark.parametrize("table", DATASETS, ids=lambda table: table.name)
def test_every_dataset_is_one_that_agencies_take(table: DatasetTable) -> None:
    """Names of eight characters, labels of forty, texts of two hundred bytes, keys that there are."""
    assert find_table(table.name.lower()) is table
    names = [column.name for column in table.columns]
    assert len(set(names)) == len(names)
    assert set(table.keys) | table.arm_columns <= set(names)
    assert len(table.label) <= 40
    for column in table.columns:
        assert len(column.name) <= 8, column.name
        assert column.name.isascii()
        assert column.name.upper() == column.name
        assert 0 < len(column.label) <= 40, column.label
        assert column.label.isascii()
        assert column.kind is not ColumnKind.text or 0 < column.length <= 200
    blinded = [column.name for column in table.seen_columns(sees_arm=False)]
    assert set(names) - set(blinded) == table.arm_columns


PERSON = f"{'s' * LONGEST_WORD}-{'0' * MOST_CODE}-{'p' * MOST_SUBJECT}"
"""Of the longest study at the longest site."""
CATEGORIES = [
    parse_terms(path.read_text("utf-8"), path.name)[1].category
    for path in sorted((QUESTIONNAIRES / "terms").glob("*.toml"))
]


_REASON = f"EXCUSED: {'n' * LONGEST_WORD}"
_NAMED = replace(QLQ_C30, name="n" * LONGEST_LINE, id="i" * 32)
TEXTS: dict[str, Iterable[object]] = {
    "STUDYID": ["s" * LONGEST_WORD],
    "SUBJID": ["p" * MOST_SUBJECT],
    "SITEID": ["0" * MOST_CODE],
    "USUBJID": [PERSON],
    "ARMCD TRTP": ["ALL", "A" * 16],
    "ARM ICEDECOD": ["n" * LONGEST_LINE],
    "VISIT AVISIT QSTPT": ["V" * 16 + "1234"],
    "QSCAT PARCAT1": [plain_terms(_NAMED).category, *CATEGORIES],
    "QSTESTCD PARAMCD": ["C" * 8],
    "QSTEST PARAM PARCAT2 QLABEL": ["n" * MOST_NAME],
    "QSORRES QSSTRESC VALUEC QVAL": ["w" * LONGEST_ANSWER],
    "QSGRPID ASSESSID IDVARVAL": ["a" * 24],
    "QSSPID": [f"{'a' * 24}/{10**9}"],
    "MISRSN SVREASOC QSREASND REASND REASON": [_REASON, *MissedReason, *ExitKind],
    "FRMSTAT SVSTATE STATE": [*Status, "died in window", "not in plan", "in grace"],
    "SCRSTAT": ScoreStatus,
    "MODE": CollectionMode,
    "ORIGTR": ["participant", "proxy"],
    "HELPBY": HelpedBy,
    "ALGOR": ALGORITHM_NAMES,
    "BETTER": Direction,
    "CRIT1": [f"{'S' * 8} > {10**5} ({'s' * MOST_SOURCE})"],
    "INSTR ITEM": ["i" * 32],
    "INSTRVER": ["1" * 20],
    "TXTSHA": ["0" * 64],
    "LANG LANGUAGE": ["abc_DE"],
    "TZONE": available_timezones(),
    "DSTERM": DispositionKind,
    "DSDECOD": ["INFORMED CONSENT OBTAINED", *(term for term, _scope in TERMS_OF_EXITS.values())],
    "DSSCAT": [scope for _term, scope in TERMS_OF_EXITS.values()],
    "DSCAT": ["PROTOCOL MILESTONE", "DISPOSITION EVENT"],
    "DSSRC ICESRC": Owner,
    "LATERSN": LateReason,
    "ICECD": [*DispositionKind, "k" * LONGEST_WORD],
    "ICESTAT": ["NONE RECORDED; OF ONE ARM ALONE", "WITHHELD"],
    "ARMNRS": ["NOT ASSIGNED", "SCREEN FAILURE"],
    "ICEPREC": ["MONTH"],
    "ICEPOS": ["SAME DAY", "NO EVENT", "WITHHELD"],
    "REFTYPE": ["COMPLETED"],
    "DTYPE": ["PHANTOM"],
    "ITEMSTAT": ["LEFT BLANK", "NOT TICKED"],
    "QORIG QEVAL": ["Protocol"],
    "QNAM IDVAR SRCVAR SRCDOM": ["N" * 8],
    "QSEVLINT": ["-P10000D"],
    "QSSTAT": ["NOT DONE"],
    "AWU": ["DAYS"],
    "DOMAIN RDOMAIN": ["QS"],
    "RFRNDTC": [format_instant(AT)],
    "QSDTC SVSTDTC ENTRYDTC DSDTC ICEASOF": ["2026-03-04T03:00:00Z"],
    "RFSTDTC RFICDTC DTHDTC DSSTDTC SVOPDTC SVTGDTC SVCLDTC DRDTC ICEDTC": ["2026-03-04"],
}
"""The longest texts that can stand in columns of these names."""


@pytest.mark.req("EDC-10")
def test_a_text_column_holds_the_longest_that_can_stand_in_it() -> None:
    """A transport file refuses what is too long, and nobody waits for a rare text to find out.

    Every text column is here: what a plan, an instrument, a site or a person may be called is bounded where
    it is read, codes of the program are listed, and what has a standard's form is as long as that.
    """
    longest = {
        name: max(len(str(text)) for text in some) for names, some in TEXTS.items() for name in names.split()
    }
    for table in DATASETS:
        for column in (each for each in table.columns if each.kind is ColumnKind.text):
            flag = column.length == 1
            assert flag or longest[column.name] <= column.length, (table.name, column.name)
    assert longest["QSCAT"] <= MOST_NAME
    assert plain_terms(replace(QLQ_C30, name="症状日记")).category == "QLQ-C30"


@pytest.mark.req("EDC-10")
def test_the_descriptions_name_every_column() -> None:
    described = [(table, table.columns) for table in DATASETS]
    rows = list(csv.DictReader(io.StringIO(write_codebook(described))))
    assert [(row["dataset"], row["variable"]) for row in rows] == [
        (table.name, column.name) for table, columns in described for column in columns
    ]
    root = ET.fromstring(write_define(CONTEXT, [*described, (TABLE, TABLE.columns)]))
    odm, xlink = "{http://www.cdisc.org/ns/odm/v1.3}", "{http://www.w3.org/1999/xlink}href"
    items = {item.get("OID") for item in root.iter(f"{odm}ItemDef")}
    refs = [ref.get("ItemOID") for ref in root.iter(f"{odm}ItemRef")]
    methods = {method.get("OID") for method in root.iter(f"{odm}MethodDef")}
    assert set(refs) == items
    assert len(refs) == len(items)
    assert {ref.get("MethodOID") for ref in root.iter(f"{odm}ItemRef")} - {None} == methods
    assert_define_rules(root)
    leaves = [leaf.get(xlink) for leaf in root.iter("{http://www.cdisc.org/ns/def/v2.1}leaf")]
    assert leaves[:2] == ["dm.xpt", "sv.xpt"]
    assert find_table("none") is None


def assert_define_rules(root: ET.Element) -> None:
    """What no schema can say: references lead somewhere, numbers are in order, lengths where they belong.

    The schema itself (of odmlib 0.2.1) finds nothing in this file; it is CDISC's, and not kept here.
    """
    odm, define = "{http://www.cdisc.org/ns/odm/v1.3}", "{http://www.cdisc.org/ns/def/v2.1}"
    oids = [each.get("OID") for each in root.iter() if each.get("OID")]
    assert len(set(oids)) == len(oids)
    leaves = {leaf.get("ID") for leaf in root.iter(f"{define}leaf")}
    standards = {each.get("OID") for each in root.iter(f"{define}Standard")}
    for group in root.iter(f"{odm}ItemGroupDef"):
        assert group.get(f"{define}ArchiveLocationID") in leaves
        assert group.get(f"{define}StandardOID") in standards
        assert (group.get("Purpose") == "Analysis") is (group.get(f"{define}StandardOID") == "STD.2")
        assert group.get("Name") == group.get("SASDatasetName")
        refs = list(group.iter(f"{odm}ItemRef"))
        assert [ref.get("OrderNumber") for ref in refs] == [str(n) for n in range(1, len(refs) + 1)]
        keys = sorted(int(key) for ref in refs if (key := ref.get("KeySequence")))
        assert keys == list(range(1, len(keys) + 1))
        assert {ref.get("KeySequence") is not None for ref in refs if ref.get("Mandatory") == "Yes"} == {True}
    for item in root.iter(f"{odm}ItemDef"):
        kind = item.get("DataType")
        assert (item.get("Length") is None) is (kind == "date"), item.attrib
        assert (item.get("SignificantDigits") is None) is (kind != "float")
        assert item.get("Name") == item.get("SASFieldName")
        assert item.find(f"{odm}Description/{odm}TranslatedText") is not None
        assert item.find(f"{define}Origin") is not None
    for method in root.iter(f"{odm}MethodDef"):
        assert method.findtext(f"{odm}Description/{odm}TranslatedText")
