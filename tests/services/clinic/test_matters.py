"""To settle: whatever is open stands in the list once, is counted once, and goes when it is decided."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa
from sqlmodel import select

from app.definitions.library import load_library
from app.domain.desk.matters import DECISIONS, MatterDecision, MatterKind, MatterName
from app.domain.plans.plan import Owner
from app.domain.records.access import SYSTEM, Grant, Role, staff_actor
from app.domain.records.audit import AuditEvent
from app.domain.records.dispositions import DispositionKind
from app.domain.records.visits import VisitState
from app.domain.refusal import Refused
from app.i18n.languages import LANGUAGE_CODES
from app.services.clinic.corrections.decisions import DecisionEntry
from app.services.clinic.matters.matter_details import get_licence, get_matter
from app.services.clinic.matters.matter_list import (
    PAGE,
    MatterFilter,
    OpenMatter,
    count_open_matters,
    get_open_matters,
)
from app.services.clinic.matters.settlement import SettlementEntry, settle_licence
from app.services.clinic.trail.entries import read_trail
from app.services.clinic.trail.scope import TrailFilter
from app.services.core.context import StaffContext
from app.services.edc.schedule import AnchorBody, receive_anchor, receive_visit
from app.services.schedule.dispositions import DispositionEntry, record_disposition
from app.services.schedule.missed_reasons import record_missed_reason
from app.services.setup.studies import open_site
from app.storage.queries.contradictions import Contradiction
from app.storage.row_changes import participant_chain
from app.storage.tables.feed import FeedEvent
from app.storage.tables.packs import LicenceDecision
from tests.scenarios.after_baseline import correct_baseline
from tests.scenarios.beginnings import open_installation_at
from tests.scenarios.licensed_trial import STUDY as TRIAL
from tests.scenarios.licensed_trial import import_packs_of_trial, open_trial, write_definitions
from tests.scenarios.matter_stage import (
    MAKERS,
    NOW,
    RANDOMISED,
    STARTED,
    TwoSites,
    answer_on_two_phones,
    quarantine_answers_of,
    queue_two_messages,
    send_contradiction,
    send_dates_out_of_order,
    send_early_date,
    send_two_dates,
)
from tests.scenarios.people import START, Person, days, site_entry, staff_member
from tests.scenarios.trail_entries import entries_of, verify_trail

NEEDS_MORE = {MatterDecision.accepted, MatterDecision.corrected, MatterDecision.corrected_by_edc}
"""Decisions for which something else must be there: the right, a correction, a newer message."""


def decide(trial: TwoSites, draw: Random, person: Person, matter: OpenMatter) -> None:
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
        allowed = [each for each in DECISIONS[kind] if each not in NEEDS_MORE]
        by = draw.choice([trial.manager, trial.investigator(person.site)])
        trial.settle(person, matter.name, draw.choice(allowed).value, by)


def check_open(trial: TwoSites, expected: Sequence[tuple[MatterKind, Person]]) -> None:
    """Whoever may settle sees these matters of the sites that they reach, each once, and as many counted."""
    for context, sites in (
        (trial.manager, trial.sites),
        *((trial.investigator(site), (site,)) for site in trial.sites),
    ):
        listed = trial.open(context)
        reached = Counter((kind, person.subject) for kind, person in expected if person.site in sites)
        assert Counter((each.name.kind, each.row.subject) for each in listed.rows if each.row) == reached
        assert listed.counts == Counter(kind for kind, _subject in reached.elements())
        assert count_open_matters(context) == reached.total()


@pytest.mark.req("OFF-05")
def test_whatever_is_open_stands_there_once_until_it_is_decided(two_sites: TwoSites) -> None:
    draw = Random(two_sites.installation.engine.dialect.name)  # another order on each database
    waiting = [*MAKERS]
    draw.shuffle(waiting)
    expected: list[tuple[MatterKind, Person]] = []
    while waiting or expected:
        if waiting and (not expected or draw.random() < 0.6):
            kind, make = waiting.pop()
            expected.append((kind, make(two_sites, draw.choice(two_sites.sites))))
        else:
            kind, person = expected.pop(draw.randrange(len(expected)))
            matter = next(
                each
                for each in two_sites.open().rows
                if each.row and each.row.subject == person.subject and each.name.kind is kind
            )
            decide(two_sites, draw, person, matter)
            with pytest.raises(Refused, match="matter_closed"):
                two_sites.settle(person, matter.name, DECISIONS.get(kind, ("x",))[0])
        check_open(two_sites, expected)
    assert verify_trail(two_sites.installation) == []


def test_a_date_that_stands_is_said_to_the_edc_once_more(lone_sites: TwoSites) -> None:
    trial = lone_sites
    person = send_two_dates(trial, trial.sites[0])
    trial.settle(person, trial.only(MatterKind.dates_differ).name, "date_stands")
    with trial.installation.read() as session:
        event = session.exec(select(FeedEvent).order_by(sa.desc("seq"))).first()
    assert event is not None
    assert event.type == "anchor.recorded"
    assert "looked up in the file" in event.line
    assert STARTED.isoformat() in event.line
    alone = send_early_date(trial, trial.sites[0])
    trial.settle(alone, trial.only(MatterKind.dates_differ).name, "date_stands")
    trial.record(person, "sbrt_start", STARTED + days(2))
    assert trial.only(MatterKind.dates_differ).row is not None  # with another date it is another matter


def test_what_ends_by_itself_is_open_no_more(lone_sites: TwoSites) -> None:
    trial = lone_sites
    for says in (Owner.site, Owner.edc):
        person = send_two_dates(trial, trial.sites[0])
        assert trial.open(kind=MatterKind.dates_differ).every == 1
        if says is Owner.site:
            trial.record(person, "sbrt_start", STARTED + days(1))
        else:
            receive_anchor(
                trial.build_request(person), AnchorBody("sbrt_start", STARTED, None, confirm=False)
            )
        assert trial.open().every == 0
    late = send_dates_out_of_order(trial, trial.sites[0])
    trial.record(late, "sbrt_end", STARTED + days(1))
    assert trial.open().every == 0


def test_what_was_missed_before_leaving_stays_open_and_what_came_after_is_not_expected(
    lone_sites: TwoSites,
) -> None:
    trial, site = lone_sites, lone_sites.sites[0]
    people = {
        name: trial.person(site, submits=name == "sent") for name in ("after", "within", "died", "sent")
    }
    for name, kind, on in (
        ("after", DispositionKind.withdrew_study, NOW.date()),
        ("within", DispositionKind.withdrew_study, START.date() + days(2)),
        ("died", DispositionKind.death, START.date() + days(2)),
        ("sent", DispositionKind.withdrew_study, RANDOMISED + days(2)),
    ):
        nurse = StaffContext(trial.installation, people[name].nurse, NOW)
        entry = DispositionEntry(kind, f"{on}", Owner.site, "moved away")
        record_disposition(nurse, site.study_id, people[name].subject, entry)
    for at in (NOW, NOW + days(400)):
        rows = trial.open(replace(trial.manager, at=at), kind=MatterKind.missed).rows
        shown = {(each.row.subject, each.row.visit) for each in rows if each.row}
        assert shown == {(people[name].subject, "BL") for name in ("after", "within")}


def test_what_tells_the_arm_is_hidden_where_the_plan_blinds(lone_sites: TwoSites) -> None:
    trial, site = lone_sites, lone_sites.sites[0]
    send_two_dates(trial, site)
    send_dates_out_of_order(trial, site)
    send_early_date(trial, site)
    queue_two_messages(trial, site, "sbrt_start")
    queue_two_messages(trial, site, "progression")
    record_contradiction_about(trial, trial.person(site), "visits/EOT")
    record_contradiction_about(trial, trial.person(site), "visits/EOT-2")
    refused, ahead = (
        trial.build_request(trial.person(site)),
        AnchorBody("sbrt_start", date(2030, 1, 1), None, True),
    )
    with pytest.raises(Refused, match="date_in_future"):
        receive_anchor(refused, ahead)
    library = trial.installation.library
    blinded = replace(library.get_plan("sbrt-nsclc", "1.1"), blinded=True)
    plans = {**library.plans, ("sbrt-nsclc", "1.1"): blinded}
    trial.installation = replace(trial.installation, library=replace(library, plans=plans))
    assert trial.open(trial.investigator(site)).every == 8
    assert trial.open().counts == {MatterKind.dates_differ: 1, MatterKind.edc_message: 1}
    hidden = trial.open(trial.investigator(site), kind=MatterKind.dates_order).rows[0]
    person = Person(trial.installation, site, hidden.row.subject if hidden.row else "")
    with pytest.raises(Refused, match="matter_closed"):
        trial.settle(person, hidden.name, "both_right")
    shown = trial.only(MatterKind.dates_differ)
    trial.settle(person, hidden.name, "both_right", trial.investigator(site))
    another = replace(person, subject=shown.row.subject if shown.row else "")
    trial.settle(another, shown.name, "date_stands")
    monitor = staff_actor(900, (Grant(Role.MONITOR, site.study_id, None),))
    for by, seen in ((trial.manager, [False, True]), (trial.investigator(site), [True, True])):
        settled = [
            get_matter(by, who.row().id, name).settled is not None
            for who, name in ((person, hidden.name), (another, shown.name))
        ]
        assert settled == seen
    entries = read_trail(replace(trial.manager, actor=monitor), TrailFilter("sbrt-nsclc")).entries
    assert [each.subject for each in entries if each.event == AuditEvent.MATTER_SETTLED] == [another.subject]


def test_the_entry_that_settles_an_edc_contradiction_names_it(lone_sites: TwoSites) -> None:
    trial = lone_sites
    person = send_contradiction(trial, trial.sites[0])
    trial.settle(person, trial.only(MatterKind.edc_message).name, "first_stands")
    (entry,) = entries_of(trial.installation, AuditEvent.MATTER_SETTLED)
    assert f"participants/{person.subject}/visits/W6" in str(entry.changes)
    assert trial.open().every == 0


def test_what_was_put_right_is_there_before_the_matter_is_closed(lone_sites: TwoSites) -> None:
    """Neither the promise of a correction nor that of a newer message ends what is open."""
    trial, site = lone_sites, lone_sites.sites[0]
    person, other = answer_on_two_phones(trial, site), send_contradiction(trial, site)
    conflict = trial.only(MatterKind.conflict).name
    message = trial.only(MatterKind.edc_message).name
    with pytest.raises(Refused, match="correction_not_proposed"):
        trial.settle(person, conflict, "corrected")
    declined = correct_baseline(person, NOW)
    signer = trial.signers[site.code]
    signer.decide(person, declined, NOW, DecisionEntry("declined", "the later one is right"))
    with pytest.raises(Refused, match="correction_not_proposed"):
        trial.settle(person, conflict, "corrected")
    correct_baseline(person, NOW)
    trial.settle(person, conflict, "corrected")
    with pytest.raises(Refused, match="edc_not_corrected"):
        trial.settle(other, message, "corrected_by_edc")
    again = replace(trial.build_request(other), as_of=NOW)
    receive_visit(again, "W6", VisitState.planned, date(2026, 4, 15))
    trial.settle(other, message, "corrected_by_edc")
    assert trial.open(kind=MatterKind.conflict).rows == trial.open(kind=MatterKind.edc_message).rows == ()


def record_contradiction_about(trial: TwoSites, person: Person, part: str) -> None:
    contradiction = Contradiction(f"participants/{person.subject}/{part}", NOW, {"date": "1"}, {"date": "2"})
    chain = participant_chain(person.row().id)
    with trial.installation.open_work(SYSTEM, NOW) as work:
        work.record(
            AuditEvent.BODY_CONTRADICTED, chain, person.site.study_id, changes=[contradiction.as_change()]
        )


def test_pages_hold_each_matter_once_and_searches_narrow_them(lone_sites: TwoSites) -> None:
    trial = lone_sites
    here, there = (trial.person(site) for site in trial.sites)
    for number in range(PAGE + 1):
        quarantine_answers_of(
            here, START + timedelta(seconds=number // 2), {"q1": 1, "q2": number % 4 + 1, "q3": number}
        )
    quarantine_answers_of(there, NOW, {"q1": 1})
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
    nobody = replace(trial.manager, actor=staff_member(Role.NURSE, trial.sites[0]))
    assert (trial.open(nobody).every, count_open_matters(nobody)) == (0, 0)
    with pytest.raises(Refused, match="matter_closed"):
        trial.settle(here, names[0], "rejected", nobody)
    assert get_licence(nobody, "x") is None
    with pytest.raises(Refused, match="matter_closed"):
        settle_licence(nobody, "x", SettlementEntry("ends", "x"))
    with pytest.raises(Refused, match="unknown_matter"):
        get_matter(trial.manager, here.row().id, MatterName(MatterKind.missed, "1"))


def test_a_licence_is_settled_once_in_each_of_its_states(migrated_sqlite_url: str, tmp_path: Path) -> None:
    library = load_library(write_definitions(tmp_path), LANGUAGE_CODES)
    with open_installation_at(migrated_sqlite_url) as opened:
        installation = replace(opened, library=library)
        open_trial(installation, START)
        site = open_site(StaffContext(installation, SYSTEM, START), TRIAL, site_entry("0571"))
        manager = StaffContext(installation, staff_member(Role.DATA_MANAGER, site, everywhere=True), START)

        def refs(context: StaffContext) -> list[str]:
            return [each.name.ref for each in get_open_matters(context, MatterFilter()).rows]

        assert refs(manager) == ["moon-6~1.0~zh_CN~missing~", "moon-6~1.0~en~missing~"]
        import_packs_of_trial(installation, START, START.date() + days(30))
        installation.refresh_packs(TRIAL, START)
        ends = START.date() + days(30)
        assert refs(manager) == [f"moon-6~1.0~{lang}~ends_soon~{ends}" for lang in ("zh_CN", "en")]
        local = replace(manager, actor=staff_member(Role.DATA_MANAGER, site))
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
