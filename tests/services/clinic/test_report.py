"""The report: its numbers, the rows behind each of them, and what the tables of the database say."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import select

from app.domain.plans.status import Status
from app.domain.records.access import Actor, ActorKind, Role
from app.domain.records.audit import AuditEvent
from app.domain.records.dispositions import DispositionKind
from app.domain.refusal import Refused
from app.domain.report.completeness import EXITS, RateRules, RuleSet
from app.services.clinic.report.figures import ReportPart, ReportTable
from app.services.clinic.report.matrix import MATRIX_PAGE, get_matrix
from app.services.clinic.report.report import FigureAddress, get_report, list_figure_rows
from app.services.clinic.report.scope import ReportFilter
from app.services.clinic.today.contact_log import log_contact
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.schedule.dispositions import undo_disposition
from app.services.setup.studies import open_site
from app.storage.queries.report.dialects import local_days_between
from app.storage.queries.slots import is_diary_slot, slot_status
from app.storage.tables.capture import Response
from app.storage.tables.schedule import Anchor, Disposition, Slot
from app.storage.tables.studies import Site
from tests.scenarios.beginnings import site_of
from tests.scenarios.confirmation_rules import enrol_only
from tests.scenarios.people import START, Person, days, enrol_person, site_entry, staff_member
from tests.scenarios.report_stage import (
    BLANK,
    CLOSED,
    DIED,
    EVERYBODY,
    GOLDEN,
    LATE,
    LOST,
    NORMAL,
    TARGET,
    TOO_ILL,
    WITHDREW,
    record_exit,
)
from tests.scenarios.report_tables import linked_figures, report_reader, report_table, table_line
from tests.stages import Stage


@pytest.fixture
def stage() -> Stage:
    return GOLDEN


@pytest.fixture
def site(installation: Installation) -> Site:
    return site_of(installation)


@pytest.mark.req("REP-02", "REP-03", "REP-10")
@pytest.mark.parametrize(
    ("rules", "expected", "valid"),
    [
        (RateRules(RuleSet.first), 8, 4),
        (RateRules(RuleSet.second), 7, 4),
        (RateRules(RuleSet.first, late_counts=True), 8, 5),
        (RateRules(RuleSet.second, late_counts=True), 7, 5),
    ],
)
def test_the_golden_case_is_counted_from_rows(
    installation: Installation, site: Site, rules: RateRules, expected: int, valid: int
) -> None:
    context = report_reader(installation, site, Role.NURSE)
    week6 = table_line(report_table(context, ReportTable.rates, ReportFilter(rules=rules)), visit="W6")
    assert week6.counts == {
        "population": 10, "expected": expected, "valid": valid, "valid_expected": valid,
    }  # fmt: skip
    assert week6.shares == {"available": (valid, 10), "completion": (valid, expected)}


@pytest.mark.req("REP-01", "REP-04")
def test_the_ledger_gives_each_form_one_outcome_and_each_missed_one_its_reason(
    installation: Installation, site: Site
) -> None:
    context = report_reader(installation, site, Role.MONITOR)
    week6 = table_line(report_table(context, ReportTable.ledger), visit="W6").counts
    # Who is lost, or withdraws after the window opened, has missed the form; death is never missing data.
    assert week6 == {
        "forms": 10, "on_time": 5, "late": 1, "missed_with_reason": 2, "missed_without_reason": 1,
        "excused": 0, "not_expected": 1, "open": 0, "ahead": 0,
    }  # fmt: skip
    reasons = table_line(report_table(context, ReportTable.reasons), visit="W6").counts
    assert {name: count for name, count in reasons.items() if count} == {
        "missed": 3, "too_ill_patient": 1, "left": 1, "unstated": 1,
    }  # fmt: skip


def test_timing_tables_say_days_minutes_blanks_and_weeks(installation: Installation, site: Site) -> None:
    context = report_reader(installation, site, Role.NURSE)
    on_day = table_line(report_table(context, ReportTable.days), visit="W6")
    assert (on_day.counts["sent"], on_day.counts["on_target"], on_day.counts["after_closing"]) == (6, 5, 1)
    assert on_day.median == 0
    took = table_line(report_table(context, ReportTable.minutes), visit="W6")
    assert (took.counts["usual"], took.counts["paused"], took.median) == (5, 1, 12)
    blanks = report_table(context, ReportTable.blanks)
    assert table_line(blanks, item="q3").counts == {"asked": 6, "blank": 1}
    assert table_line(blanks, item="q1").counts == {"asked": 6, "blank": 0}


@pytest.mark.req("REP-10")
def test_weeks_tell_forms_with_a_call_from_those_without(installation: Installation, site: Site) -> None:
    """A contact counts for what was open and not yet sent, and once, however often staff called."""
    opened = Person(installation, site, NORMAL[0]).slot("W6").opens_at
    assert opened is not None
    submitted = TARGET + timedelta(hours=1, minutes=12)
    calls = {
        NORMAL[0]: (opened, TARGET), NORMAL[1]: (opened - timedelta(microseconds=1), submitted),
        TOO_ILL: (TARGET, TARGET + days(1)), LATE: (TARGET,),
    }  # fmt: skip
    for subject, moments in calls.items():
        person = Person(installation, site, subject)
        for at in moments:
            desk = StaffContext(installation, person.nurse, at)
            log_contact(desk, person.slot("W6").participant_id, "no_answer", "", None)
    weeks = report_table(
        report_reader(installation, site, Role.NURSE), ReportTable.weeks, ReportFilter(visit="W6")
    )
    ((where, counts, shares),) = ((each.where["line"], each.counts, each.shares) for each in weeks.lines)
    assert where == "2026-04-13"
    assert counts == {
        "settled": 9, "on_time": 5, "called-settled": 3, "called-on_time": 1,
        "uncalled-settled": 6, "uncalled-on_time": 4,
    }  # fmt: skip
    assert (shares["called-on_time_share"], shares["uncalled-on_time_share"]) == ((1, 3), (4, 6))
    for address, count in linked_figures(weeks):
        rows = list_figure_rows(
            report_reader(installation, site, Role.NURSE), ReportFilter(visit="W6"), address, limit=None
        )
        assert (rows.total, len(rows.forms)) == (count, count), address


def test_recruitment_counts_sign_in_within_three_days(installation: Installation, site: Site) -> None:
    months = report_table(report_reader(installation, site, Role.NURSE), ReportTable.recruitment)
    (march,) = months.lines
    assert march.where == {"line": "2026-03"}
    assert march.counts == {"enrolled": 10, "due": 10, "in_time": 10, "later": 0, "never": 0}


def test_diary_adherence_is_by_study_week(installation: Installation, site: Site) -> None:
    diary = report_table(report_reader(installation, site, Role.NURSE), ReportTable.diary)
    first = diary.lines[0]
    assert first.where == {"line": "000"}
    assert first.counts["settled"] > first.counts["on_time"] == 0


@pytest.mark.req("REP-02", "REP-10")
@pytest.mark.parametrize("part", list(ReportPart))
def test_every_number_is_the_number_of_its_rows(
    installation: Installation, site: Site, part: ReportPart
) -> None:
    nobody_bound = Person(installation, site, "0571-200")
    enrol_person(installation, site, nobody_bound.subject)
    chosen = ReportFilter(rules=RateRules(RuleSet.second))
    context = report_reader(installation, site, Role.INVESTIGATOR)
    compared = 0
    for each_table in get_report(context, chosen, part).tables:
        for address, count in linked_figures(each_table):
            rows = list_figure_rows(context, chosen, address, limit=None)
            listed = len(rows.forms) or len(rows.people)
            assert (rows.total, listed) == (count, count), address
            compared += 1
    assert compared > 4


@pytest.mark.req("REP-10")
def test_the_ledger_is_what_the_tables_hold(installation: Installation, site: Site) -> None:
    """Counted once more from whole rows, by the pure function of status, without any aggregate."""
    context = report_reader(installation, site, Role.NURSE)
    plan = installation.library.get_plan("sbrt-nsclc", "1.0")
    with installation.read() as session:
        slots = [slot for slot in session.exec(select(Slot)) if not is_diary_slot(plan, slot)]
    states = [slot_status(slot, CLOSED) for slot in slots]
    whole = report_table(context, ReportTable.ledger).whole
    assert whole is not None
    assert whole.counts["forms"] == len(slots)
    assert whole.counts["not_expected"] == states.count(Status.not_expected)
    assert whole.counts["on_time"] + whole.counts["late"] == states.count(Status.submitted)
    missed = whole.counts["missed_with_reason"] + whole.counts["missed_without_reason"]
    assert missed == states.count(Status.missed)


@pytest.mark.req("REP-02", "REP-10")
@pytest.mark.parametrize("rule_set", list(RuleSet))
def test_the_rates_are_what_the_tables_hold(
    installation: Installation, site: Site, rule_set: RuleSet
) -> None:
    """Counted once more from the rows of every form, person, exit and response."""
    context = report_reader(installation, site, Role.NURSE)
    exits = {
        participant: entry.effective_on
        for participant, entry in standing_exits(installation)
        if entry.kind in EXITS[rule_set]
    }
    expected, valid = 0, 0
    with installation.read() as session:
        randomised = set(session.exec(select(Anchor.participant_id).where(Anchor.kind == "randomisation")))
        scores = {each.slot_id: each.scores for each in session.exec(select(Response))}
        for slot in session.exec(select(Slot).where(Slot.series != "diary")):
            if slot.participant_id not in randomised or slot.closes_at is None or slot.closes_at > CLOSED:
                continue
            submitted = slot.submitted_at is not None and not slot.out_of_window
            scored = any(score["value"] is not None for score in scores.get(slot.id, ()))
            exited = exits.get(slot.participant_id, date.max) <= (slot.closes_on or date.max)
            valid += submitted and scored
            expected += (submitted and scored) or not exited
    whole = report_table(context, ReportTable.rates, ReportFilter(rules=RateRules(rule_set))).whole
    assert whole is not None
    assert (whole.counts["expected"], whole.counts["valid_expected"]) == (expected, valid)
    assert expected > valid > 0


def standing_exits(installation: Installation) -> list[tuple[int, Disposition]]:
    with installation.read() as session:
        return [(each.participant_id, each) for each in session.exec(select(Disposition))]


@pytest.mark.req("REP-03")
@pytest.mark.parametrize(("later", "expected"), [(7, 7), (8, 8)])
def test_an_exit_counts_to_the_last_day_of_the_window(
    installation: Installation, site: Site, later: int, expected: int
) -> None:
    person = Person(installation, site, TOO_ILL)
    record_exit(person, DispositionKind.death, TARGET.date() + timedelta(days=later), CLOSED)
    week6 = table_line(
        report_table(report_reader(installation, site, Role.NURSE), ReportTable.rates), visit="W6"
    )
    assert week6.counts["expected"] == expected


@pytest.mark.req("REP-03")
def test_exemptions_undone_exits_and_people_not_randomised_are_counted_as_the_rules_say(
    installation: Installation, site: Site
) -> None:
    context = report_reader(installation, site, Role.NURSE)
    second = ReportFilter(rules=RateRules(RuleSet.second))
    before = table_line(report_table(context, ReportTable.rates, second), visit="W6").counts
    enrol_person(installation, site, "0571-300")  # and not randomised, so nobody of the population
    assert table_line(report_table(context, ReportTable.rates, second), visit="W6").counts == before
    investigator = report_reader(installation, site, Role.INVESTIGATOR)
    undo_disposition(investigator, site.study_id, LOST, "came back")
    after = table_line(report_table(context, ReportTable.rates, second), visit="W6").counts
    assert after == {**before, "expected": before["expected"] + 1}


def test_filters_bound_site_visit_and_days(installation: Installation, site: Site) -> None:
    operator = report_reader(installation, site, Role.NURSE)
    open_site(
        StaffContext(installation, Actor(ActorKind.SYSTEM, "x", "system"), START),
        "sbrt-nsclc",
        site_entry("0021"),
    )
    whole = report_table(operator, ReportTable.ledger, ReportFilter(visit="W6")).whole
    assert whole is not None
    assert whole.counts["forms"] == 10
    ahead = ReportFilter(first=TARGET.date() + timedelta(days=1), visit="W6")
    assert report_table(operator, ReportTable.ledger, ahead).lines == ()
    past = ReportFilter(last=TARGET.date(), visit="W6", site="0571", study="sbrt-nsclc")
    assert table_line(report_table(operator, ReportTable.ledger, past), visit="W6").counts["forms"] == 10
    assert report_table(operator, ReportTable.ledger, ReportFilter(site="0021")).lines == ()
    july = ReportFilter(first=START.date() + days(100), last=START.date() + days(130))
    assert report_table(operator, ReportTable.recruitment, july).lines == ()


@pytest.mark.req("IAM-03", "REP-08")
def test_a_report_is_of_ones_own_study_sites_and_without_arms_for_the_blinded(
    installation: Installation, site: Site
) -> None:
    context = report_reader(installation, site, Role.NURSE)
    for chosen, code in (
        (ReportFilter(study="another"), "unknown_study"),
        (ReportFilter(site="9999"), "not_own_site"),
        (ReportFilter(visit="W5"), "unknown_visit"),
    ):
        with pytest.raises(Refused) as refused:
            get_report(context, chosen, ReportPart.completeness)
        assert refused.value.code == code
    nobody = replace(context, actor=staff_member(Role.ADMIN, site))
    with pytest.raises(Refused, match="unknown_study"):
        get_report(nobody, ReportFilter(), ReportPart.completeness)
    here = replace(context, actor=staff_member(Role.NURSE, site))
    assert table_line(report_table(here, ReportTable.rates), visit="W6").counts["population"] == 10

    names = [each.name for each in get_report(context, ReportFilter(), ReportPart.completeness).tables]
    assert ReportTable.rates_by_arm not in names
    statistician = report_reader(installation, site, Role.STATISTICIAN)
    arms = report_table(statistician, ReportTable.rates_by_arm)
    assert {each.where["arm"] for each in arms.lines} == {None}
    by_arm = FigureAddress(ReportTable.rates_by_arm, "population", arm="SBRT")
    assert list_figure_rows(statistician, ReportFilter(), by_arm).total == 0
    assert list_figure_rows(statistician, ReportFilter(), replace(by_arm, arm="")).readable == frozenset()
    with pytest.raises(Refused, match="unknown_figure"):
        list_figure_rows(context, ReportFilter(), by_arm)
    for wrong in (
        FigureAddress(ReportTable.ledger, "nothing"),
        FigureAddress(ReportTable.blanks, "blank"),
        FigureAddress(ReportTable.sites, "expected", site="9999"),
    ):
        with pytest.raises(Refused, match="unknown_figure"):
            list_figure_rows(context, ReportFilter(), wrong)


@pytest.mark.req("REP-01")
def test_the_matrix_shows_each_participants_forms_page_by_page(
    installation: Installation, site: Site
) -> None:
    context = report_reader(installation, site, Role.MONITOR)
    matrix = get_matrix(context, ReportFilter(), "")
    assert [row.subject for row in matrix.rows] == sorted(EVERYBODY)
    assert matrix.after == ""
    assert matrix.columns[:3] == (("BL", "qlq-c30"), ("W6", "qlq-c30"), ("W12", "qlq-c30"))
    states = {row.subject: row.cells[("W6", "qlq-c30")].status for row in matrix.rows}
    assert states[DIED] == Status.not_expected.value
    assert states[WITHDREW] == states[LOST] == states[TOO_ILL] == Status.missed.value
    assert states[LATE] == states[BLANK] == states[NORMAL[0]] == Status.submitted.value
    assert get_matrix(context, ReportFilter(), "0571-109").rows[0].subject == "0571-110"
    assert MATRIX_PAGE == 50
    with pytest.raises(Refused, match="unknown_study"):
        get_matrix(report_reader(installation, site, Role.SPONSOR_VIEWER), ReportFilter(), "")


@pytest.mark.parametrize(
    ("submitted_at", "days_after"),
    [("2026-10-24T21:59", -1), ("2026-10-25T22:30", 0), ("2026-10-25T23:30", 1), (None, None)],
)
def test_days_from_the_target_are_days_of_the_calendar(
    installation: Installation, submitted_at: str | None, days_after: int | None
) -> None:
    """Where the clock goes back on the target day, which has 25 hours in Berlin."""
    at = datetime.fromisoformat(submitted_at).replace(tzinfo=UTC) if submitted_at else None
    moment = sa.literal(at, sa.inspect(Slot).columns.submitted_at.type)
    day = sa.literal(date(2026, 10, 25), sa.Date())
    with installation.read() as session:
        zone, never = sa.literal("Europe/Berlin"), sa.literal(None, sa.Date())
        days = session.execute(sa.select(local_days_between(never, moment, zone, day)))
        assert days.scalar() == days_after
        on_paper = session.execute(sa.select(local_days_between(day, moment, zone, day)))
        assert on_paper.scalar() == 0


def test_who_has_not_consented_is_not_due_to_sign_in(installation: Installation, site: Site) -> None:
    enrol_only(installation, site, "0571-200")
    context = report_reader(installation, site, Role.NURSE)
    (march,) = report_table(context, ReportTable.recruitment).lines
    assert march.counts["never"] == 1
    with installation.open_work(context.actor, START) as work:
        row = work.session.merge(Person(installation, site, "0571-200").row())
        row.consent_version = None
        work.record(AuditEvent.PARTICIPANT_UPDATED, f"participant:{row.id}")
    (after,) = report_table(context, ReportTable.recruitment).lines
    assert (after.counts["enrolled"], after.counts["due"], after.counts["never"]) == (11, 10, 0)
