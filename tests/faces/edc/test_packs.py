"""A trial's pages show the official words and their copyright, and nothing of the demonstration."""

from datetime import date, timedelta
from pathlib import Path

import pyotp
import pytest
from cryptography.fernet import Fernet
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.clock import now
from app.domain.records.access import SYSTEM, Role
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.setup.studies import create_staff, grant_role, open_site
from app.storage.engine import write_engine
from app.storage.tables.studies import Site
from tests.applications import Clock, application, open_browser
from tests.faces.clinics import PASSWORD
from tests.faces.desk_pages import enrolment, page
from tests.faces.participant_browsers import Phone, enrol_only, event, heading, invite
from tests.markup import parse_page
from tests.scenarios.licensed_trial import ENDS, STUDY, import_packs_of_trial, open_trial, write_definitions
from tests.scenarios.people import START, Person, site_entry
from tests.unaudited_writes import allow_everything

COPYRIGHT = "© 2026 The Moon Group. All rights reserved."
OURS = "This wording is not the licensed questionnaire."
ANSWERS = {f"m{number}": "2" for number in range(1, 7)}
SOON = date(2026, 4, 10)
OVER = START + timedelta(days=40)


@pytest.fixture
def app(migrated_sqlite_url: str, clock: Clock, tmp_path: Path) -> FastAPI:
    """A trial's installation, as its settings make it; no pack yet."""
    clock.at = START
    installation = application(
        migrated_sqlite_url,
        clock,
        DAYBOOK_MODE="live",
        DAYBOOK_KEY=Fernet.generate_key().decode(),
        DAYBOOK_QUESTIONNAIRES=str(write_definitions(tmp_path / "questionnaires")),
    )
    open_trial(installation.state.installation, START)
    return installation


@pytest.fixture
def site(app: FastAPI) -> Site:
    return open_site(StaffContext(app.state.installation, SYSTEM, START), STUDY, site_entry("0571"))


@pytest.fixture
def trial(app: FastAPI, site: Site) -> Installation:
    assert site.code == "0571"
    installation: Installation = app.state.installation
    return installation


def somebody(app: FastAPI, site: Site, subject: str = "0571-001") -> Phone:
    """A participant with a bound browser."""
    phone = invite(app, enrol_only(Person(app.state.installation, site, subject)))
    phone.activate()
    return phone


@pytest.mark.req("CAP-01", "CAP-02", "CAP-03")
def test_the_form_has_the_official_words_in_each_language(
    app: FastAPI, trial: Installation, site: Site
) -> None:
    import_packs_of_trial(trial, START)
    phone = somebody(app, site)
    slot = phone.begin()
    form = phone.client.get(f"/f/{slot}").text
    assert [f"How bright {number}?" in form for number in range(1, 7)] == [True] * 6
    assert COPYRIGHT in form
    phone.save(slot, event(1, "m1", 3))
    phone.client.post("/language", data={"lang": "zh_CN"})
    chinese = phone.client.get(f"/f/{slot}").text
    assert [f"第{number}处有多亮？" in chinese for number in range(1, 7)] == [True] * 6
    assert COPYRIGHT in chinese
    assert "How bright" not in chinese
    pages = [form, chinese, phone.client.get("/home").text, phone.client.get("/about").text]
    for shown in pages:
        assert "[demo]" not in shown
        assert OURS not in shown
        assert "emonstration" not in shown
        assert "演示" not in shown
    assert "月光" in pages[2]
    response = phone.send(slot, ANSWERS)
    assert response.headers["location"] == f"/f/{slot}/done"
    assert "月光" in phone.client.get(f"/f/{slot}/done").text


def test_a_form_whose_licence_is_over_says_so_kindly(
    app: FastAPI, trial: Installation, site: Site, clock: Clock
) -> None:
    import_packs_of_trial(trial, START, SOON)
    phone = somebody(app, site)
    phone.person.randomise(date(2026, 3, 2), START)
    clock.at = OVER
    phone.client.post("/unlock", data={"pin": "135790"})
    slot = phone.slot("W6")
    assert f"/f/{slot}" not in phone.client.get("/home").text
    shown = phone.client.get(f"/f/{slot}")
    assert (shown.status_code, heading(shown)) == (409, "This form can't be filled in now")
    assert "0571\u20115550000" in shown.text
    refused = phone.client.post(f"/f/{slot}/begin", data={"who": "self"})
    assert (refused.status_code, phone.person.slot("W6").begun_at) == (409, None)
    import_packs_of_trial(trial, OVER)
    assert heading(phone.client.get(f"/f/{slot}")) == "Moonlight · Week 6"


def browser(app: FastAPI, role: Role, clock: Clock) -> TestClient:
    """A signed-in browser of a new member of the trial's staff."""
    installation: Installation = app.state.installation
    email = f"{role.value}@example.org"
    new = create_staff(StaffContext(installation, SYSTEM, START), email, "Li Na", PASSWORD, "en")
    grant_role(StaffContext(installation, SYSTEM, START), new.staff_id, role, STUDY, "0571")
    client = open_browser(app)
    client.post("/desk/sign-in", data={"email": email, "password": PASSWORD})
    code = pyotp.TOTP(new.totp_secret).generate_otp(int(clock.at.timestamp()) // 30)
    assert client.post("/desk/sign-in/code", data={"code": code}).headers["location"] == "/desk"
    return client


def notes(client: TestClient, code: str = "en") -> list[str]:
    client.post("/desk/language", data={"lang": code})
    boxes = page(client, "/desk").all("div", class_="note warn")
    return [line.text for box in boxes for line in box.all("p")]


@pytest.mark.req("CAP-01")
def test_the_desk_enrols_nobody_before_the_packs_are_there(
    app: FastAPI, trial: Installation, site: Site, clock: Clock
) -> None:
    nurse, investigator = browser(app, Role.NURSE, clock), browser(app, Role.INVESTIGATOR, clock)
    typed = enrolment(site=f"{STUDY}:{site.code}")
    refused = nurse.post("/desk/enrol", data=typed)
    assert "The official wording of Moonlight in 中文 is missing." in parse_page(refused.text).text
    assert notes(nurse) == []
    missing = "the official wording is missing. Nobody can be enrolled."
    assert notes(investigator) == [f"Moonlight, {spoken}: {missing}" for spoken in ("中文", "English")]
    import_packs_of_trial(trial, START, SOON, "", "zh_CN")
    import_packs_of_trial(trial, START, ENDS, "", "en")
    assert notes(investigator) == [
        "Moonlight, 中文: the licence ends on Friday, 10 April 2026. Please renew it."
    ]
    assert "月光（中文）：授权将于" in notes(investigator, "zh_CN")[0]
    assert nurse.post("/desk/enrol", data=typed).status_code == 200
    enrolled = page(investigator, "/desk/participants").all("tbody")[0].all("a")[0]
    assert "月光" in page(investigator, str(enrolled["href"])).text


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        ("DELETE FROM instrument_pack WHERE lang = 'en'", "the official wording is missing."),
        ("UPDATE instrument_pack SET content = 'x' WHERE lang = 'en'", "the stored wording was altered."),
        ("UPDATE instrument_pack SET lang = lang", ""),
    ],
)
@pytest.mark.usefixtures("site")
def test_the_desk_tells_what_became_of_a_pack(
    app: FastAPI, trial: Installation, clock: Clock, damage: str, expected: str
) -> None:
    import_packs_of_trial(trial, START)
    for act in ("update", "delete"):
        run(trial, f"DROP TRIGGER instrument_pack_no_{act}")
    run(trial, damage)
    assert [expected in note for note in notes(browser(app, Role.INVESTIGATOR, clock))] == [True] * bool(
        expected
    )


def run(trial: Installation, statement: str) -> None:
    with write_engine(trial.engine).begin() as connection, allow_everything(connection):
        connection.exec_driver_sql(statement)


def test_readiness_warns_without_failing(app: FastAPI, trial: Installation) -> None:
    app.state.clock = now  # readiness compares our clock with the database's
    client = open_browser(app)
    readiness = client.get("/readyz")
    assert (readiness.status_code, readiness.json()["warnings"]) == (200, ["pack_missing"])
    import_packs_of_trial(trial, now(), now().date() + timedelta(days=30))
    assert client.get("/readyz").json() == {"status": "ready", "faults": [], "warnings": ["pack_ends_soon"]}
    import_packs_of_trial(trial, now(), now().date() + timedelta(days=300))
    assert client.get("/readyz").json()["warnings"] == []
