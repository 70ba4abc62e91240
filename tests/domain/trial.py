"""The shipped plan, and small plans made from a few lines, for the tests of plan, schedule and status."""

from datetime import date
from pathlib import Path

import pytest

from app.domain.plans.parsing import parse_plan
from app.domain.plans.plan import Plan
from app.domain.plans.schedule import AnchorDate, PlannedSlot
from app.domain.plans.windows import Window
from app.domain.refusal import BadDefinition

SHIPPED_FILE = "questionnaires/plans/sbrt-nsclc/1.0.toml"
SHIPPED_TEXT = (Path(__file__).parents[2] / SHIPPED_FILE).read_text(encoding="utf-8")
SHIPPED = parse_plan(SHIPPED_TEXT, SHIPPED_FILE)
SHANGHAI, BERLIN, SAO_PAULO, APIA = "Asia/Shanghai", "Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia"
ZONES = (
    *(SHANGHAI, BERLIN, SAO_PAULO, APIA, "America/Havana", "America/St_Johns", "America/Toronto"),
    *("Australia/Lord_Howe", "Africa/Cairo", "Asia/Kathmandu", "Pacific/Kwajalein", "UTC"),
)

HEAD = """
id = "small"
version = "1.0"
zone = "Europe/Berlin"
languages = ["en"]
blinded = true
participants = 10
subject_pattern = "[0-9]{3}"
follow_up_weeks = 200
missed_reasons = ["unknown"]
arms = [{ code = "A", name = "First" }, { code = "B", name = "Second" }]
anchors = [
  { kind = "enrolment", owner = "site" },
  { kind = "randomisation", owner = "edc" },
  { kind = "surgery", owner = "site", arm_revealing = true },
]
instruments = [{ id = "short", version = "1.0" }, { id = "long", version = "2.1" }]
title = { en = "A small study" }
neutral_name = { en = "Study" }
monitoring = { kind = "none", reason = { en = "Nobody watches." } }
reminders = { moments = ["opening", "middle", "last_day"] }
"""
DIARY = """
[diary]
instrument = "short"
series = "diary"
anchor = "randomisation"
entry_days = 2
phases = [
  { code = "D{n}", repeat = { from = 0, to = 6, step = 1, unit = "days" } },
  { code = "DW{n}", repeat = { from = 1, to = 4, step = 1, unit = "weeks" } },
]
"""


def visit(code: str = "V1", **changed: str) -> str:
    """One `[[visits]]` table in TOML; every value is written as TOML, an empty one leaves the key out."""
    keys = {
        "series": '"main"',
        "anchor": '"randomisation"',
        "offset": "1",
        "unit": '"weeks"',
        "before": "0",
        "after": "3",
        "instruments": '["short"]',
        **changed,
    }
    lines = [f"{key} = {value}" for key, value in keys.items() if value]
    return "\n".join(["[[visits]]", f'code = "{code}"', *lines, ""])


def repeated_visit(code: str, first: int, last: int, step: int, unit: str, **changed: str) -> str:
    """A repeated visit in TOML."""
    repeat = f'{{ from = {first}, to = {last}, step = {step}, unit = "{unit}" }}'
    return visit(code, offset="", unit="", repeat=repeat, **changed)


def small_plan(*parts: str, head: str = HEAD) -> Plan:
    """A plan of these visits (one, when none is given)."""
    return parse_plan("\n".join([head, *(parts or (visit(),))]), "small.toml")


def anchor_dates(**dates: date) -> dict[str, AnchorDate]:
    """Anchors that have a date alone."""
    return {kind: AnchorDate(kind, on) for kind, on in dates.items()}


def known_windows(slots: tuple[PlannedSlot, ...]) -> dict[str, Window]:
    """The known windows by visit code."""
    return {slot.visit: slot.window for slot in slots if slot.window is not None}


def plan_fault(*parts: str, head: str = HEAD) -> BadDefinition:
    """What is wrong with the small plan that has these parts."""
    with pytest.raises(BadDefinition) as bad:
        small_plan(*parts, head=head)
    assert bad.value.file == "small.toml"
    return bad.value
