"""Verifying the audit trail: chains, feeds, seals and guards, and every record that the entries state.

One snapshot is read as a stream, chain after chain; of the records only those of a few participants and those
that belong to nobody, are in memory at a time.
"""

import gc
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.domain.records.audit import (
    GENESIS,
    ChainEntry,
    IntegrityFault,
    find_chain_faults,
    link_hash,
)
from app.domain.records.feed import FeedRow, find_feed_faults
from app.services.audit.audit_seals import (
    digest_heads,
    list_clock_confirmations,
    list_recorded_seals,
    order_seals,
    stream_heads_before,
    stream_rows,
    was_sealed_ahead,
)
from app.services.audit.external_heads import ExternalHead, find_head_faults
from app.services.audit.record_replay import Replay, split_facts, unknown_row
from app.services.audit.score_check import ScoreCheck
from app.services.core.installation import Installation
from app.storage.proof.database_guards import find_guard_faults
from app.storage.proof.event_tables import COVERS
from app.storage.proof.record_rows import (
    SHARED,
    list_shared_rows,
    read_rows_of_participants,
    read_study_codes,
    stream_lost_keys,
)
from app.storage.proof.row_facts import ProvenTable, serialise_key
from app.storage.proof.trail_entries import stream_entries
from app.storage.row_changes import (
    INSTALLATION_CHAIN,
    is_participant_chain,
    participant_chain,
    study_chain,
)
from app.storage.tables.audit import AuditChain, AuditEntry, DaySeal
from app.storage.tables.columns import table_of
from app.storage.tables.feed import DataCut, FeedEvent, FeedHead
from app.storage.tables.participants import Device, Participant
from app.storage.tables.studies import Site, Study


class _Head(NamedTuple):
    """Where a chain ends, and whose seals hold it."""

    chain: str
    seq: int
    hash: str
    study_id: int | None

    def of_another_study(self) -> IntegrityFault:
        return IntegrityFault(self.chain, self.seq, "is not sealed with its own study")


FACTS_SINCE = "0.2"
"""The version whose entries were the first to state what rows hold."""

_STRIDE = 5000
_TOGETHER = 20
"""Of so many chains the records are read at once: a statement for each would cost more than its rows."""
_YOUNG_OBJECTS = 100_000
"""More than a page of entries and the records of so many chains are."""
_PARTICIPANT = re.compile(r"participant:([0-9]{1,9})")
_CHANGING = frozenset(event.value for event in COVERS)
_CHAIN, _EVENT, _CUT = table_of(AuditChain), table_of(FeedEvent), table_of(DataCut)
_SITE, _PERSON, _DEVICE = table_of(Site), table_of(Participant), table_of(Device)
_ENTRY = table_of(AuditEntry)
_HEADS = sa.select(*(_CHAIN.c[name] for name in _Head._fields)).order_by(_CHAIN.c.chain)
_EVENTS = (
    sa.select(*(_SITE.c.code if name == "site" else _EVENT.c[name] for name in FeedRow._fields))
    .select_from(_EVENT.outerjoin(_SITE, _SITE.c.id == _EVENT.c.site_id))
    .where(_EVENT.c.study_id == sa.bindparam("study"))
    .order_by(_EVENT.c.seq)
)
_HEADLESS = sa.select(_ENTRY.c.chain, _ENTRY.c.seq).where(_ENTRY.c.chain.not_in(sa.select(_CHAIN.c.chain)))
_FEEDS = sa.union(sa.select(table_of(Study).c.id), sa.select(_EVENT.c.study_id))
_FIRST_BOUND = sa.select(sa.func.min(_DEVICE.c.bound_at)).where(_DEVICE.c.participant_id == _PERSON.c.id)
_MISDATED_ACTIVATIONS = sa.select(_PERSON.c.id).where(
    _PERSON.c.activated_at.is_distinct_from(_FIRST_BOUND.scalar_subquery())
)
_SEVERED_CUTS = (
    sa.select(_CUT.c.id, _CUT.c.study_id, _CUT.c.seq)
    .outerjoin(_EVENT, sa.and_(_CUT.c.study_id == _EVENT.c.study_id, _CUT.c.seq == _EVENT.c.seq))
    .where(_CUT.c.seq > 0, _EVENT.c.hash.is_distinct_from(_CUT.c.feed_hash))
    .order_by(_CUT.c.id)
)

VerificationProgress = Callable[[int], None]
"""Is told now and then how many entries were read so far."""


@dataclass(slots=True)
class TrailReport:
    """What a verification found, and how far it could look.

    `old_entries` changed records before entries stated what they hold, and `unproven` counts the stored
    records that are therefore not wholly proven; of `unscored` responses this version lacks the definition,
    and `redacted` reasons were taken away.
    """

    faults: list[IntegrityFault] = field(default_factory=list)
    entries: int = 0
    records: int = 0
    old_entries: int = 0
    unproven: int = 0
    unscored: int = 0
    redacted: int = 0


def inspect_trail(
    installation: Installation,
    heads: Sequence[ExternalHead] = (),
    progress: VerificationProgress | None = None,
) -> TrailReport:
    """Verify the trail, and compare it with every record and with heads that were kept elsewhere.

    Reads one snapshot, in memory that does not grow with the trail. Source: AUD-04.
    """
    with installation.read() as session, _rare_collections():
        if installation.engine.dialect.name == "postgresql":
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        inspection = _Inspection(installation, session, progress)
        faults = inspection.report.faults
        faults += (IntegrityFault("guards", 0, what) for what in find_guard_faults(session.connection()))
        faults += inspection.find_faults()
        faults += _feed_faults(session)
        faults += _readable("seals", _seal_faults(session))
        faults += find_head_faults(session, heads)
        return inspection.report


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Raise the garbage collector's first threshold: pages and records come and go without cycles.

    Otherwise they set off collections of the whole process, which take a quarter of the time.
    """
    before = gc.get_threshold()
    gc.set_threshold(max(before[0], _YOUNG_OBJECTS), *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


class _Inspection:
    """One walk along all chains. `_shared` replays the records that belong to no participant."""

    def __init__(
        self, installation: Installation, session: Session, progress: VerificationProgress | None
    ) -> None:
        self.report = TrailReport()
        self._session, self._connection = session, session.connection()
        self._progress = progress
        self._fact_key = installation.fact_key
        self._shared = Replay(self._fact_key)
        self._scores = ScoreCheck(installation.library, read_study_codes(self._connection))

    def find_faults(self) -> Iterator[IntegrityFault]:
        chains = iter([_Head._make(row) for row in self._connection.execute(_HEADS)])
        while some := list(islice(chains, _TOGETHER)):
            yield from self._faults_of_chains(some)
        yield from self._headless_faults()
        for proven, rows in list_shared_rows(self._connection):
            yield from self._shared.compare_rows(proven, rows)
        for table, key in stream_lost_keys(self._connection):
            yield unknown_row(table, key)
        for row in self._session.execute(_MISDATED_ACTIVATIONS):
            what, chain = "is not when the first browser was bound", participant_chain(row.id)
            yield IntegrityFault(chain, 0, what, chain, "activated_at")
        self._count(self._shared)
        self.report.unscored = self._scores.unscored

    def _faults_of_chains(self, heads: Iterable[_Head]) -> Iterator[IntegrityFault]:
        replays: list[tuple[int, _Head, Replay]] = []
        for head in heads:
            replay = Replay(self._fact_key) if is_participant_chain(head.chain) else self._shared
            yield from self._chain_faults(head, replay)
            if replay is not self._shared:
                number = _PARTICIPANT.fullmatch(head.chain)
                if number is None:
                    yield IntegrityFault(head.chain, head.seq, "names no participant")
                else:
                    replays.append((int(number[1]), head, replay))
            elif head.chain != (INSTALLATION_CHAIN if head.study_id is None else study_chain(head.study_id)):
                yield head.of_another_study()
        yield from self._participant_faults(replays)

    def _chain_faults(self, head: _Head, replay: Replay) -> Iterator[IntegrityFault]:
        heads = {head.chain: (head.seq, head.hash)} if head.seq else {}
        faults = find_chain_faults(self._replayed(head, replay), heads)
        yield from _readable(head.chain, faults, head.seq)

    def _replayed(self, head: _Head, replay: Replay) -> Iterator[ChainEntry]:
        """The entries of a chain, each of which is replayed as it passes."""
        for entry in stream_entries(self._connection, head.chain, head.seq):
            self.report.entries += 1
            if self._progress is not None and self.report.entries % _STRIDE == 0:
                self._progress(self.report.entries)
            self.report.redacted += entry.reason_digest is not None and entry.reason is None
            if entry.facts is None:
                self._pass_old_entry(entry, replay)
            elif entry.facts != "[]":
                for group in split_facts(entry.facts):
                    shared = group[0] in SHARED
                    (self._shared if shared else replay).replay_group(head.chain, entry.seq, group)
            yield entry

    def _pass_old_entry(self, entry: ChainEntry, replay: Replay) -> None:
        changing = entry.event in _CHANGING
        self.report.old_entries += changing
        replay.incomplete |= changing
        self._shared.incomplete |= changing

    def _participant_faults(self, replays: Sequence[tuple[int, _Head, Replay]]) -> Iterator[IntegrityFault]:
        participants = [participant for participant, _, _ in replays]
        tables = read_rows_of_participants(self._connection, participants)
        slots_of = next(rows for proven, rows in tables if proven.table.name == "slot")
        for participant, head, replay in replays:
            for proven, rows_by_participant in tables:
                rows = rows_by_participant.get(participant, ())
                if proven.table.name == "participant" and any(row.study_id != head.study_id for row in rows):
                    yield head.of_another_study()
                if proven.table.name == "response":
                    slots = {slot.id: slot for slot in slots_of.get(participant, ())} if rows else {}
                    yield from self._response_faults(proven, rows, slots, replay)
                yield from replay.compare_rows(proven, rows)
            self._count(replay)

    def _response_faults(
        self,
        proven: ProvenTable,
        rows: Sequence[sa.Row[tuple[object, ...]]],
        slots: Mapping[int, sa.Row[tuple[object, ...]]],
        replay: Replay,
    ) -> Iterator[IntegrityFault]:
        for row in rows:
            key = proven.find_key(row)
            chain, seq = replay.find_entry(proven, key)
            for name in self._scores.find_wrong_fields(row, slots):
                yield IntegrityFault(
                    chain, seq, "does not follow from the answers", f"response:{serialise_key(key)}", name
                )

    def _headless_faults(self) -> Iterator[IntegrityFault]:
        for row in stream_rows(self._session, _HEADLESS):
            yield IntegrityFault(row.chain, row.seq, "belongs to no chain")

    def _count(self, replay: Replay) -> None:
        self.report.records += replay.counted
        self.report.unproven += replay.unproven


def _readable(name: str, faults: Iterable[IntegrityFault], last: int = 0) -> Iterator[IntegrityFault]:
    """The faults of a sequence, and one more where an owner wrote there what nobody can read."""
    try:
        yield from faults
    except (ValueError, TypeError, LookupError):
        yield IntegrityFault(name, last, "cannot be read to its end")


def _feed_faults(session: Session) -> Iterator[IntegrityFault]:
    heads = {head.study_id: (head.seq, head.hash) for head in session.exec(select(FeedHead))}
    for study_id in session.scalars(_FEEDS).all():
        name, head = f"feed:{study_id}", heads.get(study_id)
        if head is None:
            yield IntegrityFault(name, 0, "has no head")
            continue
        stored = map(FeedRow._make, stream_rows(session, _EVENTS, {"study": study_id}))
        yield from _readable(name, find_feed_faults(stored, head, name), head[0])
    for cut in session.execute(_SEVERED_CUTS):
        name = f"feed:{cut.study_id}"
        yield IntegrityFault(name, cut.seq, "is not the one of the cut", f"data_cut:{cut.id}", "feed_hash")


def _seal_faults(session: Session) -> Iterator[IntegrityFault]:
    confirmations = list_clock_confirmations(session)
    for study_id in session.exec(select(Study.id).order_by(col(Study.id))).all():
        name, prev, last = f"seal:{study_id}", GENESIS, 0
        recorded = {seal.day: seal for seal in list_recorded_seals(session, study_id or 0)}
        rows = session.exec(select(DaySeal).where(DaySeal.study_id == study_id)).all()
        for last, seal in enumerate(order_seals(rows, recorded), start=1):
            stated, day = recorded.pop(seal.sealed_on, None), date.fromisoformat(seal.sealed_on)
            before = stated.entry_id if stated and was_sealed_ahead(stated, confirmations) else None
            chains, digest = digest_heads(stream_heads_before(session, study_id or 0, day, before))
            if (seal.chains, seal.hash) != (chains, link_hash(prev, digest)):
                yield IntegrityFault(name, last, f"{seal.sealed_on} does not hold")
            if stated is None or (stated.hash, stated.at) != (seal.hash, seal.sealed_at):
                yield IntegrityFault(name, last, f"{seal.sealed_on} is not the seal that the trail tells of")
            prev = seal.hash
        for missing in recorded:
            yield IntegrityFault(name, last, f"{missing} is missing")
