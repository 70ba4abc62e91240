"""The desk as a nurse meets it: signing in, the list, one participant, and what is confirmed first."""

import re
from datetime import date

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event
from sqlmodel import select

from app.domain.capture.answers import SubmittedAnswer
from app.domain.records.access import SYSTEM, Role
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.setup.studies import create_staff
from app.storage.tables.schedule import Disposition
from tests.applications import open_browser
from tests.faces.clinics import PASSWORD, ClinicFixture
from tests.faces.desk_pages import day_in, enrolment, full_width, page, preview_and_confirm
from tests.markup import parse_page
from tests.scenarios.people import START, days


@pytest.mark.req("IAM-11")
def test_a_password_alone_opens_nothing(clinic: ClinicFixture) -> None:
    installation: Installation = clinic.app.state.installation
    create_staff(StaffContext(installation, SYSTEM, START), "half@example.org", "Li Na", PASSWORD, "en")
    client = open_browser(clinic.app)
    assert client.get("/desk").headers["location"] == "/desk/sign-in"
    assert client.get("/desk/sign-in/code").headers["location"] == "/desk/sign-in"
    wrong = client.post("/desk/sign-in", data={"email": "half@example.org", "password": "x"})
    unknown = client.post("/desk/sign-in", data={"email": "none@example.org", "password": "x"})
    assert wrong.status_code == unknown.status_code == 403
    assert wrong.text.replace("half@", "none@") == unknown.text
    client.post("/desk/sign-in", data={"email": "half@example.org", "password": PASSWORD})
    assert page(client, "/desk/sign-in/code").all("input", name="code")
    assert client.post("/desk/sign-in/code", data={"code": "1"}).status_code == 403
    assert client.get("/desk").headers["location"] == "/desk/sign-in"
    htmx = client.get("/desk", headers={"HX-Request": "true"})
    assert (htmx.status_code, htmx.headers["hx-redirect"]) == (401, "/desk/sign-in")


def test_signing_out_and_the_language(nurse: TestClient) -> None:
    assert page(nurse, "/desk").all("html")[0]["lang"] == "en"
    nurse.post("/desk/language", data={"lang": "zh_CN"})
    assert page(nurse, "/desk").all("html")[0]["lang"] == "zh-Hans"
    nurse.post("/desk/sign-out")
    assert nurse.get("/desk").status_code == 303


def test_every_participant_is_listed_and_searchable(clinic: ClinicFixture, nurse: TestClient) -> None:
    assert page(nurse, "/desk/participants?q=001").all("a", href=clinic.url)
    nobody = page(nurse, "/desk/participants?q=999")
    assert (nobody.all("table"), "No participant has this code." in nobody.text) == ([], True)
    elsewhere = page(clinic.browser(Role.NURSE, "0021"), "/desk/participants")
    assert "Nobody has been enrolled at your sites yet." in elsewhere.text


@pytest.mark.req("IAM-16", "PRI-03")
def test_the_participants_code_is_explained_without_its_pattern(nurse: TestClient) -> None:
    shown = parse_page(nurse.get("/desk/enrol").text)
    assert "As 0000-000, never a name" in shown.text
    assert "[0-9]" not in shown.text
    wrong = enrolment() | {"subject": "W-1", "language": "fr", "channel": "pigeon"}
    refused = parse_page(nurse.post("/desk/enrol", data=wrong).text)
    assert "doesn't match the study's pattern: 0000-000." in refused.text
    assert "in this language. Please choose one from the list." in refused.text
    assert "Please choose how reminders are sent." in refused.text
    assert not any(each in refused.text for each in ("[0-9]", "Allowed", "zh_CN", "pigeon"))


@pytest.mark.req("TIM-06")
def test_a_day_of_enrolment_shows_the_windows_that_it_opens(nurse: TestClient) -> None:
    shown = parse_page(nurse.get("/desk/enrol").text)
    assert "Enrolled on Monday, 2 March 2026, these forms are open:" in shown.text
    assert "Quality of life · BL: 2 Mar 2026 – 30 Mar 2026" in shown.text
    assert "it would be missed" not in shown.text
    typed = {
        "site": "sbrt-nsclc:0571",
        "enrolled_on_year": "２０２６",
        "enrolled_on_month": "1",
        "enrolled_on_day": "5",
    }
    block = nurse.get("/desk/enrol", params=typed, headers={"hx-request": "true"}).text
    assert "<html" not in block
    assert "5 January 2026" in block
    assert "over by now, it would be missed" in block
    none = nurse.get(
        "/desk/enrol", params=typed | {"enrolled_on_day": "32"}, headers={"hx-request": "true"}
    ).text
    assert "Enter the day of enrolment" in none
    refused = parse_page(
        nurse.post("/desk/enrol", data=enrolment(subject="W-1", enrolled_on="2026-01-05")).text
    )
    assert "over by now" in refused.text


def test_enrolment_gives_a_sheet_in_the_participants_language(nurse: TestClient) -> None:
    answer = nurse.post("/desk/enrol", data=enrolment())
    shown = parse_page(answer.text)
    sheet = shown.one("article", class_="sheet", lang="zh-Hans", dir="ltr")
    assert answer.status_code == 200
    assert shown.one("html")["lang"] == "en"
    header = shown.one("header").text
    assert ("Sign out" in header, "退出登录" in header) == (True, False), (
        "the nurse reads the rest of the page"
    )
    assert len(sheet.one("div", class_="qr").all("svg")) == 1
    assert [len(step.all("svg", role="img")) for step in sheet.all("li")] == [1, 1, 1]
    together = shown.one("section", class_="unprinted")
    assert "Sign in on the participant's phone ○ Not yet" in together.text
    code = sheet.all("p", class_="code")[0].text
    assert re.fullmatch(r"[A-Z2-9]{4} [A-Z2-9]{4}", code)
    assert "0571\u20115550000" in sheet.text
    assert not re.search(r"cancer|lung|肺|癌|Li Na", sheet.text)
    again = nurse.post("/desk/enrol", data=enrolment())
    assert again.status_code == 409
    assert "Open participant 0571-002" in again.text


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("subject", "Li Na", "subject"),
        ("site", "sbrt-nsclc:0021", "site"),
        ("identity_check", "", "identity_check"),
        ("enrolled_on", "tomorrow", "enrolled_on"),
        ("enrolled_on", "2027-01-01", "enrolled_on"),
        ("consent_version", " ", "consent_version"),
        ("channel", "pigeon", "channel"),
        ("channel", "letter", "channel"),
        ("address", "", "address"),
        ("language", "tlh", "language"),
    ],
)
def test_a_refused_enrolment_keeps_what_was_typed(
    nurse: TestClient, field: str, value: str, message: str
) -> None:
    answer = nurse.post("/desk/enrol", data=enrolment(**{field: value}))
    shown = parse_page(answer.text)
    assert answer.status_code == 422
    assert shown.all("a", href=f"#{message}")
    assert shown.all("title")[0].text.startswith("Error")
    assert day_in(shown, "consented_on") == "2026-03-02"
    assert nurse.post("/desk/enrol", data={"arm": "SBRT"}).status_code == 422


def test_a_refused_enrolment_names_every_field_that_is_wrong(nurse: TestClient) -> None:
    wrong = {"subject": "571-3", "enrolled_on": "2026-02-30", "consent_version": " ", "address": "li"}
    answer = nurse.post("/desk/enrol", data=enrolment(**wrong, identity_check="looked", consented_on="soon"))
    shown = parse_page(answer.text)
    links = [str(each["href"]) for each in shown.one("div", role="alert").all("a")]
    assert sorted(links) == [
        "#address",
        "#consent_version",
        "#consented_on",
        "#enrolled_on",
        "#identity_check",
        "#subject",
    ]
    for each in links:
        assert shown.one("p", id=f"{each[1:]}-error").text
    late = nurse.post("/desk/enrol", data=enrolment(consented_on="2026-03-09"))
    (words,) = parse_page(late.text).one("div", role="alert").all("a", href="#consented_on")
    assert words.text == "This date is in the future. Latest: 2 Mar 2026."


@pytest.mark.req("IAM-03")
def test_strangers_find_nothing(clinic: ClinicFixture) -> None:
    other = clinic.browser(Role.NURSE, "0021")
    slot = clinic.person.slot("BL").public_id
    for path in ("", "/dates", "/disposition", f"/forms/{slot}"):
        assert other.get(clinic.url + path).status_code == 404
    for path in ("/contact", "/invitation", "/devices/1", "/visits", "/dates", "/disposition"):
        assert other.post(clinic.url + path, data={"reason": "x"}).status_code == 404
    assert other.post(f"{clinic.url}/forms/{slot}", data={"reason": "unknown"}).status_code == 404


@pytest.mark.req("IAM-02")
def test_a_monitor_reads_and_changes_nothing(clinic: ClinicFixture) -> None:
    monitor = clinic.browser(Role.MONITOR)
    assert not page(monitor, clinic.url).all("form", action=f"{clinic.url}/invitation")
    for path in ("/contact", "/invitation", "/devices/1", "/visits", "/dates", "/disposition/undo"):
        assert monitor.post(clinic.url + path, data={"reason": "x"}).status_code == 403
    assert monitor.get("/desk/enrol").status_code == 403


@pytest.mark.req("REP-08")
def test_the_arm_is_never_shown(clinic: ClinicFixture, nurse: TestClient) -> None:
    installation: Installation = clinic.app.state.installation
    with installation.open_work(SYSTEM, START) as work:
        row = work.session.get_one(type(clinic.person.row()), clinic.person.row().id)
        row.arm = "SOC"
        work.record(AuditEvent.ARM_RECORDED, f"participant:{row.id}")
    for url in ("/desk", clinic.url, "/desk/participants"):
        assert re.search(r"\bSOC\b", nurse.get(url).text) is None  # ids are made by chance


def test_a_contact_is_shown_whole_only_on_demand(clinic: ClinicFixture, nurse: TestClient) -> None:
    nurse.post("/desk/enrol", data=enrolment())
    url = page(nurse, "/desk/participants?q=002").all("tbody")[0].all("a")[0]["href"]
    assert "l***@example.org" in page(nurse, url).text
    assert "li.na@example.org" in nurse.post(f"{url}/contact").text
    assert nurse.post(f"{clinic.url}/contact").status_code == 409


@pytest.mark.req("REP-04")
def test_a_reason_is_recorded_for_a_missed_form(clinic: ClinicFixture) -> None:
    clinic.clock.at = START + days(40)
    nurse = clinic.browser(Role.NURSE)
    url = f"{clinic.url}/forms/{clinic.person.slot('BL').public_id}"
    assert len(page(nurse, url).all("input", name="reason")) == 9
    assert nurse.post(url, data={"reason": "other"}).status_code == 422
    assert nurse.post(url, data={"reason": "not_reachable"}).status_code == 303
    assert "Not reachable" in page(nurse, clinic.url).text
    assert nurse.get(f"{clinic.url}/forms/none").status_code == 404


def test_a_form_is_excused_after_a_second_question(clinic: ClinicFixture, nurse: TestClient) -> None:
    url = f"{clinic.url}/forms/{clinic.person.slot('BL').public_id}"
    action, chosen = f"{url}/exemption", {"exemption": "no_translation"}
    (offered,) = page(nurse, url).all("form", action=action)
    assert [each["value"] for each in offered.all("input", name="exemption")] == ["no_translation"]
    assert nurse.post(action, data={}).status_code == 422
    question = parse_page(nurse.post(action, data=chosen).text).all("form", action=action)[0]
    assert "You can't undo this." in question.text
    assert clinic.person.slot("BL").excused is None
    hidden = {each["name"]: each["value"] for each in question.all("input", type="hidden")}
    assert nurse.post(action, data=hidden).headers["location"] == f"{clinic.url}?done=excused"
    assert "Form excused." in page(nurse, f"{clinic.url}?done=excused").text
    assert "No licensed translation" in page(nurse, url).text
    assert not page(nurse, url).all("form", action=action)
    assert nurse.post(action, data=chosen).status_code == 409
    assert nurse.post(action, data=hidden).headers["location"] == f"{clinic.url}?done=excused"  # once
    assert nurse.post(f"{clinic.url}/forms/none/exemption", data=hidden).status_code == 404
    assert not page(clinic.browser(Role.MONITOR), url).all("form", action=action)


def test_a_begun_form_is_not_offered_to_be_excused(clinic: ClinicFixture, nurse: TestClient) -> None:
    clinic.person.begin("BL", START)
    url = f"{clinic.url}/forms/{clinic.person.slot('BL').public_id}"
    assert not page(nurse, url).all("form", action=f"{url}/exemption")


@pytest.mark.req("CAP-14")
def test_quarantined_answers_are_listed_without_values(clinic: ClinicFixture) -> None:
    clinic.person.begin("BL", START)
    clinic.clock.at = START + days(40)
    nurse = clinic.browser(Role.NURSE)
    assert "Answers kept apart" not in page(nurse, clinic.url).text
    with pytest.raises(Refused, match="arrived_too_late"):
        clinic.person.submit("BL", clinic.clock.at)
    shown = page(nurse, clinic.url)
    (table,) = [each for each in shown.all("table") if "not part of a form" in each.text]
    assert "Quality of life · BL 11 Apr 2026, 09:30" in table.text
    assert "Came after the closing day, or after the participant had left none yet" in table.text


@pytest.mark.req("OFF-05")
def test_a_question_answered_on_two_phones_is_named(clinic: ClinicFixture, nurse: TestClient) -> None:
    clinic.person.begin("BL", START)
    assert "Answered twice, differently" not in page(nurse, clinic.url).text
    clinic.person.save("BL", START, SubmittedAnswer(1, 0, "q5", 3), client="one")
    clinic.person.save("BL", START, SubmittedAnswer(1, 0, "q5", 4), client="two")
    (table,) = [each for each in page(nurse, clinic.url).all("table") if "two answers" in each.text]
    assert "Quality of life · BL 5 2 Mar 2026, 09:30 2 Mar 2026, 09:30" in table.text


@pytest.mark.req("IAM-13")
def test_a_lost_phone_is_unbound_and_a_new_sheet_issued(clinic: ClinicFixture, nurse: TestClient) -> None:
    action = next(
        each["action"] for each in page(nurse, clinic.url).all("form") if "/devices/" in each["action"]
    )
    assert nurse.post(action, data={"reason": ""}).status_code == 422
    assert nurse.post(action, data={"reason": "lost"}).status_code == 303
    assert nurse.post(f"{clinic.url}/devices/999", data={"reason": "lost"}).status_code == 404
    assert "It replaces every earlier sheet" in nurse.post(f"{clinic.url}/invitation").text


@pytest.mark.req("PRI-03")
def test_the_first_day_shows_how_far_it_is_by_facts_alone(clinic: ClinicFixture, nurse: TestClient) -> None:
    def steps() -> list[str]:
        (first,) = [each for each in page(nurse, clinic.url).all("ol") if "Set the PIN" in each.text]
        return [each.text for each in first.all("li")]

    signed_in, pin, form, icon, reminders = steps()
    assert (signed_in, pin) == ("Sign in on the participant's phone ✓ Signed in", "Set the PIN ✓ PIN set")
    assert form.startswith("The first form: Quality of life · BL ○ Not started yet")
    assert icon.startswith("Put the icon on the home screen – Look at the phone")
    assert reminders == "Reminders – doesn't want reminders"  # as it was recorded at enrolment
    clinic.person.begin("BL", START)
    clinic.person.save("BL", START, SubmittedAnswer(1, 0, "q1", 1))
    assert steps()[2] == "The first form: Quality of life · BL ✓ 1 of 30 answered"
    clinic.person.submit("BL", START)
    assert steps()[2].endswith("✓ Sent")
    nurse.post("/desk/enrol", data=enrolment())
    person = page(nurse, "/desk/participants?q=0571-002").one("tbody").all("a")[0]
    shown = page(nurse, person["href"]).text
    assert "○ Address not confirmed yet E-mail: l***@example.org · entered by staff on Monday, 2" in shown
    clinic.clock.at = START + days(1)
    assert "Set the PIN" not in page(clinic.browser(Role.INVESTIGATOR), clinic.url).text


def test_a_visit_is_added_on_request(clinic: ClinicFixture, nurse: TestClient) -> None:
    url = f"{clinic.url}/visits"
    offered = parse_page(nurse.get(clinic.url).text).one("select", id="visit-visit")
    assert [each.text for each in offered.all("option")][-2:] == ["Baseline again", "Unscheduled"]
    assert nurse.post(url, data={"visit": "UNS", "on": "soon"}).status_code == 422
    assert nurse.post(url, data={"visit": "W6", "on": "2026-03-02"}).status_code == 422
    assert nurse.post(url, data={"visit": "UNS", "on": "2026-03-02"}).status_code == 303
    assert "UNS-1" in page(nurse, clinic.url).text


@pytest.mark.parametrize(
    ("page_of", "transactions"), [("", 2), ("/participants", 2), ("/access", 2), ("/requests", 2)]
)
def test_a_list_is_read_in_one_transaction_after_the_sign_in(
    clinic: ClinicFixture, nurse: TestClient, page_of: str, transactions: int
) -> None:
    begun: list[object] = []
    engine = clinic.app.state.installation.engine
    nurse.get("/desk" + page_of)
    listener = begun.append
    event.listen(engine, "begin", listener)
    assert nurse.get("/desk" + page_of).status_code == 200
    event.remove(engine, "begin", listener)
    assert len(begun) == transactions


@pytest.mark.req("IAM-11")
def test_what_a_nurse_types_at_full_width_is_read_as_its_narrow_twin(
    clinic: ClinicFixture, nurse: TestClient
) -> None:
    typed = enrolment(subject=full_width("0571-002"), enrolled_on=full_width("2026-03-02"))
    assert nurse.post("/desk/enrol", data=typed).status_code == 200
    assert "0571-002" in page(nurse, f"/desk/participants?q={full_width('571-002')}").all("tbody")[0].text
    again = nurse.post("/desk/enrol", data=typed)
    assert (again.status_code, "0571-002" in again.text) == (409, True)
    clinic.person.randomise(date(2026, 3, 2), START)
    clinic.clock.at = START + days(6)
    nurse = clinic.browser(Role.NURSE, language="zh_CN")
    assert "0571-001" in page(nurse, f"/desk?q={full_width('0571-001')}").text
    moved = {"kind": "sbrt_start", "on": full_width("2026-03-02"), "reason": ""}
    assert nurse.post(f"{clinic.url}/dates", data=moved).status_code == 200
    investigator = clinic.browser(Role.INVESTIGATOR)
    withdrawal = {"kind": "withdrew_questionnaires", "stated": full_width("2026-03-02"), "reason": "x"}
    assert preview_and_confirm(investigator, f"{clinic.url}/disposition", withdrawal).status_code == 303
    with clinic.app.state.installation.read() as session:
        assert session.exec(select(Disposition.stated_date)).all() == ["2026-03-02"]


@pytest.mark.parametrize(
    "after", [f"0_1_{'9' * 40}", f"0_{'9' * 60}_1", f"{'9' * 30}_1_1", "１_１_１", "0_1_²"]
)
def test_an_invalid_list_position_shows_the_first_page(nurse: TestClient, after: str) -> None:
    assert nurse.get("/desk", params={"after": after}).status_code == 200


@pytest.mark.req("TIM-07")
def test_a_past_enrolment_says_what_it_makes_missed_and_waits_for_a_yes(clinic: ClinicFixture) -> None:
    nurse = clinic.browser(Role.NURSE)
    typed = enrolment(subject="0571-088", enrolled_on="2026-01-05", consented_on="2026-01-05")
    shown = nurse.post("/desk/enrol", data=typed)
    assert shown.status_code == 409
    named = re.findall("missed at once: ([^.]*)[.]", parse_page(shown.text).text)
    assert set(named) == {"Quality of life · BL"}
    (choice,) = parse_page(shown.text).all("select", name="accepts_missed")
    seen = {"accepts_missed": choice.all("option")[-1].attributes["value"]}
    other = {"enrolled_on": "2026-01-04", "consented_on": "2026-01-04"}
    for unseen in (typed | {"accepts_missed": "yes"}, typed | other | seen):
        again = nurse.post("/desk/enrol", data=unseen)
        assert (again.status_code, "Quality of life · BL" in again.text) == (409, True)
    assert nurse.post("/desk/enrol", data=typed | seen).status_code == 200
    early = typed | {"subject": "0571-089", "enrolled_on": "1026-01-05"}
    assert nurse.post("/desk/enrol", data=early).status_code == 422


def test_the_head_of_a_participant_says_how_many_phones_are_signed_in(
    clinic: ClinicFixture, nurse: TestClient
) -> None:
    def said() -> str:
        return next(
            fact.one("dd").text for fact in page(nurse, clinic.url).all("div") if "Phones" in fact.text[:6]
        )

    assert re.fullmatch(r"1 · last used \d+ Mar 2026, \d\d:\d\d", said())
    act = next(each["action"] for each in page(nurse, clinic.url).all("form") if "devices" in each["action"])
    nurse.post(act, data={"reason": "lost"})
    assert said() == "No phone is signed in."
