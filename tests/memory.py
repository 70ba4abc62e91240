"""Files that live in memory where there is room: tests write many small ones, and disks are slow."""

import os
import shutil
from pathlib import Path

ROOMY = 2 * 1024**3
"""Bytes; several times what all tests take at one time."""

_FOLDER = Path("/dev/shm")


def find_roomy_folder(folder: Path = _FOLDER, room: int = ROOMY) -> Path | None:
    """The folder, if it may be written to, runs programs and has this room; None otherwise."""
    if not os.access(folder, os.W_OK | os.X_OK) or os.statvfs(folder).f_flag & os.ST_NOEXEC:
        return None
    return folder if shutil.disk_usage(folder).free >= room else None
