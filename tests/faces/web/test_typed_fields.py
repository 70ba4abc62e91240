"""What people type at any face is read by one reader; what programs send, and addresses, are strict."""

import unicodedata
from collections.abc import Iterator
from typing import Any

import pyotp
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from pydantic import BaseModel
from sqlmodel import select

from app.domain.records.access import SYSTEM
from app.domain.records.audit import AuditEvent
from app.services.clinic.today.contact_log import log_contact
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.setup.studies import create_staff
from app.storage.row_changes import INSTALLATION_CHAIN
from app.storage.tables.participants import TeamRequest
from app.storage.tables.staff import Staff
from app.web import urls
from app.web.form_fields import Narrowed, NarrowedAct, VerbatimAct
from tests.applications import Clock, open_browser
from tests.faces.callers import PASSWORD, SiteFixture, caller_as
from tests.faces.desk_pages import full_width
from tests.faces.edc_caller import AS_OF, REGISTER, Edc
from tests.faces.rights import Who
from tests.scenarios.people import START

READERS = {Narrowed, NarrowedAct, VerbatimAct}
AS_TYPED = {
    ("/desk/sign-in", "password"),
    ("/desk/join/{link}", "password"),
    ("/desk/join/{link}", "password_again"),
    ("/desk/account/password", "password_now"),
    ("/desk/account/password", "password_new"),
    ("/desk/account/password", "password_again"),
    ("/desk/account/recovery-codes", "password_now"),
    (urls.ACCOUNT_PASSKEYS, "password_now"),
    (urls.CORRECTION, "password"),
    ("/desk/sign-in", "next"),
    ("/desk/sign-in/code", "next"),
    ("/desk/sign-in/code", "passkey"),
    ("/desk/account/password", "passkey"),
    ("/desk/account/recovery-codes", "passkey"),
    (urls.ACCOUNT_PASSKEYS, "passkey"),
    (urls.ACCOUNT_NEW_PASSKEY, "passkey"),
    (urls.JOIN, "passkey"),
    (urls.CORRECTION, "passkey"),
}
"""Any characters are good in a password; its use case composes them. An address is of the desk or none, and a
passkey's answer is checked as a whole."""
FAR = "9" * 25
WORDS = {"Accept-Language": "en"}


def dependants(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for each in dependant.dependencies:
        yield from dependants(each)


def typed_fields(route: APIRoute) -> Iterator[tuple[str, list[Any]]]:
    """Each text of a form that this route declares, with what reads it."""
    for dependant in dependants(route.dependant):
        for field in dependant.body_params:
            kind = field.field_info.annotation
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from ((name, each.metadata) for name, each in kind.model_fields.items())
            else:
                yield field.alias, field.field_info.metadata


def test_every_text_of_a_form_is_read_by_the_one_reader(app: FastAPI) -> None:
    read = {
        (route.path, name): READERS.intersection(each for each in metadata if each in tuple(READERS))
        for route in app.routes
        if isinstance(route, APIRoute) and not route.path.startswith("/api/")
        for name, metadata in typed_fields(route)
    }
    assert len(read) > 30
    assert {location for location, readers in read.items() if len(readers) != 1} == AS_TYPED


@pytest.fixture
def desk(here: SiteFixture) -> TestClient:
    client = open_browser(here.app)
    client.headers.update({**caller_as(here, Who.investigator).carried, **WORDS})
    return client


def test_free_text_is_stored_as_typed(here: SiteFixture, desk: TestClient) -> None:
    places = here.places(here.phone.person)
    nurse = StaffContext(here.installation, here.phone.person.nurse, here.clock.at)
    log_contact(nurse, here.phone.person.row().id, "reached_will_do", "", None)
    spoken = "Ｃａｌｌｅｄ ①：\t他说“３８。５”\r\nand e\u0301"
    closed = desk.post(f"/desk/requests/{places['request']}", data={"outcome": spoken})
    assert closed.status_code == 303
    with here.installation.read() as session:
        row = session.exec(select(TeamRequest).where(TeamRequest.id == int(places["request"]))).one()
        assert row.outcome == spoken


@pytest.mark.parametrize("sign", ["\x00", "\x0b", "\x1f", "\x7f", "\x85"])
def test_words_with_control_characters_are_refused_in_words(
    here: SiteFixture, desk: TestClient, sign: str
) -> None:
    request = here.places(here.phone.person)["request"]
    refused = desk.post(f"/desk/requests/{request}", data={"outcome": f"called{sign}back"})
    assert refused.status_code == 422
    assert "Outcome: this contains characters that" in refused.text


@pytest.mark.parametrize("number", [FAR, "１", "+1", "1.0", "0", "1_0", "²"])
def test_a_number_in_an_address_is_digits_that_can_be_there(
    here: SiteFixture, desk: TestClient, number: str
) -> None:
    participant = here.places(here.phone.person)["participant"]
    for client, path in (
        (desk, f"/desk/requests/{number}"),
        (desk, f"/desk/participants/{participant}/devices/{number}"),
        (here.phone.client, f"/settings/devices/{number}"),
    ):
        answer = client.post(path, data={"outcome": "called", "reason": "lost"})
        assert answer.status_code == 404  # as the number of no row; what it is called inside is not told
        assert "Page not found" in answer.text or "找不到" in answer.text
    known = desk.post("/desk/requests/999999", data={"outcome": "called"})
    assert known.status_code == 404


def test_no_address_holds_control_characters(here: SiteFixture) -> None:
    client = open_browser(here.app, **WORDS)
    for path in ("/f/a%00b", "/a/%1f", "/static/%7f/x.css", "/nowhere%00"):
        assert client.get(path).status_code == 404
    problem = client.get("/api/edc/v1/participants/a%00b")
    assert (problem.status_code, problem.json()["title"]) == (404, "Not Found")
    page = client.get("/desk/participants?q=1&after=a%00b")
    assert (page.status_code, "after: this contains characters" in page.text) == (422, True)
    assert client.get("/desk/sign-in?q=a%09b").status_code == 200


@pytest.mark.parametrize("charset", ["utf-7", "undefined", '"unicode_escape"'])
def test_a_form_in_another_charset_cannot_be_read(app: FastAPI, charset: str) -> None:
    kind = f"multipart/form-data; boundary=b; charset={charset}"
    body = b'--b\r\nContent-Disposition: form-data; name="code"\r\n\r\n+2AA-\r\n--b--\r\n'
    response = open_browser(app).post("/code", content=body, headers={"content-type": kind})
    assert response.status_code == 400
    usual = open_browser(app).post(
        "/code", content=body, headers={"content-type": kind.replace(charset, "UTF-8")}
    )
    assert usual.status_code == 404


def test_a_referer_that_is_no_address_leads_to_the_start(app: FastAPI) -> None:
    changed = open_browser(app).post(
        "/language", data={"lang": full_width("en")}, headers={"referer": "http://["}
    )
    assert (changed.status_code, changed.headers["location"]) == (303, "/")


@pytest.mark.req("SEC-10")
@pytest.mark.parametrize("length", ["9" * 5000, "９", "-1", "1e3"])
def test_a_length_that_is_no_number_is_too_large(app: FastAPI, length: str) -> None:
    client, headers = open_browser(app, **WORDS), [(b"content-length", length.encode())]
    refused = client.post("/language", content=b"lang=en", headers=headers)
    assert refused.status_code == 413


def test_a_cookie_that_is_none_of_ours_is_no_cookie(app: FastAPI) -> None:
    for value in ('"\\000"', '"a b"', "x" * 600, "%00"):
        shown = open_browser(app).get("/", headers={"cookie": f"__Host-device={value}"})
        assert shown.status_code == 200


def test_signing_in_reads_address_and_code_at_full_width(app: FastAPI, clock: Clock) -> None:
    clock.at = START
    installation: Installation = app.state.installation
    system = StaffContext(installation, SYSTEM, START)
    new = create_staff(system, " Ｎurse@example.org", "Li Na", PASSWORD, "en")
    client = open_browser(app)
    typed = {"email": full_width("nurse@EXAMPLE.org"), "password": PASSWORD}
    assert client.post("/desk/sign-in", data=typed).headers["location"] == "/desk/sign-in/code"
    code = pyotp.TOTP(new.totp_secret).generate_otp(int(START.timestamp()) // 30)
    assert client.post("/desk/sign-in/code", data={"code": full_width(code)}).headers["location"] == "/desk"


@pytest.mark.req("SEC-06")
def test_a_password_fits_however_the_keyboard_composes_it(app: FastAPI, clock: Clock) -> None:
    clock.at = START
    installation: Installation = app.state.installation
    composed = unicodedata.normalize("NFC", "schlüsselwörter")
    apart = unicodedata.normalize("NFD", composed)
    assert composed != apart
    new = create_staff(StaffContext(installation, SYSTEM, START), "a@example.org", "A", apart, "en")

    def goes_on(password: str) -> bool:
        response = open_browser(app).post(
            "/desk/sign-in", data={"email": "a@example.org", "password": password}
        )
        return response.status_code == 303

    assert [goes_on(composed), goes_on(apart), goes_on(composed[:-1])] == [True, True, False]
    with installation.open_work(SYSTEM, START) as work:
        work.record(AuditEvent.STAFF_CREATED, INSTALLATION_CHAIN)
        # As it was hashed before passwords were composed.
        work.session.get_one(Staff, new.staff_id).password_hash = installation.secret_box.passwords.hash(
            apart
        )
    assert [goes_on(apart), goes_on(composed)] == [True, False]


def test_a_code_of_another_site_is_refused_at_the_desk(here: SiteFixture, desk: TestClient) -> None:
    typed = {
        "site": "sbrt-nsclc:0571",
        "subject": full_width("0512-903"),
        "language": "en",
        "enrolled_on": "2026-03-02",
        "consent_version": full_width("2.1"),
        "consented_on": full_width("2026-03-02"),
        "identity_check": "id_card",
    }
    refused = desk.post("/desk/enrol", data=typed)
    assert refused.status_code == 422
    assert "0512-903 is a code of site 0512, and cannot be used at site 0571." in refused.text
    assert desk.post("/desk/enrol", data={**typed, "subject": full_width("0571-903")}).status_code == 200
    assert here.places(here.phone.person)["subject"] == "0571-001"


def test_a_code_of_another_site_is_refused_by_the_edc(edc: Edc) -> None:
    refused = edc.put("/participants/0512-014", REGISTER)
    assert (refused.status_code, refused.json()["allowed"]) == (422, "0512")
    assert refused.json()["errors"][0]["pointer"] == "/subject"
    assert edc.put("/participants/0571-014", REGISTER).status_code == 201


@pytest.mark.parametrize(
    ("name", "value"),
    [("after", "１"), ("after", "+1"), ("after", " 1"), ("limit", "1.0"), ("limit", "1_0"), ("wait", "０")],
)
def test_the_edcs_numbers_are_refused_instead_of_converted(edc: Edc, name: str, value: str) -> None:
    refused = edc.get("/changes", None, **{name: value})
    assert refused.status_code == 422
    fault = refused.json()["errors"][0]
    assert (fault["parameter"], fault["detail"]) == (
        name,
        "must be a whole number, written in the digits 0 to 9",
    )


def test_the_edcs_switches_are_true_or_false(edc: Edc) -> None:
    edc.put("/participants/0571-014", REGISTER)
    anchor = {"date": "2026-03-02", "as_of": AS_OF}
    path = "/participants/0571-014/anchors/randomisation"
    for value in ("1", "yes", "True", "on"):
        assert edc.put(path, anchor, dry_run=value).status_code == 422
    assert edc.put(path, anchor, dry_run="true").json()["dry_run"] is True
    assert edc.put(path, anchor, dry_run="false").status_code == 201


def test_a_repeated_parameter_is_refused(edc: Edc) -> None:
    bearer = {"Authorization": f"Bearer {edc.token}"}
    twice = edc.http.get("/api/edc/v1/changes?after=0&after=1", headers=bearer)
    assert (twice.status_code, twice.json()["field"]) == (422, "after")


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "1899-12-31", "2200-01-01"])
def test_a_day_that_no_trial_knows_is_refused_in_words(here: SiteFixture, desk: TestClient, day: str) -> None:
    person = f"/desk/participants/{here.places(here.phone.person)['participant']}"
    for path, fields in (
        ("visits", {"visit": "UNS", "on": day}),
        ("dates", {"kind": "sbrt_start", "on": day}),
        ("disposition", {"kind": "withdrew_study", "stated": day, "reason": "x", "step": "confirm"}),
    ):
        refused = desk.post(f"{person}/{path}", data=fields)
        assert refused.status_code == 422
        assert "a date must lie between 1 Jan 1900 and 31 Dec 2199" in refused.text, path
