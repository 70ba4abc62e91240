"""Answers kept apart because they came too late: accepted by an investigator who saw them, or rejected."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import cast

import pytest
import sqlalchemy as sa
from sqlmodel import select

from app.domain.capture.answers import CollectionMode, HelpedBy, SubmittedAnswer
from app.domain.desk.matters import MatterKind, MatterName
from app.domain.instruments.responses import AnswerValue
from app.domain.plans.plan import Owner
from app.domain.records.access import ROLE_PERMISSIONS, Permission, Role
from app.domain.records.audit import AuditEvent
from app.domain.records.dispositions import DispositionKind
from app.domain.refusal import Refused
from app.services.accounts.activation import activate_device
from app.services.accounts.participant_session import change_language
from app.services.capture.forms import begin_form
from app.services.clinic.corrections.submitted_form import FormAct, list_form_events
from app.services.clinic.hand_over import begin_hand_over
from app.services.clinic.matters.late_answers import Obstacle
from app.services.clinic.matters.matter_details import get_matter
from app.services.clinic.matters.settlement import SettlementEntry, settle_matter
from app.services.core.context import ParticipantContext, StaffContext
from app.services.core.identifiers import RECEIPT_DIGITS
from app.services.patient.submitted_forms import is_of_its_day
from app.services.schedule.dispositions import DispositionEntry, record_disposition
from app.storage.tables.feed import FeedEvent
from tests.refusals import refused
from tests.scenarios.alerts import PAIN, raised_alerts, with_alert_rules
from tests.scenarios.matter_stage import (
    NOW,
    SOON,
    TwoSites,
    answer_on_two_phones,
    quarantine_answers_of,
    submit_twice,
)
from tests.scenarios.people import PIN, START, Person, bind_browser, days, qlq
from tests.scenarios.submissions import only_response
from tests.scenarios.trail_entries import entries_of, verify_trail

Binder = Callable[[Person, datetime], str]
"""Binds a browser to somebody at a moment; returns its cookie."""


def send_too_late(
    trial: TwoSites,
    answers: dict[str, AnswerValue],
    bind: Binder = bind_browser,
    helped_by: HelpedBy | None = None,
) -> tuple[Person, int, MatterName]:
    """Somebody who began in time and sends forty days later; their key, and what is then open about them."""
    person = trial.person(trial.sites[0], submits=False)
    participant, slot = person.participant(START), person.slot("BL").public_id
    begin_form(ParticipantContext(person.installation, participant, START), slot, helped_by, None)
    person.save("BL", START, SubmittedAnswer(1, 0, "q1", 4))
    person.cookie = bind(person, NOW)
    with pytest.raises(Refused, match="arrived_too_late"):
        person.submit("BL", NOW, answers)
    return person, person.row().id, trial.only(MatterKind.quarantine).name


@pytest.mark.req("IAM-04")
def test_late_answers_are_accepted_only_by_an_investigator_who_saw_them(two_sites: TwoSites) -> None:
    person, key, name = send_too_late(two_sites, qlq(3))
    assert two_sites.open().counts == {MatterKind.missed: 1, MatterKind.quarantine: 1}
    doctor = two_sites.investigator(person.site)
    details = get_matter(doctor, key, name)
    assert [each.value for each in details.decisions] == ["accepted", "rejected"]
    assert details.late is not None
    assert (details.late.obstacle, details.late.saved) == (None, {"q1": 4})
    assert dict(details.late.document) == qlq(3)
    shown = get_matter(two_sites.manager, key, name).shown
    assert len(entries_of(two_sites.installation, AuditEvent.ANSWERS_VIEWED)) == 2
    for context, decision, reason, preview, refusal in (
        (two_sites.manager, "accepted", " ", shown, "reason_needed"),
        (two_sites.manager, "date_stands", "looked up in the file", shown, "unknown_decision"),
        (two_sites.manager, "accepted", "looked up in the file", shown, "accepted_by_investigators"),
        (doctor, "accepted", "they are right", "of before", "preview_changed"),
    ):
        entry = SettlementEntry(decision, reason, preview)
        assert refused(partial(settle_matter, context, key, name, entry)) == refusal
    settle_matter(doctor, key, name, SettlementEntry("accepted", "looked up in the file", shown))
    assert two_sites.open().every == 0
    settled = get_matter(two_sites.manager, key, name)
    assert (settled.matter, settled.decisions) == (None, ())
    assert settled.settled is not None
    assert settled.settled.decision == "accepted"


def test_accepted_answers_become_the_published_response(two_sites: TwoSites) -> None:
    person, key, name = send_too_late(two_sites, qlq(3))
    later = NOW + timedelta(minutes=5)
    change_language(ParticipantContext(two_sites.installation, person.participant(later), later), "zh_CN")
    doctor = two_sites.investigator(person.site)
    shown = get_matter(doctor, key, name).shown
    settle_matter(doctor, key, name, SettlementEntry("accepted", "looked up in the file", shown))
    slot = person.slot("BL")
    assert (slot.submitted_at, slot.out_of_window, slot.missed_reason) == (NOW, True, None)
    stored = only_response(person)
    assert (stored.answers, stored.submission) == (qlq(3), f"quarantine:{name.ref}")
    assert stored.scores
    assert (len(stored.public_id), stored.public_id.isdigit()) == (RECEIPT_DIGITS, True), "to be read out"
    assert stored.language == "en", "the one in which they were given"
    today = ParticipantContext(two_sites.installation, person.participant(later), later)
    assert not is_of_its_day(today, stored), "they call nobody on the day on which they are accepted"
    with two_sites.installation.read() as session:
        newest = session.exec(select(FeedEvent.type).order_by(sa.desc("seq"))).first()
    assert newest == "assessment.completed"
    assert entries_of(two_sites.installation, AuditEvent.MATTER_SETTLED) == []
    (accepted,) = entries_of(two_sites.installation, AuditEvent.ANSWERS_ACCEPTED)
    assert accepted.reason == "looked up in the file"
    assert verify_trail(two_sites.installation) == []
    matter_read = list_form_events(doctor, key, slot.public_id)
    assert [each.act for each in matter_read][-2:] == [FormAct.late_arrival, FormAct.accepted]
    assert FormAct.sent not in {each.act for each in matter_read}, "a decision made it the form's response"
    assert (matter_read[-1].version, matter_read[-1].note) == (1, "looked up in the file")
    assert matter_read[-1].by
    nurse = replace(doctor, actor=person.nurse)
    assert list_form_events(nurse, key, slot.public_id)[-1].note == "", "it may say what was answered"


def tablet(person: Person, at: datetime) -> str:
    """The cookie of the clinic's tablet, handed over."""
    link = begin_hand_over(StaffContext(person.installation, person.nurse, at), person.row().id)
    return activate_device(person.installation, link, PIN, PIN, "tablet", "192.0.2.7", at)


def test_accepted_answers_keep_their_collection_mode(two_sites: TwoSites) -> None:
    """Also on the clinic's tablet, and with whose help."""
    person, key, name = send_too_late(two_sites, qlq(3), tablet, HelpedBy.nurse)
    doctor = two_sites.investigator(person.site)
    shown = get_matter(doctor, key, name).shown
    settle_matter(doctor, key, name, SettlementEntry("accepted", "looked up in the file", shown))
    stored = only_response(person)
    assert (stored.mode, stored.helped_by) == (CollectionMode.site_device, HelpedBy.nurse)
    with two_sites.installation.read() as session:
        line = session.exec(select(FeedEvent.line).order_by(sa.desc("seq"))).first()
    assert json.loads(line or "")["data"]["response"]["mode"] == "site_device"
    assert verify_trail(two_sites.installation) == []


@pytest.mark.req("ALR-01")
def test_accepted_answers_alert_like_those_that_came_in_time(two_sites: TwoSites) -> None:
    person, key, name = send_too_late(two_sites, qlq(2) | {"q9": 4})
    doctor = replace(
        two_sites.investigator(person.site), installation=with_alert_rules(two_sites.installation)
    )
    entry = SettlementEntry("accepted", "looked up in the file", get_matter(doctor, key, name).shown)
    settle_matter(doctor, key, name, entry)
    assert [(each.rule, each.raised_at) for each in raised_alerts(two_sites.installation)] == [
        (PAIN.code, NOW)
    ]
    assert verify_trail(two_sites.installation) == []


def test_answers_that_cannot_be_the_response_can_only_be_rejected(lone_sites: TwoSites) -> None:
    trial, site = lone_sites, lone_sites.sites[0]

    def leave(person: Person, kind: DispositionKind, on: date) -> None:
        nurse = StaffContext(trial.installation, person.nurse, NOW)
        record_disposition(
            nurse, site.study_id, person.subject, DispositionEntry(kind, f"{on}", Owner.site, "moved away")
        )

    def judge(person: Person, answers: Mapping[str, AnswerValue], at: datetime = NOW) -> Obstacle | None:
        name, key = quarantine_answers_of(person, at, answers), person.row().id
        context = replace(trial.investigator(site), at=at)
        details = get_matter(context, key, name)
        assert details.late is not None
        assert [each.value for each in details.decisions] == ["rejected"]
        with pytest.raises(Refused, match="not_acceptable"):
            settle_matter(context, key, name, SettlementEntry("accepted", "they are right", details.shown))
        settle_matter(context, key, name, SettlementEntry("rejected", "they are not right"))
        matter_read = list_form_events(context, key, details.late.slot.public_id)
        assert [(each.version, each.note) for each in matter_read if each.act is FormAct.rejected] == [
            (None, "they are not right")
        ]
        return details.late.obstacle

    assert judge(trial.person(site), qlq(3)) is Obstacle.already_sent
    assert judge(trial.person(site, submits=False), {"q1": 2}) is Obstacle.incomplete
    assert judge(trial.person(site, submits=False), qlq(3), SOON) is Obstacle.still_open
    dead, gone = trial.person(site, submits=False), trial.person(site, submits=False)
    leave(dead, DispositionKind.death, START.date() + days(2))
    leave(gone, DispositionKind.withdrew_study, START.date() + days(2))
    assert judge(dead, qlq(3)) is Obstacle.not_expected
    assert judge(gone, qlq(3)) is Obstacle.after_leaving
    assert trial.open(kind=MatterKind.missed).every == 3


def test_who_may_not_see_answers_settles_without_them(
    lone_sites: TwoSites, monkeypatch: pytest.MonkeyPatch
) -> None:
    rights = cast("dict[Role, frozenset[Permission]]", ROLE_PERMISSIONS)
    monkeypatch.setitem(rights, Role.NURSE, rights[Role.NURSE] | {Permission.MATTER_SETTLE})
    for make in (submit_twice, answer_on_two_phones):
        person = make(lone_sites, lone_sites.sites[0])
        nurse = StaffContext(lone_sites.installation, person.nurse, NOW)
        (matter,) = lone_sites.open(nurse).rows
        matter_read = get_matter(nurse, person.row().id, matter.name)
        assert not matter_read.sees_answers
        assert not (matter_read.conflict.answers if matter_read.conflict else ())
        apart = matter_read.late
        assert apart is None or (apart.quarantine.answers, apart.saved, apart.document) == ({}, {}, {})
        lone_sites.settle(person, matter.name, "rejected" if apart else "later_stands", nurse)
    assert entries_of(lone_sites.installation, AuditEvent.ANSWERS_VIEWED) == []
