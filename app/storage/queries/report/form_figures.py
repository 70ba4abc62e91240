"""Forms of a study with the facts that reports count: counted by them, or listed one by one.

The two statements have one source, `_facts`, so that a count is the count of what is listed. Everything is
bound to one study, and read by the database in one pass over its forms.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import col

from app.domain.plans.plan import RANDOMISATION
from app.domain.plans.status import ExitKind, Status
from app.domain.records.anchors import AnchorStanding
from app.domain.report.completeness import EXITS, RuleSet
from app.domain.report.ledger import EXITED, NO_ARM
from app.domain.report.spreads import LONG_TIME
from app.storage.queries.report.dialects import each_answer, epoch_seconds, has_score, local_days_between
from app.storage.queries.slots import status_expression
from app.storage.tables.capture import Alert, Correction, CorrectionDecision, Response
from app.storage.tables.columns import table_of
from app.storage.tables.participants import ContactEntry, Participant
from app.storage.tables.schedule import Anchor, Disposition, Slot

_MINUTE = 60
_BRACKET = 50
MOST_MINUTES = LONG_TIME
"""Minutes beyond this are not told apart."""


FactColumn = sa.SQLColumnExpression[Any]
"""What forms are counted by: a column, or what is made of columns."""


class FormFigures(StrEnum):
    """What forms are counted by."""

    completeness = "completeness"
    weeks = "weeks"
    days = "days"
    minutes = "minutes"
    blanks = "blanks"
    diary = "diary"
    modes = "modes"
    corrections = "corrections"
    alerts = "alerts"


OF_EVERY_FORM = frozenset({FormFigures.corrections, FormFigures.alerts})
"""What is counted of forms that the plan no longer has, too, as the lists of the desk have it."""


@dataclass(frozen=True, slots=True)
class FormSelection:
    """The forms of a report: of one study, at these sites (None: all of them), as known at `at`.

    `first` and `last` bound the target day. `randomises` says whether the study's population is only those
    who are randomised, `shows_arm` whether forms that would tell the arm belong, and `by_arm` whether the
    arm is one of the facts. `diary` names the series of the diary.
    """

    study_id: int
    at: datetime
    sites: tuple[int, ...] | None = None
    visits: tuple[str, ...] | None = None
    instrument: str = ""
    arm: str = ""
    first: date | None = None
    last: date | None = None
    randomises: bool = True
    shows_arm: bool = False
    by_arm: bool = False
    diary: str = ""


@dataclass(frozen=True, slots=True)
class ListedForm:
    """One form behind a figure. `key` continues the list: the form's, or that of its correction or alert.

    `reason`: why it was missed, `EXITED` where nobody said and figures of completeness count it so.
    """

    key: int
    participant: str
    subject: str
    slot: str
    site_id: int
    visit: str
    instrument: str
    instrument_version: str
    for_day: date | None
    target_on: date | None
    submitted_at: datetime | None
    out_of_window: bool
    reason: str | None
    zone: str
    status: str


_FIRST, _LATEST, _LATER = (sa.orm.aliased(Response, name=name) for name in ("first", "latest", "later"))
_IS_LATEST = ~sa.exists().where(
    col(_LATER.slot_id) == col(_LATEST.slot_id), col(_LATER.version) > col(_LATEST.version)
)
_RANDOMISED = sa.orm.aliased(Anchor, name="randomised")
_ANSWER = each_answer(col(_LATEST.answers)).table_valued("key", "value", name="answer")


def _first_exit(rules: RuleSet) -> sa.ColumnElement[date | None]:
    named = sorted(kind.value for kind in EXITS[rules])
    return sa.func.min(sa.case((_STANDING.c.kind.in_(named), _STANDING.c.effective_on)))


_STANDING, _UNDOING = (table_of(Disposition).alias(name) for name in ("standing", "undoing"))
_EXITS = (
    sa.select(
        _STANDING.c.participant_id,
        _first_exit(RuleSet.first).label("first"),
        _first_exit(RuleSet.second).label("second"),
    )
    .where(
        _STANDING.c.undoes_id.is_(None),
        ~sa.exists().where(_UNDOING.c.undoes_id == _STANDING.c.id),
    )
    .group_by(_STANDING.c.participant_id)
    .subquery("exits")
)


_GOING = table_of(Disposition).alias("going")
_EXITED_INSIDE = sa.exists().where(
    _GOING.c.participant_id == col(Slot.participant_id),
    _GOING.c.kind.in_(sorted(kind.value for kind in ExitKind)),
    _GOING.c.effective_on.between(col(Slot.opens_on), col(Slot.closes_on)),
    _GOING.c.undoes_id.is_(None),
    ~sa.exists().where(_UNDOING.c.undoes_id == _GOING.c.id),
)
"""Whether an exit in force ended questionnaires inside the window of a form."""


_CALLED = sa.exists().where(
    col(ContactEntry.participant_id) == col(Slot.participant_id),
    col(ContactEntry.contacted_at) >= col(Slot.opens_at),
    col(ContactEntry.contacted_at) < sa.func.coalesce(col(Slot.submitted_at), col(Slot.closes_at)),
)
"""Whether staff logged a contact, of any outcome, between a form's opening and its submission or closing."""


def count_forms(
    connection: Connection, figures: FormFigures, chosen: FormSelection
) -> Sequence[Mapping[str, Any]]:
    """How many forms (`count`) there are of each combination of facts: one aggregate query."""
    # Facts are made below and grouped above: bound values that stand twice would be two to PostgreSQL.
    facts = _of_study(sa.select(*_facts(figures, chosen).values()), figures, chosen).subquery()
    statement = sa.select(*facts.c, sa.func.count().label("count")).group_by(*facts.c)
    return [dict(row) for row in connection.execute(statement).mappings()]


def list_forms(
    connection: Connection,
    figures: FormFigures,
    chosen: FormSelection,
    facts_of_groups: Collection[Mapping[str, Any]],
    after: tuple[str, int],
    limit: int | None,
) -> list[ListedForm]:
    """The forms with any of these combinations of facts, by participant's code and key, after these."""
    facts: dict[str, FactColumn] = {
        name: fact.label(f"fact_{name}") for name, fact in _facts(figures, chosen).items()
    }
    status = status_expression(sa.literal(chosen.at)).label("status")
    own = {FormFigures.corrections: col(Correction.id), FormFigures.alerts: col(Alert.id)}.get(
        figures, col(Slot.id)
    )
    listed = (own.label("key"), *_LISTED, status)
    known = _of_study(sa.select(*listed, *facts.values()), figures, chosen).cte("known")
    known = known.prefix_with("MATERIALIZED")  # or PostgreSQL computes each fact for each combination anew
    alike = [
        sa.and_(*(_same(known.c[f"fact_{name}"], value) for name, value in group.items()))
        for group in facts_of_groups
    ]
    subject, key = known.c.subject, known.c.key
    shown = {column.name: known.c[column.name] for column in listed}
    if "left_inside" in facts:
        reason = sa.case((known.c.fact_left_inside, sa.literal(EXITED)), else_=known.c.reason)
        shown["reason"] = reason.label("reason")
    statement = (
        sa.select(*shown.values())
        .where(
            _any_of(alike),
            sa.or_(subject > after[0], sa.and_(subject == after[0], key > after[1])),
        )
        .order_by(subject, key)
        .limit(limit)
    )
    return [ListedForm(*row) for row in connection.execute(statement)]


_LISTED: tuple[Any, ...] = (
    col(Participant.public_id).label("participant"),
    col(Participant.subject),
    col(Slot.public_id).label("slot"),
    col(Slot.site_id),
    col(Slot.visit),
    col(Slot.instrument),
    col(Slot.instrument_version),
    col(Slot.for_day),
    col(Slot.target_on),
    col(Slot.submitted_at),
    col(Slot.out_of_window),
    col(Slot.missed_reason).label("reason"),
    col(Slot.zone),
)


def _any_of(alike: Sequence[sa.ColumnElement[bool]]) -> sa.ColumnElement[bool]:
    """Any of these, some at a time inside of a call, as SQLite refuses a chain of a thousand."""
    starts = range(0, len(alike), _BRACKET)
    brackets = (sa.or_(*alike[start : start + _BRACKET]) for start in starts)
    return sa.or_(sa.false(), *(sa.func.coalesce(bracket, sa.false()) for bracket in brackets))


def _same(column: FactColumn, value: object) -> sa.ColumnElement[bool]:
    if isinstance(value, bool):
        return sa.and_(column) if value else sa.not_(column)
    return column.is_(None) if value is None else column == value


def _facts(figures: FormFigures, chosen: FormSelection) -> dict[str, FactColumn]:
    """The facts by which these figures are counted, each under its name."""
    status = status_expression(sa.literal(chosen.at))
    where: dict[str, FactColumn] = {
        "visit": col(Slot.visit),
        "instrument": col(Slot.instrument),
        "site_id": col(Slot.site_id),
    }
    if figures is FormFigures.diary:
        return _labelled({"visit": where["visit"], "status": status, "late": col(Slot.out_of_window)})
    if figures is FormFigures.weeks:
        late = {"late": col(Slot.out_of_window), "called": _CALLED}
        return _labelled({"target_on": col(Slot.target_on), "status": status, **late})
    if figures is FormFigures.days:
        return _labelled({**_form(where), "late": col(Slot.out_of_window), "days": _days_from_target()})
    if figures in (FormFigures.minutes, FormFigures.modes):
        how = {"mode": col(_FIRST.mode), "helped": col(_FIRST.helped_by).is_not(None)}
        own: dict[str, FactColumn] = {"minutes": _minutes()} if figures is FormFigures.minutes else how
        return _labelled({**_form(where), **own})
    if figures is FormFigures.corrections:
        justified = col(CorrectionDecision.late_reason).is_not(None)
        outcome = col(CorrectionDecision.outcome)
        places = {"instrument": where["instrument"], "site_id": where["site_id"]}
        return _labelled({**places, "outcome": outcome, "justified": justified})
    if figures is FormFigures.alerts:
        taken = epoch_seconds(col(Alert.acknowledged_at)) - epoch_seconds(col(Alert.raised_at))
        waited = taken // sa.literal_column(str(_MINUTE), sa.BigInteger)
        return _labelled({"site_id": where["site_id"], "minutes": waited})
    if figures is FormFigures.blanks:
        return _labelled(
            {"instrument": where["instrument"], "item": _ANSWER.c.key, "blank": _ANSWER.c.value.is_(None)}
        )
    arm = {"arm": col(Participant.arm)} if chosen.by_arm else {}
    return _labelled({**where, **arm, "status": status, **_completeness(status, chosen)})


def _form(where: dict[str, FactColumn]) -> dict[str, FactColumn]:
    return {"visit": where["visit"], "instrument": where["instrument"]}


def _labelled(facts: dict[str, FactColumn]) -> dict[str, FactColumn]:
    return {name: fact.label(name) for name, fact in facts.items()}


def _completeness(status: sa.ColumnElement[str], chosen: FormSelection) -> dict[str, FactColumn]:
    randomised = col(_RANDOMISED.id).is_not(None) if chosen.randomises else sa.true()
    missed = status == sa.literal_column(f"'{Status.missed.value}'")
    unexplained = sa.and_(missed, col(Slot.missed_reason).is_(None))
    return {
        "in_population": sa.and_(randomised, col(Participant.consented_on).is_not(None)),
        "closed": sa.func.coalesce(col(Slot.closes_at) <= sa.literal(chosen.at), sa.false()),
        "left_first": sa.func.coalesce(_EXITS.c.first <= col(Slot.closes_on), sa.false()),
        "left_second": sa.func.coalesce(_EXITS.c.second <= col(Slot.closes_on), sa.false()),
        "late": sa.and_(col(Slot.submitted_at).is_not(None), col(Slot.out_of_window)),
        "scorable": sa.func.coalesce(has_score(col(_LATEST.scores)), sa.false()),
        "reason": sa.case((missed, col(Slot.missed_reason))),
        "left_inside": sa.case((unexplained, _EXITED_INSIDE), else_=False),
    }


def _days_from_target() -> sa.ColumnElement[int]:
    """Days from the target day to the one on paper, or else to that of sending; -1 is the day before."""
    answered = col(_FIRST.collected_on), col(Slot.submitted_at)
    return local_days_between(*answered, col(Slot.zone), col(Slot.target_on))


def _minutes() -> sa.ColumnElement[int]:
    passed = epoch_seconds(col(_FIRST.submitted_at)) - epoch_seconds(col(_FIRST.begun_at))
    whole = passed // sa.literal_column(str(_MINUTE), sa.BigInteger)
    return sa.case((whole < 0, 0), (whole > MOST_MINUTES, MOST_MINUTES), else_=whole)


def _of_study(statement: sa.Select[Any], figures: FormFigures, chosen: FormSelection) -> sa.Select[Any]:
    """The statement over the forms of this report, with the rows beside them that its figures need."""
    diary = col(Slot.series) == chosen.diary
    statement = statement.select_from(Slot).join(Participant, col(Participant.id) == col(Slot.participant_id))
    statement = _joined(statement, figures).where(
        col(Participant.study_id) == chosen.study_id,
        col(Slot.study_id) == chosen.study_id,
        *_narrowed(chosen),
    )
    if figures in OF_EVERY_FORM:
        return statement
    statement = statement.where(col(Slot.out_of_plan).is_(False))
    if figures is FormFigures.diary:
        return statement.where(diary, col(Slot.closes_at) <= chosen.at)
    statement = statement.where(col(Slot.for_day).is_(None), sa.not_(diary))
    if figures is FormFigures.weeks:
        return statement.where(col(Slot.closes_at) <= chosen.at)
    return statement if figures is FormFigures.completeness else statement.where(_SUBMITTED)


def _of_arm(arm: str) -> sa.ColumnElement[bool]:
    return col(Participant.arm).is_(None) if arm == NO_ARM else col(Participant.arm) == arm


_SUBMITTED = sa.and_(col(Slot.submitted_at).is_not(None), col(Slot.due_at).is_not(None))


def _joined(statement: sa.Select[Any], figures: FormFigures) -> sa.Select[Any]:
    slot, person = col(Slot.id), col(Participant.id)
    latest = sa.and_(col(_LATEST.slot_id) == slot, _IS_LATEST)
    if figures is FormFigures.completeness:
        randomised = sa.and_(
            col(_RANDOMISED.participant_id) == person,
            col(_RANDOMISED.kind) == RANDOMISATION,
            col(_RANDOMISED.standing) == AnchorStanding.CURRENT,
        )
        statement = statement.outerjoin(_RANDOMISED, randomised).outerjoin(
            _EXITS, _EXITS.c.participant_id == person
        )
        return statement.outerjoin(_LATEST, latest)
    first = sa.and_(col(_FIRST.slot_id) == slot, col(_FIRST.version) == 1)
    if figures is FormFigures.corrections:
        decided = col(CorrectionDecision.correction_id) == col(Correction.id)
        own = col(Correction.slot_id) == slot
        return statement.join(Correction, own).outerjoin(CorrectionDecision, decided)
    if figures is FormFigures.alerts:
        return statement.join(Alert, col(Alert.slot_id) == slot)
    if figures in (FormFigures.days, FormFigures.modes):
        return statement.join(_FIRST, first)
    if figures is FormFigures.minutes:  # how long somebody took on paper is not known
        return statement.join(_FIRST, sa.and_(first, col(_FIRST.collected_on).is_(None)))
    if figures is FormFigures.blanks:
        return statement.join(_LATEST, latest).join(_ANSWER, sa.true())
    return statement


def _narrowed(chosen: FormSelection) -> list[sa.ColumnElement[bool]]:
    """What the reader chose to see, and what they may see."""
    conditions: list[sa.ColumnElement[bool] | None] = [
        col(Participant.site_id).in_(chosen.sites) if chosen.sites is not None else None,
        col(Slot.visit).in_(chosen.visits) if chosen.visits is not None else None,
        col(Slot.instrument) == chosen.instrument if chosen.instrument else None,
        _of_arm(chosen.arm) if chosen.arm else None,
        col(Slot.target_on) >= chosen.first if chosen.first else None,
        col(Slot.target_on) <= chosen.last if chosen.last else None,
        None if chosen.shows_arm else col(Slot.arm_revealing).is_(False),
    ]
    return [condition for condition in conditions if condition is not None]
