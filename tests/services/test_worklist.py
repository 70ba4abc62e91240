"""The work list: the right rows in the right order, cheap, and never somebody who left."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlmodel import col, select

from app.domain.capture.answers import SubmittedAnswer
from app.domain.plans.plan import Owner
from app.domain.plans.status import Status
from app.domain.records.access import SYSTEM, Actor, ActorKind, Role
from app.domain.records.audit import AuditEvent
from app.domain.records.dispositions import DispositionKind
from app.domain.records.worklist import Urgency, WorklistCursor
from app.services.accounts.participant_session import unlock_device
from app.services.clinic.staff_sites import list_staff_sites
from app.services.clinic.worklist import Worklist, WorklistFilter, get_worklist
from app.services.core.context import ParticipantContext, StaffContext
from app.services.core.installation import Installation
from app.services.schedule.dispositions import DispositionEntry, record_disposition
from app.services.setup.studies import open_site
from app.storage.queries import worklist as statements
from app.storage.queries.slots import slot_status
from app.storage.queries.worklist import (
    WorklistRow,
    WorklistSearch,
    list_diary_rows,
    list_form_rows,
)
from app.storage.row_changes import participant_chain
from app.storage.tables.messages import Message
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Site
from tests.services.beginnings import SITE, begun, grown, site_of
from tests.services.people import PIN, START, Person, colleague, days, enrolled, site_entry
from tests.stages import Stage

EVERYTHING = WorklistFilter()
RANDOMISED = date(2026, 3, 4)
WEEK_6 = START + days(2 + 42)  # the target day of W6, 09:30 in Shanghai


def _three(installation: Installation) -> Sequence[str]:
    """Three people randomised on consecutive days; the first counts from 4 March."""
    site = site_of(installation)
    found = [enrolled(installation, site, f"0571-{number:03d}") for number in (1, 2, 3)]
    for number, person in enumerate(found):
        person.randomise(RANDOMISED + days(number), START + days(6))
    return [person.cookie for person in found]


THREE = grown(_three, SITE)


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> Stage | None:
    return THREE if "randomised" in request.fixturenames else begun(request.fixturenames)


@pytest.fixture
def randomised(
    installation: Installation, site: Site, migrated_url: str, secrets: dict[str, tuple[str, ...]]
) -> list[Person]:
    """The three people of that stage."""
    cookies = secrets[migrated_url]
    return [
        Person(installation, site, f"0571-{number:03d}", cookie) for number, cookie in enumerate(cookies, 1)
    ]


def listed(
    installation: Installation,
    person: Person,
    at: datetime,
    wanted: WorklistFilter = EVERYTHING,
    actor: Actor | None = None,
) -> Worklist:
    with installation.read() as session:
        return get_worklist(StaffContext(installation, actor or person.nurse, at), session, wanted)


@contextmanager
def counted(installation: Installation) -> Iterator[list[str]]:
    """The statements that run inside."""
    said: list[str] = []

    def note(*args: object) -> None:
        said.append(str(args[2]))

    event.listen(installation.engine, "before_cursor_execute", note)
    yield said
    event.remove(installation.engine, "before_cursor_execute", note)


def test_overdue_come_first_then_due_each_by_closing(
    installation: Installation, randomised: list[Person]
) -> None:
    found = listed(installation, randomised[0], WEEK_6 + days(1))
    assert [(row.subject, row.visit, row.status) for row in found.rows] == [
        ("0571-001", "W6", Status.overdue),
        ("0571-002", "W6", Status.due),
    ]
    first = found.rows[0]
    assert (first.closes_on, first.days_left) == (RANDOMISED + days(49), 6)
    assert (first.answered, first.asked, first.reminded_at) == (0, 30, None)
    assert found.counts[False, Urgency.overdue] == found.counts[False, Urgency.due] == 1
    assert found.counts[False, Urgency.open] == 1
    early = listed(installation, randomised[0], WEEK_6 + days(1), WorklistFilter(group=Urgency.open))
    assert [(row.subject, row.status) for row in early.rows] == [("0571-003", Status.open)]


@pytest.mark.parametrize("offset", [-8, -7, -3, 0, 0.5, 1, 2, 6.5, 7.7, 8, 9, 30])
def test_the_list_and_status_agree_at_any_moment(
    installation: Installation, randomised: list[Person], offset: float
) -> None:
    at = WEEK_6 + days(offset)
    rows = [
        row
        for group in Urgency
        for row in listed(installation, randomised[0], at, WorklistFilter(group=group)).rows
    ]
    with installation.read() as session:
        slots = session.exec(select(Slot).where(col(Slot.for_day).is_(None))).all()
    wanted = {Status.open, Status.due, Status.overdue, Status.in_progress}
    expected = {slot.public_id: slot_status(slot, at) for slot in slots if slot_status(slot, at) in wanted}
    assert {row.slot: row.status for row in rows} == expected


def test_progress_and_the_last_reminder_are_shown(
    installation: Installation, randomised: list[Person]
) -> None:
    person = randomised[0]
    unlock_device(ParticipantContext(installation, person.participant(WEEK_6), WEEK_6), PIN)
    slot = person.begin("W6", WEEK_6)
    person.save(
        "W6",
        WEEK_6,
        SubmittedAnswer(1, 0, "q1", 2),
        SubmittedAnswer(2, 1, "q2", 3),
        SubmittedAnswer(3, 2, "q1", 4),
    )
    row = person.slot("W6")
    with installation.work(SYSTEM, WEEK_6) as work:
        for kind, hours in (("opening", 1), ("middle", 2)):
            work.session.add(_sent(row, kind, WEEK_6 - timedelta(hours=hours)))
        work.record(AuditEvent.REMINDER_SENT, participant_chain(row.participant_id))
    found = next(each for each in listed(installation, person, WEEK_6).rows if each.slot == slot)
    assert (found.status, found.answered) == (Status.in_progress, 2)
    assert found.reminded_at == WEEK_6 - timedelta(hours=1)


def _sent(slot: Slot, kind: str, at: datetime) -> Message:
    return Message(
        slot_id=slot.id or 0,
        participant_id=slot.participant_id,
        window_version=slot.window_version,
        kind=kind,
        state="sent",
        channel="email",
        key=f"{slot.id}-{kind}",
        lease_until=at,
        queued_at=at,
        settled_at=at,
    )


def test_the_diary_has_one_row_per_participant(installation: Installation, randomised: list[Person]) -> None:
    at = START + days(6)
    found = listed(installation, randomised[0], at, WorklistFilter(diary=True))
    assert [(row.subject, row.days, row.status) for row in found.rows] == [
        ("0571-001", 3, Status.overdue),
        ("0571-002", 3, Status.overdue),
        ("0571-003", 3, Status.overdue),
    ]
    assert found.counts[True, Urgency.overdue] == 3
    assert found.counts[True, Urgency.due] == 0
    first_day = listed(
        installation, randomised[0], START + days(2), WorklistFilter(diary=True, group=Urgency.due)
    )
    assert [(row.subject, row.days) for row in first_day.rows] == [("0571-001", 1)]


@pytest.mark.parametrize("diary", [False, True])
def test_search_finds_by_part_of_a_code_and_takes_signs_as_they_are(
    installation: Installation, randomised: list[Person], diary: bool
) -> None:
    at = WEEK_6 + days(2)
    for typed, expected in (("-002", ["0571-002"]), ("%", []), ("_", []), ("/", [])):
        found = listed(installation, randomised[0], at, WorklistFilter(search=typed, diary=diary))
        assert [row.subject for row in found.rows] == expected


@pytest.mark.parametrize("diary", [False, True])
def test_pages_follow_each_other_without_a_gap(
    installation: Installation, randomised: list[Person], diary: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.clinic.worklist.PAGE", 1)
    at, seen, after = WEEK_6 + days(1), [], None
    for _ in range(4):
        found = listed(installation, randomised[0], at, WorklistFilter(diary=diary, after=after))
        seen += [row.subject for row in found.rows]
        after = found.next
        if after is None:
            break
    assert seen == (["0571-001", "0571-002", "0571-003"] if diary else ["0571-001", "0571-002"])


def test_a_page_after_the_last_group_is_empty(installation: Installation, randomised: list[Person]) -> None:
    found = listed(installation, randomised[0], WEEK_6, WorklistFilter(after=WorklistCursor(9, WEEK_6, 0)))
    assert (found.rows, found.next) == ((), None)


@pytest.mark.req("IAM-03")
def test_a_nurse_sees_their_own_sites_only(installation: Installation, randomised: list[Person]) -> None:
    other = open_site(StaffContext(installation, SYSTEM, START), "sbrt-nsclc", site_entry("0021"))
    stranger = enrolled(installation, other, "0021-001")
    stranger.randomise(RANDOMISED, START + days(6))
    at = WEEK_6 + days(3)
    assert {row.subject[:4] for row in listed(installation, randomised[0], at).rows} == {"0571"}
    assert [row.subject for row in listed(installation, stranger, at).rows] == ["0021-001"]
    everywhere = colleague(Role.DATA_MANAGER, other, everywhere=True)
    found = listed(installation, stranger, at, actor=everywhere)
    assert (len(found.rows), len(found.workplaces)) == (4, 2)
    one = listed(installation, stranger, at, WorklistFilter(site="0571"), everywhere)
    assert {row.subject[:4] for row in one.rows} == {"0571"}
    nowhere = listed(installation, stranger, at, WorklistFilter(site="9999"), everywhere)
    assert (nowhere.rows, nowhere.counts) == ((), {})


def test_staff_without_a_site_have_an_empty_list(installation: Installation, person: Person) -> None:
    nobody = Actor(ActorKind.STAFF, "staff:9", "none")
    assert listed(installation, person, START, actor=nobody).workplaces == ()
    with installation.read() as session:
        assert list_staff_sites(session, colleague(Role.ADMIN, person.site)) == ()


@pytest.mark.parametrize(
    "kind", [DispositionKind.death, DispositionKind.withdrew_questionnaires, DispositionKind.withdrew_study]
)
def test_whoever_left_never_appears(
    installation: Installation, randomised: list[Person], kind: DispositionKind
) -> None:
    person, at = randomised[0], WEEK_6 + days(3)
    entry = DispositionEntry(kind, (WEEK_6 + days(2)).date().isoformat(), Owner.site)
    record_disposition(
        StaffContext(installation, person.nurse, at), person.site.study_id, person.subject, entry
    )
    for diary in (False, True):
        found = listed(installation, person, at, WorklistFilter(diary=diary))
        assert "0571-001" not in {row.subject for row in found.rows}


@pytest.mark.req("IAM-03")
def test_a_page_costs_three_statements(installation: Installation, randomised: list[Person]) -> None:
    for wanted in (WorklistFilter(), WorklistFilter(diary=True), WorklistFilter(search="0571")):
        with counted(installation) as said:
            listed(installation, randomised[0], WEEK_6 + days(1), wanted)
        assert len([each for each in said if each.startswith("SELECT")]) == 3


def test_the_partial_indexes_answer_the_list(installation: Installation, randomised: list[Person]) -> None:
    """EXPLAIN of the very statements; small tables are read whole unless that is forbidden."""
    site = randomised[0].site.id or 0
    search = WorklistSearch((site,), WEEK_6, WEEK_6 + days(30), (Urgency.overdue, Urgency.due), "", None, 51)
    with installation.read() as session:
        connection = session.connection()
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT set_config('enable_seqscan', 'off', true)"))
        plans = [_plan(connection, read, search) for read in (list_form_rows, list_diary_rows)]
    assert "ix_slot_live_site" in plans[0]
    assert "ix_slot_live_diary" in plans[1]


def _plan(
    connection: sa.Connection,
    read: Callable[[sa.Connection, WorklistSearch], Sequence[WorklistRow]],
    search: WorklistSearch,
) -> str:
    said: list[tuple[str, Any]] = []

    def note(_c: object, _u: object, statement: str, values: Any, *_rest: object) -> None:  # noqa: ANN401 - as the driver takes them
        said.append((statement, values))

    event.listen(connection, "before_cursor_execute", note)
    read(connection, search)
    event.remove(connection, "before_cursor_execute", note)
    word = "EXPLAIN" if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    statement, values = said[0]
    return str(connection.exec_driver_sql(f"{word} {statement}", values).all())


def test_a_statement_is_built_once_when_it_is_first_needed() -> None:
    """Built anew here, because whoever asked first in this process may not have been measured."""
    statements._diary.cache_clear()
    statements._forms.cache_clear()
    groups = (Urgency.overdue, Urgency.due)
    for named in (True, False):
        assert statements._diary(named) is statements._diary(named)
        assert statements._forms(groups, named) is statements._forms(groups, named)
    assert "LIKE" in str(statements._diary(True)).upper()
    assert "LIKE" not in str(statements._diary(False)).upper()
