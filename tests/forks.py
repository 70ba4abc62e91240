"""Python programs in forks of this process: each begins with all that this process has imported.

Importing is most of what a program's start costs. What a fork runs is the same from its command line on; that
a program also starts by itself is proved where it does.
"""

import logging
import os
import runpy
import signal
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from resource import struct_rusage
from typing import NoReturn

import structlog

from app.cli import COMMANDS, main
from app.cli.loading import load_module
from app.i18n.catalogues import Catalogues
from app.web.pages.rendering import Pages
from tests.compiled_templates import shipped_pages

_DAYBOOK = ("-m", "app")
_SERVING = ("serve", "demo")
_PAUSE_SECONDS = 0.005
_UNTOLD = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)
"""Warnings that an interpreter does not tell unless it is asked to."""


@dataclass(slots=True)
class Fork:
    """A running program, asked and told as `subprocess` does it."""

    pid: int
    returncode: int | None = None
    used: struct_rusage | None = field(default=None, repr=False)
    """What it used, and all that it waited for, once it has ended."""

    def poll(self) -> int | None:
        """How it ended; None as long as it runs."""
        return self._look(os.WNOHANG)

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended; raises `subprocess.TimeoutExpired`."""
        if timeout is None:
            self._look(0)
        else:
            until = time.monotonic() + timeout
            while self.poll() is None:
                if time.monotonic() > until:
                    raise subprocess.TimeoutExpired(f"fork {self.pid}", timeout)
                time.sleep(_PAUSE_SECONDS)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def _look(self, options: int) -> int | None:
        if self.returncode is None:
            pid, status, used = os.wait4(self.pid, options)
            if pid:
                self.returncode, self.used = os.waitstatus_to_exitcode(status), used
        return self.returncode


def fork(
    words: Sequence[str],
    environ: Mapping[str, str],
    out: int,
    err: int,
    prepare: Callable[[], object] | None = None,
) -> Fork:
    """`python` with these arguments, `-m` or `-c` first; `out` and `err` are files to write to.

    `prepare` is called in the fork before anything else, as that of `subprocess` is.
    """
    if tuple(words[:2]) == _DAYBOOK:
        _import_command(words[2])
    with warnings.catch_warnings():
        # Newer Pythons warn of a fork beside threads: those of a test process wait, and hold nothing.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        _become(words, environ, (out, err), prepare or (lambda: None))
    return Fork(pid)


def _import_command(name: str) -> None:
    """What a command imports and compiles; here, so that the next fork has it too."""
    load_module(f"app.cli.{COMMANDS[name][0].partition(':')[0]}")
    if name in _SERVING:
        load_module("app.main")
        shipped_pages()


class _LentPages:
    """In the place of `Pages` in a fork that serves: those of this process, whose templates are compiled."""

    @staticmethod
    def load(_catalogues: Catalogues) -> Pages:
        return shipped_pages()


def _become(
    words: Sequence[str],
    environ: Mapping[str, str],
    places: tuple[int, int],
    prepare: Callable[[], object],
) -> NoReturn:
    """What the fork does; it ends as an interpreter would."""
    code, own = 1, dict(environ)  # it may be this process's, which is cleared
    try:
        for stream, target in zip((1, 2), places, strict=True):
            os.dup2(target, stream)
        # Whoever listens to this process has put its own in their place.
        sys.stdout, sys.stderr = (open(stream, "w", encoding="utf-8", closefd=False) for stream in (1, 2))  # noqa: SIM115 - for good
        _forget_the_parent()
        os.environ.clear()
        os.environ.update(own)
        prepare()
        code = _run(*words)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as an interpreter does, with nothing outside it
        traceback.print_exc()
    finally:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _forget_the_parent() -> None:
    """Signals, warnings and logging as in a new interpreter."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    warnings.resetwarnings()
    for kind in _UNTOLD:
        warnings.simplefilter("ignore", kind)
    # It tells of what the parent has imported.
    warnings.filterwarnings("ignore", category=RuntimeWarning, module="runpy")
    _forget_loggers()


def _forget_loggers() -> None:
    """Levels and handlers that other tests gave: a server in a thread of theirs silences uvicorn's lines."""
    logging.disable(logging.NOTSET)
    named = [logging.getLogger(name) for name in logging.root.manager.loggerDict]
    for logger in (logging.root, *named):
        logger.setLevel(logging.WARNING if logger is logging.root else logging.NOTSET)
        logger.disabled, logger.propagate = False, True
        logger.handlers[:] = [each for each in logger.handlers if type(each) is logging.NullHandler]
        logger.filters.clear()
    structlog.reset_defaults()


def _run(kind: str, what: str, *words: str) -> int:
    if (kind, what) == _DAYBOOK:
        if words[0] in _SERVING and "DAYBOOK_LOCALES" not in os.environ:
            setattr(load_module("app.main"), "Pages", _LentPages)  # noqa: B010 - a module declares no names
        return main(words)
    sys.argv = [what if kind == "-m" else kind, *words]
    if kind == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        exec(what, {"__name__": "__main__"})
    return 0
