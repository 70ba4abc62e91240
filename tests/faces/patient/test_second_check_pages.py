"""The way in and the lock in studies that ask the birth date, or nothing; throttling; what is not told."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from fastapi import FastAPI
from httpx2 import Response
from sqlmodel import func, select

from app.domain.plans.plan import SecondCheck
from app.services.core.installation import Installation
from app.storage.tables.audit import AuditEntry
from app.storage.tables.participants import Activation, Device
from app.storage.tables.staff import Throttle
from tests.applications import Clock, open_browser
from tests.faces.participant_browsers import Phone, heading, invite
from tests.markup import Element, parse_page
from tests.scenarios.confirmation_rules import BORN, with_second_check
from tests.scenarios.confirmation_rules import enrol_only as born
from tests.scenarios.people import Person

RIGHT = {"birth_year": "1950", "birth_month": "2", "birth_day": "3"}
FULL_WIDTH = {"birth_year": "１９５０", "birth_month": "０２", "birth_day": " 3 "}
WRONG = RIGHT | {"birth_day": "4"}
PREVIEW = "Mozilla/5.0 facebookexternalhit/1.1 (link preview) MicroMessenger/8.0"


def asking(app: FastAPI, founder: Person, check: SecondCheck) -> Phone:
    """Somebody of a study with this second check, who holds a link."""
    app.state.installation = with_second_check(app.state.installation, check)
    return invite(app, born(app.state.installation, founder.site, founder.subject))


@pytest.fixture
def dated(app: FastAPI, founder: Person) -> Phone:
    return asking(app, founder, SecondCheck.birth_date)


@pytest.fixture
def open_handed(app: FastAPI, founder: Person) -> Phone:
    return asking(app, founder, SecondCheck.none)


def use(phone: Phone, fields: Mapping[str, str], link: str = "") -> Response:
    return phone.client.post(f"/a/{link or phone.link}", data=dict(fields))


def state(daybook: Installation) -> tuple[int, ...]:
    """How much there is of everything that a way in may leave behind."""
    with daybook.read() as session:
        return tuple(
            session.exec(select(func.count()).select_from(table)).one()
            for table in (AuditEntry, Device, Activation, Throttle)
        )


@pytest.mark.req("IAM-10")
def test_a_preview_of_the_link_changes_nothing(app: FastAPI, dated: Phone) -> None:
    before = state(dated.person.installation)
    seen = [
        open_browser(app, user_agent=PREVIEW).get(path)
        for path in (f"/a/{dated.link}", "/a/nobody-was-given-this-link", "/code")
    ]
    assert [answer.status_code for answer in seen] == [200, 404, 200]
    assert "You can also open this in your phone's browser." in seen[0].text
    cookies = [answer.headers.get("set-cookie", "").partition(";")[0] for answer in seen]
    first, unknown, last = (each.partition("=") for each in cookies)  # drawn: it says nothing of anybody
    assert (first[0], unknown[0], last[0]) == ("__Host-probe", "", "__Host-probe")
    assert len({first[2], last[2]}) == 2
    assert state(dated.person.installation) == before
    assert "phone's browser" not in dated.client.get(f"/a/{dated.link}").text


@pytest.mark.parametrize("fields", [RIGHT, FULL_WIDTH])
def test_the_birth_date_binds_and_is_typed_in_the_reader_s_order(
    dated: Phone, fields: dict[str, str]
) -> None:
    question = use(dated, {})
    boxes = [(box["name"], box["inputmode"], box["autocomplete"]) for box in _boxes(question)]
    assert boxes == [(f"birth_{part}", "numeric", f"bday-{part}") for part in ("day", "month", "year")]
    dated.client.post("/language", data={"lang": "zh_CN"})
    assert [box["name"] for box in _boxes(use(dated, {}))] == ["birth_year", "birth_month", "birth_day"]
    done = use(dated, fields)
    assert (done.status_code, done.headers["location"]) == (303, "/welcome")
    assert dated.client.get("/home/ready").status_code == 200
    assert "PIN" not in dated.client.get("/settings").text
    assert dated.client.get("/settings/pin").status_code == 404
    assert dated.client.post("/settings/pin").status_code == 404


def _boxes(answer: Response) -> list[Element]:
    return [box for box in parse_page(answer.text).all("input") if box["name"].startswith("birth_")]


@pytest.mark.req("SEC-07")
def test_a_wrong_date_and_a_wrong_code_read_alike(app: FastAPI, dated: Phone) -> None:
    by_date = dated.client.post("/code", data={"code": dated.code, **WRONG})
    by_code = dated.client.post("/code", data={"code": "ABCD2345"})
    assert (by_date.status_code, by_code.status_code) == (404, 404)
    words = [_read_error(answer) for answer in (by_date, by_code)]
    assert words[0] == words[1]
    assert "Please check what you entered, or call us for a new link." in words[0]
    assert all(value not in by_date.text for value in ("1950", BORN.isoformat()))
    invite(app, dated.person)  # revokes the one before
    gone = [open_browser(app).post(f"/a/{link}") for link in ("x" * 32, dated.link)]
    assert len({(answer.status_code, answer.text) for answer in gone}) == 1


def _read_error(answer: Response) -> str:
    return parse_page(answer.text).all("div", role="alert")[0].text


def test_what_is_no_date_is_a_slip_and_no_try(dated: Phone) -> None:
    for slip in (RIGHT | {"birth_year": "50"}, RIGHT | {"birth_month": "13"}, dict.fromkeys(RIGHT, "")):
        for _ in range(3):
            response = use(dated, slip)
            assert (response.status_code, "all four numbers of the year" in response.text) == (422, True)
    assert use(dated, RIGHT).status_code == 303


@pytest.mark.req("IAM-12")
def test_wrong_dates_are_slowed_down_and_a_bound_browser_goes_on(
    app: FastAPI, dated: Phone, clock: Clock
) -> None:
    use(dated, RIGHT)
    again = invite(app, dated.person)
    answers = [use(again, WRONG) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [404] * 5 + [429]
    assert "There were too many tries." in answers[-1].text
    assert use(again, RIGHT).status_code == 429
    clock.forward(minutes=16)
    lock = dated.client.post("/unlock", data=RIGHT)
    assert lock.headers["location"] == "/home"
    clock.forward(hours=1)
    assert use(again, RIGHT).status_code == 303


@pytest.mark.req("SEC-05")
def test_the_lock_asks_the_birth_date_and_goes_on_where_it_was(dated: Phone, clock: Clock) -> None:
    use(dated, RIGHT)
    slot = dated.begin()
    clock.forward(minutes=14.9)
    assert dated.client.get(f"/f/{slot}").status_code == 200
    clock.forward(minutes=15.1)
    locked = dated.client.get(f"/f/{slot}")
    assert (locked.status_code, len(_boxes(locked))) == (401, 3)
    back = {"back": f"/f/{slot}"}
    wrong = dated.client.post("/unlock", data=WRONG | back)
    assert (wrong.status_code, "This date is not right." in wrong.text) == (403, True)
    slip = dated.client.post("/unlock", data=RIGHT | {"birth_day": "31"} | back)
    assert (slip.status_code, "all four numbers" in slip.text) == (422, True)
    assert f'value="/f/{slot}"' in slip.text
    assert dated.client.post("/unlock", data=RIGHT | back).headers["location"] == f"/f/{slot}"


def test_a_form_submitted_after_the_lock_is_stored_with_the_birth_date(dated: Phone, clock: Clock) -> None:
    use(dated, RIGHT)
    slot = dated.begin()
    clock.forward(minutes=40)
    locked = dated.send(slot, {"q1": "4"}, reviewed="0", action="save")
    assert 'name="q1" value="4"' in locked.text
    wrong = dated.send(slot, {"q1": "4"}, reviewed="0", action="save", **WRONG)
    assert (wrong.status_code, 'value="1950"' in wrong.text) == (403, False)
    done = dated.send(slot, {"q1": "4"}, reviewed="0", action="save", **RIGHT)
    assert done.headers["location"] == "/home/saved"


@pytest.mark.req("SEC-05")
def test_without_a_second_check_one_tap_comes_in_and_one_goes_on(open_handed: Phone, clock: Clock) -> None:
    assert use(open_handed, {}).headers["location"] == "/welcome"
    clock.forward(minutes=16)
    locked = open_handed.client.get("/sent")
    fields = {box["name"]: box["value"] for box in parse_page(locked.text).all("input")}
    assert (locked.status_code, heading(locked)) == (401, "You were away for a while")
    assert fields == {"back": "/sent", "check": "1"}
    assert open_handed.client.post("/unlock", data=fields).headers["location"] == "/sent"
    assert open_handed.client.get("/sent").status_code == 200


def test_a_code_leads_in_without_a_second_check(open_handed: Phone) -> None:
    typed = f" {open_handed.code[:4].lower()}  {open_handed.code[4:]} "
    assert open_handed.client.post("/code", data={"code": typed}).headers["location"] == "/welcome"


def test_a_plan_that_changes_its_mind_refuses_who_has_no_birth_date(app: FastAPI, guest: Phone) -> None:
    """Enrolled under the PIN, asked for a birth date that nobody recorded: refused, not let in."""
    app.state.installation = with_second_check(app.state.installation, SecondCheck.birth_date)
    moved = replace(guest, person=replace(guest.person, installation=app.state.installation))
    assert use(moved, RIGHT).status_code == 404
