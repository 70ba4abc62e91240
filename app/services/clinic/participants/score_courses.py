"""The scores and the diary of one participant over time, for roles that the study lets see them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session, col, select

from app.definitions.library import Library
from app.domain.capture.arrival import completion_instant, is_completed_before
from app.domain.capture.outbox import credible_capture
from app.domain.desk.arm_blinding import sees_arm
from app.domain.instruments.definition import Instrument
from app.domain.instruments.responses import ValidAnswers
from app.domain.instruments.scoring.course import CoursePoint, ScaleCourse
from app.domain.instruments.scoring.registry import find_algorithm, score_answers
from app.domain.instruments.scoring.score import Score
from app.domain.instruments.scoring.thresholds import ThresholdSet
from app.domain.instruments.severity import Severity, has_severity, list_severities
from app.domain.plans.plan import Plan
from app.domain.plans.status import Status
from app.domain.plans.windows import local_day
from app.domain.records.anchors import AnchorStanding
from app.services.core.context import StaffContext
from app.services.core.plans import excluded_items, get_plan_of
from app.storage.queries.participant_answers import AnsweredForm, read_newest_forms
from app.storage.queries.slots import is_diary_slot, list_slots, slot_status
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Anchor, Slot

_UNTOLD = frozenset({Status.planned, Status.waiting, Status.not_expected})
"""States of forms that no plot shows: not open yet, or never expected."""


@dataclass(frozen=True, slots=True)
class InstrumentCourse:
    """Every scale of one instrument over the visits; `thresholds` where the plan names a set."""

    instrument: Instrument
    courses: tuple[ScaleCourse, ...]
    thresholds: ThresholdSet | None


@dataclass(frozen=True, slots=True)
class DiaryDay:
    """One diary day: entered or missed, and what was entered of each symptom."""

    day: date
    entered: bool
    missed: bool
    severities: Mapping[str, Severity]


@dataclass(frozen=True, slots=True)
class DiaryCourse:
    """The diary day by day; `symptoms` are the items that ask how bad something is, in their order.

    `weeks_from`: the day from which study weeks are counted, that of the diary's anchor.
    """

    instrument: Instrument
    symptoms: tuple[str, ...]
    days: tuple[DiaryDay, ...]
    weeks_from: date


@dataclass(frozen=True, slots=True)
class DatedEvent:
    """A dated fact that plots mark."""

    kind: str
    dated_on: date


@dataclass(frozen=True, slots=True)
class ParticipantScores:
    """Scores and diary of a participant, and the dated facts that this member of staff may see."""

    public_id: str
    subject: str
    zone: str
    plan: Plan
    instruments: tuple[InstrumentCourse, ...]
    diary: DiaryCourse | None
    events: tuple[DatedEvent, ...]


def get_participant_scores(context: StaffContext, participant_id: int) -> ParticipantScores:
    """All scores of a participant, computed exactly from the newest version of each form.

    In a blinded plan forms and dates that reveal the arm are left out for those without that grant.
    """
    with context.read() as session:
        participant = session.get_one(Participant, participant_id)
        plan = get_plan_of(context.installation, session, participant)
        hides = not sees_arm(context.actor, plan, participant.study_id, participant.site_id)
        slots = [slot for slot in list_slots(session, participant_id) if not (hides and slot.arm_revealing)]
        anchors = _list_anchors(session, participant_id)
        forms = read_newest_forms(session, participant_id)
    shown = _list_shown(slots, context.at)
    scored = [slot for slot in shown if not is_diary_slot(plan, slot)]
    instruments = dict.fromkeys((slot.instrument, slot.instrument_version) for slot in scored)
    courses = (
        _instrument_course(
            context.installation.library,
            plan,
            context.installation.library.get_instrument(*named),
            [slot for slot in scored if (slot.instrument, slot.instrument_version) == named],
            forms,
            anchors,
            context.at,
        )
        for named in instruments
    )
    return ParticipantScores(
        public_id=participant.public_id,
        subject=participant.subject,
        zone=participant.zone,
        plan=plan,
        instruments=tuple(course for course in courses if course.courses),
        diary=_diary_course(
            context, plan, [slot for slot in shown if is_diary_slot(plan, slot)], forms, anchors
        ),
        events=tuple(
            DatedEvent(kind, anchor.dated_on)
            for kind, anchor in anchors.items()
            if not (hides and plan.reveals_arm(kind))
        ),
    )


def _list_anchors(session: Session, participant_id: int) -> Mapping[str, Anchor]:
    statement = select(Anchor).where(
        Anchor.participant_id == participant_id, Anchor.standing == AnchorStanding.CURRENT
    )
    return {row.kind: row for row in session.exec(statement.order_by(col(Anchor.dated_on), col(Anchor.id)))}


def _list_shown(slots: Sequence[Slot], at: datetime) -> Sequence[Slot]:
    """The forms that plots show, by target day: those that were sent, and those that could be by now."""
    shown = (
        slot
        for slot in slots
        if slot.target_on is not None and slot_status(slot, at) not in _UNTOLD and _is_planned(slot)
    )
    return sorted(shown, key=lambda slot: (slot.target_on or date.max, slot.position))


def _is_planned(slot: Slot) -> bool:
    return slot.submitted_at is not None or not slot.out_of_plan


def _instrument_course(
    library: Library,
    plan: Plan,
    instrument: Instrument,
    slots: Sequence[Slot],
    forms: Mapping[int, AnsweredForm],
    anchors: Mapping[str, Anchor],
    at: datetime,
) -> InstrumentCourse:
    scores = {}
    for slot in slots:
        if slot.id in forms:
            leave_out = excluded_items(library.get_plan(plan.id, slot.plan_version), instrument.id)
            answers = ValidAnswers(forms[slot.id].answers)
            scores[slot.id] = {score.scale: score for score in score_answers(instrument, answers, leave_out)}
    courses = []
    for scale in instrument.scales:
        low, high = find_algorithm(instrument.algorithm).score_range(scale)
        points = tuple(
            _point(plan, slot, forms.get(slot.id), scores.get(slot.id, {}).get(scale.code), anchors, at)
            for slot in slots
        )
        courses.append(ScaleCourse(scale, low, high, points))
    return InstrumentCourse(instrument, tuple(courses), library.thresholds_of(plan).get(instrument.id))


def _point(
    plan: Plan,
    slot: Slot,
    form: AnsweredForm | None,
    score: Score | None,
    anchors: Mapping[str, Anchor],
    at: datetime,
) -> CoursePoint:
    completed_at = _completed_at(form) if form else None
    completed_on = local_day(completed_at, slot.zone) if completed_at else form.collected_on if form else None
    return CoursePoint(
        visit=slot.visit,
        target_on=slot.target_on or date.max,
        completed_on=completed_on,
        score=score,
        missed=slot_status(slot, at) is Status.missed,
        may_be_baseline=completed_on is not None
        and _is_before_anchor(plan, slot, completed_at, completed_on, anchors),
        completed_at=completed_at,
    )


def _completed_at(form: AnsweredForm) -> datetime | None:
    """When a form counts as completed, as datasets say it; of a paper form the day alone is known."""
    if form.collected_on is not None:
        return None
    captured = credible_capture(form.device_at, form.device_skew, form.captured_offline)
    return completion_instant(captured, form.received_at)


def _is_before_anchor(
    plan: Plan, slot: Slot, at: datetime | None, on: date, anchors: Mapping[str, Anchor]
) -> bool:
    """Whether a form of the baseline was completed inside its window and before the anchor that ends it."""
    rule = plan.baseline_rule
    if rule is None or slot.series != rule.series or slot.out_of_window or slot.out_of_plan:
        return False
    anchor = anchors.get(rule.closes_with or "")
    return anchor is None or is_completed_before(at, on, anchor.dated_at, anchor.dated_on)


def _diary_course(
    context: StaffContext,
    plan: Plan,
    slots: Sequence[Slot],
    forms: Mapping[int, AnsweredForm],
    anchors: Mapping[str, Anchor],
) -> DiaryCourse | None:
    if plan.diary is None or not slots:
        return None
    anchor = anchors.get(plan.diary.anchor)
    version = plan.version_of(plan.diary.instrument)
    instrument = context.installation.library.get_instrument(plan.diary.instrument, version)
    leave_out = excluded_items(plan, instrument.id)
    days = tuple(
        DiaryDay(
            day=slot.for_day,
            entered=slot.submitted_at is not None,
            missed=slot_status(slot, context.at) is Status.missed,
            severities=read_severities(context, plan, slot, forms.get(slot.id)),
        )
        for slot in slots
        if slot.for_day is not None
    )
    items = (item for item in instrument.items if item.code not in leave_out and has_severity(item))
    weeks_from = anchor.dated_on if anchor else days[0].day
    return DiaryCourse(instrument, tuple(item.code for item in items), days, weeks_from)


def read_severities(
    context: StaffContext, plan: Plan, slot: Slot, form: AnsweredForm | None
) -> Mapping[str, Severity]:
    """What a diary entry says of each symptom; nothing for one that was not sent."""
    if form is None:
        return {}
    library = context.installation.library
    instrument = library.get_instrument(slot.instrument, slot.instrument_version)
    leave_out = excluded_items(library.get_plan(plan.id, slot.plan_version), slot.instrument)
    return list_severities(instrument, ValidAnswers(form.answers), leave_out)
