"""The report counted once more, form by form in plain Python, from rows as they stand in the tables."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from app.domain.plans.status import Status
from app.services.clinic.report.figures import ReportTable
from app.storage.queries.slots import slot_status
from app.storage.tables.capture import Response
from app.storage.tables.participants import ContactEntry, Participant
from app.storage.tables.schedule import Anchor, Disposition, Slot

Line = tuple[str, ...]
Recount = dict[Line, Counter[str]]
_ENDING = {"death", "withdrew_questionnaires", "withdrew_study", "screen_failure"}


@dataclass(frozen=True, slots=True)
class FormRows:
    """One form with all rows that tell of it; `versions` are those of its response, the first one first."""

    slot: Slot
    person: Participant
    status: Status
    versions: tuple[Response, ...]
    exits: tuple[Disposition, ...]
    contacts: tuple[ContactEntry, ...]
    randomised: bool
    at: datetime

    @property
    def closed(self) -> bool:
        return self.slot.closes_at is not None and self.slot.closes_at <= self.at

    @property
    def in_time(self) -> bool:
        return self.status is Status.submitted and not self.slot.out_of_window

    def has_left(self, *kinds: str) -> bool:
        last = self.slot.closes_on or date.min
        return any(each.kind in kinds and each.effective_on <= last for each in self.exits)


def read_forms(session: Session, at: datetime) -> Iterator[FormRows]:
    """Every form in the plan, with its rows; each table is read whole."""
    people = {each.id: each for each in session.exec(select(Participant))}
    entries = session.exec(select(Disposition)).all()
    undone = {each.undoes_id for each in entries}
    standing = [each for each in entries if each.undoes_id is None and each.id not in undone]
    contacts = session.exec(select(ContactEntry)).all()
    responses = session.exec(select(Response).order_by(col(Response.version))).all()
    randomised = {
        each.participant_id for each in session.exec(select(Anchor)) if each.kind == "randomisation"
    }
    for slot in session.exec(select(Slot)):
        if slot.out_of_plan:
            continue
        yield FormRows(
            slot,
            people[slot.participant_id],
            slot_status(slot, at),
            tuple(each for each in responses if each.slot_id == slot.id),
            tuple(each for each in standing if each.participant_id == slot.participant_id),
            tuple(each for each in contacts if each.participant_id == slot.participant_id),
            slot.participant_id in randomised,
            at,
        )


def _rates(form: FormRows) -> Iterator[str]:
    if not form.randomised or form.person.consented_on is None:
        return
    yield "population"
    scored = any(each["value"] is not None for each in form.versions[-1].scores) if form.versions else False
    valid = form.in_time and scored
    expected = form.closed and (valid or not form.has_left(*_ENDING))
    yield from (("valid",) if valid else ())
    yield from (("expected",) if expected else ())
    yield from (("valid_expected",) if valid and expected else ())


def _ledger(form: FormRows) -> Iterator[str]:
    yield "forms"
    if form.status is Status.submitted:
        yield "on_time" if form.in_time else "late"
    elif form.status is Status.missed:
        yield "missed_without_reason" if _why(form) == "unstated" else "missed_with_reason"
    elif form.status in (Status.excused, Status.not_expected):
        yield form.status.value
    else:
        yield "ahead" if form.status in (Status.planned, Status.waiting) else "open"


def _why(form: FormRows) -> str:
    if form.slot.missed_reason:
        return form.slot.missed_reason
    opens, closes = form.slot.opens_on or date.max, form.slot.closes_on or date.min
    exited = any(each.kind in _ENDING and opens <= each.effective_on <= closes for each in form.exits)
    return "left" if exited else "unstated"


def _reasons(form: FormRows) -> Iterator[str]:
    if form.status is Status.missed:
        yield from ("missed", _why(form))


def _weeks(form: FormRows) -> Iterator[str]:
    if form.status not in (Status.missed, Status.submitted):
        return
    until = form.slot.submitted_at or form.slot.closes_at
    assert form.slot.opens_at is not None
    assert until is not None
    called = any(form.slot.opens_at <= each.contacted_at < until for each in form.contacts)
    for figure in ("settled", "on_time") if form.in_time else ("settled",):
        yield from (figure, f"{'called' if called else 'uncalled'}-{figure}")


def _days_after(form: FormRows) -> int:
    submitted_at, target = form.slot.submitted_at, form.slot.target_on
    assert submitted_at is not None
    assert target is not None
    day = form.versions[0].collected_on or submitted_at.astimezone(ZoneInfo(form.slot.zone)).date()
    return (day - target).days


def _days(form: FormRows) -> Iterator[str]:
    after = _days_after(form)
    yield "sent"
    if form.slot.out_of_window:
        yield "after_closing"
    elif after == 0:
        yield "on_target"
    elif after < 0:
        yield "earlier" if after >= -3 else "much_earlier"
    else:
        yield "later" if after <= 3 else "much_later"


def _minutes_taken(form: FormRows) -> int:
    first = form.versions[0]
    return min(int((first.submitted_at - first.begun_at) / timedelta(minutes=1)), 60)


def _minutes(form: FormRows) -> Iterator[str]:
    taken = _minutes_taken(form)
    yield "sent"
    bins = ((5, "short"), (15, "usual"), (60, "long"))
    yield next((name for limit, name in bins if taken < limit), "paused")


def _modes(form: FormRows) -> Iterator[str]:
    yield from ("sent", form.versions[0].mode)
    yield from (("helped",) if form.versions[0].helped_by else ())


def _diary(form: FormRows) -> Iterator[str]:
    if form.status in (Status.missed, Status.submitted):
        yield from ("settled", "on_time") if form.in_time else ("settled",)


def _by_form(form: FormRows) -> Line:
    return form.slot.visit, form.slot.instrument


def _by_week(form: FormRows) -> Line:
    assert form.slot.target_on is not None
    return ((form.slot.target_on - timedelta(form.slot.target_on.weekday())).isoformat(),)


def _by_study_week(form: FormRows) -> Line:
    number = int(form.slot.visit.strip("DW"))
    return (f"{number if form.slot.visit.startswith('DW') else number // 7:03d}",)


def _always(_form: FormRows) -> bool:
    return True


def _was_closed(form: FormRows) -> bool:
    return form.closed


def _was_sent(form: FormRows) -> bool:
    return bool(form.versions)


def _on_a_device(form: FormRows) -> bool:
    return bool(form.versions) and form.versions[0].collected_on is None


_Rule = tuple[Callable[[FormRows], bool], Callable[[FormRows], Line], Callable[[FormRows], Iterator[str]]]
RECOUNTED: Mapping[ReportTable, _Rule] = {
    ReportTable.rates: (_always, _by_form, _rates),
    ReportTable.ledger: (_always, _by_form, _ledger),
    ReportTable.reasons: (_always, _by_form, _reasons),
    ReportTable.weeks: (_was_closed, _by_week, _weeks),
    ReportTable.days: (_was_sent, _by_form, _days),
    ReportTable.minutes: (_on_a_device, _by_form, _minutes),
    ReportTable.modes: (_was_sent, _by_form, _modes),
    ReportTable.diary: (_was_closed, _by_study_week, _diary),
}
"""For each table which forms belong, in which line each stands, and which figures it makes."""
_MEDIANS: Mapping[ReportTable, Callable[[FormRows], int]] = {
    ReportTable.days: _days_after,
    ReportTable.minutes: _minutes_taken,
}


def recount(table: ReportTable, forms: tuple[FormRows, ...]) -> tuple[Recount, dict[Line, Any]]:
    """The counts of a table by its lines, and their lower medians where the table has some."""
    belongs, line, figures = RECOUNTED[table]
    counts: Recount = {}
    values: dict[Line, list[int]] = {}
    for form in forms:
        if belongs(form) and (form.slot.for_day is not None) is (table is ReportTable.diary):
            counts.setdefault(line(form), Counter()).update(figures(form))
            if table in _MEDIANS:
                values.setdefault(line(form), []).append(_MEDIANS[table](form))
    medians = {key: sorted(own)[(len(own) - 1) // 2] for key, own in values.items()}
    return counts, medians
