"""The library of definitions: instruments, their words and the plans, read once from files.

Published files never change: `questionnaires/published.toml` locks the SHA-256 of each, and
loading refuses a file that is not the one that was published (CAP-01).
"""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.domain.instruments.definition import Condition, Instrument
from app.domain.instruments.parsing import parse_instrument
from app.domain.instruments.text import InstrumentText, parse_text
from app.domain.plans.parsing import parse_plan
from app.domain.plans.plan import Plan, PlannedInstrument
from app.domain.refusal import BadDefinition, Refused

LOCK = "published.toml"


@dataclass(frozen=True, slots=True)
class Library:
    """Every instrument, text and plan of an installation, by id and version."""

    root: Path
    instruments: Mapping[tuple[str, str], Instrument]
    texts: Mapping[tuple[str, str, str], InstrumentText]
    plans: Mapping[tuple[str, str], Plan]

    def instrument(self, name: str, version: str) -> Instrument:
        """The instrument; raises Refused("unknown_instrument") naming those there are."""
        try:
            return self.instruments[name, version]
        except KeyError:
            known = ", ".join(f"{name}@{version}" for name, version in sorted(self.instruments))
            raise Refused("unknown_instrument", instrument=f"{name}@{version}", allowed=known) from None

    def text(self, instrument: Instrument, language: str) -> InstrumentText:
        """The instrument's words in one language; never another language in its place."""
        try:
            return self.texts[instrument.id, instrument.version, language]
        except KeyError:
            raise Refused("no_translation", instrument=instrument.id, language=language) from None

    def plan(self, study: str, version: str) -> Plan:
        """The plan; raises Refused("unknown_plan") naming those there are."""
        try:
            return self.plans[study, version]
        except KeyError:
            known = ", ".join(f"{name}@{version}" for name, version in sorted(self.plans))
            raise Refused("unknown_plan", plan=f"{study}@{version}", allowed=known) from None


def load_library(root: Path) -> Library:
    """Read and check every definition under `questionnaires/`; raises BadDefinition at the first fault."""
    check_lock(root)
    instruments: dict[tuple[str, str], Instrument] = {}
    texts: dict[tuple[str, str, str], InstrumentText] = {}
    for path in sorted(root.glob("*/*/instrument.toml")):
        instrument = parse_instrument(_read(path), _name(root, path))
        _placed(root, path.parent, f"{instrument.id}/{instrument.version}")
        instruments[instrument.id, instrument.version] = instrument
        for words in sorted(path.parent.glob("text.*.toml")):
            text = parse_text(_read(words), _name(root, words), instrument)
            texts[instrument.id, instrument.version, text.lang] = text
    plans: dict[tuple[str, str], Plan] = {}
    for path in sorted(root.glob("plans/*/*.toml")):
        plan = parse_plan(_read(path), _name(root, path))
        _placed(root, path.with_suffix(""), f"plans/{plan.id}/{plan.version}")
        _check_plan(plan, _name(root, path), instruments, texts)
        plans[plan.id, plan.version] = plan
    return Library(root, instruments, texts, plans)


def file_digests(root: Path) -> dict[str, str]:
    """The SHA-256 of every definition file, by its name under `questionnaires/`."""
    paths = [*root.glob("*/*/*.toml"), *root.glob("*/*/golden.csv")]
    return {_name(root, path): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(set(paths))}


def check_lock(root: Path) -> None:
    """Refuse a published file that changed or went; raises BadDefinition naming it."""
    found = file_digests(root)
    locked: dict[str, str] = tomllib.loads(_read(root / LOCK))["sha256"]
    for name, sha256 in locked.items():
        if found.get(name) != sha256:
            raise BadDefinition(LOCK, name, found.get(name), f"the published file, SHA-256 {sha256}")


def _check_plan(
    plan: Plan,
    file: str,
    instruments: Mapping[tuple[str, str], Instrument],
    texts: Mapping[tuple[str, str, str], InstrumentText],
) -> None:
    for used in plan.instruments:
        instrument = instruments.get((used.id, used.version))
        if instrument is None:
            known = ", ".join(f"{name} {version}" for name, version in sorted(instruments))
            raise BadDefinition(file, "instruments", f"{used.id} {used.version}", f"one of {known}")
        for code in used.leave_out - {item.code for item in instrument.items}:
            raise BadDefinition(file, "leave_out", code, f"an item of {used.id}")
        for mark in used.urgent:
            _check_mark(mark, used, instrument, file)
        for language in plan.languages:
            if (used.id, used.version, language) not in texts:
                raise BadDefinition(file, "languages", language, f"a language that {used.id} has words in")


def _check_mark(mark: Condition, used: PlannedInstrument, instrument: Instrument, file: str) -> None:
    items = {item.code: item for item in instrument.items if item.code not in used.leave_out}
    item = items.get(mark.item)
    if item is None or item.free_text:
        raise BadDefinition(file, "urgent", mark.item, f"an item of {used.id} that is answered by a number")
    if not item.low <= mark.value <= item.high:
        raise BadDefinition(file, "urgent", mark.value, f"a value from {item.low} to {item.high}")


def _placed(root: Path, folder: Path, wanted: str) -> None:
    if _name(root, folder) != wanted:
        raise BadDefinition(_name(root, folder), "id, version", wanted, "the names of its folders")


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as unreadable:
        raise BadDefinition(path.name, "file", str(unreadable), "a readable file in UTF-8") from unreadable


def _name(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()
