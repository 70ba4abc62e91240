"""What a plan says of answers that call for somebody, read from its TOML file."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypedDict

from app.domain.alerts.rules import AlertRule
from app.domain.instruments.definition import Comparison
from app.domain.records.access import ROLE_PERMISSIONS, Permission, Role
from app.domain.toml_section import TomlSection

MONITORING = ("none", "alerts")
LONGEST_WAIT_HOURS = 336
"""No rule lets an alert wait longer: two weeks."""


class Monitoring(TypedDict):
    """What the plan says of answers that call for somebody."""

    monitoring: str
    monitoring_reason: Mapping[str, str]
    alert_rules: tuple[AlertRule, ...]
    out_of_hours: Mapping[str, str]


def parse_monitoring(at: TomlSection, languages: tuple[str, ...]) -> Monitoring:
    """Nobody watches, for a reason; or rules, and what happens outside of hours (ALR-01)."""
    kind = at.read_choice("kind", MONITORING)
    alerts = kind == "alerts"
    rules = tuple(_alert_rule(section, languages) for section in at.read_sections("rules")) if alerts else ()
    if alerts and not rules:
        at.refuse("rules", [], "at least one")
    nothing: Mapping[str, str] = MappingProxyType({})
    return {
        "monitoring": kind,
        "monitoring_reason": nothing if alerts else at.read_texts_by_language("reason", languages),
        "alert_rules": rules,
        "out_of_hours": at.read_texts_by_language("out_of_hours", languages) if alerts else nothing,
    }


def _alert_rule(at: TomlSection, languages: tuple[str, ...]) -> AlertRule:
    if at.has("item") is at.has("scale"):
        at.refuse("item", at.read_text("item", ""), "either item or scale")
    within = at.read_integer("within_hours", 1, LONGEST_WAIT_HOURS)
    return AlertRule(
        code=at.read_word("code", "[a-z][a-z0-9_]*"),
        instrument=at.read_text("instrument"),
        item=at.read_text("item", ""),
        scale=at.read_text("scale", ""),
        op=Comparison(at.read_choice("op", tuple(Comparison))),
        value=at.read_integer("value", 0, 100_000),
        tell=_alert_roles(at, "tell"),
        within_hours=within,
        escalate_to=_alert_roles(at, "escalate_to"),
        escalate_after_hours=at.read_integer("escalate_after_hours", 1, LONGEST_WAIT_HOURS, within),
        labels=at.read_lines_by_language("label", languages),
    )


def _alert_roles(at: TomlSection, key: str) -> tuple[Role, ...]:
    """Roles that may deal with alerts, at least one."""
    able = tuple(role for role, may in ROLE_PERMISSIONS.items() if Permission.ALERT_HANDLE in may)
    roles = at.read_choices(key, able)
    if not roles:
        at.refuse(key, [], "at least one out of: " + ", ".join(able))
    return tuple(map(Role, roles))
