"""Versions that the shipped plan never had, for studies that are moved to another one."""

from collections.abc import Callable
from dataclasses import replace
from datetime import time

from app.definitions.library import Library
from app.domain.plans.checks import check_amendment, check_plan
from app.domain.plans.plan import DiaryPhase, Plan, VisitRule
from app.domain.plans.windows import Unit
from app.services.core.installation import Installation

STUDY = "sbrt-nsclc"


def longer_diary(plan: Plan) -> Plan:
    """Diary 1.1, daily for two weeks more and from six in the evening; W3 is new, W6 wider, ET gone."""
    diary = plan.diary
    assert diary is not None
    daily, weekly = diary.phases
    phases = (
        DiaryPhase(daily.code, Unit.days, tuple(range(98))),
        replace(weekly, offsets=tuple(offset for offset in weekly.offsets if offset >= 14)),
    )
    visits: list[VisitRule] = []
    for rule in plan.visits:
        if rule.code == "W6":
            visits += [replace(rule, code="W3", offsets=(3,), before=3, after=3), replace(rule, after=10)]
        elif rule.code != "ET":
            visits.append(rule)
    return _version(
        plan, "2.0", visits=tuple(visits), diary=replace(diary, phases=phases, opens_at=time(18)), used="1.1"
    )


def weekly_diary(plan: Plan) -> Plan:
    """A diary that is weekly after four weeks, by codes of its own; W3 and W6 gone, ET there again."""
    diary, early = plan.diary, next(rule for rule in plan.visits if rule.code == "ET")
    assert diary is not None
    phases = (
        replace(diary.phases[0], offsets=tuple(range(28))),
        DiaryPhase("DV{n}", Unit.weeks, tuple(range(4, 40))),
    )
    rules = tuple(rule for rule in longer_diary(plan).visits if rule.code not in ("W3", "W6"))
    later = replace(diary, phases=phases, entry_days=6, reason_after=6)
    return _version(plan, "3.0", visits=(*rules, early), diary=later, used="1.1")


def _version(plan: Plan, version: str, *, used: str, **changed: object) -> Plan:
    instruments = tuple(
        replace(each, version=used) if each.id == "symptom-diary" else each for each in plan.instruments
    )
    plan_version: Plan = replace(
        plan,
        version=version,
        sha256=version[0] * 64,
        instruments=instruments,
        **changed,  # type: ignore[arg-type]  # fields of a plan
    )
    check_plan(plan_version, version)
    check_amendment(plan, plan_version, version)
    return plan_version


def with_versions(
    installation: Installation, *makers: Callable[[Plan], Plan], draft: bool = True
) -> Installation:
    """The installation with these versions of the study's plan beside the shipped ones."""
    library: Library = installation.library
    first = library.get_plan(STUDY, "1.0")
    versions = [replace(maker(first), draft=draft) for maker in makers]
    plans = {**library.plans, **{(plan.id, plan.version): plan for plan in versions}}
    return replace(installation, library=replace(library, plans=plans))
