"""An invented licensed instrument, the trial that asks it, and its packs; none of it exists anywhere."""

import shutil
from datetime import date, datetime
from pathlib import Path

from app.domain.records.access import SYSTEM
from app.domain.records.studies import StudyMode
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.setup.packs import import_pack
from app.services.setup.studies import load_study
from tests.scenarios.people import QUESTIONNAIRES

STUDY, OTHER = "moon-trial", "sun-trial"
ENDS = date(2028, 12, 31)

INSTRUMENT = """\
id = "moon-6"
version = "1.0"
name = "MOON-6"
licensed = true
algorithm = "none"

[recalls]
night = "-P1D"

[labels.light]
kind = "choice"
low = 1
high = 3
named = [1, 2, 3]

[labels.shine]
kind = "scale"
low = 1
high = 7
named = [1, 7]
""" + "".join(
    f'\n[[items]]\ncode = "m{n}"\nnumber = {n}\nlabels = "{"shine" if n == 6 else "light"}"\n'
    + ('recall = "night"\n' if n > 1 else "")
    for n in range(1, 7)
)

_WORDS = {
    "en": (
        "Moonlight",
        "Please answer every line.",
        "Last night",
        ("Dark", "Pale", "Bright"),
        "How bright {n}?",
    ),
    "zh_CN": ("月光", "请回答每一题。", "昨夜", ("昏暗", "微明", "明亮"), "第{n}处有多亮？"),
}


def text_of(lang: str, wording: str = "official", mark: str = "") -> str:
    """A whole text of the instrument; `mark` stands behind every question."""
    name, instruction, recall, (dark, pale, bright), item = _WORDS[lang]
    items = "\n".join(f'm{n} = "{item.format(n=n)}{mark}"' for n in range(1, 7))
    return f"""\
instrument = "moon-6"
version = "1.0"
lang = "{lang}"
wording = "{wording}"
name = "{name}"
instruction = "{instruction}"
copyright = "© 2026 The Moon Group. All rights reserved."

[recalls]
night = "{recall}"

[items]
{items}

[labels.light]
1 = "{dark}"
2 = "{pale}"
3 = "{bright}"

[labels.shine]
1 = "{dark}"
7 = "{bright}"
"""


def pack_of(lang: str, valid_until: date = ENDS, study: str = STUDY, mark: str = "") -> str:
    """A pack: the official words and the licence."""
    return f"""\
{text_of(lang, mark=mark)}
[licence]
study = "{study}"
licensee = "Lunar Hospital"
permission = "MOON-2026-17"
valid_until = {valid_until.isoformat()}
"""


def write_definitions(folder: Path) -> Path:
    """A folder of definitions in which the trial asks moon-6 where the shipped plan asks the QLQ-C30."""
    shutil.copytree(QUESTIONNAIRES / "symptom-diary", folder / "symptom-diary")
    home = folder / "moon-6" / "1.0"
    home.mkdir(parents=True)
    (home / "instrument.toml").write_text(INSTRUMENT, "utf-8")
    for lang in _WORDS:
        demonstration = text_of(lang, "demonstration", mark=" [demo]")
        (home / f"text.{lang}.toml").write_text(demonstration, "utf-8")
    shipped = (QUESTIONNAIRES / "plans" / "sbrt-nsclc" / "1.0.toml").read_text("utf-8")
    plan = shipped.replace("qlq-c30", "moon-6").replace('"3.0"', '"1.0"')
    for study in (STUDY, OTHER):
        (folder / "plans" / study).mkdir(parents=True)
        (folder / "plans" / study / "1.0.toml").write_text(plan.replace("sbrt-nsclc", study), "utf-8")
    (folder / "published.toml").write_text("[sha256]\n", "utf-8")
    return folder


def open_trial(installation: Installation, at: datetime, mode: StudyMode = StudyMode.LIVE) -> None:
    """Load the trial, without any pack."""
    load_study(StaffContext(installation, SYSTEM, at), STUDY, "1.0", mode)


def import_packs_of_trial(
    installation: Installation, at: datetime, valid_until: date = ENDS, mark: str = "", *langs: str
) -> None:
    """Import the packs of the trial's languages."""
    for lang in langs or tuple(_WORDS):
        import_pack(
            StaffContext(installation, SYSTEM, at),
            STUDY,
            pack_of(lang, valid_until, mark=mark),
            f"{lang}.toml",
        )
