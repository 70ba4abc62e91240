"""What a proposal must say, who may sign it, and what a form's page tells: alike on either database."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from sqlmodel import select

from app.domain.capture.answers import SubmittedAnswer
from app.domain.desk.history import HistoryKind
from app.domain.instruments.responses import AnswerValue
from app.domain.plans.plan import Owner
from app.domain.records.access import SYSTEM, Actor, ActorKind, Grant, Role
from app.domain.records.audit import AuditEvent
from app.domain.records.dispositions import DispositionKind
from app.domain.refusal import Refused
from app.services.clinic.corrections.correction_list import get_correction, list_corrections
from app.services.clinic.corrections.decisions import DecisionEntry, decide_correction
from app.services.clinic.corrections.proposals import ProposedAnswer
from app.services.clinic.corrections.signatures import SigningStaff
from app.services.clinic.corrections.submitted_form import list_form_events, view_submitted_form
from app.services.clinic.participants.history import get_participant_history
from app.services.core.context import ParticipantContext, StaffContext
from app.services.core.installation import Installation
from app.services.core.throttling import TRIES
from app.services.patient.team_requests import pending_corrections, request_correction
from app.services.schedule.dispositions import DispositionEntry, record_disposition
from app.storage.row_changes import INSTALLATION_CHAIN, participant_chain
from app.storage.tables.audit import AuditEntry
from app.storage.tables.capture import Response
from app.storage.tables.staff import Staff
from app.storage.tables.studies import Site
from tests.refusals import refused
from tests.scenarios.arms import with_hidden_arms
from tests.scenarios.correction_signer import Signer
from tests.scenarios.corrections import (
    APPROVED,
    SUBMITTED,
    TODAY,
    entry,
    events_of,
    propose,
    send_baseline,
    versions,
)
from tests.scenarios.people import START, Person, days, staff_member
from tests.scenarios.trail_entries import verify_trail


@pytest.fixture
def person(lone: Person) -> Person:
    return lone


@pytest.fixture
def author(person: Person) -> Person:
    return send_baseline(person)


@pytest.fixture
def investigator(lone_installation: Installation, lone_site: Site) -> Signer:
    return Signer(lone_installation, lone_site, "zhang", Role.INVESTIGATOR)


@pytest.mark.req("COR-03")
def test_a_declined_correction_changes_no_answer_and_says_why(
    lone_installation: Installation, author: Person, investigator: Signer
) -> None:
    correction = propose(author, entry())
    late = SUBMITTED + days(50)
    assert (
        refused(lambda: investigator.decide(author, correction, SUBMITTED, DecisionEntry("declined", " ")))
        == "decline_reason_needed"
    )
    # A refused act spends no code: the same one signs the next try.
    investigator.decide(author, correction, SUBMITTED, DecisionEntry("declined", "it was a second opinion"))
    assert len(versions(lone_installation)) == 1
    assert events_of(lone_installation, "assessment.amended") == []
    with lone_installation.read() as session:
        entries = select(AuditEntry.reason).where(AuditEntry.event == AuditEvent.CORRECTION_DECLINED)
        assert session.exec(entries).all() == ["it was a second opinion"]
    again = lambda: investigator.decide(author, correction, late, APPROVED)  # noqa: E731 - one use
    assert refused(again) == "correction_decided"
    assert verify_trail(lone_installation) == []


def test_nobody_signs_their_own_proposal_and_only_an_investigator_signs(
    lone_installation: Installation, lone_site: Site, author: Person, investigator: Signer
) -> None:
    own = propose(author, entry(), by=investigator.actor)
    assert refused(lambda: investigator.decide(author, own, SUBMITTED, APPROVED)) == "own_correction"
    nurse = Signer(lone_installation, lone_site, "li", Role.NURSE)
    assert refused(lambda: nurse.decide(author, own, SUBMITTED, APPROVED)) == "unknown_correction"
    assert refused(lambda: investigator.decide(author, "none", SUBMITTED, APPROVED)) == "unknown_correction"
    second = Signer(lone_installation, lone_site, "wu", Role.INVESTIGATOR)
    assert refused(lambda: second.decide(author, own, SUBMITTED, DecisionEntry("maybe"))) == "unknown_outcome"
    second.decide(author, own, SUBMITTED, APPROVED)
    assert [row.version for row in versions(lone_installation)] == [1, 2]


@pytest.mark.req("SIG-04")
def test_a_wrong_password_or_code_signs_nothing_and_guesses_are_slowed(
    lone_installation: Installation, author: Person, investigator: Signer
) -> None:
    correction = propose(author, entry())
    context = StaffContext(lone_installation, investigator.actor, SUBMITTED)
    good = investigator.credentials(SUBMITTED)

    def sign(signer: SigningStaff) -> str:
        try:
            decide_correction(context, author.row().id, correction, APPROVED, signer)
        except Refused as refused:
            return refused.code
        return "signed"

    assert sign(replace(good, shown="000000")) == "wrong_code"
    assert [sign(replace(good, password="guess")) for _ in range(TRIES)] == ["wrong_password"] * TRIES
    assert sign(good) == "throttled"
    with lone_installation.read() as session:
        refusals = session.exec(
            select(AuditEntry.reason).where(AuditEntry.event == AuditEvent.SIGNATURE_REFUSED)
        ).all()
    assert refusals == ["code"] + ["password"] * TRIES
    assert len(versions(lone_installation)) == 1
    later = SUBMITTED + timedelta(hours=2)
    investigator.decide(author, correction, later, APPROVED)
    other = propose(author, entry(ProposedAnswer("q7", "1", "wrong_tap"), version=2), at=later)
    used = lambda: investigator.decide(author, other, later, APPROVED)  # noqa: E731 - one use
    assert refused(used) == "wrong_code"


@pytest.mark.req("COR-05")
def test_a_late_correction_takes_a_second_reason(
    lone_installation: Installation, author: Person, investigator: Signer
) -> None:
    correction, late = propose(author, entry()), SUBMITTED + days(31)
    assert refused(lambda: investigator.decide(author, correction, late, APPROVED)) == "second_reason_needed"
    reasoned = DecisionEntry("approved", late_reason="found at the monitoring visit")
    investigator.decide(author, correction, late, reasoned)
    (event,) = events_of(lone_installation, "assessment.amended")
    assert event["data"]["reason"]["late_reason"] == "found at the monitoring visit"


@pytest.mark.usefixtures("randomised")
def test_a_corrected_condition_adds_and_drops_dependent_items(
    lone_installation: Installation, person: Person, investigator: Signer
) -> None:
    person.begin("D0", START)
    person.submit("D0", SUBMITTED, {"any_symptom": 0})
    yes = ProposedAnswer("any_symptom", "1", "wrong_tap")
    with pytest.raises(Refused) as missing:
        propose(person, entry(yes), visit="D0")
    assert missing.value.code == "unanswered"
    items = missing.value.details["items"]
    assert isinstance(items, tuple)
    follow = [ProposedAnswer(code, "0", "follows") for code in items]
    with pytest.raises(Refused) as deeper:
        propose(person, entry(yes, *follow[:-1]), visit="D0")
    assert deeper.value.details["items"] == items[-1:]
    correction = propose(person, entry(yes, *follow), visit="D0")
    investigator.decide(person, correction, SUBMITTED, APPROVED)
    back = propose(person, entry(ProposedAnswer("any_symptom", "0", "wrong_tap"), version=2), visit="D0")
    investigator.decide(person, back, SUBMITTED + days(1), APPROVED)
    assert [len(row.answers) for row in versions(lone_installation)] == [1, 1 + len(items), 1]
    assert [event["version"] for event in events_of(lone_installation, "diary.amended")] == [2, 3]


TOO_LITTLE = [
    (entry(ProposedAnswer("q5", "2", "wrong_tap")), "nothing_to_correct"),
    (replace(entry(), answers=()), "nothing_to_correct"),
    (entry(ProposedAnswer("q5", " ", "wrong_tap")), "new_answer_needed"),
    (entry(ProposedAnswer("q5", "9", "wrong_tap")), "out_of_range"),
    (entry(ProposedAnswer("q5", "three", "wrong_tap")), "wrong_kind"),
    (entry(ProposedAnswer("q99", "1", "wrong_tap")), "unknown_item"),
    (entry(ProposedAnswer("q5", "3", "because")), "correction_reason_needed"),
    (replace(entry(), words=" "), "words_needed"),
    (replace(entry(), words="call 0571 8700 0000"), "identifying_words"),
    (replace(entry(), evidence="guess"), "evidence_needed"),
    (replace(entry(), told_on=date(2026, 3, 1)), "date_out_of_range"),
    (replace(entry(), told_on=date(2026, 3, 3)), "date_out_of_range"),
    (entry(version=2), "state_changed"),
]


def test_a_proposal_that_says_too_little_is_refused(author: Person, investigator: Signer) -> None:
    for proposal, code in TOO_LITTLE:
        assert refused(lambda: propose(author, proposal, by=investigator.actor)) == code  # noqa: B023 - called at once


def test_nobody_said_what_they_meant_after_their_death(author: Person) -> None:
    """Known to the day; whatever day it is on which the correction is proposed."""
    nurse = StaffContext(author.installation, author.nurse, SUBMITTED + days(3))
    died = DispositionEntry(
        DispositionKind.death, (TODAY + days(1)).isoformat(), Owner.site, "told by family"
    )
    record_disposition(nurse, author.site.study_id, author.subject, died)
    late = replace(entry(), told_on=TODAY + days(2))
    assert refused(lambda: propose(author, late, at=SUBMITTED + days(4))) == "date_out_of_range"
    assert propose(author, replace(entry(), told_on=TODAY + days(1)), at=SUBMITTED + days(4))


def test_a_nurse_learns_no_answer_by_proposing_it(
    lone_installation: Installation, author: Person, investigator: Signer
) -> None:
    same = propose(author, entry(ProposedAnswer("q5", "2", "wrong_tap")))
    assert refused(lambda: investigator.decide(author, same, SUBMITTED, APPROVED)) == "nothing_changes"
    assert len(versions(lone_installation)) == 1
    nurse = StaffContext(author.installation, author.nurse, SUBMITTED)
    for actor, expected in ((author.nurse, False), (investigator.actor, True)):
        assert get_correction(replace(nurse, actor=actor), author.row().id, same).changes_nothing is expected


def test_an_unsubmitted_form_has_nothing_to_correct(person: Person) -> None:
    assert refused(lambda: propose(person, entry())) == "unknown_slot"
    stranger = staff_member(Role.MONITOR, person.site)
    assert refused(lambda: propose(person, entry(), by=stranger)) == "unknown_slot"


@pytest.mark.req("INV-01")
def test_a_form_tells_its_history_and_its_answers_to_whom_may_see_them(
    lone_installation: Installation, person: Person, investigator: Signer
) -> None:
    key, slot = person.row().id, person.begin("BL", START)
    reading = StaffContext(lone_installation, staff_member(Role.MONITOR, person.site), SUBMITTED)
    assert view_submitted_form(reading, key, slot) is None
    drafts = [SubmittedAnswer(seq, seq - 1, "q5", value) for seq, value in ((1, 4), (2, 2))]
    for number, draft in enumerate(drafts):
        person.save("BL", START + timedelta(minutes=number), draft)
    person.submit("BL", SUBMITTED)
    correction = propose(person, entry())
    investigator.decide(person, correction, SUBMITTED + days(1), APPROVED)

    events = list_form_events(reading, key, slot)
    assert [event.act.value for event in events] == ["begun", "drafted", "sent", "proposed", "approved"]
    assert (events[1].answers, events[1].until) == (2, START + timedelta(minutes=1))
    assert [event.version for event in events] == [None, None, 1, None, 2]
    seen = view_submitted_form(reading, key, slot)
    assert seen is not None
    assert [each.value for each in seen.revisions["q5"]] == [4]
    assert seen.previous is not None
    assert (seen.previous["q5"], seen.response.answers["q5"], seen.scores) == (2, 3, None)
    scores = view_submitted_form(replace(reading, actor=investigator.actor), key, slot, 1)
    assert scores is not None
    assert (scores.response.version, scores.newest, scores.previous) == (1, 2, None)
    assert scores.scores
    assert refused(lambda: view_submitted_form(reading, key, slot, 3)) == "unknown_slot"
    nurse = replace(reading, actor=person.nurse)
    assert refused(lambda: view_submitted_form(nurse, key, slot)) == "unknown_slot"


def test_a_correction_of_a_form_that_tells_the_arm_is_hidden_from_the_blinded(
    lone_installation: Installation, author: Person, investigator: Signer
) -> None:
    correction, key, slot = propose(author, entry()), author.row().id, author.slot("BL")
    with lone_installation.open_work(author.nurse, SUBMITTED) as work:
        work.session.get_one(type(slot), slot.id).arm_revealing = True
        work.record(AuditEvent.VISIT_REQUESTED, participant_chain(key))
    veiled = with_hidden_arms(lone_installation)
    nurse = StaffContext(veiled, author.nurse, SUBMITTED)
    assert list_corrections(nurse, author.site.study_id, waiting=True).rows == ()
    assert refused(lambda: get_correction(nurse, key, correction)) == "unknown_correction"
    assert refused(lambda: get_correction(nurse, key, "none")) == "unknown_correction"
    doctor = replace(nurse, actor=investigator.actor)
    assert get_correction(doctor, key, correction).summary.own is False


def test_what_was_written_of_a_correction_names_no_arm_and_no_answer(
    author: Person, investigator: Signer
) -> None:
    """The note of a decision may say what was answered, and words of either what only one arm has."""
    key = author.row().id
    nurse = StaffContext(author.installation, author.nurse, SUBMITTED)
    notes = {}
    for minute, (item, note) in enumerate((("q5", "two is right"), ("q9", "as after SBRT"))):
        own = propose(author, entry(ProposedAnswer(item, "4", "wrong_tap")))
        at = SUBMITTED + timedelta(minutes=minute)
        investigator.decide(author, own, at, DecisionEntry("declined", note))
        notes[note] = own
    veiled = replace(nurse, installation=with_hidden_arms(author.installation))
    expected = {note: get_correction(veiled, key, each).note for note, each in notes.items()}
    assert expected == {"two is right": "two is right", "as after SBRT": ""}
    assert get_correction(nurse, key, notes["as after SBRT"]).note == "as after SBRT"
    other = replace(nurse, actor=replace(author.nurse, id="staff:4711"))
    assert {get_correction(other, key, each).note for each in notes.values()} == {""}


def test_who_may_not_see_answers_sees_the_new_ones_and_the_words_of_their_own_proposal_alone(
    lone_installation: Installation, author: Person, investigator: Signer
) -> None:
    key = author.row().id
    nurse = StaffContext(lone_installation, author.nurse, SUBMITTED)
    own = get_correction(nurse, key, propose(author, entry()))
    assert (own.sees_proposal, own.items[0].value, own.words) == (True, 3, "I meant the other one")
    assert own.items[0].before is None
    theirs = propose(author, entry(ProposedAnswer("q9", "4", "wrong_tap")), by=investigator.actor)
    shown = get_correction(nurse, key, theirs)
    assert (shown.sees_proposal, shown.items[0].value, shown.words) == (False, None, "")
    for actor, expected in ((author.nurse, {""}), (investigator.actor, {"I meant the other one"})):
        history = get_participant_history(replace(nurse, actor=actor), key, "en", HistoryKind.corrections)
        assert {each.reason for each in history.entries} == expected
        assert {each.subject.visit for each in history.entries} == {"BL"}


def test_who_may_not_propose_finds_no_form_to_propose_about(author: Person) -> None:
    assert (
        refused(lambda: propose(author, entry(), by=staff_member(Role.MONITOR, author.site)))
        == "unknown_slot"
    )


@pytest.mark.usefixtures("randomised")
def test_a_gate_that_opens_asks_a_nurse_the_same_whatever_was_answered(person: Person) -> None:
    yes = replace(entry(ProposedAnswer("any_symptom", "1", "wrong_tap")), told_on=TODAY + days(1))

    def read_questions(visit: str, answers: dict[str, AnswerValue]) -> object:
        at = SUBMITTED + days(int(visit[1:]))
        person.begin(visit, at)
        person.submit(visit, at, answers)
        with pytest.raises(Refused) as missing:
            propose(person, yes, at=SUBMITTED + days(1), visit=visit)
        assert missing.value.code == "unanswered"
        return missing.value.details["items"]

    items = read_questions("D0", {"any_symptom": 0})
    assert isinstance(items, tuple)
    assert read_questions("D1", {"any_symptom": 1, **dict.fromkeys(items, 0)}) == items


def test_a_signature_uses_the_current_account_and_roles(
    lone_installation: Installation, author: Person, investigator: Signer
) -> None:
    correction = propose(author, entry())
    wider = Actor(
        ActorKind.STAFF, investigator.actor.id, "investigator", (Grant(Role.INVESTIGATOR, 99, None),)
    )
    was_theirs = replace(investigator.actor, grants=(*investigator.actor.grants, *wider.grants))
    context = StaffContext(lone_installation, was_theirs, SUBMITTED)
    signer = investigator.credentials(SUBMITTED)
    key = author.row().id
    taken = lambda: decide_correction(context, key, correction, APPROVED, signer)  # noqa: E731 - one use
    assert refused(taken) == "not_signed_in"
    with lone_installation.open_work(SYSTEM, SUBMITTED) as work:
        work.session.get_one(Staff, investigator.staff_id).disabled_at = SUBMITTED
        work.record(AuditEvent.STAFF_DISABLED, INSTALLATION_CHAIN)
    assert refused(lambda: investigator.decide(author, correction, SUBMITTED, APPROVED)) == "not_signed_in"
    assert len(versions(lone_installation)) == 1


def test_a_decision_closes_only_earlier_requests(
    lone_installation: Installation, author: Person, investigator: Signer
) -> None:
    def asks(at: datetime) -> None:
        request_correction(ParticipantContext(lone_installation, author.participant(at), at), slot)

    def waits(at: datetime) -> bool:
        return bool(pending_corrections(ParticipantContext(lone_installation, author.participant(at), at)))

    slot, at = author.slot("BL").public_id, SUBMITTED + timedelta(hours=1)
    first, second = propose(author, entry()), propose(author, entry(ProposedAnswer("q9", "4", "wrong_tap")))
    asks(at)
    investigator.decide(author, first, at, APPROVED)
    investigator.decide(author, second, at + days(1), DecisionEntry("declined", "was meant so"))
    assert waits(at + days(1)), "it was asked after both were proposed"
    third = propose(author, entry(ProposedAnswer("q9", "3", "wrong_tap"), version=2), at=at)
    fourth = propose(author, entry(ProposedAnswer("q7", "3", "wrong_tap"), version=2), at=at)
    investigator.decide(author, third, at + days(2), APPROVED)
    assert waits(at + days(2)), "another proposal still waits"
    investigator.decide(author, fourth, at + days(3), APPROVED)
    assert not waits(at + days(3))


def test_an_amended_response_keeps_the_mode_of_the_first(
    lone_installation: Installation, author: Person, investigator: Signer
) -> None:
    with lone_installation.read() as session:
        offset = session.exec(select(Response.device_offset)).one()
    both = entry(ProposedAnswer("q5", "2", "wrong_tap"), ProposedAnswer("q9", "4", "misunderstood"))
    investigator.decide(author, propose(author, both), SUBMITTED, APPROVED)
    (event,) = events_of(lone_installation, "assessment.amended")
    assert event["data"]["reason"]["items"] == {"q9": "misunderstood"}
    assert [row.device_offset for row in versions(lone_installation)] == [offset, offset]


@pytest.mark.parametrize("field", ["note", "late_reason"])
def test_a_decision_names_nobody(author: Person, investigator: Signer, field: str) -> None:
    named = replace(DecisionEntry("declined", "was meant so"), **{field: "call 0571 8700 0000"})
    correction = propose(author, entry())
    assert refused(lambda: investigator.decide(author, correction, SUBMITTED, named)) == "identifying_words"
