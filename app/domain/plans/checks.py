"""What a plan must not contradict: names that exist, codes in the order of dates, disjoint windows."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import combinations, pairwise
from string import digits

from app.domain.plans.occasions import NUMBER, share_arm, word_occasion
from app.domain.plans.plan import ENROLMENT, Anchoring, DiaryPhase, DiaryRule, Plan, SecondCheck, VisitRule
from app.domain.plans.windows import ONE_DAY, Unit, add_units
from app.domain.refusal import BadDefinition

FIRST_SAMPLE = date(2024, 1, 1)
LEAP_CYCLE = 1461
"""Days in four years: from each of these anchor days months have their own lengths."""
LAST_OF_MONTH = 28
"""Up to this day every month has the day, so that within a month all gaps are the same."""
MOST_ARMS, MOST_RULES, MOST_VISITS, MOST_MARKS = 12, 200, 1000, 100
"""Of a plan; ten years of weekly visits are 520. Pairs of visits are compared within a second."""
MOST_DIARY_DAYS = 4000
"""Ten years of daily entries are 3,653."""
MOST_CHOICES = 4
"""Groups and open repeats in the pattern of codes: with more, to compare one code may take for ever."""
_CYCLE = [FIRST_SAMPLE + ONE_DAY * day for day in range(LEAP_CYCLE)]
_ENDS_OF_MONTHS = tuple(day for day in _CYCLE if day.day >= LAST_OF_MONTH)
_LITERALS = re.compile(r"\\.|\[\^?\]?[^\]]*\]")
_CHOICES = re.compile(r"[(*+?]|\{(?![0-9]+\})")
_REPEATED_GROUP = re.compile(r"\)[*+{]|\(\?(?!:)")
PlanContradiction = tuple[str, object, str]
"""Key, what stands there, and what may stand there."""


@dataclass(frozen=True, slots=True)
class Point:
    """One dated visit of a plan, with the key under which its rule stands in the file."""

    key: str
    code: str
    rule: VisitRule
    offset: int


def check_plan(plan: Plan, file: str) -> None:
    """Raise BadDefinition for the first contradiction in a plan whose parts are well formed."""
    for key, value, allowed in _contradictions(plan):
        raise BadDefinition(file, key, value, allowed)


def check_amendment(before: Plan, after: Plan, file: str) -> None:
    """Raise BadDefinition for the first thing in a plan that cannot follow another one in a running study.

    Forms of the earlier version stay as they are, so what they are told by must not come to mean something
    else: instruments, arms, the series of visits, and the codes of diary days.
    """
    for key, value, allowed in _amendment_faults(before, after):
        raise BadDefinition(file, key, value, allowed)


def _amendment_faults(before: Plan, after: Plan) -> Iterator[PlanContradiction]:
    earlier = f"as in {before.version}"
    if after.blinded is not before.blinded:
        yield "blinded", after.blinded, f"{before.blinded}, {earlier}"
    if after.second_check not in (before.second_check, SecondCheck.none):
        yield "second_check", after.second_check.value, f"{before.second_check.value}, {earlier}, or none"
    used, using = ([instrument.id for instrument in plan.instruments] for plan in (before, after))
    yield from _gone("instruments", used, using)
    yield from _gone("arms", [arm.code for arm in before.arms], [arm.code for arm in after.arms])
    diaries = [(plan.diary.instrument, plan.diary.series) for plan in (before, after) if plan.diary]
    if before.diary is not None and after.diary is None:
        yield "diary", None, f"the diary of {before.version}: end it by its phases"
    elif len(set(diaries)) > 1:
        yield "diary", diaries[1], f"instrument and series {earlier}: {diaries[0]}"
    first, still = before.baseline_rule, after.baseline_rule
    if first and (still is None or (still.code, still.closes_with) != (first.code, first.closes_with)):
        yield "visits", still and still.code, f"{first.code}, the baseline, closing {earlier}"
    was, now = dict(_meanings(before)), dict(_meanings(after))
    for code, meaning in now.items():
        if was.get(code, meaning) != meaning:
            yield "code", code, f"another code: in {before.version} it means {' '.join(map(str, was[code]))}"


def _gone(key: str, before: Collection[str], after: Collection[str]) -> Iterator[PlanContradiction]:
    if missing := [name for name in before if name not in after]:
        yield key, list(after), f"also {', '.join(missing)}, of which forms exist"


def _meanings(plan: Plan) -> Iterator[tuple[str, tuple[object, ...]]]:
    """What a form of each code is: of a series of visits, or of one day of the diary."""
    for rule in plan.visits:
        for offset in rule.offsets or (0,):
            yield rule.code_of(offset), ("a visit of", rule.series)
    for _, phase in _phases(plan.diary):
        yield phase.code, ("days counted in", phase.unit.value)
        for offset in phase.offsets:
            anchor = plan.diary.anchor if plan.diary else ""
            yield phase.code_of(offset), ("the day", offset, phase.unit.value, "after", anchor)


def _contradictions(plan: Plan) -> Iterator[PlanContradiction]:
    yield from _too_many("arms", len(plan.arms), MOST_ARMS)
    yield from _too_many("visits", len(plan.visits), MOST_RULES)
    yield from _too_many("visits", sum(len(rule.offsets) for rule in plan.visits), MOST_VISITS)
    if plan.diary:
        days = sum(len(phase.offsets) for phase in plan.diary.phases)
        yield from _too_many("diary.phases", days, MOST_DIARY_DAYS)
    points = tuple(_points(plan))
    yield from _costly_pattern(plan.subject_pattern)
    yield from _twice("arms", [arm.code for arm in plan.arms])
    yield from _twice("anchors", plan.anchor_kinds)
    yield from _bad_anchors(plan)
    yield from _twice("instruments", [used.id for used in plan.instruments])
    for index, used in enumerate(plan.instruments):
        yield from _too_many(f"instruments[{index}].urgent", len(used.urgent), MOST_MARKS)
    yield from _twice("visits", [*(point.code for point in points), *_undated(plan), *_diary_codes(plan)])
    for index, rule in enumerate(plan.visits):
        yield from _unknown_names(plan, f"visits[{index}]", rule)
        yield from _bad_anchoring(plan, f"visits[{index}]", rule)
    yield from _bad_occasions(plan, points)
    yield from _unknown_in_diary(plan)
    yield from _bad_alert_rules(plan)
    yield from _beyond(plan, points)
    for series in dict.fromkeys(rule.series for rule in plan.visits):
        yield from _series(plan, [point for point in points if point.rule.series == series])
    yield from _diary_order(plan.diary)


def _points(plan: Plan) -> Iterator[Point]:
    for index, rule in enumerate(plan.visits):
        for offset in rule.offsets:
            yield Point(f"visits[{index}]", rule.code_of(offset), rule, offset)


def _undated(plan: Plan) -> list[str]:
    return [rule.code for rule in plan.visits if rule.on_request]


def _diary_codes(plan: Plan) -> list[str]:
    return [phase.code_of(offset) for _, phase in _phases(plan.diary) for offset in phase.offsets]


def _too_many(key: str, number: int, most: int) -> Iterator[PlanContradiction]:
    if number > most:
        yield key, number, f"at most {most}"


def _twice(key: str, names: Collection[str]) -> Iterator[PlanContradiction]:
    if not names:
        yield key, [], "at least one"
    for name, times in Counter(names).items():
        if times > 1:
            yield key, name, "each only once"


def _one_of(key: str, name: str, allowed: Collection[str]) -> Iterator[PlanContradiction]:
    if name not in allowed:
        yield key, name, "one of: " + ", ".join(allowed)


def _costly_pattern(pattern: str) -> Iterator[PlanContradiction]:
    """A pattern whose comparison could go back and forth without end."""
    shape = _LITERALS.sub("", pattern)
    if _REPEATED_GROUP.search(shape) or len(_CHOICES.findall(shape)) > MOST_CHOICES:
        yield "subject_pattern", pattern, f"at most {MOST_CHOICES} groups and open repeats, no group repeated"


def _unknown_names(plan: Plan, key: str, rule: VisitRule) -> Iterator[PlanContradiction]:
    for name, anchor in (("anchor", rule.anchor), ("closes_with", rule.closes_with)):
        if anchor is not None:
            yield from _one_of(f"{key}.{name}", anchor, plan.anchor_kinds)
    yield from _twice(f"{key}.instruments", rule.instruments)
    for instrument in rule.instruments:
        yield from _one_of(f"{key}.instruments", instrument, [used.id for used in plan.instruments])
    if rule.arms:
        yield from _twice(f"{key}.arms", rule.arms)
    for arm in rule.arms:
        yield from _one_of(f"{key}.arms", arm, [arm.code for arm in plan.arms])


def _bad_occasions(plan: Plan, points: Collection[Point]) -> Iterator[PlanContradiction]:
    """What participants are told tells two visits of one instrument apart."""
    for index, rule in enumerate(plan.visits):
        for words in rule.occasion.values():
            if (NUMBER in words) is not (len(rule.offsets) > 1):
                yield f"visits[{index}].occasion", words, f"{NUMBER} in a repeated visit, and only there"
    for one, other in combinations([point for point in points if point.rule.occasion], 2):
        if share_arm(one.rule, other.rule) and set(one.rule.instruments) & set(other.rule.instruments):
            for language in plan.languages:
                words = word_occasion(one.rule.occasion, language, one.offset)
                if words == word_occasion(other.rule.occasion, language, other.offset):
                    yield f"{other.key}.occasion", words, "words of its own for each visit"


def _bad_alert_rules(plan: Plan) -> Iterator[PlanContradiction]:
    """Codes of rules name alerts for ever, so each stands once; the instrument is one of the plan."""
    yield from _too_many("monitoring.rules", len(plan.alert_rules), MOST_RULES)
    if plan.alert_rules:
        yield from _twice("monitoring.rules", [rule.code for rule in plan.alert_rules])
    for index, rule in enumerate(plan.alert_rules):
        known = [used.id for used in plan.instruments]
        yield from _one_of(f"monitoring.rules[{index}].instrument", rule.instrument, known)


def _bad_anchoring(plan: Plan, key: str, rule: VisitRule) -> Iterator[PlanContradiction]:
    revealing = [anchor.kind for anchor in plan.anchors if anchor.arm_revealing]
    if rule.anchoring is Anchoring.fixed and rule.anchor in revealing:
        yield f"{key}.anchor", rule.anchor, "an anchor that both arms share, or anchoring = event"
    if rule.repeatable and len(rule.offsets) != 1:
        yield f"{key}.repeatable", True, "only on a visit with one offset"


def _bad_anchors(plan: Plan) -> Iterator[PlanContradiction]:
    """Every plan has an enrolment, at which all else begins; the order of dates has no circle."""
    if ENROLMENT not in plan.anchor_kinds:
        yield "anchors", list(plan.anchor_kinds), f"one of the kind {ENROLMENT}, or nobody can be enrolled"
    if plan.last_date is not None and plan.last_date < plan.first_date:
        yield "last_date", plan.last_date, f"a day after first_date = {plan.first_date}"
    before: dict[str, tuple[str, ...]] = {}
    for index, anchor in enumerate(plan.anchors):
        for name in anchor.after:
            yield from _one_of(f"anchors[{index}].after", name, plan.anchor_kinds)
        before[anchor.kind] = anchor.after
    for index, anchor in enumerate(plan.anchors):
        if anchor.kind in _reachable(anchor.kind, before) or (anchor.kind == ENROLMENT and anchor.after):
            yield f"anchors[{index}].after", list(anchor.after), "dates before it, in no circle"


def _reachable(kind: str, before: Mapping[str, tuple[str, ...]]) -> set[str]:
    """The kinds that stand before this one, directly or through others."""
    reachable: set[str] = set()
    waiting = [*before[kind]]
    while waiting:
        name = waiting.pop()
        if name not in reachable:
            reachable.add(name)
            waiting.extend(before.get(name, ()))
    return reachable


def _unknown_in_diary(plan: Plan) -> Iterator[PlanContradiction]:
    if plan.diary is None:
        return
    yield from _one_of("diary.anchor", plan.diary.anchor, plan.anchor_kinds)
    yield from _one_of("diary.instrument", plan.diary.instrument, [used.id for used in plan.instruments])
    if plan.diary.series in {rule.series for rule in plan.visits}:
        yield "diary.series", plan.diary.series, "a series that no visit has"


def _beyond(plan: Plan, points: Collection[Point]) -> Iterator[PlanContradiction]:
    last = add_units(FIRST_SAMPLE, plan.follow_up_weeks, Unit.weeks)
    dated = [(point.key, point.code, point.offset, point.rule.unit) for point in points]
    for key, phase in _phases(plan.diary):
        dated.append((key, phase.code, phase.offsets[-1], phase.unit))
    for key, code, offset, unit in dated:
        if add_units(FIRST_SAMPLE, offset, unit) > last:
            yield key, code, f"no visit later than follow_up_weeks = {plan.follow_up_weeks}"


def _phases(diary: DiaryRule | None) -> list[tuple[str, DiaryPhase]]:
    phases = () if diary is None else diary.phases
    return [(f"diary.phases[{index}]", phase) for index, phase in enumerate(phases)]


def _series(plan: Plan, points: list[Point]) -> Iterator[PlanContradiction]:
    """The visits of one series, compared in the file's order as each arm meets them."""
    for point in points:
        if point.rule.anchor != points[0].rule.anchor:
            yield (
                f"{point.key}.anchor",
                point.rule.anchor,
                f"{points[0].rule.anchor}: a series has one anchor",
            )
        if point.rule.anchoring is Anchoring.previous and point.key != points[0].key:
            yield f"{point.key}.anchoring", "previous", "fixed or event, or a series of its own"
    for arm in plan.arms:
        visits = [point for point in points if not point.rule.arms or arm.code in point.rule.arms]
        for one, following in pairwise(visits):
            yield from _order(one, following)


def _order(one: Point, following: Point) -> Iterator[PlanContradiction]:
    gap = _least_days((one.offset, one.rule.unit), (following.offset, following.rule.unit))
    if gap <= 0 or not _counts_up(one.code, following.code):
        yield f"{following.key}.code", following.code, f"codes in the order of dates, after {one.code}"
    early = one.rule.before if following.rule.anchoring is Anchoring.previous else 0
    if gap <= one.rule.after + following.rule.before + early:
        yield f"{following.key}.before", following.rule.before, f"windows of one series apart from {one.code}"


def _counts_up(code: str, following: str) -> bool:
    """Whether numbered codes of one prefix, such as W6 and W12, stand in the order of their numbers."""
    prefix, number = _split(code)
    next_prefix, next_number = _split(following)
    return prefix != next_prefix or number < next_number


def _split(code: str) -> tuple[str, int]:
    prefix = code.rstrip(digits)
    return prefix, int(code[len(prefix) :] or 0)


@lru_cache(maxsize=4096)
def _least_days(one: tuple[int, Unit], following: tuple[int, Unit]) -> int:
    """The fewest days between two offsets, over every anchor day of a leap cycle when months count."""
    samples = _ENDS_OF_MONTHS if Unit.months in (one[1], following[1]) else (FIRST_SAMPLE,)
    return min((add_units(day, *following) - add_units(day, *one)).days for day in samples)


def _diary_order(diary: DiaryRule | None) -> Iterator[PlanContradiction]:
    """Diary days are disjoint; a diary without phases is none."""
    if diary is not None and not diary.phases:
        yield "diary.phases", [], "at least one"
    for (_, one), (key, following) in pairwise(_phases(diary)):
        if _least_days((one.offsets[-1], one.unit), (following.offsets[0], following.unit)) <= 0:
            yield key, following.code, f"days after those of {one.code}"
