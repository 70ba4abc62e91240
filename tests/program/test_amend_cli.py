"""`daybook amend`, run as it is typed: shown first, done once, finished after it was stopped, or refused."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import Session, select

from app.cli import main
from app.cli.operator import operator_context
from app.clock import now
from app.domain.plans.plan import Owner
from app.domain.plans.windows import local_day
from app.domain.refusal import Refused
from app.services.core.context import StaffContext
from app.services.schedule.amendment.amendments import begin_amendment, follow_amendment, open_amendment
from app.services.schedule.anchors import AnchorEntry, record_anchor
from app.services.schedule.enrolment import enrol_participant
from app.settings import DEMO_KEY
from app.storage.tables.audit import AuditEntry
from app.storage.tables.participants import Participant
from tests.scenarios.beginnings import SITE, site_of
from tests.scenarios.people import QUESTIONNAIRES, Person, enrolment_entry
from tests.stages import Stage

STUDY = "sbrt-nsclc"
REASON = "protocol amendment 1"
AMEND = ("amend", STUDY, "--plan", "2.0", "--reason", REASON)


@pytest.fixture
def stage() -> Stage:
    return SITE


def write_next_version(folder: Path) -> None:
    """Plan 2.0 as a draft: W3 is new, W6 open for three days more, and nobody withdraws to ET."""
    shutil.copytree(QUESTIONNAIRES, folder)
    head, *visits = (folder / f"plans/{STUDY}/1.1.toml").read_text("utf-8").split("[[visits]]\n")
    w6 = next(visit for visit in visits if 'code = "W6"' in visit)
    w3 = w6.replace('"W6"', '"W3"').replace("offset = 6", "offset = 3")
    w3 = w3.replace("before = 7", "before = 3").replace("after = 7", "after = 3")
    later = [
        w3 + "[[visits]]\n" + w6.replace("after = 7", "after = 10") if each == w6 else each for each in visits
    ]
    text = "[[visits]]\n".join([head.replace('version = "1.1"', 'version = "2.0"', 1), *later])
    (folder / f"plans/{STUDY}/2.0.toml").write_text(text, "utf-8")


@pytest.fixture
def installed(migrated_sqlite_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The commands work on the study, whose next version lies in a folder of the test's own."""
    write_next_version(tmp_path / "questionnaires")
    environ = {
        "DAYBOOK_DATABASE_URL": migrated_sqlite_url,
        "DAYBOOK_KEY": DEMO_KEY.decode(),
        "DAYBOOK_CLOCK_GAP_DAYS": "3650",
        "DAYBOOK_QUESTIONNAIRES": str(tmp_path / "questionnaires"),
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)


def enrol(context: StaffContext, subject: str, days_ago: int) -> None:
    """Somebody enrolled and randomised so many days ago."""
    site = site_of(context.installation)
    on = local_day(context.at, site.zone) - timedelta(days=days_ago)
    person = Person(context.installation, site, subject)
    nurse = replace(context, actor=person.nurse)
    entry = replace(enrolment_entry(subject), enrolled_on=on, consented_on=on)
    try:
        enrol_participant(nurse, site, entry)
    except Refused as shown:
        enrol_participant(nurse, site, replace(entry, accepts_missed=str(shown.details["shown"])))
    record_anchor(nurse, site.study_id, subject, AnchorEntry("randomisation", on, Owner.edc), confirmed=True)


def known(session: Session) -> tuple[Sequence[str], int]:
    """Which version each participant follows, and how many entries the trail has."""
    return (
        session.exec(select(Participant.plan_version).order_by(Participant.subject)).all(),
        len(session.exec(select(AuditEntry.id)).all()),
    )


def versions_and_entries() -> tuple[Sequence[str], int]:
    with operator_context() as context, context.read() as session:
        return known(session)


def look(capsys: pytest.CaptureFixture[str]) -> None:
    """The dry run names for each participant what would become of their forms."""
    assert main([*AMEND, "--dry-run"]) == 0
    shown = capsys.readouterr()
    headline, first, _second, third, last = shown.out.splitlines()
    assert headline == f"{STUDY} follows plan 1.0; plan 2.0 is for 3 participants."
    assert first.startswith("0571-001: ")
    assert "new: W3 qlq-c30 " in first
    assert "moved: W6 qlq-c30 " in first
    assert third.endswith("missed at once: W3 qlq-c30")
    assert last == "Nothing was changed."
    assert "1 forms would be missed at once" in shown.err


@pytest.mark.req("TIM-06", "TIM-07", "CAP-15")
@pytest.mark.usefixtures("installed")
def test_an_amendment_is_shown_confirmed_finished_and_done_once(capsys: pytest.CaptureFixture[str]) -> None:
    with operator_context() as context:
        enrol(context, "0571-001", 0)
        enrol(context, "0571-002", 0)
        enrol(context, "0571-003", 28)
    before = versions_and_entries()
    capsys.readouterr()

    look(capsys)
    assert main(AMEND) == 1
    assert main([*AMEND[:-1], "  "]) == 2
    assert versions_and_entries() == before

    with operator_context() as context:  # and is then killed
        amendment = open_amendment(context, STUDY, "2.0")
        begin_amendment(context, amendment, REASON)
        follow_amendment(context, amendment, amendment.waiting[0], REASON, confirmed=False)
        enrol(replace(context, at=now()), "0571-004", 0)
    assert versions_and_entries()[0] == ["2.0", "1.0", "1.0", "2.0"]
    assert main(["check-schedules"]) == 1
    assert "0571-002: follows plan 1.0, the study 2.0" in capsys.readouterr().err
    assert main([*AMEND, "--confirm-missed"]) == 0
    headline, *moved, last = capsys.readouterr().out.splitlines()
    assert headline == f"{STUDY} follows plan 2.0; 2 participants do not yet."
    assert [line.split(":")[0] for line in moved] == ["0571-002", "0571-003"]
    assert last == f"{STUDY} and everybody in it follow plan 2.0."

    done = versions_and_entries()
    assert done[0] == ["2.0"] * 4
    assert main(AMEND) == 0
    assert capsys.readouterr().out == f"{STUDY} follows plan 2.0 already; there is nothing to do.\n"
    assert main(["amend", STUDY, "--plan", "1.1", "--reason", REASON]) == 2
    assert "version 2.0 of its plan, and none that is older (1.1)" in capsys.readouterr().err
    assert main(["amend", STUDY, "--plan", "9.0", "--reason", REASON]) == 2
    assert versions_and_entries() == done
    assert main(["check-schedules"]) == 0
    assert main(["verify-audit"]) == 0
