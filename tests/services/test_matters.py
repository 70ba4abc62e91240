"""To settle: whatever is open stands in the list once, is counted once, and goes when it is decided."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import cast

import pytest
import sqlalchemy as sa
from sqlmodel import select

from app.definitions.library import load_library
from app.domain.capture.answers import SubmittedAnswer
from app.domain.desk.matters import DECISIONS, MatterKind, MatterName
from app.domain.instruments.responses import AnswerValue
from app.domain.plans.plan import Owner
from app.domain.records.access import ROLE_PERMISSIONS, SYSTEM, Grant, Permission, Role, staff_actor
from app.domain.records.audit import AuditEvent
from app.domain.records.dispositions import DispositionKind
from app.domain.records.studies import StudyMode
from app.domain.records.visits import VisitState
from app.domain.refusal import Refused
from app.i18n.languages import LANGUAGE_CODES
from app.services.accounts.participant_session import change_language
from app.services.audit.audit_verification import verify_trail
from app.services.capture.quarantine import quarantine_answers
from app.services.clinic.corrections.decisions import DecisionEntry
from app.services.clinic.corrections.proposals import ProposalEntry, ProposedAnswer, propose_correction
from app.services.clinic.matters.late_answers import Obstacle
from app.services.clinic.matters.matter_details import get_licence, get_matter
from app.services.clinic.matters.matter_list import (
    PAGE,
    MatterFilter,
    OpenMatter,
    OpenMatters,
    count_open_matters,
    get_open_matters,
)
from app.services.clinic.matters.settlement import SettlementEntry, settle_licence, settle_matter
from app.services.clinic.trail.entries import read_trail
from app.services.clinic.trail.scope import TrailFilter
from app.services.core.context import EdcClientSession, EdcContext, ParticipantContext, StaffContext
from app.services.core.installation import Installation
from app.services.edc.requests import EdcRequest
from app.services.edc.schedule import AnchorBody, receive_anchor, receive_visit
from app.services.schedule.anchors import AnchorEntry, record_anchor
from app.services.schedule.dispositions import DispositionEntry, record_disposition
from app.services.schedule.missed_reasons import record_missed_reason
from app.services.setup.studies import load_study, open_site
from app.storage.queries.contradictions import Contradiction
from app.storage.row_changes import participant_chain
from app.storage.tables.audit import AuditEntry
from app.storage.tables.capture import Quarantine, Response
from app.storage.tables.feed import FeedEvent
from app.storage.tables.packs import LicenceDecision
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Site
from tests.services.alerted import PAIN, raised, watching
from tests.services.beginnings import installed_at
from tests.services.licensed_trial import STUDY as TRIAL
from tests.services.licensed_trial import open_trial, questionnaires, supply
from tests.services.people import START, Person, bound, colleague, days, enrolled, qlq, site_entry
from tests.services.signer import Signer
from tests.services.test_edc_feed import caller_of, request_about

NOW = START + days(40)
"""When the baseline of everybody has closed."""
SOON = START + timedelta(minutes=1)
RANDOMISED, STARTED, ENDED = date(2026, 3, 5), date(2026, 3, 10), date(2026, 3, 20)


@dataclass
class Trial:
    """Two sites; an investigator at each, who signs; a data manager and the EDC for both."""

    installation: Installation
    sites: tuple[Site, Site]
    edc: EdcClientSession
    signers: Mapping[str, Signer]
    numbers: "itertools.count[int]"

    @property
    def manager(self) -> StaffContext:
        actor = colleague(Role.DATA_MANAGER, self.sites[0], everywhere=True)
        return StaffContext(self.installation, actor, NOW)

    def investigator(self, site: Site) -> StaffContext:
        return StaffContext(self.installation, self.signers[site.code].actor, NOW)

    def person(self, site: Site, *, sent: bool = True) -> Person:
        """Somebody randomised who sent their baseline."""
        number = next(self.numbers)
        person = enrolled(self.installation, site, f"{site.code}-{number:03d}")
        if sent:
            person.begin("BL", START)
            person.submit("BL", START)
            person.randomise(RANDOMISED, START + days(3))
        return person

    def record(self, person: Person, kind: str, on: date, source: Owner = Owner.site, **more: object) -> None:
        entry = AnchorEntry(kind, on, source, "as filed", **more)  # type: ignore[arg-type]  # by name
        nurse = StaffContext(self.installation, person.nurse, START + days(25))
        record_anchor(nurse, person.site.study_id, person.subject, entry, confirmed=True)

    def told(self, person: Person) -> EdcRequest:
        request = request_about(self.installation, self.edc, person.subject)
        return replace(
            request, context=EdcContext(self.installation, self.edc, NOW), as_of=NOW - timedelta(hours=1)
        )

    def open(self, context: StaffContext | None = None, **criteria: object) -> OpenMatters:
        return get_open_matters(context or self.manager, MatterFilter(**criteria))  # type: ignore[arg-type]  # by name

    def only(self, kind: MatterKind) -> OpenMatter:
        (matter,) = self.open(kind=kind).rows
        return matter

    def settle(
        self, person: Person, name: MatterName, decision: str, context: StaffContext | None = None
    ) -> None:
        entry = SettlementEntry(decision, "looked up in the file")
        settle_matter(context or self.manager, person.row().id or 0, name, entry)


@pytest.fixture
def trial(migrated_url: str) -> Iterator[Trial]:
    with installed_at(migrated_url) as installation:
        yield open_two_sites(installation)


@pytest.fixture
def lone_trial(migrated_sqlite_url: str) -> Iterator[Trial]:
    with installed_at(migrated_sqlite_url) as installation:
        yield open_two_sites(installation)


def open_two_sites(installation: Installation) -> Trial:
    system = StaffContext(installation, SYSTEM, START)
    load_study(system, "sbrt-nsclc", "1.1", StudyMode.DEMO)
    here, there = (open_site(system, "sbrt-nsclc", site_entry(code)) for code in ("0571", "0572"))
    signers = {
        site.code: Signer(installation, site, f"zhang{site.code}", Role.INVESTIGATOR)
        for site in (here, there)
    }
    return Trial(installation, (here, there), caller_of(installation), signers, itertools.count(1))


def two_dates(trial: Trial, site: Site) -> Person:
    person = trial.person(site)
    trial.record(person, "sbrt_start", STARTED)
    trial.record(person, "sbrt_start", STARTED + days(1), Owner.edc)
    return person


def early_date_of_the_edc(trial: Trial, site: Site) -> Person:
    """No date is in force, and the one that the EDC says stands against the plan's order."""
    person = trial.person(site)
    trial.record(person, "progression", RANDOMISED - days(1), Owner.edc)
    return person


def out_of_order(trial: Trial, site: Site) -> Person:
    person = trial.person(site)
    trial.record(person, "sbrt_start", STARTED)
    trial.record(person, "sbrt_end", STARTED - days(1), against_order=True)
    return person


def sent_twice(trial: Trial, site: Site) -> Person:
    person = trial.person(site)
    with suppress(Refused):
        person.submit("BL", SOON, qlq(3))
    return person


def two_phones(trial: Trial, site: Site) -> Person:
    person = trial.person(site, sent=False)
    person.begin("BL", START)
    person.save("BL", START, SubmittedAnswer(1, 0, "q1", 3), SubmittedAnswer(2, 0, "q2", 3), client="first")
    person.save("BL", SOON, SubmittedAnswer(1, 0, "q1", 4), SubmittedAnswer(2, 0, "q2", 4), client="second")
    person.submit("BL", SOON)
    return person


def unexplained(trial: Trial, site: Site) -> Person:
    return trial.person(site, sent=False)


def unsigned(trial: Trial, site: Site) -> Person:
    person = trial.person(site)
    answer = ProposedAnswer("q5", "4", "wrong_tap")
    entry = ProposalEntry(1, (answer,), "I meant the other one", START.date(), "telephone")
    nurse = StaffContext(trial.installation, person.nurse, START)
    propose_correction(nurse, person.row().id or 0, person.slot("BL").public_id, entry)
    return person


def told_in_two_ways(trial: Trial, site: Site) -> Person:
    person = trial.person(site)
    for day in (14, 15):
        with suppress(Refused):
            receive_visit(trial.told(person), "W6", VisitState.planned, date(2026, 4, day))
    return person


MAKERS: tuple[tuple[MatterKind, Callable[[Trial, Site], Person]], ...] = (
    (MatterKind.dates_differ, two_dates),
    (MatterKind.dates_differ, early_date_of_the_edc),
    (MatterKind.dates_order, out_of_order),
    (MatterKind.quarantine, sent_twice),
    (MatterKind.conflict, two_phones),
    (MatterKind.missed, unexplained),
    (MatterKind.correction, unsigned),
    (MatterKind.edc_message, told_in_two_ways),
)


def decide(trial: Trial, draw: Random, person: Person, matter: OpenMatter) -> None:
    """End a matter by somebody who may, in one of the ways that there are."""
    row, kind = matter.row, matter.name.kind
    assert row is not None
    assert [matter.contradiction and matter.contradiction.part] == [
        "visits/W6" if kind is MatterKind.edc_message else None
    ]
    if kind is MatterKind.missed:
        nurse = StaffContext(trial.installation, person.nurse, NOW)
        record_missed_reason(nurse, row.participant_id, row.slot or "", "refused", "")
    elif kind is MatterKind.correction:
        at = NOW + timedelta(minutes=next(trial.numbers))
        trial.signers[person.site.code].decide(
            person, row.one or "", at, DecisionEntry("declined", "as sent")
        )
    else:
        shown = get_matter(trial.manager, row.participant_id, matter.name)
        assert (shown.subject, shown.matter, shown.settled) == (person.subject, matter, None)
        allowed = ["rejected"] if kind is MatterKind.quarantine else [each.value for each in DECISIONS[kind]]
        by = draw.choice([trial.manager, trial.investigator(person.site)])
        trial.settle(person, matter.name, draw.choice(allowed), by)


@pytest.mark.req("OFF-05")
def test_whatever_is_open_stands_there_once_until_it_is_decided(trial: Trial) -> None:
    draw = Random(trial.installation.engine.dialect.name)  # another order on each database
    waiting = [*MAKERS]
    draw.shuffle(waiting)
    held: list[tuple[MatterKind, Person]] = []
    while waiting or held:
        if waiting and (not held or draw.random() < 0.6):
            kind, make = waiting.pop()
            held.append((kind, make(trial, draw.choice(trial.sites))))
        else:
            kind, person = held.pop(draw.randrange(len(held)))
            matter = next(
                each
                for each in trial.open().rows
                if each.row and each.row.subject == person.subject and each.name.kind is kind
            )
            decide(trial, draw, person, matter)
            with pytest.raises(Refused, match="matter_closed"):
                trial.settle(person, matter.name, DECISIONS.get(kind, ("x",))[0])
        for context, sites in (
            (trial.manager, trial.sites),
            *((trial.investigator(site), (site,)) for site in trial.sites),
        ):
            listed = trial.open(context)
            reached = [(kind, person.subject) for kind, person in held if person.site in sites]
            assert Counter((each.name.kind, each.row.subject) for each in listed.rows if each.row) == Counter(
                reached
            )
            assert listed.counts == Counter(kind for kind, _subject in reached)
            assert count_open_matters(context) == len(reached)
    assert verify_trail(trial.installation) == []


@pytest.mark.req("IAM-04")
def test_accepted_answers_are_the_form_s_response_and_the_edc_is_told(trial: Trial) -> None:
    person = trial.person(trial.sites[0], sent=False)
    person.begin("BL", START)
    person.save("BL", START, SubmittedAnswer(1, 0, "q1", 4))
    person.cookie = bound(person, NOW)
    with pytest.raises(Refused, match="arrived_too_late"):
        person.submit("BL", NOW, qlq(3))
    assert trial.open().counts == {MatterKind.missed: 1, MatterKind.quarantine: 1}
    name = trial.only(MatterKind.quarantine).name
    key = person.row().id or 0
    late = get_matter(trial.manager, key, name).late
    assert late is not None
    assert [each.value for each in get_matter(trial.investigator(person.site), key, name).decisions] == [
        "accepted",
        "rejected",
    ]
    assert (late.obstacle, late.saved, dict(late.document)) == (None, {"q1": 4}, qlq(3))
    with pytest.raises(Refused, match="reason_needed"):
        settle_matter(trial.manager, key, name, SettlementEntry("accepted", " "))
    with pytest.raises(Refused, match="unknown_decision"):
        trial.settle(person, name, "date_stands")
    later = NOW + timedelta(minutes=5)
    change_language(ParticipantContext(trial.installation, person.participant(later), later), "zh_CN")
    shown = get_matter(trial.manager, key, name).shown
    entry = SettlementEntry("accepted", "looked up in the file", shown)
    with pytest.raises(Refused, match="accepted_by_investigators"):
        settle_matter(trial.manager, key, name, entry)
    doctor = trial.investigator(person.site)
    with pytest.raises(Refused, match="preview_changed"):
        settle_matter(doctor, key, name, SettlementEntry("accepted", "they are right", "of before"))
    settle_matter(doctor, key, name, entry)
    assert trial.open().every == 0
    slot = person.slot("BL")
    assert (slot.submitted_at, slot.out_of_window, slot.missed_reason) == (NOW, True, None)
    with trial.installation.read() as session:
        response = session.exec(select(Response)).one()
        assert (response.answers, response.submission) == (qlq(3), f"quarantine:{name.ref}")
        assert response.scores
        assert response.language == "en", "the one in which they were given"
        newest = session.exec(select(FeedEvent.type).order_by(sa.desc("seq"))).first()
        assert newest == "assessment.completed"
        assert (
            session.exec(select(AuditEntry).where(AuditEntry.event == AuditEvent.MATTER_SETTLED)).all() == []
        )
        told = session.exec(select(AuditEntry).where(AuditEntry.event == AuditEvent.ANSWERS_ACCEPTED)).one()
        assert told.reason == "looked up in the file"
        seen = select(AuditEntry).where(AuditEntry.event == AuditEvent.ANSWERS_VIEWED)
        assert len(session.exec(seen).all()) == 3
    settled = get_matter(trial.manager, key, name)
    assert (settled.matter, settled.decisions) == (None, ())
    assert settled.settled is not None
    assert settled.settled.decision == "accepted"
    assert verify_trail(trial.installation) == []


@pytest.mark.req("ALR-01")
def test_accepted_answers_alert_like_those_that_came_in_time(trial: Trial) -> None:
    person = trial.person(trial.sites[0], sent=False)
    person.begin("BL", START)
    person.cookie = bound(person, NOW)
    with pytest.raises(Refused, match="arrived_too_late"):
        person.submit("BL", NOW, qlq(2) | {"q9": 4})
    name, key = trial.only(MatterKind.quarantine).name, person.row().id or 0
    doctor = replace(trial.investigator(person.site), installation=watching(trial.installation))
    entry = SettlementEntry("accepted", "looked up in the file", get_matter(doctor, key, name).shown)
    settle_matter(doctor, key, name, entry)
    assert [(each.rule, each.raised_at) for each in raised(trial.installation)] == [(PAIN.code, NOW)]
    assert verify_trail(trial.installation) == []


def keep_apart(person: Person, at: datetime, answers: Mapping[str, AnswerValue]) -> MatterName:
    """Answers that the baseline cannot take, as every way of coming too late stores them."""
    with person.installation.work(SYSTEM, at) as work:
        work.lock(participant_chain(person.row().id or 0))
        slot = work.session.exec(select(Slot).where(Slot.public_id == person.slot("BL").public_id)).one()
        quarantine_answers(work, slot, answers, "altered", at, clock_untrusted=False)
    with person.installation.read() as session:
        newest = session.exec(select(sa.func.max(Quarantine.id))).one()
    return MatterName(MatterKind.quarantine, str(newest))


def test_answers_that_cannot_be_the_response_can_only_be_rejected(lone_trial: Trial) -> None:
    trial, site = lone_trial, lone_trial.sites[0]

    def leave(person: Person, kind: DispositionKind, on: date) -> None:
        nurse = StaffContext(trial.installation, person.nurse, NOW)
        record_disposition(
            nurse, site.study_id, person.subject, DispositionEntry(kind, f"{on}", Owner.site, "moved away")
        )

    def judge(person: Person, answers: Mapping[str, AnswerValue], at: datetime = NOW) -> Obstacle | None:
        name, key = keep_apart(person, at, answers), person.row().id or 0
        context = replace(trial.investigator(site), at=at)
        details = get_matter(context, key, name)
        assert details.late is not None
        assert [each.value for each in details.decisions] == ["rejected"]
        with pytest.raises(Refused, match="not_acceptable"):
            settle_matter(context, key, name, SettlementEntry("accepted", "they are right", details.shown))
        settle_matter(context, key, name, SettlementEntry("rejected", "they are not right"))
        return details.late.obstacle

    assert judge(trial.person(site), qlq(3)) is Obstacle.already_sent
    assert judge(trial.person(site, sent=False), {"q1": 2}) is Obstacle.incomplete
    assert judge(trial.person(site, sent=False), qlq(3), SOON) is Obstacle.still_open
    dead, gone = trial.person(site, sent=False), trial.person(site, sent=False)
    leave(dead, DispositionKind.death, START.date() + days(2))
    leave(gone, DispositionKind.withdrew_study, START.date() + days(2))
    assert judge(dead, qlq(3)) is Obstacle.not_expected
    assert judge(gone, qlq(3)) is Obstacle.after_leaving
    assert trial.open(kind=MatterKind.missed).every == 3


def test_who_may_not_see_answers_settles_without_them(
    lone_trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    rights = cast("dict[Role, frozenset[Permission]]", ROLE_PERMISSIONS)
    monkeypatch.setitem(rights, Role.NURSE, rights[Role.NURSE] | {Permission.MATTER_SETTLE})
    for make in (sent_twice, two_phones):
        person = make(lone_trial, lone_trial.sites[0])
        nurse = StaffContext(lone_trial.installation, person.nurse, NOW)
        (matter,) = lone_trial.open(nurse).rows
        assert not get_matter(nurse, person.row().id or 0, matter.name).sees_answers
        lone_trial.settle(person, matter.name, DECISIONS[matter.name.kind][1].value, nurse)
    with lone_trial.installation.read() as session:
        looks = select(AuditEntry).where(AuditEntry.event == AuditEvent.ANSWERS_VIEWED)
        assert session.exec(looks).all() == []


def test_a_date_that_stands_is_said_to_the_edc_once_more(lone_trial: Trial) -> None:
    trial = lone_trial
    person = two_dates(trial, trial.sites[0])
    trial.settle(person, trial.only(MatterKind.dates_differ).name, "date_stands")
    with trial.installation.read() as session:
        told = session.exec(select(FeedEvent).order_by(sa.desc("seq"))).first()
    assert told is not None
    assert told.type == "anchor.recorded"
    assert "looked up in the file" in told.line
    assert STARTED.isoformat() in told.line
    alone = early_date_of_the_edc(trial, trial.sites[0])
    trial.settle(alone, trial.only(MatterKind.dates_differ).name, "date_stands")
    trial.record(person, "sbrt_start", STARTED + days(2))
    assert trial.only(MatterKind.dates_differ).row is not None  # with another date it is another matter


def test_what_ends_by_itself_is_open_no_more(lone_trial: Trial) -> None:
    trial = lone_trial
    for says in (Owner.site, Owner.edc):
        person = two_dates(trial, trial.sites[0])
        assert trial.open(kind=MatterKind.dates_differ).every == 1
        if says is Owner.site:
            trial.record(person, "sbrt_start", STARTED + days(1))
        else:
            receive_anchor(trial.told(person), AnchorBody("sbrt_start", STARTED, None, confirm=False))
        assert trial.open().every == 0
    late = out_of_order(trial, trial.sites[0])
    trial.record(late, "sbrt_end", STARTED + days(1))
    assert trial.open().every == 0


def test_what_tells_the_arm_is_hidden_where_the_plan_blinds(lone_trial: Trial) -> None:
    trial, site = lone_trial, lone_trial.sites[0]
    two_dates(trial, site)
    out_of_order(trial, site)
    early_date_of_the_edc(trial, site)
    two_messages(trial, site, "sbrt_start")
    two_messages(trial, site, "progression")
    sent_twice_about(trial, trial.person(site), "visits/EOT")
    sent_twice_about(trial, trial.person(site), "visits/EOT-2")
    library = trial.installation.library
    blinded = replace(library.plan("sbrt-nsclc", "1.1"), blinded=True)
    plans = {**library.plans, ("sbrt-nsclc", "1.1"): blinded}
    trial.installation = replace(trial.installation, library=replace(library, plans=plans))
    assert trial.open(trial.investigator(site)).every == 7
    assert trial.open().counts == {MatterKind.dates_differ: 1, MatterKind.edc_message: 1}
    hidden = trial.open(trial.investigator(site), kind=MatterKind.dates_order).rows[0]
    person = Person(trial.installation, site, hidden.row.subject if hidden.row else "")
    with pytest.raises(Refused, match="matter_closed"):
        trial.settle(person, hidden.name, "both_right")
    told = trial.only(MatterKind.dates_differ)
    trial.settle(person, hidden.name, "both_right", trial.investigator(site))
    another = replace(person, subject=told.row.subject if told.row else "")
    trial.settle(another, told.name, "date_stands")
    monitor = staff_actor(900, (Grant(Role.MONITOR, site.study_id, None),))
    for by, seen in ((trial.manager, [False, True]), (trial.investigator(site), [True, True])):
        settled = [
            get_matter(by, who.row().id or 0, name).settled is not None
            for who, name in ((person, hidden.name), (another, told.name))
        ]
        assert settled == seen
    entries = read_trail(replace(trial.manager, actor=monitor), TrailFilter("sbrt-nsclc")).entries
    assert [each.subject for each in entries if each.event == AuditEvent.MATTER_SETTLED] == [another.subject]


def sent_twice_about(trial: Trial, person: Person, part: str) -> None:
    told = Contradiction(f"participants/{person.subject}/{part}", NOW, {"date": "1"}, {"date": "2"})
    chain = participant_chain(person.row().id or 0)
    with trial.installation.work(SYSTEM, NOW) as work:
        work.record(AuditEvent.BODY_CONTRADICTED, chain, person.site.study_id, changes=[told.as_change()])


def two_messages(trial: Trial, site: Site, kind: str) -> None:
    """The EDC says two dates of a kind for one moment; the second one is not taken."""
    person = trial.person(site)
    for day in (14, 15):
        with suppress(Refused):
            body = AnchorBody(kind, date(2026, 3, day), None, confirm=True)
            receive_anchor(trial.told(person), body)


def test_pages_hold_each_matter_once_and_searches_narrow_them(lone_trial: Trial) -> None:
    trial = lone_trial
    here, there = (trial.person(site) for site in trial.sites)
    for number in range(PAGE + 1):
        keep_apart(
            here, START + timedelta(seconds=number // 2), {"q1": 1, "q2": number % 4 + 1, "q3": number}
        )
    keep_apart(there, NOW, {"q1": 1})
    first = trial.open()
    assert first.next is not None
    second = trial.open(after=first.next)
    names = [each.name for each in (*first.rows, *second.rows)]
    assert (len(first.rows), len(names), len(set(names)), second.next) == (PAGE, PAGE + 2, PAGE + 2, None)
    assert trial.open(site="0572").every == 1
    assert trial.open(site="0599").every == 0
    assert trial.open(search="0572-").every == 1
    assert trial.open(search="0572-", kind=MatterKind.missed).rows == ()
    assert trial.open(kind=MatterKind.licence).rows == ()
    nobody = replace(trial.manager, actor=colleague(Role.NURSE, trial.sites[0]))
    assert (trial.open(nobody).every, count_open_matters(nobody)) == (0, 0)
    with pytest.raises(Refused, match="matter_closed"):
        trial.settle(here, names[0], "rejected", nobody)
    assert get_licence(nobody, "x") is None
    with pytest.raises(Refused, match="matter_closed"):
        settle_licence(nobody, "x", SettlementEntry("ends", "x"))
    with pytest.raises(Refused, match="unknown_matter"):
        get_matter(trial.manager, here.row().id or 0, MatterName(MatterKind.missed, "1"))


def test_a_licence_is_settled_once_in_each_of_its_states(migrated_sqlite_url: str, tmp_path: Path) -> None:
    library = load_library(questionnaires(tmp_path), LANGUAGE_CODES)
    with installed_at(migrated_sqlite_url) as opened:
        installation = replace(opened, library=library)
        open_trial(installation, START)
        site = open_site(StaffContext(installation, SYSTEM, START), TRIAL, site_entry("0571"))
        manager = StaffContext(installation, colleague(Role.DATA_MANAGER, site, everywhere=True), START)

        def refs(context: StaffContext) -> list[str]:
            return [each.name.ref for each in get_open_matters(context, MatterFilter()).rows]

        assert refs(manager) == ["moon-6~1.0~zh_CN~missing~", "moon-6~1.0~en~missing~"]
        supply(installation, START, START.date() + days(30))
        installation.refresh_packs(TRIAL, START)
        ends = START.date() + days(30)
        assert refs(manager) == [f"moon-6~1.0~{lang}~ends_soon~{ends}" for lang in ("zh_CN", "en")]
        local = replace(manager, actor=colleague(Role.DATA_MANAGER, site))
        assert refs(local) == []
        chosen = refs(manager)[0]
        shown = get_licence(manager, chosen)
        assert shown is not None
        assert shown.days == -30
        settle_licence(manager, chosen, SettlementEntry("renewal", "asked for in March"))
        assert len(refs(manager)) == count_open_matters(manager) == 1
        assert get_licence(manager, chosen) is None
        with pytest.raises(Refused, match="matter_closed"):
            settle_licence(local, refs(manager)[0], SettlementEntry("ends", "x"))
        assert len(refs(replace(manager, at=START + days(31)))) == 2
        kind = MatterFilter(kind=MatterKind.missed)
        assert get_open_matters(manager, kind).rows == ()
        with installation.read() as session:
            row = session.exec(select(LicenceDecision)).one()
            assert (row.ref, row.decision) == (chosen, "renewal")
        assert verify_trail(installation) == []
