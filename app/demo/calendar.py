"""From the stories to the days of the demonstration: every act with its moment, in order of time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import partial
from itertools import chain

from app.definitions.library import Library
from app.demo import acts, clinic_acts, correction_acts, licences, mishaps
from app.demo.acts import DemoStage, Filling
from app.demo.answers import draw_number, symptom_burden
from app.demo.home_study import HOME_OPENED, HOME_PEOPLE, act_at_home, open_home_study
from app.demo.sites import HOME_PLAN, HOME_STUDY, PLAN, STUDY, ZONE
from app.demo.stories import PEOPLE
from app.demo.story import FormStory, Story
from app.domain.plans.plan import Plan
from app.domain.plans.schedule import AnchorDate, PlannedSlot, plan_slots
from app.domain.plans.windows import Window, local_day, local_moment

_MORNING, _NOON = time(9, 30), time(14)
_AFTER_MIDNIGHT, _MORNING_LETTERS, _EVENING_LETTERS = time(0, 1), time(9, 1), time(19, 1)
_WEEKLY, _DAILY = 91, 14
_TOO_LATE = timedelta(days=5)
_JUST_NOW = timedelta(minutes=30)
_SECOND_PHONE = timedelta(minutes=9)
_IDLE = 3
_LICENSED, _LICENCE_ENDS = 60, -45
"""How many days ago the made-up licences were bought, and when the first of them ends."""
_DIARY_SHARE = 8
"""Of ten diary days, how many have an entry."""

DemoAct = Callable[[DemoStage, datetime], object]


@dataclass(frozen=True, slots=True)
class Act:
    """Something that somebody does at a moment; unless it `joins` others, in transactions of its own."""

    at: datetime
    do: DemoAct
    joins: bool = True


@dataclass(frozen=True, slots=True)
class Calendar:
    """Days counted back from the demonstration's today; nothing happens after `now`."""

    now: datetime

    @property
    def today(self) -> date:
        return local_day(self.now, ZONE)

    def count_back(self, days: int) -> date:
        return self.today - timedelta(days=days)

    def find_moment(self, day: date, clock: time) -> datetime:
        """This local time of a day; the present moment where that is still to come."""
        return min(local_moment(day, clock, ZONE) or self.now, self.now)


def list_acts(library: Library, now: datetime) -> list[Act]:
    """Every act of every story in order of time; a story's own order stands where moments are equal."""
    calendar, plan = Calendar(now), library.get_plan(STUDY, PLAN)
    acts_of_people = chain.from_iterable(_acts_of(plan, story, calendar) for story in PEOPLE)
    at_home = _acts_at_home(library.get_plan(HOME_STUDY, HOME_PLAN), calendar)
    licensing = partial(licences.import_licences, ends_on=calendar.count_back(_LICENCE_ENDS))
    bought = Act(calendar.find_moment(calendar.count_back(_LICENSED), _MORNING), licensing, joins=False)
    return sorted(chain(acts_of_people, at_home, [bought], _clock(calendar)), key=lambda act: act.at)


def _acts_at_home(plan: Plan, calendar: Calendar) -> Iterator[Act]:
    """The second study: how it is opened, and its stories."""
    yield Act(calendar.find_moment(calendar.count_back(HOME_OPENED), _MORNING), open_home_study)
    for act in chain.from_iterable(_acts_of(plan, story, calendar) for story in HOME_PEOPLE):
        yield replace(act, do=partial(act_at_home, do=act.do))


def _clock(calendar: Calendar) -> Iterator[Act]:
    """When the clock looks: thrice on each of the last days, seldom long ago, and at the very end."""
    for days in range(_first_day(), _WEEKLY, -28):
        yield Act(calendar.find_moment(calendar.count_back(days), _AFTER_MIDNIGHT), acts.pass_time)
    for days in range(_WEEKLY, _DAILY, -7):
        yield Act(calendar.find_moment(calendar.count_back(days), _AFTER_MIDNIGHT), acts.pass_time)
    for days in range(_DAILY, 0, -1):
        for clock in (_AFTER_MIDNIGHT, _MORNING_LETTERS, _EVENING_LETTERS):
            yield Act(calendar.find_moment(calendar.count_back(days), clock), acts.pass_time)
    yield Act(calendar.now, acts.pass_time)


def _first_day() -> int:
    return max(story.enrolled for story in PEOPLE)


def _acts_of(plan: Plan, story: Story, calendar: Calendar) -> Iterator[Act]:
    enrolled_on = calendar.count_back(story.enrolled)
    enrolled_at = calendar.find_moment(enrolled_on, _MORNING)
    yield Act(enrolled_at, partial(acts.enrol_person, story=story, on=enrolled_on))
    if story.activated:
        activated_at = enrolled_at + timedelta(minutes=20)
        yield Act(activated_at, partial(acts.activate_phone, story=story), joins=False)
    yield from _dates(story, calendar)
    yield from _ways_out(story, calendar)
    yield from _corrected(story, calendar)
    yield from _on_paper(story, calendar)
    yield from _alerted(story, calendar)
    if story.activated:
        yield from _requests(story, calendar)
        for slot in plan_slots(plan, _anchors(story, calendar), story.arm, ZONE):
            yield from _filled(story, slot, calendar)


def _dates(story: Story, calendar: Calendar) -> Iterator[Act]:
    if story.randomised is not None:
        day = calendar.count_back(story.randomised)
        yield Act(calendar.find_moment(day, _NOON), partial(acts.randomise_person, story=story, on=day))
    for stated in story.stated:
        day = calendar.count_back(stated.on)
        recorded = day if stated.recorded is None else calendar.count_back(stated.recorded)
        do = partial(acts.record_fact, story=story, stated=stated, on=day)
        yield Act(calendar.find_moment(recorded, _NOON), do)
    if story.foretold is not None:
        do = partial(mishaps.foretell_visit, story=story, visit=story.foretold)
        yield Act(calendar.find_moment(calendar.count_back(1), _NOON), do, joins=False)
    if story.requested is not None:
        visit, ago = story.requested
        day = calendar.count_back(ago)
        yield Act(
            calendar.find_moment(day, _MORNING),
            partial(acts.request_extra_visit, story=story, visit=visit, on=day),
        )


def _requests(story: Story, calendar: Calendar) -> Iterator[Act]:
    if story.asks is not None:
        yield Act(calendar.now - _JUST_NOW, partial(acts.ask_team, story=story, what=story.asks))
    for ago, outcome in story.called:
        called_at = calendar.find_moment(calendar.count_back(ago), _NOON)
        yield Act(called_at, partial(acts.call_person, story=story, outcome=outcome))
    if story.snoozed:
        yield Act(
            calendar.now - _JUST_NOW, partial(acts.snooze_row, story=story, reason=story.snoozed), joins=False
        )
    if story.assigned:
        assign = partial(acts.assign_to_nurse, story=story)
        yield Act(calendar.now - _JUST_NOW, assign, joins=False)
    if story.locked_out:
        yield Act(calendar.now, partial(mishaps.lock_out_person, story=story))


def _corrected(story: Story, calendar: Calendar) -> Iterator[Act]:
    """A proposal, and the signature on it: its tries are counted apart, so it joins nothing."""
    if (corrected := story.corrected) is None:
        return
    do = partial(correction_acts.propose_correction_of, story=story, corrected=corrected)
    if corrected.earlier is not None:
        yield Act(calendar.find_moment(calendar.count_back(corrected.earlier), _NOON), partial(do, other=1))
    yield Act(calendar.find_moment(calendar.count_back(corrected.proposed), _NOON), do)
    if corrected.outcome is not None:
        signed = partial(correction_acts.sign_correction_of, story=story, outcome=corrected.outcome)
        yield Act(calendar.find_moment(calendar.count_back(corrected.decided), _NOON), signed, joins=False)


def _on_paper(story: Story, calendar: Calendar) -> Iterator[Act]:
    if (paper := story.paper) is not None:
        on = calendar.count_back(paper.filled)
        do = partial(clinic_acts.enter_paper_of, story=story, visit=paper.visit, on=on)
        yield Act(calendar.find_moment(calendar.count_back(paper.entered), _NOON), do)


def _alerted(story: Story, calendar: Calendar) -> Iterator[Act]:
    """What a nurse did about an alert: a step each morning, from the day after on."""
    if (alert := story.alerted) is None:
        return
    for later, step in enumerate(clinic_acts.list_steps(alert.state), start=1):
        do = partial(clinic_acts.handle_alert_of, story=story, alert=alert, step=step)
        yield Act(calendar.find_moment(calendar.count_back(alert.on - later), _MORNING), do)


def _ways_out(story: Story, calendar: Calendar) -> Iterator[Act]:
    for disposition in story.exits:
        day = calendar.count_back(disposition.on)
        do = partial(acts.record_exit, story=story, exit_=disposition, on=day)
        yield Act(calendar.find_moment(day, _NOON), do)
        if disposition.undone is not None:
            undone_at = calendar.find_moment(calendar.count_back(disposition.undone), _MORNING)
            yield Act(undone_at, partial(acts.undo_exit, story=story))
    if story.excused is not None:
        visit, ago = story.excused
        yield Act(
            calendar.find_moment(calendar.count_back(ago), _MORNING),
            partial(acts.excuse_visit_of, story=story, visit=visit),
        )
    if story.reason is not None:
        visit, code, ago = story.reason
        do = partial(acts.explain_missed, story=story, visit=visit, reason=code)
        yield Act(calendar.find_moment(calendar.count_back(ago), _MORNING), do)


def _anchors(story: Story, calendar: Calendar) -> dict[str, AnchorDate]:
    days = {"enrolment": story.enrolled, "randomisation": story.randomised}
    days |= {stated.kind: stated.on for stated in story.stated if stated.kind not in days}
    return {kind: AnchorDate(kind, calendar.count_back(ago)) for kind, ago in days.items() if ago is not None}


def _filled(story: Story, slot: PlannedSlot, calendar: Calendar) -> Iterator[Act]:
    """The acts by which one form is answered, as far as its person did so before today."""
    window = slot.window
    if window is None or (story.excused is not None and slot.visit == story.excused[0]):
        return
    how = story.forms.get(slot.visit)
    day, clock = (
        _entered(story, slot, window) if slot.for_day else _answered(story, slot, window, how, calendar)
    )
    alert = story.alerted if story.alerted and slot.for_day == calendar.count_back(story.alerted.on) else None
    if alert is not None and slot.for_day is not None:
        day = slot.for_day
    if how is FormStory.NOT or _silent(story, day, calendar):
        return
    if slot.for_day and alert is None and not _keeps_diary(story, slot.for_day, calendar):
        return
    at = calendar.find_moment(day, clock)
    late = slot.for_day is not None and (day - slot.for_day).days > 1
    filling = Filling(slot.visit, _burden(story, day, calendar), how, late, alert)
    yield Act(at, partial(acts.fill_form, story=story, filling=filling), joins=how is None)
    if how is FormStory.TWO_PHONES:
        yield Act(at + _SECOND_PHONE, partial(mishaps.bind_second_phone, story=story), joins=False)
        second = partial(acts.submit_from_second_phone, story=story, filling=filling)
        yield Act(at + _SECOND_PHONE, second, joins=False)
    arrives_at = _arrives_at(window, how)
    if arrives_at is not None:
        do = partial(acts.submit_late, story=story, filling=filling, captured_at=at + timedelta(minutes=7))
        yield Act(arrives_at, do)


def _silent(story: Story, day: date, calendar: Calendar) -> bool:
    """Whether nothing was answered on this day: today, after the last one, or during a mistaken exit."""
    away = (
        (disposition.on, disposition.undone) for disposition in story.exits if disposition.undone is not None
    )
    ago = (calendar.today - day).days
    return ago <= story.quiet or any(undone <= ago <= on for on, undone in away)


def _answered(
    story: Story, slot: PlannedSlot, window: Window, how: FormStory | None, calendar: Calendar
) -> tuple[date, time]:
    """Around the target day; a story about the window's end begins on its last day."""
    luck = draw_number(story.subject, slot.visit)
    if how is FormStory.IDLE:
        return calendar.count_back(_IDLE), time(19, luck % 60)
    if slot.visit == "BL":
        return window.opens_on, time(11, luck % 60)
    clock = time(19, luck % 60)
    if how is not None:
        return min(window.closes_on, calendar.count_back(1)), clock
    return max(window.opens_on, window.target_on - timedelta(days=luck % 4)), clock


def _entered(story: Story, slot: PlannedSlot, window: Window) -> tuple[date, time]:
    """On its evening, seldom a day or two later."""
    luck = draw_number(story.subject, slot.visit)
    after = {0: 1, 1: 2}.get(luck % 16, 0)
    return min(window.opens_on + timedelta(days=after), window.closes_on), time(20, luck % 60)


def _keeps_diary(story: Story, day: date, calendar: Calendar) -> bool:
    return (
        day >= calendar.count_back(story.diary)
        and draw_number(story.subject, day.isoformat()) % 10 < _DIARY_SHARE
    )


def _burden(story: Story, day: date, calendar: Calendar) -> float:
    weeks = -1.0 if story.randomised is None else (day - calendar.count_back(story.randomised)).days / 7
    return symptom_burden(story.subject, weeks)


def _arrives_at(window: Window, how: FormStory | None) -> datetime | None:
    """When answers that were kept on the phone arrive."""
    if how is FormStory.IN_GRACE:
        return window.closes_at + timedelta(hours=10)
    if how is FormStory.LATE:
        return window.grace_until + timedelta(hours=9)
    return window.closes_at + _TOO_LATE if how is FormStory.TOO_LATE else None
