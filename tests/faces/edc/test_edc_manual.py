"""The transfer specification's own examples and program, against a real server."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI

from app.domain.records.audit import IntegrityFault
from app.services.audit.audit_seals import seal_days
from app.services.audit.audit_verification import inspect_trail
from app.services.audit.external_heads import parse_heads
from app.services.core.context import ClockContext
from app.services.core.installation import Installation
from app.storage.tables.studies import Site
from tests import servers
from tests.applications import Clock
from tests.faces.edc_caller import Edc, enrol_with_baseline

MANUAL = Path(__file__).parents[3] / "docs" / "manual" / "edc.md"
EXAMPLE = re.compile(r"^```http\nPUT (\S+)\n\n(.*?)\n```", re.MULTILINE | re.DOTALL)
COMMAND = "python3 docs/manual/edc_verify.py https://daybook.example.org CLIENT_ID CLIENT_SECRET feed.ndjson"


@pytest.mark.req("EDC-01")
def test_every_example_is_accepted_as_written(edc: Edc) -> None:
    examples = EXAMPLE.findall(MANUAL.read_text(encoding="utf-8"))
    statuses = [edc.put(path, json.loads(body)).status_code for path, body in examples]
    again = [edc.put(path, json.loads(body)).status_code for path, body in examples]
    assert (statuses, again) == ([201] * 5, [200] * 5)


def test_every_problem_of_the_specification_has_its_status() -> None:
    text = MANUAL.read_text(encoding="utf-8")
    assert re.findall(r"^\| `/problems/\S+.* \| (\d+) \|$", text, re.MULTILINE) == [
        "400", "401", "403", "404", "406", "409", "410", "412", "413", "422", "429", "503"
    ]  # fmt: skip


@pytest.fixture
def served(app: FastAPI, edc: Edc, sites: tuple[Site, Site], clock: Clock) -> Iterator[str]:
    enrol_with_baseline(app, sites[0], "0571-001", clock.at)
    assert edc.head() > 0
    with servers.serve_application(app) as url:
        yield url


@pytest.mark.req("EDC-04", "AUD-04")
def test_the_program_pulls_and_verifies(
    served: str, edc: Edc, app: FastAPI, sites: tuple[Site, Site], clock: Clock, tmp_path: Path
) -> None:
    assert COMMAND in MANUAL.read_text(encoding="utf-8")
    file = tmp_path / "feed.ndjson"
    first = run(served, edc, file)
    enrol_with_baseline(app, sites[0], "0571-002", clock.at)
    second = run(served, edc, file)
    lines = file.read_text(encoding="utf-8").splitlines()
    assert first == f"OK 3 events, hash {json.loads(lines[2])['hash']}, no audit head yet"
    assert second.startswith("OK 6 events")
    file.write_text(
        "\n".join(lines).replace('"language":"en"', '"language":"fr"', 1) + "\n", encoding="utf-8"
    )
    assert run(served, edc, file) == "FAULT 1: section participant was altered"


@pytest.mark.req("AUD-04")
def test_a_contradicting_audit_head_is_refused(
    served: str, edc: Edc, app: FastAPI, clock: Clock, tmp_path: Path
) -> None:
    file, beside = tmp_path / "feed.ndjson", tmp_path / "feed.ndjson.heads"
    installation = app.state.installation
    clock.at += timedelta(days=2)
    seal_days(ClockContext(installation, clock.at))
    assert run(served, edc, file).startswith("OK 3 events")
    seal, feed = (json.loads(line) for line in beside.read_text("utf-8").splitlines())
    assert (feed["seq"], sorted(seal)) == (3, ["chains", "day", "feed", "hash"])
    assert find_faults(installation, beside) == []
    later = {"day": "2099-01-01"}
    for forged, expected in (
        ({"hash": "x"}, "another one"),
        (later, "came after"),
        ({"chains": 9}, "another one"),
    ):
        beside.write_text(json.dumps(seal | forged) + "\n", "utf-8")
        assert expected in run(served, edc, file)
        assert forged == later or find_faults(installation, beside) != []


def find_faults(installation: Installation, heads: Path) -> list[IntegrityFault]:
    """What the program says of the heads that the EDC's program kept."""
    return inspect_trail(installation, parse_heads(heads.read_text("utf-8"))).faults


def run(url: str, edc: Edc, file: Path) -> str:
    """The documented command, with the test's own address, client and file."""
    program, *_ = COMMAND.removeprefix("python3 ").split()
    arguments = [url, edc.client.client_id, edc.client.secret, str(file)]
    command = [sys.executable, "-I", str(MANUAL.parents[2] / program), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
