"""Takes the items' cells out of many rows at once, where each cell is one sign."""

import re
from collections.abc import Collection, Sequence

from app.domain.typed_text import trim_text

BLANK = " "
"""What an empty cell becomes, and a longer code for a missing answer: such a cell is missing as well."""

_ZERO = ".0"
_DIGITS = frozenset("0123456789")
_ZEROS = tuple(digit + _ZERO for digit in sorted(_DIGITS, reverse=True))
"""Whole numbers as programs write them that know no missing whole number; "3.0" is read as "3" is.

"0.0" is the last, as otherwise "3.0.0" would become "3.0" and then "3". Not where a digit stands for a
missing answer, since "9.0" then does not.
"""


class ItemColumns:
    """Reads columns of one sign per cell out of lines without quotation marks and line ends.

    `places` are the items' places in a row of `width` cells. What stands in other cells does not matter.
    """

    def __init__(
        self, places: Sequence[int], width: int, delimiter: str, missing: Collection[str] = ()
    ) -> None:
        self._delimiter = delimiter
        self._blanks = [
            delimiter + code + delimiter for code in ("", *sorted(missing)) if _is_whole(code, delimiter)
        ]
        self._zeros = () if _DIGITS.intersection(missing) else _ZEROS
        in_order = sorted(places)
        self._order = [in_order.index(index) for index in places]
        self._runs = _lengths_of_runs(in_order)
        self._rows = re.compile(_row_pattern(in_order, width, delimiter))

    def read(self, lines: Sequence[str]) -> tuple[list[bytes], set[int]]:
        """The items' columns in the order of `places`, and the rows that must be read by themselves.

        Those have more or fewer cells, or an item's cell of more than one sign or of one outside of ASCII;
        "3.0" is taken as "3".
        """
        mark = self._delimiter
        text = mark + f"{mark}\n{mark}".join(lines) + f"{mark}\n"
        for blank in self._blanks:  # twice, as the delimiter between two of them is found only once
            text = text.replace(blank, mark + BLANK + mark).replace(blank, mark + BLANK + mark)
        if _ZERO + mark in text:
            for zero in self._zeros:
                text = text.replace(zero + mark, zero[0] + mark)
        runs = self._rows.findall(text)
        odd: set[int] = set()
        columns: list[bytes] = []
        for run, length in enumerate(self._runs):
            cells = [rows[run] for rows in runs] if len(self._runs) > 1 else runs
            joined = "".join(cells)
            fitting = mark * length
            if joined[1::2] != fitting * len(lines) or not joined.isascii():
                whole = (BLANK + mark) * length
                bad = {row for row, cell in enumerate(cells) if cell[1::2] != fitting or not cell.isascii()}
                joined = "".join(whole if row in bad else cell for row, cell in enumerate(cells))
                odd |= bad
            signs = joined[::2].encode("ascii")
            columns += [signs[index::length] for index in range(length)]
        return [columns[index] for index in self._order], odd


def _is_whole(code: str, delimiter: str) -> bool:
    """Whether such a cell can be found as it stands. A code of one sign is a cell as good as a blank."""
    return not (len(code) == 1 and code.isascii()) and trim_text(code) == code and delimiter not in code


def _lengths_of_runs(places: Sequence[int]) -> list[int]:
    """How many items stand beside each other, from left to right."""
    lengths: list[int] = []
    for before, index in zip([-2, *places], places, strict=False):
        if index == before + 1:
            lengths[-1] += 1
        else:
            lengths.append(1)
    return lengths


def _row_pattern(places: Sequence[int], width: int, delimiter: str) -> str:
    """A row, with a delimiter before and after each cell, and a group for each run of items; or any line."""
    mark = re.escape(delimiter)
    spelled, end = mark, 0
    first = 0
    for length in _lengths_of_runs(places):
        start = places[first]
        spelled += f"(?:[^{mark}\\n]*{mark}){{{start - end}}}(.{{{2 * length}}})"
        first += length
        end = start + length
    spelled += f"(?:[^{mark}\\n]*{mark}){{{width - end}}}"
    return f"(?:{spelled}|.*)\\n"
