"""A plan's alert rules against the instruments that they name."""

from collections.abc import Mapping

from app.domain.alerts.rules import AlertRule
from app.domain.instruments.definition import Instrument
from app.domain.instruments.scoring.registry import find_algorithm
from app.domain.plans.plan import Plan
from app.domain.refusal import BadDefinition


def check_alert_rules(plan: Plan, file: str, instruments: Mapping[tuple[str, str], Instrument]) -> None:
    """Refuse a rule of which no answer or score could be judged. Raises BadDefinition."""
    used = {instrument.id: instrument for instrument in plan.instruments}
    for index, rule in enumerate(plan.alert_rules):
        planned, key = used[rule.instrument], f"monitoring.rules[{index}]"
        instrument = instruments[planned.id, planned.version]
        low, high = _range(rule, instrument, planned.leave_out, file, key)
        if not low <= rule.value <= high:
            raise BadDefinition(file, f"{key}.value", rule.value, f"a value from {low} to {high}")


def _range(
    rule: AlertRule, instrument: Instrument, leave_out: frozenset[str], file: str, key: str
) -> tuple[int, int]:
    """The least and the greatest that the rule's item or scale can be."""
    if rule.scale:
        scale = next((scale for scale in instrument.scales if scale.code == rule.scale), None)
        if scale is None:
            raise BadDefinition(file, f"{key}.scale", rule.scale, f"a scale of {instrument.id}")
        return find_algorithm(instrument.algorithm).score_range(scale)
    item = instrument.by_code.get(rule.item)
    if item is None or item.free_text or item.code in leave_out:
        allowed = f"an item of {instrument.id} that is asked and answered by a number"
        raise BadDefinition(file, f"{key}.item", rule.item, allowed)
    return item.low, item.high
