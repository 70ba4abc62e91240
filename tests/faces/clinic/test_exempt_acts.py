"""What needs no key of a page changes nothing either when it is sent again.

On both databases what stores rows of its own; the rest, which changes at most a row or a cookie, on SQLite.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pyotp
import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from app.cli.operator import OPERATOR
from app.domain.records.access import Role
from app.services.core.context import StaffContext
from app.services.people.staff_links import InvitationEntry, invite_person, read_link
from app.services.reminders.reminder_delivery import MessageSender
from app.web import urls
from app.web.acts import EXEMPT
from tests.applications import open_browser
from tests.faces.callers import HALF, PASSWORD, SiteFixture, caller_as, valid_body
from tests.faces.edc_caller import AS_OF, BASE, BODIES, REGISTER
from tests.faces.outbox_answers import outbox_records, send_outbox
from tests.faces.participant_browsers import event
from tests.faces.rights import Who
from tests.faces.valid_acts import Rows, all_rows, browser_of
from tests.markup import parse_page
from tests.scenarios.people import PIN
from tests.scenarios.reminders import WORDS, MailServer
from tests.scenarios.software_passkey import SoftwarePasskey

SECOND = "a second correct horse"
_TRAIL = {"audit_chain", "audit_entry"}
TRIED = frozenset(_TRAIL | {"throttle"})
"""What another try may add to: it is counted and stands in the trail."""
SIGNED_IN = TRIED | {"staff_session"}
"""What signing in again may add to: a session of its own."""

Send = Callable[[], Response]


@dataclass
class Repeated:
    """An exempt request that is sent twice, the status of each answer, and the tables that may differ."""

    send: Send
    first: int
    again: int
    differing: frozenset[str] = field(default_factory=frozenset)


def posted(client: TestClient, sites: SiteFixture, path: str, body: Mapping[str, str] | None = None) -> Send:
    """A form that is sent as it stands, at the real address of this path."""
    address = sites.address(path, sites.phone.person)
    request = valid_body(sites, "POST", path) if body is None else {"data": dict(body)}
    return lambda: client.post(address, **request)


def _of_participant(path: str, **body: str) -> Callable[[SiteFixture], Repeated]:
    return lambda sites: Repeated(posted(sites.phone.client, sites, path, body), 303, 303)


def _saved(sites: SiteFixture) -> Repeated:
    sites.phone.begin()
    body = {"client": "c1", "events": [event(1, "q1", 2), event(2, "q2", 3)]}
    address = sites.address("/f/{slot}/answers", sites.phone.person)
    return Repeated(lambda: sites.phone.client.post(address, json=body), 204, 204)


def _submitted(sites: SiteFixture) -> Repeated:
    sites.phone.begin()
    return Repeated(posted(sites.phone.client, sites, "/f/{slot}/submit"), 303, 303)


def _late(sites: SiteFixture) -> Repeated:
    """Answers that a phone kept until a connection was back."""
    slot = sites.phone.begin()
    records = outbox_records(sites.phone, slot, "q1", "q2")
    return Repeated(lambda: send_outbox(sites.phone, slot, records), 200, 200)


def _activated(sites: SiteFixture) -> Repeated:
    """A link binds one browser once; the second try is told that it was used."""
    body = {"pin": PIN, "pin_again": PIN}
    return Repeated(posted(open_browser(sites.app), sites, "/a/{link}", body), 303, 404, TRIED)


def _typed_code(sites: SiteFixture) -> Repeated:
    body = {"code": sites.waiting.code, "pin": PIN, "pin_again": PIN}
    return Repeated(posted(open_browser(sites.app), sites, urls.CODE, body), 303, 404, TRIED)


def _own_address_code(sites: SiteFixture) -> Repeated:
    server = MailServer()
    sites.app.state.sender = MessageSender({"email": server}, WORDS)
    posted(sites.phone.client, sites, urls.OWN_ADDRESS, {"address": "li@example.org"})()
    code = "".join(re.findall(r"\b\d{3} \d{3}\b", server.letters[0].text)[:1])
    return Repeated(posted(sites.phone.client, sites, urls.ADDRESS_CODE, {"code": code}), 303, 303)


def _unlocked(sites: SiteFixture) -> Repeated:
    return Repeated(posted(sites.phone.client, sites, urls.UNLOCK), 303, 303, TRIED)


def _new_pin(sites: SiteFixture) -> Repeated:
    """The same PIN is stored again, with another salt."""
    return Repeated(posted(sites.phone.client, sites, urls.NEW_PIN), 303, 303, TRIED | {"participant"})


def _password(sites: SiteFixture) -> Repeated:
    return Repeated(posted(open_browser(sites.app), sites, urls.SIGN_IN), 303, 303, SIGNED_IN)


def _one_time_code(sites: SiteFixture) -> Repeated:
    """The code works once: sent again it is refused."""
    client = open_browser(sites.app)
    client.post(urls.SIGN_IN, data={"email": HALF, "password": PASSWORD})
    return Repeated(posted(client, sites, urls.SIGN_IN_CODE), 303, 303, SIGNED_IN)


def _signed_out(sites: SiteFixture) -> Repeated:
    return _ending_session(sites, urls.SIGN_OUT)


def _handed_over(sites: SiteFixture) -> Repeated:
    """The session is over, so that the second press is sent to sign in."""
    return _ending_session(sites, sites.address(urls.HAND_OVER, sites.phone.person))


def _ending_session(sites: SiteFixture, address: str) -> Repeated:
    carried = caller_as(sites, Who.nurse).carried["Cookie"]
    client, _cookies = browser_of(sites, carried)

    def send() -> Response:
        return client.post(address, headers={"Cookie": carried})

    return Repeated(send, 303, 303)


def _one_time_code_of(sites: SiteFixture, secret: str) -> str:
    return str(pyotp.TOTP(secret).generate_otp(int(sites.clock.at.timestamp()) // 30))


def _signed_in(sites: SiteFixture) -> TestClient:
    """A browser of a member of staff; a minute later, so that a further one-time code counts."""
    client = open_browser(sites.app)
    client.post(urls.SIGN_IN, data={"email": HALF, "password": PASSWORD})
    client.post(urls.SIGN_IN_CODE, data={"code": _one_time_code_of(sites, sites.member.totp_secret)})
    sites.clock.forward(minutes=1)
    return client


def _joined(sites: SiteFixture) -> Repeated:
    """A link is used once, and so is a one-time code."""
    operator = StaffContext(sites.installation, OPERATOR, sites.clock.at)
    entry = InvitationEntry(
        "new@example.org", "Zhao Min", "en", "sbrt-nsclc", (Role.NURSE,), ("0571",), None, "new nurse"
    )
    link = invite_person(operator, entry).url.rsplit("/", 1)[1]
    secret = read_link(sites.installation, link, sites.clock.at).totp_secret
    typed = {"password": SECOND, "password_again": SECOND, "one_time_code": _one_time_code_of(sites, secret)}
    client, address = open_browser(sites.app), urls.JOIN.format(link=link)
    return Repeated(lambda: client.post(address, data=typed), 200, 410)


def _own_password(sites: SiteFixture) -> Repeated:
    """The password was another one by then."""
    client = _signed_in(sites)
    typed = {
        "password_now": PASSWORD,
        "password_new": SECOND,
        "password_again": SECOND,
        "one_time_code": _one_time_code_of(sites, sites.member.totp_secret),
    }
    return Repeated(lambda: client.post(urls.ACCOUNT_PASSWORD, data=typed), 303, 422, TRIED)


def _recovery_codes(sites: SiteFixture) -> Repeated:
    """The one-time code works once, so that nobody's new recovery codes are made anew unseen."""
    client = _signed_in(sites)
    code = _one_time_code_of(sites, sites.member.totp_secret)
    typed = {"password_now": PASSWORD, "one_time_code": code}
    return Repeated(lambda: client.post(urls.ACCOUNT_CODES, data=typed), 200, 403, TRIED)


def _begun_passkey(sites: SiteFixture) -> tuple[TestClient, Repeated]:
    """The one-time code works once, so that nobody begins a passkey with somebody's old page."""
    client = _signed_in(sites)
    code = _one_time_code_of(sites, sites.member.totp_secret)
    typed = {"name": "My phone", "password_now": PASSWORD, "one_time_code": code}
    return client, Repeated(lambda: client.post(urls.ACCOUNT_PASSKEYS, data=typed), 200, 403, TRIED)


def _added_passkey(sites: SiteFixture) -> tuple[TestClient, Repeated]:
    client, begun = _begun_passkey(sites)
    options = next(
        each["data-passkey-new"]
        for each in parse_page(begun.send().text).all("div")
        if each.get("data-passkey-new")
    )
    credential = SoftwarePasskey("https://testserver", "testserver").make(options)
    typed = {"name": "My phone", "passkey": credential}
    return client, Repeated(lambda: client.post(urls.ACCOUNT_NEW_PASSKEY, data=typed), 303, 409)


def _removed_passkey(sites: SiteFixture) -> Repeated:
    client, added = _added_passkey(sites)
    added.send()
    return Repeated(lambda: client.post(urls.ACCOUNT_PASSKEY.format(passkey=1)), 303, 409)


def _other_session(sites: SiteFixture) -> Repeated:
    """A browser at home is signed out from the one at work."""
    _signed_in(sites)
    client = _signed_in(sites)
    shown = parse_page(client.get(urls.ACCOUNT).text).all("form", method="post")
    address = next(str(form["action"]) for form in shown if "/sessions/" in str(form["action"]))
    return Repeated(lambda: client.post(address), 303, 409)


def _token(sites: SiteFixture) -> Repeated:
    path = f"{BASE}/oauth/token"
    return Repeated(posted(open_browser(sites.app), sites, path), 200, 200, TRIED | {"edc_token"})


def _put(path: str, body: Mapping[str, object], first: int = 201) -> Callable[[SiteFixture], Repeated]:
    def make(sites: SiteFixture) -> Repeated:
        address = f"/participants/{sites.phone.person.subject}{path}"
        return Repeated(lambda: sites.edc.put(address, body), first, 200)

    return make


def _cut(sites: SiteFixture) -> Repeated:
    """A name stands for one cut, whatever the feed says since."""
    body = {"name": "IA9", "purpose": "interim"}
    return Repeated(lambda: sites.edc.post("/cuts", body), 201, 200)


def _export(sites: SiteFixture) -> Repeated:
    """The same request is the same export while its files are kept."""
    sites.edc.post("/cuts", {"name": "IA9", "purpose": "interim"})
    body = {"cut": "IA9", "purpose": "interim", "formats": ["csv"]}
    return Repeated(lambda: sites.edc.post("/exports", body), 202, 200)


def _registered(sites: SiteFixture) -> Repeated:
    return Repeated(lambda: sites.edc.put("/participants/0571-099", REGISTER), 201, 200)


def _mark_of_one(sites: SiteFixture) -> Repeated:
    """Whoever uses a phone alone has no mark."""
    return Repeated(posted(sites.phone.client, sites, urls.MARK), 303, 303)


SENDERS: Mapping[tuple[str, str], Callable[[SiteFixture], Repeated]] = {
    ("POST", "/f/{slot}/answers"): _saved,
    ("POST", "/f/{slot}/submit"): _submitted,
    ("POST", "/f/{slot}/late"): _late,
    ("POST", "/a/{link}"): _activated,
    ("POST", urls.CODE): _typed_code,
    ("POST", urls.UNLOCK): _unlocked,
    ("POST", urls.NEW_PIN): _new_pin,
    ("POST", urls.SIGN_IN): _password,
    ("POST", urls.SIGN_IN_CODE): _one_time_code,
    ("POST", urls.SIGN_OUT): _signed_out,
    ("POST", urls.HAND_OVER): _handed_over,
    ("POST", urls.JOIN): _joined,
    ("POST", urls.ACCOUNT_PASSWORD): _own_password,
    ("POST", urls.ACCOUNT_CODES): _recovery_codes,
    ("POST", urls.ACCOUNT_SESSION): _other_session,
    ("POST", urls.ACCOUNT_PASSKEYS): lambda sites: _begun_passkey(sites)[1],
    ("POST", urls.ACCOUNT_NEW_PASSKEY): lambda sites: _added_passkey(sites)[1],
    ("POST", urls.ACCOUNT_PASSKEY): _removed_passkey,
    ("POST", f"{urls.EDC}/oauth/token"): _token,
    ("POST", f"{urls.EDC}/cuts"): _cut,
    ("POST", f"{urls.EDC}/exports"): _export,
    ("POST", urls.PEOPLE): _of_participant(urls.PEOPLE, person="1"),
    ("POST", urls.MARK): _mark_of_one,
    ("POST", urls.HOME_SCREEN): _of_participant(urls.HOME_SCREEN),
    ("POST", urls.ADDRESS_CODE): _own_address_code,
    ("POST", "/language"): _of_participant("/language", lang="en"),
    ("POST", urls.PRACTICE): _of_participant(urls.PRACTICE),
    ("PUT", f"{urls.EDC}/participants/{{subject}}"): _registered,
    **{
        ("PUT", f"{urls.EDC}/participants/{{subject}}{path}"): _put(request_class, {**body, "as_of": AS_OF})
        for path, request_class, body in (
            ("/status", "/status", BODIES["/status"]),
            ("/visits/{visit}", "/visits/W6", BODIES["/visits/W6"]),
            ("/anchors/{kind}", "/anchors/randomisation", BODIES["/anchors/randomisation"]),
            ("/arm", "/arm", BODIES["/arm"]),
        )
    },
}
"""How each exempt request is sent."""
ON_SQLITE = {
    ("POST", path)
    for path in (
        urls.UNLOCK,
        urls.NEW_PIN,
        urls.SIGN_OUT,
        urls.HAND_OVER,
        urls.ACCOUNT_PASSWORD,
        urls.ACCOUNT_CODES,
        urls.ACCOUNT_SESSION,
        urls.ACCOUNT_PASSKEYS,
        urls.ACCOUNT_NEW_PASSKEY,
        urls.ACCOUNT_PASSKEY,
        urls.PEOPLE,
        urls.MARK,
        urls.PRACTICE,
        "/language",
    )
}
CASES = [
    pytest.param(database, row, id=f"{database}-{row[1]}")
    for row in sorted(EXEMPT)
    for database in ("sqlite", "postgresql")
    if database == "sqlite" or row not in ON_SQLITE
]


def differing(before: Rows, after: Rows) -> set[str]:
    """The tables that hold something else."""
    return {table for table in before if before[table] != after[table]}


def test_each_exempt_route_is_tried() -> None:
    assert SENDERS.keys() == EXEMPT.keys() > ON_SQLITE


@pytest.mark.parametrize(("migrated_url", "row"), CASES, indirect=["migrated_url"])
def test_repeated_exempt_requests_change_no_record(hospitals: SiteFixture, row: tuple[str, str]) -> None:
    request = SENDERS[row](hospitals)
    first = request.send()
    assert first.status_code == request.first, first.text[:2000]
    done = all_rows(hospitals.installation)
    again = request.send()
    assert again.status_code == request.again, again.text[:2000]
    changed = differing(done, all_rows(hospitals.installation))
    assert changed <= request.differing, changed
