"""A blinded plan as it is shown to those who may not know what each arm has."""

from dataclasses import replace

from app.domain.plans.plan import Plan, VisitRule


def hide_arms(plan: Plan) -> Plan:
    """A plan without its arms, and without visits, dates, diary and forms that only one arm has."""
    hidden = {anchor.kind for anchor in plan.anchors if anchor.arm_revealing}
    revealing = plan.arm_revealing_rules
    diary = None if plan.diary is None or plan.diary.anchor in hidden else plan.diary
    shown = replace(plan, visits=tuple(rule for rule in plan.visits if rule not in revealing), diary=diary)
    alone = _used_forms(plan) - _used_forms(shown)
    return replace(
        plan,
        arms=(),
        anchors=tuple(
            replace(anchor, after=tuple(kind for kind in anchor.after if kind not in hidden))
            for anchor in plan.anchors
            if anchor.kind not in hidden
        ),
        instruments=tuple(used for used in plan.instruments if used.id not in alone),
        visits=tuple(
            replace(rule, closes_with=None if rule.closes_with in hidden else rule.closes_with)
            for rule in shown.visits
        ),
        diary=diary,
        alert_rules=tuple(rule for rule in plan.alert_rules if rule.instrument not in alone),
    )


def _used_forms(plan: Plan) -> set[str]:
    used = {instrument for rule in plan.visits for instrument in rule.instruments}
    return used if plan.diary is None else used | {plan.diary.instrument}


def shown_arms(rule: VisitRule, plan: Plan) -> tuple[str, ...]:
    """The names of the arms that alone have this visit, in the plan's order; none where every arm has it."""
    return tuple(arm.name for arm in plan.arms if arm.code in rule.arms)
