"""A made-up trial large enough for a model: correlated answers, deaths, withdrawals, gaps and late forms.

Nobody answered anything here: answers are drawn from a seed, and the feed is written as the program tells
it of the people of `dataset_stage`, who stand in it too.
"""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from sqlmodel import col, select

from app.domain.instruments.definition import Instrument
from app.domain.instruments.scoring.registry import score_answers
from app.domain.instruments.scoring.score import serialise_score
from app.domain.plans.schedule import AnchorDate, PlannedSlot, plan_slots
from app.domain.plans.windows import Window
from app.domain.records.access import SYSTEM
from app.domain.records.audit import format_instant
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.datasets.cuts import make_cut
from app.storage.queries.participants import get_study
from app.storage.tables.feed import FeedEvent
from app.storage.tables.studies import Site
from bench.grown import add_slots
from bench.loading import SqliteLoader
from bench.trial import ZONE, Trial
from tests.scenarios.beginnings import open_installation_at, site_of
from tests.scenarios.dataset_stage import OFF, STUDY, TREATED

CUT = "PRIMARY"
CUT_AT = datetime(2027, 3, 30, 2, 0, tzinfo=UTC)
FIRST = date(2026, 3, 5)
VISITS = ("BL", "W6", "W12", "W24", "W36")
_INSTRUMENT = ("qlq-c30", "3.0")
_FEED = "study_id,seq,type,ref,version,site_id,recorded_at,line,hash"
_FIRST_KEY = 5000
_STEPS = (-0.45, 0.6, 1.5)
"""Where a hidden severity becomes the next answer of an item with four."""
_REASONS = ("too_ill_patient", "refused", "administrative", "not_reachable", "unknown")
Event = dict[str, Any]


@dataclass
class _Course:
    """One made-up participant: their arm, first day, hidden severity and what ended their course."""

    number: int
    arm: str
    start: date
    draw: Random
    severity: float = 0.0
    noise: float = 0.0
    exits: list[tuple[str, date]] = field(default_factory=list)

    @property
    def ref(self) -> str:
        return f"M{self.number}"

    @property
    def subject(self) -> str:
        return f"0571-{100 + self.number}"

    def answers(self, visit: str, instrument: Instrument) -> dict[str, int | str | None]:
        """Answers that hang together: within a form, and from one visit to the next."""
        weeks = 0 if visit == "BL" else int(visit[1:])
        self.noise = 0.6 * self.noise + self.draw.gauss(0, 0.45)
        slope = 0.006 if self.arm == "SBRT" else 0.018
        now = self.severity + self.noise + slope * weeks
        return {item.code: self._answer(item.code, now) for item in instrument.items}

    def _answer(self, code: str, now: float) -> int | None:
        if self.draw.random() < 0.012:
            return None
        felt = now + self.draw.gauss(0, 0.7)
        if code in ("q29", "q30"):
            return max(1, min(7, round(5.1 - 1.2 * felt)))
        return 1 + sum(felt > step for step in _STEPS)


def add_simulated_people(url: str, people: int, seed: int = 11) -> None:
    """Add so many people to the trial of `dataset_stage` in this SQLite file, and make a cut of it."""
    with open_installation_at(url) as installation:
        site, models = site_of(installation), _models(installation)
        with installation.read() as session:
            study = get_study(session, STUDY)
            last = max(session.exec(select(FeedEvent.seq)).all())
        trial = Trial(installation, study, (site,), url, SqliteLoader(url), CUT_AT)
        courses = [_begin(number, seed) for number in range(people)]
        events = [event for course in courses for event in _events(installation, models, course)]
        _add_people(trial, site, courses)
        _add_events(trial, site, events, last)
        make_cut(StaffContext(installation, SYSTEM, CUT_AT), STUDY, CUT, "primary analysis")


def _begin(number: int, seed: int) -> _Course:
    draw = Random(f"{seed}/{number}")
    start = FIRST + timedelta(days=draw.randrange(150))
    course = _Course(number, ("SBRT", "SOC")[number % 2], start, draw)
    course.severity = draw.gauss(0, 0.75)
    return course


def _models(installation: Installation) -> Mapping[str, Event]:
    """An event of each kind as the program tells it; the newest of each, so with an arm and a reason."""
    events_by_model: dict[str, Event] = {}
    with installation.read() as session:
        for row in session.exec(select(FeedEvent).order_by(col(FeedEvent.seq))).all():
            event = json.loads(row.line)
            is_diary = event["type"].startswith("diary.")
            if is_diary or event["subject"] not in (TREATED, OFF):
                continue
            kind = "participant" if "participant" in event["data"] else event["type"]
            events_by_model[kind] = event
    return events_by_model


def _events(installation: Installation, models: Mapping[str, Event], course: _Course) -> Iterator[Event]:
    """Everything that the feed tells of one of them."""
    own = {"subject": course.subject, "version": 1, "visit": None}
    person = deepcopy(models["participant"]) | own | {"ref": course.ref}
    person["data"]["arm"] = {"arm": course.arm}
    person["data"]["participant"] |= {"subject": course.subject}
    yield person
    dates = {"enrolment": course.start - timedelta(days=6), "randomisation": course.start}
    for kind, on in dates.items():
        anchor = deepcopy(models["anchor.recorded"]) | own | {"ref": f"{course.ref}/{kind}"}
        anchor["data"]["anchor"] = {"at": None, "date": on.isoformat(), "kind": kind, "source": "edc"}
        yield anchor
    plan = installation.library.get_plan(STUDY, "1.0")
    known = {kind: AnchorDate(kind, on, None) for kind, on in dates.items()}
    slots = {slot.visit: slot for slot in plan_slots(plan, known, course.arm, ZONE)}
    instrument = installation.library.get_instrument(*_INSTRUMENT)
    for visit in VISITS:
        window = slots[visit].window
        if window is None or window.opens_at > CUT_AT or (course.exits and _has_exited(course, window)):
            continue
        yield _form(models, course, slots[visit], window, instrument)
        _come_to_leave(course, window)
    if course.exits:
        yield _status(models, course)


def _has_exited(course: _Course, window: Window) -> bool:
    return course.exits[0][0] != "lost" and course.exits[0][1] < window.opens_on


def _come_to_leave(course: _Course, window: Window) -> None:
    """Some die, withdraw or are lost, more of them the worse they feel."""
    chance = 0.045 + 0.05 * max(0.0, course.severity + course.noise)
    on = max(window.target_on, course.start) + timedelta(days=course.draw.randrange(2, 60))
    if not course.exits and course.draw.random() < chance and on < CUT_AT.date():
        kind = course.draw.choice(("death", "death", "withdrew_questionnaires", "lost"))
        course.exits.append((kind, on))


def _form(
    models: Mapping[str, Event], course: _Course, slot: PlannedSlot, window: Window, instrument: Instrument
) -> Event:
    """A form that was sent in its window or too late, was missed, or whose window death came into."""
    visit = slot.visit
    own = {"subject": course.subject, "version": 1, "visit": visit, "ref": f"{course.ref}s{visit}"}
    gone = next((kind for kind, on in course.exits if on <= window.closes_on), None)
    chance = course.draw.random()
    if gone is None and (visit == "BL" or chance < 0.9):
        event = deepcopy(models["assessment.completed"]) | own
        late = visit != "BL" and chance < 0.04
        day = window.target_on + timedelta(days=9 if late else round(course.draw.gauss(0.5, 2.2)) % 7)
        at = format_instant(datetime(day.year, day.month, day.day, 2, tzinfo=UTC))
        answers = course.answers(visit, instrument)
        event["data"] |= {
            "answers": answers,
            "scores": [serialise_score(score) for score in score_answers(instrument, answers)],
        }
        event["data"]["response"] |= {"completed_at": at, "received_at": at, "begun_at": at}
        facts = {"state": "submitted", "submitted_at": at, "begun_at": at, "out_of_window": late}
    else:
        event = deepcopy(models["assessment.missed"]) | own
        reason = None if gone else course.draw.choice(_REASONS)
        state = "not_expected" if gone in ("death", "withdrew_questionnaires") else "missed"
        closed = window.closes_at <= CUT_AT
        facts = {"state": state if closed else "open", "missed_reason": reason if closed else None}
        facts |= {"exit": gone if state == "not_expected" else None, "out_of_window": False}
        facts |= {"submitted_at": None, "begun_at": None}
    event["type"] = (
        "assessment.completed" if facts["state"] == "submitted" else f"assessment.{facts['state']}"
    )
    event["data"]["slot"] |= facts | {
        "visit": visit,
        "anchor": slot.anchor,
        "opens_on": window.opens_on.isoformat(),
        "target_on": window.target_on.isoformat(),
        "closes_on": window.closes_on.isoformat(),
        "opens_at": format_instant(window.opens_at),
        "due_at": format_instant(window.due_at),
        "closes_at": format_instant(window.closes_at),
    }
    return event


def _status(models: Mapping[str, Event], course: _Course) -> Event:
    own = {"subject": course.subject, "version": 1, "ref": f"{course.ref}/status", "visit": None}
    event = deepcopy(models["status.recorded"]) | own
    (kind, on), at = course.exits[0], format_instant(CUT_AT)
    said = {"kind": kind, "date": f"{on}", "effective_on": f"{on}", "source": "site", "recorded_at": at}
    event["data"]["status"] = said | {"in_force": [said]}
    return event


def _add_people(trial: Trial, site: Site, courses: list[_Course]) -> None:
    study, moment = trial.study.id, trial.at.isoformat()
    trial.copy(
        "participant",
        "id,public_id,study_id,site_id,subject,zone,language,enrolled_at,reminders_wanted,version",
        (
            f"{_FIRST_KEY + each.number}\t{each.ref}\t{study}\t{site.id}\t{each.subject}\t{ZONE}\ten"
            f"\t{moment}\tt\t1\n"
            for each in courses
        ),
    )
    trial.copy(
        "anchor",
        "participant_id,kind,dated_on,source,recorded_at,recorded_by,standing",
        (
            f"{_FIRST_KEY + each.number}\t{kind}\t{each.start}\tedc\t{moment}\tedc\tcurrent\n"
            for each in courses
            for kind in ("enrolment", "randomisation")
        ),
    )
    slots = ((_FIRST_KEY + each.number, f"{each.ref}s{visit}") for each in courses for visit in VISITS)
    add_slots(trial, slots)


def _add_events(trial: Trial, site: Site, events: list[Event], last: int) -> None:
    def rows() -> Iterator[str]:
        for seq, event in enumerate(events, last + 1):
            line = json.dumps(event | {"seq": seq}, separators=(",", ":"), ensure_ascii=False)
            name = f"{trial.study.id}\t{seq}\t{event['type']}\t{event['ref']}\t1\t{site.id}"
            yield f"{name}\t{trial.at.isoformat()}\t{line}\t{'0' * 64}\n"

    trial.copy("feed_event", _FEED, rows())
    trial.execute(f"UPDATE feed_head SET seq = {last + len(events)}")
