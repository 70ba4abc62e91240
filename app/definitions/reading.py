"""Reading a definition file, whoever wrote it: a plain file of bounded size in UTF-8, or one refusal."""

import os
import stat
from pathlib import Path

from app.domain.refusal import BadDefinition, UnreadableDefinition
from app.domain.toml_section import WHOLE_FILE

MOST_BYTES = 1024 * 1024
_PLAIN = "a plain file that can be read"


def list_definitions(root: Path, pattern: str) -> list[Path]:
    """The files of this pattern in a folder, in order. Raises UnreadableDefinition for one that is none."""
    try:
        return sorted(root.glob(pattern))
    except OSError as error:  # a folder of the kernel, of which an entry has just gone
        name = f"{root}/{pattern}"
        raise UnreadableDefinition(name, WHOLE_FILE, _reason(error), "a folder of files") from error


def read_definition(path: Path, name: str, most_bytes: int = MOST_BYTES) -> str:
    """The text of a definition file, line ends as they stand; `name` names it in refusals.

    Raises UnreadableDefinition for what is no plain file, and BadDefinition for one that is too long or not
    UTF-8; it never waits for a device or for somebody at the other end of a pipe.
    """
    content = read_definition_bytes(path, name, most_bytes)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadDefinition(name, WHOLE_FILE, str(error), "a text in UTF-8") from error


def read_definition_bytes(path: Path, name: str, most_bytes: int = MOST_BYTES) -> bytes:
    """The bytes of a definition file, for a digest. Raises as `read_definition`."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # asked first: opening some devices already does something
            raise UnreadableDefinition(name, WHOLE_FILE, "", _PLAIN)
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            content = file.read(most_bytes + 1) or b""  # None where a file of the kernel has nothing yet
    except (OSError, ValueError) as error:
        raise UnreadableDefinition(name, WHOLE_FILE, _reason(error), _PLAIN) from error
    if len(content) > most_bytes:
        raise BadDefinition(name, WHOLE_FILE, "", f"at most {most_bytes} bytes")
    return content


def _reason(error: OSError | ValueError) -> str:
    return error.strerror or "" if isinstance(error, OSError) else str(error)
