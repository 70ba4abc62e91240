"""A diary that begins with a list: on phones, offline, on paper, in corrections and in the feed."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

import pytest

from app.domain.capture.answers import HelpedBy, SubmittedAnswer
from app.domain.capture.outbox import item_tokens, record_checksum
from app.domain.datasets.history import fold_history
from app.domain.datasets.questionnaires import build_diary, build_qs
from app.domain.datasets.study import DatasetStudy
from app.domain.instruments.responses import NOT_TICKED, OPEN, AnswerValue
from app.domain.records.access import Role
from app.services.capture.forms import change_helper
from app.services.capture.offline_sync import OfflineBatch, SyncOutcome, accept_offline_answers
from app.services.clinic.corrections.proposals import ProposedAnswer
from app.services.clinic.corrections.submitted_form import view_submitted_form
from app.services.clinic.paper.entries import TypedAnswer
from app.services.clinic.participant_overview import get_participant_overview
from app.services.core.context import ParticipantContext, StaffContext
from app.services.core.installation import Installation
from app.services.patient.home import get_home
from app.storage.tables.capture import Quarantine
from app.storage.tables.studies import Site
from tests.refusals import refusal_of
from tests.scenarios.beginnings import SITE, make_stage, site_of
from tests.scenarios.correction_signer import Signer
from tests.scenarios.corrections import APPROVED, SUBMITTED, TODAY, entry, events_of, propose, versions
from tests.scenarios.paper_forms import enter_typed_paper, typed_paper
from tests.scenarios.people import START, Person, days, enrol_person, staff_member, with_symptom_list
from tests.scenarios.submissions import only_response, stored_rows
from tests.scenarios.trail_entries import verify_trail
from tests.stages import Stage

NEXT = TODAY + days(1)


def _listing(installation: Installation) -> Sequence[str]:
    someone = enrol_person(with_symptom_list(installation), site_of(installation), "0571-002")
    someone.randomise(TODAY, START)
    return (someone.cookie,)


LISTING = make_stage(_listing, SITE)
"""Somebody randomised whose diary begins with a list."""


@pytest.fixture
def stage() -> Stage:
    return LISTING


@pytest.fixture
def installation(lone_installation: Installation) -> Installation:
    return with_symptom_list(lone_installation)


@pytest.fixture
def person(
    installation: Installation,
    lone_site: Site,
    migrated_sqlite_url: str,
    secrets: dict[str, tuple[str, ...]],
) -> Person:
    return Person(installation, lone_site, "0571-002", secrets[migrated_sqlite_url][0])


def codes(person: Person) -> list[str]:
    """The items of the list that this study asks, in their order."""
    items = person.installation.library.get_instrument("symptom-diary", "1.1").items
    return [item.code for item in items if item.listed and item.code != "other"]


def day(person: Person, **said: AnswerValue) -> dict[str, AnswerValue]:
    """A day on which these were ticked."""
    return {"any_symptom": 1, **dict.fromkeys(codes(person), NOT_TICKED), **said}


def tick(item: str, value: int) -> ProposedAnswer:
    return ProposedAnswer(item, str(value), "wrong_tap")


def build_answers(
    *answers: tuple[str, AnswerValue], first: int = 1, base: int = 0
) -> Iterable[SubmittedAnswer]:
    return (SubmittedAnswer(seq, base, item, value) for seq, (item, value) in enumerate(answers, start=first))


@pytest.mark.req("CAP-07")
def test_a_symptom_that_is_not_ticked_has_a_status_and_no_value(
    installation: Installation, person: Person
) -> None:
    person.begin("D0", START)
    person.save("D0", START, *build_answers(("pain", OPEN), ("fever", 1), ("any_symptom", OPEN)))
    home = get_home(ParticipantContext(installation, person.participant(START), START))
    assert home.urgent, "a tick that means call now counts before the list is gone through"
    assert [(form.questions, form.minutes, form.certain) for form in home.due if form.for_day] == [(1, 1, 0)]
    said = day(person, pain=OPEN, fever=1)
    refused = refusal_of(lambda: person.submit("D0", SUBMITTED, said))
    assert (refused.code, refused.details["items"]) == ("unanswered", ("pain", "temperature"))
    nothing = refusal_of(lambda: person.submit("D0", SUBMITTED, day(person)))
    assert (nothing.code, nothing.details["item"]) == ("nothing_ticked", "any_symptom")
    person.submit(
        "D0", SUBMITTED, day(person, pain=0, fever=1, temperature=None, cough=None, sleep=NOT_TICKED)
    )
    assert only_response(person).answers == day(person, pain=0, fever=1, temperature=None, cough=None)
    (event,) = events_of(installation, "diary.completed")
    answers = {"any_symptom": 1, "pain": 0, "cough": None, "fever": 1, "temperature": None}
    assert event["data"]["answers"] == answers
    unticked = [code for code in codes(person) if code not in answers]
    assert event["data"]["item_status"] == dict.fromkeys(unticked, "not_ticked")
    assert (event["scopes"]["item_status"], len(event["digests"]["item_status"])) == ("answers:read", 64)
    assert verify_trail(installation) == []
    plan = installation.library.get_plan("sbrt-nsclc", "1.0")
    study = DatasetStudy("sbrt-nsclc", "IA1", 99, SUBMITTED, plan, installation.library.get_instrument)
    facts = events_of(installation, "participant.created")
    history = fold_history([*facts, event], ("answers:read", "diary:read"))
    assert history is not None
    listed = [row["ITEM"] for row in build_diary(study, history) if row.get("ITEMSTAT") == "NOT TICKED"]
    undone = [row for row in build_qs(study, history).rows if row.get("QSREASND") == "NOT TICKED"]
    assert (listed, [row["QSSTAT"] for row in undone]) == (unticked, ["NOT DONE"] * len(unticked))


def test_none_of_these_leaves_nothing_ticked_whatever_was_said_before(person: Person) -> None:
    person.begin("D0", START)
    person.save(
        "D0", START, *build_answers(("pain", 7), ("fever", 1), ("temperature", 391), ("any_symptom", 0))
    )
    home = get_home(ParticipantContext(person.installation, person.participant(START), START))
    assert not home.urgent
    person.submit("D0", SUBMITTED, {"any_symptom": 0, "pain": 7})
    assert only_response(person).answers == day(person, any_symptom=0)


def test_ticks_of_two_phones_are_stored_and_listed_as_conflict(person: Person) -> None:
    person.begin("D0", START)
    person.save("D0", START, *build_answers(*day(person, pain=OPEN).items()))
    person.save("D0", START, *build_answers(*day(person, cough=OPEN).items()), client="other")
    overview = get_participant_overview(
        StaffContext(person.installation, person.nurse, SUBMITTED), person.row().id
    )
    listed = overview.conflicts
    assert {each.item for each in listed} == {"pain", "cough"}
    person.submit("D0", SUBMITTED, day(person, pain=4))
    assert only_response(person).answers == day(person, pain=4)


def bring(
    person: Person,
    visit: str,
    at: datetime,
    *answers: tuple[str, AnswerValue],
    phone_clock: datetime | None = None,
) -> SyncOutcome:
    """An outbox whose answers were given at this moment without a connection, and which arrives then."""
    slot = person.slot(visit).public_id
    definition = person.installation.library.get_instrument("symptom-diary", "1.1")
    codes = [item.code for item in definition.items if item.code != "other"]
    signs = item_tokens(len(codes), person.installation.secret_box.keyed_digest("outbox", slot))
    submitted_answers = []
    for each in build_answers(*answers):
        bare = replace(each, item=signs[codes.index(each.item)], device_at=at, skew=0, offline=True)
        submitted_answers.append(replace(bare, checksum=record_checksum(signs, "box", bare.item, bare)))
    context = ParticipantContext(person.installation, person.participant(at), at)
    return accept_offline_answers(
        context, slot, OfflineBatch("box", submitted_answers, phone_clock, 0)
    ).outcome


def test_an_outbox_sends_ticks_and_keeps_apart_only_what_differs(person: Person) -> None:
    person.begin("D0", START)
    person.submit("D0", SUBMITTED, day(person, pain=4))
    same = (("pain", OPEN), ("pain", 4), ("cough", NOT_TICKED))
    assert bring(person, "D0", SUBMITTED, *same) is SyncOutcome.submitted
    other = (("pain", OPEN), ("pain", NOT_TICKED), ("cough", OPEN))
    assert bring(person, "D0", SUBMITTED, *other) is SyncOutcome.quarantined
    (apart,) = stored_rows(person, Quarantine)
    assert apart.answers == {"pain": NOT_TICKED}


def test_an_offline_submission_with_an_empty_list_stays_a_draft(person: Person) -> None:
    """Something was ticked and taken back; the phone may forget it, since every answer is in the draft."""
    person.begin("D0", START)
    assert bring(person, "D0", START, *day(person).items(), phone_clock=START) is SyncOutcome.saved
    assert (person.slot("D0").submitted_at, stored_rows(person, Quarantine)) == (None, [])


def test_an_outbox_that_is_too_late_keeps_what_was_said_last(person: Person) -> None:
    person.begin("D0", START)
    late = (("pain", OPEN), ("pain", 4), ("cough", OPEN))
    assert bring(person, "D0", START + days(20), *late) is SyncOutcome.quarantined
    (apart,) = stored_rows(person, Quarantine)
    assert apart.answers == {"pain": 4, "cough": OPEN}


@pytest.mark.req("CAP-21")
def test_paper_says_of_each_symptom_whether_it_is_ticked(person: Person) -> None:
    none = typed_paper(answers=[TypedAnswer("any_symptom", "0")])
    enter_typed_paper(person, none, SUBMITTED, "D0")
    assert only_response(person).answers == day(person, any_symptom=0)
    ticked = [TypedAnswer(code, str(NOT_TICKED)) for code in codes(person)]
    some = [TypedAnswer("any_symptom", "1"), *ticked]
    empty = refusal_of(
        lambda: enter_typed_paper(person, typed_paper(NEXT, answers=some), SUBMITTED + days(1), "D1")
    )
    assert empty.code == "nothing_ticked"
    half = [TypedAnswer("any_symptom", "1"), TypedAnswer("fever", "1"), *ticked[:3]]
    gaps = refusal_of(
        lambda: enter_typed_paper(person, typed_paper(NEXT, answers=half), SUBMITTED + days(1), "D1")
    )
    assert "temperature" in str(gaps.details["items"])
    wrong = [*some, TypedAnswer("fever", "0")]
    assert (
        refusal_of(
            lambda: enter_typed_paper(person, typed_paper(NEXT, answers=wrong), SUBMITTED + days(1), "D1")
        ).code
        == "out_of_range"
    )


def test_an_empty_line_on_paper_is_what_was_not_ticked(installation: Installation, person: Person) -> None:
    plans = {
        key: replace(
            plan, instruments=tuple(replace(each, leave_out=frozenset()) for each in plan.instruments)
        )
        for key, plan in installation.library.plans.items()
    }
    asking = replace(installation, library=replace(installation.library, plans=plans))
    someone = enrol_person(asking, person.site, "0571-003")
    someone.randomise(TODAY, START)
    said = [TypedAnswer("any_symptom", "1"), TypedAnswer("pain", "4"), TypedAnswer("other", "")]
    silent = [TypedAnswer(code, str(NOT_TICKED)) for code in codes(someone) if code != "pain"]
    enter_typed_paper(someone, typed_paper(answers=[*said, *silent]), SUBMITTED, "D0")
    assert only_response(someone).answers == day(someone, pain=4) | {"other": NOT_TICKED}


def test_who_fills_in_is_said_of_a_form_that_is_begun(person: Person) -> None:
    context = ParticipantContext(person.installation, person.participant(START), START)
    slot = person.slot("D0").public_id
    assert refusal_of(lambda: change_helper(context, slot, HelpedBy.nurse)).code == "not_begun"
    person.begin("D0", START)
    change_helper(context, slot, HelpedBy.nurse)
    assert person.slot("D0").helped_by == "nurse"


@pytest.mark.req("COR-01", "COR-04")
def test_a_correction_ticks_and_takes_back(
    installation: Installation, person: Person, lone_site: Site
) -> None:
    investigator = Signer(installation, lone_site, "zhang", Role.INVESTIGATOR)
    other = staff_member(Role.INVESTIGATOR, lone_site)
    person.begin("D0", START)
    person.save("D0", START, *build_answers(("pain", OPEN), ("pain", 4)))
    person.submit("D0", SUBMITTED, day(person, pain=4))
    only = refusal_of(lambda: propose(person, entry(tick("pain", NOT_TICKED)), by=other, visit="D0"))
    assert (only.code, only.details["item"]) == ("nothing_ticked", "any_symptom")
    swap = propose(person, entry(tick("pain", NOT_TICKED), tick("cough", 6)), by=other, visit="D0")
    investigator.decide(person, swap, SUBMITTED, APPROVED)
    (event,) = events_of(installation, "diary.amended")
    assert (event["data"]["answers"], event["changed"]) == (
        {"any_symptom": 1, "cough": 6},
        ["answers.pain", "answers.cough"],
    )
    assert event["data"]["item_status"]["pain"] == "not_ticked"
    seen = view_submitted_form(
        StaffContext(installation, investigator.actor, SUBMITTED),
        person.row().id,
        person.slot("D0").public_id,
    )
    assert seen is not None
    assert seen.revisions == {}, "that it was ticked before it was answered is no answer replaced"
    none = propose(person, entry(tick("any_symptom", 0), version=2), visit="D0")
    investigator.decide(person, none, SUBMITTED + days(1), APPROVED)
    assert versions(installation)[-1].answers == day(person, any_symptom=0)
    back = refusal_of(lambda: propose(person, entry(tick("pain", 3), version=3), by=other, visit="D0"))
    assert (back.code, back.details["items"]) == ("unanswered", ("any_symptom",))


@pytest.mark.req("COR-01", "IAM-02")
def test_a_list_asks_a_nurse_the_same_whatever_was_ticked(person: Person) -> None:
    """She sees no answers: that nothing else, or nothing at all, was ticked would be one."""
    said = {"D0": day(person, any_symptom=0), "D1": day(person, pain=4), "D2": day(person, pain=4, cough=2)}
    questions_seen = set()
    for visit, answers in said.items():
        at = SUBMITTED + days(int(visit[1:]))
        person.begin(visit, at)
        person.submit(visit, at, answers)
        for change in (tick("pain", NOT_TICKED), tick("pain", 3)):
            proposal = replace(entry(change), told_on=at.date())
            missing = refusal_of(partial(propose, person, proposal, at, visit=visit))
            questions_seen.add((missing.code, missing.details["items"]))
    rest = tuple(code for code in ("any_symptom", *codes(person)) if code != "pain")
    assert questions_seen == {("unanswered", rest)}
