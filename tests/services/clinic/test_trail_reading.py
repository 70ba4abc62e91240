"""The trail of a study as its readers see it: in parts that lose and repeat nothing, and of nobody else."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from random import Random

import pytest
from sqlmodel import select

from app.domain.desk.trail import BY_KEY, TrailKind, find_trail_kind
from app.domain.plans.windows import local_day
from app.domain.records.access import SYSTEM, Grant, Role, staff_actor
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.services.clinic.alerts.alert_acts import acknowledge_alert, close_alert, record_alert_action
from app.services.clinic.page_looks import LookLog, PageLook
from app.services.clinic.trail.entries import TrailEntry, iterate_trail, read_trail
from app.services.clinic.trail.looks import record_trail_download, record_trail_look
from app.services.clinic.trail.scope import TrailFilter, get_trail_scope
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.setup.studies import open_site
from app.storage.row_changes import participant_chain, study_chain
from app.storage.tables.audit import AuditEntry
from app.storage.tables.columns import metadata
from app.storage.tables.participants import Participant
from app.storage.tables.studies import Site
from tests.scenarios.alerts import escalate_alerts, person_with_alert_rules, raised_alerts, submit_severe_pain
from tests.scenarios.arms import assign_arm, with_hidden_arms
from tests.scenarios.beginnings import site_of
from tests.scenarios.correction_signer import Signer
from tests.scenarios.full_course import LATER
from tests.scenarios.people import START, Person, enrol_person, site_entry
from tests.scenarios.reminders import MailServer, message_sender

STUDY = "sbrt-nsclc"
ZONE = "Asia/Shanghai"
EVERYTHING = TrailFilter(STUDY)


def reader(installation: Installation, *roles: Role, site: Site | None = None) -> StaffContext:
    """A monitor, or somebody of these roles, at one site or all."""
    study, site_id = site_of(installation).study_id, site.id if site else None
    actor = staff_actor(900, tuple(Grant(role, study, site_id) for role in roles or (Role.MONITOR,)))
    return StaffContext(installation, actor, LATER)


def whole(context: StaffContext, chosen: TrailFilter) -> list[TrailEntry]:
    return [entry for part in iterate_trail(context, chosen) for entry in part]


def in_parts(context: StaffContext, chosen: TrailFilter, limit: int, stretch: int) -> list[TrailEntry]:
    entries: list[TrailEntry] = []
    before: int | None = None
    while True:
        part = read_trail(context, chosen, before, limit, stretch)
        assert len(part.entries) <= limit
        entries += part.entries
        before = part.further
        if before is None:
            return entries


def stored(installation: Installation, study_id: int, subjects: dict[str, str]) -> list[AuditEntry]:
    """The entries of a study, the newest first."""
    with installation.read() as session:
        rows = session.exec(select(AuditEntry)).all()
        stored_rows = [row for row in rows if row.chain in {*subjects, study_chain(study_id)}]
    return sorted(stored_rows, key=lambda row: (row.at, row.id), reverse=True)


def matches(row: AuditEntry, chosen: TrailFilter, subjects: dict[str, str]) -> bool:
    """The filter once more, in plain words over what is stored."""
    day = local_day(row.at, ZONE)
    changes = json.loads(row.changes)
    item = any(
        change["field"] == chosen.item[1] and change["record"].startswith(("answer:", "correction:"))
        for change in changes
    )
    return all(
        (
            not chosen.participant or subjects.get(row.chain) == chosen.participant,
            not chosen.site or row.chain in subjects,
            chosen.kind is None or find_trail_kind(row.event) is chosen.kind,
            not chosen.by or chosen.by in (row.actor_id, row.actor_kind),
            chosen.first is None or day >= chosen.first,
            chosen.last is None or day <= chosen.last,
            not chosen.item[1] or item,
        )
    )


@pytest.mark.req("AUD-09")
def test_parts_lose_and_repeat_nothing_and_filters_are_the_filtered_whole(course: Installation) -> None:
    site = site_of(course)
    person = Person(course, site, "0571-001")
    with course.read() as session:
        subjects = {participant_chain(row.id): row.subject for row in session.exec(select(Participant))}
    entries = stored(course, site.study_id, subjects)
    context = reader(course, Role.MONITOR, Role.STATISTICIAN)  # who also sees the arm, so everything
    assert [each.number for each in whole(context, EVERYTHING)] == [row.id for row in entries]
    streamed = [each.number for part in iterate_trail(context, EVERYTHING, 7) for each in part]
    assert streamed == [row.id for row in entries]
    draw = Random(14)
    days = [None, START.date(), START.date() + timedelta(days=2), LATER.date()]
    actors = sorted(get_trail_scope(context, EVERYTHING).people)
    for _case in range(40):
        first, last = draw.choice(days), draw.choice(days)
        chosen = TrailFilter(
            STUDY,
            participant=draw.choice(("", "", person.subject)),
            site=draw.choice(("", "", site.code)),
            kind=draw.choice((None, None, *TrailKind)),
            by=draw.choice(("", "", "participant", "edc", "system", "staff:999", *actors)),
            first=first,
            last=last if first is None or last is None or last >= first else None,
            item=draw.choice((("", ""), ("", ""), ("qlq-c30", "q1"), ("qlq-c30", "q5"))),
            oldest_first=draw.choice((False, True)),
        )
        expected = [row.id for row in entries if matches(row, chosen, subjects)]
        if chosen.oldest_first:
            expected.reverse()
        limit, stretch = draw.choice((1, 2, 7, 50)), draw.choice((1, 3, 20, 10_000))
        numbers = in_parts(context, chosen, limit, stretch)
        assert [each.number for each in numbers] == expected, (chosen, limit, stretch)


@pytest.mark.req("AUD-08", "AUD-09")
def test_a_form_filter_finds_every_entry_about_it(course: Installation) -> None:
    entries = whole(reader(course), TrailFilter(STUDY, visit="BL"))
    events = {each.event for each in entries}
    assert {AuditEvent.FORM_BEGUN, AuditEvent.FORM_SUBMITTED, AuditEvent.ANSWER_SAVED} <= events
    assert {AuditEvent.ANSWERS_QUARANTINED, AuditEvent.CORRECTION_PROPOSED} <= events
    assert AuditEvent.CORRECTION_APPROVED in events
    places = {each.about for entry in entries for each in entry.shown.changes}
    assert {subject.visit for subject in places if subject} == {"BL"}
    reminders = whole(reader(course), TrailFilter(STUDY, kind=TrailKind.reminders, visit="D0"))
    assert AuditEvent.REMINDER_SENT in {each.event for each in reminders}
    dates = whole(reader(course), TrailFilter(STUDY, kind=TrailKind.dates))
    assert "randomisation" in {
        each.about.anchor for entry in dates for each in entry.shown.changes if each.about
    }
    names = {each.who for each in whole(reader(course), TrailFilter(STUDY, by="edc"))}
    assert names
    assert "" not in names


@pytest.mark.req("AUD-10", "IAM-03")
def test_a_reader_sees_entries_of_their_own_sites_only(
    lone_installation: Installation, lone_site: Site
) -> None:
    here = enrol_person(lone_installation, lone_site, "0571-001")
    system = StaffContext(lone_installation, SYSTEM, START)
    elsewhere = open_site(system, STUDY, site_entry("0021"))
    enrol_person(lone_installation, elsewhere, "0021-001")
    own = reader(lone_installation, Role.INVESTIGATOR, site=lone_site)
    assert {each.subject for each in whole(own, EVERYTHING)} == {here.subject}
    everywhere = {each.subject for each in whole(reader(lone_installation), EVERYTHING)}
    assert everywhere == {"", "0571-001", "0021-001"}
    for chosen, code in (
        (TrailFilter(STUDY, participant="0021-001"), "no_such_participant"),
        (TrailFilter(STUDY, site="0021"), "not_own_site"),
        (TrailFilter("another"), "unknown_study"),
        (TrailFilter(STUDY, first=date(2026, 3, 2), last=date(2026, 3, 1)), "days_reversed"),
    ):
        with pytest.raises(Refused) as refused:
            read_trail(own, chosen)
        assert refused.value.code == code
    with pytest.raises(Refused, match="bad_field"):
        read_trail(own, EVERYTHING, 10**8)
    with pytest.raises(Refused, match="unknown_study"):
        read_trail(reader(lone_installation, Role.NURSE, site=lone_site), EVERYTHING)
    of_both = TrailFilter(STUDY, participant="0571-001", site="0021")
    assert whole(reader(lone_installation), of_both) == []


@pytest.mark.req("AUD-10")
def test_no_word_of_an_arm_reaches_a_blinded_reader(lone_installation: Installation, lone_site: Site) -> None:
    person = enrol_person(lone_installation, lone_site, "0571-001")
    person.randomise(START.date(), START)
    assign_arm(person, "SBRT", 0)
    person.anchor("sbrt_end", START.date(), START + timedelta(hours=1))
    hidden = with_hidden_arms(lone_installation)
    hidden_text = str([(each.event, each.shown) for each in whole(reader(hidden), EVERYTHING)])
    assert AuditEvent.PARTICIPANT_ENROLLED in hidden_text
    assert [word for word in ("SBRT", "sbrt", "SOC", "EOT") if word in hidden_text] == []
    open_text = str([each.shown for each in whole(reader(hidden, Role.INVESTIGATOR), EVERYTHING)])
    assert all(word in open_text for word in ("SBRT", "sbrt_end", "EOT"))


@pytest.mark.req("AUD-10", "ALR-04")
def test_alert_entries_hide_an_arm_revealing_form(lone_installation: Installation, lone_site: Site) -> None:
    person = person_with_alert_rules(enrol_person(lone_installation, lone_site, "0571-001"))
    Signer(lone_installation, lone_site, "li", Role.NURSE)
    assign_arm(person, "SBRT", 0)
    person.anchor("sbrt_end", START.date(), START + timedelta(hours=1))
    for visit in ("BL", "EOT"):
        submit_severe_pain(person, START + timedelta(hours=2), visit)
    escalate_alerts(person.installation, message_sender(MailServer()), START + timedelta(hours=3))
    nurse = StaffContext(person.installation, person.nurse, START + timedelta(hours=4))
    for alert in raised_alerts(person.installation):
        acknowledge_alert(nurse, alert.participant_id, alert.public_id)
        record_alert_action(nurse, alert.participant_id, alert.public_id, "called", "")
        close_alert(nurse, alert.participant_id, alert.public_id, "")
    chosen = TrailFilter(STUDY, kind=TrailKind.alerts)
    entries = whole(reader(person.installation, Role.INVESTIGATOR), chosen)
    shown = whole(reader(with_hidden_arms(person.installation)), chosen)
    assert len(entries) == 2 * len(shown) == 12
    assert {each.about.visit for entry in shown for each in entry.shown.changes if each.about} == {"BL"}


def test_every_record_of_a_form_or_date_has_a_key() -> None:
    of_forms = {"slot", "anchor"}
    for _further in range(3):
        of_forms |= {
            table.name
            for table in metadata.tables.values()
            if any(key.column.table.name in of_forms for key in table.foreign_keys)
        }
    named_by_visit, of_a_tablet = {"slot", "answer_event"}, {"device", "activation"}
    assert of_forms - named_by_visit - of_a_tablet <= BY_KEY


@pytest.mark.req("AUD-14", "INV-06")
def test_a_look_and_a_file_are_entries_of_whom_they_were_about(person: Person) -> None:
    context = reader(person.installation)
    for chosen in (EVERYTHING, TrailFilter(STUDY, person.subject, by="edc", item=("qlq-c30", "q5"))):
        record_trail_look(context, get_trail_scope(context, chosen))
    everything = TrailFilter(
        STUDY, kind=TrailKind.looks, first=START.date(), last=LATER.date(), visit="BL", site="0571"
    )
    record_trail_download(context, get_trail_scope(context, everything), "csv")
    looks: Sequence[TrailEntry] = whole(context, TrailFilter(STUDY, kind=TrailKind.looks))
    assert [(each.event, each.subject) for each in looks] == [
        (AuditEvent.TRAIL_SAVED, ""),
        (AuditEvent.TRAIL_VIEWED, person.subject),
        (AuditEvent.TRAIL_VIEWED, ""),
    ]
    changes = [{each.field: each.new for each in look.shown.changes} for look in looks]
    assert changes[1:] == [{"by": "edc", "item": "qlq-c30/q5"}, {}]
    assert changes[0] == {
        "site": "0571",
        "kind": "looks",
        "from": str(START.date()),
        "to": str(LATER.date()),
        "visit": "BL",
        "file": "csv",
    }


@pytest.mark.req("AUD-14", "INV-06")
def test_a_view_is_an_entry_of_whom_it_was_about_once_in_ten_minutes(person: Person) -> None:
    context, row, views = reader(person.installation), person.row(), LookLog(most=2)
    of_one = PageLook("scores", row.study_id, row.id)
    rows = PageLook("rows", row.study_id, None, (("contents", "rates_by_arm"), ("arm", "SBRT")))

    def enter(view: PageLook, minutes: int = 0, who: StaffContext = context) -> None:
        views.enter_look(replace(who, at=LATER + timedelta(minutes=minutes)), view)

    enter(of_one)
    enter(of_one, 9)
    enter(rows, 9)
    seen = TrailFilter(STUDY, kind=TrailKind.looks)
    changes = whole(reader(person.installation, Role.MONITOR, Role.STATISTICIAN), seen)
    assert [(each.event, each.subject) for each in changes] == [
        (AuditEvent.PAGE_VIEWED, ""),
        (AuditEvent.PAGE_VIEWED, person.subject),
    ]
    assert [{each.field: each.new for each in look.shown.changes} for look in changes] == [
        {"page": "rows", "contents": "rates_by_arm", "arm": "SBRT"},
        {"page": "scores"},
    ]
    assert "SBRT" not in str(whole(reader(with_hidden_arms(person.installation)), seen)), (
        "which arm was looked at"
    )
    enter(of_one, 10)
    enter(rows, 5)
    assert len(whole(context, seen)) == 4, "one that is over, and one of an earlier clock"
    enter(replace(of_one, page="history"), 11)
    enter(rows, 11)
    assert len(whole(context, seen)) == 6, "it remembers no more than two"
