"""What a participant finds at home: due now, next, and sent."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, time, timedelta

import pytest

from app.domain.capture.answers import CollectionMode, SubmittedAnswer
from app.domain.instruments.duration import estimate_minutes
from app.domain.plans.occasions import FormOccasion
from app.domain.plans.plan import Owner
from app.domain.plans.status import Status
from app.domain.plans.windows import Unit, local_day
from app.domain.records.dispositions import DispositionKind
from app.domain.refusal import Refused
from app.services.capture.forms import define_form, find_form_to_submit, form_definition
from app.services.core.context import ParticipantContext, StaffContext
from app.services.core.installation import Installation
from app.services.patient.home import NextForms, get_home, get_next_forms
from app.services.patient.submitted_forms import (
    find_sending_device,
    get_submitted_answers,
    get_submitted_form,
    list_submitted_forms,
)
from app.services.schedule.dispositions import DispositionEntry, record_disposition
from app.storage.engine import autocommit_engine
from app.storage.queries.upcoming_forms import UpcomingForms, read_upcoming_forms
from app.storage.tables.studies import Site
from tests.refusals import expect_refusal
from tests.scenarios.people import START, Person, bind_browser, days, enrol_person
from tests.statement_log import record_statements, statement_verbs

TODAY = date(2026, 3, 2)


def test_somebody_just_invited_finds_the_baseline(person: Person) -> None:
    home = get_home(ParticipantContext(person.installation, person.participant(START), START))
    (form,) = home.due
    assert form.occasion == FormOccasion(unit=Unit.days)
    assert (form.slot, form.name, form.for_day) == (person.slot("BL").public_id, "Quality of life", None)
    assert (form.status, form.questions, form.minutes, form.answered) == (Status.due, 30, 10, 0)
    assert (form.until_on, home.next_on) == (date(2026, 3, 30), None)


def test_what_closes_soonest_comes_first_but_a_day_gone_by_comes_last(person: Person) -> None:
    person.begin("BL", START)
    person.save(
        "BL",
        START,
        SubmittedAnswer(1, 0, "q1", 1),
        SubmittedAnswer(2, 0, "q2", None),
        SubmittedAnswer(3, 0, "q1", 2),
    )
    person.randomise(TODAY, START)
    at = START + days(1)
    home = get_home(ParticipantContext(person.installation, person.participant(at), at))
    assert [(form.name, form.for_day, form.until_on.day) for form in home.due] == [
        ("Symptom diary", date(2026, 3, 3), 5),
        ("Quality of life", None, 30),
        ("Symptom diary", TODAY, 4),
    ]
    baseline = next(form for form in home.due if form.name == "Quality of life")
    assert (baseline.status, baseline.answered) == (Status.in_progress, 2)
    assert home.next_on == date(2026, 3, 4)


def test_a_begun_form_stays_through_its_grace(person: Person) -> None:
    person.begin("BL", START)
    closes = person.slot("BL").closes_at
    assert closes is not None
    (form,) = get_home(ParticipantContext(person.installation, person.participant(closes), closes)).due
    assert form.until_on == date(2026, 4, 1)
    later = closes + timedelta(hours=48)
    assert get_home(ParticipantContext(person.installation, person.participant(later), later)).due == ()


def test_a_form_not_begun_has_no_grace(person: Person) -> None:
    closes = person.slot("BL").closes_at
    assert closes is not None
    assert get_home(ParticipantContext(person.installation, person.participant(closes), closes)).due == ()


@pytest.mark.usefixtures("randomised")
def test_home_lists_nothing_after_an_exit(person: Person) -> None:
    withdrawal = DispositionEntry(DispositionKind.withdrew_study, "2026-03-02", Owner.site)
    record_disposition(
        StaffContext(person.installation, person.nurse, START),
        person.site.study_id,
        person.subject,
        withdrawal,
    )
    home = get_home(ParticipantContext(person.installation, person.participant(START), START))
    assert home.next_on is None


@pytest.mark.usefixtures("randomised")
def test_submitted_forms_are_listed_without_answers(person: Person, people: Callable[[int], Person]) -> None:
    person.begin("D0", START)
    diary = person.submit("D0", START, {"any_symptom": 0})
    at = START + days(1 / 1440)
    person.begin("BL", at)
    baseline = person.submit("BL", at)
    participant = person.participant(at)
    listed = list_submitted_forms(ParticipantContext(person.installation, participant, participant.seen_at))
    assert [(form.name, form.occasion, form.receipt, form.submitted_at) for form in listed] == [
        ("Quality of life", FormOccasion(unit=Unit.days), baseline.number, at),
        ("Symptom diary", FormOccasion(day=TODAY), diary.number, START),
    ]
    assert not any(form.late for form in listed)
    one = get_submitted_form(
        ParticipantContext(person.installation, participant, participant.seen_at), person.slot("BL").public_id
    )
    assert one == listed[0]
    here = ParticipantContext(person.installation, participant, at)
    there = ParticipantContext(
        person.installation, replace(person, cookie=bind_browser(person, at)).participant(at), at
    )
    assert [find_sending_device(each, one) for each in (here, there)] == [("here", ""), ("other", "phone")]
    assert find_sending_device(here, replace(one, device_id=None)) == ("", "")
    assert find_sending_device(here, replace(one, mode=CollectionMode.paper)) == ("paper", "")
    stranger = people(2)
    theirs = ParticipantContext(person.installation, stranger.participant(at), at)
    assert list_submitted_forms(theirs) == ()
    for slot in (person.slot("BL").public_id, stranger.slot("BL").public_id):
        with pytest.raises(Refused, match="unknown_slot"):
            get_submitted_form(theirs, slot)


@pytest.mark.req("CAP-15")
def test_submitted_answers_are_shown_in_their_own_text_version(person: Person) -> None:
    """A newer edition of our own words is for the answers that come."""
    person.begin("BL", START)
    person.submit("BL", START)
    slot, library = person.slot("BL"), person.installation.library
    instrument = library.get_instrument(slot.instrument, slot.instrument_version)
    text = library.get_text(instrument, "en")
    newer = replace(text, items=dict.fromkeys(text.items, "Newer"), sha256="1" * 64)
    texts = {**library.texts, (instrument.id, instrument.version, "en"): newer}
    plans = {key: replace(plan, shows_answers=True) for key, plan in library.plans.items()}
    later = replace(person.installation, library=replace(library, texts=texts, plans=plans))
    context = ParticipantContext(later, person.participant(START), START)
    assert get_submitted_answers(context, slot.public_id).text == text
    assert form_definition(context, slot).text == newer
    assert define_form(later, "sbrt-nsclc", slot, "en", text.sha256).text == text


def test_minutes_are_never_none() -> None:
    assert [estimate_minutes(count) for count in (1, 21, 30)] == [1, 7, 10]


@pytest.mark.req("CAP-17")
@pytest.mark.parametrize("order", [("qlq-c30", "symptom-diary"), ("symptom-diary", "qlq-c30")])
def test_forms_of_a_visit_come_in_the_order_of_the_plan_for_everybody(
    lone_installation: Installation, lone_site: Site, order: tuple[str, str]
) -> None:
    plan = lone_installation.library.get_plan("sbrt-nsclc", "1.0")
    visits = tuple(replace(visit, instruments=order) for visit in plan.visits)
    plans = {**lone_installation.library.plans, ("sbrt-nsclc", "1.0"): replace(plan, visits=visits)}
    installation = replace(lone_installation, library=replace(lone_installation.library, plans=plans))
    names = {"qlq-c30": "Quality of life", "symptom-diary": "Symptom diary"}
    for number in range(6):
        person = enrol_person(installation, lone_site, f"0571-{number:03d}")
        shown = get_home(ParticipantContext(installation, person.participant(START), START))
        assert [form.name for form in shown.due] == [names[each] for each in order]


@pytest.mark.usefixtures("randomised")
def test_home_takes_three_queries_however_many_slots(person: Person) -> None:
    context = ParticipantContext(person.installation, person.participant(START), START)
    get_home(context)  # whether the study has packs is asked once per process
    with record_statements(person.installation.engine) as statements:
        get_home(context)
    assert statement_verbs(statements).count("SELECT") == 3


@pytest.mark.usefixtures("randomised")
def test_the_outlook_is_what_home_shows_in_one_query(person: Person) -> None:
    engine = person.installation.engine
    for day in (0, 1, 9, 40, 400):
        at = START + timedelta(days=day)
        participant = person.participant(at)
        shown = get_home(ParticipantContext(person.installation, participant, at))
        with record_statements(engine, autocommit_engine(engine)) as statements:
            seen = get_next_forms(ParticipantContext(person.installation, participant, at))
        assert (seen.more, seen.next_on) == (len(shown.due), shown.next_on)
        assert statement_verbs(statements) == ["SELECT"]
        _assert_read_beside_each_form(person, at)
        due = [form.slot for form in shown.due if not form.is_catch_up(local_day(at, participant.zone))]
        assert [seen.first.slot.public_id] == due[:1] if seen.first else due == []
    assert get_next_forms(ParticipantContext(person.installation, person.participant(START), START)).more > 0


def _assert_read_beside_each_form(person: Person, at: datetime) -> None:
    """Whoever submits a form is told of the others without another query."""
    context = ParticipantContext(person.installation, person.participant(at), at)
    with context.read_plainly() as connection:
        upcoming = read_upcoming_forms(connection, context.participant.participant_id, at)
    for visit in ("BL", "D1"):
        slot = person.slot(visit).public_id
        form_to_submit = find_form_to_submit(person.device(at), slot)
        assert form_to_submit is not None
        others = [form for form in upcoming.open if form.public_id != slot]
        assert form_to_submit.upcoming == UpcomingForms(others, upcoming.next_at)


def test_a_diary_that_opens_in_the_evening_is_what_comes_next_until_then(lone: Person) -> None:
    library = lone.installation.library
    plan = library.get_plan("sbrt-nsclc", "1.0")
    assert plan.diary is not None
    late = replace(plan, diary=replace(plan.diary, opens_at=time(18)))
    library = replace(library, plans={**library.plans, ("sbrt-nsclc", "1.0"): late})
    lone = replace(lone, installation=replace(lone.installation, library=library))
    lone.randomise(TODAY, START)
    opens = START.replace(hour=10, minute=0)  # six in the evening in Shanghai
    before = get_home(ParticipantContext(lone.installation, lone.participant(START), START))
    assert ([form.for_day for form in before.due], before.next_on, before.next_at) == ([None], TODAY, opens)
    with expect_refusal("not_yet_open"):
        lone.begin("D0", START)
    after = get_home(ParticipantContext(lone.installation, lone.participant(opens), opens))
    assert {form.for_day for form in after.due} == {None, TODAY}


@pytest.mark.usefixtures("randomised")
def test_no_next_form_after_an_exit(person: Person) -> None:
    withdrawal = DispositionEntry(DispositionKind.withdrew_study, "2026-03-02", Owner.site)
    record_disposition(
        StaffContext(person.installation, person.nurse, START),
        person.site.study_id,
        person.subject,
        withdrawal,
    )
    later = START + timedelta(days=1)
    assert get_next_forms(
        ParticipantContext(person.installation, person.participant(START), later)
    ) == NextForms(0, None)
    beside = find_form_to_submit(person.device(later), person.slot("BL").public_id)
    assert beside is not None
    assert beside.upcoming == UpcomingForms([], None)
