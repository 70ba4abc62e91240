"""`python -m tests.analysis`: the starters in R and Python on a made-up trial, compared; and the report.

R is no dependency of the project, so this is no part of the test command: it ends with 3 and says what is
missing where R, its packages or the extra `analysis` are not there.
"""

import argparse
import shutil
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from app.storage.migrations import migrate_database
from tests import stages
from tests.analysis.comparison import Compared, compare_folders, compare_with_own
from tests.analysis.own_figures import compute_figures
from tests.analysis.simulated import add_simulated_people
from tests.analysis.stage import export_trial, run_starter
from tests.scenarios.beginnings import open_installation_at
from tests.scenarios.dataset_stage import TRIAL

MISSING = 3
_DEBIAN = "apt-get install r-base-core r-cran-haven r-cran-survival r-cran-nlme"


def main() -> int:
    """Run and compare everything; 0 where all is equal."""
    parser = argparse.ArgumentParser(prog="python -m tests.analysis", description=__doc__)
    parser.add_argument("--people", type=int, default=104, help="participants of the made-up trial (104)")
    parser.add_argument("--to", type=Path, help="keep export, tables and report in this new folder")
    parser.add_argument("--without-r", action="store_true", help="leave R out")
    options = parser.parse_args()
    if missing := find_missing(not options.without_r):
        print(missing, file=sys.stderr)
        return MISSING
    with tempfile.TemporaryDirectory() as name:
        compared = _run(Path(name), options.people, not options.without_r)
        if options.to is not None:
            shutil.copytree(name, options.to, ignore=shutil.ignore_patterns("*.sqlite3"))
    return 0 if all(each.holds for each in compared) else 1


def find_missing(with_r: bool) -> str:
    """What is not there and how to get it; "" where all is."""
    absent = [name for name in ("pandas", "scipy", "matplotlib") if find_spec(name) is None]
    if absent:
        return f"missing: {', '.join(absent)} (pip install 'daybook[analysis]')"
    if not with_r:
        return ""
    if shutil.which("Rscript") is None:
        return f"missing: Rscript (on Debian: {_DEBIAN})"
    message = run_starter("analyse.R").stderr.strip()
    return f"{message} (on Debian: {_DEBIAN})" if message.startswith("Missing") else ""


def _run(root: Path, people: int, with_r: bool) -> list[Compared]:
    database = root / "0.sqlite3"
    migrate_database(f"sqlite:///{database}")
    shelf = stages.Shelf(stages.Files(root), str(database))
    url = f"sqlite:///{shelf.grown(TRIAL).path}"
    add_simulated_people(url, people)
    with open_installation_at(url) as installation:
        export_trial(installation, root / "export", ("csv", "xpt"))
        own = compute_figures(installation)
    _start("analyse.py", root / "export", "--to", root / "python")
    _start("report.py", root / "export", "--to", root / "report", "--note", "Specimen: nobody in it is real")
    groups = {"Python beside Daybook": compare_with_own(root / "python", own, root / "export")}
    if with_r:
        _start("analyse.R", root / "export", root / "r")
        groups["R beside Daybook"] = compare_with_own(root / "r", own, root / "export")
        groups["R beside Python"] = compare_folders(root / "r", root / "python")
    for title, compared in groups.items():
        print(f"{title}:")
        print("\n".join(f"  {each.report()}" for each in compared))
    return [each for compared in groups.values() for each in compared]


def _start(*words: str | Path) -> None:
    done = run_starter(*words)
    print(f"{words[0]}:\n  {done.stdout.strip().replace(chr(10), chr(10) + '  ') or 'done'}")
    if done.returncode:
        raise SystemExit(f"{words[0]} ended with {done.returncode}: {done.stderr.strip()}")


if __name__ == "__main__":
    sys.exit(main())
