"""A study of one short form, so that an interleaving takes seconds: its definitions and its people."""

import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from app.domain.access import SYSTEM
from app.domain.window import local_day
from app.services.enrolment import enrol
from app.services.installation import Installation
from app.services.studies import load_study, open_site
from app.storage.study import Mode, Site
from tests.services.people import QUESTIONNAIRES, Person, bound, enrolment, site_entry

STUDY, VERSION, VISIT = "faults", "1.0", "BL"
ITEMS = ("walk", "stairs", "sleep", "appetite", "mood", "pain")
CONDITIONAL = "painkiller"
"""Asked only of somebody whose pain is 3 or more."""

_PLAN = """
id = "faults"
version = "1.0"
zone = "Asia/Shanghai"
languages = ["en"]
blinded = false
participants = 10000
subject_pattern = "[0-9]{4}-[0-9]+"
follow_up_weeks = 4
grace_hours = 48
idle_minutes = 15
missed_reasons = ["unknown"]
title = { en = "Faults" }
neutral_name = { en = "Daybook study" }
monitoring = { kind = "none", reason = { en = "Nobody takes part." } }
arms = [{ code = "ONE", name = "The only one" }]
anchors = [{ kind = "enrolment", owner = "site" }]
instruments = [{ id = "short", version = "1.0" }]
reminders = { moments = ["opening", "last_day"] }

[[visits]]
code = "BL"
series = "baseline"
anchor = "enrolment"
anchoring = "event"
offset = 0
unit = "days"
before = 0
after = 6
instruments = ["short"]
"""
_INSTRUMENT = """
id = "short"
version = "1.0"
name = "Short form"
licensed = false
algorithm = "none"

[labels.amount]
kind = "choice"
low = 1
high = 4
named = [1, 2, 3, 4]
"""
_TEXT = """
instrument = "short"
version = "1.0"
lang = "en"
wording = "official"
name = "Short form"
instruction = "Please answer each question."

[labels.amount]
1 = "Not at all"
2 = "A little"
3 = "Quite a bit"
4 = "Very much"

[items]
"""


def write_definitions(folder: Path) -> Path:
    """The shipped questionnaires and this study's, in a folder of the test's own."""
    root = Path(shutil.copytree(QUESTIONNAIRES, folder / "questionnaires"))
    home = root / "short" / "1.0"
    home.mkdir(parents=True)
    (root / "plans" / STUDY).mkdir()
    (root / "plans" / STUDY / f"{VERSION}.toml").write_text(_PLAN, "utf-8")
    (home / "instrument.toml").write_text(_INSTRUMENT + "".join(_items()), "utf-8")
    words = [f'{code} = "{question(code)}"\n' for code in (*ITEMS, CONDITIONAL)]
    (home / "text.en.toml").write_text(_TEXT + "".join(words), "utf-8")
    return root


def question(code: str) -> str:
    """The words by which the test knows an item on the screen, whatever the page calls it."""
    return f"How much: {code}?"


def _items() -> list[str]:
    rows = [
        f'\n[[items]]\ncode = "{code}"\nnumber = {number}\nlabels = "amount"\n'
        for number, code in enumerate((*ITEMS, CONDITIONAL), start=1)
    ]
    return [*rows, 'condition = { item = "pain", op = ">=", value = 3 }\n']


def founded(installation: Installation, at: datetime) -> Site:
    """The study with its one site."""
    load_study(installation, SYSTEM, STUDY, VERSION, Mode.DEMO, at)
    return open_site(installation, SYSTEM, STUDY, site_entry("0571"), at)


def enrolled(installation: Installation, site: Site, number: int, at: datetime) -> tuple[Person, list[str]]:
    """Somebody enrolled now, and the cookies of their two browsers."""
    person = Person(installation, site, f"0571-{number:04d}")
    today = local_day(at, "Asia/Shanghai")
    entry = replace(enrolment(person.subject), enrolled_on=today, consented_on=today)
    enrol(installation, person.nurse, site, entry, at)
    cookies = [bound(person, at) for _ in range(2)]
    person.cookie = cookies[0]
    return person, cookies
