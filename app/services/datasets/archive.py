"""Files of an export as one archive, and the media types under which they are served."""

import shutil
import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

MEDIA_TYPES: Mapping[str, str] = {
    "csv": "text/csv; charset=utf-8; header=present",
    "ndjson": "application/x-ndjson",
    "json": "application/json",
    "xpt": "application/octet-stream",
    "parquet": "application/vnd.apache.parquet",
    "xml": "application/xml",
    "zip": "application/zip",
}
"""By the end of a file's name."""


def pack_files(target: Path, files: Sequence[Path], at: datetime) -> None:
    """The files in one archive, whose times are the cut's instant."""
    stamp = at.astimezone(UTC).timetuple()[:6]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            entry = zipfile.ZipInfo(path.name, stamp)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as packed:
                shutil.copyfileobj(source, packed)
