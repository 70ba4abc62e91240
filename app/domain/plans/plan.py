"""A study's plan: its visits, diary, reminders and rules, as frozen data."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from enum import StrEnum
from functools import lru_cache

from app.domain.alerts.rules import AlertRule
from app.domain.instruments.definition import Condition
from app.domain.people.role_views import RoleView
from app.domain.plans.windows import Unit

ENROLMENT, TREATMENT_WITHDRAWAL = "enrolment", "treatment_withdrawal"
"""The kinds of anchor that Daybook records itself: every plan has the first, and may have the second."""
RANDOMISATION = "randomisation"
"""The kind by which a plan says that its participants are randomised; datasets and reports ask for it."""
FIRST_DATE = date(2000, 1, 1)
"""Of a plan that names no first date; nothing in a study of today is older."""


class Anchoring(StrEnum):
    """From what a visit is counted."""

    fixed = "fixed"
    """From an anchor that both arms share, so that they keep one calendar."""
    event = "event"
    """From the day of an event such as the end of radiotherapy."""
    previous = "previous"
    """From the last actual visit of the series, or the anchor while there is none."""


class SecondCheck(StrEnum):
    """What a participant shows beside the link or the known browser: six digits, a date, or nothing."""

    pin = "pin"
    birth_date = "birth_date"
    none = "none"


class Appearance(StrEnum):
    """How an instrument's pages look: always light, so that all see the same, or as the phone is set."""

    light = "light"
    auto = "auto"


class Owner(StrEnum):
    """Who records an anchor; a differing value from the other is listed, never written over."""

    site = "site"
    edc = "edc"


class MissedReason(StrEnum):
    """Why a form was missed: a closed list, so that missing data can be counted by reason (REP-04)."""

    too_ill_patient = "too_ill_patient"
    too_ill_staff = "too_ill_staff"
    refused = "refused"
    language = "language"
    administrative = "administrative"
    technical = "technical"
    not_reachable = "not_reachable"
    other = "other"
    unknown = "unknown"


class ReminderKind(StrEnum):
    """The moments of a window at which a reminder is owed."""

    opening = "opening"
    middle = "middle"
    last_day = "last_day"
    """The day before the window closes, so that a day is left."""
    entry = "entry"
    """The evening of a diary day."""


def label_from_code(code: str) -> str:
    """A code as it reads, for a plan that gives it no label: `second_line_start` is "Second line start"."""
    return code.replace("_", " ").capitalize()


@dataclass(frozen=True, slots=True)
class Arm:
    """A randomised group."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class AnchorKind:
    """A kind of dated fact that the plan knows; `arm_revealing` ones are hidden from blinded roles.

    `after` names those that it cannot be earlier than, `planned` says that it may lie ahead. `labels` are
    its names by language; without them it is called as its code reads.
    """

    kind: str
    owner: Owner
    arm_revealing: bool
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    after: tuple[str, ...] = ()
    planned: bool = False

    def get_label(self, language: str) -> str:
        """What staff call it in this language."""
        return self.labels.get(language) or label_from_code(self.kind)


@dataclass(frozen=True, slots=True)
class PlannedInstrument:
    """An instrument version that the plan uses, and the items of it that the plan leaves out.

    A plan may name instead those it asks; `ask` becomes `leave_out` once the instrument is known. `urgent`
    adds to the instrument's own marks: such an answer means call now. `form_names`, by language, stand
    before the name that the instrument's words have. `thresholds` names a published set that plots of scores
    show; "" shows none.
    """

    id: str
    version: str
    leave_out: frozenset[str]
    urgent: tuple[Condition, ...] = ()
    ask: frozenset[str] = frozenset()
    form_names: Mapping[str, str] = field(default_factory=dict, hash=False)
    thresholds: str = ""


@dataclass(frozen=True, slots=True)
class _NumberedCode:
    """What has a code, in which `{n}` stands for the number of units from the anchor."""

    code: str

    def code_of(self, offset: int) -> str:
        """The code at this offset, such as `W12`, `D0` or `DW12`."""
        return self.code.replace("{n}", str(offset))


@dataclass(frozen=True, slots=True)
class VisitRule(_NumberedCode):
    """One visit, or a repeated one whose `code` holds `{n}`, the number of units.

    `before`, `after` and `overdue_after` are days around the target day. `closes_with` names an
    anchor that ends the window. Empty `arms` means every arm. A rule that does not wait yields
    slots only once its anchor is known. `on_request` visits are made by staff alone, `repeatable`
    ones also by the schedule. `occasion`, by language, is what participants are told it is.
    """

    series: str
    anchor: str | None
    anchoring: Anchoring
    unit: Unit
    offsets: tuple[int, ...]
    before: int
    after: int
    overdue_after: int
    closes_with: str | None
    arms: tuple[str, ...]
    instruments: tuple[str, ...]
    waits: bool
    on_request: bool
    repeatable: bool
    occasion: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class DiaryPhase(_NumberedCode):
    """A stretch of diary days: a code with `{n}` and the offsets from the anchor."""

    unit: Unit
    offsets: tuple[int, ...]


@lru_cache(maxsize=256)  # each page of a participant asks twice
def _codes_of(phase: DiaryPhase) -> frozenset[str]:
    return frozenset(map(phase.code_of, phase.offsets))


@dataclass(frozen=True, slots=True)
class DiaryRule:
    """The diary: each entry has its own day, and may be entered until `entry_days` after it.

    A reason is asked for an entry made more than `reason_after` days late. A day can be entered from the
    local time `opens_at` on, without one from its beginning.
    """

    instrument: str
    series: str
    anchor: str
    phases: tuple[DiaryPhase, ...]
    entry_days: int
    reason_after: int
    overdue_after: int
    opens_at: time | None = None

    @property
    def weekly_codes(self) -> frozenset[str]:
        """The codes of the entries that stand for a week; every other one stands for a day."""
        return frozenset().union(*(_codes_of(phase) for phase in self.phases if phase.unit is not Unit.days))


def weekly_codes(plans: Iterable["Plan"]) -> frozenset[str]:
    """The codes of weekly diary entries in any of these versions of a plan; a code means the same in all."""
    return frozenset().union(*(plan.diary.weekly_codes for plan in plans if plan.diary))


@dataclass(frozen=True, slots=True)
class ReminderRule:
    """At which moments of a window, and at what local time of day, a participant is reminded."""

    moments: tuple[ReminderKind, ...]
    at: time
    diary_at: time


@dataclass(frozen=True, slots=True)
class WorklistRule:
    """When a participant comes onto the staff's work list, in days unless it says otherwise.

    A visit's form: `closing_days` before it closes, `opens_days` before it opens, and once begun after
    `idle_days` without an answer. Nobody signed in `unused_days` after enrolment. The newest message of the
    last `undelivered_days` did not arrive. Of the diary entries of the last `diary_days` at least
    `diary_least` are closed and fewer than half of them were made; or `diary_weeks` weekly ones in a row
    were not.
    """

    closing_days: int = 2
    idle_days: int = 2
    unused_days: int = 3
    undelivered_days: int = 90
    diary_days: int = 7
    diary_least: int = 4
    diary_weeks: int = 2
    opens_days: int = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """One immutable version of a study's schedule. `sha256` is that of the file's bytes.

    `title` is for staff; `neutral_name` is what participants see and names no disease. With
    `blinded`, arm and arm-revealing anchors and slots are hidden from roles without the grant.

    `monitoring` is "none" with its reason where nobody reads answers at once, or "alerts": then `alert_rules`
    say which answers call for whom, and `out_of_hours` what happens at night and on holidays.

    The phone: `outbox` lets it keep answers that could not be sent (opaque codes only),
    `opens_offline` lets it open a form again without a connection, `shows_answers` lets people read
    what they sent, and `reads_aloud` lets the phone read a question out, where its words may be.

    No fact is earlier than `first_date` or later than `last_date`, where there is one. With
    `confirms_contradictions` staff may record dates against their order, with a reason; otherwise not.

    `emergency_phone`: whom a participant calls while nobody answers at their site, unless it names another.
    With `double_paper_entry` a paper form counts when two people have entered it alike.

    A correction that is approved more than `correction_days` after its form was sent takes a second reason.

    A `draft` is not published yet and may still change: it is for the demonstration alone.
    """

    id: str
    version: str
    title: Mapping[str, str] = field(hash=False)
    neutral_name: Mapping[str, str] = field(hash=False)
    zone: str
    languages: tuple[str, ...]
    blinded: bool
    participants: int
    subject_pattern: str
    arms: tuple[Arm, ...]
    anchors: tuple[AnchorKind, ...]
    instruments: tuple[PlannedInstrument, ...]
    visits: tuple[VisitRule, ...]
    diary: DiaryRule | None
    grace_hours: int
    follow_up_weeks: int
    reminders: ReminderRule
    idle_minutes: int
    second_check: SecondCheck
    outbox: bool
    opens_offline: bool
    shows_answers: bool
    appearance: Appearance
    missed_reasons: tuple[MissedReason, ...]
    exemptions: tuple[str, ...]
    exemption_labels: Mapping[str, Mapping[str, str]] = field(hash=False)
    monitoring: str
    monitoring_reason: Mapping[str, str] = field(hash=False)
    sha256: str
    draft: bool
    first_date: date = FIRST_DATE
    last_date: date | None = None
    confirms_contradictions: bool = False
    worklist: WorklistRule = WorklistRule()
    correction_days: int = 30
    double_paper_entry: bool = False
    alert_rules: tuple[AlertRule, ...] = ()
    out_of_hours: Mapping[str, str] = field(default_factory=dict, hash=False)
    emergency_phone: str = ""
    reads_aloud: bool = False
    role_views: tuple[RoleView, ...] = ()

    @property
    def alert_hours(self) -> int:
        """Within how many hours staff look at an answer that alerts; 0 where nobody watches."""
        return max((rule.within_hours for rule in self.alert_rules), default=0)

    def find_alert_rule(self, code: str) -> AlertRule | None:
        """The rule of this code; None where this version of the plan has none."""
        return next((rule for rule in self.alert_rules if rule.code == code), None)

    def alert_label(self, code: str, language: str) -> str:
        """What staff call an answer that raised an alert, in this language."""
        rule = self.find_alert_rule(code)
        return (rule.labels.get(language) if rule else None) or label_from_code(code)

    @property
    def longest_window_days(self) -> int:
        """The most calendar days that any window of this plan can span, both ends counted."""
        spans = [rule.before + rule.after + 1 for rule in self.visits]
        return max(spans if self.diary is None else [*spans, self.diary.entry_days + 1])

    @property
    def anchor_kinds(self) -> tuple[str, ...]:
        """The kinds of anchor that may be recorded in this study."""
        return tuple(anchor.kind for anchor in self.anchors)

    def is_owner(self, source: Owner, kind: str) -> bool:
        """Whether dates of this kind are this source's to state."""
        return any(anchor.kind == kind and anchor.owner is source for anchor in self.anchors)

    def reveals_arm(self, anchor: str) -> bool:
        """Whether the very date of this anchor tells a participant's arm."""
        return any(rule.kind == anchor and rule.arm_revealing for rule in self.anchors)

    def reveals_visit(self, visit: str) -> bool:
        """Whether a participant's arm is revealed by the mere fact that a form of this visit is expected."""
        return any(
            re.fullmatch("[0-9]+".join(map(re.escape, code.split("{n}"))) + "(-[0-9]+)?", visit)
            for code in self.arm_revealing_visits
        )

    @property
    def arm_revealing_rules(self) -> tuple[VisitRule, ...]:
        """The visits that one arm alone has."""
        return tuple(rule for rule in self.visits if rule.arms or self.reveals_arm(rule.anchor or ""))

    @property
    def arm_revealing_visits(self) -> tuple[str, ...]:
        """The codes of visits and diary entries, with `{n}` in those that repeat, that one arm alone has."""
        diary = self.diary
        phases = diary.phases if diary is not None and self.reveals_arm(diary.anchor) else ()
        return (*(rule.code for rule in self.arm_revealing_rules), *(phase.code for phase in phases))

    def names_subject(self, subject_key: str) -> bool:
        """Whether a text is of this study's pattern of codes; a new one is `is_plain_subject` too."""
        return re.fullmatch(self.subject_pattern, subject_key, re.ASCII) is not None

    def site_of_subject(self, subject_key: str, site: str) -> str | None:
        """The site that a participant's code begins with; None in a study whose codes name no site.

        The pattern ties codes to sites when this site's code, and behind it a sign that is neither letter nor
        digit, can stand at the beginning of one: `[0-9]{4}-[0-9]{3}` ties `0571-014` to the site 0571.
        """
        named = re.match("[A-Za-z0-9]+", subject_key)
        rest = subject_key[named.end() :] if named else ""
        return named[0] if named and rest and self.names_subject(site + rest) else None

    def version_of(self, instrument: str) -> str:
        """The version of an instrument that this plan uses; KeyError when it uses none."""
        return {used.id: used.version for used in self.instruments}[instrument]

    def anchor_label(self, kind: str, language: str) -> str:
        """What staff call a kind of anchor in this language."""
        labels = (anchor.get_label(language) for anchor in self.anchors if anchor.kind == kind)
        return next(labels, label_from_code(kind))

    def exemption_label(self, code: str, language: str) -> str:
        """What staff call an exemption in this language."""
        return self.exemption_labels.get(code, {}).get(language) or label_from_code(code)

    @property
    def baseline_rule(self) -> VisitRule | None:
        """The visit whose last form before an anchor is the baseline: it closes with that anchor."""
        return next((rule for rule in self.visits if rule.closes_with is not None), None)

    def form_name(self, instrument: str, language: str) -> str | None:
        """The plan's own name for an instrument's form; None where it leaves that to the instrument."""
        names = (used.form_names.get(language) for used in self.instruments if used.id == instrument)
        return next(names, None)
