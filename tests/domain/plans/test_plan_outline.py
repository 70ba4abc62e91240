"""A plan as people read it: rows, versions compared, hidden arms, and the simulator's one truth."""

from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from app.domain.plans.outline.changes import ChangeKind, compare_plans
from app.domain.plans.outline.hidden_arms import hide_arms, shown_arms
from app.domain.plans.outline.rows import list_plan_rows
from app.domain.plans.outline.simulation import DatedPerson, Simulation, simulate_person
from app.domain.plans.parsing import parse_plan
from app.domain.plans.plan import Plan, ReminderKind
from app.domain.plans.reminders import plan_reminders
from app.domain.plans.schedule import plan_slots
from app.domain.plans.status import SlotFacts, Status, derive_status
from tests.domain.trial import (
    DIARY,
    SHANGHAI,
    SHIPPED,
    SHIPPED_FILE,
    anchor_dates,
    repeated_visit,
    small_plan,
    visit,
)

NEXT = parse_plan(
    (Path(__file__).parents[3] / SHIPPED_FILE.replace("1.0", "1.1")).read_text("utf-8"), "1.1.toml"
)
ENROLLED, RANDOMISED = date(2026, 3, 2), date(2026, 3, 10)
PERSON = DatedPerson(anchor_dates(enrolment=ENROLLED, randomisation=RANDOMISED), "SBRT", SHANGHAI)
NOW = datetime(2026, 4, 20, 4, tzinfo=UTC)


def list_messages(simulation: Simulation, visit: str) -> list[tuple[str, str]]:
    """The reminders of a visit: kind, and local day."""
    (form,) = [each for each in simulation.forms if each.planned.visit == visit]
    return [(each.kind, f"{each.at + timedelta(hours=8):%m-%d %H:%M}") for each in form.messages]


def test_rows_tell_every_window_that_the_schedule_makes() -> None:
    rows = {row.code: row for row in list_plan_rows(SHIPPED)}
    assert list(rows) == ["BL", "W6", "W{n}", "EOT", "ET", "UNS", "D{n}", "DW{n}"]
    assert rows["BL"].anchor == "enrolment"
    (baseline,) = rows["BL"].spans
    assert (baseline.opens, baseline.target, baseline.closes) == (0, 0, 28)
    assert baseline.reminders == (
        (0, ReminderKind.opening),
        (14, ReminderKind.middle),
        (27, ReminderKind.last_day),
    )
    assert [span.code for span in rows["W{n}"].spans][:2] == ["W12", "W24"]
    assert (rows["UNS"].anchor, rows["UNS"].spans) == (None, ())
    assert [(span.opens, span.closes) for span in rows["D{n}"].spans[:2]] == [(0, 2), (1, 3)]
    assert rows["EOT"].rule is not None
    assert shown_arms(rows["EOT"].rule, SHIPPED) == ("Stereotactic body radiotherapy",)
    windows = plan_slots(SHIPPED, anchor_dates(randomisation=RANDOMISED), "SBRT", "UTC")
    planned = {
        slot.visit: (
            (slot.window.opens_on - RANDOMISED).days,
            (slot.window.target_on - RANDOMISED).days,
            (slot.window.closes_on - RANDOMISED).days,
        )
        for slot in windows
        if slot.window is not None
    }
    rows_of_outline = {
        span.code: (span.opens, span.target, span.closes)
        for row in rows.values()
        for span in row.spans
        if row.anchor == "randomisation"
    }
    assert rows_of_outline == planned
    assert [row.code for row in list_plan_rows(small_plan())] == ["V1"]


def test_versions_differ_by_what_each_fact_says() -> None:
    changes = {(each.part, each.name, each.aspect): each for each in compare_plans(SHIPPED, NEXT)}
    assert compare_plans(NEXT, NEXT) == ()
    named = changes["neutral_name", "", ""]
    assert (named.older, named.newer) == ({"zh_CN": "日志研究"}, {"zh_CN": "日记研究"})
    version = changes["instruments", "symptom-diary", "version"]
    assert (version.kind, version.older, version.newer) == (ChangeKind.changed, "1.0", "1.1")
    assert changes["anchors", "randomisation", "after"].newer == ("enrolment",)
    assert changes["alert_rules", "chest_pain", ""].kind is ChangeKind.added
    assert changes["monitoring_reason", "", ""].kind is ChangeKind.removed
    assert changes["exemption_labels", "no_translation", ""].kind is ChangeKind.added
    back = {(each.part, each.name, each.aspect): each.kind for each in compare_plans(NEXT, SHIPPED)}
    assert back["alert_rules", "chest_pain", ""] is ChangeKind.removed
    assert back.keys() == changes.keys()
    one, other = (
        small_plan(visit("A"), visit("B", offset="4")),
        small_plan(visit("B", offset="4", after="5"), DIARY),
    )
    seen = [(each.part, each.name, each.aspect, each.kind.value) for each in compare_plans(one, other)]
    assert seen == [
        ("visits", "A", "", "removed"),
        ("visits", "B", "after", "changed"),
        ("diary", "", "", "added"),
    ]
    early = repeated_visit("W{n}", 1, 3, 1, "weeks")
    one = small_plan(early, repeated_visit("W{n}", 8, 16, 8, "weeks"))
    other = small_plan(repeated_visit("W{n}", 1, 3, 2, "weeks"), repeated_visit("W{n}", 8, 24, 8, "weeks"))
    spaced = [(each.name, each.aspect, each.newer) for each in compare_plans(one, other)]
    assert spaced == [("W{n}", "offsets", (1, 3)), ("W{n} (2)", "offsets", (8, 16, 24))]
    assert [(each.name, each.aspect) for each in compare_plans(one, small_plan(early))] == [("W{n} (2)", "")]


def test_every_field_of_a_plan_is_compared() -> None:
    beside = {"id", "version", "sha256", "draft"}
    named = {each.name for each in fields(Plan)} - beside
    changed: dict[str, Any] = dict.fromkeys(named, object())
    assert {change.part for change in compare_plans(SHIPPED, replace(SHIPPED, **changed))} == named


def test_a_plan_without_its_arms_tells_nothing_of_them() -> None:
    hidden = hide_arms(NEXT)
    assert hidden.arms == ()
    assert not {"sbrt_start", "sbrt_end"} & set(hidden.anchor_kinds)
    assert [rule.code for rule in hidden.visits] == ["BL", "W6", "W{n}", "ET", "UNS"]
    assert hidden.diary == NEXT.diary
    surgical = small_plan(
        visit("V1", closes_with='"surgery"'),
        visit("V2", anchor='"surgery"', anchoring='"event"', series='"end"'),
    )
    (visit_of_all,) = hide_arms(surgical).visits
    assert (visit_of_all.code, visit_of_all.closes_with) == ("V1", None)
    revealing = small_plan(visit(), DIARY.replace('anchor = "randomisation"', 'anchor = "surgery"'))
    assert revealing.diary is not None
    assert hide_arms(revealing).diary is None
    assert hide_arms(revealing).instruments == revealing.instruments, "every arm has it in a visit"
    whose = {
        anchor.kind: replace(anchor, arm_revealing=anchor.kind == "randomisation") for anchor in NEXT.anchors
    }
    diary_of_one_arm = hide_arms(replace(NEXT, anchors=tuple(whose.values())))
    assert diary_of_one_arm.diary is None
    assert "symptom-diary" not in {used.id for used in diary_of_one_arm.instruments}
    assert "symptom-diary" not in {rule.instrument for rule in diary_of_one_arm.alert_rules}


def test_the_simulator_says_what_schedule_status_and_reminders_say() -> None:
    simulation = simulate_person(NEXT, PERSON, NOW)
    planned = plan_slots(NEXT, PERSON.dates, PERSON.arm, PERSON.zone)
    assert [form.planned for form in simulation.forms] == list(planned)
    for form in simulation.forms:
        assert form.status is derive_status(form.planned.window, SlotFacts(), NOW)
        owed = [(each.kind, each.at) for each in plan_reminders(NEXT, form.planned)]
        assert [(each.kind, each.at) for each in form.messages] == owed
    states = {form.planned.visit: form.status for form in simulation.forms}
    assert (states["BL"], states["W6"], states["W12"]) == (Status.missed, Status.open, Status.planned)
    assert (states["EOT"], states["D39"]) == (Status.waiting, Status.overdue)
    assert simulation.moves == ()
    assert {form.is_diary for form in simulation.forms if form.planned.visit in ("D0", "DW12")} == {True}
    assert len(simulate_person(small_plan(), PERSON, NOW).forms) == 1


def test_changed_dates_move_windows_but_no_past_reminders() -> None:
    later = DatedPerson(
        anchor_dates(enrolment=ENROLLED, randomisation=RANDOMISED + timedelta(days=3), sbrt_end=NOW.date()),
        "SBRT",
        SHANGHAI,
    )
    moved = simulate_person(NEXT, later, NOW, PERSON)
    by_visit = {move.key[0]: move for move in moved.moves}
    w6 = by_visit["W6"]
    assert w6.old is not None
    assert w6.new is not None
    assert (w6.old.opens_on, w6.new.opens_on) == (date(2026, 4, 14), date(2026, 4, 17))
    assert by_visit["EOT"].old is None
    assert list_messages(moved, "W6") == [
        ("opening", "04-14 09:00"),
        ("middle", "04-24 09:00"),
        ("last_day", "04-30 09:00"),
    ]
    assert list_messages(moved, "EOT") == [
        ("opening", "04-20 12:00"),
        ("middle", "04-27 09:00"),
        ("last_day", "05-03 09:00"),
    ]
    assert list_messages(moved, "D0") == [("entry", "03-13 19:00")]
    days = [form.planned.for_day for form in moved.forms if form.is_diary]
    assert len(days) == len(set(days))
    gone = simulate_person(NEXT, replace(later, arm="SOC"), NOW, later)
    assert [(move.key[0], move.new) for move in gone.moves] == [("EOT", None)]
    far = replace(PERSON, dates=anchor_dates(enrolment=ENROLLED, randomisation=date(2026, 5, 20)))
    again = list_messages(simulate_person(NEXT, far, NOW, PERSON), "W6")
    assert again[0] == ("opening", "04-14 09:00")
    assert ("opening", "06-24 09:00") in again
