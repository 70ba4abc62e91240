"""A correction is proposed on the participant's word, signed by somebody else, and is a new version."""

import json
import random
from dataclasses import replace
from datetime import datetime
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from sqlmodel import select

from app.domain.desk.matters import MatterKind
from app.domain.instruments.responses import NOT_TICKED
from app.domain.plans.plan import Owner
from app.domain.records.access import Actor, ActorKind, Grant, Role
from app.domain.records.audit import AuditEvent
from app.domain.records.dispositions import DispositionKind
from app.services.clinic.corrections.correction_list import list_corrections
from app.services.clinic.corrections.decisions import DecisionEntry
from app.services.clinic.corrections.overtaking import find_overtaking_items
from app.services.clinic.corrections.proposals import ProposedAnswer, get_correctable_form
from app.services.clinic.matters.matter_list import MatterFilter, get_open_matters
from app.services.clinic.open_requests import close_request, list_open_requests
from app.services.core.context import ParticipantContext, StaffContext
from app.services.core.installation import Installation
from app.services.patient.correction_news import CorrectionState, list_correction_news
from app.services.patient.team_requests import pending_corrections, request_correction
from app.services.schedule.dispositions import DispositionEntry, record_disposition
from app.storage.tables.audit import AuditEntry
from app.storage.tables.participants import TeamRequest
from app.storage.tables.studies import Site
from tests.domain.questionnaires import shipped_instrument
from tests.refusals import refused
from tests.scenarios.correction_signer import Signer
from tests.scenarios.corrections import (
    APPROVED,
    SUBMITTED,
    entry,
    events_of,
    propose,
    send_baseline,
    versions,
)
from tests.scenarios.people import Person, days, qlq, staff_member
from tests.scenarios.trail_entries import verify_trail


@pytest.fixture
def author(person: Person) -> Person:
    return send_baseline(person)


@pytest.fixture
def investigator(installation: Installation, site: Site) -> Signer:
    return Signer(installation, site, "zhang", Role.INVESTIGATOR)


DECIDED = SUBMITTED + days(2)


@pytest.fixture
def approved(author: Person, investigator: Signer) -> str:
    """The correction of two answers of which one is left blank, asked for, proposed and signed."""
    asking = ParticipantContext(author.installation, author.participant(SUBMITTED), SUBMITTED)
    request_correction(asking, author.slot("BL").public_id)
    answers = (
        ProposedAnswer("q5", " ３ ", "wrong_tap"),
        ProposedAnswer("q6", "", "misunderstood", blank=True),
    )
    correction = propose(author, entry(*answers))
    assert len(versions(author.installation)) == 1
    investigator.decide(author, correction, DECIDED, APPROVED)
    return correction


@pytest.mark.req("COR-01", "COR-03", "COR-04", "COR-07", "EDC-03")
def test_an_approved_correction_is_a_new_version_and_the_old_one_stays(
    installation: Installation, author: Person, approved: str
) -> None:
    first, second = versions(installation)
    assert first.answers == qlq(2)
    assert second.answers == qlq(2) | {"q5": 3, "q6": None}
    assert (second.version, second.public_id, second.submitted_at) == (2, first.public_id, first.submitted_at)
    assert second.submission == f"correction:{approved}"
    physical = {each["scale"]: each for each in second.scores}["PF"]
    assert (physical["answered"], physical["status"]) == (5, "complete")
    assert {each["scale"]: each for each in second.scores}["RF"]["status"] == "prorated"

    (event,) = events_of(installation, "assessment.amended")
    assert event["version"] == author.slot("BL").version
    assert event["changed"][:2] == ["answers.q5", "answers.q6"]
    assert "scores.PF" in event["changed"]
    assert "scores.FA" not in event["changed"]
    assert event["reason"] == {"code": "PATIENT_CORRECTION"}
    assert event["data"]["reason"]["items"] == {"q5": "wrong_tap", "q6": "misunderstood"}
    assert event["data"]["answers"]["q5"] == 3
    assert (event["data"]["response"]["response_version"], event["scopes"]["reason"]) == (2, "answers:read")


@pytest.mark.req("COR-01", "COR-03", "COR-04")
@pytest.mark.usefixtures("approved")
def test_an_approved_correction_closes_the_request_and_the_trail_has_both_values(
    installation: Installation, author: Person, investigator: Signer
) -> None:
    assert pending_corrections(ParticipantContext(installation, author.participant(SUBMITTED), DECIDED)) == {}
    with installation.read() as session:
        request = session.exec(select(TeamRequest)).one()
        approval = session.exec(
            select(AuditEntry).where(AuditEntry.event == AuditEvent.CORRECTION_APPROVED)
        ).one()
        proposal = session.exec(
            select(AuditEntry).where(AuditEntry.event == AuditEvent.CORRECTION_PROPOSED)
        ).one()
    assert (request.outcome, request.closed_by) == ("approved", investigator.actor.id)
    changed = {each["field"]: (each["old"], each["new"]) for each in json.loads(approval.changes)}
    assert (changed["q5"], changed["q6"]) == ((2, 3), (2, "blank"))
    assert (proposal.reason, approval.actor_id) == ("I meant the other one", investigator.actor.id)
    assert "I meant" not in proposal.changes
    assert verify_trail(installation) == []


def test_a_proposal_whose_answer_changed_meanwhile_is_refused(
    installation: Installation, author: Person, investigator: Signer
) -> None:
    first = propose(author, entry())
    second = propose(author, entry(ProposedAnswer("q5", "4", "wrong_tap")))
    other = propose(author, entry(ProposedAnswer("q9", "4", "wrong_tap")))
    investigator.decide(author, first, SUBMITTED, APPROVED)
    assert (
        refused(lambda: investigator.decide(author, second, SUBMITTED + days(1), APPROVED))
        == "answer_changed"
    )
    investigator.decide(author, other, SUBMITTED + days(1), APPROVED)
    assert [row.answers["q5"] for row in versions(installation)] == [2, 3, 3]
    assert [row.answers["q9"] for row in versions(installation)] == [2, 2, 4]
    assert refused(lambda: propose(author, entry(ProposedAnswer("q7", "1", "wrong_tap")))) == "state_changed"
    assert verify_trail(installation) == []


@pytest.mark.req("COR-01")
@pytest.mark.parametrize("seed", range(3))
def test_what_both_lists_call_overtaken_is_what_approving_refuses(
    installation: Installation, site: Site, author: Person, investigator: Signer, seed: int
) -> None:
    """Drawn: proposals for some of three answers, all made of the first version, signed in any order."""
    rng = random.Random(seed)
    proposed: dict[str, dict[str, str]] = {}
    for _each in range(5):
        new = {item: rng.choice("134") for item in rng.sample(("q5", "q6", "q9"), rng.choice((1, 1, 2)))}
        proposed[propose(author, entry(*(ProposedAnswer(*said, "wrong_tap") for said in new.items())))] = new
    settling = StaffContext(installation, staff_member(Role.DATA_MANAGER, site), DECIDED)
    waiting = list(proposed)
    for day in range(1, 6):
        rng.shuffle(waiting)
        signed = waiting.pop()
        listed = list_corrections(settling, author.row().study_id, waiting=True).rows
        overtaken = {each.correction: each.overtaken for each in listed}
        matters = get_open_matters(settling, MatterFilter(MatterKind.correction)).rows
        assert {each.name.ref: each.overtaken for each in matters} == overtaken
        before = versions(installation)[-1].answers
        if overtaken[signed]:
            approving = partial(investigator.decide, author, signed, SUBMITTED + days(day), APPROVED)
            assert refused(approving) == "answer_changed"
            assert versions(installation)[-1].answers == before
            investigator.decide(
                author, signed, SUBMITTED + days(day + 0.1), DecisionEntry("declined", "overtaken")
            )
        else:
            investigator.decide(author, signed, SUBMITTED + days(day), APPROVED)
            applied = {item: int(value) for item, value in proposed[signed].items()}
            assert versions(installation)[-1].answers == before | applied
            assert all(before[item] == 2 for item in applied)


def test_a_list_that_says_none_now_overtakes_a_tick() -> None:
    instrument = shipped_instrument("symptom-diary/1.1")
    definition: Any = SimpleNamespace(instrument=instrument, leave_out=frozenset())
    ticked = {item.code: NOT_TICKED for item in instrument.items if item.listed}
    base: Any = SimpleNamespace(answers=ticked | {"any_symptom": 1, "cough": 2})
    none: Any = SimpleNamespace(answers=ticked | {"any_symptom": 0})
    proposal: Any = SimpleNamespace(changes={"pain": {"value": 5, "reason": "wrong_tap"}})
    assert find_overtaking_items(definition, proposal, base, base) == ()
    assert find_overtaking_items(definition, proposal, base, none) == ("cough", "any_symptom")


def test_lists_and_news_tell_what_waits_and_what_was_decided(
    installation: Installation, site: Site, author: Person, investigator: Signer
) -> None:
    participant = ParticipantContext(installation, author.participant(SUBMITTED), SUBMITTED)
    request_correction(participant, author.slot("BL").public_id)
    first, second = propose(author, entry()), propose(author, entry(ProposedAnswer("q9", "4", "wrong_tap")))

    def listed(actor: Actor, *, waiting: bool) -> list[str]:
        context = StaffContext(installation, actor, SUBMITTED)
        rows = list_corrections(context, site.study_id, waiting=waiting).rows
        return [each.correction for each in rows]

    everywhere = staff_member(Role.NURSE, site, everywhere=True)
    elsewhere = Actor(ActorKind.STAFF, "x", "nurse", (Grant(Role.NURSE, site.study_id, 10_000),))
    assert listed(author.nurse, waiting=True) == listed(everywhere, waiting=True) == [first, second]
    assert listed(elsewhere, waiting=True) == []
    investigator.decide(author, second, SUBMITTED, APPROVED)
    assert listed(author.nurse, waiting=True) == [first]
    declined = SUBMITTED + days(1)
    investigator.decide(author, first, declined, DecisionEntry("declined", "it was meant so"))
    assert listed(author.nurse, waiting=False) == [first, second]

    def read_news() -> tuple[CorrectionState, datetime]:
        (news,) = list_correction_news(participant).values()
        return news.state, news.at

    assert read_news() == (CorrectionState.approved, SUBMITTED), (
        "the form was corrected, whatever else was declined"
    )
    with installation.read() as session:
        assert session.exec(select(TeamRequest.outcome)).one() == "approved"
    third = propose(author, entry(version=2), declined)
    assert read_news()[0] is CorrectionState.checking
    investigator.decide(author, third, declined + days(1), DecisionEntry("declined", "it was meant so"))
    assert read_news() == (CorrectionState.declined, declined + days(1))
    later = replace(participant, at=declined + days(2))
    request_correction(later, author.slot("BL").public_id)
    nurse = StaffContext(installation, author.nurse, declined + days(3))
    (request,) = list_open_requests(nurse)
    close_request(nurse, request.request_id, "as it was")
    assert read_news() == (CorrectionState.answered, declined + days(3))


@pytest.mark.parametrize("ahead", range(4))
def test_there_is_a_day_on_which_they_can_have_said_it(person: Person, ahead: int) -> None:
    """Also where a death is dated before the form, as it is found out later: on the day of the form."""
    filled_at = SUBMITTED + days(3)
    person.begin("BL", filled_at)
    person.submit("BL", filled_at)
    died = DispositionEntry(
        DispositionKind.death, (SUBMITTED + days(ahead)).date().isoformat(), Owner.site, "told"
    )
    nurse = StaffContext(person.installation, person.nurse, filled_at)
    record_disposition(nurse, person.site.study_id, person.subject, died)
    form = get_correctable_form(nurse, person.row().id, person.slot("BL").public_id)
    assert (form.first_day, form.last_day) == (filled_at.date(), filled_at.date())
    assert propose(person, replace(entry(), told_on=form.last_day), at=filled_at)
