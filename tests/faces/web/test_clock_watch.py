"""A server whose clock is in doubt goes on serving, and says so."""

from datetime import UTC, datetime, timedelta

import pytest

from app.clock import now, read_boot_id, read_clocks
from app.services.core.clock_watch import ClockWatch
from app.services.core.installation import Installation
from tests.applications import application, open_browser
from tests.scenarios.machines import machine_at


@pytest.mark.req("TIM-04")
def test_readyz_says_that_the_clock_is_in_doubt(migrated_url: str) -> None:
    machine = machine_at(datetime.now(UTC))
    with open_browser(application(migrated_url, ClockWatch(machine.read))) as client:
        assert client.get("/readyz").json() == {"status": "ready", "faults": [], "warnings": []}
        machine.ahead = timedelta(days=2000)
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["warnings"]) == (200, ["clock_untrusted"])
        machine.ahead = timedelta()
        assert client.get("/readyz").json()["warnings"] == []


def test_an_application_watches_the_clock_of_its_machine(migrated_sqlite_url: str) -> None:
    app = application(migrated_sqlite_url, None)
    installation: Installation = app.state.installation
    assert installation.clock_watch is app.state.clock
    assert installation.clock_watch.boot_id == read_boot_id()
    before = read_clocks()
    with open_browser(app):
        assert not installation.clock_watch.untrusted
        assert abs(app.state.clock() - now()) < timedelta(minutes=5)
    assert read_clocks().boot >= before.boot
