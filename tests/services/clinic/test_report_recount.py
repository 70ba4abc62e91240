"""Every number of the report against rows that are counted once more, for drawn rows on both databases."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from app.domain.plans.plan import MissedReason
from app.domain.plans.status import ExitKind
from app.domain.plans.windows import build_window, start_of_day
from app.domain.records.access import Role
from app.domain.records.anchors import AnchorStanding
from app.domain.today.contacts import ContactOutcome
from app.services.clinic.report.figures import ReportTable
from app.services.clinic.report.report import FigureAddress, list_figure_rows
from app.services.clinic.report.scope import ReportFilter
from app.services.core.installation import Installation
from app.storage.queries.slots import window_columns
from app.storage.tables.capture import Response
from app.storage.tables.participants import ContactEntry, Participant
from app.storage.tables.schedule import Anchor, Disposition, Slot
from app.storage.tables.studies import Site
from tests.scenarios.report_recount import RECOUNTED, read_forms, recount
from tests.scenarios.report_tables import report_reader, report_table

NOW = datetime(2026, 11, 20, 3, tzinfo=ZoneInfo("UTC"))
ZONES = ("Asia/Shanghai", "Europe/Berlin", "America/New_York")
VISITS = ("W6", "W12", "W24")
EXITS = ("death", "withdrew_questionnaires", "withdrew_treatment", "lost")


class Drawing:
    """Rows of one study, drawn: beside the trail, since only their counts matter."""

    def __init__(self, session: Session, site: Site, seed: int) -> None:
        self.session, self.site, self.draw = session, site, Random(seed)

    def moment(self, first: date, last: date, zone: str) -> datetime:
        start, end = start_of_day(first, zone), start_of_day(last, zone)
        return start + self.draw.random() * (end - start)

    def add_people(self, count: int) -> None:
        for number in range(count):
            zone = self.draw.choice(ZONES)
            person = Participant(
                public_id=f"drawn{number}",
                study_id=self.site.study_id,
                site_id=self.site.id,
                subject=f"{self.site.code}-9{number:02d}",
                plan_version="1.0",
                zone=zone,
                language="en",
                enrolled_at=NOW - timedelta(days=200),
                consented_on=self.draw.choice((date(2026, 5, 1), date(2026, 5, 1), None)),
            )
            self.session.add(person)
            self.session.flush()
            self._add_facts(person)
            for visit in VISITS:
                target = date(2026, 10, 25) + timedelta(self.draw.randint(-60, 30))
                self._add_form(person, visit, target, 7)
            for day in self.draw.sample(range(83), 6):
                self._add_form(person, f"D{day}", date(2026, 9, 1) + timedelta(day), 2, diary=True)

    def _add_facts(self, person: Participant) -> None:
        if self.draw.random() < 0.8:
            self.session.add(
                Anchor(
                    participant_id=person.id,
                    kind="randomisation",
                    dated_on=date(2026, 6, 1),
                    standing=AnchorStanding.CURRENT,
                    source="edc",
                    recorded_at=NOW,
                    recorded_by="x",
                )
            )
        for _time in range(self.draw.randint(0, 2)):
            on = date(2026, 9, 1) + timedelta(self.draw.randint(0, 80))
            entry = Disposition(
                participant_id=person.id,
                kind=self.draw.choice(EXITS),
                effective_on=on,
                stated_date=on.isoformat(),
                source="site",
                recorded_at=NOW,
                recorded_by="x",
            )
            self.session.add(entry)
            self.session.flush()
            if self.draw.random() < 0.4:
                undone = entry.model_dump(exclude={"id", "undoes_id"})
                self.session.add(Disposition(**undone, undoes_id=entry.id))
            elif entry.kind in tuple(ExitKind) and person.exit_kind is None:
                person.exit_kind, person.exit_at = ExitKind(entry.kind), start_of_day(on, person.zone)
        self._add_contacts(person)

    def _add_contacts(self, person: Participant) -> None:
        for _time in range(self.draw.randint(0, 4)):
            at = self.moment(date(2026, 9, 1), date(2026, 11, 19), person.zone)
            self.session.add(
                ContactEntry(
                    participant_id=person.id,
                    outcome=self.draw.choice(list(ContactOutcome)),
                    contacted_at=at,
                    recorded_at=at,
                    recorded_by="x",
                )
            )

    def _add_form(
        self, person: Participant, visit: str, target: date, span: int, *, diary: bool = False
    ) -> None:
        first, last = (target if diary else target - timedelta(span)), target + timedelta(span)
        window = build_window(first, target, last, person.zone, overdue_after=2, grace_hours=24)
        slot = Slot(
            public_id=f"{person.public_id}{visit}",
            study_id=person.study_id,
            participant_id=person.id,
            site_id=person.site_id,
            visit=visit,
            series="diary" if diary else "follow_up",
            instrument="symptom-diary" if diary else "qlq-c30",
            instrument_version="1.0" if diary else "3.0",
            plan_version="1.0",
            anchor="randomisation",
            arm_revealing=False,
            position=0,
            zone=person.zone,
            for_day=target if diary else None,
            exit_kind=person.exit_kind,
            exit_at=person.exit_at,
            out_of_plan=self.draw.random() < 0.1,
            **window_columns(window),
        )
        self.session.add(slot)
        what = self.draw.random()
        if what < 0.55:
            self._submit(slot, first, last)
        elif what < 0.65:
            slot.excused = "no_translation"
        elif what < 0.8:
            slot.missed_reason = self.draw.choice(list(MissedReason)).value
        elif what < 0.9:
            slot.begun_at = slot.opens_at

    def _submit(self, slot: Slot, first: date, last: date) -> None:
        slot.submitted_at = self.moment(first, last + timedelta(4), slot.zone)
        slot.out_of_window = slot.submitted_at >= start_of_day(last + timedelta(1), slot.zone)
        slot.begun_at = slot.submitted_at - timedelta(minutes=self.draw.randint(1, 90))
        self.session.flush()
        collected_on = first if self.draw.random() < 0.2 else None
        for version in range(1, self.draw.randint(2, 4)):
            self.session.add(
                Response(
                    public_id=f"r{slot.public_id}",
                    slot_id=slot.id,
                    study_id=slot.study_id,
                    version=version,
                    submission=f"s{version}",
                    content_sha256="",
                    answers={"q1": self.draw.choice((1, None))},
                    scores=[{"scale": "PF", "value": self.draw.choice(("50", None))}],
                    instrument_sha256="",
                    text_sha256="",
                    algorithm="eortc-linear 1.0",
                    language="en",
                    originator="subject",
                    helped_by=self.draw.choice((None, "nurse")),
                    collected_on=collected_on,
                    mode=self.draw.choice(("own_device", "site_device", "paper")),
                    presentation={},
                    app_version="1",
                    out_of_window=slot.out_of_window,
                    in_grace=False,
                    begun_at=slot.begun_at,
                    submitted_at=slot.submitted_at,
                )
            )


def lines_of(
    installation: Installation, site: Site, name: ReportTable
) -> Iterator[tuple[FigureAddress, int]]:
    """Every count of every line of a table with the address of its rows, checked against the recount."""
    table = report_table(report_reader(installation, site, Role.INVESTIGATOR, NOW), name)
    with installation.read() as session:
        counted, medians = recount(name, tuple(read_forms(session, NOW)))
    shown = {
        tuple(value for key, value in each.where.items() if value or key != "line"): each
        for each in table.lines
    }
    reached = {
        key for key, own in counted.items() if name is not ReportTable.rates or own["expected"] + own["valid"]
    }
    assert set(shown) == reached, name
    for key, line in shown.items():
        assert {figure: count for figure, count in line.counts.items() if count} == counted[key], (name, key)
        if table.rule.median:
            assert line.median == medians[key], (name, key)
        where = {part: str(line.where.get(part) or "") for part in ("visit", "instrument", "line")}
        for figure, count in line.counts.items():
            yield FigureAddress(name, figure, **where), count


@pytest.mark.req("REP-01", "REP-02", "REP-03", "REP-04", "REP-10")
@pytest.mark.parametrize("seed", [1, 2])
def test_every_table_says_what_its_rows_say_one_by_one(
    installation: Installation, site: Site, seed: int
) -> None:
    """Over zones with and without a summer time, exits that were undone, paper, corrections and lateness."""
    beside = sa.create_engine(installation.engine.url)
    with Session(beside) as session:
        Drawing(session, site, seed).add_people(12)
        session.commit()
    beside.dispose()
    reader = report_reader(installation, site, Role.INVESTIGATOR, NOW)
    for name in RECOUNTED:
        addresses = list(lines_of(installation, site, name))
        assert addresses, name
        for address, count in Random(seed).sample(addresses, min(4, len(addresses))):
            rows = list_figure_rows(reader, ReportFilter(), address, limit=None)
            assert (rows.total, len({row.slot for row in rows.forms})) == (count, count), address
