"""Named cuts of a study: made once, never changed, and the beginning of every dataset (REP-09)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from app.domain.people.names import parse_code, parse_purpose
from app.domain.records.access import Permission
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused, check_all
from app.services.core.clock_watch import ClockUntrusted
from app.services.core.context import ClockContext
from app.services.datasets.readers import DataContext, is_anywhere_within_reach, is_within_reach
from app.services.reminders.due_slots import participants_due, process_due_slots
from app.storage.queries.datasets.cuts import find_cut, get_cut, list_cut_rows, read_feed_end
from app.storage.queries.participants import get_study
from app.storage.queries.staff import find_staff_names
from app.storage.row_changes import study_chain
from app.storage.tables.feed import DataCut
from app.storage.tables.studies import Study

_READING = (Permission.CUT_MAKE, Permission.EXPORT_RUN)
"""Any of these lets somebody see which cuts there are."""


@dataclass(frozen=True, slots=True)
class NamedCut:
    """A cut as it is shown: the feed through `through`, as known at `at`, read by these versions."""

    study_id: int
    study: str
    feed: str
    name: str
    through: int
    feed_hash: str
    at: datetime
    plan_version: str
    plan_sha256: str
    app_version: str
    purpose: str
    made_by: str


@dataclass(frozen=True, slots=True)
class CutOutcome:
    """A cut, and whether it was there already."""

    cut: NamedCut
    known: bool


def make_cut(context: DataContext, study: str, name: str, purpose: str) -> CutOutcome:
    """Make a named cut of the feed as it is now; the same name and purpose again give the first one.

    Whatever time alone has made due is told to the feed first, so that the cut says what is true at its
    instant, whenever the clock ticked last. Raises Refused: "unknown_study", "cut_of_whole_study" for staff
    of some sites alone, "cut_exists" for a name that was taken for something else, "clock_in_doubt", or as
    `parse_code` and `parse_purpose`.
    """
    check_cut_words(name, purpose)
    name, purpose = parse_code(name, "name"), parse_purpose(purpose)
    with context.read() as session:
        row = _get_permitted_study(session, context, study, (Permission.CUT_MAKE,))
        if not is_within_reach(context, Permission.CUT_MAKE, row.id):
            raise Refused("cut_of_whole_study")
    _publish_due_changes(context, row.id)
    with context.unit_of_work() as work:
        chain = study_chain(row.id)
        work.lock(chain, row.id)
        known = find_cut(work.session, row.id, name)
        if known is not None:
            return CutOutcome(_repeated(row, known, purpose), known=True)
        cut = _new_cut(context, work.session, work.session.get_one(Study, row.id), name, purpose)
        work.session.add(cut)
        work.record(AuditEvent.CUT_MADE, chain, row.id, reason=purpose)
        return CutOutcome(_shown(row, cut), known=False)


def check_cut_words(name: str, purpose: str) -> None:
    """Raises Refused as `parse_code` and `parse_purpose`."""
    check_all(lambda: parse_code(name, "name"), lambda: parse_purpose(purpose))


def list_cuts(context: DataContext, study: str) -> tuple[NamedCut, ...]:
    """The cuts of a study, the newest first. Raises Refused("unknown_study")."""
    with context.read() as session:
        row = _get_permitted_study(session, context, study, _READING)
        return tuple(_shown(row, cut) for cut in list_cut_rows(session, row.id))


def get_named_cut(
    context: DataContext, study: str, name: str, permissions: Sequence[Permission] = _READING
) -> NamedCut:
    """One cut of a study, for who has one of these permissions. Raises Refused: "unknown_study",
    "unknown_cut".
    """
    with context.read() as session:
        row = _get_permitted_study(session, context, study, permissions)
        return _shown(row, get_cut(session, row.id, name))


def find_cut_makers(context: DataContext, cuts: Iterable[NamedCut]) -> dict[str, str]:
    """The names of those who made cuts, by what the trail calls them; others have none."""
    with context.read() as session:
        return dict(find_staff_names(session, {cut.made_by for cut in cuts}))


def _get_permitted_study(
    session: Session, context: DataContext, study: str, permissions: Sequence[Permission]
) -> Study:
    """The study; any one of the permissions, at one of its sites, is enough."""
    row = get_study(session, study)
    if not any(is_anywhere_within_reach(context, permission, row.id) for permission in permissions):
        raise Refused("unknown_study", study=study)
    return row


def _repeated(study: Study, known: DataCut, purpose: str) -> NamedCut:
    if known.purpose != purpose:
        raise Refused("cut_exists", field="name", cut=known.name)
    return _shown(study, known)


def _publish_due_changes(context: DataContext, study_id: int) -> None:
    try:
        clock = ClockContext(context.installation, context.at)
    except ClockUntrusted as doubt:
        raise Refused("clock_in_doubt") from doubt
    for participant_id in participants_due(clock, study_id):
        process_due_slots(clock, participant_id, waits=True)


def _new_cut(context: DataContext, session: Session, study: Study, name: str, purpose: str) -> DataCut:
    seq, feed_hash = read_feed_end(session, study.id)
    return DataCut(
        study_id=study.id,
        name=name,
        seq=seq,
        feed_hash=feed_hash,
        cut_at=context.at,
        plan_version=study.plan_version,
        plan_sha256=study.plan_sha256,
        app_version=context.installation.app_version,
        purpose=purpose,
        made_by=context.actor.id,
    )


def _shown(study: Study, row: DataCut) -> NamedCut:
    return NamedCut(
        study_id=row.study_id,
        study=study.code,
        feed=study.feed,
        name=row.name,
        through=row.seq,
        feed_hash=row.feed_hash,
        at=row.cut_at,
        plan_version=row.plan_version,
        plan_sha256=row.plan_sha256,
        app_version=row.app_version,
        purpose=row.purpose,
        made_by=row.made_by,
    )
