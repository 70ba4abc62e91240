"""`.ci/setup` takes the Python that it is given, and stops where that is none."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.meta.sources import ROOT


def _set_up_with(python: Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Of a folder of its own, which has nothing but the script."""
    script = folder / ".ci" / "setup"
    script.parent.mkdir()
    shutil.copy(ROOT / ".ci" / "setup", script)
    environ = {"PATH": "/usr/bin:/bin", "PYTHON": str(python)}
    return subprocess.run(["/bin/sh", script], env=environ, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("what", ["nothing", "older"])
def test_an_unusable_python_is_named_and_not_replaced(tmp_path: Path, what: str) -> None:
    python = tmp_path / "my python"
    if what == "older":
        python.write_text("#!/bin/sh\nexit 1\n", "utf-8")
        python.chmod(0o755)
    done = _set_up_with(python, tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"\nsetup: STOPPED: PYTHON={python} is no Python 3.11 or newer that runs here.\n\n"
    assert not (tmp_path / ".venv").exists()


def test_the_python_that_is_named_is_taken(tmp_path: Path) -> None:
    python = tmp_path / "my python"
    python.write_text('#!/bin/sh\n[ "$1" = -c ]\n', "utf-8")
    python.chmod(0o755)
    done = _set_up_with(python, tmp_path)
    assert (done.returncode, f"STOPPED: {python} could not make .venv." in done.stderr) == (1, True)
