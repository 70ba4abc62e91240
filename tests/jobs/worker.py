"""One worker of several, as a process of its own: ticks once at a given moment and ends."""

import sys
from datetime import datetime

from app.domain.access import CLOCK
from app.jobs.ticker import tick
from app.notify.smtp import Smtp
from app.services.installation import Installation
from app.services.reminding import Outbox
from app.services.sealing import Sealer
from app.storage.engine import open_engine
from tests.services.people import library
from tests.services.reminded import WORDS


def main(url: str, relay: str, key: str, moment: str) -> None:
    at = datetime.fromisoformat(moment)
    installation = Installation(open_engine(url), library(), Sealer(key.encode()), "https://d.test", CLOCK.id)
    tick(installation, Outbox({"email": Smtp(relay, "daybook@hospital.test")}, WORDS), lambda: at)
    installation.engine.dispose()


if __name__ == "__main__":
    main(*sys.argv[1:])
