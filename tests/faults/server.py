"""The server under test: `start` on standard input makes one in a process of its own, whose id is told.

A parent has imported and read everything and forks, so that a restart after `kill -9` takes a moment.
The clock is the machine's, ahead by the seconds that stand in a file.
"""

import os
import signal
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import uvicorn

from app.clock import now
from app.main import Parts, create_app
from app.settings import Settings
from app.web.middleware.logs import configure_logging
from tests.applications import CHEAP
from tests.compiled_templates import shipped_pages


def main(url: str, port: str, ahead: str, questionnaires: str) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the killed are not waited for
    environ = {
        "DAYBOOK_DATABASE_URL": url,
        "DAYBOOK_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "DAYBOOK_QUESTIONNAIRES": questionnaires,
    }
    settings = Settings.from_environment(environ)
    parts = replace(Parts.load(settings), pages=shipped_pages())
    for line in sys.stdin:
        if line.strip() == "start":
            child = os.fork()
            if child == 0:
                serve(settings, parts, int(port), Path(ahead))
                os._exit(0)
            print(child, flush=True)


def serve(settings: Settings, parts: Parts, port: int, ahead: Path) -> None:
    def clock() -> datetime:
        return now() + timedelta(seconds=float(ahead.read_text("utf-8")))

    configure_logging()
    app = create_app(settings, clock, CHEAP, parts)
    # As `daybook serve` serves it.
    uvicorn.run(app, host="127.0.0.1", port=port, access_log=False, log_config=None, ws="none")


if __name__ == "__main__":
    main(*sys.argv[1:])
