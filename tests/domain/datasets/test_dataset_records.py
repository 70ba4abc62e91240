"""Records of datasets from made-up events: baselines, windows, thresholds, visits that staff added."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest

from app.domain.datasets.analysis import build_adqs
from app.domain.datasets.changes import list_changes
from app.domain.datasets.completeness import CompletenessCounts
from app.domain.datasets.events import build_ice, build_icepos
from app.domain.datasets.history import SubjectHistory, fold_history
from app.domain.datasets.questionnaires import build_qs
from app.domain.datasets.study import DatasetStudy, study_day
from app.domain.datasets.subjects import build_dm, build_ds, build_sv, missing_reason
from app.domain.datasets.tables import DatasetRow
from app.domain.datasets.terms import parse_terms, plain_terms
from app.domain.instruments.scoring.thresholds import ThresholdSet
from app.domain.plans.plan import Anchoring
from app.domain.refusal import BadDefinition
from app.services.datasets.recheck.cut_recheck import precedes_start
from tests.domain.feed_events import Event, anchor, event, form, person, slot
from tests.domain.questionnaires import DIARY, QLQ_C30, QUESTIONNAIRES
from tests.domain.trial import SHIPPED

FILE = "terms/qlq-c30-3.0.toml"
TERMS = dict([parse_terms((QUESTIONNAIRES / FILE).read_text("utf-8"), FILE)])
INSTRUMENTS = {(each.id, each.version): each for each in (QLQ_C30, DIARY)}
STUDY = DatasetStudy(
    "sbrt-nsclc", "IA1", 99, datetime(2026, 12, 1, tzinfo=UTC), SHIPPED,
    lambda name, version: INSTRUMENTS[name, version], TERMS,
)  # fmt: skip
EVERYTHING = ("arm:read", "answers:read", "scores:read", "diary:read")
START = ("Asia/Shanghai", "2026-03-04", "2026-03-04T03:00:00.000Z")
WITHDRAWN = {"kind": "withdrew_study", "date": "2026-04-30", "effective_on": "2026-04-30", "source": "site"}


def history(*events: Event) -> SubjectHistory:
    folded = fold_history(events, EVERYTHING)
    assert folded is not None
    return folded


def adqs(study: DatasetStudy, *events: Event) -> Mapping[str, DatasetRow]:
    """The records of physical functioning by visit."""
    rows = build_adqs(study, history(*events), {})
    return {str(row["AVISIT"]): row for row in rows if row["PARAMCD"] == "C30PF2"}


def flags(rows: Mapping[str, DatasetRow], column: str) -> list[str]:
    return [visit for visit, row in rows.items() if row.get(column) == "Y"]


@pytest.mark.req("REP-06")
def test_the_baseline_is_the_last_valid_form_before_the_randomisation() -> None:
    forms = (
        form("BL", "2026-03-02T02:00:00.000Z", 1),
        form("BL-2", "2026-03-04T02:00:00.000Z", 2),
        form("BL-3", "2026-03-04T05:00:00.000Z", 3),
        form("W6", "2026-04-15T02:00:00.000Z", 4),
    )
    by_hour = adqs(STUDY, person(), anchor("randomisation", "2026-03-04", "2026-03-04T03:00:00.000Z"), *forms)
    assert (flags(by_hour, "ABLFL"), flags(by_hour, "ABLD0FL")) == (["BL-2"], [])
    assert flags(by_hour, "ANL01FL") == ["BL-2", "W6"]
    assert [row.get("CHG") for row in by_hour.values()] == [
        None, None, Decimal("-33.3333333334"), Decimal("-66.6666666667"),
    ]  # fmt: skip
    assert [row["AVISITN"] for row in by_hour.values()] == [1, Decimal("1.02"), Decimal("1.03"), 2]
    by_day = adqs(STUDY, person(), anchor("randomisation", "2026-03-04"), *forms)
    assert (flags(by_day, "ABLFL"), flags(by_day, "ABLD0FL")) == (["BL-3"], ["BL-3"])
    late = form("BL-3", "2026-03-04T05:00:00.000Z", 3, out_of_window=True)
    without = adqs(STUDY, person(), anchor("randomisation", "2026-03-04"), *forms[:2], late)
    assert flags(without, "ABLFL") == ["BL-2"]
    unplanned = adqs(STUDY, person(), form("W6", "2026-04-15T02:00:00.000Z", 3, out_of_plan=True))
    assert [unplanned["W6"][name] for name in ("FRMSTAT", "EXP1FL", "AWINFL")] == ["NOT IN PLAN", "N", "N"]
    unrandomised = adqs(STUDY, person(), forms[0], forms[3])
    assert (flags(unrandomised, "ABLFL"), unrandomised["W6"]["ADY"]) == (["BL"], None)
    visits = tuple(replace(rule, closes_with=None) for rule in SHIPPED.visits)
    plain = adqs(replace(STUDY, plan=replace(SHIPPED, visits=visits)), person(), *forms[:1])
    assert (flags(plain, "ABLFL"), plain["BL"].get("BASE")) == ([], None)


@pytest.mark.req("REP-06", "TIM-05")
def test_a_form_is_dated_as_its_window_was_judged() -> None:
    """Paper by the day on it and not by when it was typed; a device's clock only offline, and set right."""
    typed, randomised = "2026-04-20T02:00:00.000Z", anchor("randomisation", *START[1:])
    wrong = "2026-03-03T02:00:00.000Z"
    offline = {
        "captured_offline": True, "device_skew_seconds": 86400, "received_at": "2026-03-09T02:00:00.000Z",
    }  # fmt: skip
    for completed_at, facts, on, baseline in (
        (typed, {"collected_on": "2026-03-04"}, "2026-03-04", ["BL"]),
        (typed, {"collected_on": "2026-03-05"}, "2026-03-05", []),
        (wrong, {"received_at": "2026-03-05T02:00:00.000Z"}, "2026-03-05", []),
        (wrong, offline, "2026-03-04", ["BL"]),
        (wrong, offline | {"received_at": "2026-03-02T02:00:00.000Z"}, "2026-03-02", ["BL"]),
        (wrong, offline | {"device_skew_seconds": 172800}, "2026-03-05", []),
    ):
        baseline_form = form("BL", completed_at, 1)
        baseline_form["data"]["response"] |= facts
        events = (person(), randomised, baseline_form, form("W6", "2026-04-15T02:00:00.000Z", 2))
        rows = adqs(STUDY, *events)
        assert (str(rows["BL"]["ADT"]), flags(rows, "ABLFL")) == (on, baseline), facts
        of_paper = "collected_on" in facts
        assert flags(rows, "ABLD0FL") == (baseline if of_paper else [])
        assert ("CHG" in rows["W6"]) is bool(baseline)
        done = str(next(row["QSDTC"] for row in build_qs(STUDY, history(*events)).rows))
        assert len(done) == (10 if of_paper else 19)
        assert precedes_start(done, START) is bool(baseline)


@pytest.mark.req("REP-06")
def test_a_threshold_is_one_that_the_plan_names() -> None:
    published = ThresholdSet(
        "Giesinger JM et al. J Clin Epidemiol 2020;118:1-8", {"PF": Fraction(83), "FA": Fraction(39)}
    )
    study = replace(STUDY, thresholds={"qlq-c30": published})
    grace = event("f-W36", 3, slot=slot("W36", "open", "2026-11-30", begun_at="2026-11-30T10:00:00.000Z"))
    ahead = event("f-W48", 3, slot=slot("W48", "open", "2027-02-01"))
    missed = event("f-W12", 3, slot=slot("W12", "missed", "2026-05-27"))
    blank = form("W24", "2026-08-19T02:00:00.000Z", 1)
    blank["data"]["scores"] = [each | {"value": None} for each in blank["data"]["scores"]]
    forms = (form("W6", "2026-04-15T02:00:00.000Z", 2), missed, blank, grace, ahead)
    rows = list(
        build_adqs(
            study, history(person(), anchor("randomisation", "2026-03-04"), *forms), {("f-W6", "PF"): 7}
        )
    )
    by_visit = {(row["PARAMCD"], row["AVISIT"]): row for row in rows}
    physical, fatigue = by_visit["C30PF2", "W6"], by_visit["C30FA", "W6"]
    assert physical["CRIT1"] == "PF < 83 (Giesinger JM et al. J Clin Epidemiol 2020;118:1-8)"
    assert (physical["AVAL"], physical["CRIT1FL"]) == (Decimal("66.6666666667"), "Y")
    assert (fatigue["AVAL"], fatigue["CRIT1FL"]) == (Decimal("33.3333333333"), "N")
    assert "CRIT1" not in by_visit["C30QL2", "W6"]
    assert by_visit["C30PF2", "W24"].get("CRIT1FL") is None
    assert (by_visit["C30PF2", "W12"]["DTYPE"], by_visit["C30PF2", "W12"]["MISRSN"]) == ("PHANTOM", "UNKNOWN")
    begun = by_visit["C30PF2", "W36"]
    assert (begun["DTYPE"], begun["FRMSTAT"], begun["PARTFL"], begun["EXP1FL"]) == (
        "PHANTOM",
        "IN GRACE",
        "Y",
        "Y",
    )
    assert ("C30PF2", "W48") not in by_visit
    assert (physical["SRCSEQ"], fatigue.get("SRCSEQ")) == (7, None)


@pytest.mark.req("REP-01")
def test_a_score_without_a_value_says_why() -> None:
    submitted = form("W6", "2026-04-15T02:00:00.000Z", 2)
    first_score, second_score, *others = submitted["data"]["scores"]
    second_score |= {"value": None, "status": "not_administered"}
    submitted["data"]["scores"] = [first_score | {"value": None, "status": "too_few"}, second_score, *others]
    scores = [row for row in build_qs(STUDY, history(person(), submitted)).rows if row.get("QSDRVFL")]
    assert [row.get("QSREASND") for row in scores[:3]] == ["TOO FEW ITEMS ANSWERED", "NOT ADMINISTERED", None]


@pytest.mark.req("REP-01", "REP-02")
def test_requested_visits_and_undated_forms_are_distinct() -> None:
    events = (
        person(arm="SBRT"),
        anchor("randomisation", "2026-03-04"),
        form("UNS-1", "2026-05-01T02:00:00.000Z", 2),
        event("f-EOT", 3, slot=slot("EOT", "excused", None, excused="no_translation")),
        event("f-ET", 3, slot=slot("ET", "not_expected", "2026-05-01", exit="withdrew_study")),
        event("p/status", 4, status={"in_force": [WITHDRAWN]}),
        event("f-W99", 3, slot=slot("W99", "missed", "2026-05-01")),
        event("f-W6", 3, slot=slot("W6", "missed", "2026-04-15", out_of_plan=True)),
    )
    subject = history(*events)
    visits = {row["VISIT"]: row for row in build_sv(STUDY, subject)}
    assert list(visits) == ["EOT", "ET", "UNS-1", "W99"]
    assert [visits[name]["SVPRESP"] for name in visits] == ["Y", "Y", None, None]
    assert [visits[name]["SVREASOC"] for name in visits] == [
        "EXCUSED: NO TRANSLATION", "WITHDREW STUDY", None, None,
    ]  # fmt: skip
    assert [visits[name]["SVOCCUR"] for name in visits] == ["N", "N", None, None]  # of planned visits alone
    assert visits["UNS-1"]["VISITNUM"] == STUDY.numbers["UNS"] + Decimal("0.01")
    assert adqs(STUDY, *events)["EOT"]["AWHI"] is None
    counts = CompletenessCounts()
    counts.add_participant(STUDY, subject)
    counts.add_participant(STUDY, history(person(consented=None), anchor("randomisation", "2026-03-04")))
    counts.add_participant(STUDY, history(person(), anchor("randomisation", None)))
    assert list(counts.build_compl(STUDY)) == []
    assert counts.people == {"ALL": 1, "SBRT": 1}
    reasons = [(row["ARMCD"], row["VISIT"], row["REASON"]) for row in counts.build_reasons(STUDY)]
    assert ("SBRT", "EOT", "EXCUSED: NO TRANSLATION") in reasons
    assert {row["QSREASND"] for row in build_qs(STUDY, subject).rows if row["QSTESTCD"] == "QSALL"} == {
        "EXCUSED: NO TRANSLATION", "UNKNOWN",
    }  # fmt: skip


@pytest.mark.req("REP-02", "REP-08")
def test_the_population_of_a_visit_is_of_those_who_have_it() -> None:
    """A visit of one arm counts that arm, also where arms are pooled, and for whoever may not see it.

    One that a version of the plan has no more, like one that a version came to have, counts who had it.
    """
    treated = (
        person(arm="SBRT"),
        anchor("randomisation", "2026-03-04"),
        form("EOT", "2026-03-30T02:00:00.000Z", 2),
        form("ET", "2026-03-30T02:00:00.000Z", 2),
    )
    control = (person(arm="SOC"), anchor("randomisation", "2026-03-04"))
    waiting = (person(arm="SBRT"), anchor("randomisation", "2026-03-04"))
    pooled = {("ALL", "EOT"): 2, ("ALL", "ET"): 1}
    blind = [scope for scope in EVERYTHING if scope != "arm:read"]
    for study, scopes, populations in (
        (STUDY, EVERYTHING, {**pooled, ("SBRT", "EOT"): 2, ("SBRT", "ET"): 1}),
        (replace(STUDY, sees_arm=False), blind, pooled),
    ):
        counts = CompletenessCounts()
        for events in (treated, control, waiting):
            folded = fold_history([{**each, "scopes": {"arm": "arm:read"}} for each in events], scopes)
            assert folded is not None
            counts.add_participant(study, folded)
        rows = list(counts.build_compl(study))
        assert {(row["ARMCD"], row["VISIT"]): row["NPOP"] for row in rows} == populations
        assert {row["COMPLPCT"] for row in rows} == {Decimal("100.0")}
    shorter = replace(SHIPPED, visits=tuple(rule for rule in SHIPPED.visits if rule.code != "W6"))
    had = (person(), anchor("randomisation", "2026-03-04"), form("W6", "2026-04-15T02:00:00.000Z", 2))
    counts, amended = CompletenessCounts(), replace(STUDY, plan=shorter, earlier=(SHIPPED,))
    for events_of_one in (had, control):
        counts.add_participant(amended, history(*events_of_one))
    assert {row["NPOP"] for row in counts.build_compl(amended)} == {1}


@pytest.mark.req("REP-03", "REP-04")
def test_forms_unopened_at_an_exit_have_a_record() -> None:
    """Of visits whose windows have closed by the cut, and not of what would tell the arm."""
    day = {"date": "2026-04-30", "effective_on": "2026-04-30"}
    exited = event("p/status", 4, status={"in_force": [WITHDRAWN, WITHDRAWN | day | {"kind": "lost"}]})
    events = (
        person(arm="SBRT"),
        anchor("randomisation", "2026-03-04"),
        form("W6", "2026-04-15T02:00:00.000Z", 2),
    )
    rows = adqs(STUDY, *events, exited, anchor("sbrt_end", "2026-05-02"))
    assert list(rows) == ["W6", "W12", "W24", "W36", "EOT"]
    began = form("BL", "2026-03-02T02:00:00.000Z", 1)
    assert [row.get("BASE") for row in adqs(STUDY, *events, began, exited).values()] == [Decimal(100)] * 5
    later = rows["W12"]
    assert [later[name] for name in ("DTYPE", "ASSESSID", "FRMSTAT", "MISRSN", "POPFL", "EXP1FL")] == [
        "PHANTOM", "", "NOT EXPECTED", "WITHDREW STUDY", "Y", "N",
    ]  # fmt: skip
    assert (later["AWTARGET"], later["AWLO"], later["AWHI"], later["PARTFL"]) == (85, 78, 92, None)
    blind = replace(STUDY, sees_arm=False)
    assert list(adqs(blind, *events, exited, anchor("sbrt_end", "2026-05-02"))) == ["W6", "W12", "W24", "W36"]
    assert list(adqs(STUDY, *events)) == ["W6"]
    assert list(adqs(STUDY, person(consented=None), *events[1:], exited)) == ["W6"]
    lost = event("p/status", 4, status={"in_force": [WITHDRAWN | {"kind": "lost"}]})
    assert list(adqs(STUDY, *events, lost)) == ["W6"]
    late = event("p/status", 4, status={"in_force": [WITHDRAWN | {"effective_on": "2026-09-30"}]})
    assert list(adqs(STUDY, *events, late)) == ["W6", "W36"]
    during = event("f-W24", 3, slot=slot("W24", "missed", None))
    whole = slot("W12", "missed", "2026-05-27") | {"opens_on": "2026-04-28", "closes_on": "2026-05-29"}
    missed = adqs(STUDY, *events, exited, during, event("f-W12", 3, slot=whole), anchor("sbrt_end", None))
    assert [missed[name]["MISRSN"] for name in ("W12", "W24")] == ["WITHDREW STUDY", "UNKNOWN"]
    counts = CompletenessCounts()
    counts.add_participant(STUDY, history(*events, exited))
    counted = {row["VISIT"]: (row["STATE"], row["REASON"]) for row in counts.build_reasons(STUDY)}
    assert counted == dict.fromkeys(("W12", "W24", "W36"), ("NOT EXPECTED", "WITHDREW STUDY"))
    moved = replace(
        SHIPPED, visits=tuple(replace(each, anchoring=Anchoring.previous) for each in SHIPPED.visits)
    )
    assert list(adqs(replace(STUDY, plan=moved), *events, exited)) == ["W6"]


@pytest.mark.req("REP-03")
def test_a_death_known_to_the_month_keeps_its_stated_date() -> None:
    exited = {"kind": "death", "date": "2026-06", "effective_on": "2026-06-30", "source": "edc"}
    subject = history(
        person(), anchor("randomisation", "2026-03-04"), event("p/status", 4, status={"in_force": [exited]})
    )
    death = next(row for row in build_ice(STUDY, subject) if row["ICECD"] == "death")
    assert (death["ICEDTC"], str(death["ICEDT"]), death["ICEPREC"]) == ("2026-06", "2026-06-30", "MONTH")
    assert [(row["DSDECOD"], row["DSSTDY"]) for row in build_ds(STUDY, subject)][-1] == ("DEATH", None)
    assert death["ICEDY"] == 119  # a month is a day of the study for the analysis alone
    day = "2026-06-10"
    earlier = exited | {"date": day, "effective_on": day, "recorded_at": "2026-07-01T08:00:00.000Z"}
    subject = history(person(), event("p/status", 4, status={"in_force": [exited, earlier]}))
    death = next(row for row in build_ice(STUDY, subject) if row["ICECD"] == "death")
    assert (death["ICEDTC"], death["ICEASOF"]) == (day, "2026-07-01T08:00:00Z")
    assert [row["DTHDTC"] for row in build_dm(STUDY, subject)] == [day]
    recorded = [row["DSDTC"] for row in build_ds(STUDY, subject) if row["DSTERM"] == "death"]
    assert recorded == ["2026-07-01T08:00:00Z", "2026-03-10T00:00:00Z"]
    assert study_day(None, None) is None
    assert fold_history([], EVERYTHING) is None


@pytest.mark.req("REP-08")
def test_a_blinded_reader_gets_no_row_for_a_missing_event() -> None:
    """Whether something that one arm alone has was recorded tells the arm."""
    subject = history(person(), form("BL", "2026-03-02T02:00:00.000Z", 1))
    for plan, sees_arm, status in (
        (replace(SHIPPED, blinded=True), False, "WITHHELD"),
        (replace(SHIPPED, blinded=True), True, "NONE RECORDED; OF ONE ARM ALONE"),
        (SHIPPED, False, "NONE RECORDED; OF ONE ARM ALONE"),
    ):
        study = replace(STUDY, plan=plan, sees_arm=sees_arm)
        events = {row["ICECD"]: row["ICESTAT"] for row in build_ice(study, subject)}
        assert (events["sbrt_start"], events["progression"]) == (status, "NONE RECORDED")
        places = {row["ICECD"]: row["ICEPOS"] for row in build_icepos(study, subject)}
        assert places["sbrt_start"] == ("WITHHELD" if status == "WITHHELD" else "NO EVENT")
        assert places["progression"] == "NO EVENT"


@pytest.mark.req("EDC-10")
def test_terms_have_a_code_for_everything_that_is_scored() -> None:
    terms = TERMS["qlq-c30", "3.0"]
    assert terms.category == "EORTC QLQ-C30 V3.0"
    codes: Sequence[str] = [terms.name_parameter(scale) for scale in QLQ_C30.scales]
    assert len(set(codes)) == len(QLQ_C30.scales)
    assert terms.scale_name(QLQ_C30.scales[0]) == "EOR01-Global Health Status/QoL"
    assert [terms.scale_code(scale) for scale in QLQ_C30.scales if scale.code == "SUM"] == [None]
    own = plain_terms(DIARY)
    assert (own.category, own.item_code(DIARY.items[1]), own.item_name(DIARY.items[1])) == (
        "SYMPTOM DIARY", "SD02", "Fatigue",
    )  # fmt: skip
    with pytest.raises(BadDefinition, match="category"):
        parse_terms(f'instrument = "x"\nversion = "1"\ncategory = "{"X" * 41}"\nprefix = "X"\n', "x.toml")
    with pytest.raises(BadDefinition, match="prefix"):
        parse_terms('instrument = "x"\nversion = "1"\ncategory = "X"\nprefix = "x"\n', "x.toml")


def test_a_code_that_does_not_begin_with_its_site_gets_it() -> None:
    subject = replace(history(person()), site="0512")
    assert STUDY.subject_id(subject) == "sbrt-nsclc-0512-0571-001"


def test_dm_says_why_somebody_has_no_arm() -> None:
    failed = event("p/status", 4, status={"in_force": [WITHDRAWN | {"kind": "screen_failure"}]})
    start = anchor("randomisation", "2026-03-04")
    of_one_group = tuple(each for each in SHIPPED.anchors if each.kind != "randomisation")
    plain = replace(STUDY, plan=replace(SHIPPED, anchors=of_one_group))
    for study, events, why in (
        (STUDY, (person(),), "NOT ASSIGNED"),
        (STUDY, (person(), failed), "SCREEN FAILURE"),
        (STUDY, (person(), start), None),
        (STUDY, (person(arm="SOC"), start), None),
        (plain, (person(),), None),
    ):
        assert [row["ARMNRS"] for row in build_dm(study, history(*events))] == [why]


def test_a_removed_section_is_listed_field_by_field() -> None:
    """Everything that was not ticked is ticked after a correction: nothing is left of its section."""
    slot = {"instrument": "symptom-diary", "instrument_version": "1.1"}
    head = {
        "subject": "0571-001",
        "site": "0571",
        "visit": "D0",
        "ref": "r",
        "recorded_at": "2026-03-04T03:00:00.000Z",
    }
    change = {**head, "type": "diary.amended", "reason": None, "actor": {"kind": "staff", "id": "zhang"}}
    before = {**change, "seq": 1, "version": 1, "data": {"slot": slot, "item_status": {"pain": "not_ticked"}}}
    after = {**change, "seq": 2, "version": 2, "data": {"slot": slot, "answers": {"pain": 3}}}
    changes = [
        (each.field, each.old, each.new, each.instrument_version) for each in list_changes([before], [after])
    ]
    assert changes == [("answers", "", "1", "1.1"), ("item_status.pain", "not_ticked", "", "1.1")]


def test_of_two_exits_of_one_day_a_form_is_missing_for_the_first_by_kind() -> None:
    """Whichever of them was recorded first, and only for one that ends questionnaires."""
    missed = event("f-W12", 3, slot=slot("W12", "missed", "2026-04-30"))
    kinds = ("withdrew_study", "lost", "death", "completed")
    for listed in (kinds, kinds[::-1]):
        exited = event("p/status", 4, status={"in_force": [WITHDRAWN | {"kind": kind} for kind in listed]})
        events = history(person(), missed, exited)
        assert missing_reason(events, events.forms[0]) == "DEATH"
