"""The demonstration as the program makes it from the command line, once for all tests of one process."""

import io
import os
import shutil
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from app.cli import main
from app.domain.records.access import SYSTEM
from app.domain.records.studies import StudyMode
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.core.secrets import SecretBox
from app.services.setup.studies import load_study
from app.storage.engine import open_engine
from tests.scenarios.people import library


@dataclass(frozen=True)
class Done:
    """How a command ended and what it said."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Folder:
    """Where a command runs, and its database."""

    path: Path
    database: str

    @property
    def environment(self) -> Mapping[str, str]:
        """That of the program: what it prints into a pipe is buffered, as everywhere else."""
        own = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        own = {name: value for name, value in own.items() if not name.startswith("DAYBOOK_")}
        return {**own, "DAYBOOK_DATABASE_URL": self.database}

    def run(self, *words: str, **more: str) -> Done:
        """Run a command that serves nothing, in this process, which has imported it."""
        said, reported = io.StringIO(), io.StringIO()
        with (
            pytest.MonkeyPatch.context() as patch,
            redirect_stdout(said),
            redirect_stderr(reported),
        ):
            for name in filter(lambda name: name.startswith("DAYBOOK_"), tuple(os.environ)):
                patch.delenv(name)
            for name, value in {"DAYBOOK_DATABASE_URL": self.database, **more}.items():
                patch.setenv(name, value)
            patch.chdir(self.path)
            code = main(words)
        return Done(code, said.getvalue(), reported.getvalue())


def folder_at(path: Path) -> Folder:
    return Folder(path, f"sqlite:///{path / 'demo.sqlite3'}")


@dataclass(frozen=True)
class ProgramsDemonstration:
    """What the command said when it made the demonstration, and a copy of its database as it was then."""

    folder: Folder
    done: Done
    copy: Path


def make_by_program(migrated: Path, path: Path) -> ProgramsDemonstration:
    """Make it in this folder, in the place of an older one that is thrown away."""
    folder = folder_at(path)
    shutil.copyfile(migrated, path / "demo.sqlite3")
    _load_older(folder)
    done = folder.run("demo", "--reset", "--no-serve", "--json", "made.json")
    assert done.returncode == 0, done.stderr
    copy = path / "copy.sqlite3"
    shutil.copyfile(path / "demo.sqlite3", copy)
    return ProgramsDemonstration(folder, done, copy)


def _load_older(folder: Folder) -> None:
    secret_box = SecretBox(Fernet.generate_key())
    installation = Installation(open_engine(folder.database), library(), secret_box, "http://old.test", "0")
    load_study(
        StaffContext(installation, SYSTEM, datetime(2020, 1, 1, tzinfo=UTC)),
        "sbrt-nsclc",
        "1.0",
        StudyMode.DEMO,
    )
    installation.engine.dispose()
