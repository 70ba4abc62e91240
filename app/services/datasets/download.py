"""A dataset, or all of them, as one file to be downloaded, which is removed when it was sent."""

import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.services.datasets.cuts import NamedCut
from app.services.datasets.export import (
    MANIFEST,
    Export,
    ExportEntry,
    check_export,
    open_export,
    record_export,
    spell_manifest,
    write_files,
)
from app.services.datasets.readers import DataContext
from app.storage.queries.staff import find_staff_names

_MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "ndjson": "application/x-ndjson",
    "json": "application/json",
    "xpt": "application/octet-stream",
    "parquet": "application/vnd.apache.parquet",
    "zip": "application/zip",
}


@dataclass(frozen=True, slots=True)
class DatasetDownload:
    """A file that waits to be sent, and the folder that goes with it."""

    path: Path
    name: str
    media_type: str
    folder: Path

    def discard(self) -> None:
        """Remove the file, whether it was sent or not."""
        shutil.rmtree(self.folder, ignore_errors=True)


def prepare_download(context: DataContext, study: str, entry: ExportEntry) -> DatasetDownload:
    """Make the file, after the trail says so: one dataset in one format, or everything as a ZIP.

    Raises Refused: as `check_export` and `open_export`.
    """
    purpose = check_export(entry)
    opened = open_export(context, study, entry)
    record_export(context, opened, entry, purpose)
    folder = Path(tempfile.mkdtemp(prefix="daybook-export-"))
    with ExitStack() as unless_made:
        unless_made.callback(shutil.rmtree, folder, ignore_errors=True)
        files = write_files(context, opened, entry, folder)
        stem = f"{study}-{opened.cut.name}"
        if entry.dataset:
            path, suffix = folder / files[0].name, entry.formats[0]
            name = f"{stem}-{path.name}"
        else:
            export = Export(opened.cut, opened.contents, files)
            (folder / MANIFEST).write_text(spell_manifest(export, opened.file), "utf-8")
            path, suffix, name = folder / f"{stem}.zip", "zip", f"{stem}.zip"
            _pack(path, [*(folder / each.name for each in files), folder / MANIFEST], opened.cut.at)
        unless_made.pop_all()
    return DatasetDownload(path, name, _MEDIA[suffix], folder)


def _pack(target: Path, files: Sequence[Path], at: datetime) -> None:
    """The files in one archive, whose times are the cut's instant."""
    stamp = at.astimezone(UTC).timetuple()[:6]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            entry = zipfile.ZipInfo(path.name, stamp)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            with path.open("rb") as source, archive.open(entry, "w") as packed:
                shutil.copyfileobj(source, packed)


def find_cut_makers(context: DataContext, cuts: Iterable[NamedCut]) -> dict[str, str]:
    """The names of those who made cuts, by what the trail calls them; others have none."""
    with context.read() as session:
        return dict(find_staff_names(session, {cut.made_by for cut in cuts}))
