"""Making requested exports and removing old ones: what the clock does, one export at a time.

An export is claimed by a lease that its progress renews. A worker that dies leaves one whose lease runs out;
the next begins it anew, since the same cut gives the same bytes. Files appear whole under their export's name
or not at all, and are removed when they were kept long enough.
"""

import errno
import json
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.domain.records.access import ActorKind, read_staff_number, staff_actor
from app.domain.records.audit import AuditEvent, FieldChange, sha256_hex
from app.domain.records.exports import ExportKind
from app.domain.refusal import Refused
from app.services.accounts.edc_clients import find_client_session
from app.services.core.context import ClockContext, EdcContext, StaffContext
from app.services.datasets.archive import pack_files
from app.services.datasets.dataset_stream import ExportProgress
from app.services.datasets.export import (
    MANIFEST,
    OMITTED,
    Export,
    ExportEntry,
    OpenedExport,
    check_export,
    describe_file,
    open_export,
    serialise_manifest,
    write_files,
)
from app.services.datasets.export_requests import RETENTION, read_entry
from app.services.datasets.readers import DataContext, reached_sites
from app.services.datasets.recheck.cut_recheck import recheck_cut
from app.storage.queries.datasets.exports import (
    EXPORT_TABLE,
    NOT_ENDED,
    find_claimed_export,
    find_next_export,
    find_stored_exports,
    get_export_work,
    list_expired_exports,
    sum_stored_bytes,
)
from app.storage.queries.staff import list_grants
from app.storage.row_changes import study_chain
from app.storage.tables.feed import DataExport
from app.storage.tables.staff import Staff

LEASE = timedelta(minutes=10)
"""How long an export is one worker's without any progress; then another may take it up."""
TRIES = 3
ARCHIVE = "datasets.zip"
_FOLDER = re.compile(r"\.?([A-Za-z0-9]{16})(?:\.[0-9]+)?")
"""How the folder of an export is called, and that of a try: by the export's public id."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class ClaimLost(Exception):
    """Somebody else makes this export now, or it has ended."""


@dataclass(frozen=True, slots=True)
class ClaimedExport:
    """An export that is this worker's while its lease lasts; `tries` tells one claim from the next."""

    key: int
    public_id: str
    study_id: int
    tries: int


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What became of an export: its fault, or what it holds, of which sites, and its files or figures."""

    fault: str = ""
    contents: Sequence[str] = ()
    sites: tuple[int, ...] | None = ()
    files: Sequence[dict[str, Any]] = ()
    size: int = 0
    sha256: str = ""


def claim_export(context: ClockContext) -> ClaimedExport | None:
    """Claim the oldest export that waits; None where none does, or another worker was faster.

    One that was taken up too often without an end is ended as broken.
    """
    with context.read() as session:
        row = find_next_export(session, context.at)
    if row is None:
        return None
    claimed = ClaimedExport(row.id, row.public_id, row.study_id, row.tries)
    if row.tries >= TRIES:
        if context.installation.export_folder is not None:
            _remove_tries(context.installation.export_folder, row.public_id)
        end_export(context, claimed, ExportResult("export_broken"))
        return None
    taken = replace(claimed, tries=row.tries + 1)
    values = {"tries": taken.tries, "lease_until": context.at + LEASE, "done": 0, "total": 0}
    return taken if _update(context, claimed, values) else None


def renew_claim(context: ClockContext, claimed: ClaimedExport, done: int, total: int) -> None:
    """Renew the lease and tell how far it is. Raises ClaimLost."""
    values = {"lease_until": context.at + LEASE, "done": done, "total": total}
    if not _update(context, claimed, values):
        raise ClaimLost(claimed.public_id)


def release_export(context: ClockContext, claimed: ClaimedExport) -> None:
    """Give an export back, because the server stops: it waits again, and this try does not count."""
    _update(context, claimed, {"lease_until": context.at, "tries": claimed.tries - 1})


def _update(context: ClockContext, claimed: ClaimedExport, values: dict[str, object]) -> bool:
    table = EXPORT_TABLE
    mine = (table.c.id == claimed.key) & (table.c.tries == claimed.tries) & NOT_ENDED
    with context.unit_of_work() as work:
        return work.update_bookkeeping(table, mine, values, EXPORT_TABLE.c.id).first() is not None


def make_export(context: ClockContext, claimed: ClaimedExport, progress: ExportProgress) -> ExportResult:
    """Make what was requested, as its reader may see it now; what can't be made has a fault.

    `progress` keeps the claim; what it raises ends the making and leaves the export as it is.
    """
    with context.read() as session:
        row, study, cut = get_export_work(session, claimed.key)
    try:
        reader = _find_reader(context, row)
        entry = read_entry(row.request, cut, row.purpose)
        check_export(entry)
        if row.kind is ExportKind.recheck:
            root = _open_folder(context)
            figures = [asdict(figure) for figure in recheck_cut(reader, study, cut, progress, root)]
            return ExportResult(contents=tuple(OMITTED), sites=None, files=figures)
        opened = open_export(reader, study, entry)
        return _write(context, claimed, reader, opened, entry, progress, row.request["packed"])
    except Refused as refused:
        return ExportResult(refused.code)
    except OSError as failure:
        return ExportResult("export_room" if failure.errno in _FULL else "export_folder")


def _find_reader(context: ClockContext, row: DataExport) -> DataContext:
    """Whoever requested an export, with what they may do now. Raises Refused("unknown_study")."""
    if row.actor_kind == ActorKind.EDC.value:
        client = find_client_session(context.installation, row.actor_id, row.scopes or (), context.at)
        if client is None:
            raise Refused("unknown_study")
        return EdcContext(context.installation, client, context.at)
    number = read_staff_number(row.actor_id)
    with context.read() as session:
        staff = session.get(Staff, number)
        able = staff is not None and staff.disabled_at is None
        grants = list_grants(session, number or 0, context.grant_rules) if able else ()
    return StaffContext(
        context.installation, staff_actor(number, grants).keep_study(row.study_id), context.at
    )


def _write(
    context: ClockContext,
    claimed: ClaimedExport,
    reader: DataContext,
    opened: OpenedExport,
    entry: ExportEntry,
    progress: ExportProgress,
    packed: bool,
) -> ExportResult:
    """Write the files to a folder of this try, and give it its name when it is whole."""
    root = _open_folder(context)
    _remove_tries(root, claimed.public_id)
    folder, target = root / f".{claimed.public_id}.{claimed.tries}", root / claimed.public_id
    folder.mkdir(mode=0o700)
    room = _read_room(context)
    try:
        files = write_files(reader, opened, entry, folder, _watching(folder, room, progress))
        exported = Export(opened.cut, opened.contents, files)
        (folder / MANIFEST).write_text(serialise_manifest(exported, opened.file), "utf-8")
        files = (*(file for file in files if not file.fault), describe_file(folder / MANIFEST, None))
        if packed:
            pack_files(folder / ARCHIVE, [folder / file.name for file in files], opened.cut.at)
            for file in files:
                (folder / file.name).unlink()
            files = (describe_file(folder / ARCHIVE, sum(file.records or 0 for file in files)),)
        _check_room(folder, room)
        progress(1, 1)
        shutil.rmtree(target, ignore_errors=True)
        folder.rename(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return ExportResult(
        contents=opened.contents,
        sites=reached_sites(reader, opened.cut.study_id),
        files=[asdict(file) for file in files],
        size=sum(file.size for file in files),
        sha256=sha256_hex(json.dumps([asdict(file) for file in files], sort_keys=True)),
    )


def _open_folder(context: ClockContext) -> Path:
    root = context.installation.export_folder
    if root is None:
        raise Refused("exports_off")
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    return root


def _remove_tries(root: Path, public_id: str) -> None:
    """Remove what a dead worker began."""
    for stale in root.glob(f".{public_id}.*"):
        shutil.rmtree(stale, ignore_errors=True)


def _read_room(context: ClockContext) -> int:
    with context.read() as session:
        return context.installation.export_room - sum_stored_bytes(session)


def _watching(folder: Path, room: int, progress: ExportProgress) -> ExportProgress:
    def watch(done: int, total: int) -> None:
        _check_room(folder, room)
        progress(done, total)

    return watch


def _check_room(folder: Path, room: int) -> None:
    if sum(path.stat().st_size for path in folder.rglob("*")) > room:
        raise Refused("export_room")


def end_export(context: ClockContext, claimed: ClaimedExport, result: ExportResult) -> None:
    """State the end of an export, in its row and in the study's trail. Raises ClaimLost."""
    said = {"fault": result.fault} if result.fault else {"size": str(result.size), "sha256": result.sha256}
    with context.unit_of_work() as work:
        chain = study_chain(claimed.study_id)
        work.lock(chain, claimed.study_id)
        row = find_claimed_export(work.session, claimed.key, claimed.tries)
        if row is None:
            raise ClaimLost(claimed.public_id)
        row.ended_at, row.fault = context.at, result.fault or None
        row.files, row.contents, row.size = list(result.files), list(result.contents), result.size
        row.sites = None if result.sites is None else list(result.sites)
        row.kept_until = context.at + RETENTION if result.files else None
        work.record(
            AuditEvent.EXPORT_ENDED, chain, claimed.study_id, changes=_field_changes(claimed.public_id, said)
        )


def _field_changes(public_id: str, said: dict[str, str]) -> list[FieldChange]:
    return [FieldChange(f"export:{public_id}", name, None, value) for name, value in said.items()]


def remove_old_exports(context: ClockContext) -> int:
    """State of exports that were kept long enough that they are removed, and remove all files that no export
    keeps; returns of how many it was stated.
    """
    with context.read() as session:
        expired = list_expired_exports(session, context.at)
    for export in expired:
        with context.unit_of_work() as work:
            chain = study_chain(export.study_id)
            work.lock(chain, export.study_id)
            row = work.session.get_one(DataExport, export.id)
            if row.removed_at is None:
                row.removed_at = context.at
                gone = _field_changes(row.public_id, {"removed": "files"})
                work.record(AuditEvent.EXPORT_REMOVED, chain, row.study_id, changes=gone)
    _sweep(context)
    return len(expired)


def _sweep(context: ClockContext) -> None:
    """Remove every folder of an export that is neither being made nor kept.

    Such are left by a worker that died after it had named a folder, and by a file that could not be removed
    at first. Of one that the database does not know, since it was restored, its age alone is known: it stays
    as long as any other.
    """
    root = context.installation.export_folder
    if root is None or not root.is_dir():
        return
    named = {path: match[1] for path in root.iterdir() if (match := _FOLDER.fullmatch(path.name))}
    if not named:
        return
    with context.read() as session:
        stored = find_stored_exports(session, frozenset(named.values()), context.at)
    for path, public_id in named.items():
        with suppress(FileNotFoundError):  # another worker was faster
            modified_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            if not stored.get(public_id, context.at < modified_at + RETENTION):
                shutil.rmtree(path, ignore_errors=True)
