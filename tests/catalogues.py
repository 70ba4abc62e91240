"""Extracts the interface's words and keeps the catalogues in step (`python -m tests.catalogues`)."""

import argparse
import re
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir, extract_python
from babel.messages.pofile import read_po, write_po

from app.i18n.languages import ENGLISH, LANGUAGES

ROOT = Path(__file__).resolve().parents[1]
LOCALES = ROOT / "locales"
HEADER = """\
msgid ""
msgstr ""
"Project-Id-Version: daybook\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Language: {code}\\n"
"Plural-Forms: {plural};\\n"

"""
_KEYWORDS: dict[str, tuple[int, ...] | None] = {
    "_": None,
    "N_": None,
    "gettext": None,
    "ngettext": (1, 2),
}
_METHODS = [
    ("templates/**.html", "jinja2"),
    ("templates/**.txt", "jinja2"),
    ("**.py", "tests.catalogues:from_code"),
]
_OPTIONS = {name: {"trimmed": "true", "silent": "false"} for name, method in _METHODS if method == "jinja2"}
_CALL = re.compile(rb"\b(?:%s)\s*\(" % "|".join(_KEYWORDS).encode())
_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]")


def from_code(
    file: IO[bytes],
    keywords: Mapping[str, Any],
    comments: Collection[str],
    options: Any,  # noqa: ANN401 - Babel's own
) -> Iterator[tuple[Any, ...]]:
    """What Babel finds in a module; it would look at each token of the many modules that have no sentence."""
    if _CALL.search(file.read()):
        file.seek(0)
        yield from extract_python(file, keywords, comments, options)


def extract_sentences() -> Catalog:
    """Every sentence that the program can show, from templates and code."""
    catalogue = Catalog()
    for file, line, message, _comments, context in extract_from_dir(
        ROOT / "app", method_map=_METHODS, options_map=_OPTIONS, keywords=_KEYWORDS
    ):
        catalogue.add(message, locations=[(file, line)], context=context)
    return catalogue


def path_of(code: str) -> Path:
    """Where a language's catalogue stands."""
    return LOCALES / code / "LC_MESSAGES" / "messages.po"


def stored_catalogue(code: str) -> Catalog:
    """A language's catalogue as it stands in the repository."""
    return _read(path_of(code), code)


def find_faults(code: str, catalogue: Catalog) -> Iterator[str]:
    """What keeps a catalogue from being complete and true of the sentences that are extracted."""
    have = stored_catalogue(code)
    for message in _messages(catalogue):
        translated = have.get(message.id, message.context)
        if translated is None or not all(texts_of(translated.string)):
            yield f"missing: {message.id!r} ({message.locations[0][0]})"
        elif translated.fuzzy:
            yield f"fuzzy: {message.id!r}"
        elif any(_places(text) != _places(texts_of(message.id)[-1]) for text in texts_of(translated.string)):
            yield f"other placeholders: {message.id!r}"
    for message in _messages(have):
        if catalogue.get(message.id, message.context) is None:
            yield f"unused: {message.id!r}"


def update_catalogue(code: str, partial: Path | None) -> list[str]:
    """Bring a catalogue in step with the program, taking words from partial files; returns what it says."""
    catalogue, said = extract_sentences(), []
    sources = [path_of(code), *(sorted(partial.glob("*.po")) if partial else ())]
    for source in sources:
        for message in _messages(_read(source, code)):
            target = catalogue.get(message.id, message.context)
            if target is None or not all(texts_of(message.string)):
                continue
            if all(texts_of(target.string)) and target.string != message.string:
                said.append(f"{source.name}: another translation of {message.id!r} stands already")
            else:
                target.string = message.string
    _write(catalogue, code)
    return [*said, *find_faults(code, catalogue)]


def _messages(catalogue: Catalog) -> list[Message]:
    return [message for message in catalogue if message.id]


def texts_of(value: str | list[str] | tuple[str, ...] | None) -> list[str]:
    """A translation, or each of its plural forms."""
    return [value or ""] if value is None or isinstance(value, str) else list(value)


def _places(text: str) -> set[str]:
    return set(_PLACEHOLDER.findall(text))


def _read(path: Path, code: str) -> Catalog:
    with path.open("rb") as source:
        return read_po(source, locale=code, abort_invalid=True)


def _write(catalogue: Catalog, code: str) -> None:
    catalogue.locale = code
    header = HEADER.format(
        code=code, plural=f"nplurals={catalogue.num_plurals}; plural={catalogue.plural_expr}"
    )
    with path_of(code).open("wb") as target:
        target.write(header.encode())
        write_po(target, catalogue, width=100, omit_header=True, no_location=True, sort_output=True)


def main() -> int:
    """Update every catalogue; 1 when words are missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.catalogues", description=__doc__)
    parser.add_argument(
        "--from", dest="partial", type=Path, help="folder of partial .po files to take words from"
    )
    partial = parser.parse_args().partial
    said = [
        line for known in LANGUAGES if known is not ENGLISH for line in update_catalogue(known.code, partial)
    ]
    sys.stdout.write("".join(f"{line}\n" for line in said) or "The catalogues are complete.\n")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
