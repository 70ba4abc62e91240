"""The acts about reaching a participant, calling them and who is to, as staff press them in good faith."""

from collections.abc import Callable, Mapping

from app.services.clinic.today.contact_log import log_contact
from app.services.core.context import StaffContext
from app.web import urls
from tests.faces.callers import SiteFixture
from tests.faces.rights import Who
from tests.faces.valid_acts import Press, press_as_staff
from tests.scenarios.people import START


def _new_contact(sites: SiteFixture) -> Press:
    typed = {"channel": "email", "address": "li.na@example.org", "reason": "mistyped"}
    return press_as_staff(sites, urls.NEW_CONTACT, body=typed, other=typed | {"reason": "moved"})


def _no_contact(sites: SiteFixture) -> Press:
    assert (before := _new_contact(sites)).post(before.key()).status_code == 303
    typed = {"reason": "does not want to be written to"}
    return press_as_staff(sites, urls.REMOVED_CONTACT, body=typed, other={"reason": "moved"})


def _telephone(sites: SiteFixture) -> Press:
    typed = {"telephone": "138 0013 8000", "reason": "asked to be called"}
    return press_as_staff(sites, urls.NEW_TELEPHONE, body=typed, other=typed | {"reason": "moved"})


def _pause(sites: SiteFixture) -> Press:
    typed = {"until": START.date().isoformat(), "reason": "is in hospital"}
    return press_as_staff(sites, urls.STAFF_PAUSE, body=typed, other=typed | {"reason": "is abroad"})


def _pause_end(sites: SiteFixture) -> Press:
    assert (before := _pause(sites)).post(before.key()).status_code == 303
    return press_as_staff(sites, urls.STAFF_PAUSE_END, other={"x": "1"})


def _closing(sites: SiteFixture) -> Press:
    """A request for a call is closed after somebody spoke to them."""
    person = sites.phone.person
    nurse = StaffContext(sites.installation, person.nurse, sites.clock.at)
    log_contact(nurse, person.row().id, "reached_will_do", "", None)
    return press_as_staff(
        sites,
        urls.REQUEST,
        body={"outcome": "called back"},
        other={"outcome": "nobody answers"},
        words="nobody answers",
    )


def _assigned(sites: SiteFixture) -> Press:
    """To the investigator, who is nobody's choice so far."""
    (colleague, *_others) = sites.staff[f"{Who.investigator}@example.org"]
    typed = {"assignee": str(colleague.staff_id)}
    return press_as_staff(sites, urls.ASSIGNMENT, body=typed, other=typed | {"assignee": "nobody"})


def _assigned_in_bulk(sites: SiteFixture) -> Press:
    press = _assigned(sites)
    chosen = {f"remind-{sites.phone.person.row().public_id}": ""}
    press.address, press.participant = urls.BULK_ASSIGNMENTS, None
    press.body, press.other = chosen | press.body, chosen | press.body | {"x": "1"}
    return press


REACHING_PRESSES: Mapping[tuple[str, str], Callable[[SiteFixture], Press]] = {
    ("POST", urls.BULK_ASSIGNMENTS): _assigned_in_bulk,
    ("POST", urls.ASSIGNMENT): _assigned,
    ("POST", urls.NEW_CONTACT): _new_contact,
    ("POST", urls.REMOVED_CONTACT): _no_contact,
    ("POST", urls.REQUEST): _closing,
    ("POST", urls.NEW_TELEPHONE): _telephone,
    ("POST", urls.STAFF_PAUSE): _pause,
    ("POST", urls.STAFF_PAUSE_END): _pause_end,
}
"""How each of these acts is pressed."""
