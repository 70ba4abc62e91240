"""Whom an answer that means "call now" sends a participant to, by the hours of the site."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from app.domain.records.access import SYSTEM
from app.services.clinic.paper.entries import TypedAnswer, TypedPaper, enter_paper
from app.services.core.context import ParticipantContext, StaffContext
from app.services.patient.home import get_home
from app.services.patient.site_help import get_site_help
from app.services.patient.submitted_forms import get_submitted_form
from app.services.patient.urgent_call import UrgentCall, get_urgent_call
from app.services.setup.site_words import set_urgent_words
from tests.scenarios.people import START, Person, bind_browser
from tests.scenarios.site_hours import keep_hours

SITE_PHONE = "0571-5550000"
NIGHT = START + timedelta(hours=12)
"""A Monday evening; `START` is that Monday's morning."""


def called(person: Person, at: datetime, plan_phone: str = "") -> UrgentCall:
    participant, installation = person.participant(at), person.installation
    if plan_phone:
        plans = installation.library.plans
        keyed = {key: replace(plan, emergency_phone=plan_phone) for key, plan in plans.items()}
        installation = replace(installation, library=replace(installation.library, plans=keyed))
    return get_urgent_call(ParticipantContext(installation, participant, at))


@pytest.mark.req("ALR-05")
def test_outside_of_the_hours_of_the_site_the_emergency_number_stands_first(person: Person) -> None:
    assert called(person, NIGHT) == UrgentCall(SITE_PHONE, "", is_site=True, words="")
    keep_hours(person, "120", mon="08:00-17:00")
    assert called(person, START) == UrgentCall(SITE_PHONE, "120", is_site=True, words="")
    assert called(person, NIGHT) == UrgentCall("120", SITE_PHONE, is_site=False, words="")
    assert called(person, NIGHT, "999").phone == "120"
    keep_hours(person, "120", mon="08:00-09:00, 10:00-17:00")
    assert called(person, START).phone == "120"  # 09:30: at rest between two parts of the day
    assert called(person, START + timedelta(hours=1)).phone == SITE_PHONE
    keep_hours(person, "", mon="08:00-17:00")
    assert called(person, NIGHT).phone == SITE_PHONE
    assert called(person, NIGHT, "999") == UrgentCall("999", SITE_PHONE, is_site=False, words="")
    set_urgent_words(
        StaffContext(person.installation, SYSTEM, START), "sbrt-nsclc", "0571", "en", "Call the ward"
    )
    assert (called(person, START).words, called(person, NIGHT, "999").words) == ("Call the ward", "")


def test_a_call_is_promised_for_a_day_on_which_somebody_is_there(person: Person) -> None:
    def next_on(at: datetime) -> object:
        return get_site_help(ParticipantContext(person.installation, person.participant(at), at)).next_on

    assert next_on(NIGHT) is None
    keep_hours(person, "120", mon="08:00-17:00", thu="08:00-12:00")
    assert next_on(START) is None
    assert str(next_on(NIGHT)) == "2026-03-05"


@pytest.mark.usefixtures("randomised")
def test_paper_of_an_earlier_day_calls_nobody_on_the_day_of_its_entry(lone: Person) -> None:
    """A fever of yesterday, typed today, is old; one of today is urgent."""
    today = START + timedelta(days=1)
    nurse, key = StaffContext(lone.installation, lone.nurse, today), lone.row().id
    lone.cookie = bind_browser(lone, today)
    for visit, filled_in_on, calls in (("D0", START.date(), False), ("D1", today.date(), True)):
        slot = lone.slot(visit).public_id
        enter_paper(nurse, key, slot, feverish(lone, filled_in_on))
        context = ParticipantContext(lone.installation, lone.participant(today), today)
        assert get_home(context).urgent is calls
        assert get_submitted_form(context, slot).urgent is calls


def feverish(person: Person, filled_in_on: date) -> TypedPaper:
    """A day with fever and nothing else said."""
    fever = {"any_symptom": "1", "fever": "1", "temperature": "38.7"}
    items = person.installation.library.get_instrument("symptom-diary", "1.0").items
    blank = [TypedAnswer(item.code, "", True) for item in items if item.code not in {*fever, "other"}]
    typed = [TypedAnswer(code, answer) for code, answer in fever.items()]
    return TypedPaper([*typed, *blank], filled_in_on, "sheet 1", "other", note="x", late_reason="forgot")
