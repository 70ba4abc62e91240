"""Studies of one small form, so that an interleaving takes seconds: their definitions and their people."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from itertools import product
from pathlib import Path
from string import Template

from app.domain.plans.windows import local_day
from app.domain.records.access import SYSTEM
from app.domain.records.studies import StudyMode
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.schedule.enrolment import enrol_participant
from app.services.setup.studies import load_study, open_site
from app.storage.tables.studies import Site
from tests.faults.cases import Keeping, study_of
from tests.faults.forms import AMOUNTS, FORMS, NONE, Form, FormItem, Kind
from tests.scenarios.people import QUESTIONNAIRES, Person, bind_browser, enrolment_entry, site_entry

VERSION, VISIT = "1.0", "BL"
_SETTINGS = {
    Keeping.nothing: "outbox = false",
    Keeping.outbox: "opens_offline = false",
    Keeping.forms: "opens_offline = true",
}
_PLAN = """
id = "$study"
version = "1.0"
$settings
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
instruments = [{ id = "$form", version = "1.0" }]
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
instruments = ["$form"]
"""
_INSTRUMENT = """
id = "$form"
version = "1.0"
name = "Small form"
licensed = false
algorithm = "none"
"""
_LABELS = {
    Kind.amount: 'kind = "choice"\nlow = 1\nhigh = 4\nnamed = [1, 2, 3, 4]\n',
    Kind.severity: 'kind = "scale"\nlow = 0\nhigh = 10\nnamed = [0, 10]\n',
    Kind.celsius: 'kind = "decimal"\nlow = 340\nhigh = 430\ndecimals = 1\n',
    Kind.words: 'kind = "text"\nlow = 1\nhigh = 200\n',
    Kind.list: 'kind = "choice"\nlow = 0\nhigh = 1\nnamed = [0, 1]\n',
    Kind.tick: 'kind = "choice"\nlow = 0\nhigh = 1\nnamed = [0, 1]\n',
}
_TEXT = """
instrument = "$form"
version = "1.0"
lang = "en"
wording = "official"
name = "Small form"
instruction = "Please answer each question."
"""
_NAMES: Mapping[Kind, Mapping[int, str]] = {
    Kind.amount: AMOUNTS,
    Kind.severity: {0: "None", 10: "Worst imaginable"},
    Kind.list: {0: NONE, 1: "Some of these"},
    Kind.tick: {0: "No", 1: "Yes"},
}
_ROWS = {Kind.list: "skippable = false\nlist = true\n", Kind.tick: "skippable = false\ntick = 1\n"}


def write_definitions(folder: Path) -> Path:
    """The shipped questionnaires and these studies', in a folder of the test's own."""
    root = Path(shutil.copytree(QUESTIONNAIRES, folder / "questionnaires"))
    for name, form in FORMS.items():
        home = root / name / VERSION
        home.mkdir(parents=True)
        (home / "instrument.toml").write_text(_instrument(name, form), "utf-8")
        (home / "text.en.toml").write_text(_text(name, form), "utf-8")
    for name, keeping in product(FORMS, Keeping):
        plan = Template(_PLAN).substitute(
            study=study_of(name, keeping), form=name, settings=_SETTINGS[keeping]
        )
        home = root / "plans" / study_of(name, keeping)
        home.mkdir()
        (home / f"{VERSION}.toml").write_text(plan, "utf-8")
    return root


def _kinds(form: Form) -> list[Kind]:
    return [kind for kind in Kind if any(item.kind is kind for item in form.values())]


def _instrument(name: str, form: Form) -> str:
    parts = [Template(_INSTRUMENT).substitute(form=name)]
    parts += [f"\n[labels.{kind}]\n{_LABELS[kind]}" for kind in _kinds(form)]
    for number, item in enumerate(form.values(), start=1):
        parts.append(f'\n[[items]]\ncode = "{item.code}"\nnumber = {number}\nlabels = "{item.kind}"\n')
        parts.append(_ROWS.get(item.kind, "") + _condition(item, form))
    return "".join(parts)


def _condition(item: FormItem, form: Form) -> str:
    """When it is asked: after 3 or more, or after a tick."""
    over = next((each.code for each in form.values() if each.kind is Kind.list), "")
    source = over if item.listed else item.condition
    rule = 'op = "==", value = 1' if over else 'op = ">=", value = 3'
    return f'condition = {{ item = "{source}", {rule} }}\n' if source else ""


def _text(name: str, form: Form) -> str:
    listed = [item for item in form.values() if item.listed]
    parts = [Template(_TEXT).substitute(form=name)]
    parts += ['not_ticked = "Not ticked"\nticked = "Ticked"\n'] if listed else []
    parts += ["\n[ticks]\n", *(f'{item.code} = "{item.name}"\n' for item in listed)] if listed else []
    parts.append("\n[items]\n")
    parts += [f'{item.code} = "{item.words}"\n' for item in form.values()]
    for kind in _kinds(form):
        if kind in _NAMES:
            parts.append(f"\n[labels.{kind}]\n")
            parts += [f'{value} = "{words}"\n' for value, words in _NAMES[kind].items()]
    return "".join(parts)


def set_up_studies(installation: Installation, at: datetime) -> dict[str, Site]:
    """Every study with its one site, by the study's code."""
    sites = {}
    for name, keeping in product(FORMS, Keeping):
        code = study_of(name, keeping)
        load_study(StaffContext(installation, SYSTEM, at), code, VERSION, StudyMode.DEMO)
        sites[code] = open_site(StaffContext(installation, SYSTEM, at), code, site_entry("0571"))
    return sites


def enrol_with_browsers(
    installation: Installation, site: Site, number: int, at: datetime
) -> tuple[Person, list[str]]:
    """Somebody enrolled now, and the cookies of their two browsers."""
    person = Person(installation, site, f"0571-{number:04d}")
    today = local_day(at, "Asia/Shanghai")
    entry = replace(enrolment_entry(person.subject), enrolled_on=today, consented_on=today)
    enrol_participant(StaffContext(installation, person.nurse, at), site, entry)
    cookies = [bind_browser(person, at) for _ in range(2)]
    person.cookie = cookies[0]
    return person, cookies
