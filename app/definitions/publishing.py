"""Publishing definitions: a new file's digest is locked; a locked one never changes (CAP-01)."""

import tomllib
from pathlib import Path

from app.definitions.library import LOCK, check_lock, file_digests

HEAD = (
    "# SHA-256 of every published definition; a published file never changes, a new version is a new folder."
)


def publish_definitions(root: Path) -> tuple[str, ...]:
    """Lock the digests of files that are not locked yet, and return their names.

    Raises BadDefinition when a published file changed or went; nothing is written then.
    """
    lock = root / LOCK
    if not lock.exists():
        lock.write_text(f"{HEAD}\n\n[sha256]\n", "utf-8")
    check_lock(root)
    found = file_digests(root)
    new = tuple(sorted(found.keys() - tomllib.loads(lock.read_text("utf-8"))["sha256"].keys()))
    if new:
        lines = (f'"{name}" = "{found[name]}"' for name in sorted(found))
        lock.write_text("\n".join((HEAD, "", "[sha256]", *lines, "")), "utf-8")
    return new
