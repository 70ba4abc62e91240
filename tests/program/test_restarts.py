"""Workers die and PostgreSQL is restarted while phones save: no 500, and nothing acknowledged is lost."""

import http.client
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlmodel import col, select

from app.clock import now
from app.domain.plans.windows import local_day
from app.domain.records.access import SYSTEM
from app.domain.records.studies import StudyMode
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.schedule.enrolment import enrol_participant
from app.services.setup.studies import load_study, open_site
from app.storage.migrations import migrate_database
from app.storage.tables.capture import AnswerEvent
from app.web.urls import DEVICE_COOKIE
from tests import postgres
from tests.program.programs import SECONDS, Server, start_server
from tests.scenarios.beginnings import open_installation_at
from tests.scenarios.people import Person, bind_browser, enrolment_entry, site_entry
from tests.scenarios.trail_entries import verify_trail

PHONES = 6
SHARE = 30
"""So many acknowledged answers of all phones between one fault and the next."""


@dataclass(slots=True)
class SavingPhone:
    """A phone that saves one answer after the other, and each until it is acknowledged."""

    address: str
    cookie: str
    slot: str
    acknowledged: list[int] = field(default_factory=list)
    refused: int = 0
    faults: list[str] = field(default_factory=list)

    def save_until(self, stopping: threading.Event) -> None:
        seq = 1
        while not stopping.is_set():
            status = self._save(seq)
            if status == 204:
                self.acknowledged.append(seq)
                seq += 1
            else:
                stopping.wait(0.05)

    def _save(self, seq: int) -> int:
        at = {
            "seq": seq,
            "base": 0,
            "item": f"q{1 + seq % 28}",
            "value": 1 + seq % 4,
            "at": now().isoformat(),
        }
        headers = {"Cookie": f"{DEVICE_COOKIE}={self.cookie}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection(self.address, timeout=SECONDS)
        try:
            body = json.dumps({"client": "c1", "events": [at]})
            connection.request("POST", f"/f/{self.slot}/answers", body, headers)
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException):
            return 0  # its worker was killed: the phone knows nothing, and tries again
        finally:
            connection.close()
        if answer.status == 503 and answer.headers["retry-after"]:
            self.refused += 1
        elif answer.status != 204:
            self.faults.append(f"{answer.status} for {seq}")
        return answer.status


def begin_forms(installation: Installation) -> list[Person]:
    """People enrolled today, each with a form that is begun."""
    at = now()
    context = StaffContext(installation, SYSTEM, at)
    load_study(context, "sbrt-nsclc", "1.0", StudyMode.DEMO)
    site = open_site(context, "sbrt-nsclc", site_entry("0571"))
    today = local_day(at, site.zone)
    people = [Person(installation, site, f"0571-{number:03d}") for number in range(1, PHONES + 1)]
    for person in people:
        entry = replace(enrolment_entry(person.subject), enrolled_on=today, consented_on=today)
        enrol_participant(StaffContext(installation, person.nurse, at), site, entry)
        person.cookie = bind_browser(person, at)
        person.begin("BL", at)
    return people


@contextmanager
def saving(phones: list[SavingPhone]) -> Iterator[None]:
    """All phones save, until the block ends."""
    stopping = threading.Event()
    threads = [threading.Thread(target=each.save_until, args=(stopping,)) for each in phones]
    for each in threads:
        each.start()
    try:
        yield
    finally:
        stopping.set()
        for each in threads:
            each.join()


def wait_for_share(phones: list[SavingPhone], server: Server) -> None:
    """Until each phone has saved its share anew."""
    goals = [len(each.acknowledged) + SHARE // PHONES for each in phones]
    until = time.monotonic() + SECONDS
    while any(len(each.acknowledged) < goal for each, goal in zip(phones, goals, strict=True)):
        assert time.monotonic() < until, server.log
        time.sleep(0.02)


def stored(installation: Installation, person: Person) -> set[int]:
    query = select(AnswerEvent.seq).where(AnswerEvent.slot_id == person.slot("BL").id)
    with installation.read() as session:
        return set(session.exec(query.order_by(col(AnswerEvent.seq))))


@pytest.mark.slow
@pytest.mark.req("AVL-05")
def test_nothing_acknowledged_is_lost_and_nobody_sees_a_500(tmp_path: Path) -> None:
    """Of four workers one is killed; PostgreSQL is restarted, as an operator does it and as by a crash."""
    # A server that crashes may forget what it had not yet written only where it was told so.
    cluster = postgres.start(own=True, settings={"synchronous_commit": "on"})
    try:
        name = cluster.create()
        owner, url = cluster.url(name), cluster.url(name, postgres.APP)
        migrate_database(owner)
        with (
            open_installation_at(url) as installation,
            start_server(url, tmp_path, "--workers", "4", DAYBOOK_MIGRATION_URL=owner) as server,
        ):
            people = begin_forms(installation)
            server.wait_for(4)
            netloc = urlsplit(server.base).netloc
            phones = [SavingPhone(netloc, each.cookie, each.slot("BL").public_id) for each in people]
            with saving(phones):
                wait_for_share(phones, server)
                os.kill(min(server.workers()), signal.SIGKILL)
                wait_for_share(phones, server)
                for how in ("INT", "QUIT"):
                    cluster.restart(how)
                    wait_for_share(phones, server)
                server.wait_for(5)
            assert [each.faults for each in phones] == [[]] * PHONES
            for phone, person in zip(phones, people, strict=True):
                assert set(phone.acknowledged) <= stored(installation, person)
            assert verify_trail(installation) == []
            assert len(server.workers()) == 4
        assert '"status":500' not in server.log
    finally:
        cluster.stop()
