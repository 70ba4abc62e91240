"""Makes all datasets but QS, ADQS and DIARY from a feed by the manual's rules and nothing of the program.

What a plan says is read from its file as any TOML reader reads it; participants live in Shanghai.
"""

import json
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import Any

from tests.scenarios.foreign_reader import ENDING, SHANGHAI, moment_of, study_day

Cells = dict[str, str]
_EXITS = ("withdrew_treatment", "withdrew_questionnaires", "withdrew_study", "lost", "death")
_WORDS = {
    "death": ("DEATH", ""), "lost": ("LOST TO FOLLOW-UP", ""), "completed": ("COMPLETED", ""),
    "screen_failure": ("SCREEN FAILURE", ""),
    "withdrew_treatment": ("WITHDRAWAL BY SUBJECT", "STUDY TREATMENT"),
    "withdrew_questionnaires": ("WITHDRAWAL BY SUBJECT", "QUESTIONNAIRES"),
    "withdrew_study": ("WITHDRAWAL BY SUBJECT", "STUDY PARTICIPATION"),
}  # fmt: skip
_PLACES = {-1: "BEFORE", 0: "SAME DAY", 1: "AFTER"}
_SETS = {"1": {*ENDING}, "2": {*ENDING, "lost"}}
_QUALIFIERS = {
    "QSMODE": "response.mode", "QSORIGTR": "response.originator", "QSHELPBY": "response.helped_by",
    "QSLANG": "response.language", "QSTXTSHA": "response.text_sha256", "QSINSVER": "slot.instrument_version",
    "QSALGOR": "response.algorithm", "QSOPDTC": "slot.opens_on", "QSTGDTC": "slot.target_on",
    "QSCLDTC": "slot.closes_on", "QSOUTFL": "slot.out_of_window", "QSGRCFL": "response.in_grace",
    "QSOFFFL": "response.captured_offline", "QSCOLDTC": "response.collected_on",
    "QSBEGDTC": "response.begun_at", "QSRCVDTC": "response.received_at",
}  # fmt: skip


@dataclass(frozen=True)
class Form:
    """One form, as the newest event of its `ref` tells it."""

    ref: str
    data: Mapping[str, Any]

    @cached_property
    def slot(self) -> Mapping[str, Any]:
        slot: Mapping[str, Any] = self.data["slot"]
        return slot

    @property
    def visit(self) -> str:
        return str(self.slot["visit"])

    @property
    def response(self) -> Mapping[str, Any] | None:
        return self.data.get("response")

    @property
    def done(self) -> str:
        """The local time at which it was completed; of a paper form the day alone."""
        if self.response is None:
            return ""
        if self.response["collected_on"]:
            return str(self.response["collected_on"])
        return (moment_of(self.response) + SHANGHAI).strftime("%Y-%m-%dT%H:%M:%S")

    @property
    def scorable(self) -> bool:
        scores = self.data.get("scores")
        return scores is not None and (not scores or any(each["value"] is not None for each in scores))

    def ends_on(self) -> str:
        """The last day of its window, which an anchor can close early."""
        at = self.slot["closes_at"]
        last = (datetime.fromisoformat(at) + SHANGHAI - timedelta(microseconds=1)).date() if at else None
        return min(str(self.slot["closes_on"]), str(last or self.slot["closes_on"]))


@dataclass
class Subject:
    """Everything of one participant."""

    code: str
    events: Sequence[Mapping[str, Any]]
    forms: list[Form] = field(default_factory=list)
    exits: list[tuple[str, str, str, Mapping[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.person = next(each for each in self.events if "participant" in each["data"])
        self.anchors = {
            each["data"]["anchor"]["kind"]: (each["data"]["anchor"], each)
            for each in self.events
            if each["data"].get("anchor", {}).get("date")
        }
        for each in self.events:
            for exit_ in each["data"].get("status", {}).get("in_force", ()):
                recorded = (exit_.get("recorded_at") or each["recorded_at"])[:19] + "Z"
                self.exits.append((exit_["effective_on"], exit_["kind"], recorded, exit_))
            slot = each["data"].get("slot")
            if slot and ("response" in each["data"] or not slot["out_of_plan"]):
                self.forms.append(Form(each["ref"], each["data"]))
        self.exits.sort(key=lambda exit_: exit_[:2])
        self.arm: str = (self.person["data"].get("arm") or {}).get("arm") or ""
        self.consent: str = self.person["data"]["participant"]["consented_on"] or ""
        self.start: str = self.anchors["randomisation"][0]["date"] if "randomisation" in self.anchors else ""

    @property
    def counts(self) -> bool:
        return bool(self.start and self.consent)

    def day(self, stated: str) -> str:
        """The day of the study of a whole date; nothing of a month."""
        whole = len(stated) == len("2026-03-04")
        return study_day(date.fromisoformat(stated), self.start) if whole and self.start else ""

    def find_exit(self, kind: str) -> tuple[str, str, str, Mapping[str, Any]] | None:
        of_kind = [each for each in self.exits if each[1] == kind]
        return min(of_kind, key=lambda each: (each[0], -len(each[3]["date"])), default=None)

    def why_missing(self, form: Form) -> str:
        slot = form.slot
        if slot["state"] == "excused":
            return _capitals(f"EXCUSED: {slot['excused']}")
        if slot["state"] == "not_expected":
            return _capitals(slot["exit"] or "not expected")
        if slot["state"] != "missed":
            return ""
        inside = [exit_[1] for exit_ in self.exits if exit_[1] in ENDING and _is_inside(exit_[0], form)]
        return _capitals(slot["missed_reason"] or next(iter(inside), "unknown"))


def _is_inside(day: str, form: Form) -> bool:
    return str(form.slot["opens_on"]) <= day <= form.ends_on()


def _capitals(code: str) -> str:
    return code.upper().replace("_", " ")


@dataclass
class Foreigner:
    """The datasets of a study as of a number of its feed and an instant. `plans`: files, the newest first."""

    study: str
    lines: Iterable[str]
    through: int
    cut_at: datetime
    plans: Sequence[str]

    def __post_init__(self) -> None:
        newest: dict[str, Mapping[str, Any]] = {}
        for line in self.lines:
            if (event := json.loads(line))["seq"] <= self.through:
                newest[event["ref"]] = event
        codes = sorted({event["subject"] for event in newest.values()})
        self.people = [
            Subject(code, [each for each in newest.values() if each["subject"] == code]) for code in codes
        ]
        self.rules: dict[str, Mapping[str, Any]] = {}
        plans = [tomllib.loads(text) for text in self.plans]
        self.plan, self.every = plans[0], [dict(_visits(plan)) for plan in plans]
        for visits in self.every:
            for code, rule in visits.items():
                self.rules.setdefault(code, rule)
        self.numbers = {code: number for number, code in enumerate(self.rules, 1)}

    def make(self, name: str) -> list[Cells]:
        """One dataset, without the cells that are empty."""
        rows: Iterator[Mapping[str, object]] = getattr(self, f"_{name}")()
        return [{key: str(cell) for key, cell in row.items() if cell not in (None, "")} for row in rows]

    def _number(self, visit: str) -> str:
        stem, _, count = visit.rpartition("-")
        if visit in self.numbers:
            return str(self.numbers[visit])
        return f"{Decimal(self.numbers[stem]) + Decimal(count) / 100}"

    def _id(self, person: Subject) -> str:
        return f"{self.study}-{person.code}"  # whose codes begin with the site's

    def _dm(self) -> Iterator[Mapping[str, object]]:
        names = {arm["code"]: arm["name"] for arm in self.plan["arms"]}
        for person in self.people:
            death = person.find_exit("death")
            facts = person.person["data"]["participant"]
            yield {
                "STUDYID": self.study, "DOMAIN": "DM", "USUBJID": self._id(person), "SUBJID": person.code,
                "RFSTDTC": person.start, "RFICDTC": person.consent, "SITEID": person.person["site"],
                "RFRNDTC": person.anchors["randomisation"][0]["at"] if person.start else "",
                "DTHDTC": death[3]["date"] if death else "", "DTHFL": "Y" if death else "",
                "ARMCD": person.arm, "ARM": names.get(person.arm), "ARMNRS": self._unassigned(person),
                "LANGUAGE": facts["language"], "TZONE": facts["zone"],
            }  # fmt: skip

    def _unassigned(self, person: Subject) -> str:
        randomises = any(anchor["kind"] == "randomisation" for anchor in self.plan["anchors"])
        if person.arm or person.start or not randomises:
            return ""
        return "SCREEN FAILURE" if person.find_exit("screen_failure") else "NOT ASSIGNED"

    def _sv(self) -> Iterator[Mapping[str, object]]:
        for person in self.people:
            forms = [form for form in person.forms if not form.slot["for_day"]]
            for visit in sorted({form.visit for form in forms}, key=lambda code: Decimal(self._number(code))):
                these = sorted((form for form in forms if form.visit == visit), key=_instrument)
                submitted = min((form for form in these if form.response), key=_done, default=None)
                shown, slot = submitted or these[0], (submitted or these[0]).slot
                over = all(form.slot["state"] in ("missed", "excused", "not_expected") for form in these)
                occurred = ("Y" if submitted else "N" if over else "") if visit in self.numbers else ""
                yield {
                    "STUDYID": self.study, "DOMAIN": "SV", "USUBJID": self._id(person),
                    "VISITNUM": self._number(visit), "VISIT": visit,
                    "SVPRESP": "Y" if visit in self.numbers else "", "SVOCCUR": occurred,
                    "SVREASOC": person.why_missing(shown) if occurred == "N" else "",
                    "SVSTDTC": shown.done, "SVSTDY": person.day(shown.done[:10]),
                    "SVOPDTC": slot["opens_on"], "SVTGDTC": slot["target_on"], "SVCLDTC": slot["closes_on"],
                    "SVSTATE": _capitals(slot["state"]),
                }  # fmt: skip

    def _ds(self) -> Iterator[Mapping[str, object]]:
        for person in self.people:
            rows: list[dict[str, object]] = []
            if person.consent:
                rows.append({"DSTERM": "consent", "DSDECOD": "INFORMED CONSENT OBTAINED", "DSSRC": "site",
                             "DSSTDTC": person.consent})  # fmt: skip
            for kind, word in (("enrolment", "ENTERED INTO TRIAL"), ("randomisation", "RANDOMIZED")):
                if kind in person.anchors:
                    anchor, event = person.anchors[kind]
                    recorded = event["recorded_at"][:19] + "Z"
                    rows.append({"DSTERM": kind, "DSDECOD": word, "DSSRC": anchor["source"],
                                 "DSSTDTC": anchor["date"], "DSDTC": recorded})  # fmt: skip
            for row in rows:
                row |= {"DSCAT": "PROTOCOL MILESTONE", "on": row["DSSTDTC"]}
            for on, kind, recorded, stated in person.exits:
                word, scope = _WORDS[kind]
                rows.append({"DSTERM": kind, "DSDECOD": word, "DSCAT": "DISPOSITION EVENT", "DSSCAT": scope,
                             "DSDTC": recorded, "DSSTDTC": stated["date"], "DSSRC": stated["source"],
                             "on": on})  # fmt: skip
            rows.sort(key=lambda row: str(row["on"]))
            for number, row in enumerate(rows, 1):
                known = {"STUDYID": self.study, "DOMAIN": "DS", "USUBJID": self._id(person), "DSSEQ": number}
                shown = {key: cell for key, cell in row.items() if key != "on"}
                yield {**known, "DSSTDY": person.day(str(row["DSSTDTC"])), **shown}

    def _suppqs(self) -> Iterator[Mapping[str, object]]:
        for person in self.people:
            for form in person.forms:
                if form.response is None:
                    continue
                values = {name: form.data[path[0]].get(path[1]) for name, path in _paths().items()}
                values["QSAMENDN"] = form.response["response_version"] - 1
                for name, value in values.items():
                    if value is not None and value is not False:
                        yield {"STUDYID": self.study, "RDOMAIN": "QS", "USUBJID": self._id(person),
                               "IDVAR": "QSGRPID", "IDVARVAL": form.ref, "QNAM": name,
                               "QVAL": "Y" if value is True else value}  # fmt: skip

    def _ice(self) -> Iterator[Mapping[str, object]]:
        labels = {each["kind"]: each for each in self.plan["anchors"]}
        own = [kind for kind in labels if kind not in ("enrolment", "randomisation", "treatment_withdrawal")]
        for person in self.people:
            for kind in (*own, *_EXITS):
                row: dict[str, object] = {"STUDYID": self.study, "USUBJID": self._id(person),
                                          "ARMCD": person.arm, "ICECD": kind}  # fmt: skip
                of_one_arm = labels.get(kind, {}).get("arm_revealing")
                row["ICESTAT"] = "NONE RECORDED; OF ONE ARM ALONE" if of_one_arm else "NONE RECORDED"
                if kind in person.anchors and kind in own:
                    anchor, event = person.anchors[kind]
                    row |= _happened(anchor["date"], anchor["date"], anchor["source"], event["recorded_at"])
                elif kind in _EXITS and (exit_ := person.find_exit(kind)):
                    row |= _happened(exit_[3]["date"], exit_[0], exit_[3]["source"], exit_[2])
                yield row | {"ICEDY": person.day(str(row.get("ICEDT", "")))}

    def _icepos(self) -> Iterator[Mapping[str, object]]:
        dated = {(row["USUBJID"], row["ICECD"]): row.get("ICEDT", "") for row in self.make("ice")}
        for person in self.people:
            for form in (each for each in person.forms if not each.slot["for_day"]):
                day = form.done[:10] or str(form.slot["target_on"])
                for (who, kind), on in dated.items():
                    if who == self._id(person):
                        days = (date.fromisoformat(day) - date.fromisoformat(on)).days if on else 0
                        category = _PLACES[(days > 0) - (days < 0)] if on else "NO EVENT"
                        yield {"STUDYID": self.study, "USUBJID": who, "ASSESSID": form.ref, "ICECD": kind,
                               "AVISIT": form.visit, "REFDT": day, "ICEPOS": category,
                               "REFTYPE": "COMPLETED" if form.done else "TARGET",
                               "ICEDAYS": days if on else ""}  # fmt: skip

    def _compl(self) -> Iterator[Mapping[str, object]]:
        for arm, visit, instrument in self._places():
            forms = [(person, form) for person, form in self._forms(arm) if form.visit == visit]
            lines = []
            for rules, late in (("1", "N"), ("1", "Y"), ("2", "N"), ("2", "Y")):
                expected = {form.ref for person, form in forms if self._is_expected(person, form, rules)}
                valid = {form.ref for _person, form in forms if _is_valid(form, late)}
                people, both = self._population(arm, visit, len(forms)), expected & valid
                lines.append({
                    "STUDYID": self.study, "ARMCD": arm, "VISITNUM": self._number(visit), "VISIT": visit,
                    "INSTR": instrument, "RULESET": rules, "LATEFL": late, "NPOP": people,
                    "NEXPECT": len(expected), "NVALID": len(valid), "NVALEXP": len(both),
                    "AVAILPCT": _percent(len(valid), people), "COMPLPCT": _percent(len(both), len(expected)),
                })  # fmt: skip
            yield from lines if lines[0]["NEXPECT"] or lines[1]["NVALID"] else ()

    def _places(self) -> list[tuple[str, str, str]]:
        """Arm, visit and instrument of every form that is counted, by visit, instrument and arm."""
        keys = {
            (self.numbers[form.visit], form.slot["instrument"], arm, form.visit)
            for arm in ("ALL", *sorted({person.arm for person in self.people} - {""}))
            for _person, form in self._forms(arm)
        }
        return [(arm, visit, instrument) for _number, instrument, arm, visit in sorted(keys)]

    def _forms(self, arm: str) -> Iterator[tuple[Subject, Form]]:
        for person in self.people:
            for form in person.forms if person.counts and arm in ("ALL", person.arm) else ():
                rule = self.rules.get(form.visit)
                if rule is not None and not rule.get("on_request") and not form.slot["out_of_plan"]:
                    yield person, form

    def _population(self, arm: str, visit: str, published: int) -> int:
        rule = self.rules[visit]
        if not rule.get("waits", True) or not all(visit in visits for visits in self.every):
            return published
        arms = rule.get("arms", ()) if arm == "ALL" else (arm,)
        return sum(person.counts and (not arms or person.arm in arms) for person in self.people)

    def _is_expected(self, person: Subject, form: Form, rules: str) -> bool:
        if datetime.fromisoformat(form.slot["closes_at"]) > self.cut_at:
            return False
        exit_ = any(kind in _SETS[rules] and day <= form.slot["closes_on"] for day, kind, *_ in person.exits)
        return not exit_ or _is_valid(form, "N")

    def _missrsn(self) -> Iterator[Mapping[str, object]]:
        counted: Counter[tuple[int, str, str, str, str, str]] = Counter()
        for arm in ("ALL", *sorted({person.arm for person in self.people} - {""})):
            for person, form in self._forms(arm):
                if why := person.why_missing(form):
                    state = _capitals(form.slot["state"])
                    key = (self.numbers[form.visit], form.visit, form.slot["instrument"], arm)
                    counted[(*key, state, why)] += 1
            for person in self.people:
                if person.counts and arm in ("ALL", person.arm):
                    for visit, kind in self._untold(person):
                        key = (self.numbers[visit], visit, "qlq-c30", arm)
                        counted[(*key, "NOT EXPECTED", _capitals(kind))] += 1
        for (number, visit, instrument, arm, state, why), times in sorted(counted.items()):
            yield {"STUDYID": self.study, "ARMCD": arm, "VISITNUM": number, "VISIT": visit,
                   "INSTR": instrument, "STATE": state, "REASON": why, "NFORMS": times}  # fmt: skip

    def _untold(self, person: Subject) -> Iterator[tuple[str, str]]:
        """Weeks whose window closed by the cut, and after the first exit, without a form that was told."""
        visits = {form.visit for form in person.forms}
        ended = next(((day, kind) for day, kind, *_ in person.exits if kind in ENDING), None)
        for visit, rule in self.rules.items() if ended else ():
            if visit in visits or not visit.startswith("W"):
                continue
            weeks = timedelta(weeks=int(visit[1:]))
            last = date.fromisoformat(person.start) + weeks + timedelta(days=rule["after"])
            closes = datetime(last.year, last.month, last.day, tzinfo=self.cut_at.tzinfo) + timedelta(days=1)
            if ended and closes - SHANGHAI <= self.cut_at and ended[0] <= last.isoformat():
                yield visit, ended[1]


def _visits(plan: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for rule in plan["visits"]:
        repeat = rule.get("repeat")
        offsets = range(repeat["from"], repeat["to"] + 1, repeat["step"]) if repeat else (None,)
        for offset in offsets:
            yield rule["code"].replace("{n}", str(offset)), rule


def _paths() -> dict[str, list[str]]:
    return {name: path.split(".") for name, path in _QUALIFIERS.items()}


def _happened(stated: str, counts_from: str, source: str, recorded: str) -> dict[str, object]:
    exact = "DAY" if len(stated) == len("2026-03-04") else "MONTH"
    return {"ICESTAT": "OCCURRED", "ICEDTC": stated, "ICEDT": counts_from, "ICEPREC": exact,
            "ICESRC": source, "ICEASOF": recorded[:19] + "Z"}  # fmt: skip


def _is_valid(form: Form, late: str) -> bool:
    submitted = form.slot["state"] == "submitted" and form.scorable
    return submitted and (late == "Y" or not form.slot["out_of_window"])


def _percent(part: int, whole: int) -> str:
    if not whole:
        return ""
    text = str((Decimal(100 * part) / whole).quantize(Decimal("0.1"), ROUND_HALF_UP))
    return text.removesuffix(".0")


def _instrument(form: Form) -> str:
    return str(form.slot["instrument"])


def _done(form: Form) -> tuple[str, str]:
    return form.done, form.ref
