"""A page from a browser without the runner: what it holds goes into the draft, or stands beside its form."""

from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.capture.answers import SubmittedAnswer
from app.domain.instruments.responses import NOT_TICKED, OPEN, AnswerValue
from app.domain.plans.plan import Owner
from app.domain.records.dispositions import DispositionKind
from app.domain.refusal import Refused
from app.services.capture.forms import read_own_form
from app.services.capture.page_saving import save_page
from app.services.capture.submission import submission_context
from app.services.capture.submission_builder import SubmittedForm
from app.services.core.context import ParticipantContext, StaffContext
from app.services.schedule.dispositions import DispositionEntry, record_disposition
from app.storage.queries.slots import slot_facts
from app.storage.tables.capture import Quarantine, Response
from tests.refusals import refusal_of
from tests.scenarios.people import START, Person, days, with_symptom_list
from tests.scenarios.submissions import Row, stored_rows

ITEMS = [f"q{number}" for number in range(1, 29)]
MOMENTS = ["open", "sent", "late"]
PAGES = st.dictionaries(st.sampled_from(ITEMS), st.sampled_from([None, 1, 2, 3, 4]), max_size=4)


def send_page(
    person: Person, answers: Mapping[str, AnswerValue], at: datetime, visit: str = "BL"
) -> Mapping[str, AnswerValue]:
    """Send a page that was not reviewed; return the draft with it."""
    context = ParticipantContext(person.installation, person.participant(at), at)
    known = submission_context(context, read_own_form(context, person.slot(visit).public_id))
    return save_page(context, known, SubmittedForm(answers, "page", reviewed=False)).answers


def list_apart(person: Person) -> list[tuple[str, dict[str, AnswerValue]]]:
    return [(row.reason, row.answers) for row in stored_rows(person, Quarantine)]


def leave_study(person: Person, at: datetime) -> None:
    withdrawal = DispositionEntry(
        DispositionKind.withdrew_study, at.date().isoformat(), Owner.site, "asked to"
    )
    context = StaffContext(person.installation, person.nurse, at)
    record_disposition(context, person.site.study_id, person.subject, withdrawal)


@pytest.fixture
def begun(person: Person) -> Person:
    person.begin("BL", START)
    person.save("BL", START, SubmittedAnswer(1, 0, "q1", 3))
    return person


def after_grace(person: Person) -> datetime:
    ends = person.slot("BL").grace_until
    assert ends is not None
    return ends


def test_an_open_form_takes_it_into_the_draft(begun: Person) -> None:
    assert send_page(begun, {"q1": 3, "q2": 4}, START) == {"q1": 3, "q2": 4}
    assert list_apart(begun) == []


@pytest.mark.req("OFF-04", "CAP-14")
def test_after_the_grace_what_was_not_saved_is_quarantined_once(begun: Person) -> None:
    late = after_grace(begun)
    for _press in ("first", "again"):
        refusal = refusal_of(lambda: send_page(begun, {"q1": 3, "q2": 4}, late))
        assert (refusal.code, refusal.details["day"]) == ("arrived_too_late", begun.slot("BL").closes_on)
    assert list_apart(begun) == [("arrived_too_late", {"q2": 4})]
    assert refusal_of(lambda: send_page(begun, {"q1": 3}, late)).code == "window_closed"
    assert len(list_apart(begun)) == 1


def test_what_differs_from_a_form_that_was_sent_is_quarantined(begun: Person) -> None:
    receipt = begun.submit("BL", START)
    refusal = refusal_of(lambda: send_page(begun, {"q1": 2, "q2": 4}, START))
    assert (refusal.code, refusal.details["receipt"], refusal.details["quarantined"]) == (
        "already_submitted",
        receipt.number,
        True,
    )
    assert list_apart(begun) == [("already_submitted", {"q2": 4})]
    assert "quarantined" not in refusal_of(lambda: send_page(begun, {"q1": 2}, START)).details


@pytest.mark.req("COR-10")
def test_who_left_the_study_loses_nothing_either(begun: Person) -> None:
    leave_study(begun, START + days(1))
    at = START + days(2)
    assert slot_facts(begun.slot("BL")).exit is not None
    assert refusal_of(lambda: send_page(begun, {"q2": 1}, at)).code == "arrived_too_late"
    assert list_apart(begun) == [("arrived_too_late", {"q2": 1})]
    assert refusal_of(lambda: send_page(begun, {"q1": 3}, at)).code == "participation_ended"


def test_a_tick_without_its_answer_is_kept_where_the_form_says_otherwise(person: Person) -> None:
    listed = Person(with_symptom_list(person.installation), person.site, person.subject, person.cookie)
    listed.randomise(START.date(), START)
    listed.begin("D0", START)
    assert send_page(listed, {"any_symptom": 1, "pain": OPEN}, START, "D0")["pain"] == OPEN
    items = listed.installation.library.get_instrument("symptom-diary", "1.1").items
    symptoms = [item.code for item in items if item.listed and not item.free_text]
    document = dict[str, AnswerValue].fromkeys(symptoms, NOT_TICKED)
    listed.submit("D0", START, {**document, "any_symptom": 1, "fatigue": 2})
    page = {"any_symptom": 1, "fatigue": OPEN, "pain": OPEN}
    assert refusal_of(lambda: send_page(listed, page, START, "D0")).code == "already_submitted"
    assert list_apart(listed) == [("already_submitted", {"pain": OPEN})]


def test_a_page_that_is_refused_for_another_reason_stores_nothing(person: Person) -> None:
    assert refusal_of(lambda: send_page(person, {"q1": 3}, START)).code == "not_begun"
    assert list_apart(person) == []


@pytest.mark.req("OFF-04", "CAP-14")
def test_every_answer_of_every_page_stands_somewhere(people: Callable[[int], Person]) -> None:
    """In the draft, in the response or beside the form, whenever it comes."""
    numbers = count(2)

    @settings(max_examples=8)
    @given(st.lists(st.tuples(PAGES, st.sampled_from(MOMENTS)), min_size=1, max_size=3))
    def send(pages: list[tuple[dict[str, AnswerValue], str]]) -> None:
        person, draft = people(next(numbers)), dict[str, AnswerValue]()
        person.begin("BL", START)
        for page, moment in sorted(pages, key=lambda each: MOMENTS.index(each[1])):
            if moment == "sent" and not stored_of(person, Response):
                person.submit("BL", START)
            try:
                draft = {**send_page(person, page, after_grace(person) if moment == "late" else START)}
            except Refused:
                assert moment != "open"
            beside = (*stored_of(person, Response), *stored_of(person, Quarantine))
            places = [draft, *(row.answers for row in beside)]
            for item, value in page.items():
                assert any(item in each and each[item] == value for each in places)

    send()


def stored_of(person: Person, kind: type[Row]) -> list[Row]:
    slot = person.slot("BL").id
    return [row for row in stored_rows(person, kind) if row.slot_id == slot]
