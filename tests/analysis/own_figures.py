"""Changes and events of deterioration by the program's own code: from the feed, in exact fractions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from app.domain.datasets.history import FormFact, SubjectHistory
from app.domain.datasets.study import study_day
from app.domain.instruments.definition import Direction, Instrument
from app.domain.instruments.scoring.registry import score_answers
from app.domain.instruments.scoring.score import Score, change_from_baseline
from app.domain.plans.status import ExitKind
from app.domain.records.access import SYSTEM
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.datasets.cuts import get_named_cut
from app.services.datasets.dataset_stream import DataSelection, stream_histories
from tests.analysis.simulated import CUT, CUT_AT, VISITS
from tests.scenarios.dataset_stage import STUDY

POINTS = Fraction(10)
COMPETING, COMPOSITE = "DEATH COMPETES", "DEATH IS AN EVENT"


@dataclass(frozen=True)
class OwnFigures:
    """Changes by parameter, visit and arm; day and kind of each event by estimand, parameter and person."""

    changes: Mapping[tuple[str, str, str], list[Fraction]]
    events: Mapping[tuple[str, str, str], tuple[int, int]]


def compute_figures(installation: Installation) -> OwnFigures:
    """Those of the made-up trial's cut, of participants with an arm."""
    context = StaffContext(installation, SYSTEM, CUT_AT)
    cut = get_named_cut(context, STUDY, CUT)
    instrument = installation.library.get_instrument("qlq-c30", "3.0")
    parameters = installation.library.terms["qlq-c30", "3.0"].parameters
    changes: dict[tuple[str, str, str], list[Fraction]] = {}
    events: dict[tuple[str, str, str], tuple[int, int]] = {}
    for history in stream_histories(context, cut, DataSelection()):
        randomised = history.anchors.get("randomisation")
        if history.arm is None or randomised is None:
            continue
        scored = _score(history, instrument)
        for scale in instrument.scales:
            course = list(_course(scored, scale.code, randomised.on))
            if not course or course[0][0].visit != "BL":
                continue
            parameter, first = parameters[scale.code], course[0][1]
            later: list[tuple[int, Fraction]] = []
            for form, score in course[1:]:
                change = change_from_baseline(score, first)
                day = study_day(form.completed_on, randomised.on)
                assert change is not None
                assert day is not None
                changes.setdefault((parameter, form.visit, history.arm), []).append(change)
                later.append((day, change if scale.better is Direction.LOWER else -change))
            day, event = _event(history, later, randomised.on)
            events[COMPETING, parameter, history.subject] = (day, event)
            events[COMPOSITE, parameter, history.subject] = (day, min(event, 1))
    return OwnFigures(changes, events)


def _score(history: SubjectHistory, instrument: Instrument) -> list[tuple[FormFact, dict[str, Score]]]:
    """The forms in their windows, of the visits that all have, in their order, with their scores."""
    forms = (form for form in history.forms if form.visit in VISITS and form.is_in_window and form.answers)
    return [
        (form, {score.scale: score for score in score_answers(instrument, form.answers or {})})
        for form in sorted(forms, key=lambda each: VISITS.index(each.visit))
    ]


def _course(
    scored: list[tuple[FormFact, dict[str, Score]]], scale: str, randomised_on: date
) -> Iterator[tuple[FormFact, Score]]:
    """Of one scale what can be scored, the baseline if it came in time."""
    for form, scores in scored:
        in_time = form.visit != "BL" or (form.completed_on or randomised_on) <= randomised_on
        if in_time and scores[scale].value is not None:
            yield form, scores[scale]


def _event(history: SubjectHistory, later: list[tuple[int, Fraction]], start: date) -> tuple[int, int]:
    worse = [day for day, change in later if change >= POINTS]
    if worse:
        return min(worse), 1
    death = history.find_exit(ExitKind.death)
    if death is not None:
        return study_day(death.effective_on, start) or 0, 2
    return max((day for day, _change in later), default=1), 0
