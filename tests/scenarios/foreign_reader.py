"""Recomputes scores and changes of a study from its feed, by the published rules and nothing of the program.

It is what somebody elsewhere would write who has the feed and the manual: the scales of the QLQ-C30, the
rule of half, a baseline before the randomisation, changes of printed values, and days without a day 0.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any

SCALES = {
    "C30QL2": ("29 30", 6, 1, False), "C30PF2": ("1 2 3 4 5", 3, 3, True), "C30RF2": ("6 7", 3, 1, True),
    "C30EF": ("21 22 23 24", 3, 2, True), "C30CF": ("20 25", 3, 1, True), "C30SF": ("26 27", 3, 1, True),
    "C30FA": ("10 12 18", 3, 2, False), "C30NV": ("14 15", 3, 1, False), "C30PA": ("9 19", 3, 1, False),
    "C30DY": ("8", 3, 1, False), "C30SL": ("11", 3, 1, False), "C30AP": ("13", 3, 1, False),
    "C30CO": ("16", 3, 1, False), "C30DI": ("17", 3, 1, False), "C30FI": ("28", 3, 1, False),
}  # fmt: skip
"""Items, range, fewest answers, and whether a high sum is bad."""
WHOLE = "C30PF2 C30RF2 C30EF C30CF C30SF".split(), "C30FA C30NV C30PA C30DY C30SL C30AP C30CO C30DI".split()
"""What the summary is made of: as it is, and turned round."""
ENDING = ("death", "withdrew_questionnaires", "withdrew_study", "screen_failure")
SHANGHAI = timedelta(hours=8)
Cells = dict[tuple[str, str, str], dict[str, str]]
"""Cells by participant, parameter and visit."""


def recompute(lines: Iterable[str], through: int, cut_at: datetime) -> Cells:
    """ADQS of a study whose participants live in Shanghai, as of a number of the feed and an instant."""
    newest: dict[str, Mapping[str, Any]] = {}
    for line in lines:
        event = json.loads(line)
        if event["seq"] <= through:
            newest[event["ref"]] = event
    computed: Cells = {}
    for subject in sorted({event["subject"] for event in newest.values()}):
        theirs = [each for each in newest.values() if each["subject"] == subject]
        cells = _of_person(subject, theirs) | _untold(subject, theirs, cut_at)
        bases = {key[1]: each["BASE"] for key, each in cells.items() if "BASE" in each}
        for key, each in cells.items():
            computed[key] = each | ({"BASE": bases[key[1]]} if key[1] in bases else {})
    return computed


def _of_person(subject: str, events: list[Mapping[str, Any]]) -> Cells:
    anchor = next(
        (each["data"]["anchor"] for each in events
         if each["data"].get("anchor", {}).get("kind") == "randomisation"), {"date": "", "at": ""},
    )  # fmt: skip
    forms = [each for each in events if each["data"].get("slot", {}).get("instrument") == "qlq-c30"]
    forms = [each for each in forms if "answers" in each["data"] or not each["data"]["slot"]["out_of_plan"]]
    submitted = sorted((each for each in forms if "answers" in each["data"]), key=_done)
    computed: Cells = {}
    for code in (*SCALES, "C30SUM"):
        scored = {each["ref"]: _score(code, each["data"]["answers"]) for each in submitted}
        valid = [each for each in submitted if scored[each["ref"]] and _may_be_baseline(each, anchor)]
        base = valid[-1] if valid else None
        for form in forms:
            key, slot = (subject, code, form["visit"]), form["data"]["slot"]
            if form["ref"] not in scored:
                if slot["state"] in ("missed", "excused", "not_expected"):
                    computed[key] = {"DTYPE": "PHANTOM"}
                continue
            value, day = scored[form["ref"]], day_of(form["data"]["response"])
            cells = {"ADT": day.isoformat(), "ADY": study_day(day, anchor["date"]), "AVAL": value}
            if base is not None:
                cells |= {"BASE": scored[base["ref"]], "ABLFL": "Y" if form is base else ""}
                if value and _done(form) > _done(base):
                    cells["CHG"] = _printed(Fraction(Decimal(value) - Decimal(cells["BASE"])))
            computed[key] = {name: cell for name, cell in cells.items() if cell}
    return computed


def _done(form: Mapping[str, Any]) -> tuple[str, str]:
    """When a form was completed by the local clock; of one day a paper form, without an hour, comes first."""
    response = form["data"]["response"]
    day = day_of(response).isoformat()
    return day if response["collected_on"] else str(moment_of(response) + SHANGHAI), form["ref"]


def _may_be_baseline(form: Mapping[str, Any], anchor: Mapping[str, Any]) -> bool:
    """Whether it is the baseline visit's, sent in its window, and before the randomisation if any."""
    slot, response = form["data"]["slot"], form["data"]["response"]
    if form["visit"].partition("-")[0] != "BL" or slot["out_of_window"] or slot["out_of_plan"]:
        return False
    if anchor["at"] and not response["collected_on"]:
        return moment_of(response) < datetime.fromisoformat(anchor["at"])
    return not anchor["date"] or day_of(response).isoformat() <= anchor["date"]


def _untold(subject: str, events: list[Mapping[str, Any]], cut_at: datetime) -> Cells:
    """Weeks whose window (seven days either side) closed by the cut, of whoever left before it opened."""
    visits = {each["visit"] for each in events if "slot" in each["data"]}
    anchors = [each["data"]["anchor"] for each in events if "anchor" in each["data"]]
    start = [each["date"] for each in anchors if each["kind"] == "randomisation" and each["date"]]
    exits = [each for event in events for each in event["data"].get("status", {}).get("in_force", ())]
    ended: str = min((each["effective_on"] for each in exits if each["kind"] in ENDING), default="")
    computed: Cells = {}
    for week in (6, *range(12, 157, 12)) if ended and start else ():
        last = date.fromisoformat(start[0]) + timedelta(weeks=week, days=7)
        closed = datetime(last.year, last.month, last.day, 16, tzinfo=UTC) <= cut_at  # midnight in Shanghai
        if closed and f"W{week}" not in visits and ended <= last.isoformat():
            computed |= {(subject, code, f"W{week}"): {"DTYPE": "PHANTOM"} for code in (*SCALES, "C30SUM")}
    return computed


def _score(code: str, answers: Mapping[str, int | None]) -> str:
    if code == "C30SUM":
        parts = [[_exact(each, answers) for each in half] for half in WHOLE]
        if any(part is None for half in parts for part in half):
            return ""
        values = [part for part in parts[0] if part is not None]
        values += [100 - part for part in parts[1] if part is not None]
        return _printed(sum(values, Fraction(0)) / 13)
    exact = _exact(code, answers)
    return "" if exact is None else _printed(exact)


def _exact(code: str, answers: Mapping[str, int | None]) -> Fraction | None:
    items, reach, fewest, bad = SCALES[code]
    values = [value for number in items.split() if (value := answers[f"q{number}"]) is not None]
    if len(values) < fewest:
        return None
    share = (Fraction(sum(values), len(values)) - 1) / reach
    return 100 * (1 - share if bad else share)


def _printed(value: Fraction) -> str:
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    text = format(exact.quantize(Decimal("1e-10"), ROUND_HALF_EVEN), "f").rstrip("0").rstrip(".")
    return text or "0"


def day_of(response: Mapping[str, Any]) -> date:
    """The local day by which a form is dated."""
    if response["collected_on"]:
        return date.fromisoformat(response["collected_on"])
    return (moment_of(response) + SHANGHAI).date()


def moment_of(response: Mapping[str, Any]) -> datetime:
    """The instant by which a form is dated that was not on paper."""
    at = datetime.fromisoformat(response["received_at"])
    if response["captured_offline"] and response["completed_at"] != response["received_at"]:
        completed = datetime.fromisoformat(response["completed_at"])
        at = min(at, completed + timedelta(seconds=response["device_skew_seconds"] or 0))
    return at.astimezone(UTC)


def study_day(day: date, start: str) -> str:
    """The day of the study: that of the randomisation is 1, the day before it -1."""
    if not start:
        return ""
    first = date.fromisoformat(start)
    return str((day - first).days + (day >= first))
