"""The administrator's pages over HTTP: people, links, access and sites, in both languages."""

import re

import pyotp
import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from app.clinic.frame.navigation import NAVIGATION, list_menu
from app.domain.records.access import ROLE_PERMISSIONS, SYSTEM, Grant, Permission, Role, staff_actor
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.setup.studies import create_staff
from app.web import urls
from app.web.permissions import ROUTES
from tests.applications import open_browser
from tests.faces.clinics import ClinicFixture
from tests.faces.desk_pages import page
from tests.markup import parse_page
from tests.scenarios.beginnings import PERSON
from tests.scenarios.people import START
from tests.stages import Stage

PASSWORD = "correct horse battery"


@pytest.fixture
def stage() -> Stage:
    return PERSON


@pytest.fixture
def admin(clinic: ClinicFixture) -> TestClient:
    return clinic.browser(Role.ADMIN, None)


NEW = {
    "study": "sbrt-nsclc", "name": "Zhao \u202dMin", "email": "zhao@example.org", "language": "zh_CN",
    "role_nurse": "yes", "site_0571": "yes", "reason": "new nurse",
}  # fmt: skip


def invited(admin: TestClient) -> str:
    """Invite; the link's path."""
    shown = admin.post("/desk/people/invite", data=NEW | {"name": "Zhao Min"})
    assert shown.status_code == 200, shown.text[:2000]
    return "/desk/join/" + shown.text.partition("/desk/join/")[2].partition("<")[0]


@pytest.mark.req("IAM-01", "IAM-11")
def test_a_person_is_invited_and_sets_up_their_sign_in(clinic: ClinicFixture, admin: TestClient) -> None:
    refused = admin.post("/desk/people/invite", data=NEW)
    assert (refused.status_code, 'value="new nurse"' in refused.text) == (422, True)
    assert "hidden characters" in refused.text
    path = invited(admin)
    assert "Link sent, not used yet" in page(admin, "/desk/people").text
    assert admin.post("/desk/people/invite", data=NEW | {"name": "Other"}).status_code == 409
    newcomer = open_browser(clinic.app)
    form = newcomer.get(path)
    assert 'lang="zh-Hans"' in form.text
    assert "<svg" in form.text
    secret = form.text.partition('<b dir="ltr">')[2].partition("<")[0].replace(" ", "")
    typed = {"password": PASSWORD, "password_again": PASSWORD, "one_time_code": "000000"}
    assert wrong(newcomer.post(path, data=typed | {"password_again": "x"})) == {"password_again"}
    every = {"password": "short", "password_again": "x"}
    assert wrong(newcomer.post(path, data=every)) == {"password", "password_again", "one_time_code"}
    assert newcomer.post(path, data=typed).status_code == 403
    typed["one_time_code"] = pyotp.TOTP(secret).generate_otp(int(clinic.clock.at.timestamp()) // 30)
    done = newcomer.post(path, data=typed)
    assert done.text.count('<li><b dir="ltr">') == 10
    assert (newcomer.post(path, data=typed).status_code, newcomer.get(path).status_code) == (410, 410)
    # Neither to where participants begin nor to the desk of whoever is signed in there.
    for stranger, begins in (
        ("/desk/join/nothing", "/desk/sign-in"),
        ("/desk/nowhere", "/desk"),
        (path, "/desk/sign-in"),
    ):
        assert f'class="btn" href="{begins}"' in newcomer.get(stranger).text
    assert "Can sign in" in page(admin, "/desk/people").text


@pytest.fixture
def zhao(admin: TestClient) -> str:
    """The page of somebody who was invited."""
    invited(admin)
    row = page(admin, "/desk/people?study=sbrt-nsclc").one("table").all("a")
    return next(str(each["href"]) for each in row if each.text == "Zhao Min")


@pytest.mark.req("IAM-02", "IAM-06")
def test_roles_are_changed_with_a_reason(admin: TestClient, zhao: str) -> None:
    person = page(admin, zhao)
    revoke = next(each["action"] for each in person.all("form") if "/grants/" in str(each["action"]))
    empty = admin.post(str(revoke), data={"reason": ""})
    assert (empty.status_code, "Please give a reason." in empty.text) == (422, True)
    lost = admin.post(f"{zhao}/grants", data={"study": "sbrt-nsclc", "role": "", "reason": "helps out"})
    assert lost.status_code == 422
    assert "Choose a role." in lost.text
    assert 'value="helps out"' in lost.text
    wrong_day = {"study": "sbrt-nsclc", "role": "monitor", "ends_on": "soon", "reason": "x"}
    assert admin.post(f"{zhao}/grants", data=wrong_day).status_code == 422
    elsewhere = {"study": "other", "role": "nurse", "reason": "x"}
    assert admin.post(f"{zhao}/grants", data=elsewhere).status_code == 404
    assert admin.post(f"{zhao}/grants/999", data={"reason": "x"}).status_code == 404
    granted = admin.post(f"{zhao}/grants", data=wrong_day | {"ends_on": "2026-05-01"})
    assert granted.headers["location"] == f"{zhao}?done=granted"
    known = {"study": "sbrt-nsclc", "email": "zhao@example.org", "role": "data_manager", "reason": "also"}
    assert admin.post("/desk/people/existing", data=known | {"email": "no@x.org"}).status_code == 422
    assert admin.post("/desk/people/existing", data=known).status_code == 303


@pytest.mark.req("IAM-02", "IAM-06")
def test_accounts_are_changed_with_a_reason(clinic: ClinicFixture, admin: TestClient, zhao: str) -> None:
    for path, word in (("/disable", "disabled"), ("/enable", "enabled")):
        done = admin.post(f"{zhao}{path}", data={"reason": "leave"})
        assert done.headers["location"] == f"{zhao}?done={word}"
        assert "The account is" in page(admin, str(done.headers["location"])).text
    changed = page(admin, zhao).one("dl").text
    assert re.findall("(Disabled|Enabled again) [^“]*“ leave ”", changed) == ["Disabled", "Enabled again"]
    reset = admin.post(f"{zhao}/reset", data={"purpose": "nonsense", "reason": "lost the letter"})
    assert "/desk/join/" in reset.text
    assert admin.post(f"{zhao}/reset", data={"purpose": "both", "reason": " "}).status_code == 422
    assert admin.post(f"{zhao}/sessions/0123", data={"reason": "x"}).status_code == 409
    assert admin.get("/desk/people/999").status_code == 404
    assert admin.get("/desk/people?study=other").status_code == 404
    assert page(admin, f"{zhao}?done=zzz").all("div", role="status") == []
    nurse = clinic.browser(Role.NURSE)
    assert {nurse.get(path).status_code for path in ("/desk/people", "/desk/sites")} == {403}


def test_what_cannot_be_stored_is_named_in_the_form_that_keeps_the_rest(admin: TestClient, zhao: str) -> None:
    pasted = admin.post("/desk/people/invite", data=NEW | {"name": "Zhao", "reason": "a\u0007b"})
    assert (pasted.status_code, 'value="ab"' in pasted.text) == (422, True)  # the form, not a bare page
    assert "Why: this contains characters that" in pasted.text
    later = admin.post("/desk/people/invite", data=NEW | {"name": "Zhao", "ends_on": "soon"})
    assert "Please check the date" in later.text
    for form in (f"{zhao}/reset", f"{zhao}/disable", "/desk/access-review", "/desk/sites"):
        typed = {"study": "sbrt-nsclc", "reason": "a\u0007b", "notes": "a\u0007b", "name": "a\u0007b"}
        refused = admin.post(form, data=typed)
        assert (refused.status_code, 'value="ab"' in refused.text) == (422, True), form


@pytest.mark.req("IAM-05", "IAM-07")
def test_access_is_reviewed_and_read_by_auditors(clinic: ClinicFixture, admin: TestClient) -> None:
    shown = page(admin, "/desk/access-review")
    listed = str(shown.one("input", name="listed")["value"])
    typed = {"study": "sbrt-nsclc", "listed": listed, "notes": ""}
    assert "Write what you checked" in admin.post("/desk/access-review", data=typed).text
    done = admin.post("/desk/access-review", data=typed | {"notes": "all work here"})
    assert done.headers["location"] == "/desk/access-review?done=reviewed"
    monitor = clinic.browser(Role.MONITOR, None)
    assert "all work here" in page(monitor, "/desk/access-review").text
    assert not page(monitor, "/desk/access-review").all("input", name="listed")
    assert monitor.post("/desk/access-review", data=typed).status_code == 403
    report = monitor.get("/desk/access-review/report.csv?study=sbrt-nsclc")
    assert report.headers["content-type"] == "text/csv; charset=utf-8"
    assert report.text.startswith("\ufeffstudy,name")
    past = monitor.get("/desk/access-review/report.csv?on=2020-01-01")
    assert (len(past.text.splitlines()), "access-sbrt-nsclc-20200101" in str(past.headers)) == (1, True)
    assert "Please check the date" in page(monitor, "/desk/access-review/report.csv?on=soon", 422).text
    matrix = page(monitor, "/desk/roles")
    assert "invite staff, give and revoke roles" in matrix.text
    assert all(word in matrix.text for word in ("Statistician", "Sponsor's viewer", "Data manager"))
    assert clinic.browser(Role.NURSE).get("/desk/roles").status_code == 403


def test_the_menu_and_its_pages_ask_the_same() -> None:
    """Nobody's menu shows what they may not open, and readers are shown what they read alone."""
    for role in Role:
        actor = staff_actor(1, (Grant(role, 1, None),))
        shown = [each.address for each in list_menu(actor)]
        assert urls.DESK not in shown or Permission.PARTICIPANT_SEE in ROLE_PERMISSIONS[role]
        named = {each.address: each.label for each in list_menu(actor)}
        signs = {Role.INVESTIGATOR: "To sign", Role.NURSE: "Corrections"}
        assert (named.get(urls.CORRECTIONS), len(named)) == (signs.get(role), len(shown))
        if role in (Role.MONITOR, Role.DATA_MANAGER):
            first = [urls.SETTLE] if role is Role.DATA_MANAGER else []
            exports = [urls.EXPORTS] if role is Role.DATA_MANAGER else []
            read = [*first, urls.MATRIX, urls.REPORT, *exports, urls.TRAIL]
            review = [urls.ACCESS_REVIEW] if role is Role.MONITOR else []
            assert shown == [*read, urls.STUDY_PLAN, *review]
    permissions = {each.address: ROUTES["GET", each.address].permission for each in NAVIGATION}
    assert permissions.pop(urls.DESK) is None  # it leads everybody to the first page that is theirs
    assert None not in permissions.values()


def test_whoever_has_no_participants_is_shown_no_page_of_them(clinic: ClinicFixture) -> None:
    for role in (Role.ADMIN, Role.STATISTICIAN, Role.SPONSOR_VIEWER):
        browser = clinic.browser(role, None)
        codes = {browser.get(url).status_code for url in (urls.PARTICIPANTS, urls.ACCESS, urls.MATRIX)}
        assert codes == {403}
    nurse = clinic.browser(Role.NURSE)
    assert [nurse.get(url).status_code for url in (urls.PARTICIPANTS, urls.MATRIX)] == [200, 403]


def test_another_language_stays_on_the_page(admin: TestClient) -> None:
    url = "/desk/access-review"
    shown = page(admin, f"{url}?done=reviewed")
    marked = [each for each in shown.all("a") if each.get("aria-current")]
    assert [(each["href"], each["aria-current"]) for each in marked] == [(url, "page")]
    assert shown.one("input", name="back")["value"] == url  # the news is told once
    typed = {"lang": "zh_CN", "back": url}
    assert admin.post("/desk/language", data=typed).headers["location"] == url
    for elsewhere in ("https://example.org/desk", "//example.org", "/desk.example.org", "/f/1"):
        answer = admin.post("/desk/language", data=typed | {"back": elsewhere})
        assert answer.headers["location"] == urls.DESK
    refused = admin.post("/desk/people/existing", data={"email": "x"})
    assert 'name="back" value="/desk"' in refused.text  # a posted form has no page to come back to


WRONG_HOURS = [
    "Monday: 08:00-13:00 and 12:30-17:00 overlap. Enter each part of the day once.",
    "Tuesday: 09:00-08:00 ends before it begins. Use the 24-hour clock, up to 24:00 of the same day.",
]


def check_hours(admin: TestClient, monitor: TestClient, url: str, change: dict[str, str]) -> None:
    """Hours of a day in parts are stored in their order; what is wrong names the day."""
    wrong = admin.post(url, data=change | {"hours_mon": "8:00-13:00, 12:30-17:00", "hours_tue": "9:00-8:00"})
    messages = [each.text for each in parse_page(wrong.text).one("div", role="alert").all("a")]
    assert messages == WRONG_HOURS
    rests = {"hours_mon": "13:30-17:00 8:00-11:30", "hours_sat": "8:00-11:30"}
    assert admin.post(url, data=change | rests).status_code == 303
    assert page(admin, url).one("input", name="hours_mon")["value"] == "08:00-11:30, 13:30-17:00"
    trail = page(monitor, "/desk/trail").text
    assert "Mon 08:00-11:30 and 13:30-17:00, Sat 08:00-11:30" in trail


def test_sites_are_opened_changed_and_closed(clinic: ClinicFixture, admin: TestClient) -> None:
    new = {
        "study": "sbrt-nsclc",
        "code": "0021",
        "name": "Ward",
        "phone": "call",
        "hours": "",
        "zone": "Asia/Shanghai",
    }
    assert 'value="call"' in admin.post("/desk/sites", data=new).text
    assert admin.post("/desk/sites", data=new | {"phone": "021-555", "zone": "Nowhere"}).status_code == 422
    assert admin.post("/desk/sites", data=new | {"phone": "021-5550"}).status_code == 303
    assert [each.text for each in page(admin, "/desk/sites").one("table").all("bdi")][:2] == ["0021", "Ward"]
    url, nurse = f"/desk/sites/{clinic.site.id}", clinic.browser(Role.NURSE)
    shown = str(page(admin, url).one("input", name="shown")["value"])
    change = {"name": "West Lake", "phone": "05", "reason": "moved", "shown": shown}
    assert admin.post(url, data=change).status_code == 422
    change["phone"] = "0571-123"
    check_hours(admin, clinic.browser(Role.MONITOR, None), url, change)
    old = admin.post(url, data=change | {"phone": "0571-999"})
    assert (old.status_code, 'value="0571-999"' in old.text) == (409, True)
    assert "Stored now: 0571-123" in old.text
    assert shown not in old.text  # the next press is about what is stored now
    assert admin.post(f"{url}/close", data={"reason": ""}).status_code == 422
    assert admin.post(f"{url}/close", data={"reason": "full"}).status_code == 303
    again = admin.post(f"{url}/close", data={"reason": "full"})
    assert (again.status_code, 'value="full"' in again.text) == (409, False)  # no reason for the opposite
    assert "Closed to enrolment" in page(admin, "/desk/sites").text
    assert "None of your sites enrols" in nurse.get("/desk/enrol").text
    reply = nurse.post("/desk/enrol", data={"site": f"sbrt-nsclc:{clinic.site.code}", "subject": "0571-990"})
    assert (reply.status_code, "closed to enrolment" in reply.text, 'value="0571-990"' in reply.text) == (
        409,
        True,
        True,
    )
    assert admin.post(f"{url}/reopen", data={"reason": "free"}).status_code == 303
    assert admin.get("/desk/sites/999").status_code == 404
    assert admin.post("/desk/sites/999/close", data={"reason": "x"}).status_code == 404


@pytest.mark.req("IAM-06")
def test_everybody_keeps_their_own_account(clinic: ClinicFixture, admin: TestClient) -> None:
    installation: Installation = clinic.app.state.installation
    new = create_staff(StaffContext(installation, SYSTEM, START), "own@example.org", "Own", PASSWORD, "en")
    browsers = []
    for _browser in range(2):
        clinic.clock.forward(minutes=1)
        client = open_browser(clinic.app)
        client.post("/desk/sign-in", data={"email": "own@example.org", "password": PASSWORD})
        client.post("/desk/sign-in/code", data={"code": now(new.totp_secret, clinic)})
        browsers.append(client)
    one, two = browsers
    forms = [str(each["action"]) for each in page(two, "/desk/account").all("form")]
    other = next(each for each in forms if "/sessions/" in each)
    assert two.post(other).headers["location"] == "/desk/account?done=ended"
    assert two.post(other).status_code == 409
    assert one.get("/desk/account").headers["location"] == "/desk/sign-in?next=%2Fdesk%2Faccount"
    clinic.clock.forward(minutes=1)
    typed = {
        "password_now": PASSWORD, "password_new": "another horse battery",
        "password_again": "another horse battery", "one_time_code": now(new.totp_secret, clinic),
    }  # fmt: skip
    assert wrong(two.post("/desk/account/password", data=typed | {"password_again": "x"})) == {
        "password_again"
    }
    every = {"password_new": "short", "password_again": "x"}
    assert wrong(two.post("/desk/account/password", data=every)) == {*typed}
    assert wrong(two.post("/desk/account/recovery-codes", data={})) == {"password_now", "one_time_code"}
    unnamed = two.post("/desk/account/passkeys", data={})
    assert wrong(unnamed) == {"name", "password_now", "one_time_code"}
    assert two.post("/desk/account/password", data=typed).headers["location"] == "/desk/account?done=password"
    clinic.clock.forward(minutes=1)
    proof = {"password_now": "another horse battery", "one_time_code": now(new.totp_secret, clinic)}
    assert two.post("/desk/account/recovery-codes", data=proof).text.count('<li><b dir="ltr">') == 10
    assert two.post("/desk/account/recovery-codes", data=proof).status_code == 403
    assert "Password changed" in page(two, "/desk/account?done=password").text
    assert admin.get("/desk/account").status_code == 200


def wrong(answer: Response) -> set[str]:
    """The fields that a refused form marks as wrong; each is described, and listed with a link."""
    form = parse_page(answer.text)
    assert answer.status_code == 422
    marked = form.all("input", **{"aria-invalid": "true"})
    ids = {str(each["id"]) for each in marked}
    assert {each["href"] for each in form.one("div", role="alert").all("a")} == {f"#{each}" for each in ids}
    assert all(form.one("p", id=f"{each}-error").text for each in ids)
    return {str(each["name"]) for each in marked}


def now(secret: str, clinic: ClinicFixture) -> str:
    return pyotp.TOTP(secret).generate_otp(int(clinic.clock.at.timestamp()) // 30)
