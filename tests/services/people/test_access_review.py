"""Who has access is reviewed as it was seen, and reported with who gave and took each role."""

import csv
from collections.abc import Callable
from datetime import timedelta

import pytest

from app.domain.records.access import Role
from app.domain.records.audit import AuditEvent
from app.services.people.access_review import digest_access, list_reviews, record_review, write_access_report
from app.services.people.managed_people import get_managed_person, list_study_people
from app.services.people.role_grants import (
    disable_person,
    enable_person,
    grant_to_address,
    revoke_grant,
)
from tests.refusals import refused
from tests.scenarios.people import START
from tests.scenarios.staff_desk import EMAIL, STUDY, Desk
from tests.scenarios.trail_entries import verify_trail


@pytest.mark.req("IAM-05", "IAM-07")
def test_a_review_is_of_what_was_seen_and_the_report_is_safe(desk: Desk) -> None:
    desk.invite(name="=HYPERLINK(1)")
    listed = digest_access(list_study_people(desk.context(), STUDY))
    grant_to_address(desk.context(), EMAIL, Role.DATA_MANAGER, STUDY, None, None, "also")
    assert refused(lambda: record_review(desk.context(), STUDY, listed, "fine")) == "access_changed"
    assert refused(lambda: record_review(desk.context(), STUDY, listed, " ")) == "notes_needed"
    local = desk.context(desk.other_id, desk.site.id)
    here = digest_access(list_study_people(local, STUDY))
    assert refused(lambda: record_review(local, STUDY, here, "my site")) == "beyond_your_sites"
    people = list_study_people(desk.context(), STUDY)
    record_review(desk.context(), STUDY, digest_access(people), "all work here")
    (review,) = list_reviews(desk.context(), STUDY)
    assert (review.reviewed_by, review.people, review.grants, review.notes) == (
        "Boss 1",
        3,
        4,
        "all work here",
    )
    # The same page once more is of no use; whoever saw that review may record the next.
    again = digest_access(people)
    assert refused(lambda: record_review(desk.context(), STUDY, again, "once more")) == "review_recorded"
    record_review(desk.context(), STUDY, again, "three months later", review.review_id)
    report = write_access_report(desk.context(), STUDY)
    assert "'=HYPERLINK(1),zhao@example.org,nurse,0571" in report
    assert report.count("\r\n") == 5
    assert people[0].is_stale(START + timedelta(days=91))
    assert AuditEvent.ACCESS_REVIEWED in desk.events()
    assert verify_trail(desk.installation) == []


@pytest.mark.req("IAM-05")
def test_the_report_says_who_gave_and_took_each_role_and_why(desk: Desk) -> None:
    issued = desk.invite(name="\uff1d1+1")
    grant = get_managed_person(desk.context(), issued.staff_id).grants[0].grant_id
    revoke_grant(desk.context(desk.other_id), issued.staff_id, grant, "-left")
    rows = list(csv.DictReader(write_access_report(desk.context(), STUDY).splitlines()))
    (row,) = [each for each in rows if each["email"] == EMAIL]
    assert row["name"] == "'\uff1d1+1"
    assert (row["granted_by"], row["grant_reason"]) == ("Boss 1", "new")
    assert (row["revoked_by"], row["revoke_reason"]) == ("Boss 2", "'-left")
    (first, _second) = [each for each in rows if each["role"] == "admin"]
    assert (first["granted_by"], first["revoked_by"], first["account_changes"]) == ("daybook", "", "")


@pytest.mark.req("IAM-05")
def test_the_report_says_when_an_account_was_disabled_also_after_it_was_enabled(desk: Desk) -> None:
    staff_id = desk.invite().staff_id
    disable_person(desk.context(), staff_id, "on leave")
    enable_person(desk.context(desk.other_id), staff_id, "is back")
    rows = csv.DictReader(write_access_report(desk.context(), STUDY).splitlines())
    (row,) = [each for each in rows if each["email"] == EMAIL]
    changes = [each.split(" ", 1)[1] for each in row["account_changes"].split("; ")]
    assert changes == ["disabled by Boss 1: on leave", "enabled by Boss 2: is back"]
    assert row["account_disabled_at"] == ""


@pytest.mark.req("IAM-05")
def test_the_report_of_a_past_day_is_a_replay_of_what_was_given_and_taken(desk: Desk) -> None:
    """Given on day 0, disabled from day 2 to day 4, taken on day 6; asked on day 90."""

    def act(day: int, do: Callable[[], object]) -> None:
        desk.at = START + timedelta(days=day)
        do()

    issued = desk.invite()
    grant = get_managed_person(desk.context(), issued.staff_id).grants[0].grant_id
    act(2, lambda: disable_person(desk.context(), issued.staff_id, "on leave"))
    act(4, lambda: enable_person(desk.context(desk.other_id), issued.staff_id, "is back"))
    act(6, lambda: revoke_grant(desk.context(desk.other_id), issued.staff_id, grant, "left"))
    act(90, lambda: None)
    counted = {}
    for day in range(-1, 9):
        on = (START + timedelta(days=day)).date()
        written = write_access_report(desk.context(), STUDY, on, "Asia/Shanghai")
        (heads, *rows) = csv.reader(written.splitlines())
        lines = [dict(zip(heads, row, strict=True)) for row in rows]
        counted[day] = [each["in_force"] for each in lines if each["email"] == EMAIL]
        assert len({each["email"] for each in lines} - {EMAIL}) == (2 if day >= 0 else 0)
    assert counted == {day: ["yes"] if day in (0, 1, 2, 4, 5, 6) else [] for day in range(-1, 9)}
