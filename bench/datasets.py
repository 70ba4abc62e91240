"""Measures the export of a whole trial in every format, beside a bare cursor and CSV writer."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sqlmodel import select

from app.domain.records.access import SYSTEM
from app.services.core.context import StaffContext
from app.services.datasets.cuts import make_cut
from app.storage.tables.feed import FeedEvent
from bench.figures import Figure, at_most
from bench.grown import add_slots
from bench.programs import run_program
from bench.run import Run
from bench.trial import STUDY, ZONE, Trial, open_sqlite_trial
from tests.scenarios.dataset_stage import complete_diary
from tests.scenarios.people import START, Person, enrol_person, qlq

PEOPLE = 104
VISITS = ("BL", "W6", *(f"W{week}" for week in range(12, 157, 12)))
DIARY = (*(f"D{day}" for day in range(84)), *(f"DW{week}" for week in range(12, 157)))
FORMS = len(VISITS) + len(DIARY)
FORMATS = ("csv", "ndjson", "json", "xpt", "parquet")
CUT = "WHOLE"
_MOST_MEGABYTES = 300
_FEED = "study_id,seq,type,ref,version,site_id,recorded_at,line,hash"
_FIRST_KEY = 1000
"""Keys of the loaded participants begin above that of the one who answered through the use cases."""
_BARE = """
import csv, json, sqlite3, sys
with open(sys.argv[2], "w", newline="", encoding="utf-8") as file:
    write = csv.writer(file).writerow
    for seq, ref, line in sqlite3.connect(sys.argv[1]).execute("SELECT seq, ref, line FROM feed_event"):
        event = json.loads(line)
        common = (event["site"], event["subject"], seq, ref, event["visit"], event["recorded_at"])
        for item, value in event["data"].get("answers", {}).items():
            write((*common, item, value, value, "", "", "", "", "", "", ""))
        for score in event["data"].get("scores", ()):
            write((*common, score["scale"], score["value"], score["value"], "", "", "", "", "", "", ""))
"""


def datasets(run: Run) -> Iterator[Figure]:
    """Measure CPU and memory of one process for all five formats; memory has a fixed limit."""
    people = run.scale.of(PEOPLE, 1)
    with open_sqlite_trial(1) as trial, tempfile.TemporaryDirectory() as name:
        fill_whole_trial(trial, people)
        make_cut(StaffContext(trial.installation, SYSTEM, trial.at), STUDY, CUT, "bench")
        file, folder = trial.url.removeprefix("sqlite:///"), Path(name) / "out"
        environ, tiny = {**os.environ, "DAYBOOK_DATABASE_URL": trial.url}, run.scale.tiny
        bare = run_program(["-c", _BARE, file, str(Path(name) / "bare.csv")], environ, forked=tiny)
        formats = [word for each in FORMATS for word in ("--format", each)]
        command = ["-m", "app", "export", STUDY, "--cut", CUT, "--to", str(folder)]
        ours = run_program([*command, "--purpose", "bench", *formats], environ, forked=tiny)
        records = sum(each["records"] or 0 for each in _files(folder) if each["name"].endswith(".csv"))
    row = f"export {people} people, {people * FORMS:,} forms, {records:,} records, 5 formats"
    ratio = f"{ours.seconds / max(bare.seconds, 0.001):.1f}"
    yield Figure(f"{row}, CPU", f"{ours.seconds:.1f} s", f"{bare.seconds:.1f} s", ratio)
    yield at_most("... memory of it", ours.megabytes, _MOST_MEGABYTES, lambda value: f"{value:.0f} MB")


def _files(folder: Path) -> list[dict[str, Any]]:
    files: list[dict[str, Any]] = json.loads((folder / "manifest.json").read_text("utf-8"))["files"]
    return files


def fill_whole_trial(trial: Trial, people: int) -> None:
    """Fill the feed with every form of 36 months for everybody, from the events of one participant."""
    model = _model(trial)
    slots = [f"{number}s{place}" for number in range(people) for place in range(FORMS)]
    study, site, moment = trial.study.id, trial.sites[0], trial.at.isoformat()
    trial.copy(
        "participant",
        "id,public_id,study_id,site_id,subject,zone,language,enrolled_at,reminders_wanted,version",
        (
            f"{_FIRST_KEY + number}\tX{number}\t{study}\t{site.id}\t{site.code}-{number:03d}\t{ZONE}\ten"
            f"\t{moment}\tt\t1\n"
            for number in range(people)
        ),
    )
    trial.copy(
        "anchor",
        "participant_id,kind,dated_on,source,recorded_at,recorded_by,standing",
        (
            f"{_FIRST_KEY + n}\trandomisation\t2026-03-04\tedc\t{moment}\tbench\tcurrent\n"
            for n in range(people)
        ),
    )
    add_slots(trial, ((_FIRST_KEY + int(each.split("s")[0]), f"X{each}") for each in slots))
    with trial.installation.read() as session:
        last = max(session.exec(select(FeedEvent.seq)).all())
    lines = (event for number in range(people) for event in _events(model, site.code, number))

    def rows() -> Iterator[str]:
        for seq, event in enumerate(lines, last + 1):
            line = json.dumps(event | {"seq": seq}, separators=(",", ":"), ensure_ascii=False)
            name = f"{study}\t{seq}\t{event['type']}\t{event['ref']}\t1\t{site.id}"
            yield f"{name}\t{moment}\t{line}\t{'0' * 64}\n"

    trial.copy("feed_event", _FEED, rows())
    trial.execute(f"UPDATE feed_head SET seq = {last + people * (FORMS + 2)}")
    trial.execute("ANALYZE")


def _model(trial: Trial) -> Mapping[str, dict[str, Any]]:
    """Events of a participant who answered through the use cases, one of each kind."""
    person: Person = enrol_person(trial.installation, trial.sites[0], f"{trial.sites[0].code}-999")
    person.begin("BL", START)
    person.submit("BL", START, qlq(2) | {"q9": 3, "q14": None})
    person.randomise(date(2026, 3, 4), START + timedelta(days=2))
    evening = START + timedelta(days=2.5)
    person.begin("D0", evening)
    person.submit("D0", evening, complete_diary({"any_symptom": 1, "fatigue": 4, "pain": 2}))
    events = {}
    with trial.installation.read() as session:
        for row in session.exec(select(FeedEvent).order_by("seq")).all():
            event = json.loads(row.line)
            kind = "anchor" if "anchor" in event["data"] else event["type"].partition(".")[0]
            if kind in ("participant", "anchor") or event["type"].endswith(".completed"):
                events[kind] = event
    return events


def _events(model: Mapping[str, dict[str, Any]], site: str, number: int) -> Iterator[dict[str, Any]]:
    own = {"subject": f"{site}-{number:03d}"}
    yield model["participant"] | own | {"ref": f"X{number}"}
    yield model["anchor"] | own | {"ref": f"X{number}/randomisation"}
    for place, visit in enumerate((*VISITS, *DIARY)):
        event = deepcopy(model["diary" if place >= len(VISITS) else "assessment"])
        day = date(2026, 3, 4) + timedelta(days=_days_after(visit))
        slot, response = event["data"]["slot"], event["data"]["response"]
        slot |= {"visit": visit, "opens_on": f"{day}", "target_on": f"{day}", "closes_on": f"{day}"}
        if slot["for_day"]:
            slot["for_day"] = f"{day}"
        response |= {"completed_at": f"{day}T02:00:00.000Z", "received_at": f"{day}T02:00:00.000Z"}
        yield event | own | {"visit": visit, "ref": f"X{number}s{place}"}


def _days_after(visit: str) -> int:
    """Days from the randomisation to a visit or a day of the diary."""
    if visit == "BL":
        return -1
    digits = int("".join(filter(str.isdigit, visit)))
    return digits if visit[:2] != "DW" and visit[0] == "D" else 7 * digits
