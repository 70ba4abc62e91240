"""Reading a definition file, whoever wrote it: a plain file of bounded size in UTF-8, or one refusal."""

import os
import stat
from pathlib import Path

from app.domain.refusal import BadDefinition
from app.domain.toml_section import WHOLE_FILE

MOST_BYTES = 1024 * 1024
_PLAIN = "a plain file that can be read"


def read_definition(path: Path, name: str) -> str:
    """The text of a definition file, line ends as they stand; `name` names it in refusals.

    Raises BadDefinition for what is no plain file, too long, or not UTF-8; it never waits for a device or
    for somebody at the other end of a pipe.
    """
    content = read_definition_bytes(path, name)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadDefinition(name, WHOLE_FILE, str(error), "a text in UTF-8") from error


def read_definition_bytes(path: Path, name: str) -> bytes:
    """The bytes of a definition file, for a digest. Raises BadDefinition."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # asked first: opening some devices already does something
            raise BadDefinition(name, WHOLE_FILE, "", _PLAIN)
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            content = file.read(MOST_BYTES + 1) or b""  # None where a file of the kernel has nothing yet
    except (OSError, ValueError) as error:
        raise BadDefinition(name, WHOLE_FILE, _reason(error), _PLAIN) from error
    if len(content) > MOST_BYTES:
        raise BadDefinition(name, WHOLE_FILE, "", f"at most {MOST_BYTES} bytes")
    return content


def _reason(error: OSError | ValueError) -> str:
    return error.strerror or "" if isinstance(error, OSError) else str(error)
