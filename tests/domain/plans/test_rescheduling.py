"""What changed dates do to the forms that exist: each keeps its day, and what is answered is never moved."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.plans.checks import check_amendment
from app.domain.plans.plan import Plan
from app.domain.plans.rescheduling import (
    SlotMove,
    StandingSlot,
    merge_versions,
    out_of_plan_code,
    plan_moves,
    window_moves,
)
from app.domain.plans.schedule import PlannedSlot, plan_slots
from app.domain.plans.status import Exit, ExitKind, SlotFacts
from tests.domain.trial import BERLIN, DIARY, HEAD, SHANGHAI, SHIPPED, anchor_dates, small_plan, visit

DAY = timedelta(days=1)
ENROLLED, RANDOMISED = date(2026, 1, 1), date(2026, 1, 10)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
SHORT = small_plan(visit(), DIARY, head=HEAD)
"""A diary of seven days and then four weeks."""


def planned_forms(on: date | None, plan_zone: str = BERLIN) -> tuple[PlannedSlot, ...]:
    anchors = anchor_dates(enrolment=ENROLLED) | (anchor_dates(randomisation=on) if on else {})
    return plan_slots(SHORT, anchors, "A", plan_zone)


def stored(planned: PlannedSlot, key: int, facts: SlotFacts = SlotFacts()) -> StandingSlot:  # noqa: B008 - frozen
    diary = SHORT.diary
    is_diary = diary is not None and planned.series == diary.series
    return StandingSlot(key, planned, facts, is_diary=is_diary, on_request=False, out_of_plan=False)


class Forms:
    """A participant's forms, changed as the moves say."""

    def __init__(self, planned: Sequence[PlannedSlot], at: datetime = NOW) -> None:
        self.rows = {key: stored(each, key) for key, each in enumerate(planned, start=1)}
        self.at = at

    def diary(self) -> list[StandingSlot]:
        return [row for row in self.rows.values() if row.is_diary]

    def touch(self, key: int) -> None:
        row = self.rows[key]
        if not row.out_of_plan:
            self.rows[key] = replace(row, facts=replace(row.facts, begun_at=NOW))

    def moves(self, planned: Sequence[PlannedSlot]) -> tuple[SlotMove, ...]:
        return plan_moves(list(self.rows.values()), planned, None, self.at)

    def reschedule(self, planned: Sequence[PlannedSlot]) -> None:
        for move in self.moves(planned):
            self._apply(move)

    def _apply(self, move: SlotMove) -> None:
        form, planned = move.standing, move.planned
        if form is None:
            assert planned is not None
            key = len(self.rows) + 1
            self.rows[key] = stored(planned, key)
        elif planned is None:
            code = replace(form.planned, visit=out_of_plan_code(form))
            facts = form.facts if form.is_touched else replace(form.facts, excused=True)
            self.rows[form.key] = replace(form, planned=code, facts=facts, out_of_plan=True)
        elif form.is_touched:
            code = replace(form.planned, visit=planned.visit)
            self.rows[form.key] = replace(form, planned=code, out_of_plan=False)
        else:
            facts = replace(form.facts, excused=False)
            self.rows[form.key] = replace(form, planned=planned, facts=facts, out_of_plan=False)


@pytest.mark.req("TIM-06")
@given(
    st.lists(st.tuples(st.integers(-10, 10), st.sets(st.integers(1, 14), max_size=4)), min_size=1, max_size=5)
)
def test_each_day_ahead_has_one_form_and_what_is_begun_keeps_its_day(
    acts: list[tuple[int, set[int]]],
) -> None:
    on = date(2026, 2, 26)
    forms = Forms(planned_forms(on))
    for by, touched in acts:
        for key in touched & set(forms.rows):
            forms.touch(key)
        begun = {row.key: row for row in forms.rows.values() if row.is_touched}
        on += by * DAY
        planned = planned_forms(on)
        forms.reschedule(planned)
        assert forms.moves(planned) == (), "the same dates again change nothing"
        _check_days(forms, [each for each in planned if each.for_day is not None])
        for row in begun.values():
            after = forms.rows[row.key]
            assert (after.planned.window, after.planned.for_day) == (row.planned.window, row.planned.for_day)
            assert after.facts == row.facts
        codes = [(row.planned.visit, row.planned.instrument) for row in forms.rows.values()]
        assert len(set(codes)) == len(codes)


def _check_days(forms: Forms, days: Sequence[PlannedSlot]) -> None:
    expected = {each.for_day: each for each in days}
    for row in forms.diary():
        if row.planned.for_day in expected and not row.out_of_plan:
            assert row.planned.visit == expected[row.planned.for_day].visit
        else:
            assert row.out_of_plan
            assert row.planned.visit.startswith("OUT")
    for day, each in expected.items():
        assert day is not None
        live = [row for row in forms.diary() if row.planned.for_day == day and not row.out_of_plan]
        week = {day + DAY * number for number in range(each.covers_days)}
        begun = [row for row in forms.diary() if row.is_touched and row.planned.for_day in week]
        assert len(live) == 1 or (not live and each.covers_days == 7 and begun)


DAILY = DIARY[DIARY.index("  { code") :]
LONGER = """  { code = "D{n}", repeat = { from = 0, to = 13, step = 1, unit = "days" } },
  { code = "DW{n}", repeat = { from = 2, to = 6, step = 1, unit = "weeks" } },
]
"""
SHORTER = """  { code = "D{n}", repeat = { from = 0, to = 3, step = 1, unit = "days" } },
  { code = "DV{n}", repeat = { from = 1, to = 5, step = 1, unit = "weeks" } },
]
"""


def following(version: str, phases: str, *visits: str) -> Plan:
    """The small plan in a later version, with another diary and other visits."""
    head = HEAD.replace('version = "1.0"', f'version = "{version}"', 1).replace('"2.1"', f'"{version}"')
    return small_plan(*visits, DIARY.replace(DAILY, phases), head=head)


LATER = (
    following("2.0", LONGER, visit(), visit("V2", offset="9")),
    following("3.0", SHORTER, visit("V2", offset="5")),
)


class Followed:
    """A participant's forms under one version after another, whatever else moves them."""

    def __init__(self) -> None:
        self.on, self.plan, self.earlier = date(2026, 2, 26), SHORT, list[Plan]()
        self.forms = Forms(self.plan_slots_of(SHORT), datetime(2026, 2, 27, tzinfo=UTC))

    def plan_slots_of(self, plan: Plan) -> tuple[PlannedSlot, ...]:
        anchors = anchor_dates(enrolment=ENROLLED, randomisation=self.on)
        return plan_slots(plan, anchors, "A", BERLIN)

    def planned(self, unchanged: Sequence[StandingSlot]) -> tuple[PlannedSlot, ...]:
        own = {plan.version: self.plan_slots_of(plan) for plan in self.earlier}
        return merge_versions(self.plan_slots_of(self.plan), unchanged, own)

    def move(self, by: int) -> None:
        self.on += by * DAY
        version = self.plan.version
        unchanged = [form for form in self.forms.rows.values() if form.stays_earlier(version)]
        self.forms.reschedule(self.planned(unchanged))

    def amend(self) -> None:
        """The next version; what is begun or over stays as it is, to the last field."""
        if len(self.earlier) == len(LATER):
            return
        self.earlier.append(self.plan)
        self.plan = LATER[len(self.earlier) - 1]
        rows, at = self.forms.rows, self.forms.at
        unchanged = [form for form in rows.values() if form.outlasts_amendment(self.plan.version, at)]
        before, planned = dict(rows), self.planned(unchanged)
        self.forms.reschedule(planned)
        assert self.forms.moves(planned) == (), "once is enough"
        for form in before.values():
            if form.is_touched or form.is_over(at):
                after = rows[form.key]
                assert (after.planned.window, after.facts) == (form.planned.window, form.facts)
                assert after.planned.plan_version == form.planned.plan_version
                # One whose day only a version between had is out of plan again.
                assert after == form or form.out_of_plan or not self.has_of_its_own(form)
            elif not rows[form.key].out_of_plan:
                assert rows[form.key].planned.plan_version == self.plan.version

    def has_of_its_own(self, form: StandingSlot) -> bool:
        """Whether the form's own version has it, by these dates."""
        plan = next(each for each in (*self.earlier, SHORT) if each.version == form.planned.plan_version)
        day = form.planned.for_day
        return any(
            each.for_day == day and (day or each.key == form.planned.key) for each in self.plan_slots_of(plan)
        )

    def check(self) -> None:
        """Each day ahead has exactly one form; a week that holds a begun entry needs none of its own."""
        codes = [(row.planned.visit, row.planned.instrument) for row in self.forms.rows.values()]
        assert len(set(codes)) == len(codes)
        days = [(row.planned.for_day, row.planned.instrument) for row in self.forms.diary()]
        assert len(set(days)) == len(days)
        live = {row.planned.for_day: row for row in self.forms.diary() if not row.out_of_plan}
        begun = {row.planned.for_day for row in self.forms.diary() if row.is_touched}
        for each in self.plan_slots_of(self.plan):
            if each.for_day is not None and each.window is not None and each.window.closes_at > self.forms.at:
                week = {each.for_day + DAY * number for number in range(each.covers_days)}
                assert each.for_day in live or (each.covers_days > 1 and week & begun)


@pytest.mark.req("TIM-06")
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("move"), st.integers(-9, 9)),
            st.tuples(st.just("touch"), st.integers(1, 24)),
            st.tuples(st.just("wait"), st.integers(1, 15)),
            st.tuples(st.just("amend"), st.just(0)),
        ),
        max_size=14,
    )
)
def test_a_form_that_is_begun_or_over_outlasts_an_amendment_and_no_day_is_without(
    acts: list[tuple[str, int]],
) -> None:
    check_amendment(SHORT, LATER[0], "2.0")
    check_amendment(LATER[0], LATER[1], "3.0")
    followed = Followed()
    for act, number in acts:
        if act == "move":
            followed.move(number)
        elif act == "amend":
            followed.amend()
        elif act == "wait":
            followed.forms.at += number * DAY
        elif number in followed.forms.rows:
            followed.forms.touch(number)
        followed.check()


@given(st.integers(-10, 10))
def test_there_and_back_leaves_every_form_as_it_was(by: int) -> None:
    on = date(2026, 2, 26)
    forms = Forms(planned_forms(on))
    before = dict(forms.rows)
    forms.reschedule(planned_forms(on + by * DAY))
    forms.reschedule(planned_forms(on))
    assert {key: forms.rows[key] for key in before} == before
    assert all(row.out_of_plan for key, row in forms.rows.items() if key not in before)


@pytest.mark.req("TIM-06")
def test_a_date_that_becomes_known_gives_each_waiting_form_its_window() -> None:
    forms = Forms(planned_forms(None))
    keys = set(forms.rows)
    planned = planned_forms(RANDOMISED)
    forms.reschedule(planned)
    assert set(forms.rows) == keys
    assert [row.planned for row in forms.rows.values()] == list(planned)
    forms.reschedule(planned_forms(None))
    assert set(forms.rows) == keys
    assert {row.planned.window for row in forms.rows.values()} == {None}


def test_a_study_week_with_a_begun_entry_gets_no_second() -> None:
    forms = Forms(planned_forms(RANDOMISED))
    weekly = next(row for row in forms.diary() if row.planned.visit == "DW2")
    forms.touch(weekly.key)
    forms.reschedule(planned_forms(RANDOMISED - 3 * DAY))
    assert forms.rows[weekly.key].out_of_plan
    assert forms.rows[weekly.key].planned.visit == "OUT20260124"
    assert "DW2" not in {row.planned.visit for row in forms.diary()}
    assert {"DW1", "DW3", "DW4"} <= {row.planned.visit for row in forms.diary()}


def test_a_week_with_an_entry_of_an_earlier_version_gets_no_second() -> None:
    forms = Forms(planned_forms(RANDOMISED))
    weekly = next(row for row in forms.diary() if row.planned.visit == "DW2")
    forms.touch(weekly.key)
    merged = merge_versions(planned_forms(RANDOMISED - 3 * DAY), [forms.rows[weekly.key]], {})
    codes = {each.visit for each in merged}
    assert ("DW2" in codes, {"DW1", "DW3", "DW4"} <= codes) == (False, True)


def test_a_form_whose_day_was_never_known_leaves_with_a_code_of_its_own() -> None:
    begun = stored(planned_forms(RANDOMISED)[1], 1, SlotFacts(begun_at=NOW))
    waiting = stored(replace(begun.planned, for_day=None, window=None), 2)
    moves = plan_moves([begun, waiting], [begun.planned], None, NOW)
    assert [(move.standing, move.planned) for move in moves] == [(waiting, None)]
    assert out_of_plan_code(waiting) == "OUT2"


@pytest.mark.req("TIM-07")
def test_what_would_be_missed_is_said_of_forms_that_were_not_missed_before() -> None:
    waiting = Forms(planned_forms(None))
    missed = {move.planned.visit for move in waiting.moves(planned_forms(RANDOMISED)) if move.would_be_missed}  # type: ignore[union-attr]  # forms stay in this plan
    assert missed == {"V1", *(f"D{n}" for n in range(7)), *(f"DW{n}" for n in range(1, 5))}
    known = Forms(planned_forms(RANDOMISED))
    later = known.moves(planned_forms(RANDOMISED + DAY))
    new_days = {move.planned.visit for move in later if move.would_be_missed and move.planned}
    assert new_days == {"DW1", "DW2", "DW3", "DW4"}  # D6 now falls on the day that was DW1
    died = Exit(ExitKind.death, datetime(2026, 1, 2, tzinfo=UTC))
    assert not any(move.would_be_missed for move in plan_moves([], planned_forms(RANDOMISED), died, NOW))


def test_visits_of_another_arm_leave_and_come_back() -> None:
    anchors = anchor_dates(enrolment=ENROLLED, randomisation=RANDOMISED, sbrt_end=RANDOMISED + 30 * DAY)
    sbrt, soc = (plan_slots(SHIPPED, anchors, arm, SHANGHAI) for arm in ("SBRT", "SOC"))
    standing = [
        StandingSlot(key, each, SlotFacts(), each.series == "diary", on_request=False, out_of_plan=False)
        for key, each in enumerate(sbrt, start=1)
    ]
    moves = plan_moves(standing, soc, None, NOW)
    assert [move.standing.planned.visit for move in moves if move.standing] == ["EOT"]
    assert [(move.old is None, move.new) for move in window_moves(moves)] == [(False, None)]
    exited_form = next(form for form in standing if form.planned.visit == "EOT")
    again = [replace(form, out_of_plan=form is exited_form) for form in standing]
    back = plan_moves(again, sbrt, None, NOW)
    assert [move.planned.visit for move in back if move.planned] == ["EOT"]
    assert window_moves(back)[0].old is None


def test_a_visit_on_request_stays_when_the_plan_changes() -> None:
    requested = replace(stored(planned_forms(RANDOMISED)[0], 1), on_request=True)
    assert plan_moves([requested], (), None, NOW) == ()


def test_a_begun_form_that_moves_in_name_alone_shows_no_window_move() -> None:
    forms = Forms(planned_forms(RANDOMISED))
    day = next(row for row in forms.diary() if row.planned.visit == "D3")
    forms.touch(day.key)
    moves = forms.moves(planned_forms(RANDOMISED + DAY))
    renamed = next(move for move in moves if move.standing is not None and move.standing.key == day.key)
    assert renamed.planned is not None
    assert renamed.planned.visit == "D2"
    assert window_moves([renamed]) == ()
