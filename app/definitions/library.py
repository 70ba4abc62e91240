"""The library of definitions: instruments, their words and the plans, read once from files.

Published files never change: `questionnaires/published.toml` locks the SHA-256 of each, and
loading refuses a file that is not the one that was published (CAP-01).
"""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from app.definitions.alert_rules import check_alert_rules
from app.definitions.dataset_codes import check_dataset_codes
from app.definitions.reading import list_definitions, read_definition, read_definition_bytes
from app.domain.datasets.terms import InstrumentTerms, parse_terms
from app.domain.instruments.definition import Condition, Instrument
from app.domain.instruments.parsing import parse_instrument
from app.domain.instruments.scoring.thresholds import ThresholdSet, parse_thresholds
from app.domain.instruments.text import InstrumentText, Wording, parse_text
from app.domain.plans.parsing import parse_plan
from app.domain.plans.plan import Plan, PlannedInstrument
from app.domain.refusal import BadDefinition, Refused
from app.domain.toml_section import WHOLE_FILE, read_toml

LOCK = "published.toml"


@dataclass(frozen=True, slots=True)
class Library:
    """Every instrument, text and plan of an installation, by id and version.

    `texts` are the newest editions of the words, `editions` all by their digests. `terms` are the codes and
    names by which instruments stand in datasets. `thresholds` are by instrument and name.
    """

    root: Path
    instruments: Mapping[tuple[str, str], Instrument]
    texts: Mapping[tuple[str, str, str], InstrumentText]
    plans: Mapping[tuple[str, str], Plan]
    terms: Mapping[tuple[str, str], InstrumentTerms] = field(default_factory=dict)
    editions: Mapping[str, InstrumentText] = field(default_factory=dict)
    thresholds: Mapping[tuple[str, str], ThresholdSet] = field(default_factory=dict)

    def get_instrument(self, name: str, version: str) -> Instrument:
        """The instrument; raises Refused("unknown_instrument") naming those there are."""
        try:
            return self.instruments[name, version]
        except KeyError:
            known = ", ".join(f"{name}@{version}" for name, version in sorted(self.instruments))
            raise Refused("unknown_instrument", instrument=f"{name}@{version}", allowed=known) from None

    def get_text(self, instrument: Instrument, language: str) -> InstrumentText:
        """The instrument's words in one language; never another language in its place."""
        try:
            return self.texts[instrument.id, instrument.version, language]
        except KeyError:
            raise Refused("no_translation", instrument=instrument.id, language=language) from None

    def get_plan(self, study: str, version: str) -> Plan:
        """The plan; raises Refused("unknown_plan") naming those there are."""
        try:
            return self.plans[study, version]
        except KeyError:
            known = ", ".join(f"{name}@{version}" for name, version in sorted(self.plans))
            raise Refused("unknown_plan", plan=f"{study}@{version}", allowed=known) from None

    def thresholds_of(self, plan: Plan) -> Mapping[str, ThresholdSet]:
        """The thresholds that the plan names, by instrument."""
        return {
            used.id: self.thresholds[used.id, used.thresholds] for used in plan.instruments if used.thresholds
        }

    def list_names(self, language: str) -> tuple[str, ...]:
        """Each instrument with its version, by the name under which a reader of this language knows it.

        A licensed one has its owner's name in every language: words of our own are none of its.
        """
        named = []
        for instrument in self.instruments.values():
            text = (
                None if instrument.licensed else self.texts.get((instrument.id, instrument.version, language))
            )
            named.append(f"{text.name if text else instrument.name} {instrument.version}")
        return tuple(sorted(named))

    def list_demonstrated(self) -> tuple[str, ...]:
        """The names of licensed instruments whose words here are our own, for the demonstration alone."""
        ours = {
            (text.instrument, text.version)
            for text in self.texts.values()
            if text.wording is Wording.DEMONSTRATION
        }
        return tuple(
            sorted(
                {
                    instrument.name
                    for instrument in self.instruments.values()
                    if (instrument.id, instrument.version) in ours
                }
            )
        )


def load_library(root: Path, languages: Collection[str]) -> Library:
    """Read and check every definition under `questionnaires/`; raises BadDefinition at the first fault.

    `languages` are those that the program itself speaks: a plan offers no other.
    """
    check_lock(root)
    instruments: dict[tuple[str, str], Instrument] = {}
    texts: dict[tuple[str, str, str], InstrumentText] = {}
    editions: dict[str, InstrumentText] = {}
    for path in list_definitions(root, "*/*/instrument.toml"):
        instrument = parse_instrument(read_definition(path, _name(root, path)), _name(root, path))
        _check_folder(root, path.parent, f"{instrument.id}/{instrument.version}")
        instruments[instrument.id, instrument.version] = instrument
        for text in _texts(root, path.parent, instrument):
            texts[instrument.id, instrument.version, text.lang] = editions[text.sha256] = text
    thresholds = _thresholds(root, instruments)
    plans: dict[tuple[str, str], tuple[Plan, str]] = {}
    for path in list_definitions(root, "plans/*/*.toml"):
        plan = parse_plan(read_definition(path, _name(root, path)), _name(root, path))
        _check_folder(root, path.with_suffix(""), f"plans/{plan.id}/{plan.version}")
        used = tuple(
            _resolved(instrument, plan, _name(root, path), instruments) for instrument in plan.instruments
        )
        _check_languages(plan, _name(root, path), languages, texts)
        plan = replace(plan, instruments=used)
        check_alert_rules(plan, _name(root, path), instruments)
        _check_thresholds(plan, _name(root, path), thresholds)
        plans[plan.id, plan.version] = plan, _name(root, path)
    terms = _terms(root, instruments)
    check_dataset_codes(plans, instruments, terms)
    read = {key: plan for key, (plan, _file) in plans.items()}
    return Library(root, instruments, texts, read, terms, editions, thresholds)


def _terms(
    root: Path, instruments: Mapping[tuple[str, str], Instrument]
) -> Mapping[tuple[str, str], InstrumentTerms]:
    """The terms of every file, each of which names what its instrument has, and no instrument twice."""
    terms: dict[tuple[str, str], InstrumentTerms] = {}
    for path in list_definitions(root, "terms/*.toml"):
        file = _name(root, path)
        key, instrument_terms = parse_terms(read_definition(path, file), file)
        instrument = instruments.get(key)
        if instrument is None or key in terms:
            raise BadDefinition(file, "instrument", " ".join(key), "an instrument of the library, each once")
        instrument_terms.check_codes(instrument, file)
        terms[key] = instrument_terms
    return terms


def _thresholds(
    root: Path, instruments: Mapping[tuple[str, str], Instrument]
) -> Mapping[tuple[str, str], ThresholdSet]:
    """The thresholds of every file, by the instrument that its folder names and its own name."""
    thresholds: dict[tuple[str, str], ThresholdSet] = {}
    for path in list_definitions(root, "thresholds/*/*.toml"):
        file, instrument = _name(root, path), path.parent.name
        versions = [definition for (name, _version), definition in instruments.items() if name == instrument]
        if not versions:
            raise BadDefinition(file, WHOLE_FILE, instrument, "a folder named after an instrument")
        thresholds[instrument, path.stem] = parse_thresholds(read_definition(path, file), file, versions)
    return thresholds


def _check_thresholds(plan: Plan, file: str, thresholds: Mapping[tuple[str, str], ThresholdSet]) -> None:
    for used in plan.instruments:
        if used.thresholds and (used.id, used.thresholds) not in thresholds:
            known = ", ".join(sorted(name for key, name in thresholds if key == used.id)) or "none"
            raise BadDefinition(file, "thresholds", used.thresholds, f"a set for {used.id}: {known}")


def file_digests(root: Path) -> dict[str, str]:
    """The SHA-256 of every definition file, by its name under `questionnaires/`; raises BadDefinition."""
    names = {
        _name(root, path)
        for pattern in ("*/*/*.toml", "*/*/golden.csv", "terms/*.toml")
        for path in list_definitions(root, pattern)
    }
    return {
        name: hashlib.sha256(read_definition_bytes(root / name, name)).hexdigest() for name in sorted(names)
    }


def read_lock(root: Path) -> Mapping[str, str]:
    """The digests of the published files by their names; raises BadDefinition for a lock that is none."""
    lock = read_toml(read_definition(root / LOCK, LOCK), LOCK)
    digests = lock.read_table("sha256")
    lock.refuse_unknown()
    return digests


def check_lock(root: Path) -> None:
    """Refuse a published file that changed or went; raises BadDefinition naming it."""
    digests = file_digests(root)
    for name, sha256 in read_lock(root).items():
        if digests.get(name) != sha256:
            raise BadDefinition(LOCK, name, digests.get(name), f"the published file, SHA-256 {sha256}")


def _check_languages(
    plan: Plan, file: str, languages: Collection[str], texts: Mapping[tuple[str, str, str], InstrumentText]
) -> None:
    """A plan offers only what both the program and each of its instruments speak (CAP-03)."""
    for language in plan.languages:
        if language not in languages:
            spoken = ", ".join(sorted(languages))
            raise BadDefinition(file, "languages", language, f"a language of the program: {spoken}")
        for used in plan.instruments:
            if (used.id, used.version, language) not in texts:
                raise BadDefinition(file, "languages", language, f"a language that {used.id} has words in")


def _resolved(
    used: PlannedInstrument, plan: Plan, file: str, instruments: Mapping[tuple[str, str], Instrument]
) -> PlannedInstrument:
    """What a plan uses, checked against the instrument itself, with `ask` turned into `leave_out`."""
    instrument = instruments.get((used.id, used.version))
    if instrument is None:
        known = ", ".join(f"{name} {version}" for name, version in sorted(instruments))
        raise BadDefinition(file, "instruments", f"{used.id} {used.version}", f"one of {known}")
    if instrument.draft and not plan.draft:
        raise BadDefinition(file, "instruments", f"{used.id} {used.version}", "no draft, or draft = true")
    for key, codes in (("leave_out", used.leave_out), ("ask", used.ask)):
        for code in sorted(codes - instrument.by_code.keys()):
            raise BadDefinition(file, key, code, f"an item of {used.id}")
    if used.ask:
        _check_conditions(used.ask, instrument, file)
        used = replace(used, leave_out=frozenset(instrument.by_code.keys() - used.ask))
    for mark in used.urgent:
        _check_mark(mark, used, instrument, file)
    return used


def _check_conditions(ask: Collection[str], instrument: Instrument, file: str) -> None:
    """An item that depends on one that is not asked would never be asked itself."""
    for item in instrument.items:
        if item.code in ask and item.condition and item.condition.item not in ask:
            raise BadDefinition(file, "ask", item.code, f"with {item.condition.item}, on which it depends")


def _check_mark(mark: Condition, used: PlannedInstrument, instrument: Instrument, file: str) -> None:
    items = {item.code: item for item in instrument.items if item.code not in used.leave_out}
    item = items.get(mark.item)
    if item is None or item.free_text:
        raise BadDefinition(file, "urgent", mark.item, f"an item of {used.id} that is answered by a number")
    if not item.low <= mark.value <= item.high:
        raise BadDefinition(file, "urgent", mark.value, f"a value from {item.low} to {item.high}")


def _check_folder(root: Path, folder: Path, expected: str) -> None:
    if _name(root, folder) != expected:
        raise BadDefinition(_name(root, folder), "id, version", expected, "the names of its folders")


def _texts(root: Path, folder: Path, instrument: Instrument) -> Iterator[InstrumentText]:
    """The words of an instrument, those of one language in the order of their editions."""
    for edition, path in sorted((_edition(path), path) for path in list_definitions(folder, "text.*.toml")):
        name = _name(root, path)
        text = parse_text(read_definition(path, name), name, instrument)
        before = f"text.{text.lang}{_edition_mark(edition - 1)}.toml"
        if path.name != f"text.{text.lang}{_edition_mark(edition)}.toml":
            raise BadDefinition(name, "lang", text.lang, "the language in the file's name")
        if edition > 1 and text.wording is not Wording.DEMONSTRATION:
            raise BadDefinition(
                name, "wording", text.wording.value, "demonstration, or a new version of the instrument"
            )
        if edition > 1 and not (folder / before).exists():
            raise BadDefinition(name, WHOLE_FILE, "", f"an edition after {before}")
        yield text


def _edition(path: Path) -> int:
    """2 in `text.en.2.toml`; the first edition is `text.en.toml`."""
    mark = path.name.split(".")[2]
    return int(mark) if re.fullmatch("[1-9][0-9]?", mark) else 1


def _edition_mark(edition: int) -> str:
    return f".{edition}" if edition > 1 else ""


def _name(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()
