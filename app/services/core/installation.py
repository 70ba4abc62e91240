"""The running system as the use cases see it: database, library of definitions, keys."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy.engine import Connection, Engine
from sqlmodel import Session

from app.definitions.library import Library
from app.domain.instruments.definition import Instrument
from app.domain.instruments.pack import Pack
from app.domain.instruments.text import InstrumentText
from app.domain.records.access import Actor
from app.domain.records.acts import KeyedAct
from app.domain.refusal import Refused
from app.services.core.clock_watch import ClockWatch
from app.services.core.interval_cache import CacheOwner
from app.services.core.pack_registry import PackRegistry, StudyPacks
from app.services.core.page_epochs import PageEpochs
from app.services.core.secrets import SecretBox
from app.storage.database.page_connections import open_page_connection
from app.storage.proof.row_facts import FactKey
from app.storage.queries.staff import GrantRules
from app.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Installation:
    """One installation: where its rows are, what its studies and instruments say, and its keys.

    `public_url` is the address that links on paper and in messages begin with, without a slash.
    `head_file` is where the heads of the feeds are kept outside the database; None: nowhere.
    `export_folder` holds the files of requested exports, at most `export_room` bytes; None: none are made.
    `cache_owner` is whose the caches of judgements are that rest on this library: another begins with none.
    """

    engine: Engine
    library: Library = field(repr=False)
    secret_box: SecretBox
    public_url: str
    app_version: str
    head_file: Path | None = None
    export_folder: Path | None = None
    export_room: int = 0
    pack_registry: PackRegistry = field(default_factory=PackRegistry, repr=False, compare=False)
    clock_watch: ClockWatch = field(default_factory=ClockWatch, repr=False, compare=False)
    page_epochs: PageEpochs = field(default_factory=PageEpochs, repr=False, compare=False)
    cache_owner: CacheOwner = field(default_factory=CacheOwner, init=False, repr=False, compare=False)
    fact_key: FactKey = field(init=False, repr=False, compare=False)
    """Makes the digests by which the trail proves what it must not hold."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "fact_key", FactKey(self.secret_box.keyed_digest("trail", "facts")))

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that can only read; what is changed in its rows is forgotten."""
        with Session(self.engine, autoflush=False) as session:
            yield session
            session.expunge_all()
            # Not a rollback, at which the driver would forget every prepared statement.
            session.commit()

    def read_plainly(self) -> AbstractContextManager[Connection]:
        """A connection that can only read, for plain statements: a session costs as much as one of them."""
        return open_page_connection(self.engine)

    def open_work(self, actor: Actor, at: datetime, act: KeyedAct | None = None) -> UnitOfWork:
        """One audited transaction by this actor at this moment; a context manager that commits.

        An `act` that a page offered is claimed in it, so that it is done once.
        """
        return UnitOfWork(self.engine, actor, at, self.fact_key, act)

    def grant_rules(self, at: datetime) -> GrantRules:
        """Which grants are in force at a moment, and what they let see."""
        return GrantRules(at, self.library.get_plan)

    def get_text(
        self,
        study: str,
        instrument: Instrument,
        language: str,
        begun_at: datetime | None = None,
        shown: str = "",
    ) -> InstrumentText:
        """The words in which a study asks an instrument; a form begun at a moment keeps those of then.

        Answers that were given keep the edition whose digest they have in `shown`. A licensed
        instrument has in a trial the words of its pack, and no others (CAP-01, CAP-03).
        Raises Refused: "no_translation", "pack_missing", "pack_altered".
        """
        if not instrument.licensed or not self.study_packs(study, begun_at).live:
            return self.library.editions.get(shown) or self.library.get_text(instrument, language)
        return self.get_pack(study, instrument, language, begun_at).text

    def name_instrument(self, study: str, instrument: Instrument, language: str) -> str:
        """What staff call an instrument: its pack's name in their language, or the one that is ours."""
        pack = self.study_packs(study).get_pack(instrument, language) if instrument.licensed else None
        return pack.name if pack else self.library.get_text(instrument, language).name

    def get_pack(
        self, study: str, instrument: Instrument, language: str, begun_at: datetime | None = None
    ) -> Pack:
        """The pack in force. Raises Refused: "pack_missing", "pack_altered"."""
        row = self.study_packs(study, begun_at).get_pack(instrument, language, begun_at)
        row = row or self.refresh_packs(study).get_pack(instrument, language, begun_at)
        if row is None:
            raise Refused("pack_missing", instrument=instrument.id, language=language)
        return self.pack_registry.read_pack(row, study, instrument)

    def study_packs(self, study: str, begun_at: datetime | None = None) -> StudyPacks:
        """The study's packs from the cache, refreshed for a form begun since it was read last."""
        packs = self.pack_registry.get_cached(study)
        if packs is None or (packs.live and begun_at is not None and begun_at > packs.known_until):
            return self.refresh_packs(study, begun_at)
        return packs

    def refresh_packs(self, study: str, until: datetime | None = None) -> StudyPacks:
        """Read which packs were imported; `until` is a moment that is not later than now."""
        with self.read() as session:
            return self.pack_registry.refresh(session, study, until)
