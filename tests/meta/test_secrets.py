"""No key, token, machine's path or registry's address stands in the repository."""

import re
from functools import cache
from pathlib import Path

import pytest

from tests.meta.sources import ROOT, tracked

# Written so that no pattern finds itself here.
FORBIDDEN = {
    "private key": r"-{5}BEGIN [A-Z ]*PRIVATE KEY",
    "cloud access key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "forge token": r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|glpat-[\w-]{20,})",
    "chat token": r"\bxox[abprs]-[\w-]{10,}",
    "service key": r"\bsk-[A-Za-z0-9_-]{24,}",
    "signed token": r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",
    "address with a password": r"\b(?:https?|postgresql(?:\+\w+)?)://[^\s/:@{}<>$]+:(?!test-only@)[^\s/@{}<>$]+@",
    "one machine's path": r"(?<![\w.])/(?:work/(?:main|shared)|home/\w+|Users/\w+|root)/|(?<![\w.])/tm[p]/\w",
    "the workplace's folder": r"\.\./share[d]",
    "a registry's address": r"pythonhosted\.or[g]|pypi\.or[g]/simple|--(?:extra-)?index-ur[l]|--find-link[s]"
    r"|/opt/(?:wheel[s]|pyp[i])|registry\.npmj[s]",
}


@cache
def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""  # an image or a font


@pytest.mark.parametrize("kind", FORBIDDEN)
def test_the_repository_holds_none(kind: str) -> None:
    pattern = re.compile(FORBIDDEN[kind])
    secrets = [
        f"{path.relative_to(ROOT)}:{_text(path)[: match.start()].count(chr(10)) + 1}"
        for path in tracked()
        for match in pattern.finditer(_text(path))
    ]
    assert not secrets


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("private key", "-" * 5 + "BEGIN EC PRIVATE KEY"),
        ("cloud access key", "AKIA" + "A1" * 8),
        ("forge token", "ghp_" + "a1" * 18),
        ("signed token", ".".join(["eyJ" + "a" * 12, "eyJ" + "b" * 12, "c" * 12])),
        ("address with a password", "https://user:" + "pw@example.org"),
        ("one machine's path", " /ho" + "me/somebody/notes"),
        ("a registry's address", "https://files." + "python" + "hosted.org/x"),
    ],
)
def test_the_scan_finds_what_it_looks_for(kind: str, text: str) -> None:
    assert re.search(FORBIDDEN[kind], text)
