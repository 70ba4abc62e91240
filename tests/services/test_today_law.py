"""Whom the work list shows is one rule, said twice: for any facts and moment, statements and rule agree."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from sqlmodel import col, select

from app.domain.plans.plan import WorklistRule
from app.domain.plans.status import ExitKind
from app.domain.plans.windows import Window, build_window
from app.domain.records.access import SYSTEM
from app.domain.records.audit import AuditEvent
from app.domain.records.participants import TeamRequestKind
from app.domain.today.contacts import join_reasons
from app.domain.today.reasons import DiaryFacts, ParticipantFacts, Reason, UnsubmittedForm, find_reasons
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.setup.studies import open_site
from app.storage.queries.report.form_figures import FormFigures, FormSelection, count_forms
from app.storage.queries.report.matrix_rows import read_cells
from app.storage.queries.today.branches import SOURCES
from app.storage.queries.today.rows import TodaySearch, count_reasons
from app.storage.row_changes import participant_chain
from app.storage.tables.capture import Alert, AnswerEvent
from app.storage.tables.messages import Message
from app.storage.tables.participants import Contact, Participant, Snooze, TeamRequest
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Site
from app.storage.unit_of_work import UnitOfWork
from tests.services.people import library, site_entry
from tests.services.test_today import by_rule, by_statement, read_facts
from tests.storage.trial import a_participant, a_slot

ZONE = "Asia/Shanghai"
NOW = datetime(2026, 6, 1, 3, 20, tzinfo=ZoneInfo("UTC"))
SNOOZED_BY = NOW - timedelta(days=4)
LONG_AGO = NOW - timedelta(days=200)
NUMBER = itertools.count(1)
PLAN = library().plan("sbrt-nsclc", "1.0")
REACHED_NOBODY = ("no_contact", "no_channel")


def draw_moment(draw: Random) -> datetime:
    return NOW + timedelta(hours=draw.randint(-16 * 24, 4 * 24))


def draw_rule(draw: Random) -> WorklistRule:
    return WorklistRule(
        closing_days=draw.randint(0, 5),
        idle_days=draw.randint(1, 4),
        unused_days=draw.randint(0, 5),
        undelivered_days=draw.randint(1, 20),
        diary_days=draw.randint(1, 9),
        diary_least=draw.randint(1, 4),
        diary_weeks=draw.randint(1, 2),
        opens_days=draw.randint(0, 5),
    )


@dataclass(frozen=True, slots=True)
class DrawnForm:
    """An expected form: of a visit, or (`phase`) an entry of the diary for a day, daily or weekly."""

    window: Window | None
    phase: str = ""
    for_day: date | None = None
    begun_at: datetime | None = None
    answers: tuple[datetime, ...] = ()
    submitted: bool = False
    excused: bool = False
    explained: bool = False
    revealing: bool = False
    out_of_plan: bool = False

    @property
    def expected(self) -> Window | None:
        """Its window, where it is expected and has one that is not cut away."""
        if self.out_of_plan or self.excused or self.window is None:
            return None
        if self.window.opens_at >= self.window.closes_at:
            return None
        return self.window


@dataclass(frozen=True, slots=True)
class DrawnPerson:
    """A participant with everything that the rule reads."""

    enrolled_at: datetime
    consented: bool
    activated: bool
    locked: bool
    left: bool
    calls: tuple[tuple[datetime, bool], ...]  # when they asked, and whether it is still open
    alerts: tuple[tuple[datetime, bool], ...]  # when they were raised, and whether they are still open
    messages: tuple[tuple[str, str | None, datetime | None], ...]
    address_at: datetime | None
    snoozed: frozenset[Reason]
    snoozed_until: datetime
    snoozed_at: datetime
    forms: tuple[DrawnForm, ...] = field(default_factory=tuple)


def draw_visit(draw: Random) -> DrawnForm:
    opens = NOW.date() + timedelta(days=draw.randint(-25, 4))
    target = opens + timedelta(days=draw.randint(0, 7))
    closes = target + timedelta(days=draw.randint(0, 7))
    cut = draw_moment(draw) if draw.random() < 0.2 else None
    window = build_window(opens, target, closes, ZONE, overdue_after=1, grace_hours=48, ends_at=cut)
    begun = window.opens_at + timedelta(hours=draw.randint(0, 300)) if draw.random() < 0.5 else None
    return DrawnForm(
        window=window if draw.random() < 0.9 else None,
        begun_at=begun,
        answers=tuple(draw_moment(draw) for _answer in range(draw.randint(0, 2))) if begun else (),
        submitted=draw.random() < 0.2,
        excused=draw.random() < 0.1,
        explained=draw.random() < 0.4,
        revealing=draw.random() < 0.4,
        out_of_plan=draw.random() < 0.1,
    )


def draw_diary(draw: Random) -> Iterator[DrawnForm]:
    """Daily entries, or weekly ones, of the days about now."""
    step = draw.choice([1, 7])
    often = draw.random()
    for number in range(draw.randint(-30, -5), 2, step):
        day = NOW.date() + timedelta(days=number)
        last = day + timedelta(days=2)
        window = build_window(day, day, last, ZONE, overdue_after=1, grace_hours=48)
        yield DrawnForm(
            window=window,
            phase="D" if step == 1 else "DW",
            for_day=day,
            begun_at=window.opens_at + timedelta(hours=9) if draw.random() < 0.3 else None,
            submitted=draw.random() < often,
            excused=draw.random() < 0.1,
            out_of_plan=draw.random() < 0.1,
        )


def draw_snoozing(draw: Random, forms: Sequence[DrawnForm], rule: WorklistRule) -> datetime:
    """When a row was let rest: some moment of the past, often one at which a reason began, or just before."""
    edges = [edge for edge in edges_of(forms, rule) if edge <= SNOOZED_BY]
    if edges and draw.random() < 0.7:
        return draw.choice(edges)
    return SNOOZED_BY - timedelta(hours=draw.randint(0, 16 * 24))


def draw_person(draw: Random, rule: WorklistRule) -> DrawnPerson:
    states = (
        ("failed", None),
        ("sent", None),
        ("dropped", "no_contact"),
        ("dropped", "window_moved"),
        ("queued", None),
    )
    drawn = [(*draw.choice(states), draw_moment(draw)) for _message in range(draw.randint(0, 3))]
    reasons = draw.sample(tuple(SOURCES), draw.randint(0, 6))
    forms = (*(draw_visit(draw) for _form in range(draw.randint(0, 4))), *draw_diary(draw))
    return DrawnPerson(
        enrolled_at=draw_moment(draw),
        consented=draw.random() < 0.7,
        activated=draw.random() < 0.5,
        locked=draw.random() < 0.3,
        left=draw.random() < 0.1,
        calls=tuple((draw_moment(draw), is_open) for is_open in (False, True) if draw.random() < 0.4),
        alerts=tuple((draw_moment(draw), draw.random() < 0.5) for _alert in range(draw.randint(0, 3))),
        messages=tuple((state, why, None if state == "queued" else at) for state, why, at in drawn),
        address_at=draw_moment(draw) if draw.random() < 0.4 else None,
        snoozed=frozenset(reasons),
        snoozed_until=draw_moment(draw) + timedelta(days=5),
        snoozed_at=draw_snoozing(draw, forms, rule),
        forms=forms,
    )


def keep(work: UnitOfWork, site: Site, drawn: DrawnPerson) -> int:
    """Store the participant; their key."""
    row = a_participant(work, site.study_id, site.id or 0, f"{site.code}-{next(NUMBER)}")
    key, chain = row.id or 0, participant_chain(row.id or 0)
    row.enrolled_at = drawn.enrolled_at
    row.consent_version = "1" if drawn.consented else None
    row.activated_at = drawn.enrolled_at if drawn.activated else None
    row.exit_kind = ExitKind.withdrew_study if drawn.left else None
    for asked_at, is_open in drawn.calls:
        closed_at = None if is_open else asked_at
        work.session.add(
            TeamRequest(participant_id=key, kind=TeamRequestKind.call, asked_at=asked_at, closed_at=closed_at)
        )
    if drawn.address_at is not None:
        work.session.add(
            Contact(participant_id=key, channel="email", address_sealed="x", recorded_at=drawn.address_at)
        )
    work.session.add(
        Snooze(
            participant_id=key,
            reasons=join_reasons(drawn.snoozed),
            until_at=drawn.snoozed_until,
            reason="x",
            recorded_at=drawn.snoozed_at,
            recorded_by="x",
        )
    )
    slots = [_slot(row, number, form) for number, form in enumerate(drawn.forms)]
    work.session.add_all(slots)
    _keep_messages(work, row, drawn)
    _keep_alerts(work, row, drawn)
    work.session.flush()
    for slot, form in zip(slots, drawn.forms, strict=True):
        work.session.add_all(_answers(slot, form))
    for event in (
        AuditEvent.PARTICIPANT_ENROLLED,
        AuditEvent.ANCHOR_RECORDED,
        AuditEvent.CALL_REQUESTED,
        AuditEvent.REMINDER_FAILED,
        AuditEvent.ANSWER_SAVED,
        AuditEvent.WORK_SNOOZED,
        AuditEvent.ALERT_RAISED,
    ):
        work.record(event, chain)
    return key


def _slot(row: Participant, number: int, form: DrawnForm) -> Slot:
    slot = a_slot(row, f"{form.phase or 'V'}{number}", form.window)
    slot.public_id = f"s{next(NUMBER)}"
    slot.begun_at, slot.for_day, slot.arm_revealing = form.begun_at, form.for_day, form.revealing
    slot.instrument = "symptom-diary" if form.phase else "qlq-c30"
    slot.position, slot.exit_kind = number, row.exit_kind
    slot.submitted_at = NOW if form.submitted else None
    slot.excused = "no_translation" if form.excused else None
    slot.out_of_plan = form.out_of_plan
    slot.missed_reason = "unknown" if form.explained else None
    return slot


def _answers(slot: Slot, form: DrawnForm) -> list[AnswerEvent]:
    return [
        AnswerEvent(
            slot_id=slot.id or 0,
            revision=number,
            client="c",
            seq=number,
            base=number - 1,
            item=f"q{number}",
            value=1,
            language="en",
            text_sha256="0" * 64,
            received_at=at,
        )
        for number, at in enumerate(form.answers, 1)
    ]


def _keep_messages(work: UnitOfWork, row: Participant, drawn: DrawnPerson) -> None:
    if not drawn.messages:
        return
    about = a_slot(row, "M", None)
    about.public_id = f"s{next(NUMBER)}"
    work.session.add(about)
    work.session.flush()
    for number, (state, failure, settled_at) in enumerate(drawn.messages):
        work.session.add(
            Message(
                slot_id=about.id or 0,
                participant_id=row.id or 0,
                window_version=0,
                kind=f"k{number}",
                state=state,
                channel="email",
                key=f"m{next(NUMBER)}",
                lease_until=NOW,
                queued_at=NOW,
                settled_at=settled_at,
                failure=failure,
            )
        )


def _keep_alerts(work: UnitOfWork, row: Participant, drawn: DrawnPerson) -> None:
    if not drawn.alerts:
        return
    about = a_slot(row, "A", None)
    about.public_id, about.position = f"s{next(NUMBER)}", -1
    work.session.add(about)
    work.session.flush()
    for number, (raised_at, is_open) in enumerate(drawn.alerts):
        work.session.add(
            Alert(
                public_id=f"a{next(NUMBER)}",
                participant_id=row.id or 0,
                study_id=row.study_id,
                slot_id=about.id or 0,
                rule=f"r{number}",
                response_version=1,
                raised_at=raised_at,
                closed_at=None if is_open else raised_at,
            )
        )


def facts_of(drawn: DrawnPerson, keys: Mapping[int, str], search: TodaySearch) -> ParticipantFacts:
    """What is true of a drawn participant, without a database; `keys` are those of their forms by place."""
    shown = [
        (number, form)
        for number, form in enumerate(drawn.forms)
        if not (form.revealing and search.hides_arm) and not form.submitted and form.expected
    ]
    calls = [at for at, is_open in drawn.calls if is_open]
    return ParticipantFacts(
        enrolled_at=drawn.enrolled_at,
        consented=drawn.consented,
        activated=drawn.activated,
        locked=drawn.locked,
        alerted_at=min((at for at, is_open in drawn.alerts if is_open), default=None),
        called_at=min(calls, default=None),
        undelivered_at=_undelivered(drawn, search),
        forms=tuple(_form(keys[number], form) for number, form in shown),
        diary=_diary(drawn, search),
        snoozed=drawn.snoozed if drawn.snoozed_until > search.at else frozenset(),
        snoozed_at=drawn.snoozed_at if drawn.snoozed_until > search.at else None,
    )


def _form(key: str, form: DrawnForm) -> UnsubmittedForm:
    assert form.window
    return UnsubmittedForm(
        key=key,
        visit=not form.phase,
        opens_at=form.window.opens_at,
        closes_at=form.window.closes_at,
        grace_until=form.window.grace_until,
        begun_at=form.begun_at,
        answered_at=max(form.answers, default=None),
        explained=form.explained,
    )


def _undelivered(drawn: DrawnPerson, search: TodaySearch) -> datetime | None:
    """When the newest message that tells anything reached nobody, if the address is as old."""
    telling = [
        (at, state == "failed" or why in REACHED_NOBODY)
        for state, why, at in drawn.messages
        if at is not None and (state in ("sent", "failed") or why in REACHED_NOBODY)
    ]
    newest = max((at for at, _lost in telling), default=None)
    if newest is None or not any(lost for at, lost in telling if at == newest):
        return None
    recent = newest > search.at - timedelta(days=search.plan.worklist.undelivered_days)
    return newest if recent and not (drawn.address_at and drawn.address_at > newest) else None


def _diary(drawn: DrawnPerson, search: TodaySearch) -> DiaryFacts:
    """Closed entries: daily ones opened in the last days, weekly ones closed in the last weeks."""
    rule, now = search.plan.worklist, search.at
    counts: dict[str, int] = dict.fromkeys(DiaryFacts.__slots__, 0)
    for form in drawn.forms:
        window = form.expected
        if not form.phase or window is None or window.closes_at > now:
            continue
        if form.phase == "D":
            recent = window.opens_at > now - timedelta(days=rule.diary_days + 1)
        else:
            recent = window.closes_at > now - timedelta(weeks=rule.diary_weeks)
        missed = not form.submitted and (form.begun_at is None or window.grace_until <= now)
        name = "daily" if form.phase == "D" else "weekly"
        counts[f"{name}_missed"] += recent and missed
        counts[f"{name}_submitted"] += recent and form.submitted
    return DiaryFacts(**counts)


def edges_of(forms: Sequence[DrawnForm], rule: WorklistRule) -> list[datetime]:
    """Moments at which something may begin or end, and just before."""
    days = {0, rule.closing_days, rule.opens_days, -rule.idle_days}
    ends = [
        moment - timedelta(days=number)
        for form in forms
        if form.window
        for moment in (form.window.opens_at, form.window.closes_at, form.window.grace_until, *form.answers)
        for number in days
    ]
    halves = [
        form.window.opens_at + (form.window.closes_at - form.window.opens_at) / 2
        for form in forms
        if form.window
    ]
    return [edge + step for edge in (*ends, *halves) for step in (timedelta(microseconds=-1), timedelta())]


@settings(
    max_examples=4,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@example(seed=3779928)  # a snoozed form, begun and left, while others go on answering
@given(seed=st.integers(0, 2**32 - 1))
def test_statements_and_rule_agree_for_any_facts_at_any_moment(
    installation: Installation, site: Site, seed: int
) -> None:
    draw = Random(seed)
    rule, hides_arm = draw_rule(draw), draw.random() < 0.5
    drawn = [draw_person(draw, rule) for _person in range(6)]
    place = open_site(
        StaffContext(installation, SYSTEM, LONG_AGO), "sbrt-nsclc", site_entry(f"{next(NUMBER):04d}")
    )
    with installation.work(SYSTEM, LONG_AGO) as work:
        keys = [keep(work, place, each) for each in drawn]
    names = _names(installation, keys)
    plan = replace(PLAN, worklist=rule)
    locked = tuple(key for key, each in zip(keys, drawn, strict=True) if each.locked)
    search = TodaySearch(site.study_id, plan, (place.id or 0,), NOW, hides_arm, locked=locked)
    edges = edges_of([form for person in drawn[:3] for form in person.forms[:2]], rule)
    later = [edge for edge in edges if edge > SNOOZED_BY]
    moments = [NOW + timedelta(hours=draw.randint(-72, 96)), *draw.sample(later, min(4, len(later)))]
    for now in moments:
        search = replace(search, at=now)
        true = {
            key: facts_of(each, names[key], search)
            for key, each in zip(keys, drawn, strict=True)
            if not each.left
        }
        read = read_facts(installation, search)
        expected = {key: find_reasons(facts, rule, now) for key, facts in true.items()}
        for key, facts in read.items():
            assert find_reasons(facts, rule, now) == expected[key], now
        listed = by_rule(true, search)
        found = by_statement(installation, search)
        for reason, who in listed.items():
            assert found[reason] == who, (reason, now)
        with installation.read() as session:
            counts = count_reasons(session.connection(), search)
        assert counts.by_reason == {reason: len(who) for reason, who in listed.items()}
        assert counts.every == len({who for each in listed.values() for who in each})
    _check_report(installation, search, drawn, names)


def _check_report(
    installation: Installation,
    search: TodaySearch,
    drawn: Sequence[DrawnPerson],
    names: Mapping[int, Mapping[int, str]],
) -> None:
    """Matrix and ledger hold the forms of visits that are in the plan, as the list does."""
    assert PLAN.diary
    live = {
        own[number]
        for each, own in zip(drawn, names.values(), strict=True)
        for number, form in enumerate(each.forms)
        if not form.phase and not form.out_of_plan
    }
    chosen = FormSelection(search.study_id, NOW, search.sites, shows_arm=True, diary=PLAN.diary.series)
    with installation.read() as session:
        cells = read_cells(session.connection(), chosen, list(names))
        groups = count_forms(session.connection(), FormFigures.completeness, chosen)
    assert {cell.slot for cell in cells if cell.visit not in ("M", "A")} == live
    assert sum(group["count"] for group in groups if group["visit"] not in ("M", "A")) == len(live)


def _names(installation: Installation, keys: list[int]) -> dict[int, dict[int, Any]]:
    """The public ids of everybody's forms, by the place at which they were drawn."""
    names: dict[int, dict[int, Any]] = {key: {} for key in keys}
    with installation.read() as session:
        for key in keys:
            own = select(Slot).where(Slot.participant_id == key, col(Slot.visit).not_in(("M", "A")))
            for slot in session.exec(own):
                names[key][slot.position] = slot.public_id
    return names
