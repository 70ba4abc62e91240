"""All datasets of a study, built in one pass over its participants."""

from collections.abc import Iterator, Set
from dataclasses import dataclass, field

from app.domain.datasets.analysis import ADQS, build_adqs
from app.domain.datasets.completeness import COMPL, REASONS, CompletenessCounts
from app.domain.datasets.events import ICE, ICEPOS, build_ice, build_icepos
from app.domain.datasets.history import SubjectHistory
from app.domain.datasets.questionnaires import DIARY, QS, SUPPQS, build_diary, build_qs, build_suppqs
from app.domain.datasets.study import DatasetStudy
from app.domain.datasets.subjects import DM, DS, SV, build_dm, build_ds, build_sv
from app.domain.datasets.tables import DatasetRow, DatasetTable

DATASETS = (DM, SV, DS, QS, SUPPQS, ADQS, DIARY, ICE, ICEPOS, COMPL, REASONS)
"""Every dataset, in the order in which a manifest lists them."""
_BUILDERS = (
    (DM, build_dm),
    (SV, build_sv),
    (DS, build_ds),
    (SUPPQS, build_suppqs),
    (DIARY, build_diary),
    (ICE, build_ice),
    (ICEPOS, build_icepos),
)


_NAMES = frozenset(table.name for table in DATASETS)


@dataclass(slots=True)
class DatasetBuilder:
    """Builds the records of one participant after another, then those that count all of them.

    Of the datasets of these names alone, if they are not all.
    """

    study: DatasetStudy
    names: Set[str] = _NAMES
    counts: CompletenessCounts = field(default_factory=CompletenessCounts)

    def add_participant(self, history: SubjectHistory) -> Iterator[tuple[DatasetTable, DatasetRow]]:
        """The records of the next participant, each with its dataset."""
        for table, build in _BUILDERS:
            if table.name in self.names:
                yield from ((table, row) for row in build(self.study, history))
        if self.names & {QS.name, ADQS.name}:
            yield from self._add_answers(history)
        if self.names & {COMPL.name, REASONS.name}:
            self.counts.add_participant(self.study, history)

    def _add_answers(self, history: SubjectHistory) -> Iterator[tuple[DatasetTable, DatasetRow]]:
        """QS, and ADQS, which names the numbers of its records."""
        answered = build_qs(self.study, history)
        if QS.name in self.names:
            yield from ((QS, row) for row in answered.rows)
        if ADQS.name in self.names:
            yield from ((ADQS, row) for row in build_adqs(self.study, history, answered.numbers))

    def finish(self) -> Iterator[tuple[DatasetTable, DatasetRow]]:
        """The records that are known once every participant was added."""
        if COMPL.name in self.names:
            yield from ((COMPL, row) for row in self.counts.build_compl(self.study))
        if REASONS.name in self.names:
            yield from ((REASONS, row) for row in self.counts.build_reasons(self.study))


def find_table(name: str) -> DatasetTable | None:
    """The dataset of this name, in capitals or not; None where there is none."""
    return next((table for table in DATASETS if table.name == name.upper()), None)
