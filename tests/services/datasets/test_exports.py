"""Requested exports: made by the clock, once and whole, for who may see them, and removed in time."""

import errno
import json
import os
import shutil
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from app.domain.records.access import SYSTEM, Actor, Role, Scope, staff_actor
from app.domain.records.audit import AuditEvent
from app.domain.records.exports import ExportKind, ExportState
from app.domain.refusal import Refused
from app.jobs.export_rounds import TURN, make_exports
from app.services.accounts.edc_clients import disable_client
from app.services.audit.clock_confirmation import confirm_clock
from app.services.core.context import ClockContext, StaffContext
from app.services.core.installation import Installation
from app.services.datasets import export_work
from app.services.datasets.export import ExportEntry, export_cut
from app.services.datasets.export_requests import (
    RETENTION,
    WAITING_AT_ONCE,
    find_export_file,
    get_export,
    list_exports,
    request_export,
)
from app.services.datasets.export_work import (
    LEASE,
    TRIES,
    ClaimLost,
    ExportResult,
    claim_export,
    end_export,
    remove_old_exports,
    renew_claim,
)
from app.services.setup.studies import create_staff, disable_staff, grant_role
from app.storage.queries.staff import list_grants
from app.storage.row_changes import INSTALLATION_CHAIN
from app.storage.tables.audit import AuditEntry
from tests.scenarios.beginnings import open_installation_at
from tests.scenarios.dataset_stage import FINAL, STUDY, TRIAL, client_of
from tests.scenarios.machines import BOOT_ID, machine_at
from tests.scenarios.people import days
from tests.scenarios.trail_entries import verify_trail
from tests.stages import Stage

AT = FINAL + days(1)
ENTRY = ExportEntry("FINAL", "final analysis", ("csv", "xpt"))


@pytest.fixture
def stage() -> Stage:
    return TRIAL


@pytest.fixture
def trial(migrated_url: str, tmp_path: Path) -> Iterator[Installation]:
    """The trial of `dataset_stage` with a folder for exports, once on each database."""
    with open_installation_at(migrated_url) as running:
        yield replace(running, export_folder=tmp_path / "exports", export_room=100_000_000)


@pytest.fixture
def lone_trial(migrated_sqlite_url: str, tmp_path: Path) -> Iterator[Installation]:
    with open_installation_at(migrated_sqlite_url) as running:
        yield replace(running, export_folder=tmp_path / "exports", export_room=100_000_000)


def somebody(installation: Installation, role: Role, site: str | None = None) -> StaffContext:
    """A member of staff who has an account."""
    email = f"{role.value}.{site}@example.org"
    operator = StaffContext(installation, SYSTEM, AT)
    issued = create_staff(operator, email, "Li Na", "correct horse battery", "en")
    grant_role(operator, issued.staff_id, role, STUDY, site)
    return StaffContext(installation, actor_of(installation, issued.staff_id), AT)


def actor_of(installation: Installation, staff_id: int) -> Actor:
    with installation.read() as session:
        return staff_actor(staff_id, list_grants(session, staff_id, installation.grant_rules(AT)))


def rounds(installation: Installation, at: datetime = AT, stops: bool = False) -> None:
    make_exports(installation, lambda: at, lambda: stops)


def entries(installation: Installation, event: AuditEvent) -> list[AuditEntry]:
    with installation.read() as session:
        statement = select(AuditEntry).where(AuditEntry.event == event).order_by(col(AuditEntry.id))
        return list(session.exec(statement).all())


@pytest.mark.req("REP-09", "AUD-07", "EDC-04")
def test_an_export_is_produced_once_stored_and_removed(trial: Installation, tmp_path: Path) -> None:
    edc = client_of(trial, AT)
    requested_export = request_export(edc, STUDY, ENTRY)
    again = request_export(edc, STUDY, ENTRY)
    assert (requested_export.known, again.known, again.export.public_id) == (
        False,
        True,
        requested_export.export.public_id,
    )
    assert requested_export.export.state is ExportState.waiting
    with pytest.raises(Refused, match=r"^unknown_export_file"):
        find_export_file(edc, STUDY, requested_export.export.public_id, "adqs.csv")
    rounds(trial)
    ready = get_export(edc, STUDY, requested_export.export.public_id)
    assert (ready.state, ready.done, ready.total) == (ExportState.ready, 1, 1)
    assert ready.contents == ("arm", "answers", "scores", "diary")
    export_cut(edc, STUDY, ENTRY, tmp_path / "direct")
    stored = find_export_file(edc, STUDY, ready.public_id, "manifest.json")
    for each in ready.files:
        stored = find_export_file(edc, STUDY, ready.public_id, each.name)
        assert stored.path.read_bytes() == (tmp_path / "direct" / each.name).read_bytes()
        assert (stored.sha256, stored.path.stat().st_size) == (each.sha256, each.size)
    assert ready.size == sum(each.size for each in ready.files)
    assert stored.name == "sbrt-nsclc-FINAL-manifest.json"
    assert [path.name for path in (tmp_path / "exports").iterdir()] == [ready.public_id]
    requested, ended = entries(trial, AuditEvent.DATA_EXPORTED)[0], entries(trial, AuditEvent.EXPORT_ENDED)
    assert (requested.reason, requested.actor_id) == ("final analysis", edc.client.client_id)
    assert [json.loads(entry.changes)[1]["field"] for entry in ended] == ["sha256"]
    rounds(trial, AT + RETENTION - days(1))
    assert stored.path.is_file()
    late = replace(edc, at=AT + RETENTION)
    with pytest.raises(Refused, match=r"^export_removed"):
        find_export_file(late, STUDY, ready.public_id, "adqs.csv")
    rounds(trial, AT + RETENTION)
    assert list((tmp_path / "exports").iterdir()) == []
    with pytest.raises(Refused, match=r"^export_removed"):
        find_export_file(late, STUDY, ready.public_id, "adqs.csv")
    assert len(entries(trial, AuditEvent.EXPORT_REMOVED)) == 1
    assert not request_export(late, STUDY, ENTRY).known
    assert verify_trail(trial) == []


@pytest.mark.req("AVL-05", "REP-09")
def test_a_worker_that_dies_or_stops_leaves_the_export_to_the_next(
    trial: Installation, tmp_path: Path
) -> None:
    edc = client_of(trial, AT)
    public_id = request_export(edc, STUDY, ENTRY).export.public_id
    claimed = claim_export(ClockContext(trial, AT))
    assert claimed is not None
    assert claim_export(ClockContext(trial, AT)) is None
    renew_claim(ClockContext(trial, AT), claimed, 1, 3)
    half = tmp_path / "exports" / f".{public_id}.1"
    whole = tmp_path / "exports" / public_id  # a worker died between naming its folder and saying so
    half.mkdir(parents=True)
    whole.mkdir()
    remove_old_exports(ClockContext(trial, AT))
    assert half.exists() and whole.exists()  # noqa: PT018 - one state
    making = get_export(edc, STUDY, public_id)
    assert (making.state, making.done, making.total) == (ExportState.making, 1, 3)
    later = AT + LEASE  # it died: its lease is over
    assert get_export(replace(edc, at=later), STUDY, public_id).state is ExportState.waiting
    stops, turns, usual = iter((False, False, True, True)), list[float](), sys.getswitchinterval()

    def is_stopping() -> bool:
        turns.append(round(sys.getswitchinterval(), 6))
        return next(stops)

    make_exports(trial, lambda: later, is_stopping)
    assert TURN in turns  # while it is made, pages wait for short turns alone
    assert sys.getswitchinterval() == usual
    assert get_export(replace(edc, at=later), STUDY, public_id).state is ExportState.waiting
    rounds(trial, later, stops=True)
    rounds(trial, later)
    assert get_export(edc, STUDY, public_id).state is ExportState.ready
    assert not half.exists()
    with pytest.raises(ClaimLost):  # whoever was thought dead
        renew_claim(ClockContext(trial, later), claimed, 2, 3)


@pytest.mark.req("AVL-05")
def test_an_export_that_breaks_every_worker_ends_as_failed(
    lone_trial: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edc, at = client_of(lone_trial, AT), AT
    public_id = request_export(edc, STUDY, ENTRY).export.public_id
    for _ in range(TRIES):
        assert claim_export(ClockContext(lone_trial, at)) is not None
        at += LEASE
    (tmp_path / "exports" / f".{public_id}.3").mkdir(parents=True)
    for name in (public_id, "ofArestoredTrial", ".ofArestoredTrial.2", "ofAnotherProgram", "not of Daybook"):
        (tmp_path / "exports" / name).mkdir()
        modified_at = (at if name == "ofAnotherProgram" else at - RETENTION).timestamp()
        os.utime(tmp_path / "exports" / name, (modified_at, modified_at))
    nowhere = replace(lone_trial, export_folder=None)
    assert claim_export(ClockContext(lone_trial, at)) is None
    failed = get_export(edc, STUDY, public_id)
    assert (failed.state, failed.fault, failed.kept_until) == (ExportState.failed, "export_broken", None)
    remove_old_exports(ClockContext(lone_trial, at))
    assert {path.name for path in (tmp_path / "exports").iterdir()} == {"ofAnotherProgram", "not of Daybook"}
    for other_folder in (tmp_path / "exports").iterdir():
        other_folder.rmdir()
    other = request_export(edc, STUDY, replace(ENTRY, purpose="again")).export.public_id
    rounds(replace(lone_trial, export_room=1), at)
    assert get_export(edc, STUDY, other).fault == "export_room"
    assert list((tmp_path / "exports").iterdir()) == []
    for number, code in ((errno.ENOSPC, "export_room"), (errno.EACCES, "export_folder")):
        public_id = request_export(edc, STUDY, replace(ENTRY, purpose=code)).export.public_id

        def full(*_: object, fault: int = number) -> None:
            raise OSError(fault, "no")

        with monkeypatch.context() as patched:
            patched.setattr(export_work, "write_files", full)
            rounds(lone_trial, at)
        assert get_export(edc, STUDY, public_id).fault == code
    with pytest.raises(Refused, match=r"^exports_off"):
        request_export(replace(edc, installation=nowhere), STUDY, ENTRY)
    public_id = request_export(edc, STUDY, replace(ENTRY, purpose="off")).export.public_id
    rounds(nowhere, at)
    assert get_export(edc, STUDY, public_id).fault == "exports_off"
    assert claim_export(ClockContext(nowhere, at)) is None


@pytest.mark.req("AVL-05", "REP-09")
def test_exports_end_and_go_where_there_is_no_folder_any_more(lone_trial: Installation) -> None:
    edc, nowhere = client_of(lone_trial, AT), replace(lone_trial, export_folder=None)
    public_id = request_export(edc, STUDY, ENTRY).export.public_id
    rounds(lone_trial)
    assert remove_old_exports(ClockContext(nowhere, AT + RETENTION)) == 1
    assert get_export(edc, STUDY, public_id).state is ExportState.removed
    at = AT + TRIES * LEASE
    other = request_export(edc, STUDY, replace(ENTRY, purpose="again")).export.public_id
    *_, last = (claim_export(ClockContext(lone_trial, AT + tried * LEASE)) for tried in range(TRIES))
    assert last is not None
    assert (last.tries, claim_export(ClockContext(nowhere, at))) == (TRIES, None)
    with pytest.raises(ClaimLost):  # the last worker was slow, not dead
        end_export(ClockContext(lone_trial, at), last, ExportResult("export_room"))
    assert get_export(edc, STUDY, other).fault == "export_broken"
    assert len(entries(lone_trial, AuditEvent.EXPORT_ENDED)) == 2


@pytest.mark.req("TIM-04")
def test_an_export_claimed_in_the_future_is_produced_now(lone_trial: Installation) -> None:
    edc, ahead = client_of(lone_trial, AT), AT + days(90)
    request_export(edc, STUDY, ENTRY)
    assert claim_export(ClockContext(lone_trial, ahead)) is not None
    assert claim_export(ClockContext(lone_trial, AT)) is None
    with lone_trial.open_work(SYSTEM, ahead) as work:
        work.record(AuditEvent.FEED_PULLED, INSTALLATION_CHAIN)
    reading = machine_at(AT).read()
    confirm_clock(StaffContext(lone_trial, SYSTEM, AT), reading, BOOT_ID, "the clock was wrong")
    assert claim_export(ClockContext(lone_trial, AT)) is not None


@pytest.mark.req("AUD-07", "REP-09")
def test_two_workers_that_remove_the_same_export_state_it_once(lone_trial: Installation) -> None:
    edc, late = client_of(lone_trial, AT), ClockContext(lone_trial, AT + RETENTION)
    public_id = request_export(edc, STUDY, ENTRY).export.public_id
    rounds(lone_trial)
    removed: list[int] = []

    def overtake(_connection: object) -> None:
        removed.append(remove_old_exports(late))

    # The other worker comes when this one has read what is over, and before it writes.
    sa.event.listen(lone_trial.engine, "commit", overtake, once=True)
    assert (remove_old_exports(late), removed) == (1, [1])
    assert get_export(edc, STUDY, public_id).state is ExportState.removed
    assert len(entries(lone_trial, AuditEvent.EXPORT_REMOVED)) == 1


@pytest.mark.req("REP-08", "IAM-02", "IAM-03")
def test_files_are_for_who_may_see_what_is_in_them(lone_trial: Installation, tmp_path: Path) -> None:
    statistician = somebody(lone_trial, Role.STATISTICIAN)
    entry = replace(ENTRY, formats=("csv",))
    mine = request_export(statistician, STUDY, entry, packed=True).export.public_id
    rounds(lone_trial)
    (packed,) = get_export(statistician, STUDY, mine).files
    stored = find_export_file(statistician, STUDY, mine, packed.name)
    assert (stored.media_type, stored.name) == ("application/zip", "sbrt-nsclc-FINAL.zip")
    with zipfile.ZipFile(stored.path) as archive:
        assert {"manifest.json", "codebook.csv", "adqs.csv"} < set(archive.namelist())
    blinded = replace(
        statistician,
        actor=replace(statistician.actor, grants=somebody(lone_trial, Role.DATA_MANAGER).actor.grants),
    )
    near = somebody(lone_trial, Role.STATISTICIAN, "0571")
    local = replace(statistician, actor=replace(statistician.actor, grants=near.actor.grants))
    gone = replace(statistician, actor=replace(statistician.actor, grants=()))
    for other in (blinded, local, gone, somebody(lone_trial, Role.SPONSOR_VIEWER)):
        assert list_exports(other, STUDY) == ()
        with pytest.raises(Refused, match=r"^unknown_export"):
            find_export_file(other, STUDY, mine, packed.name)
    assert [each.public_id for each in list_exports(statistician, STUDY)] == [mine]
    scores = client_of(lone_trial, AT, [Scope.SCORES_READ, Scope.EXPORTS_RUN])
    narrow = request_export(scores, STUDY, entry).export.public_id
    here = request_export(near, STUDY, entry).export.public_id
    rounds(lone_trial)
    assert get_export(scores, STUDY, narrow).contents == ("scores",)
    assert get_export(near, STUDY, here).state is ExportState.ready
    shutil.rmtree(tmp_path / "exports" / narrow)
    with pytest.raises(Refused, match=r"^export_removed"):
        find_export_file(scores, STUDY, narrow, "adqs.csv")


@pytest.mark.req("REP-08", "IAM-05")
def test_an_export_without_permission_is_not_produced(lone_trial: Installation) -> None:
    statistician, edc = somebody(lone_trial, Role.STATISTICIAN), client_of(lone_trial, AT)
    for number in range(WAITING_AT_ONCE):
        request_export(statistician, STUDY, replace(ENTRY, purpose=f"number {number}"))
    with pytest.raises(Refused, match=r"^too_many_exports"):
        request_export(statistician, STUDY, ENTRY)
    theirs = request_export(edc, STUDY, ENTRY).export.public_id
    operator = StaffContext(lone_trial, SYSTEM, AT)
    disable_staff(operator, "statistician.None@example.org", "left")
    disable_client(operator, edc.client.client_id, "replaced")
    rounds(lone_trial)
    assert {each.fault for each in list_exports(statistician, STUDY)} == {"unknown_study"}
    assert get_export(edc, STUDY, theirs).fault == "unknown_study"


@pytest.mark.req("REP-09", "VAL-07")
def test_a_recheck_is_requested_like_an_export(lone_trial: Installation, tmp_path: Path) -> None:
    statistician, manager = somebody(lone_trial, Role.STATISTICIAN), somebody(lone_trial, Role.DATA_MANAGER)
    with pytest.raises(Refused, match=r"^recheck_needs_all"):
        request_export(manager, STUDY, ENTRY, kind=ExportKind.recheck)
    public_id = request_export(statistician, STUDY, ENTRY, kind=ExportKind.recheck).export.public_id
    rounds(lone_trial)
    checked = get_export(statistician, STUDY, public_id)
    assert (checked.state, checked.files) == (ExportState.ready, ())
    assert {each.kind for each in checked.figures} >= {"scores", "baselines", "changes", "rates"}
    assert all(each.equal == each.total > 0 for each in checked.figures)
    assert list((tmp_path / "exports").iterdir()) == []
