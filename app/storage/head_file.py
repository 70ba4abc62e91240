"""The head file: where each feed and trail ended, written beside the database and never inside it.

A restore that puts an older database in place cannot take it along, and so the file shows that it happened.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from app.domain.refusal import Refused


@dataclass(frozen=True, slots=True)
class KnownHead:
    """Where a study's feed and the study's own audit chain ended."""

    feed: str
    seq: int
    hash: str
    trail_seq: int
    trail_hash: str


@dataclass(frozen=True, slots=True)
class KnownHeads:
    """The heads by study code; `restoring` while a restore is under way or was broken off."""

    studies: Mapping[str, KnownHead]
    restoring: bool = False


def read_head_file(path: Path) -> KnownHeads:
    """What the file says; one that is not there says nothing. Raises Refused("bad_head_file"), OSError."""
    try:
        document = json.loads(path.read_text("utf-8"))
        studies = {code: KnownHead(**head) for code, head in document["studies"].items()}
        return KnownHeads(studies, document["restoring"])
    except FileNotFoundError:
        return KnownHeads({})
    except (ValueError, KeyError, TypeError, AttributeError) as unreadable:
        raise Refused("bad_head_file", file=str(path)) from unreadable


def write_head_file(path: Path, known: KnownHeads) -> None:
    """Replace the file as a whole, so that it is never half written."""
    studies = {code: asdict(head) for code, head in known.studies.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    with beside.open("w", encoding="utf-8") as file:
        json.dump({"restoring": known.restoring, "studies": studies}, file, indent=1, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
