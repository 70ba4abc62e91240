"""Datasets of a cut, as they are exported and as the fold of the whole feed up to its number."""

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from pathlib import Path

from sqlmodel import col, select

from app.domain.datasets.builder import DatasetBuilder
from app.domain.datasets.formats.spelling import format_cell
from app.domain.datasets.history import fold_history
from app.domain.datasets.tables import DatasetRow
from app.domain.records.access import SYSTEM
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.datasets.cuts import NamedCut, make_cut
from app.services.datasets.dataset_stream import DataSelection, describe_dataset_study, stream_datasets
from app.services.datasets.readers import READ_SCOPES
from app.services.datasets.recheck.cut_recheck import recheck_cut
from app.storage.tables.feed import FeedEvent
from tests.scenarios.sdtm_rules import ALWAYS, RULES

STEPS = 4
"""Numbers of a feed at which it is folded."""


def lines_of(installation: Installation) -> list[str]:
    """The feed as any client pulls it."""
    with installation.read() as session:
        rows = session.exec(select(FeedEvent).order_by(col(FeedEvent.seq)))
        return [row.line for row in rows]


def fold_feed(installation: Installation, cut: NamedCut) -> list[tuple[str, DatasetRow]]:
    """Every record of a cut from all lines of the feed up to its number, without any query."""
    events = [event for line in lines_of(installation) if (event := json.loads(line))["seq"] <= cut.through]
    events.sort(key=lambda event: (event["subject"], event["seq"]))
    builder = DatasetBuilder(describe_dataset_study(installation, cut, sees_arm=True))
    records: list[tuple[str, DatasetRow]] = []
    for _subject, some in groupby(events, lambda event: event["subject"]):
        history = fold_history(some, READ_SCOPES)
        assert history is not None
        records += ((table.name, row) for table, row in builder.add_participant(history))
    return records + [(table.name, row) for table, row in builder.finish()]


def stream_cut(installation: Installation, cut: NamedCut) -> list[tuple[str, DatasetRow]]:
    """Every record of a cut as it is exported."""
    study = describe_dataset_study(installation, cut, sees_arm=True)
    operator = StaffContext(installation, SYSTEM, cut.at)
    stream = stream_datasets(operator, cut, study, DataSelection())
    return [(table.name, row) for table, row in stream]


def check_numbers_of_the_feed(installation: Installation, study: str, at: datetime) -> None:
    """At some numbers the datasets are the fold of all events up to there, whatever happened."""
    cut = make_cut(StaffContext(installation, SYSTEM, at), study, "LAW", "to compare").cut
    for through in range(cut.through, 0, -max(1, cut.through // STEPS)):
        earlier = replace(cut, through=through)
        records = stream_cut(installation, earlier)
        assert records == fold_feed(installation, earlier)
    check_rules(stream_cut(installation, cut))
    for each in recheck_cut(StaffContext(installation, SYSTEM, at), study, "LAW"):
        assert each.differences == [], each.kind


def check_rules(records: Sequence[tuple[str, DatasetRow]]) -> None:
    """CDISC's rules hold, whatever happened."""
    tables: dict[str, list[dict[str, str]]] = {name: [] for name in ("dm", "sv", "ds", "qs", "suppqs")}
    for name, row in records:
        if name.lower() in tables:
            cells = {key: format_cell(value) for key, value in row.items()}
            tables[name.lower()].append({key: cell for key, cell in cells.items() if cell})
    for name in sorted(ALWAYS):
        assert all(RULES[name].check(tables)), name


def rows_of(folder: Path, name: str) -> list[dict[str, str]]:
    """The rows of a dataset that was exported as CSV."""
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
