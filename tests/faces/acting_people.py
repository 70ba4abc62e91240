"""The acts about people and sites as an administrator presses them in good faith."""

from collections.abc import Callable, Mapping

from app.domain.records.access import SYSTEM
from app.services.core.context import StaffContext
from app.services.people.access_review import digest_access
from app.services.people.managed_people import list_study_people
from app.services.people.site_desk import close_site, digest_details, get_site_details
from app.services.people.staff_sessions import list_sessions
from app.services.setup.studies import disable_staff
from app.web import urls
from tests.faces.callers import SiteFixture, sign_in_colleague
from tests.faces.rights import Who
from tests.faces.site_fixtures import BOSS
from tests.faces.valid_acts import Press, browser_of

STUDY = "sbrt-nsclc"
NURSE = "0571@example.org"


def system(sites: SiteFixture) -> StaffContext:
    return StaffContext(sites.installation, SYSTEM, sites.clock.at)


def as_admin(sites: SiteFixture, path: str, **body: str) -> Press:
    """An act of an administrator of the whole study."""
    client, cookies = browser_of(sites, sign_in_colleague(sites, Who.admin, BOSS, None)["Cookie"])
    other = body | ({"reason": "another"} if "reason" in body else {"x": "1"})
    return Press(sites, client, cookies, sites.address(path, sites.phone.person), body, other)


def _disabled(sites: SiteFixture) -> Press:
    disable_staff(system(sites), NURSE, "leave")
    return as_admin(sites, urls.STAFF_ENABLING, reason="is back")


def _session(sites: SiteFixture) -> Press:
    press = as_admin(sites, urls.STAFF_SESSION, reason="left a browser open")
    sign_in_colleague(sites, Who.nurse, "second@example.org")
    people = list_study_people(system(sites), STUDY)
    staff_id = next(each.staff_id for each in people if each.email == "second@example.org")
    (opened,) = list_sessions(system(sites), staff_id)
    press.address = urls.STAFF_SESSION.format(staff=staff_id, session=opened.name)
    return press


def _review(sites: SiteFixture) -> Press:
    press = as_admin(sites, urls.ACCESS_REVIEW, study=STUDY, notes="all work here")
    press.body["listed"] = digest_access(list_study_people(system(sites), STUDY))
    press.other = press.body | {"notes": "one has left"}
    press.words = "one has left"
    return press


def _reopened(sites: SiteFixture) -> Press:
    press = as_admin(sites, urls.SITE_REOPENING, reason="enrols again")
    close_site(system(sites), sites.phone.person.site.id, "full")
    return press


def _changed(sites: SiteFixture) -> Press:
    shown = get_site_details(system(sites), sites.phone.person.site.id).details
    return as_admin(
        sites,
        urls.SITE,
        shown=digest_details(shown),
        name="Ward 2",
        phone="010-5550001",
        hours="",
        hours_mon="08:00-17:00",
        reason="moved",
    )


PEOPLE_PRESSES: Mapping[tuple[str, str], Callable[[SiteFixture], Press]] = {
    ("POST", urls.STAFF_INVITATION): lambda sites: as_admin(
        sites,
        urls.STAFF_INVITATION,
        study=STUDY,
        name="Zhao Min",
        email="zhao@example.org",
        language="en",
        role_nurse="yes",
        reason="new",
    ),
    ("POST", urls.STAFF_EXISTING): lambda sites: as_admin(
        sites,
        urls.STAFF_EXISTING,
        study=STUDY,
        email="0512@example.org",
        role="nurse",
        site="0571",
        reason="helps",
    ),
    ("POST", urls.STAFF_GRANTS): lambda sites: as_admin(
        sites, urls.STAFF_GRANTS, study=STUDY, role="data_manager", site="", reason="also keeps data"
    ),
    ("POST", urls.STAFF_GRANT): lambda sites: as_admin(sites, urls.STAFF_GRANT, reason="left"),
    ("POST", urls.STAFF_RESET): lambda sites: as_admin(
        sites, urls.STAFF_RESET, purpose="both", reason="lost the phone"
    ),
    ("POST", urls.STAFF_DISABLING): lambda sites: as_admin(sites, urls.STAFF_DISABLING, reason="left"),
    ("POST", urls.STAFF_ENABLING): _disabled,
    ("POST", urls.STAFF_SESSION): _session,
    ("POST", urls.ACCESS_REVIEW): _review,
    ("POST", urls.SITES): lambda sites: as_admin(
        sites,
        urls.SITES,
        study=STUDY,
        code="010",
        name="Ward",
        phone="010-5550000",
        hours="8-17",
        zone="Asia/Shanghai",
    ),
    ("POST", urls.CLIENTS): lambda sites: as_admin(
        sites, urls.CLIENTS, **{"study": STUDY, "name": "The EDC", "scope_visits:write": "yes", "site": ""}
    ),
    ("POST", urls.CLIENT_END): lambda sites: as_admin(sites, urls.CLIENT_END, reason="replaced"),
    ("POST", urls.SITE): _changed,
    ("POST", urls.SITE_CLOSING): lambda sites: as_admin(sites, urls.SITE_CLOSING, reason="full"),
    ("POST", urls.SITE_REOPENING): _reopened,
}
"""How each of these acts is pressed. One's own sessions are ended in a test of their own."""
