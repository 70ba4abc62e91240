"""The acts of a participant as they press them in good faith."""

from collections.abc import Callable, Mapping
from datetime import timedelta

from app.web import urls
from tests.applications import open_browser
from tests.faces.callers import SiteFixture
from tests.faces.valid_acts import Press, press_as_participant, with_address
from tests.markup import parse_page
from tests.scenarios.people import START


def _begin(sites: SiteFixture) -> Press:
    return press_as_participant(
        sites, "/f/{slot}/begin", body={"who": "self"}, other={"who": "scribe", "scribe": "nurse"}
    )


def _helper(sites: SiteFixture) -> Press:
    sites.phone.begin()
    typed, other = {"who": "scribe", "scribe": "nurse"}, {"who": "scribe", "scribe": "family"}
    return press_as_participant(sites, "/f/{slot}/who", body=typed, other=other)


def _language(sites: SiteFixture) -> Press:
    press = press_as_participant(sites, "/f/{slot}/language/{code}", other={"x": "1"})
    press.address = press.address.removesuffix("/en") + "/zh_CN"
    return press


def _correction(sites: SiteFixture) -> Press:
    sites.phone.send(sites.phone.begin())
    return press_as_participant(sites, "/sent/{slot}/correction", other={"x": "1"})


def _call(sites: SiteFixture) -> Press:
    return press_as_participant(sites, urls.CALL, other={"x": "1"})


def _withdrawal(path: str, make: Callable[[SiteFixture], Press]) -> Callable[[SiteFixture], Press]:
    """Withdrawing what another act asked for."""

    def press(sites: SiteFixture) -> Press:
        request_press = make(sites)
        sites.phone.client.post(request_press.address)
        return press_as_participant(sites, path, other={"x": "1"})

    return press


def _own_device(sites: SiteFixture) -> Press:
    """Another browser of the same person, let in by a code of their own."""
    code = parse_page(sites.phone.client.post("/settings/devices").text).one("p", class_="code").text
    tablet = open_browser(sites.app)
    tablet.post("/code", data={"code": code, "pin": "135790"})
    pages = parse_page(sites.phone.client.get("/settings/devices").text)
    address = next(str(form["action"]) for form in pages.all("form") if "/devices/" in str(form["action"]))
    press = press_as_participant(sites, urls.DEVICES, other={"x": "1"})
    press.address = address
    return press


def _reminders(path: str, body: dict[str, str], other: dict[str, str]) -> Callable[[SiteFixture], Press]:
    def make(sites: SiteFixture) -> Press:
        with_address(sites)
        return press_as_participant(sites, path, body=body, other=other)

    return make


PATIENT_PRESSES: Mapping[tuple[str, str], Callable[[SiteFixture], Press]] = {
    ("POST", urls.WELCOME): lambda sites: press_as_participant(
        sites, urls.WELCOME, body={"size": "large"}, other={"size": "standard"}
    ),
    ("POST", "/f/{slot}/begin"): _begin,
    ("POST", "/f/{slot}/who"): _helper,
    ("POST", "/f/{slot}/language/{code}"): _language,
    ("POST", "/sent/{slot}/correction"): _correction,
    ("POST", "/sent/{slot}/correction/withdrawal"): _withdrawal(
        "/sent/{slot}/correction/withdrawal", _correction
    ),
    ("POST", urls.CALL): _call,
    ("POST", urls.CALL_WITHDRAWAL): _withdrawal(urls.CALL_WITHDRAWAL, _call),
    ("POST", urls.TEXT_SIZE): lambda sites: press_as_participant(
        sites, urls.TEXT_SIZE, body={"size": "large"}, other={"size": "extra_large"}
    ),
    ("POST", urls.REMINDERS): _reminders(urls.REMINDERS, {"wanted": "yes"}, {"wanted": "no"}),
    ("POST", urls.REMINDER_HOUR): _reminders(urls.REMINDER_HOUR, {"hour": "10:00"}, {"hour": "11:00"}),
    ("POST", urls.REMINDER_PAUSE): _reminders(
        urls.REMINDER_PAUSE,
        {"until": START.date().isoformat()},
        {"until": (START.date() + timedelta(days=1)).isoformat()},
    ),
    ("POST", urls.OWN_ADDRESS): lambda sites: press_as_participant(
        sites, urls.OWN_ADDRESS, body={"address": "li@example.org"}, other={"address": "lina@example.org"}
    ),
    ("POST", urls.LEAVE): lambda sites: press_as_participant(sites, urls.LEAVE, other={"x": "1"}),
    ("POST", urls.DEVICES): lambda sites: press_as_participant(sites, urls.DEVICES, other={"x": "1"}),
    ("POST", f"{urls.DEVICES}/{{device}}"): _own_device,
}
"""How each of these acts is pressed."""
