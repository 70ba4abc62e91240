"""Reading Accept and Accept-Encoding (RFC 9110 §12.5): what a caller takes, and what it refuses by `q=0`."""

import re
from collections.abc import Sequence
from functools import lru_cache

_LONGEST = 1000
"""Characters of a header that are read: more than any client sends."""
_QUALITY = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", re.IGNORECASE)


@lru_cache(maxsize=512)
def read_qualities(header: str) -> tuple[tuple[str, float], ...]:
    """Each range of a header in lower case with its quality; one whose quality cannot be read is left out."""
    ranges = []
    for part in header[:_LONGEST].lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        stated = [parameter for parameter in parameters if parameter.startswith("q=")]
        matched = [_QUALITY.fullmatch(parameter) for parameter in stated[:1]]
        if name and None not in matched:
            ranges.append((name, next((float(quality[1]) for quality in matched if quality), 1.0)))
    return tuple(ranges)


def select_type(accept: str, offered: Sequence[str]) -> str | None:
    """The offered media type that an Accept header prefers; None if it refuses all by `q=0`.

    A header that names none of them is disregarded, as RFC 9110 allows: the first one is then served.
    """
    ranges = read_qualities(accept)
    judged = [(*_judge(ranges, media_type), -index) for index, media_type in enumerate(offered)]
    quality, _named, index = max(judged)
    if quality > 0:
        return offered[-index]
    unnamed = [index for _quality, named, index in judged if named < 0]
    return offered[-max(unnamed)] if unnamed else None


def _judge(ranges: Sequence[tuple[str, float]], offered: str) -> tuple[float, int]:
    """The quality of a type by the most specific range that covers it, and how specific it is (-1: none)."""
    kind = offered.partition("/")[0]
    for specific, name in ((2, offered), (1, f"{kind}/*"), (0, "*/*")):
        qualities = [quality for media_type, quality in ranges if media_type == name]
        if qualities:
            return max(qualities), specific
    return 0.0, -1


def choose_coding(accept: bytes) -> str | None:
    """The best coding that an Accept-Encoding header allows: `br`, else `gzip`, else none."""
    allowed = {name for name, quality in read_qualities(accept.decode("latin-1")) if quality > 0}
    return next((coding for coding in ("br", "gzip") if coding in allowed), None)
