"""Setting up a study, its sites, staff and clients."""

from dataclasses import replace

import pytest
from sqlmodel import select

from app.domain.records.access import SYSTEM, Permission, Role, Scope
from app.domain.records.studies import StudyMode
from app.services.core.context import StaffContext
from app.services.core.identifiers import token_digest
from app.services.core.installation import Installation
from app.services.setup.studies import (
    check_mode,
    create_client,
    create_staff,
    disable_staff,
    grant_role,
    load_study,
    open_site,
)
from app.storage.queries.participants import get_site_by_code, get_study, select_readable
from app.storage.tables.edc import EdcClient
from app.storage.tables.feed import FeedHead
from app.storage.tables.staff import RoleGrant, Staff, StaffSession
from app.storage.tables.studies import Site
from tests.refusals import expect_refusal
from tests.scenarios.people import START, Person, site_entry, staff_member

PASSWORD = "a long enough password"


def test_a_study_begins_with_an_empty_feed(installation: Installation) -> None:
    with installation.read() as session:
        study = get_study(session, "sbrt-nsclc")
        head = session.exec(select(FeedHead).where(FeedHead.study_id == study.id)).one()
    assert (head.seq, head.hash) == (0, "0" * 64)
    assert study.plan_sha256 == installation.library.get_plan("sbrt-nsclc", "1.0").sha256


@pytest.mark.req("CAP-01")
def test_a_trial_takes_no_draft(installation: Installation) -> None:
    drafts = {key: replace(plan, draft=True) for key, plan in installation.library.plans.items()}
    drafts["other", "1.1"] = replace(drafts["sbrt-nsclc", "1.1"], id="other")
    other = replace(installation, library=replace(installation.library, plans=drafts))
    with expect_refusal("draft_plan"):
        load_study(StaffContext(other, SYSTEM, START), "other", "1.1", StudyMode.LIVE)
    assert (
        load_study(StaffContext(other, SYSTEM, START), "other", "1.1", StudyMode.DEMO).plan_version == "1.1"
    )


@pytest.mark.req("VAL-08")
def test_a_study_is_loaded_once_and_modes_never_mix(installation: Installation) -> None:
    with expect_refusal("study_exists"):
        load_study(StaffContext(installation, SYSTEM, START), "sbrt-nsclc", "1.0", StudyMode.DEMO)
    with expect_refusal("unknown_plan"):
        load_study(StaffContext(installation, SYSTEM, START), "sbrt-nsclc", "9.9", StudyMode.DEMO)
    plans = dict(installation.library.plans)
    free = tuple(used for used in plans["sbrt-nsclc", "1.0"].instruments if used.id == "symptom-diary")
    plans["other", "1.0"] = replace(plans["sbrt-nsclc", "1.0"], id="other", instruments=free)
    both = replace(installation, library=replace(installation.library, plans=plans))
    with expect_refusal("mixed_modes"):
        load_study(StaffContext(both, SYSTEM, START), "other", "1.0", StudyMode.LIVE)
    load_study(StaffContext(both, SYSTEM, START), "other", "1.0", StudyMode.DEMO)
    with installation.read() as session:
        assert get_study(session, "other").mode is StudyMode.DEMO


def test_a_site_has_a_code_of_its_own_and_a_zone_that_exists(installation: Installation, site: Site) -> None:
    with expect_refusal("site_exists"):
        open_site(StaffContext(installation, SYSTEM, START), "sbrt-nsclc", site_entry("0571"))
    with expect_refusal("unknown_zone"):
        open_site(
            StaffContext(installation, SYSTEM, START),
            "sbrt-nsclc",
            replace(site_entry("010"), zone="Mars/Olympus"),
        )
    with expect_refusal("unknown_study"):
        open_site(StaffContext(installation, SYSTEM, START), "other", site_entry("010"))
    with installation.read() as session:
        assert get_site_by_code(session, site.study_id, "0571").id == site.id
        with expect_refusal("unknown_site"):
            get_site_by_code(session, site.study_id, "010")


@pytest.mark.req("VAL-08")
def test_a_demonstration_is_never_served_as_a_trial(installation: Installation) -> None:
    check_mode(installation, StudyMode.DEMO)
    with expect_refusal("mixed_modes"):
        check_mode(installation, StudyMode.LIVE)


@pytest.mark.req("IAM-01", "SEC-06")
def test_an_address_is_never_used_twice(installation: Installation) -> None:
    issued = create_staff(
        StaffContext(installation, SYSTEM, START), "Nurse@Example.org ", "N", PASSWORD, "en"
    )
    disable_staff(StaffContext(installation, SYSTEM, START), "nurse@example.org", "left")
    with expect_refusal("staff_exists"):
        create_staff(StaffContext(installation, SYSTEM, START), "nurse@example.org", "N", PASSWORD, "en")
    with expect_refusal("weak_password"):
        create_staff(StaffContext(installation, SYSTEM, START), "other@example.org", "N", "short", "en")
    with installation.read() as session:
        staff = session.get_one(Staff, issued.staff_id)
    assert staff.disabled_at == START
    assert staff.password_hash.startswith("$argon2id$")
    assert issued.totp_secret not in staff.totp_sealed
    assert installation.secret_box.decrypt(staff.totp_sealed) == issued.totp_secret


@pytest.mark.req("IAM-06")
def test_disabling_an_account_closes_its_sessions(installation: Installation) -> None:
    issued = create_staff(StaffContext(installation, SYSTEM, START), "n@example.org", "N", PASSWORD, "en")
    with installation.open_work(SYSTEM, START) as work:
        work.session.add(
            StaffSession(token_hash="t", staff_id=issued.staff_id, opened_at=START, seen_at=START)
        )
    disable_staff(StaffContext(installation, SYSTEM, START), "n@example.org", "left")
    with installation.read() as session:
        assert session.get_one(StaffSession, "t").closed_at == START
    with expect_refusal("unknown_staff"):
        disable_staff(StaffContext(installation, SYSTEM, START), "nobody@example.org", "left")


@pytest.mark.req("IAM-02", "IAM-14")
def test_administration_never_mixes_with_conduct(installation: Installation, site: Site) -> None:
    issued = create_staff(StaffContext(installation, SYSTEM, START), "n@example.org", "N", PASSWORD, "en")
    grant_role(StaffContext(installation, SYSTEM, START), issued.staff_id, Role.NURSE, "sbrt-nsclc", "0571")
    grant_role(
        StaffContext(installation, SYSTEM, START), issued.staff_id, Role.DATA_MANAGER, "sbrt-nsclc", None
    )
    with expect_refusal("admin_conduct"):
        grant_role(StaffContext(installation, SYSTEM, START), issued.staff_id, Role.ADMIN, "sbrt-nsclc", None)
    with installation.read() as session:
        grants = session.exec(select(RoleGrant).where(RoleGrant.staff_id == issued.staff_id)).all()
    assert [(grant.role, grant.site_id) for grant in grants] == [
        (Role.NURSE, site.id),
        (Role.DATA_MANAGER, None),
    ]


@pytest.mark.req("EDC-07")
@pytest.mark.usefixtures("site")
def test_a_client_s_secret_is_shown_once_and_stored_as_its_digest(installation: Installation) -> None:
    whole = create_client(
        StaffContext(installation, SYSTEM, START), "sbrt-nsclc", "EDC", [Scope.SCORES_READ], None
    )
    one = create_client(
        StaffContext(installation, SYSTEM, START), "sbrt-nsclc", "EDC", [Scope.SCORES_READ], ["0571"]
    )
    with expect_refusal("unknown_site"):
        create_client(StaffContext(installation, SYSTEM, START), "sbrt-nsclc", "EDC", [], ["999"])
    with installation.read() as session:
        rows = {row.client_id: row for row in session.exec(select(EdcClient))}
    assert rows[whole.client_id].secret_hash == token_digest(whole.secret)
    assert (rows[whole.client_id].sites, rows[one.client_id].sites) == (None, ["0571"])


@pytest.mark.req("IAM-03")
def test_staff_see_the_people_of_their_own_sites(installation: Installation, person: Person) -> None:
    elsewhere = open_site(StaffContext(installation, SYSTEM, START), "sbrt-nsclc", site_entry("010"))
    for actor, sees in (
        (staff_member(Role.NURSE, person.site), True),
        (staff_member(Role.DATA_MANAGER, elsewhere, everywhere=True), True),
        (staff_member(Role.NURSE, elsewhere), False),
        (staff_member(Role.ADMIN, person.site), False),
    ):
        with installation.read() as session:
            subjects = [each.subject for each in session.exec(select_readable(actor))]
        assert subjects == ([person.subject] if sees else [])
    nurse = staff_member(Role.NURSE, person.site)
    assert nurse.may(Permission.PARTICIPANT_ENROL, person.site.study_id, person.site.id)
    assert not nurse.may(Permission.DISPOSITION_UNDO, person.site.study_id, person.site.id)
