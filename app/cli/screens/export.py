"""`screens`: pictures of every screen of an instrument, for its copyright holder's review."""

import argparse
import errno
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from app.cli import ExitCode
from app.cli.screens.chromium import Camera, find_camera
from app.definitions.library import Library, load_library
from app.domain.instruments.definition import Instrument
from app.domain.instruments.text import InstrumentText
from app.domain.plans.plan import Plan, PlannedInstrument
from app.domain.refusal import Refused
from app.i18n.catalogues import Catalogues
from app.i18n.languages import ENGLISH, LANGUAGE_CODES, find_language
from app.patient.forms.assets import FormAssets, read_form_assets
from app.patient.forms.screens import Screen, list_screens
from app.settings import Settings
from app.web.pages.page_frame import PageFrame
from app.web.pages.rendering import Pages
from app.web.statics import FOLDER, StaticFiles

VIEWPORT = (360, 740)
"""The phone that the pictures show, in CSS pixels."""
SIZES = {"standard": "", "large": "large", "extra_large": "extra_large"}
AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Picture:
    """One file of an export as its manifest names it."""

    file: str
    language: str
    screen: str
    item: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Studio:
    """What shows the screens of one instrument: the program's own pages with the settings of a plan."""

    settings: Settings
    instrument: Instrument
    plan: Plan
    pages: Pages
    assets: FormAssets
    size: str

    def render_documents(
        self, text: InstrumentText, names: Sequence[str]
    ) -> Iterator[tuple[str, Screen, str]]:
        """File name, screen and HTML document of every screen, or of the wanted ones."""
        frame = self._frame(text.lang)
        every = tuple(list_screens(self.instrument, text, self.plan, self.assets.for_reader(frame)))
        for number, screen in enumerate(every):
            if not names or screen.name in names:
                name = f"{text.lang}/{number:03}-{screen.name}.png"
                yield name, screen, self.pages.render_document(screen.page, frame)

    def _frame(self, lang: str) -> PageFrame:
        """The frame as in a live study: no banner of a demonstration, and files instead of addresses."""
        spoken = find_language(lang) or ENGLISH
        return PageFrame(
            spoken.tag,
            spoken.dir,
            spoken.code,
            demo=False,
            version=self.settings.version,
            static_root=FOLDER.as_uri(),
            study_name=self.plan.neutral_name.get(lang, "Daybook"),
            size=SIZES[self.size],
        )


def declare_screens(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `screens`."""
    parser.add_argument("instrument", metavar="INSTRUMENT", help="for example qlq-c30")
    parser.add_argument("version", metavar="VERSION", help="for example 3.0")
    parser.add_argument("--out", metavar="FOLDER", type=Path, required=True, help="a new or empty folder")
    parser.add_argument(
        "--language", metavar="L", action="append", default=[], help="only this language, for example zh_CN"
    )
    parser.add_argument(
        "--screen", metavar="NAME", action="append", default=[], help="only begin, review or this item"
    )
    parser.add_argument("--size", choices=tuple(SIZES), default="standard", help="size of text")
    parser.set_defaults(run=run_screens)


def run_screens(arguments: argparse.Namespace) -> int:
    settings = Settings.from_environment()
    library = load_library(settings.questionnaires, LANGUAGE_CODES)
    instrument = library.get_instrument(arguments.instrument, arguments.version)
    texts = select_texts(library, instrument, arguments.language)
    _check_names(instrument, arguments.screen)
    used = make_studio(settings, library, instrument, arguments.size)
    takes = find_camera(*VIEWPORT)
    _empty(arguments.out)
    pictures = [
        picture
        for text in texts
        for picture in export_screens(used, text, arguments.screen, takes, arguments.out)
    ]
    description = describe_export(used, texts, pictures)
    (arguments.out / "manifest.json").write_text(
        f"{json.dumps(description, indent=2, ensure_ascii=False)}\n", "utf-8"
    )
    print(f"{len(pictures)} screens in {', '.join(text.lang for text in texts)}: {arguments.out}")
    return ExitCode.WELL


def select_texts(library: Library, instrument: Instrument, languages: Sequence[str]) -> list[InstrumentText]:
    """The words to show, in these languages or in all. Raises Refused("no_translation")."""
    there = [
        lang
        for name, version, lang in library.texts
        if (name, version) == (instrument.id, instrument.version)
    ]
    return [library.get_text(instrument, lang) for lang in dict.fromkeys(languages or sorted(there))]


def make_studio(settings: Settings, library: Library, instrument: Instrument, size: str) -> Studio:
    """A plan that uses the instrument lends its settings, or any does. Raises Refused("unknown_plan")."""
    statics = StaticFiles.load()
    return Studio(
        settings=settings,
        instrument=instrument,
        plan=_plan(library, instrument),
        pages=Pages.load(Catalogues.load(settings.locales)),
        assets=read_form_assets(statics.read_text),
        size=size,
    )


def export_screens(
    used: Studio, text: InstrumentText, names: Sequence[str], takes: Camera, out: Path
) -> Iterable[Picture]:
    """Write the pictures of one language; in the order of the screens."""
    (out / text.lang).mkdir()

    def taken(document: tuple[str, Screen, str]) -> Picture:
        name, screen, html = document
        png = takes.take_picture(html)
        (out / name).write_bytes(png)
        return Picture(name, text.lang, screen.name, screen.item, hashlib.sha256(png).hexdigest())

    with ThreadPoolExecutor(AT_ONCE) as hands:
        return list(hands.map(taken, used.render_documents(text, names)))


def describe_export(
    used: Studio, texts: Iterable[InstrumentText], pictures: Iterable[Picture]
) -> dict[str, object]:
    """What was shown, of which words, by which program: enough to tell later whether anything changed."""
    return {
        "instrument": used.instrument.id,
        "version": used.instrument.version,
        "instrument_sha256": used.instrument.sha256,
        "texts": {text.lang: {"sha256": text.sha256, "wording": text.wording.value} for text in texts},
        "program": {"version": used.settings.version, "commit": used.settings.commit},
        "viewport": {"width": VIEWPORT[0], "height": VIEWPORT[1]},
        "text_size": used.size,
        "files": [asdict(picture) for picture in pictures],
    }


def _plan(library: Library, instrument: Instrument) -> Plan:
    named = (instrument.id, instrument.version)
    plans = sorted(
        library.plans.values(),
        key=lambda plan: named in {(used.id, used.version) for used in plan.instruments},
    )
    lender = plans[-1] if plans else library.get_plan("", "")
    used = PlannedInstrument(*named, leave_out=frozenset())
    return replace(lender, instruments=(*lender.instruments, used))


def _check_names(instrument: Instrument, names: Iterable[str]) -> None:
    known = ("begin", "review", *(item.code for item in instrument.items))
    for name in names:
        if name not in known:
            raise Refused("unknown_item", item=name, allowed=known)


def _empty(out: Path) -> None:
    """Make the folder; one that holds anything is refused, so that no old picture passes for a new one."""
    out.mkdir(parents=True, exist_ok=True)
    if any(out.iterdir()):
        raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), str(out))
