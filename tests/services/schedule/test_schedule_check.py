"""Stored forms against the plan: what is missing is named and made."""

from datetime import date

import pytest
import sqlalchemy as sa

from app.domain.plans.schedule_faults import ScheduleFaultKind
from app.domain.records.audit import AuditEvent
from app.services.core.context import StaffContext
from app.services.schedule.schedule_check import check_schedules, mend_schedule
from app.storage.engine import write_engine
from tests.scenarios.people import START, Person
from tests.scenarios.reminders import count_entries
from tests.unaudited_writes import allow_everything

DAY0 = date(2026, 3, 2)


@pytest.mark.req("TIM-06")
def test_missing_diary_days_are_named_and_created(person: Person) -> None:
    context = StaffContext(person.installation, person.nurse, START)
    person.randomise(DAY0, START)
    assert list(check_schedules(context)) == []
    with write_engine(person.installation.engine).begin() as connection, allow_everything(connection):
        # As an earlier version left them: the day's form went to another day.
        lost = "UPDATE slot SET for_day = NULL, visit = 'LOST' || visit WHERE visit IN ('D4', 'D5')"
        connection.execute(sa.text(lost))
    (faults,) = check_schedules(context)
    assert (faults.subject, {fault.kind for fault in faults.faults}) == (
        person.subject,
        {ScheduleFaultKind.empty_day},
    )
    assert [fault.one for fault in faults.faults] == ["D4", "D5"]
    assert mend_schedule(context, faults)
    assert person.slot("D5").for_day == date(2026, 3, 7)
    assert list(check_schedules(context)) == []
    assert count_entries(person.installation, AuditEvent.SCHEDULE_MENDED) == 1


@pytest.mark.req("TIM-06")
def test_windows_of_a_zone_whose_rules_changed_are_named_and_moved_where_nobody_began(person: Person) -> None:
    context = StaffContext(person.installation, person.nurse, START)
    person.randomise(DAY0, START)
    right = {slot.visit: slot.opens_at for slot in (person.slot("W6"), person.slot("W12"), person.slot("D1"))}
    person.begin("BL", START)
    with write_engine(person.installation.engine).begin() as connection, allow_everything(connection):
        # As they were stored while the zone had other rules.
        for name in ("opens_at", "due_at", "overdue_at", "closes_at", "grace_until"):
            later = {"sqlite": f"datetime({name}, '+1 hour')", "postgresql": f"{name} + interval '1 hour'"}
            moved = later[connection.dialect.name]
            connection.execute(
                sa.text(f"UPDATE slot SET {name} = {moved} WHERE visit IN ('W6', 'W12', 'D1', 'BL')")
            )
    (faults,) = check_schedules(context)
    assert [(fault.kind, fault.one) for fault in faults.faults] == [
        (ScheduleFaultKind.moved_window, visit) for visit in ("W6", "W12", "D1")
    ]
    begun = person.slot("BL").opens_at
    assert mend_schedule(context, faults)
    assert list(check_schedules(context)) == []
    assert {visit: person.slot(visit).opens_at for visit in right} == right
    assert person.slot("BL").opens_at == begun


def test_what_nobody_can_make_anew_is_only_named(person: Person) -> None:
    context = StaffContext(person.installation, person.nurse, START)
    with write_engine(person.installation.engine).begin() as connection, allow_everything(connection):
        connection.execute(sa.text("UPDATE anchor SET dated_on = '2026-03-05' WHERE kind = 'enrolment'"))
    person.anchor("progression", date(2026, 3, 5), START.replace(day=6))
    with write_engine(person.installation.engine).begin() as connection, allow_everything(connection):
        connection.execute(sa.text("UPDATE anchor SET dated_on = '2026-03-04' WHERE kind = 'progression'"))
    faults = [each for each in check_schedules(context) if each.subject == person.subject]
    assert [fault.kind for fault in faults[0].faults] == [ScheduleFaultKind.contradiction]
    assert not mend_schedule(context, faults[0])
