"""Parquet files of datasets, by DuckDB where it is installed (the extra `parquet`)."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from app.domain.datasets.tables import Column, ColumnKind
from app.domain.refusal import Refused

PARQUET = "parquet"
_ENGINE = "duckdb"
_TYPES: Mapping[ColumnKind, str] = {
    ColumnKind.text: "VARCHAR",
    ColumnKind.integer: "BIGINT",
    ColumnKind.decimal: "DECIMAL(18, 10)",
    ColumnKind.date: "DATE",
}
_SETTINGS = {
    "threads": "1",  # with several, the bytes depend on who is first
    "memory_limit": "100MB",
    "autoinstall_known_extensions": "false",
    "enable_external_access": "true",  # its word for files of this machine
}

_ROW_GROUP = 20480
"""Records that the engine holds before it writes them: of its own 122,880, those of QS took 175 MB."""


def has_parquet() -> bool:
    """Whether Parquet can be written here."""
    return find_spec(_ENGINE) is not None


def load_parquet_engine() -> ModuleType:
    """The engine. Raises Refused("parquet_missing") where the extra is not installed."""
    try:
        return import_module(_ENGINE)
    except ModuleNotFoundError as missing:
        raise Refused("parquet_missing", field="format") from missing


def write_parquet(lines: Path, target: Path, columns: Sequence[Column]) -> None:
    """Turn the NDJSON file of a dataset into a Parquet file with these columns, in the order of its lines.

    Decimals are exact: DECIMAL with the ten places that a score is printed with. A line that does not fit its
    columns is a fault of the program and ends the export.
    """
    types = ", ".join(f"{column.name}: '{_TYPES[column.kind]}'" for column in columns)
    source = f"read_json('{_quoted(lines)}', format = 'newline_delimited', columns = {{{types}}})"
    with load_parquet_engine().connect(config=_SETTINGS) as engine:
        copy = f"COPY (SELECT * FROM {source}) TO '{_quoted(target)}'"  # noqa: S608 - our names
        engine.execute(f"{copy} (FORMAT parquet, ROW_GROUP_SIZE {_ROW_GROUP})")


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
