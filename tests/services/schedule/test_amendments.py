"""A running study follows another version of its plan: what stays, what follows, and what cannot be."""

import csv
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from app.definitions.library import load_library
from app.domain.capture.paper import PaperOutcome
from app.domain.plans.plan import DiaryPhase, Owner, Plan, SecondCheck
from app.domain.plans.publication import feed_state
from app.domain.plans.status import Status
from app.domain.plans.windows import Unit
from app.domain.records.access import SYSTEM, Role
from app.domain.records.audit import AuditEvent
from app.domain.refusal import BadDefinition
from app.i18n.languages import LANGUAGE_CODES
from app.services.capture.forms import define_form
from app.services.clinic.participant_overview import get_participant_overview
from app.services.clinic.report.figures import ReportPart
from app.services.clinic.report.report import get_report
from app.services.clinic.report.scope import ReportFilter
from app.services.core.context import ClockContext, StaffContext
from app.services.core.hashing import HashCost
from app.services.core.installation import Installation
from app.services.core.secrets import SecretBox
from app.services.datasets.cuts import make_cut
from app.services.datasets.export import ExportEntry, export_cut
from app.services.datasets.recheck.cut_recheck import recheck_cut
from app.services.edc.lookups import describe_forms, describe_study
from app.services.reminders.due_slots import process_due_slots
from app.services.schedule.amendment.amendments import (
    ParticipantMove,
    begin_amendment,
    follow_amendment,
    open_amendment,
    preview_moves,
)
from app.services.schedule.exemptions import excuse_form
from app.services.schedule.requested_visits import request_visit
from app.services.schedule.schedule_check import check_schedules
from app.services.setup.packs import import_pack
from app.settings import DEMO_KEY
from app.storage.engine import open_engine
from app.storage.queries.slots import list_slots, slot_status
from tests.refusals import expect_refusal
from tests.scenarios.beginnings import SITE, make_stage, open_installation_at, site_of
from tests.scenarios.dataset_stage import FINAL, TREATED, TRIAL, client_of
from tests.scenarios.licensed_trial import STUDY as MOON
from tests.scenarios.licensed_trial import import_packs_of_trial, open_trial, pack_of, write_definitions
from tests.scenarios.paper_forms import enter_typed_paper, typed_paper
from tests.scenarios.people import START, Person, days, enrol_person, staff_member
from tests.scenarios.plan_versions import STUDY, longer_diary, weekly_diary, with_versions
from tests.scenarios.reminders import count_entries
from tests.scenarios.stale_next_due import find_stale_slots
from tests.scenarios.trail_entries import verify_trail
from tests.stages import Stage

DAY0 = START.date()
NOW = START + days(10)
"""Half past nine of the day of D10: D8 to D10 can be entered under the first version."""


def operator(installation: Installation, at: datetime = NOW) -> StaffContext:
    return StaffContext(installation, SYSTEM, at)


def amend(installation: Installation, version: str, at: datetime = NOW) -> list[ParticipantMove]:
    """Everybody follows this version; what was previewed is what was written."""
    context = operator(installation, at)
    amendment = open_amendment(context, STUDY, version)
    shown = list(preview_moves(context, amendment))
    begin_amendment(context, amendment, "protocol amendment 1")
    moved = [
        follow_amendment(context, amendment, key, "protocol amendment 1", True) for key in amendment.waiting
    ]
    assert [move and move.proposal for move in moved] == [move.proposal for move in shown]
    return shown


def tick(person: Person, at: datetime) -> None:
    process_due_slots(ClockContext(person.installation, at), person.row().id)


def versions(person: Person, *visits: str) -> list[tuple[str, str]]:
    return [(slot.plan_version, slot.instrument_version) for slot in map(person.slot, visits)]


def _treat(installation: Installation) -> Sequence[str]:
    person = enrol_person(installation, site_of(installation), "0571-001")
    person.begin("BL", START)
    person.submit("BL", START)
    person.randomise(DAY0, START)
    tick(person, NOW)
    person.begin("D9", NOW)
    return (person.cookie,)


UNDER_TREATMENT = make_stage(_treat, SITE)


@pytest.fixture
def stage(stage: Stage | None, request: pytest.FixtureRequest) -> Stage | None:
    return UNDER_TREATMENT if "treated" in request.fixturenames else stage


@pytest.fixture
def treated(person: Person) -> Person:
    """Randomised ten days ago; D9 is begun, D8 and D10 are open, D0 to D7 were missed."""
    return replace(person, installation=with_versions(person.installation, longer_diary, weekly_diary))


@pytest.mark.req("TIM-06", "TIM-07")
def test_what_is_begun_or_over_keeps_its_version_and_all_else_follows(treated: Person) -> None:
    (move,) = amend(treated.installation, "2.0")
    assert {visit for visit, _ in (each.key for each in move.appearing)} == {"W3", *_days(84, 98, 91, 84)}
    assert {each.key[0] for each in move.moving} >= {"W6", "D8", "D10"}
    assert (move.vanishing, move.proposal.would_be_missed) == ((), ())
    assert versions(treated, "BL", "D7", "D9") == [("1.0", "3.0"), ("1.0", "1.0"), ("1.0", "1.0")]
    assert versions(treated, "D8", "D10", "D97") == [("2.0", "1.1")] * 3
    assert versions(treated, "W3", "W6") == [("2.0", "3.0")] * 2
    assert treated.slot("D84").for_day == DAY0 + days(84)  # it was DW12
    statuses = {each: slot_status(treated.slot(each), NOW) for each in ("D8", "D9", "D10")}
    assert statuses == {"D8": Status.overdue, "D9": Status.overdue, "D10": Status.planned}
    assert treated.slot("D10").published_state == "not_opened"  # told again: it opens at six in the evening
    opens = treated.slot("D10").opens_at
    assert opens is not None
    assert opens.astimezone(UTC).hour == 10
    tick(treated, NOW)
    with treated.installation.read() as session:
        key = treated.row().id
        assert list(find_stale_slots(ClockContext(treated.installation, NOW), session, key)) == []
        states = [
            (slot.published_state, feed_state(slot_status(slot, NOW)).value)
            for slot in list_slots(session, key)
            if slot.published_state
        ]
        order = [slot.visit for slot in list_slots(session, key) if slot.for_day is None]
    assert order[:4] == ["BL", "W3", "W6", "W12"]
    assert all(said == live for said, live in states)
    assert list(check_schedules(operator(treated.installation))) == []
    kinds = (AuditEvent.PLAN_AMENDED, AuditEvent.PLAN_FOLLOWED)
    assert [count_entries(treated.installation, kind) for kind in kinds] == [1, 1]
    assert verify_trail(treated.installation) == []


def _days(first: int, last: int, *but: int) -> set[str]:
    return {f"D{day}" for day in range(first, last) if day not in but}


@pytest.mark.req("TIM-06")
def test_a_form_uses_the_plan_version_it_began_with(treated: Person) -> None:
    amend(treated.installation, "2.0")
    amend(treated.installation, "3.0")
    forms = {
        visit: define_form(treated.installation, STUDY, treated.slot(visit), "en")
        for visit in ("D9", "D8", "D11")
    }
    versions = {visit: (form.plan.version, form.instrument.version) for visit, form in forms.items()}
    # D8 closed after six days now, and nobody had begun it.
    assert versions == {"D9": ("1.0", "1.0"), "D8": ("3.0", "1.1"), "D11": ("3.0", "1.1")}
    treated.submit("D9", NOW, {"any_symptom": 0})
    gone = treated.slot("W6")
    assert (gone.out_of_plan, gone.excused, gone.plan_version) == (True, "not_in_plan", "2.0")
    investigator = StaffContext(treated.installation, staff_member(Role.INVESTIGATOR, treated.site), NOW)
    view = get_participant_overview(investigator, treated.row().id)
    assert view.plan.version == "3.0"
    assert [plan.version for plan in view.plans] == ["3.0", "2.0", "1.0"]
    assert {state.slot.visit for state in view.diary if state.status is Status.submitted} == {"D9"}
    report = get_report(investigator, ReportFilter(), ReportPart.completeness)
    assert report.scope.diary_weeks["DW13"] == 13
    assert report.scope.diary_weeks["DV5"] == 5
    get_report(investigator, ReportFilter(visit="W6"), ReportPart.completeness)  # forms of it exist
    edc = client_of(treated.installation, NOW)
    shown: Any = describe_study(edc, STUDY)
    assert [each["version"] for each in shown["instruments"] if each["id"] == "symptom-diary"] == [
        "1.1",
        "1.0",
    ]
    with expect_refusal("no_visit"):
        describe_forms(edc, treated.subject, "W3")


@pytest.mark.req("TIM-06")
def test_a_date_moves_a_form_that_is_over_by_its_own_version(treated: Person) -> None:
    """W3 of version 2 is over; version 3 has none. It stays in the plan while its own version has it."""
    amend(treated.installation, "2.0")
    later = START + days(40)
    tick(treated, later)
    amend(treated.installation, "3.0", later)
    assert (treated.slot("W3").out_of_plan, treated.slot("W3").plan_version) == (False, "2.0")
    shown: Any = describe_forms(client_of(treated.installation, later), treated.subject, "W3")
    (form,) = shown["forms"]
    assert form["status"] == "missed"
    treated.anchor("randomisation", DAY0 + timedelta(days=30), later, source=Owner.edc)
    w3 = treated.slot("W3")
    assert (w3.target_on, w3.plan_version, w3.out_of_plan) == (date(2026, 4, 22), "2.0", False)
    assert treated.slot("OUT20260311").plan_version == "1.0"  # D9 was begun, and no version has its day
    assert list(check_schedules(operator(treated.installation, later))) == []
    tick(treated, later)
    assert verify_trail(treated.installation) == []


@pytest.fixture
def lone_treated(lone: Person, randomised: None) -> Person:  # noqa: ARG001 - names the stage
    return replace(lone, installation=with_versions(lone.installation, longer_diary, weekly_diary))


def test_whoever_does_not_follow_yet_keeps_to_the_earlier_version(lone_treated: Person) -> None:
    """The study follows from the moment that it begins; one who waits is finished by beginning again."""
    installation, context = lone_treated.installation, operator(lone_treated.installation)
    amendment = open_amendment(context, STUDY, "2.0")
    begin_amendment(context, amendment, "protocol amendment 1")
    with expect_refusal("state_changed"):
        begin_amendment(context, amendment, "protocol amendment 1")
    newcomer = enrol_person(installation, lone_treated.site, "0571-002")
    newcomer.randomise(DAY0, START)
    assert versions(newcomer, "W3", "D0") == [("2.0", "3.0"), ("2.0", "1.1")]
    lone_treated.anchor("randomisation", DAY0 + timedelta(days=1), NOW, source=Owner.edc)
    request_visit(
        StaffContext(installation, lone_treated.nurse, NOW),
        lone_treated.site.study_id,
        "0571-001",
        "UNS",
        NOW.date(),
    )
    assert versions(lone_treated, "W6", "D20", "UNS-1") == [("1.0", "3.0"), ("1.0", "1.0"), ("1.0", "3.0")]
    (unfinished,) = check_schedules(context)
    assert [(fault.one, fault.other) for fault in unfinished.faults] == [("1.0", "2.0")]
    again = open_amendment(context, STUDY, "2.0")
    assert (again.begun, len(again.waiting)) == (True, 1)
    (key,) = again.waiting
    with expect_refusal("reason_needed"):
        follow_amendment(context, again, key, " ", False)
    assert follow_amendment(context, again, key, "protocol amendment 1", False) is not None
    assert follow_amendment(context, again, key, "protocol amendment 1", False) is None
    assert versions(lone_treated, "W6", "D20", "UNS-1") == [("2.0", "3.0"), ("2.0", "1.1"), ("2.0", "3.0")]
    assert open_amendment(context, STUDY, "2.0").waiting == ()
    assert list(check_schedules(context)) == []


def test_a_form_whose_new_window_is_over_is_missed_only_when_that_is_confirmed(lone_treated: Person) -> None:
    later = START + days(26)
    context = operator(lone_treated.installation, later)
    amendment = open_amendment(context, STUDY, "2.0")
    (move,) = preview_moves(context, amendment)
    assert move.proposal.would_be_missed == (("W3", "qlq-c30"),)
    begin_amendment(context, amendment, "protocol amendment 1")
    with expect_refusal("would_be_missed"):
        follow_amendment(context, amendment, amendment.waiting[0], "protocol amendment 1", False)
    assert lone_treated.row().plan_version == "1.0"
    follow_amendment(context, amendment, amendment.waiting[0], "protocol amendment 1", True)
    assert lone_treated.slot("W3").missed_reason == "administrative"


def test_a_form_that_was_entered_from_paper_once_waits_for_its_own_version(lone: Person) -> None:
    library = lone.installation.library
    twice = {key: replace(plan, double_paper_entry=True) for key, plan in library.plans.items()}
    amended = replace(lone.installation, library=replace(library, plans=twice))

    def asking_once(plan: Plan) -> Plan:
        return replace(longer_diary(plan), double_paper_entry=False)

    lone = replace(lone, installation=with_versions(amended, asking_once))
    assert enter_typed_paper(lone, typed_paper(), NOW) is PaperOutcome.first
    amend(lone.installation, "2.0")
    assert versions(lone, "BL") == [("1.0", "3.0")]
    slot, nurse = lone.slot("BL"), StaffContext(lone.installation, lone.nurse, NOW)
    with expect_refusal("not_excusable"):  # one entry waits, though the newer version asks for no second one
        excuse_form(nurse, slot.participant_id, slot.public_id, "no_translation")
    assert enter_typed_paper(lone, typed_paper(), NOW, role=Role.INVESTIGATOR) is PaperOutcome.submitted


def _with_diary(plan: Plan, **changed: Any) -> Plan:  # noqa: ANN401 - fields of a diary
    assert plan.diary is not None
    return replace(plan, diary=replace(plan.diary, **changed))


def _with_visits(plan: Plan, **changed: Any) -> Plan:  # noqa: ANN401 - fields of a visit
    """Another W6."""
    return replace(
        plan, visits=tuple(replace(each, **changed) if each.code == "W6" else each for each in plan.visits)
    )


REFUSALS: Mapping[str, Callable[[Plan], Plan]] = {
    "blinded": lambda plan: replace(plan, blinded=True),
    "second_check": lambda plan: replace(plan, second_check=SecondCheck.birth_date),
    "instruments": lambda plan: replace(plan, instruments=plan.instruments[:1]),
    "arms": lambda plan: replace(plan, arms=plan.arms[:1]),
    "diary = None": lambda plan: replace(plan, diary=None),
    "diary = ": lambda plan: _with_diary(plan, series="daily"),
    "visits = None": lambda plan: replace(plan, visits=plan.visits[1:]),
    "code = 'DW12'": lambda plan: _with_diary(plan, phases=(DiaryPhase("DW12", Unit.weeks, (13,)),)),
    "code = 'W6'": lambda plan: _with_visits(plan, series="early"),
    "languages": lambda plan: replace(plan, languages=("zh_CN",)),
    "subject_pattern": lambda plan: replace(plan, subject_pattern="[A-Z]+"),
    "anchors": lambda plan: replace(plan, anchors=plan.anchors[:1]),
}


def _as_fourth(change: Callable[[Plan], Plan], plan: Plan) -> Plan:
    return replace(change(plan), version="4.0")


def test_a_plan_that_cannot_follow_is_refused_with_the_key(lone_treated: Person) -> None:
    for key, change in REFUSALS.items():
        faulty = with_versions(lone_treated.installation, partial(_as_fourth, change))
        with pytest.raises(BadDefinition, match=f"4.0.toml: {key}"):
            open_amendment(operator(faulty), STUDY, "4.0")
    context = operator(lone_treated.installation)
    with expect_refusal("unknown_plan"):
        open_amendment(context, STUDY, "4.0")
    with expect_refusal("unknown_study"):
        open_amendment(context, "other", "1.0")
    overtaken = open_amendment(context, STUDY, "2.0")
    amend(lone_treated.installation, "2.0")
    amend(lone_treated.installation, "3.0")
    with expect_refusal("older_plan"):
        open_amendment(context, STUDY, "1.1")
    with expect_refusal("older_plan"):  # two commands side by side: the first one had its list already
        follow_amendment(context, overtaken, overtaken.waiting[0], "protocol amendment 1", True)
    # Version 3 has no DW12 any more, but forms of version 1 have.
    again = with_versions(lone_treated.installation, partial(_as_fourth, REFUSALS["code = 'DW12'"]))
    with pytest.raises(BadDefinition, match=r"code = 'DW12'.*in 1\.0 it means the day 12 weeks"):
        open_amendment(operator(again), STUDY, "4.0")
    assert open_amendment(context, STUDY, "3.0").waiting == ()


@pytest.mark.req("CAP-01")
def test_a_trial_follows_no_draft_and_takes_the_words_of_the_next_version_before_it(
    migrated_sqlite_url: str, tmp_path: Path
) -> None:
    folder = write_definitions(tmp_path / "questionnaires")
    later = folder / "moon-6" / "1.1"
    shutil.copytree(folder / "moon-6" / "1.0", later)
    for file in later.iterdir():
        file.write_text(file.read_text("utf-8").replace('version = "1.0"', 'version = "1.1"'), "utf-8")
    library = load_library(folder, LANGUAGE_CODES)
    first = library.get_plan(MOON, "1.0")
    used = tuple(replace(each, version="1.1") if each.id == "moon-6" else each for each in first.instruments)
    plan = replace(first, version="1.1", instruments=used)
    plans = {**library.plans, (MOON, "1.1"): plan, (MOON, "1.2"): replace(plan, version="1.2", draft=True)}
    engine = open_engine(migrated_sqlite_url)
    box = SecretBox(DEMO_KEY, HashCost(1, 8, 1))
    next_program = Installation(engine, replace(library, plans=plans), box, "https://d.test", "0")
    open_trial(next_program, START)
    import_packs_of_trial(next_program, START)
    with expect_refusal("draft_plan"):
        open_amendment(operator(next_program), MOON, "1.2")
    with expect_refusal("pack_missing"):
        open_amendment(operator(next_program), MOON, "1.1")
    for language in plan.languages:
        words = pack_of(language).replace('version = "1.0"', 'version = "1.1"')
        import_pack(operator(next_program), MOON, words, f"{language}.toml")
    assert not open_amendment(operator(next_program), MOON, "1.1").begun
    engine.dispose()


@pytest.fixture
def trial(migrated_sqlite_url: str) -> Iterator[Installation]:
    """The trial of `dataset_stage` on SQLite, with later versions of its plan."""
    with open_installation_at(migrated_sqlite_url) as installation:
        yield with_versions(installation, longer_diary, weekly_diary)


class TestCuts:
    """Datasets of a cut are read by the versions of the plan that the study had followed until then."""

    @pytest.fixture
    def stage(self) -> Stage:
        return TRIAL

    @pytest.mark.req("REP-09", "VAL-07")
    def test_a_cut_before_gives_the_same_bytes_and_a_cut_after_counts_each_form_by_its_own(
        self, trial: Installation, tmp_path: Path
    ) -> None:
        later, entry = FINAL + days(1), ExportEntry("FINAL", "final analysis")
        context = operator(trial, later)
        export_cut(context, STUDY, entry, tmp_path / "first")
        amend(trial, "2.0", later)
        amend(trial, "3.0", later)
        make_cut(context, STUDY, "AFTER", "after the amendments")
        export_cut(context, STUDY, entry, tmp_path / "second")
        files = sorted(path.name for path in (tmp_path / "first").iterdir())
        for name in files:
            assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
        export_cut(context, STUDY, ExportEntry("AFTER", "after the amendments"), tmp_path / "after")
        assert all(each.equal == each.total for each in recheck_cut(context, STUDY, "AFTER"))
        with (tmp_path / "after" / "compl.csv").open(encoding="utf-8", newline="") as file:
            rates = {row["VISIT"]: row for row in csv.DictReader(file) if row["ARMCD"] == "ALL"}
        # W6 is in the first two versions alone: those who came to have it are counted.
        assert rates["W6"]["NPOP"] == "3"
        assert Person(trial, site_of(trial), TREATED).slot("W6").plan_version == "1.0"
