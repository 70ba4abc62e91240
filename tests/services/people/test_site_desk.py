"""A site is opened, changed, closed and opened again by its administrators; its clock is that of its desk."""

from dataclasses import replace
from functools import partial

import pytest

from app.domain.records.audit import AuditEvent
from app.services.people.site_desk import (
    SiteDetails,
    close_site,
    digest_details,
    find_desk_zone,
    get_site_details,
    list_sites,
    reopen_site,
    update_site,
)
from app.services.setup.studies import open_site
from tests.refusals import refused
from tests.scenarios.people import enrol_person, site_entry
from tests.scenarios.staff_desk import STUDY, Desk
from tests.scenarios.trail_entries import verify_trail


def test_times_are_shown_in_the_zone_of_the_site(desk: Desk) -> None:
    far = open_site(desk.system, STUDY, replace(site_entry("0991"), zone="Asia/Urumqi"))
    study = far.study_id
    assert find_desk_zone(desk.context(site_id=far.id), study) == "Asia/Urumqi"
    assert find_desk_zone(desk.context(), study) == "Asia/Shanghai"  # the study's, for who works in all of it


DETAILS = SiteDetails("West Lake", "+86 571-1234", "work days", "120", {"mon": "8:00–17:00", "sun": ""})


@pytest.mark.req("IAM-02")
def test_a_site_is_changed_as_it_was_shown_and_only_where_something_differs(desk: Desk) -> None:
    number, me = desk.site.id, desk.context()
    before = digest_details(get_site_details(me, number).details)
    update_site(me, number, DETAILS, before, "moved")
    stored = get_site_details(me, number).details
    assert stored == replace(DETAILS, week_hours={"mon": "08:00-17:00"})
    assert refused(lambda: update_site(me, number, DETAILS, before, "an old page")) == "state_changed"
    desk.later(minutes=1)
    update_site(desk.context(), number, DETAILS, digest_details(stored), "said again")
    assert desk.reasons(AuditEvent.SITE_UPDATED) == ["moved"]
    assert verify_trail(desk.installation) == []


def test_details_of_a_site_that_nobody_could_use_are_refused(desk: Desk) -> None:
    number, me = desk.site.id, desk.context()
    shown = digest_details(get_site_details(me, number).details)
    for typed, refusal in (
        (SiteDetails("", "0571-1", "", "", {}), "name_needed"),
        (SiteDetails("a", "call us", "", "", {}), "bad_phone"),
        (SiteDetails("a", "0571-12", "", "x", {}), "bad_phone"),
        (SiteDetails("a\u202e", "0571-12", "", "", {}), "hidden_signs"),
        (SiteDetails("a" * 81, "0571-12", "", "", {}), "text_too_long"),
        (SiteDetails("a", "0571-12", "", "", {"mon": "morning"}), "bad_hours"),
        (SiteDetails("a", "0571-12", "", "", {"mon": "17:00-08:00"}), "hours_backwards"),
    ):
        assert refused(partial(update_site, me, number, typed, shown, "x")) == refusal
    assert refused(lambda: open_site(desk.system, STUDY, site_entry("a b"))) == "bad_code"
    assert desk.reasons(AuditEvent.SITE_UPDATED) == []


@pytest.mark.req("IAM-02")
def test_a_closed_site_takes_nobody_in_until_it_is_opened_again(desk: Desk) -> None:
    number, me = desk.site.id, desk.context()
    details = get_site_details(me, number).details
    enrol_person(desk.installation, desk.site, "0571-001")
    close_site(me, number, "full")
    assert refused(lambda: close_site(me, number, "full")) == "site_closed"
    called = replace(details, phone="0571-999")
    update_site(me, number, called, digest_details(details), "who takes part goes on calling")
    assert refused(lambda: enrol_person(desk.installation, desk.site, "0571-002")) == "site_closed"
    assert list_sites(me, STUDY)[0].participants == 1
    reopen_site(me, number, "a place is free")
    assert refused(lambda: reopen_site(me, number, "x")) == "site_open"
    enrol_person(desk.installation, desk.site, "0571-002")
    assert {AuditEvent.SITE_CLOSED, AuditEvent.SITE_REOPENED, AuditEvent.SITE_UPDATED} <= desk.events()
    assert verify_trail(desk.installation) == []
