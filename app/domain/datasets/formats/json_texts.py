"""NDJSON, one object a line, and Dataset-JSON 1.1 of CDISC."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache

from app.domain.datasets.formats.spelling import REPEATED, FileContext, format_cell, format_decimal
from app.domain.datasets.tables import Column, ColumnKind, DatasetRow, DatasetTable, DatasetValue
from app.domain.records.audit import format_instant

_TYPES: Mapping[ColumnKind, Mapping[str, str]] = {
    ColumnKind.text: {"dataType": "string"},
    ColumnKind.integer: {"dataType": "integer"},
    # As text, so that no reader's binary number changes a digit.
    ColumnKind.decimal: {"dataType": "decimal", "targetDataType": "decimal"},
    ColumnKind.date: {"dataType": "date", "targetDataType": "integer", "displayFormat": "E8601DA."},
}


class NdjsonFormat:
    """One object for each record, without the columns that are empty; decimals are numbers as printed."""

    suffix = "ndjson"

    def write_head(self, _context: FileContext, _table: DatasetTable, _columns: Sequence[Column]) -> bytes:
        """Nothing."""
        return b""

    def write_record(self, columns: Sequence[Column], row: DatasetRow, _number: int) -> bytes:
        """One record as a JSON object and the end of its line."""
        cells = ((column.name, row.get(column.name)) for column in columns)
        members = (f'"{name}":{_number_or_text(value)}' for name, value in cells if value not in (None, ""))
        return f"{{{','.join(members)}}}\n".encode()

    def write_tail(self, _columns: Sequence[Column], _records: int) -> bytes:
        """Nothing."""
        return b""


class DatasetJsonFormat:
    """Dataset-JSON 1.1: what the file is, its columns, and each record as a list."""

    suffix = "json"

    def write_head(self, context: FileContext, table: DatasetTable, columns: Sequence[Column]) -> bytes:
        """The opening of the JSON document: all but the records and their number."""
        described = {
            "datasetJSONCreationDateTime": format_instant(context.at),
            "datasetJSONVersion": "1.1.0",
            "fileOID": f"{context.study}.{context.cut}.{table.name}",
            "dbLastModifiedDateTime": format_instant(context.at),
            "originator": "Daybook",
            "sourceSystem": {"name": "Daybook", "version": context.app_version},
            "studyOID": study_oid(context.study),
            "metaDataVersionOID": metadata_oid(context),
            "metaDataRef": "define.xml",
            "itemGroupOID": f"IG.{table.name}",
            "name": table.name,
            "label": table.label,
            "columns": [_describe(table, column) for column in columns],
        }
        return (_serialise(described)[:-1] + ',"rows":[').encode()

    def write_record(self, columns: Sequence[Column], row: DatasetRow, number: int) -> bytes:
        """One record as a JSON list, behind a comma but for the first."""
        cells = ",".join(_cell(column, row.get(column.name)) for column in columns)
        return f"{',' if number > 1 else ''}\n[{cells}]".encode()

    def write_tail(self, _columns: Sequence[Column], records: int) -> bytes:
        """The closing of the JSON document, with the number of records."""
        return f'\n],"records":{records}}}\n'.encode()


def study_oid(study: str) -> str:
    """The study as CDISC's files name it."""
    return f"STDY.{study}"


def metadata_oid(context: FileContext) -> str:
    """The version of the definitions by which a file is read."""
    return f"MDV.{context.study}.{context.app_version}"


def item_oid(table: DatasetTable, column: Column) -> str:
    """A column as define.xml names it."""
    return f"IT.{table.name}.{column.name}"


def _describe(table: DatasetTable, column: Column) -> dict[str, object]:
    described: dict[str, object] = {
        "itemOID": item_oid(table, column),
        "name": column.name,
        "label": column.label,
        **_TYPES[column.kind],
    }
    if column.kind is ColumnKind.text:
        described["length"] = column.length
    if column.name in table.keys:
        described["keySequence"] = table.keys.index(column.name) + 1
    return described


def _cell(column: Column, value: DatasetValue) -> str:
    if value is None:
        return '""' if column.kind is ColumnKind.text else "null"
    if isinstance(value, int):
        return str(value)
    return _quoted(value if isinstance(value, str) else format_cell(value))


def _number_or_text(value: DatasetValue) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, Decimal):
        return format_decimal(value)
    return str(value) if isinstance(value, int) else _quoted(format_cell(value))


@lru_cache(maxsize=REPEATED)
def _quoted(text: str) -> str:
    """A text as JSON; most stand in many records."""
    return _serialise(text)


def _serialise(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
