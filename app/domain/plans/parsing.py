"""A plan read from its TOML file; whatever is wrong is refused with file, key and what may stand there."""

import re
from collections.abc import Mapping
from datetime import date, time
from hashlib import sha256
from types import MappingProxyType
from typing import TypedDict
from warnings import catch_warnings

from app.domain.alerts.rule_parsing import parse_monitoring
from app.domain.instruments.definition import Comparison, Condition
from app.domain.people.names import parse_phone
from app.domain.people.role_views import RoleView, read_role_views
from app.domain.plans.checks import check_plan
from app.domain.plans.plan import (
    FIRST_DATE,
    Anchoring,
    AnchorKind,
    Appearance,
    Arm,
    DiaryPhase,
    DiaryRule,
    MissedReason,
    Owner,
    Plan,
    PlannedInstrument,
    ReminderKind,
    ReminderRule,
    SecondCheck,
    VisitRule,
    WorklistRule,
)
from app.domain.plans.windows import Unit, load_zone
from app.domain.refusal import Refused
from app.domain.toml_section import TomlSection, read_toml
from app.domain.typed_text import EARLIEST_DAY, LATEST_DAY

CODE = r"[A-Z][A-Z0-9]{0,15}"
EARLIEST, LATEST = time(8), time(21)
"""A reminder's hour lies between these local times: earlier or later it would wake people."""
WINDOW_MOMENTS = (ReminderKind.opening, ReminderKind.middle, ReminderKind.last_day)
_CONTRADICTIONS = ("refuse", "confirm")
_WORKLIST_LIMITS = {
    "closing_days": (0, 30),
    "idle_days": (1, 30),
    "unused_days": (0, 90),
    "undelivered_days": (1, 365),
    "diary_days": (1, 28),
    "diary_least": (1, 28),
    "diary_weeks": (1, 12),
    "opens_days": (0, 30),
}
FURTHEST = 600
"""No offset in a plan counts further than this many units; 600 weeks are over eleven years."""


def parse_plan(toml: str, file: str) -> Plan:
    """The plan that a TOML text defines.

    `file` names it in refusals. Raises BadDefinition for anything unknown, missing or
    contradictory, such as windows of one series that overlap.
    """
    root = read_toml(toml, file)
    languages = root.read_words("languages", r"[a-z]{2,3}(_[A-Z]{2})?")
    exemptions = root.read_words("exemptions", "[a-z][a-z_]*", ())
    plan = Plan(
        id=root.read_word("id", r"[a-z][a-z0-9-]*"),
        version=root.read_word("version", r"[0-9]+\.[0-9]+"),
        title=root.read_lines_by_language("title", languages),
        neutral_name=root.read_lines_by_language("neutral_name", languages),
        zone=_zone(root),
        languages=languages,
        blinded=root.read_flag("blinded"),
        participants=root.read_integer("participants", 1, 1_000_000),
        subject_pattern=_pattern(root),
        arms=tuple(_arm(section) for section in root.read_sections("arms")),
        anchors=tuple(_anchor(section, languages) for section in root.read_sections("anchors")),
        instruments=tuple(_instrument(section, languages) for section in root.read_sections("instruments")),
        visits=tuple(_visit(section, languages) for section in root.read_sections("visits", ())),
        diary=_diary(root.read_section("diary"), root) if root.has("diary") else None,
        grace_hours=root.read_integer("grace_hours", 0, 168, 48),
        follow_up_weeks=root.read_integer("follow_up_weeks", 1, FURTHEST),
        reminders=_reminders(root.read_section("reminders")),
        idle_minutes=root.read_integer("idle_minutes", 1, 60, 15),
        second_check=SecondCheck(root.read_choice("second_check", tuple(SecondCheck), SecondCheck.pin)),
        outbox=(outbox := root.read_flag("outbox", True)),
        opens_offline=root.read_flag("opens_offline", outbox),
        shows_answers=root.read_flag("shows_answers", False),
        reads_aloud=root.read_flag("reads_aloud", False),
        appearance=Appearance(root.read_choice("appearance", tuple(Appearance), Appearance.light)),
        missed_reasons=tuple(map(MissedReason, root.read_choices("missed_reasons", tuple(MissedReason)))),
        exemptions=exemptions,
        exemption_labels=_exemption_labels(root, exemptions, languages),
        sha256=sha256(toml.encode()).hexdigest(),
        draft=root.read_flag("draft", False),
        **parse_monitoring(root.read_section("monitoring"), languages),
        **_limits(root),
    )
    root.refuse_unknown()
    check_plan(plan, file)
    return plan


class _Limits(TypedDict):
    """What the plan says of true dates, of when staff are called for, of corrections, paper and views."""

    first_date: date
    last_date: date | None
    confirms_contradictions: bool
    worklist: WorklistRule
    correction_days: int
    emergency_phone: str
    double_paper_entry: bool
    role_views: tuple[RoleView, ...]


def _limits(root: TomlSection) -> _Limits:
    return {
        "first_date": root.read_day("first_date", EARLIEST_DAY, LATEST_DAY)
        if root.has("first_date")
        else FIRST_DATE,
        "last_date": root.read_day("last_date", EARLIEST_DAY, LATEST_DAY) if root.has("last_date") else None,
        "confirms_contradictions": root.read_choice("contradictions", _CONTRADICTIONS, "refuse") == "confirm",
        "worklist": _worklist(root.read_section("worklist")) if root.has("worklist") else WorklistRule(),
        "correction_days": root.read_integer("correction_days", 0, 3650, 30),
        "emergency_phone": _phone(root, "emergency_phone") if root.has("emergency_phone") else "",
        "double_paper_entry": root.read_flag("double_paper_entry", False),
        "role_views": read_role_views(root.read_section("sees")) if root.has("sees") else (),
    }


def _phone(at: TomlSection, key: str) -> str:
    try:
        return parse_phone(at.read_line(key), key)
    except Refused:
        at.refuse(key, at.read_line(key), "a telephone number that can be dialled, such as 120")


def _labels(at: TomlSection, key: str, languages: tuple[str, ...]) -> Mapping[str, str]:
    """Names in every language of the plan, or in none."""
    return at.read_lines_by_language(key, languages) if at.has(key) else MappingProxyType({})


def _exemption_labels(
    root: TomlSection, exemptions: tuple[str, ...], languages: tuple[str, ...]
) -> Mapping[str, Mapping[str, str]]:
    if not root.has("exemption_labels"):
        return MappingProxyType({})
    below = root.read_section("exemption_labels")
    return MappingProxyType({code: _labels(below, code, languages) for code in exemptions})


def _zone(at: TomlSection) -> str:
    name = at.read_text("zone")
    try:
        load_zone(name)
    except Refused as unknown:
        at.refuse("zone", name, str(unknown.details["allowed"]))
    return name


def _pattern(at: TomlSection) -> str:
    pattern = at.read_line("subject_pattern")
    try:
        with catch_warnings(action="error"):
            empty = re.fullmatch(pattern, "")
    except (re.error, RecursionError, OverflowError, FutureWarning) as broken:
        at.refuse("subject_pattern", pattern, f"a regular expression ({broken})")
    if empty:
        at.refuse("subject_pattern", pattern, "a regular expression that no empty text matches")
    return pattern


def _arm(at: TomlSection) -> Arm:
    return Arm(at.read_word("code", CODE), at.read_line("name"))


def _anchor(at: TomlSection, languages: tuple[str, ...]) -> AnchorKind:
    return AnchorKind(
        kind=at.read_word("kind", "[a-z][a-z_]*"),
        owner=Owner(at.read_choice("owner", tuple(Owner))),
        arm_revealing=at.read_flag("arm_revealing", False),
        labels=_labels(at, "label", languages),
        after=at.read_texts("after", ()),
        planned=at.read_flag("planned", False),
    )


def _instrument(at: TomlSection, languages: tuple[str, ...]) -> PlannedInstrument:
    leave_out, ask = at.read_texts("leave_out", ()), at.read_texts("ask", ())
    if leave_out and at.has("ask"):
        at.refuse("ask", list(ask), "ask or leave_out, not both")
    if at.has("ask") and not ask:
        at.refuse("ask", [], "at least one item")
    return PlannedInstrument(
        id=at.read_word("id", r"[a-z][a-z0-9-]*"),
        version=at.read_word("version", r"[0-9]+\.[0-9]+"),
        leave_out=frozenset(leave_out),
        urgent=tuple(_mark(section) for section in at.read_sections("urgent", ())),
        ask=frozenset(ask),
        form_names=_labels(at, "form_name", languages),
        thresholds=_thresholds(at),
    )


def _thresholds(at: TomlSection) -> str:
    """The name of a set of the instrument's, which the library checks; "" where the plan names none."""
    return at.read_word("thresholds", r"[a-z][a-z0-9-]*") if at.has("thresholds") else ""


def _mark(at: TomlSection) -> Condition:
    """An answer that the plan calls urgent; that the item can have it is checked with the instrument."""
    op = Comparison(at.read_choice("op", tuple(Comparison)))
    return Condition(at.read_text("item"), op, at.read_integer("value", 0, 100_000))


def _visit(at: TomlSection, languages: tuple[str, ...]) -> VisitRule:
    on_request = at.read_flag("on_request", False)
    unit, offsets = (Unit.days, ()) if on_request else _offsets(at)
    return VisitRule(
        code=_code(at, len(offsets) > 1),
        series=at.read_word("series", "[a-z][a-z_]*"),
        anchor=None if on_request else at.read_text("anchor"),
        anchoring=Anchoring(at.read_choice("anchoring", tuple(Anchoring), Anchoring.fixed)),
        unit=unit,
        offsets=offsets,
        before=0 if on_request else at.read_integer("before", 0, FURTHEST),
        after=at.read_integer("after", 0, FURTHEST),
        overdue_after=at.read_integer("overdue_after", 0, FURTHEST, 1),
        closes_with=at.read_text("closes_with") if at.has("closes_with") else None,
        arms=at.read_texts("arms", ()),
        instruments=at.read_texts("instruments"),
        waits=at.read_flag("waits", True),
        on_request=on_request,
        repeatable=at.read_flag("repeatable", False),
        occasion=_labels(at, "occasion", languages),
    )


def _code(at: TomlSection, several: bool) -> str:
    """A visit code. No hyphen: those number the visits that staff request."""
    return at.read_word("code", CODE + r"\{n\}" if several else CODE)


def _offsets(at: TomlSection) -> tuple[Unit, tuple[int, ...]]:
    """One `offset` with its unit, or a `repeat` from, to and step in one unit."""
    if not at.has("repeat"):
        return Unit(at.read_choice("unit", tuple(Unit))), (at.read_integer("offset", 0, FURTHEST * 7),)
    repeat = at.read_section("repeat")
    first = repeat.read_integer("from", 0, FURTHEST * 7)
    last = repeat.read_integer("to", first + 1, FURTHEST * 7)
    step = repeat.read_integer("step", 1, last - first)
    if (last - first) % step:
        repeat.refuse("to", last, f"{first} plus a multiple of {step}")
    return Unit(repeat.read_choice("unit", tuple(Unit))), tuple(range(first, last + 1, step))


def _diary(at: TomlSection, root: TomlSection) -> DiaryRule:
    entry_days = at.read_integer("entry_days", 0, 30)
    return DiaryRule(
        instrument=at.read_text("instrument"),
        series=at.read_word("series", "[a-z][a-z_]*"),
        anchor=at.read_text("anchor"),
        phases=tuple(_phase(section) for section in at.read_sections("phases")),
        entry_days=entry_days,
        reason_after=at.read_integer("reason_after", 0, 30, entry_days),
        overdue_after=at.read_integer("overdue_after", 0, 30, 1),
        opens_at=_clock(root, "diary_opens_at", "18:00", time()) if root.has("diary_opens_at") else None,
    )


def _phase(at: TomlSection) -> DiaryPhase:
    unit, offsets = _offsets(at)
    return DiaryPhase(_code(at, len(offsets) > 1), unit, offsets)


def _reminders(at: TomlSection) -> ReminderRule:
    return ReminderRule(
        moments=tuple(map(ReminderKind, at.read_choices("moments", WINDOW_MOMENTS))),
        at=_clock(at, "at", "09:00"),
        diary_at=_clock(at, "diary_at", "19:00"),
    )


def _worklist(at: TomlSection) -> WorklistRule:
    usual = WorklistRule()
    return WorklistRule(
        **{
            name: at.read_integer(name, low, high, getattr(usual, name))
            for name, (low, high) in _WORKLIST_LIMITS.items()
        }
    )


def _clock(at: TomlSection, key: str, default: str, earliest: time = EARLIEST) -> time:
    allowed = f"a local time from {earliest:%H:%M} to {LATEST:%H:%M}, such as {default}"
    written = at.read_text(key, default)
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", written):
        at.refuse(key, written, allowed)
    clock = time.fromisoformat(written)
    if not earliest <= clock <= LATEST:
        at.refuse(key, written, allowed)
    return clock
