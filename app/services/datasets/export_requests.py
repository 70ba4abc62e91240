"""Requesting exports of a cut, seeing how far they are, and finding their files (REP-09, AUD-07).

The request is the act: it is in the audit trail with its purpose before anything is made. The clock makes the
files; reading them is no act.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from app.domain.records.access import Permission
from app.domain.records.audit import AuditEvent, FieldChange, canonical_json, sha256_hex
from app.domain.records.exports import ExportKind, ExportState, derive_export_state
from app.domain.refusal import Refused
from app.services.core.context import EdcContext
from app.services.core.identifiers import new_public_id
from app.services.datasets.archive import MEDIA_TYPES
from app.services.datasets.cuts import get_named_cut
from app.services.datasets.export import (
    OMITTED,
    ExportedFile,
    ExportEntry,
    OpenedExport,
    check_export,
    describe_entry,
    list_contents,
    open_export,
)
from app.services.datasets.readers import DataContext, reached_sites
from app.services.datasets.recheck.rechecked_figures import RecheckedFigures
from app.storage.queries.datasets.cuts import get_cut
from app.storage.queries.datasets.exports import (
    count_not_ended,
    find_same_export,
    get_export_row,
    list_export_rows,
)
from app.storage.queries.participants import get_study
from app.storage.row_changes import study_chain
from app.storage.tables.feed import DataExport

RETENTION = timedelta(days=7)
"""How long files are kept once they are made."""
WAITING_AT_ONCE = 3
"""Exports of one reader that may wait or be made at a time."""
LISTED = 50


@dataclass(frozen=True, slots=True)
class RequestedExport:
    """An export as its reader sees it. `done` of `total` participants are read; `figures` are a recheck's."""

    public_id: str
    kind: ExportKind
    cut: str
    state: ExportState
    entry: ExportEntry
    packed: bool
    requested_at: datetime
    done: int
    total: int
    contents: tuple[str, ...]
    ended_at: datetime | None
    fault: str
    kept_until: datetime | None
    size: int
    files: tuple[ExportedFile, ...]
    figures: tuple[RecheckedFigures, ...]


@dataclass(frozen=True, slots=True)
class ExportOutcome:
    """A requested export, and whether it was requested before."""

    export: RequestedExport
    known: bool


@dataclass(frozen=True, slots=True)
class StoredExportFile:
    """A file that was made: where it lies, how it is served, and what it is called elsewhere.

    `through` is the number of the feed that its records go through.
    """

    path: Path
    media_type: str
    sha256: str
    name: str
    records: int
    through: int


def request_export(
    context: DataContext,
    study: str,
    entry: ExportEntry,
    *,
    packed: bool = False,
    kind: ExportKind = ExportKind.datasets,
) -> ExportOutcome:
    """Have an export made by the clock; idempotent: the same request gives the same export while it is kept.

    `packed`: as one archive. A recheck has no files, and needs a reader who may see everything. Raises
    Refused: as `check_export` and `open_export`; "recheck_needs_all", "exports_off" where the installation
    has no folder for them, "too_many_exports".
    """
    purpose = check_export(entry)
    opened = open_export(context, study, entry)
    if kind is ExportKind.recheck and set(opened.contents) != OMITTED.keys():
        raise Refused("recheck_needs_all")
    if context.installation.export_folder is None:
        raise Refused("exports_off")
    study_id = opened.cut.study_id
    with context.unit_of_work() as work:
        chain = study_chain(study_id)
        work.lock(chain, study_id)
        cut_id = get_cut(work.session, study_id, opened.cut.name).id
        row = _new_row(context, opened, entry, kind, packed, cut_id)
        known = find_same_export(work.session, row.fingerprint, context.at)
        if known is not None and is_readable(context, known):
            return ExportOutcome(_shown(context, known, opened.cut.name), known=True)
        if count_not_ended(work.session, study_id, context.actor.id) >= WAITING_AT_ONCE:
            raise Refused("too_many_exports", count=WAITING_AT_ONCE)
        work.session.add(row)
        said = describe_entry(opened, entry) | ({"dataset": "recheck"} if kind is ExportKind.recheck else {})
        changes = [FieldChange(f"export:{row.public_id}", name, None, value) for name, value in said.items()]
        work.record(AuditEvent.DATA_EXPORTED, chain, study_id, reason=purpose, changes=changes)
        return ExportOutcome(_shown(context, row, opened.cut.name), known=False)


def _new_row(
    context: DataContext,
    opened: OpenedExport,
    entry: ExportEntry,
    kind: ExportKind,
    packed: bool,
    cut_id: int,
) -> DataExport:
    scopes = sorted(context.client.scopes) if isinstance(context, EdcContext) else None
    request = {
        "formats": list(dict.fromkeys(entry.formats)),
        "dataset": entry.dataset.upper(),
        "without": sorted(entry.without),
        "with_mark": entry.with_mark,
        "packed": packed,
    }
    purpose = check_export(entry)
    reader = [context.actor.kind.value, context.actor.id, scopes]
    said = [*reader, opened.cut.study, opened.cut.name, kind.value, request, purpose]
    return DataExport(
        public_id=new_public_id(),
        study_id=opened.cut.study_id,
        cut_id=cut_id,
        actor_kind=context.actor.kind.value,
        actor_id=context.actor.id,
        scopes=scopes,
        kind=kind,
        request=request,
        fingerprint=sha256_hex(canonical_json(said)),
        purpose=purpose,
        requested_at=context.at,
        lease_until=context.at,
    )


def list_exports(context: DataContext, study: str) -> tuple[RequestedExport, ...]:
    """The newest exports that this reader requested and may still read. Raises Refused("unknown_study")."""
    with context.read() as session:
        study_id = get_study(session, study).id
        rows = list_export_rows(session, study_id, context.actor.id, LISTED)
        return tuple(_shown(context, row, cut) for row, cut in rows if is_readable(context, row))


def get_export(context: DataContext, study: str, public_id: str) -> RequestedExport:
    """One of them. Raises Refused: "unknown_study", "unknown_export"."""
    with context.read() as session:
        row, cut = get_export_row(session, get_study(session, study).id, context.actor.id, public_id)
        if not is_readable(context, row):
            raise Refused("unknown_export")
        return _shown(context, row, cut)


def find_export_file(context: DataContext, study: str, public_id: str, name: str) -> StoredExportFile:
    """A file of an export, for whoever requested it and may still see all that is in it.

    Raises Refused: as `get_export`; "unknown_export_file", also while it is being made; "export_removed".
    """
    export = get_export(context, study, public_id)
    folder = context.installation.export_folder
    if export.state is ExportState.removed:
        raise Refused("export_removed")
    file = next((file for file in export.files if file.name == name), None)
    if folder is None or file is None or export.kept_until is None:
        raise Refused("unknown_export_file")
    path = folder / public_id / file.name
    if export.kept_until <= context.at or not path.is_file():
        raise Refused("export_removed")
    plain = f"{study}-{export.cut}"
    called = f"{plain}.zip" if export.packed else f"{plain}-{file.name}"
    through = get_named_cut(context, study, export.cut, (Permission.EXPORT_RUN,)).through
    media = MEDIA_TYPES[path.suffix[1:]]
    return StoredExportFile(path, media, file.sha256, called, file.records or 0, through)


def is_readable(context: DataContext, row: DataExport) -> bool:
    """Whether somebody may still see all that is in the files: contents and sites of what was made."""
    seen, sites = list_contents(context, row.study_id), reached_sites(context, row.study_id)
    if sites == ():
        return False
    within = sites is None or (row.ended_at is None or (row.sites is not None and {*row.sites} <= {*sites}))
    return within and {*(row.contents or ())} <= {*seen}


def read_entry(request: Mapping[str, Any], cut: str, purpose: str) -> ExportEntry:
    """What was requested."""
    return ExportEntry(
        cut=cut,
        purpose=purpose,
        formats=tuple(request["formats"]),
        without=frozenset(request["without"]),
        with_mark=request["with_mark"],
        dataset=request["dataset"],
    )


def _shown(context: DataContext, row: DataExport, cut: str) -> RequestedExport:
    files = row.files or []
    recheck = row.kind is ExportKind.recheck
    return RequestedExport(
        public_id=row.public_id,
        kind=row.kind,
        cut=cut,
        state=derive_export_state(row, context.at),
        entry=read_entry(row.request, cut, row.purpose),
        packed=row.request["packed"],
        requested_at=row.requested_at,
        done=row.done,
        total=row.total,
        contents=tuple(row.contents or ()),
        ended_at=row.ended_at,
        fault=row.fault or "",
        kept_until=row.kept_until,
        size=row.size,
        files=() if recheck else tuple(ExportedFile(**file) for file in files),
        figures=tuple(RecheckedFigures(**file) for file in files) if recheck else (),
    )
