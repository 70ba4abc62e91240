"""QLQ-LC13, PRO-CTCAE and health in five lines all the way: asked, sent, scored, fed and in the datasets."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.plans.checks import check_plan
from app.domain.plans.plan import Plan, PlannedInstrument, VisitRule
from app.domain.records.access import SYSTEM
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.datasets.cuts import make_cut
from app.services.datasets.export import ExportEntry, export_cut
from app.services.datasets.recheck.cut_recheck import recheck_cut
from app.storage.tables.studies import Site
from tests.scenarios.beginnings import PLAN
from tests.scenarios.dataset_fold import lines_of, rows_of
from tests.scenarios.people import START, Person, days, enrol_person

LATER = START + days(60)
SUBMITTED_AT = START + days(1)
SYMPTOMS = frozenset(
    "nausea_frequency nausea_severity pain_frequency pain_severity pain_interference rash_presence".split()
)


def asking(plan: Plan, known: frozenset[str]) -> Plan:
    """The plan with a visit for each of the three beside its baseline."""
    first = plan.visits[0]
    visits = [first]
    for code, instrument in (("L0", "qlq-lc13"), ("C0", "pro-ctcae"), ("F0", "health-five")):
        visits.append(_visit(first, code, instrument))
    used = (
        PlannedInstrument("qlq-lc13", "1.0", frozenset()),
        PlannedInstrument("pro-ctcae", "1.0", known - SYMPTOMS),
        PlannedInstrument("health-five", "1.0", frozenset()),
    )
    wider = replace(plan, visits=(*visits, *plan.visits[1:]), instruments=(*plan.instruments, *used))
    check_plan(wider, "added")
    return wider


def _visit(like: VisitRule, code: str, instrument: str) -> VisitRule:
    return replace(
        like, code=code, series=code.lower(), closes_with=None, repeatable=False, instruments=(instrument,)
    )


@pytest.fixture
def added(lone_installation: Installation, lone_site: Site) -> Person:
    """Somebody of a study that asks all of them."""
    library = lone_installation.library
    ctcae = library.get_instrument("pro-ctcae", "1.0")
    plans = {**library.plans, PLAN: asking(library.get_plan(*PLAN), frozenset(ctcae.by_code))}
    installation = replace(lone_installation, library=replace(library, plans=plans))
    return enrol_person(installation, lone_site, "0571-001")


def fill(person: Person, visit: str, answers: dict[str, int | str | None]) -> None:
    person.begin(visit, SUBMITTED_AT)
    person.submit(visit, SUBMITTED_AT, answers)


def test_they_go_the_whole_way_from_the_phone_to_the_datasets(added: Person, tmp_path: Path) -> None:
    lung: dict[str, int | str | None] = {f"q{number}": 2 for number in range(31, 43)}
    fill(added, "L0", {**lung, "q35": None, "q42a": "left hip", "q43": 2, "q43a": 3})
    pain: dict[str, int | str | None] = {"pain_frequency": 3, "pain_severity": 2, "pain_interference": None}
    fill(added, "C0", {**pain, "nausea_frequency": 0, "rash_presence": 1})
    fill(added, "F0", {"strength": 1, "breathing": 2, "pain": 0, "sleep": 4, "spirits": 3, "rating": 65})
    other = enrol_person(added.installation, added.site, "0571-002")
    fill(other, "L0", {**lung, "q42": 1, "q42a": "left over", "q43": 1, "q43a": 2})
    events = [json.loads(line) for line in lines_of(added.installation)]
    scored = [event["data"] for event in events if "scores" in event["data"]]
    scores = [{each["scale"]: each["value"] for each in data["scores"]} for data in scored]
    assert (scores[0]["LCDY"], scores[3]["LCDY"], scores[0]["LCCO"]) == (None, *["33.3333333333"] * 2)
    assert scores[1:3] == [{}, {"STATE": "10", "RATING": "65"}]
    assert scored[3]["answers"].keys() == {*lung, "q43"}  # what is asked of nobody who took none is not kept
    operator = StaffContext(added.installation, SYSTEM, LATER)
    make_cut(operator, PLAN[0], "ALL", "everything")
    export_cut(operator, PLAN[0], ExportEntry("ALL", "analysis"), tmp_path / "out")
    qs = {(row["USUBJID"][-3:], row["QSTESTCD"]): row for row in rows_of(tmp_path / "out", "qs")}
    assert qs["001", "EOR1842A"]["QSSTRESC"] == "left hip"
    assert qs["001", "EOR1843A"]["QSSTRESN"] == "3"
    assert not {("002", "EOR1842A"), ("002", "EOR1843A"), ("001", "PT01009B")} & qs.keys()
    named = [qs["001", code] for code in ("EOR1835", "PT01048C", "HF06")]
    assert [(row["QSCAT"], row["QSSTAT"], row["QSSTRESN"]) for row in named] == [
        ("EORTC QLQ-LC13", "NOT DONE", ""),
        ("PRO-CTCAE V1.0", "NOT DONE", ""),
        ("HEALTH IN FIVE LINES V1.0", "", "65"),
    ]
    adqs = {(row["SUBJID"][-3:], row["PARAMCD"]): row for row in rows_of(tmp_path / "out", "adqs")}
    responses = [
        tuple(adqs[key][name] for name in ("PARAM", "BETTER", "AVAL", "SCRSTAT", "ALGOR"))
        for key in (("001", "LC13DY"), ("002", "LC13PO"), ("001", "HFSTATE"), ("001", "HFRATING"))
    ]
    assert responses == [
        ("QLQ-LC13 Dyspnoea", "LOWER", "", "TOO FEW", "eortc-linear 1.0"),
        ("QLQ-LC13 Pain in Other Parts", "LOWER", "0", "COMPLETE", "eortc-linear 1.0"),
        ("Health Five Sum of Levels", "LOWER", "10", "COMPLETE", "level-sum 1.0"),
        ("Health Five Own Rating", "HIGHER", "65", "COMPLETE", "level-sum 1.0"),
    ]
    assert all(each.differences == [] for each in recheck_cut(operator, PLAN[0], "ALL"))
