"""What describes datasets: a codebook as CSV, and define.xml 2.1."""

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import quoteattr

from app.domain.datasets.formats.csv_lines import csv_line
from app.domain.datasets.formats.json_texts import item_oid, metadata_oid, study_oid
from app.domain.datasets.formats.spelling import FileContext
from app.domain.datasets.tables import Column, ColumnKind, DatasetTable
from app.domain.records.audit import format_instant

DescribedTables = Sequence[tuple[DatasetTable, Sequence[Column]]]
"""Datasets with the columns that the reader got."""
_HEADS = ("dataset", "structure", "variable", "label", "type", "length", "key", "origin", "comment", "csv")
_TYPES = {
    ColumnKind.text: "text",
    ColumnKind.integer: "integer",
    ColumnKind.decimal: "float",
    ColumnKind.date: "date",
}
_OF_CSV = "one apostrophe too many where some stand before = + - @ (of any width), a tab or a line end"
"""How a reader of a CSV file undoes what keeps spreadsheets from calculating."""
_DIGITS = 10
"""Decimals of a number, at most."""
_ANALYSIS = frozenset({"BASIC DATA STRUCTURE", "ADAM OTHER"})


def write_codebook(described: DescribedTables) -> str:
    """One line for each column: what it is called, holds and comes from."""
    lines = [csv_line(_HEADS)]
    for table, columns in described:
        for column in columns:
            key = str(table.keys.index(column.name) + 1) if column.name in table.keys else ""
            length = str(column.length) if column.kind is ColumnKind.text else ""
            lines.append(
                csv_line(
                    (
                        table.name,
                        table.structure,
                        column.name,
                        column.label,
                        column.kind.value,
                        length,
                        key,
                        column.origin.value,
                        column.comment,
                        _OF_CSV if column.kind is ColumnKind.text else "",
                    )
                )
            )
    return "".join(lines)


def write_define(context: FileContext, described: DescribedTables) -> str:
    """The datasets as define.xml 2.1 describes them: groups, items, origins and how they are derived."""
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>\n',
        (
            '<ODM xmlns="http://www.cdisc.org/ns/odm/v1.3" xmlns:def="http://www.cdisc.org/ns/def/v2.1"'
            ' xmlns:xlink="http://www.w3.org/1999/xlink" ODMVersion="1.3.2" FileType="Snapshot"'
            f' FileOID={quoteattr(f"DEF.{context.study}.{context.cut}")} def:Context="Other"'
            f' CreationDateTime={quoteattr(format_instant(context.at))} Originator="Daybook"'
            f' SourceSystem="Daybook" SourceSystemVersion={quoteattr(context.app_version)}>\n'
        ),
        f"<Study OID={quoteattr(study_oid(context.study))}>\n<GlobalVariables>",
        _element("StudyName", context.study),
        _element("StudyDescription", f"Patient-reported outcomes, cut {context.cut}"),
        _element("ProtocolName", context.study),
        "</GlobalVariables>\n",
        (
            f'<MetaDataVersion OID={quoteattr(metadata_oid(context))} Name="Daybook datasets"'
            ' def:DefineVersion="2.1.0">\n'
        ),
        (
            '<def:Standards><def:Standard OID="STD.1" Name="SDTMIG" Type="IG" Version="3.4" Status="Final"/>'
            '<def:Standard OID="STD.2" Name="ADaMIG" Type="IG" Version="1.3" Status="Final"/>'
            "</def:Standards>\n"
        ),
    ]
    parts += (_group(table, columns) for table, columns in described)
    parts += (_item(table, column) for table, columns in described for column in columns)
    parts += _methods(described)
    parts += (_leaf(table) for table, _columns in described)
    return "".join((*parts, "</MetaDataVersion>\n</Study>\n</ODM>\n"))


def _group(table: DatasetTable, columns: Sequence[Column]) -> str:
    analysis = table.group in _ANALYSIS
    refs = (
        f'<ItemRef ItemOID={quoteattr(item_oid(table, column))} OrderNumber="{number}"'
        f' Mandatory="{"Yes" if _is_mandatory(table, column) else "No"}"'
        + (f' KeySequence="{table.keys.index(column.name) + 1}"' if column.name in table.keys else "")
        + (f" MethodOID={quoteattr(_method_oid(table, column))}" if _is_method(column) else "")
        + "/>"
        for number, column in enumerate(columns, 1)
    )
    return (
        f'<ItemGroupDef OID="IG.{table.name}" Name="{table.name}" Repeating="Yes" IsReferenceData="No"'
        f' SASDatasetName="{table.name}" Purpose="{"Analysis" if analysis else "Tabulation"}"'
        f' def:StandardOID="{"STD.2" if analysis else "STD.1"}" def:Structure={quoteattr(table.structure)}'
        f' def:ArchiveLocationID="LF.{table.name}">{_description(table.label)}{"".join(refs)}'
        f"<def:Class Name={quoteattr(table.group)}/></ItemGroupDef>\n"
    )


def _item(table: DatasetTable, column: Column) -> str:
    length = {ColumnKind.text: column.length, ColumnKind.integer: 8, ColumnKind.decimal: 20}.get(column.kind)
    size = f' Length="{length}"' if length else ""
    digits = f' SignificantDigits="{_DIGITS}"' if column.kind is ColumnKind.decimal else ""
    return (
        f'<ItemDef OID={quoteattr(item_oid(table, column))} Name="{column.name}"'
        f' SASFieldName="{column.name}" DataType="{_TYPES[column.kind]}"{size}{digits}>'
        f'{_description(column.label)}<def:Origin Type="{column.origin.value}" Source="Sponsor"/></ItemDef>\n'
    )


def _is_mandatory(table: DatasetTable, column: Column) -> bool:
    """Whether every record has it: those by which one is found, but for what is said to be empty at times."""
    return column.name in table.keys and not column.comment.startswith("empty")


def _methods(described: DescribedTables) -> Iterator[str]:
    for table, columns in described:
        for column in columns:
            if _is_method(column):
                yield (
                    f"<MethodDef OID={quoteattr(_method_oid(table, column))}"
                    f' Name="{table.name}.{column.name}" Type="Computation">{_description(column.comment)}'
                    "</MethodDef>\n"
                )


def _is_method(column: Column) -> bool:
    return bool(column.comment) and column.origin.value == "Derived"


def _method_oid(table: DatasetTable, column: Column) -> str:
    return f"MT.{table.name}.{column.name}"


def _leaf(table: DatasetTable) -> str:
    file = f"{table.name.lower()}.xpt"
    return f'<def:leaf ID="LF.{table.name}" xlink:href="{file}"><def:title>{file}</def:title></def:leaf>\n'


def _description(text: str) -> str:
    return f'<Description><TranslatedText xml:lang="en">{_escaped(text)}</TranslatedText></Description>'


def _element(name: str, text: str) -> str:
    return f"<{name}>{_escaped(text)}</{name}>"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
