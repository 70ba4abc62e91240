"""The packs of each study as this process knows them, so that no page and no answer asks for them anew.

Packs are imported by another process. The cache is refreshed at every tick, whenever a pack
is missing or over, and for a form that was begun after the last refresh: with several processes, each
form then has the same words in all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sqlmodel import Session

from app.domain.instruments.definition import Instrument
from app.domain.instruments.pack import Pack, parse_pack
from app.domain.instruments.text import Wording
from app.domain.records.audit import sha256_hex
from app.domain.records.studies import StudyMode
from app.domain.refusal import Refused
from app.storage.queries.packs import list_packs, newest_pack_id
from app.storage.queries.participants import get_study
from app.storage.tables.packs import InstrumentPack

PackKey = tuple[str, str, str]
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class StudyPacks:
    """One study's packs by instrument, version and language, the oldest first.

    `known_until`: whatever was imported before this moment stands here. Those of a demonstration are made-up
    licences of our own words, by which nothing is shown or refused.
    """

    study: str
    study_id: int
    live: bool
    known_until: datetime = _LONG_AGO
    last: int = 0
    packs: Mapping[PackKey, tuple[InstrumentPack, ...]] = field(default_factory=dict)

    def get_pack(
        self, instrument: Instrument, language: str, begun_at: datetime | None = None
    ) -> InstrumentPack | None:
        """The newest pack, which replaces those before it; a begun form keeps its first one (CAP-15)."""
        versions = self.packs.get((instrument.id, instrument.version, language), ())
        before = [pack for pack in versions if begun_at is None or pack.imported_at <= begun_at]
        # A language that came after the beginning has no pack from before it: its first one is kept.
        return next(reversed(before), versions[0] if versions else None)


class PackRegistry:
    """A cache of every study's packs; each one is checked when it is first parsed."""

    def __init__(self) -> None:
        self._studies: dict[str, StudyPacks] = {}
        self._packs: dict[int, Pack] = {}

    def get_cached(self, study: str) -> StudyPacks | None:
        """What is known of a study; None before the first refresh."""
        return self._studies.get(study)

    def live_studies(self) -> tuple[str, ...]:
        """The studies whose packs are known."""
        return tuple(code for code, known in self._studies.items() if known.live)

    def refresh(self, session: Session, study: str, until: datetime | None) -> StudyPacks:
        """Read what was imported since the last look. Raises Refused("unknown_study")."""
        known = self._studies.get(study) or _without_packs(session, study)
        self._studies[study] = known = _refreshed(session, known, until or _LONG_AGO)
        return known

    def read_pack(self, row: InstrumentPack, study: str, instrument: Instrument) -> Pack:
        """What a stored pack says. Raises Refused("pack_altered")."""
        key = row.id
        if key not in self._packs:
            wording = Wording.OFFICIAL if self._studies[study].live else Wording.DEMONSTRATION
            self._packs[key] = open_stored_pack(row, study, instrument, wording)
        return self._packs[key]


def open_stored_pack(
    row: InstrumentPack, study: str, instrument: Instrument, wording: Wording = Wording.OFFICIAL
) -> Pack:
    """A stored pack, when it still is the file that was imported; else Refused("pack_altered")."""
    if sha256_hex(row.content) == row.sha256:
        pack = parse_pack(row.content, row.sha256, lambda _id, _version: instrument, wording)
        if (pack.study, pack.text.lang) == (study, row.lang):
            return pack
    raise Refused("pack_altered", instrument=instrument.id, language=row.lang)


def _without_packs(session: Session, study: str) -> StudyPacks:
    row = get_study(session, study)
    return StudyPacks(study, row.id, live=row.mode is StudyMode.LIVE)


def _refreshed(session: Session, known: StudyPacks, until: datetime) -> StudyPacks:
    known_until = max(known.known_until, until)
    last = newest_pack_id(session, known.study_id)
    if last == known.last:
        return replace(known, known_until=known_until)
    packs: dict[PackKey, tuple[InstrumentPack, ...]] = {}
    for row in list_packs(session, known.study_id):
        key = (row.instrument, row.version, row.lang)
        packs[key] = (*packs.get(key, ()), row)
    return replace(known, known_until=known_until, last=last, packs=packs)
