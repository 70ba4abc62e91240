"""A program in a fork of this process begins as a new interpreter would."""

import logging
from pathlib import Path

from tests.forks import fork

PROGRAM = """
import logging, os, sys
print(logging.getLogger("uvicorn.error").getEffectiveLevel(), logging.root.handlers, dict(os.environ))
print(sys.argv[1:], file=sys.stderr)
raise SystemExit(3)
"""


def test_a_fork_has_its_own_levels_environment_words_and_end(tmp_path: Path) -> None:
    logger = logging.getLogger("uvicorn.error")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
            ended = fork(["-c", PROGRAM, "a word"], {"ONLY": "this"}, out.fileno(), err.fileno())
        assert ended.wait(60) == 3
    finally:
        logger.setLevel(before)
    assert (tmp_path / "out").read_text() == f"{logging.WARNING} [] {{'ONLY': 'this'}}\n"
    assert (tmp_path / "err").read_text() == "['a word']\n"
