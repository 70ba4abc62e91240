"""The packs of each study as this process knows them, so that no page and no answer asks for them anew.

Packs are imported by another process. What is known is looked at again at every tick, whenever a pack
is missing or over, and for a form that was begun after the last look: with several processes, each
form then has the same words in all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sqlmodel import Session

from app.domain.instruments.definition import Instrument
from app.domain.instruments.pack import Pack, parse_pack
from app.domain.records.audit import sha256_hex
from app.domain.records.studies import StudyMode
from app.domain.refusal import Refused
from app.storage.queries.packs import list_packs, newest_pack_id
from app.storage.queries.participants import get_study
from app.storage.tables.columns import key_of
from app.storage.tables.packs import InstrumentPack

Key = tuple[str, str, str]
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class StudyPacks:
    """One study's packs by instrument, version and language, the oldest first.

    `known_until`: whatever was imported before this moment stands here. A demonstration's shelf is
    empty and stays so.
    """

    study: str
    study_id: int
    live: bool
    known_until: datetime = _LONG_AGO
    last: int = 0
    packs: Mapping[Key, tuple[InstrumentPack, ...]] = field(default_factory=dict)

    def pack(
        self, instrument: Instrument, language: str, begun_at: datetime | None = None
    ) -> InstrumentPack | None:
        """The newest pack, which replaces those before it; a begun form keeps its first one (CAP-15)."""
        held = self.packs.get((instrument.id, instrument.version, language), ())
        before = [pack for pack in held if begun_at is None or pack.imported_at <= begun_at]
        # A language that came after the beginning has no pack from before it: its first one is kept.
        return next(reversed(before), held[0] if held else None)


class PackRegistry:
    """Every study's shelf, and the packs that were opened, each checked when it is first read."""

    def __init__(self) -> None:
        self._held: dict[str, StudyPacks] = {}
        self._opened: dict[int, Pack] = {}

    def held(self, study: str) -> StudyPacks | None:
        """What is known of a study; None before the first look."""
        return self._held.get(study)

    def live_studies(self) -> tuple[str, ...]:
        """The studies whose packs are known."""
        return tuple(code for code, shelf in self._held.items() if shelf.live)

    def look(self, session: Session, study: str, until: datetime | None) -> StudyPacks:
        """Read what was imported since the last look. Raises Refused("unknown_study")."""
        shelf = self._held.get(study) or _empty(session, study)
        if shelf.live:
            shelf = _looked(session, shelf, until or _LONG_AGO)
        self._held[study] = shelf
        return shelf

    def opened(self, row: InstrumentPack, study: str, instrument: Instrument) -> Pack:
        """What a stored pack says. Raises Refused("pack_altered")."""
        key = key_of(row)
        if key not in self._opened:
            self._opened[key] = open_stored_pack(row, study, instrument)
        return self._opened[key]


def open_stored_pack(row: InstrumentPack, study: str, instrument: Instrument) -> Pack:
    """A stored pack, when it still is the file that was imported; else Refused("pack_altered")."""
    if sha256_hex(row.content) == row.sha256:
        pack = parse_pack(row.content, row.sha256, lambda _id, _version: instrument)
        if (pack.study, pack.text.lang) == (study, row.lang):
            return pack
    raise Refused("pack_altered", instrument=instrument.id, language=row.lang)


def _empty(session: Session, study: str) -> StudyPacks:
    found = get_study(session, study)
    return StudyPacks(study, key_of(found), live=found.mode is StudyMode.LIVE)


def _looked(session: Session, shelf: StudyPacks, until: datetime) -> StudyPacks:
    known_until = max(shelf.known_until, until)
    last = newest_pack_id(session, shelf.study_id)
    if last == shelf.last:
        return replace(shelf, known_until=known_until)
    packs: dict[Key, tuple[InstrumentPack, ...]] = {}
    for row in list_packs(session, shelf.study_id):
        key = (row.instrument, row.version, row.lang)
        packs[key] = (*packs.get(key, ()), row)
    return replace(shelf, known_until=known_until, last=last, packs=packs)
