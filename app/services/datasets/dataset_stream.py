"""The datasets of a cut as a stream: one participant after another, so that memory stays flat."""

import json
import time
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass

from app.domain.datasets.builder import DATASETS, DatasetBuilder
from app.domain.datasets.history import SubjectHistory, fold_history
from app.domain.datasets.study import DatasetStudy
from app.domain.datasets.tables import DatasetRow, DatasetTable
from app.services.core.installation import Installation
from app.services.core.plans import list_plan_versions
from app.services.datasets.cuts import NamedCut
from app.services.datasets.readers import DataContext, read_scopes
from app.storage.queries.datasets.histories import read_newest_events, read_people, read_refs

ExportProgress = Callable[[int, int], None]
"""Told how many participants are done, and of how many."""


EVERY_NAME = frozenset(table.name for table in DATASETS)
WAY_EVERY, WAY_SECONDS = 20, 0.00005
"""After how many records other threads may run, and how long one sleeps for it."""


def ignore_progress(_done: int, _total: int) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True, slots=True)
class DataSelection:
    """Which scopes are left out, though the reader has them: `arm:read`, `answers:read` and so on."""

    without: frozenset[str] = frozenset()

    def narrow_scopes(self, scopes: frozenset[str]) -> frozenset[str]:
        """The scopes that are left."""
        return scopes - self.without


def describe_dataset_study(installation: Installation, cut: NamedCut, sees_arm: bool) -> DatasetStudy:
    """The definitions by which a cut is read: those of its plan version, and of those before it."""
    library = installation.library
    with installation.read() as session:
        versions = list_plan_versions(session, cut.study_id, until=cut.plan_version)
    plan = library.get_plan(cut.study, cut.plan_version)
    return DatasetStudy(
        study=cut.study,
        cut=cut.name,
        through=cut.through,
        at=cut.at,
        plan=plan,
        earlier=tuple(library.get_plan(cut.study, version) for version in versions[1:]),
        find_instrument=library.get_instrument,
        terms=library.terms,
        thresholds=library.thresholds_of(plan),
        sees_arm=sees_arm,
    )


def stream_histories(
    context: DataContext, cut: NamedCut, selection: DataSelection, progress: ExportProgress = ignore_progress
) -> Iterator[SubjectHistory]:
    """Each participant whom the reader reaches and the feed knew at the cut, by code.

    The feed only grows, so that reading one participant after another gives what one reading would.
    """
    with context.read() as session:
        people = read_people(session, cut.study_id)
    for done, person in enumerate(people, 1):
        scopes = read_scopes(context, cut.study_id, person.site_id)
        if scopes is not None:
            with context.read() as session:
                refs = read_refs(session, person)
                events = read_newest_events(session, cut.study_id, refs, cut.through)
            history = fold_history(
                (json.loads(event.line) for event in events), selection.narrow_scopes(scopes)
            )
            if history is not None:
                yield history
        progress(done, len(people))


def stream_datasets(
    context: DataContext,
    cut: NamedCut,
    study: DatasetStudy,
    selection: DataSelection,
    progress: ExportProgress = ignore_progress,
    names: Set[str] = EVERY_NAME,
) -> Iterator[tuple[DatasetTable, DatasetRow]]:
    """Every record of every dataset of a cut, or of these; those of one dataset come in its order."""
    builder = DatasetBuilder(study, names)
    for history in stream_histories(context, cut, selection, progress):
        yield from builder.add_participant(history)
    yield from builder.finish()


def yield_thread(
    records: Iterator[tuple[DatasetTable, DatasetRow]],
) -> Iterator[tuple[DatasetTable, DatasetRow]]:
    """Pass records on, letting other threads run between them.

    Python runs one thread at a time, and whoever waits for a page must not wait until a thread that computes
    is interrupted.
    """
    for number, record in enumerate(records):
        if number % WAY_EVERY == 0:
            time.sleep(WAY_SECONDS)
        yield record
