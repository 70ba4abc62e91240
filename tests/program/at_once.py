"""One command in two processes at once: forked from one that has imported it, so that both begin together."""

import json
import multiprocessing
import os
import sys
from pathlib import Path

from app.cli import COMMANDS, main
from app.cli.loading import load_module


def run(words: list[str], told: Path) -> None:
    """What one process does: the command, with what it says in two files."""
    for stream, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(told.with_suffix(f".{name}"), os.O_CREAT | os.O_WRONLY), stream)
    sys.exit(main(words))


def main_twice(folder: str, *words: str) -> None:
    """Write exit code, standard output and standard error of each, as JSON."""
    load_module(f"app.cli.{COMMANDS[words[0]][0].partition(':')[0]}")
    forked = multiprocessing.get_context("fork")
    files = [Path(folder) / f"told-{number}" for number in range(2)]
    processes = [forked.Process(target=run, args=(list(words), each)) for each in files]
    for each in processes:
        each.start()
    for each in processes:
        each.join()
    said = [[told.with_suffix(f".{name}").read_text("utf-8") for name in ("out", "err")] for told in files]
    json.dump([[each.exitcode, *words] for each, words in zip(processes, said, strict=True)], sys.stdout)


if __name__ == "__main__":
    main_twice(*sys.argv[1:])
