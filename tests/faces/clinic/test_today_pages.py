"""Today as a nurse meets it: the list, its address, the log under a row, rows that rest, the call sheet."""

import gzip

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.clinic.frame.return_address import with_return_address
from app.clinic.today import contact_form, snooze_form
from app.domain.plans.plan import Owner
from app.domain.records.access import Role
from app.domain.records.dispositions import DispositionKind
from app.services.core.context import ParticipantContext, StaffContext
from app.services.core.identifiers import new_public_id
from app.services.core.installation import Installation
from app.services.patient.team_requests import request_call, request_correction, withdraw_call
from app.services.schedule.dispositions import DispositionEntry, record_disposition
from app.storage.tables import metadata
from tests.applications import open_browser
from tests.faces.clinics import ClinicFixture
from tests.faces.desk_pages import day_in, page
from tests.markup import parse_page
from tests.scenarios.beginnings import PERSON
from tests.scenarios.people import START, Person, days
from tests.stages import Stage
from tests.statement_log import record_statements

FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def stage() -> Stage:
    return PERSON


@pytest.fixture
def calling(clinic: ClinicFixture) -> Person:
    """The participant asks for a call."""
    person = clinic.person
    request_call(ParticipantContext(person.installation, person.participant(START), START))
    return person


def rows(client: TestClient, url: str = "/desk") -> list[str]:
    """What the rows of the list say."""
    return [row.text for body in page(client, url).all("tbody") for row in body.all("tr")]


def test_an_empty_list_differs_from_no_search_result(nurse: TestClient) -> None:
    assert "Nothing to do today." in page(nurse, "/desk").text
    text = page(nurse, "/desk?reason=&q=999").text
    assert "Nobody found with these filters." in text
    assert "Nothing to do today." not in text


@pytest.mark.usefixtures("calling")
def test_a_row_says_why_what_and_until_when(nurse: TestClient) -> None:
    (row,) = rows(nurse)
    assert "Asked for a call" in row
    assert "0 of 30 answered" in row
    assert "day 1 of 29, target day 1" in row
    assert "0 of 3" in row
    fragment = nurse.get("/desk?reason=", headers=FRAGMENT).text
    assert "<html" not in fragment
    assert "1 participant<" in fragment
    assert rows(nurse, "/desk?reason=diary") == []
    assert rows(nurse, "/desk?reason=nonsense&after=x_y_z") == [row]
    assert rows(nurse, f"/desk?reason=&after=1_{'9' * 18}_1") == [row]


@pytest.mark.usefixtures("calling")
def test_filters_are_remembered_until_others_are_chosen(nurse: TestClient) -> None:
    assert rows(nurse, "/desk?reason=diary") == []
    assert rows(nurse) == []
    assert len(rows(nurse, "/desk?reason=")) == 1
    assert len(rows(nurse)) == 1
    long = nurse.get("/desk", params={"q": "0" * 41, "after": "0" * 81, "view": "0" * 10})
    assert long.status_code == 422
    assert "q, after" in long.text


@pytest.mark.usefixtures("calling")
def test_a_call_is_logged_under_the_row_and_corrected_on_the_participants_page(
    clinic: ClinicFixture, nurse: TestClient
) -> None:
    under = nurse.get(f"{clinic.url}/contacts", headers=FRAGMENT).text
    assert under.lstrip().startswith("<tr")
    assert "This settles their request for a call" in under
    assert parse_page(under).one("input", name="answers_call").get("checked") is None
    typed = {"outcome": "no_answer", "note": "", "next_try": "2026-03-04", "answers_call": "yes"}
    refused = nurse.post(f"{clinic.url}/contacts", data=typed)
    assert refused.status_code == 422
    assert "Only a call that reached them settles their request." in refused.text
    typed = {"outcome": "other", "note": "", "next_try": "2026-03-04"}
    refused = nurse.post(f"{clinic.url}/contacts", data=typed)
    assert refused.status_code == 422
    assert "Please write a few words about the outcome." in refused.text
    assert day_in(parse_page(refused.text), "next_try") == "2026-03-04"
    done = nurse.post(f"{clinic.url}/contacts", data=typed | {"note": "neighbour"})
    assert done.headers["location"] == "/desk?done=contact"
    assert "Contact logged." in page(nurse, "/desk?done=contact").text
    shown = page(nurse, clinic.url)
    assert "neighbour" in shown.text
    (correct,) = [each["href"] for each in shown.all("a") if each.text == "Correct"]
    assert 'value="neighbour"' in nurse.get(correct).text
    fixed = {"outcome": "wrong_number", "note": "", "reason": ""}
    assert "Please give the reason for the correction." in nurse.post(correct, data=fixed).text
    done = nurse.post(correct, data=fixed | {"reason": "wrong line"})
    assert done.headers["location"] == f"{clinic.url}?done=contact"
    text = page(nurse, clinic.url).text
    assert "Wrong number" in text
    assert "wrong line" in text
    assert "Next try: 4 Mar 2026 · neighbour" in text  # as it read before
    for number in ("999", "x", "9" * 30):
        assert nurse.get(f"{clinic.url}/contacts/{number}").status_code == 404
    assert nurse.post(f"{clinic.url}/contacts/999", data=fixed).status_code == 404


def test_nobody_tries_again_whoever_left_while_the_form_stood_open(
    clinic: ClinicFixture, nurse: TestClient
) -> None:
    withdrawal = DispositionEntry(DispositionKind.withdrew_study, "2026-03-02", Owner.site, "moved")
    context = StaffContext(clinic.person.installation, clinic.person.nurse, clinic.clock.at)
    record_disposition(context, clinic.site.study_id, clinic.person.subject, withdrawal)
    typed = {"outcome": "other", "note": "said goodbye", "next_try": "2026-03-04"}
    refused = nurse.post(f"{clinic.url}/contacts", data=typed)
    assert (refused.status_code, "nobody will try again" in refused.text) == (409, True)
    assert "Withdrew from the study" in parse_page(refused.text).one("p", class_="note warn").text
    assert day_in(parse_page(refused.text), "next_try") == "2026-03-04"
    assert parse_page(nurse.get(f"{clinic.url}/contacts").text).all("input", name="next_try_day") == []
    assert nurse.post(f"{clinic.url}/contacts", data=typed | {"next_try": ""}).status_code == 303


def test_a_call_logged_from_the_participants_page_leads_back_there(
    clinic: ClinicFixture, nurse: TestClient
) -> None:
    form = page(nurse, f"{clinic.url}/contacts?back=participant")
    assert form.all("input", name="back")
    typed = {"outcome": "no_answer", "back": "participant"}
    done = nurse.post(f"{clinic.url}/contacts", data=typed)
    assert done.headers["location"] == f"{clinic.url}?done=contact"


def check_acts_lead_back(clinic: ClinicFixture, nurse: TestClient) -> None:
    """From the list as it was shown, whichever form led to the act, and never to another page."""
    for list_url in ("/desk?reason=&q=0571&view=snoozed&after=1_2_3", "/desk?reason="):
        from_there = {"referer": f"https://testserver{list_url}&done=resumed&study=x&site={'x' * 41}"}
        for url in ("contacts", "snooze"):
            form = parse_page(nurse.get(f"{clinic.url}/{url}", headers=from_there).text)
            assert list_url in {each["value"] for each in form.all("input", name="list")}
            assert list_url in {each["href"] for each in form.all("a") if each.text == "Cancel"}
        bulk = page(nurse, list_url).all("input", name="list")
        assert [(each["form"], each["value"]) for each in bulk] == [("bulk", list_url)]
        reshown = parse_page(nurse.post("/desk/reminders", data={"list": list_url}).text)
        assert reshown.one("input", id="q")["value"] == ("0571" if "q=" in list_url else "")
        (current,) = (each.text for each in reshown.all("a", **{"aria-current": "true"}))
        assert current.split()[0] == ("Snoozed" if "view=" in list_url else "All")
        done = nurse.post(f"{clinic.url}/snooze/end", data={"list": list_url})
        assert done.headers["location"] == list_url
    assert nurse.post(f"{clinic.url}/snooze/end").headers["location"] == "/desk"
    for strange in ("//[", "/desk/trail?q=x", "https://elsewhere.org/?q=x", f"/desk?q={'语' * 40}"):
        done = nurse.post(f"{clinic.url}/snooze/end", data={"list": strange})
        assert done.headers["location"] == "/desk"


@pytest.mark.usefixtures("calling")
def test_a_row_rests_and_is_brought_back(clinic: ClinicFixture, nurse: TestClient) -> None:
    form = page(nurse, f"{clinic.url}/snooze")
    (reasons,) = [each["value"] for each in form.all("input", name="reasons")]
    assert nurse.get(f"{clinic.url}/snooze", headers=FRAGMENT).text.lstrip().startswith("<tr")
    typed = {"reasons": reasons, "reason": "on holiday", "until": "2026-03-05"}
    named = nurse.post(f"{clinic.url}/snooze", data=typed | {"reason": "see 0571-002, call 13812345678"})
    assert (named.status_code, "This seems to hold a telephone number" in named.text) == (422, True)
    refused = nurse.post(f"{clinic.url}/snooze", data=typed | {"until": "2026-09-05"})
    assert "at most 28 days ahead" in refused.text
    assert 'value="on holiday"' in refused.text
    assert nurse.post(f"{clinic.url}/snooze", data=typed).headers["location"] == "/desk?done=snoozed"
    assert rows(nurse) == []
    assert "Some rows are snoozed." in page(nurse, "/desk").text
    (row,) = rows(nurse, "/desk?view=snoozed")
    assert "on holiday" in row
    assert nurse.post(f"{clinic.url}/snooze/end").headers["location"] == "/desk?done=resumed"
    assert len(rows(nurse)) == 1
    check_acts_lead_back(clinic, nurse)
    nurse.post(f"{clinic.url}/snooze", data=typed)
    (row,) = rows(nurse, "/desk?view=snoozed")
    assert "Change or end the snooze" in row
    person = clinic.person
    withdraw_call(ParticipantContext(person.installation, person.participant(START), START))
    assert rows(nurse, "/desk?view=snoozed") == []
    assert "Snoozed" not in page(nurse, "/desk").one("main").text
    again = page(nurse, f"{clinic.url}/snooze")
    assert again.all("form", action=f"{clinic.url}/snooze/end")
    assert typed["reason"] in again.text


@pytest.mark.usefixtures("calling")
def test_who_cannot_be_reminded_is_named_with_the_reason(clinic: ClinicFixture, nurse: TestClient) -> None:
    (box,) = page(nurse, "/desk").all("input", type="checkbox", form="bulk")
    assert box["value"] == ""  # to assign them; nobody is offered a reminder that is only refused
    assert "Remind those selected" not in page(nurse, "/desk").text
    row = clinic.person.row().public_id
    answer = nurse.post("/desk/reminders", data={f"remind-{row}": clinic.person.slot("BL").public_id})
    assert answer.status_code == 409
    (summary,) = [each for each in parse_page(answer.text).all("div", role="alert") if each.text]
    assert "0571-001" in summary.text
    assert "doesn't want reminders" in summary.text
    assert "Please choose at least one participant." in nurse.post("/desk/reminders").text
    stranger = nurse.post("/desk/reminders", data={"one": "p-unknown:x"})
    assert stranger.status_code == 404


@pytest.mark.usefixtures("calling")
def test_the_call_sheet_has_room_for_outcomes(nurse: TestClient) -> None:
    sheet = page(nurse, "/desk/call-sheet?reason=call&q=0571")
    assert "No telephone numbers are printed." in sheet.text
    assert "0571-001" in sheet.text
    assert "Hospital 0571" not in sheet.one("tbody").text  # their only one
    assert "☐ No answer" in sheet.text
    assert "☐ Other" in sheet.text
    assert "Note" in [each.text for each in sheet.all("th")]
    assert "Language English" in page(nurse, "/desk/call-sheet?reason=call&language=en").text
    assert "Visit W6" in page(nurse, "/desk/call-sheet?reason=&visit=W6").text
    choices = page(nurse, "/desk?reason=&visit=W6").one("select", name="visit").all("option")
    assert [each.text for each in choices][:3] == ["All visits", "BL", "W6"]
    assert [each["value"] for each in choices if "selected" in each.attributes] == ["W6"]
    assert "Nobody to call." in page(nurse, "/desk/call-sheet?reason=diary").text


LABELS = contact_form.LABELS | snooze_form.LABELS | {"reason": "Why it can wait"}
FORMS = {
    "contacts": ("outcome", "note", "next_try", "answers_call", "back"),
    "snooze": ("reasons", "reason", "until"),
}


@pytest.mark.usefixtures("calling")
def test_no_field_of_these_forms_loses_what_was_typed_or_is_named_by_its_code(
    clinic: ClinicFixture, nurse: TestClient
) -> None:
    """A control character, as one is pasted, in each field of each act; in both languages."""
    typed = {
        "note": "kept",
        "reason": "kept",
        "outcome": "no_answer",
        "until": "2026-03-05",
        "reasons": "call",
    }
    for language in ("zh_CN", "en"):
        nurse.post("/desk/language", data={"lang": language})
        for form, fields in FORMS.items():
            for name in fields:
                fields_typed = {each: typed.get(each, "") for each in fields} | {
                    name: typed.get(name, "") + "\x0b"
                }
                answer = nurse.post(f"{clinic.url}/{form}", data=fields_typed)
                assert answer.status_code == 422, (form, name)
                assert 'value="kept"' in answer.text, (form, name)
                (summary,) = parse_page(answer.text).all("div", class_="note err sum")
                label = LABELS.get(name, "This page")
                assert language != "en" or f"{label}: this contains" in summary.text
                assert language == "en" or name not in summary.text
    for wrong in ("2026-13-77", "2600-01-01"):
        answer = nurse.post(f"{clinic.url}/contacts", data={"outcome": "no_answer", "next_try": wrong})
        assert ("Please check the date" in answer.text) is (wrong == "2026-13-77")
        assert "next_try:" not in answer.text


@pytest.mark.usefixtures("calling")
def test_links_and_keys_are_for_who_may_use_them(clinic: ClinicFixture, nurse: TestClient) -> None:
    installation, person = clinic.person.installation, clinic.person
    person.begin("BL", START)
    person.submit("BL", START)
    context = ParticipantContext(installation, person.participant(START), START)
    request_correction(context, person.slot("BL").public_id)
    reader = clinic.browser(Role.DATA_MANAGER)
    assert reader.get("/desk").headers["location"] == "/desk/settle"
    for client, may in ((nurse, True), (reader, False)):
        shown = page(client, "/desk?q=")
        assert "reported a mistake" in shown.text
        linked = [each["href"] for each in shown.all("a") if "reported a mistake" in each.text]
        assert linked == (["/desk/requests?site="] if may else [])
        assert ("c" in [each.text for each in shown.all("kbd")]) is may
        assert ("r" in [each.text for each in shown.all("kbd")]) is may
    assert clinic.browser(Role.MONITOR).get("/desk").headers["location"] == "/desk/matrix"


def test_signing_in_again_leads_back_to_the_page_and_nowhere_else(clinic: ClinicFixture) -> None:
    client = open_browser(clinic.app)
    form = f"{clinic.url}/contacts"
    for answer in (client.get(form), client.post(form, data={"note": "typed"})):
        assert answer.headers["location"] == with_return_address("/desk/sign-in", form)
    response = client.get(form, headers=FRAGMENT | {"HX-Current-URL": "http://testserver/desk?reason=call"})
    assert response.headers["hx-redirect"] == with_return_address("/desk/sign-in", "/desk?reason=call")
    assert client.post("/desk/reminders").headers["location"] == "/desk/sign-in"
    shown = page(client, with_return_address("/desk/sign-in", form))
    assert shown.one("input", name="next")["value"] == form


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org/desk",
        "//example.org",
        "/desk@example.org",
        "/desk/\\x",
        "/home",
        "/desk/sign-in",
        "x",
    ],
)
def test_no_foreign_address_is_carried_through_sign_in(clinic: ClinicFixture, address: str) -> None:
    client = open_browser(clinic.app)
    assert page(client, with_return_address("/desk/sign-in", address)).all("input", name="next") == []
    fields_typed = {"email": "none@example.org", "password": "x", "next": address}
    assert parse_page(client.post("/desk/sign-in", data=fields_typed).text).all("input", name="next") == []


def multiply(installation: Installation, count: int) -> None:
    """So many more participants with the forms of the first one, written beside the trail."""
    people, slots = metadata.tables["participant"], metadata.tables["slot"]
    beside = sa.create_engine(installation.engine.url)
    with beside.begin() as connection:
        first = connection.execute(sa.select(people)).mappings().one()
        forms = [dict(each) for each in connection.execute(sa.select(slots)).mappings()]
        for number in range(2, 2 + count):
            named = {"id": number, "public_id": new_public_id(), "subject": f"0571-{number:03d}"}
            connection.execute(sa.insert(people), {**first, **named})
            of_theirs = [{**each, "participant_id": number, "public_id": new_public_id()} for each in forms]
            for each in of_theirs:
                del each["id"]
            connection.execute(sa.insert(slots), of_theirs)
    beside.dispose()


def test_the_count_that_is_read_out_is_that_of_the_whole_list(
    clinic: ClinicFixture, nurse: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    multiply(clinic.person.installation, 4)
    clinic.clock.at = START + days(27)
    monkeypatch.setattr("app.services.clinic.today.work_list.PAGE", 2)
    nurse = clinic.browser(Role.INVESTIGATOR)
    shown = parse_page(nurse.get("/desk?reason=", headers=FRAGMENT).text)
    assert len(shown.all("a", **{"data-log": ""})) == 2
    assert shown.one("p", **{"hx-swap-oob": "innerHTML:#found"}).text == "5 participants"
    snoozed = parse_page(nurse.get("/desk?reason=&view=snoozed", headers=FRAGMENT).text)
    assert snoozed.one("p", **{"hx-swap-oob": "innerHTML:#found"}).text == "0 participants"


def test_a_page_of_a_hundred_rows_is_light_and_costs_eight_statements(
    clinic: ClinicFixture, nurse: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = clinic.person.installation
    multiply(installation, 100)
    clinic.clock.at = START + days(27)
    monkeypatch.setattr("app.services.clinic.today.work_list.PAGE", 100)
    nurse = clinic.browser(Role.INVESTIGATOR)
    nurse.get("/desk")  # what a process reads once an hour is read
    with record_statements(installation.engine) as statements:
        answer = nurse.get("/desk")
    assert answer.text.count("data-log") == 100
    assert len(gzip.compress(answer.content, 6)) <= 30_000
    reads = [each[:150] for each in statements if each.startswith(("SELECT", "WITH"))]
    assert 1 <= len(reads) <= 8, "\n".join(reads)
