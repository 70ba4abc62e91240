"""The form page and its corrections at the desk: what each role sees, proposes and signs, and nobody else."""

import pyotp
import pytest
from fastapi.testclient import TestClient
from sqlmodel import col, select

from app.domain.records.access import SYSTEM, Role
from app.domain.records.audit import AuditEvent
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.setup.studies import create_staff, grant_role
from app.storage.tables.audit import AuditEntry
from app.storage.tables.capture import Correction, Response
from tests.applications import open_browser
from tests.faces.clinics import PASSWORD, ClinicFixture
from tests.faces.desk_pages import hidden_of, page
from tests.faces.participant_browsers import Phone, invite
from tests.markup import parse_page
from tests.scenarios.people import START, days
from tests.scenarios.trail_entries import verify_trail

TYPED = {
    "items": "q5,q6",
    "version": "1",
    "new_q5": "３",
    "reason_q5": "wrong_tap",
    "new_q6": "blank",
    "reason_q6": "misunderstood",
    "words": "I meant quite a bit",
    "told_on": "2026-03-02",
    "evidence": "telephone",
}


class Signer:
    """A signed-in investigator, with what they sign with."""

    def __init__(self, clinic: ClinicFixture, name: str, language: str = "en") -> None:
        installation: Installation = clinic.app.state.installation
        system = StaffContext(installation, SYSTEM, START)
        new = create_staff(system, f"{name}@example.org", name, PASSWORD, language)
        grant_role(system, new.staff_id, Role.INVESTIGATOR, "sbrt-nsclc", "0571")
        self.clinic, self.secret, self.client = clinic, new.totp_secret, open_browser(clinic.app)
        self.client.post("/desk/sign-in", data={"email": f"{name}@example.org", "password": PASSWORD})
        self.client.post("/desk/sign-in/code", data={"code": self.code})
        clinic.clock.forward(minutes=1)  # a code signs one thing

    @property
    def code(self) -> str:
        return pyotp.TOTP(self.secret).generate_otp(int(self.clinic.clock.at.timestamp()) // 30)

    def form(self, url: str, **typed: str) -> dict[str, str]:
        """What the page of a correction would send."""
        shown = hidden_of(self.client.get(url))
        return shown | {"outcome": "approved", "password": PASSWORD, "one_time_code": self.code} | typed


@pytest.fixture
def phone(clinic: ClinicFixture) -> Phone:
    """The phone of somebody who sent the baseline and then reported a mistake."""
    phone = invite(clinic.app, clinic.person)
    phone.activate()
    phone.send(phone.begin())
    phone.client.post(f"/sent/{phone.slot()}/correction")
    return phone


def propose(client: TestClient, phone: Phone, url: str, **typed: str) -> str:
    """Propose by the page; returns the address of the correction."""
    form = f"{url}/forms/{phone.slot()}/correction"
    answer = client.post(form, data=hidden_of(client.get(f"{form}?item=q5&item=q6")) | TYPED | typed)
    assert answer.headers["location"] == f"{url}/forms/{phone.slot()}?done=proposed"
    with phone.person.installation.read() as session:
        ids = session.exec(select(Correction.public_id).order_by(col(Correction.id))).all()
    return f"{url}/corrections/{ids[-1]}"


def viewed(clinic: ClinicFixture) -> int:
    with clinic.app.state.installation.read() as session:
        entries = select(AuditEntry).where(AuditEntry.event == AuditEvent.ANSWERS_VIEWED)
        return len(session.exec(entries).all())


def versions(clinic: ClinicFixture) -> int:
    with clinic.app.state.installation.read() as session:
        return len(session.exec(select(Response)).all())


def test_each_role_reads_of_a_form_what_it_may_and_each_look_is_in_the_trail(
    clinic: ClinicFixture, nurse: TestClient, phone: Phone
) -> None:
    url = f"{clinic.url}/forms/{phone.slot()}"
    shown = page(nurse, url)
    assert "History of this form" in shown.text
    assert "Receipt" not in shown.text
    assert viewed(clinic) == 0
    monitor = page(clinic.browser(Role.MONITOR), url)
    assert "In the words that the participant read: English, QLQ-C30 3.0." in monitor.text
    assert "Prorated" not in monitor.text
    assert "Scores" not in monitor.text
    assert viewed(clinic) == 1
    investigator = page(Signer(clinic, "zhang").client, url)
    assert "Scores: EORTC linear transformation, version 1.0" in investigator.text
    assert "66.7" in investigator.text
    assert "66.66" not in investigator.text
    assert "Physical functioning PF2 · higher is better 66.7" in investigator.text
    assert "Written down by the participant" in investigator.text
    assert "Device Browser" in investigator.text
    assert "2 of 7" in investigator.text
    assert investigator.all("a", href=f"{url}/correction")
    assert viewed(clinic) == 2
    assert Signer(clinic, "wu").client.get(f"{url}?version=2").status_code == 404


def test_a_correction_goes_from_the_report_to_the_participants_page(
    clinic: ClinicFixture, nurse: TestClient, phone: Phone
) -> None:
    url, form = clinic.url, f"{clinic.url}/forms/{phone.slot()}"
    assert page(nurse, "/desk/requests").all("a", href=f"{form}/correction")
    assert len(page(nurse, f"{form}/correction").all("input", type="checkbox", name="item")) == 30
    step = page(nurse, f"{form}/correction?item=q5&item=q6")
    assert "Answer now:" not in step.text
    assert "already waiting" not in step.text
    correction = propose(nurse, phone, url)
    assert page(nurse, f"{form}/correction?item=q5").one("a", href=correction).text == "Open that correction"
    assert "It changes nothing until an investigator signs it." in page(nurse, f"{form}?done=proposed").text
    assert "A doctor checks it first." in phone.client.get("/sent").text
    assert "not shown to you" in page(nurse, correction).text
    assert nurse.post(correction, data={"outcome": "approved"}).status_code == 403

    signer = Signer(clinic, "zhang")
    assert "You proposed this correction. An investigator must sign it." in page(nurse, correction).text
    listed = page(signer.client, "/desk/corrections?study=sbrt-nsclc")
    assert listed.one("a", href=correction).text == "0571-001"
    assert page(signer.client, "/desk").all("a", href="/desk/corrections")
    shown = page(signer.client, correction)
    assert "What your signature means" in shown.text
    assert "I, zhang , have checked this correction" in shown.text
    sending = signer.form(correction)
    _refuse_wrong_password(signer, correction, sending)
    done = [signer.client.post(correction, data=sending) for _press in range(2)]
    assert [answer.headers["location"] for answer in done] == [f"{correction}?done=signed"] * 2
    assert versions(clinic) == 2
    assert "“I have checked this correction and approve it.”" in page(signer.client, correction).text
    assert not page(signer.client, "/desk/corrections?study=sbrt-nsclc").all("a", href=correction)
    assert page(signer.client, "/desk/corrections?study=sbrt-nsclc&decided=1").all("a", href=correction)
    corrected = page(signer.client, form)
    assert "version 2 of 2" in corrected.text
    assert "Before the correction:" in corrected.text
    assert "Before the correction:" not in page(signer.client, f"{form}?version=1").text
    submitted_page = phone.client.get("/sent").text
    assert "Your study team corrected this form on" in submitted_page
    assert "Your study team will call" not in submitted_page
    assert "No requests are open." in page(nurse, "/desk/requests").text
    assert verify_trail(clinic.app.state.installation) == []


def _refuse_wrong_password(signer: Signer, correction: str, fields: dict[str, str]) -> None:
    wrong = signer.client.post(correction, data=fields | {"password": "guess", "note": "agreed"})
    assert (wrong.status_code, "This password is wrong." in wrong.text) == (403, True)
    assert 'value="agreed"' in wrong.text
    assert "guess" not in wrong.text


def test_an_old_page_of_a_decided_correction_is_refused_with_the_new_state(
    clinic: ClinicFixture, nurse: TestClient, phone: Phone
) -> None:
    first, second = propose(nurse, phone, clinic.url), propose(nurse, phone, clinic.url, new_q5="4")
    zhang, wu = Signer(clinic, "zhang"), Signer(clinic, "wu")
    old = wu.form(first)
    declined = zhang.form(first, outcome="declined")
    response = zhang.client.post(first, data=declined)
    assert (response.status_code, "Please write why you decline" in response.text) == (422, True)
    assert zhang.client.post(first, data=declined | {"note": "not clear"}).status_code == 303
    refused = wu.client.post(first, data=old | {"one_time_code": wu.code})
    assert (refused.status_code, "was already decided" in refused.text) == (409, True)
    assert "not clear" in refused.text
    assert "Your answers were kept as you sent them." not in phone.client.get("/sent").text
    clinic.clock.forward(minutes=1)
    assert wu.client.post(second, data=wu.form(second)).status_code == 303
    third = propose(nurse, phone, clinic.url, version="2", new_q5="2")
    assert versions(clinic) == 2
    clinic.clock.forward(minutes=1)
    fourth = propose(nurse, phone, clinic.url, version="2", new_q5="1")
    assert wu.client.post(third, data=wu.form(third)).status_code == 303
    clinic.clock.forward(minutes=1)
    overtaken = zhang.form(fourth)
    for there in (
        zhang.client.get("/desk/corrections"),
        clinic.browser(Role.DATA_MANAGER).get("/desk/settle"),
    ):
        assert "It can only be declined now; if an answer is still wrong, propose" in there.text
    assert "Overtaken" in zhang.client.get("/desk/corrections").text
    changed = zhang.client.post(fourth, data=overtaken)
    assert (changed.status_code, "The answer to question 5 has changed" in changed.text) == (409, True)
    assert "now:" in changed.text
    assert 'value="approved"' not in changed.text


def test_who_proposed_does_not_sign_and_the_list_says_where_nobody_can(
    clinic: ClinicFixture, phone: Phone
) -> None:
    zhang = Signer(clinic, "zhang")
    correction = propose(zhang.client, phone, clinic.url)
    assert viewed(clinic) == 1  # the answers now, beside which the new ones are typed
    alone = "No other investigator at this site can sign this."
    assert alone in page(zhang.client, "/desk/corrections?study=sbrt-nsclc").text
    assert alone in page(zhang.client, correction).text
    settle, whom = page(zhang.client, "/desk/settle").text, "can give a second one the role here."
    assert f"{alone} An administrator {whom}" in settle
    clinic.browser(Role.ADMIN, "0021")
    assert f"{alone} An administrator {whom}" in page(zhang.client, correction).text
    clinic.browser(Role.ADMIN, None)
    ask = f"{alone} Ask an administrator ( Li Na ) to give a second one the role here."
    for url in ("/desk/settle", correction, "/desk/corrections?study=sbrt-nsclc"):
        assert ask in page(zhang.client, url).text
    refused = zhang.client.post(correction, data=zhang.form(correction))
    assert (refused.status_code, "Another investigator must sign it." in refused.text) == (403, True)
    assert versions(clinic) == 1
    clinic.clock.forward(minutes=1)
    Signer(clinic, "wu")
    listed = page(zhang.client, "/desk/corrections?study=sbrt-nsclc").text
    assert "You proposed it; another investigator signs." in listed
    assert alone not in page(zhang.client, "/desk/settle").text
    there = clinic.browser(Role.INVESTIGATOR, "0021")
    assert there.get(correction).status_code == 404
    assert "0571-001" not in page(there, "/desk/corrections?study=sbrt-nsclc").text
    assert there.get("/desk/corrections?study=other").status_code == 404
    monitor = clinic.browser(Role.MONITOR)
    seen = viewed(clinic)
    assert "0571-001" in page(monitor, "/desk/corrections?study=sbrt-nsclc").text
    assert viewed(clinic) == seen
    shown = page(monitor, correction)
    assert "No other investigator at this site" not in shown.text
    assert not shown.all("input", name="password")
    assert viewed(clinic) == seen + 1
    refused = monitor.get(f"{clinic.url}/forms/{phone.slot()}/correction")
    missing = "You do not have permission to propose corrections of answers in this study"
    assert (refused.status_code, missing in refused.text) == (403, True), "of somebody whom they may see"
    assert parse_page(refused.text).all("a", href="/desk/trail"), "in the frame of the desk"


REFUSED: list[tuple[dict[str, str], str, str]] = [
    ({"new_q5": "9"}, "5: please choose a value from 1 to 4.", "new_q5"),
    ({"new_q5": ""}, "Question 5: please give the new answer", "new_q5"),
    ({"reason_q6": ""}, "Question 6: please say why", "reason_q6"),
    ({"words": " "}, "Please write what the participant said", "words"),
    ({"words": "ring 138 0000 1234"}, "telephone number", "words"),
    ({"told_on": "soon"}, "Please check the date", "told_on"),
    ({"told_on": "2026-03-09"}, "This date must lie between", "told_on"),
    ({"evidence": ""}, "how the participant confirmed it", "evidence"),
    ({"items": ""}, "Please choose at least one question", "main"),
    ({"version": "7"}, "Something changed since", "main"),
]


def test_a_refused_proposal_keeps_what_was_typed_and_names_the_field(
    clinic: ClinicFixture, nurse: TestClient, phone: Phone
) -> None:
    form = f"{clinic.url}/forms/{phone.slot()}/correction"
    none = page(nurse, f"{form}?chosen=1", 422)
    assert none.one("div", role="alert").one("a")["href"] == "#item"
    hidden = hidden_of(nurse.get(f"{form}?item=q5&item=q6"))
    for typed, words, field in REFUSED:
        refused = nurse.post(form, data=hidden | TYPED | typed)
        assert (refused.status_code in (409, 422), words in refused.text) == (True, True), (typed, words)
        assert f'href="#{field}"' in refused.text, typed
        if typed.get("items") != "":
            assert (typed.get("words") or "I meant quite a bit").strip() in refused.text, typed


def test_a_late_approval_asks_for_a_second_reason(
    clinic: ClinicFixture, nurse: TestClient, phone: Phone
) -> None:
    correction = propose(nurse, phone, clinic.url)
    requests = page(nurse, "/desk/requests")
    assert "A correction is proposed." in requests.one("main").text
    assert not [each for each in requests.all("a") if each["href"].endswith("/correction")]
    clinic.clock.at = START + days(40)
    zhang = Signer(clinic, "zhang")
    assert "The form was sent more than 30 days ago." in page(zhang.client, correction).text
    typed = zhang.form(correction)
    refused = zhang.client.post(correction, data=typed)
    assert (refused.status_code, 'href="#late_reason"' in refused.text) == (422, True)
    typed = hidden_of(refused) | typed | {"late_reason": "found at monitoring"}
    assert zhang.client.post(correction, data=typed).status_code == 303
    assert "found at monitoring" in page(zhang.client, correction).text
