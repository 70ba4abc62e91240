"""The feed under load and over HTTP's head: nothing skipped, on a real PostgreSQL; every use case on both."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlmodel import col, select

from app.domain.records.access import SYSTEM, Role, Scope
from app.domain.records.audit import AuditEvent
from app.domain.records.studies import StudyMode
from app.domain.records.visits import VisitState
from app.domain.refusal import DatabaseUnavailable, Refused
from app.services.accounts.contacts import ContactChannel
from app.services.clinic.invitation_sheets import enrol_with_invitation
from app.services.core.context import ClockContext, EdcClientSession, EdcContext, StaffContext
from app.services.core.hashing import HashCost
from app.services.core.installation import Installation
from app.services.core.plans import get_plan
from app.services.core.secrets import SecretBox
from app.services.edc.entity_tags import Preconditions
from app.services.edc.lookups import describe_part
from app.services.edc.participants import (
    ParticipantBody,
    StatusBody,
    StatusWord,
    WithdrawalScope,
    receive_participant,
    receive_status,
)
from app.services.edc.records import StoreEffect
from app.services.edc.requests import get_own_site
from app.services.edc.schedule import (
    AnchorBody,
    preview_edc_anchor,
    receive_anchor,
    receive_arm,
    receive_visit,
)
from app.services.edc.transfers import (
    FeedQuery,
    get_assessment,
    get_feed_head,
    pull_changes,
    pull_scores,
    stream_snapshot,
)
from app.services.schedule.enrolment import (
    add_participant,
    enrol_participant,
    issue_invitation,
)
from app.services.setup.studies import load_study, open_site
from app.storage.engine import open_engine
from app.storage.row_changes import study_chain
from app.storage.tables.feed import FeedEvent
from app.storage.tables.studies import Site
from tests.scenarios.edc_session import caller_of, request_about
from tests.scenarios.people import (
    START,
    Person,
    enrolment_entry,
    library,
    qlq,
    site_entry,
    staff_member,
    with_short_diary,
)
from tests.scenarios.stale_next_due import find_stale_next_due

VERIFIER = Path(__file__).parents[3] / "docs" / "manual" / "edc_verify.py"
TODAY = START.date()
WRITERS, EACH = 8, 6
POLLING = 0.002
"""Seconds between two pulls of the reader: several come between two events."""


def body(language: str = "en", on: date = TODAY) -> ParticipantBody:
    return ParticipantBody("0571", language, on)


@pytest.mark.req("PRI-03")
def test_the_site_completes_whom_the_edc_registered(
    installation: Installation, caller: EdcClientSession, site: Site
) -> None:
    receive_participant(request_about(installation, caller, "0571-100"), body("en"))
    nurse = staff_member(Role.NURSE, site)
    with pytest.raises(Refused, match="consent_needed"):
        issue_invitation(StaffContext(installation, nurse, START), site.study_id, "0571-100")
    entry = replace(
        enrolment_entry("0571-100"), language="zh_CN", channel=ContactChannel.email, address="p@example.org"
    )
    participant = enrol_participant(StaffContext(installation, nurse, START), site, entry)
    assert (participant.language, participant.consent_version) == ("zh_CN", "2.1")
    assert issue_invitation(StaffContext(installation, nurse, START), site.study_id, "0571-100").code
    assert list(find_stale_next_due(ClockContext(installation, START))) == []
    with pytest.raises(Refused, match="subject_exists"):
        enrol_participant(StaffContext(installation, nurse, START), site, entry)
    with installation.read() as session:
        kinds = list(session.exec(select(FeedEvent.type).order_by(col(FeedEvent.seq))))
    assert kinds == ["participant.created", "anchor.recorded", "participant.updated", "anchor.recorded"]


def test_a_participant_is_registered_once_and_updated(
    installation: Installation, caller: EdcClientSession
) -> None:
    first = receive_participant(request_about(installation, caller, "0571-100"), body())
    again = receive_participant(request_about(installation, caller, "0571-100"), body())
    newer = receive_participant(request_about(installation, caller, "0571-100", 1), body())
    other = receive_participant(
        request_about(installation, caller, "0571-100", 30), body("zh_CN", date(2026, 3, 3))
    )
    effects = [result.effect for result in (first, again, newer, other)]
    assert effects == [StoreEffect.created, StoreEffect.none, StoreEffect.newer, StoreEffect.changed]
    types = [
        json.loads(line)["type"]
        for line in pull_changes(EdcContext(installation, caller, START), FeedQuery()).lines
    ]
    assert types == ["participant.created", "anchor.recorded", "participant.updated", "anchor.recorded"]
    with pytest.raises(Refused, match="stale_update"):
        receive_participant(request_about(installation, caller, "0571-100"), body())


def test_an_exit_of_the_edc_is_corrected_by_the_edc(installation: Installation, person: Person) -> None:
    caller = caller_of(installation)
    withdrawn = StatusBody(StatusWord.withdrawn, "2026-03-04", WithdrawalScope.study)
    receive_status(request_about(installation, caller, "0571-001", 72), withdrawn)
    earlier = person.row().exit_at
    corrected = StatusBody(StatusWord.withdrawn, "2026-03-05", WithdrawalScope.study)
    receive_status(request_about(installation, caller, "0571-001", 96), corrected)
    died = StatusBody(StatusWord.died, "2026-03-05")
    receive_status(request_about(installation, caller, "0571-001", 97), died)
    same = StatusBody(StatusWord.died, "2026-03-05", reason="OTHER")
    result = receive_status(request_about(installation, caller, "0571-001", 98), same)
    exit_at = person.row().exit_at
    assert earlier is not None
    assert exit_at is not None
    assert exit_at - earlier == timedelta(days=1)
    assert (result.version, result.effect) == (4, StoreEffect.changed)
    with pytest.raises(Refused, match="undone_by_site"):
        receive_status(request_about(installation, caller, "0571-001", 99), StatusBody(StatusWord.enrolled))


def test_an_exit_that_the_site_stated_stays_beside_the_edcs(
    installation: Installation, person: Person
) -> None:
    caller = caller_of(installation)
    person.anchor("progression", START.date(), START)
    receive_status(request_about(installation, caller, "0571-001"), StatusBody(StatusWord.lost, "2026-03-02"))
    result = receive_status(
        request_about(installation, caller, "0571-001", 1), StatusBody(StatusWord.completed, "2026-03-02")
    )
    assert result.version == 2
    assert person.row().exit_kind is None


def test_schedule_arm_and_visits(installation: Installation, caller: EdcClientSession) -> None:
    receive_participant(request_about(installation, caller, "0571-100"), body())
    randomised = AnchorBody("randomisation", START.date(), START, confirm=False)
    foreseen = preview_edc_anchor(EdcContext(installation, caller, START), "0571-100", randomised)
    result, done = receive_anchor(request_about(installation, caller, "0571-100"), randomised)
    again, nothing = receive_anchor(request_about(installation, caller, "0571-100"), randomised)
    assert (foreseen.standing, foreseen.moves) == (done.standing, done.moves)
    assert (result.effect, again.effect, nothing.moves) == (StoreEffect.created, StoreEffect.none, ())
    assert receive_arm(request_about(installation, caller, "0571-100"), "SBRT").acts
    assert not receive_arm(request_about(installation, caller, "0571-100"), "SBRT").acts
    for hours, state in enumerate((VisitState.occurred, VisitState.missed)):
        request = request_about(installation, caller, "0571-100", hours + 1)
        assert receive_visit(request, "W6", state, START.date()).acts
    assert not receive_visit(
        request_about(installation, caller, "0571-100", 2), "W6", VisitState.missed, START.date()
    ).acts


@pytest.mark.usefixtures("person")
def test_somebody_elses_site_is_unknown(installation: Installation) -> None:
    open_site(StaffContext(installation, SYSTEM, START), "sbrt-nsclc", site_entry("0512"))
    limited = caller_of(installation, ["0512"])
    with pytest.raises(Refused, match="unknown_participant"):
        preview_edc_anchor(
            EdcContext(installation, limited, START),
            "0571-001",
            AnchorBody("progression", START.date(), None, False),
        )
    stubs = pull_changes(EdcContext(installation, limited, START), FeedQuery()).lines
    assert all('"type":"withheld"' in line for line in stubs)
    assert list(
        stream_snapshot(
            EdcContext(installation, limited, START),
            get_feed_head(EdcContext(installation, limited, START)),
        )
    ) == [[]]


def test_views_agree_with_the_feed(installation: Installation, people: Callable[[int], Person]) -> None:
    caller = caller_of(installation)
    for number in (1, 2):
        person = people(number)
        person.begin("BL", START)
        person.submit("BL", START, qlq(number))
    newest = {
        json.loads(line)["ref"]: line
        for line in pull_changes(EdcContext(installation, caller, START), FeedQuery()).lines
    }
    through = get_feed_head(EdcContext(installation, caller, START))
    views = [
        line for lines in stream_snapshot(EdcContext(installation, caller, START), through) for line in lines
    ]
    assert sorted(views) == sorted(newest.values())
    page, rows = pull_scores(EdcContext(installation, caller, START), FeedQuery(limit=1))
    rest, more = pull_scores(EdcContext(installation, caller, START), FeedQuery(after=page.through))
    assert (len(rows), len(more), rest.complete) == (16, 16, True)
    assert get_assessment(EdcContext(installation, caller, START), str(rows[0]["assessment"]), 1) in views


def test_a_condition_on_what_is_not_there_is_refused(
    installation: Installation, caller: EdcClientSession
) -> None:
    request = replace(
        request_about(installation, caller, "0571-100"), preconditions=Preconditions(if_match="*")
    )
    with pytest.raises(Refused, match="version_mismatch"):
        receive_participant(request, body())
    assert pull_changes(EdcContext(installation, caller, START), FeedQuery()).lines == []


def test_the_arm_is_shown_with_its_scope_alone(installation: Installation, person: Person) -> None:
    whole = caller_of(installation)
    blind = replace(whole, scopes=frozenset({Scope.SCORES_READ.value}))
    assert "arm" in describe_part(EdcContext(installation, whole, START), person.subject, "")
    assert "arm" not in describe_part(EdcContext(installation, blind, START), person.subject, "")


def test_two_at_once_register_a_code_once(migrated_postgres_url: str) -> None:
    """Also where one of them is a nurse; whom the EDC registered two nurses complete once."""
    running, caller = alone(migrated_postgres_url)
    refused: list[str] = []

    def attempt(act: Callable[[], object]) -> None:
        try:
            act()
        except Refused as refusal:
            refused.append(refusal.code)

    def enrol() -> object:
        nurse = StaffContext(running, staff_member(Role.NURSE, home), START)
        return enrol_with_invitation(nurse, "sbrt-nsclc:0571", enrolment_entry("0571-100"))

    def register() -> object:
        return receive_participant(request_about(running, caller, "0571-100"), body())

    with running.open_work(caller.actor, START) as work:
        site = get_own_site(work.session, caller, "0571")
        home = Site(**site.model_dump())
        work.lock(study_chain(caller.study_id))
        work.session.flush()
        waiting = [threading.Thread(target=attempt, args=(act,)) for act in (register, enrol)]
        for thread in waiting:
            thread.start()
        waiting[0].join(1)
        assert all(thread.is_alive() for thread in waiting)
        plan = get_plan(running, work.session, caller.study_id)
        add_participant(work, plan, site, "0571-100", "en", AuditEvent.PARTICIPANT_REGISTERED)
    for thread in waiting:
        thread.join()
    both = [threading.Thread(target=attempt, args=(enrol,)) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    running.engine.dispose()
    assert refused == ["subject_exists"] * 3


def alone(url: str) -> tuple[Installation, EdcClientSession]:
    """An installation of this test's own, with a study, a site and a client."""
    engine = open_engine(url, pool_size=WRITERS + 2)
    secret_box = SecretBox(Fernet.generate_key(), HashCost(1, 8, 1))
    running = Installation(engine, library(), secret_box, "https://d.test", "0")
    load_study(StaffContext(running, SYSTEM, START), "sbrt-nsclc", "1.0", StudyMode.DEMO)
    open_site(StaffContext(running, SYSTEM, START), "sbrt-nsclc", site_entry("0571"))
    return with_short_diary(running), caller_of(running)


@pytest.mark.slow
@pytest.mark.req("EDC-02", "EDC-04")
def test_eight_writers_and_a_polling_reader_skip_nothing(migrated_postgres_url: str, tmp_path: Path) -> None:
    running, caller = alone(migrated_postgres_url)
    done = threading.Event()
    refs: list[str] = []

    def write(writer: int) -> None:
        for number in range(EACH):
            subject = f"0571-{writer * EACH + number:03d}"
            request = request_about(running, caller, subject)
            until_taken(partial(receive_participant, request, body()))
            until_taken(partial(receive_status, request, StatusBody(StatusWord.lost, "2026-03-02")))

    def poll() -> None:
        after, last = 0, False
        while not last:
            last = done.wait(POLLING)
            page = pull_changes(EdcContext(running, caller, START), FeedQuery(after, 7))
            while page.lines:
                refs.extend(page.lines)
                page = pull_changes(EdcContext(running, caller, START), FeedQuery(page.through, 7))
            after = page.through

    reader = threading.Thread(target=poll)
    writers = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    running.engine.dispose()
    numbers = [json.loads(line)["seq"] for line in refs]
    assert numbers == list(range(1, WRITERS * EACH * 3 + 1))
    assert verified(tmp_path, refs) == "OK"
    assert verified(tmp_path, refs[:5] + refs[6:]).startswith("FAULT 7: expected number 6")
    swapped = [refs[0].replace('"language":"en"', '"language":"fr"'), *refs[1:]]
    assert verified(tmp_path, swapped) == "FAULT 1: section participant was altered"


def until_taken(request: Callable[[], object]) -> None:
    """Send a request again while the database is busy, as its answer 503 asks an EDC to do."""
    while True:
        try:
            request()
        except DatabaseUnavailable:
            continue
        return


def verified(folder: Path, lines: list[str]) -> str:
    """What a foreign program says of these events, knowing only the documented rules."""
    file = folder / "feed.ndjson"
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    program = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import edc_verify
try:
    edc_verify.held(Path(sys.argv[2]))
except edc_verify.Fault as fault:
    print(f"FAULT {fault}")
else:
    print("OK")
"""
    command = [sys.executable, "-I", "-c", program, str(VERIFIER.parent), str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_a_visit_before_the_study_is_refused(
    installation: Installation, caller: EdcClientSession, person: Person
) -> None:
    with pytest.raises(Refused, match="date_out_of_range"):
        receive_visit(
            request_about(installation, caller, person.subject), "W6", VisitState.occurred, date(1999, 1, 1)
        )
