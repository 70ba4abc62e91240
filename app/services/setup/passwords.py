"""What a new password of staff may be: long, of any characters, and not what guessers try first (SEC-06)."""

import gzip
from functools import cache
from itertools import pairwise
from pathlib import Path

from app.domain.refusal import Refused, check_all
from app.domain.typed_text import password_spellings

LEAST_PASSWORD = 12
"""Characters of a staff password; any characters, no composition rules (SEC-06)."""
LEAST_OF_ITS_OWN = 5
"""Characters that no repetition, sequence or known name explains; fewer are soon guessed."""

_SHORTEST_NAME = 3

COMMON_PASSWORDS = Path(__file__).parent / "common_passwords" / "common_passwords.txt.gz"
"""Origin, size and licence stand in the SOURCE note beside it."""

_SEQUENCES = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
)
_STEPS = frozenset(pair for line in _SEQUENCES for way in (line, line[::-1]) for pair in pairwise(way))
"""Which character may follow which in the alphabet, in numbers and on a keyboard, forwards and backwards."""


def check_chosen_password(password: str, again: str, email: str) -> None:
    """Refuse a new password that was typed twice, naming both fields.

    Raises Refused: "passwords_differ", or as `check_new_password`.
    """

    def check_again() -> None:
        if password_spellings(password)[0] != password_spellings(again)[0]:
            raise Refused("passwords_differ", field="password_again")

    check_all(lambda: check_new_password(password_spellings(password)[0], email), check_again)


def check_new_password(password: str, email: str) -> None:
    """Refuse a password that is short ("weak_password") or easy to guess ("common_password")."""
    if len(password) < LEAST_PASSWORD:
        raise Refused("weak_password", field="password_new", least=LEAST_PASSWORD)
    typed = password.casefold()
    rest = typed
    for name in (email.partition("@")[0].casefold(), "daybook"):
        rest = rest.replace(name, "") if len(name) >= _SHORTEST_NAME else rest
    if _is_common(typed) or any(_is_repetition(text) or _is_sequence(text) for text in {typed, rest}):
        raise Refused("common_password", field="password_new")


@cache
def _common_passwords() -> frozenset[str]:
    return frozenset(gzip.decompress(COMMON_PASSWORDS.read_bytes()).decode().split())


def _is_common(typed: str) -> bool:
    """Whether it is on the list, as it is or without digits and signs at its ends."""
    letters = [number for number, character in enumerate(typed) if character.isalpha()]
    word = typed[letters[0] : letters[-1] + 1] if letters else ""
    return not {typed, word}.isdisjoint(_common_passwords())


def _is_repetition(typed: str) -> bool:
    """Whether a few characters are all there are, or a part of it is said over and over."""
    half = len(typed) // 2
    said_again = any(typed[part:] == typed[:-part] for part in range(1, half + 1))
    return said_again or len(set(typed)) < LEAST_OF_ITS_OWN


def _is_sequence(typed: str) -> bool:
    """Whether little is left without what follows an alphabet, numbers or a row of the keyboard."""
    apart = sum(pair not in _STEPS for pair in pairwise(typed))
    return apart < LEAST_OF_ITS_OWN
