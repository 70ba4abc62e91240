"""Enrolling with consent, and inviting with a single-use link."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlmodel import col, select

from app.domain.plans.status import ExitKind
from app.domain.records.audit import AuditEvent
from app.services.accounts.activation import CODE_LIFE, LINK_LIFE
from app.services.accounts.contacts import ContactChannel
from app.services.clinic.invitation_sheets import enrol_with_invitation
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.core.plans import get_plan
from app.services.schedule.enrolment import (
    EnrolmentEntry,
    add_participant,
    enrol_participant,
    issue_invitation,
)
from app.storage.queries.slots import list_slots
from app.storage.tables.audit import AuditEntry
from app.storage.tables.participants import Activation, Contact
from app.storage.tables.studies import Site
from tests.refusals import refusal_of, refused
from tests.scenarios.people import START, Person, enrolment_entry

TOMORROW = date(2026, 3, 3)


@pytest.fixture
def newcomer(installation: Installation, site: Site) -> Person:
    return Person(installation, site, "0571-003")


def admit(person: Person, entry: EnrolmentEntry) -> None:
    enrol_participant(StaffContext(person.installation, person.nurse, START), person.site, entry)


@pytest.mark.req("IAM-16")
def test_an_enrolment_records_consent_and_identity_and_makes_every_form(newcomer: Person) -> None:
    admit(newcomer, enrolment_entry("0571-003"))
    row = newcomer.row()
    assert (row.consent_version, row.consented_on, row.identity_check) == ("2.1", date(2026, 3, 2), "id_card")
    assert (row.zone, row.language, row.reminders_wanted) == ("Asia/Shanghai", "en", False)
    with newcomer.installation.read() as session:
        slots = list_slots(session, row.id)
        entry = session.exec(
            select(AuditEntry).where(AuditEntry.event == AuditEvent.PARTICIPANT_ENROLLED.value)
        ).one()
        assert session.exec(select(Contact)).all() == []
    assert {"BL", "W6", "W156", "D0"} <= {slot.visit for slot in slots}
    assert (entry.actor_id, entry.actor_role) == (newcomer.nurse.id, "nurse")


@pytest.mark.req("PRI-01")
def test_an_address_is_stored_separately_and_encrypted(newcomer: Person) -> None:
    entry = replace(
        enrolment_entry("0571-003"),
        channel=ContactChannel.email,
        address=" li@example.org ",
        telephone="１３８00138000",
    )
    admit(newcomer, entry)
    assert newcomer.row().reminders_wanted
    with newcomer.installation.read() as session:
        (contact,) = session.exec(select(Contact)).all()
        trail = " ".join(row.changes for row in session.exec(select(AuditEntry)))
    assert "li@example.org" not in contact.address_sealed + trail
    assert newcomer.installation.secret_box.decrypt(contact.address_sealed) == "li@example.org"
    assert newcomer.installation.secret_box.decrypt(contact.telephone_sealed) == "13800138000"
    assert "13800138000" not in contact.telephone_sealed + trail


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"subject": "571-3"}, "bad_subject"),
        ({"subject": "0571-" + "3" * 36}, "subject_not_plain"),
        ({"subject": "0755-003"}, "subject_of_other_site"),
        ({"language": "fr"}, "no_language"),
        ({"enrolled_on": TOMORROW}, "date_in_future"),
        ({"consented_on": TOMORROW}, "date_in_future"),
        ({"consent_version": "  "}, "consent_needed"),
        ({"enrolled_on": date(2026, 3, 1)}, "consent_needed"),
        ({"channel": ContactChannel.email}, "address_needed"),
        ({"channel": ContactChannel.email, "address": " "}, "address_needed"),
        ({"channel": ContactChannel.email, "address": "li"}, "bad_address"),
        ({"telephone": "one-two"}, "bad_phone"),
    ],
)
def test_an_invalid_enrolment_stores_nothing(newcomer: Person, change: dict[str, object], code: str) -> None:
    entry = replace(enrolment_entry("0571-003"), **change)  # type: ignore[arg-type]  # fields by name
    assert refused(lambda: admit(newcomer, entry)) == code
    assert refused(newcomer.row) == "unknown_participant"


def test_a_site_that_is_not_ones_own_is_refused_with_those_that_are(newcomer: Person) -> None:
    context = StaffContext(newcomer.installation, newcomer.nurse, START)
    unknown = refusal_of(
        lambda: enrol_with_invitation(context, "sbrt-nsclc:9999", enrolment_entry("0571-001"))
    )
    assert (unknown.code, unknown.details["allowed"]) == ("unknown_site", ("0571",))


def test_a_subject_code_is_unique(newcomer: Person) -> None:
    admit(newcomer, enrolment_entry("0571-003"))
    refusal = refusal_of(lambda: admit(newcomer, enrolment_entry("0571-003")))
    assert (refusal.code, refusal.details["subject"]) == ("subject_exists", "0571-003")


@pytest.mark.req("IAM-10", "IAM-13")
def test_an_invitation_is_shown_once_and_ends_the_ones_before(newcomer: Person) -> None:
    admit(newcomer, enrolment_entry("0571-003"))
    invitations = [
        issue_invitation(
            StaffContext(newcomer.installation, newcomer.nurse, START), newcomer.site.study_id, "0571-003"
        )
        for _ in range(2)
    ]
    assert invitations[1].url.startswith("https://d.test/a/")
    assert (invitations[1].expires_at, invitations[1].code_expires_at) == (
        START + LINK_LIFE,
        START + CODE_LIFE,
    )
    assert len(invitations[1].code) == 8
    assert len(invitations[1].url.rsplit("/", 1)[1]) * 6 >= 128
    with newcomer.installation.read() as session:
        first, second = session.exec(select(Activation).order_by(col(Activation.id))).all()
    assert (first.revoked_at, second.revoked_at) == (START, None)
    assert invitations[1].url.rsplit("/", 1)[1] not in second.token_hash + second.code_hash
    assert second.issued_by == newcomer.nurse.id


@pytest.mark.req("PRI-03")
def test_nobody_is_invited_without_consent_or_after_leaving(newcomer: Person) -> None:
    def invite(subject: str) -> object:
        return issue_invitation(
            StaffContext(newcomer.installation, newcomer.nurse, START), newcomer.site.study_id, subject
        )

    with newcomer.installation.open_work(newcomer.nurse, START) as work:
        plan = get_plan(newcomer.installation, work.session, newcomer.site.study_id)
        add_participant(work, plan, newcomer.site, "0571-004", "en", AuditEvent.PARTICIPANT_REGISTERED)
    assert refused(lambda: invite("0571-004")) == "consent_needed"
    admit(newcomer, enrolment_entry("0571-003"))
    with newcomer.installation.open_work(newcomer.nurse, START) as work:
        row = work.session.merge(newcomer.row())
        row.exit_kind, row.exit_at = ExitKind.death, START - timedelta(days=1)
        work.record(AuditEvent.DISPOSITION_RECORDED, f"participant:{row.id}")
    assert refused(lambda: invite("0571-003")) == "participation_ended"
