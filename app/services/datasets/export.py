"""Exporting the datasets of a cut to a folder: every file whole or none, with a manifest (REP-09, AUD-07)."""

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from app.domain.datasets.builder import DATASETS, find_table
from app.domain.datasets.formats.codebook import write_codebook, write_define
from app.domain.datasets.formats.csv_lines import CsvFormat
from app.domain.datasets.formats.json_texts import DatasetJsonFormat, NdjsonFormat
from app.domain.datasets.formats.spelling import CellTooWide, DatasetFormat, FileContext
from app.domain.datasets.formats.transport import TransportFormat
from app.domain.datasets.study import DatasetStudy
from app.domain.datasets.tables import Column, DatasetRow, DatasetTable
from app.domain.people.names import parse_purpose
from app.domain.records.access import Permission, Scope
from app.domain.records.audit import AuditEvent, FieldChange, format_instant
from app.domain.refusal import Refused, check_all
from app.services.datasets.cuts import NamedCut, get_named_cut
from app.services.datasets.dataset_stream import (
    DataSelection,
    ExportProgress,
    describe_dataset_study,
    ignore_progress,
    stream_datasets,
    yield_thread,
)
from app.services.datasets.parquet import PARQUET, has_parquet, load_parquet_engine, write_parquet
from app.services.datasets.readers import DataContext, study_scopes
from app.storage.row_changes import study_chain

FORMATS: Mapping[str, DatasetFormat] = {
    "csv": CsvFormat(),
    "ndjson": NdjsonFormat(),
    "json": DatasetJsonFormat(),
    "xpt": TransportFormat(),
}
"""By the name under which somebody asks for them."""
OMITTED: Mapping[str, str] = {
    "arm": Scope.ARM_READ.value,
    "answers": Scope.ANSWERS_READ.value,
    "scores": Scope.SCORES_READ.value,
    "diary": Scope.DIARY_READ.value,
}
"""What may be left out of an export, and the scope that goes with it."""
MANIFEST = "manifest.json"
_BLOCK, _PIECE = 1 << 20, 1 << 16


@dataclass(frozen=True, slots=True)
class ExportEntry:
    """What is exported and why: `without` names what is left out, though it might be seen.

    `dataset` is the one that is asked for, "" for all.
    """

    cut: str
    purpose: str
    formats: tuple[str, ...] = tuple(FORMATS)
    without: frozenset[str] = frozenset()
    with_mark: bool = False
    dataset: str = ""


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One file of an export; a description of datasets has no records of its own.

    `fault` says why a file that was asked for is not there: its format has no room for what it would hold.
    """

    name: str
    records: int | None
    size: int
    sha256: str
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Export:
    """What was exported, file by file."""

    cut: NamedCut
    contents: tuple[str, ...]
    files: tuple[ExportedFile, ...]


def export_cut(
    context: DataContext,
    study: str,
    entry: ExportEntry,
    folder: Path,
    progress: ExportProgress = ignore_progress,
) -> Export:
    """Write every dataset of a cut in these formats to a new folder, which appears whole or not at all.

    Files are the same bytes when they are made again by the same program. That, by whom, what for and what in
    it stands in the audit trail. Raises Refused: "unknown_study", "unknown_cut", "unknown_format", or as
    `parse_purpose`; FileExistsError for a folder that is there already, FileNotFoundError without the one
    around it.
    """
    purpose = check_export(entry)
    _check_folder(folder)
    opened = open_export(context, study, entry)
    record_export(context, opened, entry, purpose)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as unfinished:
        files = write_files(context, opened, entry, Path(unfinished), progress)
        exported = Export(opened.cut, opened.contents, files)
        (Path(unfinished) / MANIFEST).write_text(serialise_manifest(exported, opened.file), "utf-8")
        whole = Path(unfinished) / "whole"
        whole.mkdir(mode=0o755)
        for path in sorted(Path(unfinished).iterdir()):
            if path != whole:
                shutil.move(path, whole / path.name)
        whole.rename(folder)
    return exported


def list_formats() -> tuple[str, ...]:
    """The formats that can be written here."""
    return (*FORMATS, *((PARQUET,) if has_parquet() else ()))


def check_export(entry: ExportEntry) -> str:
    """The purpose as it is recorded. Raises Refused: "unknown_format", "parquet_missing",
    "unknown_dataset", or as `parse_purpose`.
    """
    check_all(
        lambda: _check_formats(entry.formats),
        lambda: _check_dataset(entry.dataset),
        lambda: parse_purpose(entry.purpose),
    )
    return parse_purpose(entry.purpose)


def _check_formats(formats: Collection[str]) -> None:
    if unknown := sorted(set(formats) - FORMATS.keys() - {PARQUET}):
        raise Refused("unknown_format", field="format", format=unknown[0], allowed=list_formats())
    if PARQUET in formats:
        load_parquet_engine()


def _check_dataset(dataset: str) -> None:
    if dataset and find_table(dataset) is None:
        allowed = tuple(table.name for table in DATASETS)
        raise Refused("unknown_dataset", field="dataset", allowed=allowed)


def _check_folder(folder: Path) -> None:
    if not folder.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder.parent))
    if folder.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(folder))


@dataclass(frozen=True, slots=True)
class OpenedExport:
    """A cut as one reader gets it: its definitions, what is left of their scopes, and what files say."""

    cut: NamedCut
    study: DatasetStudy
    file: FileContext
    selection: DataSelection
    contents: tuple[str, ...]

    def list_columns(self, table: DatasetTable) -> tuple[Column, ...]:
        """The columns of a dataset that this reader gets."""
        return table.seen_columns(self.study.sees_arm)


def open_export(context: DataContext, study: str, entry: ExportEntry) -> OpenedExport:
    """What somebody gets of a cut. Raises Refused: "unknown_study", "unknown_cut"."""
    cut = get_named_cut(context, study, entry.cut, (Permission.EXPORT_RUN,))
    contents = tuple(
        content for content in list_contents(context, cut.study_id) if content not in entry.without
    )
    selection = DataSelection(frozenset(scope for name, scope in OMITTED.items() if name not in contents))
    installation = context.installation
    return OpenedExport(
        cut=cut,
        study=describe_dataset_study(installation, cut, "arm" in contents),
        file=FileContext(study, cut.name, cut.at, installation.app_version, entry.with_mark),
        selection=selection,
        contents=contents,
    )


def list_contents(context: DataContext, study_id: int) -> tuple[str, ...]:
    """What of `OMITTED` is in this reader's files, if they leave nothing out."""
    scopes = study_scopes(context, study_id)
    return tuple(name for name, scope in OMITTED.items() if scope in scopes)


def record_export(context: DataContext, opened: OpenedExport, entry: ExportEntry, purpose: str) -> None:
    """Enter in the study's trail that data leave, before they do."""
    enter_export(context, opened.cut.study_id, describe_entry(opened, entry), purpose)


def describe_entry(opened: OpenedExport, entry: ExportEntry) -> dict[str, str]:
    """What the trail says of an export."""
    return {
        "cut": opened.cut.name,
        "dataset": entry.dataset or "all",
        "contents": ", ".join(opened.contents),
        "file": ", ".join(entry.formats),
    }


def enter_export(
    context: DataContext, study_id: int, said: Mapping[str, str], purpose: str, record: str = "export"
) -> None:
    """Enter in the study's trail what of it leaves, and what for."""
    changes = [FieldChange(record, name, None, value) for name, value in said.items()]
    with context.unit_of_work() as work:
        work.record(
            AuditEvent.DATA_EXPORTED, study_chain(study_id), study_id, reason=purpose, changes=changes
        )


@dataclass(slots=True)
class _OpenFile:
    """A file that is being written."""

    path: Path
    file: BinaryIO
    format: DatasetFormat
    columns: Sequence[Column]
    records: int = 0
    fault: str = ""

    def add(self, row: DatasetRow) -> None:
        if not self.fault:
            try:
                self.file.write(self.format.write_record(self.columns, row, self.records + 1))
            except CellTooWide as fault:
                self.fault = str(fault)
            self.records += 1

    def finish(self) -> ExportedFile:
        if self.fault:
            self.file.close()
            self.path.unlink()
            return ExportedFile(self.path.name, None, 0, "", self.fault)
        self.file.write(self.format.write_tail(self.columns, self.records))
        self.file.close()
        return describe_file(self.path, self.records)


def write_files(
    context: DataContext,
    opened: OpenedExport,
    entry: ExportEntry,
    folder: Path,
    progress: ExportProgress = ignore_progress,
) -> tuple[ExportedFile, ...]:
    """Write every dataset in every format, in one pass over the participants, and what describes them.

    Of an entry with one `dataset` only that is written.
    """
    tables = [table for table in DATASETS if entry.dataset in ("", table.name)]
    names = frozenset(table.name for table in tables)
    written: list[ExportedFile] = []
    with ExitStack() as stack, tempfile.TemporaryDirectory(dir=folder, prefix=".parquet-") as lines:
        files: dict[str, list[_OpenFile]] = {table.name: [] for table in DATASETS}
        for table in tables:
            for name in entry.formats:
                destination = (Path(lines), FORMATS["ndjson"]) if name == PARQUET else (folder, FORMATS[name])
                opened_file = _open_file(stack, opened, table, *destination)
                files[table.name].append(opened_file)
        stream = stream_datasets(context, opened.cut, opened.study, opened.selection, progress, names)
        for table, row in yield_thread(stream):
            for file in files[table.name]:
                file.add(row)
        for table in tables:
            for file in files[table.name]:
                described = file.finish()
                if file.path.parent != folder:
                    target = folder / f"{table.name.lower()}.{PARQUET}"
                    write_parquet(file.path, target, opened.list_columns(table))
                    described = describe_file(target, file.records)
                written.append(described)
    return (*written, *(() if entry.dataset else _write_descriptions(opened, entry.formats, folder)))


def serialise_dataset(
    context: DataContext, opened: OpenedExport, table: DatasetTable, format_: DatasetFormat
) -> Iterator[tuple[int, bytes]]:
    """One dataset in one format, piece by piece, each with the number of records so far."""
    columns, records = opened.list_columns(table), 0
    piece = bytearray(format_.write_head(opened.file, table, columns))
    stream = stream_datasets(
        context, opened.cut, opened.study, opened.selection, names=frozenset((table.name,))
    )
    for records, (_table, row) in enumerate(yield_thread(stream), 1):
        piece += format_.write_record(columns, row, records)
        if len(piece) >= _PIECE:
            yield records, bytes(piece)
            piece.clear()
    yield records, bytes(piece + format_.write_tail(columns, records))


def _open_file(
    stack: ExitStack, opened: OpenedExport, table: DatasetTable, folder: Path, format_: DatasetFormat
) -> _OpenFile:
    path = folder / f"{table.name.lower()}.{format_.suffix}"
    file = stack.enter_context(path.open("wb"))
    file.write(format_.write_head(opened.file, table, opened.list_columns(table)))
    return _OpenFile(path, file, format_, opened.list_columns(table))


def _write_descriptions(
    opened: OpenedExport, formats: Collection[str], folder: Path
) -> tuple[ExportedFile, ...]:
    described = [(table, opened.list_columns(table)) for table in DATASETS]
    texts = {"codebook.csv": write_codebook(described)}
    if {"xpt", "json"} & set(formats):
        texts["define.xml"] = write_define(opened.file, described)
    for name, text in texts.items():
        (folder / name).write_bytes(text.encode())
    return tuple(describe_file(folder / name, None) for name in texts)


def describe_file(path: Path, records: int | None) -> ExportedFile:
    """A file with its size and digest, read in blocks."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
    return ExportedFile(path.name, records, size, digest.hexdigest())


def serialise_manifest(export: Export, file: FileContext) -> str:
    """What an export holds, as JSON; nothing in it tells when it was made, so that it is made again alike."""
    cut = export.cut
    described = {
        "study": cut.study,
        "cut": cut.name,
        "through": cut.through,
        "feed": cut.feed,
        "feed_hash": cut.feed_hash,
        "at": format_instant(cut.at),
        "plan_version": cut.plan_version,
        "plan_sha256": cut.plan_sha256,
        "app_version": file.app_version,
        "contents": list(export.contents),
        "files": [
            {"name": file.name, "fault": file.fault}
            if file.fault
            else {"name": file.name, "records": file.records, "size": file.size, "sha256": file.sha256}
            for file in export.files
        ],
    }
    return json.dumps(described, ensure_ascii=False, indent=1) + "\n"
