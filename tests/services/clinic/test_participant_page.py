"""What site staff see and do on a participant's page: bounded, of their own sites, and recorded."""

import re
from datetime import date, datetime, timedelta

import pytest
from sqlmodel import select

from app.domain.capture.answers import SubmittedAnswer
from app.domain.plans.plan import Owner
from app.domain.plans.status import Status
from app.domain.records.access import SYSTEM, Actor, Permission, Role
from app.domain.records.audit import AuditEvent
from app.domain.records.dispositions import DispositionKind
from app.domain.records.studies import StudyMode
from app.domain.refusal import Refused
from app.domain.today.contacts import ContactOutcome
from app.services.accounts.contacts import mask_address, reveal_contact
from app.services.accounts.devices import revoke_device
from app.services.capture.diary_severity import read_worst_severities
from app.services.clinic.participant_list import (
    PeopleFilter,
    ReceiptHit,
    find_by_code,
    find_by_receipt,
    find_participant,
    list_participants,
)
from app.services.clinic.participant_overview import (
    ParticipantOverview,
    get_form_state,
    get_participant_overview,
)
from app.services.clinic.today.contact_log import correct_contact, get_contact_context, log_contact
from app.services.clinic.today.participant_work import list_participant_reasons
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.schedule.dispositions import (
    DispositionEntry,
    DispositionPreview,
    preview_disposition,
    record_disposition,
    undo_disposition,
)
from app.services.schedule.enrolment import enrol_participant
from app.services.schedule.missed_reasons import record_missed_reason
from app.services.setup.studies import load_study, open_site
from app.storage.row_changes import participant_chain
from app.storage.tables.audit import AuditEntry
from app.storage.tables.feed import FeedEvent
from app.storage.tables.participants import Contact
from app.storage.tables.studies import Site
from tests.refusals import refused
from tests.scenarios.arms import assign_arm, with_hidden_arms
from tests.scenarios.people import (
    START,
    Person,
    bind_browser,
    days,
    enrolment_entry,
    site_entry,
    staff_member,
)
from tests.statement_log import record_statements, statement_verbs

CLOSED = START + days(40)  # the baseline's window is over


def viewed(installation: Installation, actor: Actor, person: Person, at: datetime) -> ParticipantOverview:
    return get_participant_overview(StaffContext(installation, actor, at), person.row().id)


def events_of(installation: Installation, person: Person) -> list[tuple[str, str, str | None]]:
    chain = participant_chain(person.row().id)
    with installation.read() as session:
        rows = session.exec(select(AuditEntry).where(AuditEntry.chain == chain)).all()
    return [(row.event, row.actor_id, row.reason) for row in rows]


def reached(installation: Installation, site: Site) -> Person:
    """Somebody who is reminded by e-mail."""
    person = Person(installation, site, "0571-009")
    enrol_participant(StaffContext(installation, person.nurse, START), site, enrolment_entry(person.subject))
    address = installation.secret_box.encrypt("li@example.org")
    with installation.open_work(person.nurse, START) as work:
        key = person.row().id
        work.lock(participant_chain(key))
        work.session.add(
            Contact(participant_id=key, channel="email", address_sealed=address, recorded_at=START)
        )
        work.record(AuditEvent.PARTICIPANT_ENROLLED, participant_chain(key))
    return person


def test_the_page_has_everything_of_the_participant(installation: Installation, person: Person) -> None:
    person.begin("BL", START)
    person.save("BL", START, SubmittedAnswer(1, 0, "q1", 2), SubmittedAnswer(2, 1, "q2", 3))
    person.randomise(START.date(), START)
    view = viewed(installation, person.nurse, person, START)
    baseline = view.forms[0]
    assert (baseline.slot.visit, baseline.status) == ("BL", Status.in_progress)
    assert (baseline.answered, baseline.questions) == (2, 30)
    assert {state.questions for state in view.diary} == {0}, "its answers decide how many questions it has"
    assert {state.slot.for_day is None for state in view.forms} == {True}
    assert view.diary[0].slot.visit == "D0"
    assert view.contact is None
    assert not {state.slot.visit for state in view.forms} & {"D0", "DW156"}
    assert (len(view.devices), len(view.invitations)) == (1, 1)
    assert {dated.kind.kind: dated.current is not None for dated in view.dates}["enrolment"]
    assert get_form_state(view, baseline.slot.public_id) == baseline
    assert refused(lambda: get_form_state(view, "none")) == "unknown_slot"


def test_the_page_costs_a_bounded_number_of_queries(installation: Installation, person: Person) -> None:
    key = person.row().id
    person.begin("BL", START)
    with record_statements(installation.engine) as statements:
        get_participant_overview(StaffContext(installation, person.nurse, START), key)
    assert 1 <= statement_verbs(statements).count("SELECT") <= 6


def test_contacts_and_reasons_are_those_of_the_work_list(installation: Installation, person: Person) -> None:
    key, context = person.row().id, StaffContext(installation, person.nurse, CLOSED)
    log_contact(context, key, ContactOutcome.no_answer, "line busy", CLOSED.date() + timedelta(1))
    (first,) = get_contact_context(context, key).log
    correct_contact(context, key, first.entry_id, ContactOutcome.reached_will_do, "", None, "a slip")
    log_contact(context, key, ContactOutcome.too_ill, "", None)
    view = viewed(installation, person.nurse, person, CLOSED)
    assert view.contacts == get_contact_context(context, key).log
    assert [each.outcome for each in view.contacts] == ["too_ill", "reached_will_do"]
    assert view.work.reasons == list_participant_reasons(context, key)
    assert "missed" in [each.reason for each in view.work.reasons]
    assert view.work.snooze is None


def test_before_randomisation_no_diary_has_a_worst_answer(installation: Installation, person: Person) -> None:
    assert viewed(installation, staff_member(Role.INVESTIGATOR, person.site), person, START).worst == {}


def test_without_an_entry_there_is_no_worst_answer_and_no_query(lone_installation: Installation) -> None:
    with lone_installation.read() as session, record_statements(lone_installation.engine) as statements:
        assert read_worst_severities(lone_installation, session, "sbrt-nsclc", 0, []) == {}
    assert "SELECT" not in statement_verbs(statements)


@pytest.mark.req("CAP-14")
def test_quarantined_answers_are_listed_without_answers(installation: Installation, person: Person) -> None:
    assert viewed(installation, person.nurse, person, START).quarantined == ()
    person.begin("BL", START)
    assert refused(lambda: person.submit("BL", CLOSED)) == "arrived_too_late"
    (apart,) = viewed(installation, person.nurse, person, CLOSED).quarantined
    assert (apart.slot.visit, apart.reason, apart.received_at) == ("BL", "arrived_too_late", CLOSED)


def test_capitals_of_a_code_are_no_difference(installation: Installation) -> None:
    system = StaffContext(installation, SYSTEM, START)
    load_study(system, "symptoms-at-home", "1.0", StudyMode.DEMO)
    site = open_site(system, "symptoms-at-home", site_entry("0512"))
    somebody = Person(installation, site, "SH-001")
    own = StaffContext(installation, somebody.nurse, START)
    enrol_participant(own, site, enrolment_entry("SH-001"))
    public_id = somebody.row().public_id
    for typed in ("SH-001", "sh-001", "Sh 001"):
        assert [each.public_id for each in find_by_code(own, typed)] == [public_id]
    assert [each.public_id for each in list_participants(own, PeopleFilter("h-0")).rows] == [public_id]


@pytest.mark.req("IAM-03")
def test_a_stranger_finds_nobody(installation: Installation, person: Person) -> None:
    stranger = staff_member(Role.NURSE, Site(id=99, study_id=person.site.study_id, code="0021"))  # type: ignore[call-arg]  # the rest plays no part
    assert list_participants(StaffContext(installation, stranger, START), PeopleFilter()).rows == ()
    assert find_participant(StaffContext(installation, stranger, START), "0571-001") is None
    own = StaffContext(installation, person.nurse, START)
    assert [each.subject for each in list_participants(own, PeopleFilter("-001")).rows] == ["0571-001"]
    assert find_participant(own, "0571-001") == person.row().public_id
    assert [each.public_id for each in find_by_code(own, "0571-001")] == [person.row().public_id]
    assert find_by_code(StaffContext(installation, stranger, START), "0571-001") == ()
    assert find_by_code(own, "0571 001") == find_by_code(own, "0571-001")
    person.begin("BL", START)
    receipt, form = person.submit("BL", START).number, person.slot("BL").public_id
    assert re.fullmatch(r"\d{12}", receipt)
    assert find_by_receipt(own, receipt) == ReceiptHit(person.row().public_id, form)
    assert find_by_receipt(StaffContext(installation, stranger, START), receipt) is None
    assert list_participants(own, PeopleFilter("%")).rows == ()
    assert list_participants(own, PeopleFilter(after="0571-001")).rows == ()


def test_differing_and_earlier_dates_are_listed(installation: Installation, person: Person) -> None:
    person.anchor("sbrt_end", date(2026, 3, 20), CLOSED)
    person.anchor("sbrt_end", date(2026, 3, 21), CLOSED)
    person.randomise(date(2026, 3, 4), CLOSED)
    person.anchor("randomisation", date(2026, 3, 5), CLOSED)
    dates = {dated.kind.kind: dated for dated in viewed(installation, person.nurse, person, CLOSED).dates}
    assert [row.dated_on.day for row in dates["sbrt_end"].replaced] == [20]
    assert [row.dated_on.day for row in dates["randomisation"].differing] == [5]
    assert dates["progression"].current is None


@pytest.mark.usefixtures("randomised")
def test_a_blinded_plan_hides_what_reveals_the_arm(installation: Installation, person: Person) -> None:
    assign_arm(person, "SBRT", 0)
    ended = START + days(18)
    person.anchor("sbrt_end", ended.date(), ended)
    form = person.slot("EOT")
    assert form.opens_at is not None
    assert form.grace_until is not None
    late = form.grace_until + days(1)
    person.cookie = bind_browser(person, form.opens_at)
    person.begin("EOT", form.opens_at)
    person.cookie = bind_browser(person, late)
    with pytest.raises(Refused, match="arrived_too_late"):
        person.submit("EOT", late)
    veiled = with_hidden_arms(installation)
    plain = viewed(veiled, person.nurse, person, late)
    trusted = viewed(veiled, staff_member(Role.INVESTIGATOR, person.site), person, late)
    assert "sbrt_end" not in [dated.kind.kind for dated in plain.dates]
    assert "sbrt_end" in [dated.kind.kind for dated in trusted.dates]
    assert plain.quarantined == ()
    assert [each.slot.visit for each in trusted.quarantined] == ["EOT"]


@pytest.mark.req("PRI-01")
def test_a_contact_is_masked_and_each_look_is_recorded(installation: Installation, site: Site) -> None:
    person = reached(installation, site)
    shown = viewed(installation, person.nurse, person, START).contact
    assert shown is not None
    assert shown.address == "l***@example.org"
    whole = reveal_contact(StaffContext(installation, person.nurse, START), person.row().id)
    assert (whole.channel, whole.address) == ("email", "li@example.org")
    assert events_of(installation, person)[-1] == (AuditEvent.CONTACT_REVEALED, person.nurse.id, None)
    manager = staff_member(Role.DATA_MANAGER, site)
    assert viewed(installation, manager, person, START).contact is None


def test_no_address_is_revealed_where_none_is_stored(installation: Installation, person: Person) -> None:
    who = person.row().id
    assert (
        refused(lambda: reveal_contact(StaffContext(installation, person.nurse, START), who)) == "no_contact"
    )


@pytest.mark.parametrize(
    ("address", "shown"),
    [("li@example.org", "l***@example.org"), ("13812341234", "138****1234"), ("12345", "****")],
)
def test_masking_leaves_just_enough(address: str, shown: str) -> None:
    assert mask_address(address) == shown


@pytest.mark.req("IAM-13")
def test_an_unbound_phone_is_dead_at_once(installation: Installation, person: Person) -> None:
    who, nurse = person.row().id, person.nurse
    device = viewed(installation, nurse, person, START).devices[0].device_id
    assert (
        refused(lambda: revoke_device(StaffContext(installation, nurse, START), who, device, " "))
        == "reason_needed"
    )
    assert (
        refused(lambda: revoke_device(StaffContext(installation, nurse, START), who, 999, "lost"))
        == "unknown_device"
    )
    for _ in range(2):
        revoke_device(StaffContext(installation, nurse, START), who, device, "lost")
    assert refused(lambda: person.participant(START)) == "not_signed_in"
    revoked = [each for each in events_of(installation, person) if each[0] == AuditEvent.DEVICE_REVOKED]
    assert revoked == [(AuditEvent.DEVICE_REVOKED, nurse.id, "lost")]
    person.cookie = bind_browser(person, START)
    assert person.participant(START).subject == person.subject


@pytest.mark.req("REP-04")
def test_a_missed_form_gets_its_reason_and_the_edc_hears(installation: Installation, person: Person) -> None:
    who, nurse, slot = person.row().id, person.nurse, person.slot("BL").public_id

    def say(reason: str, note: str = "", at: datetime = CLOSED, slot_id: str = slot) -> None:
        record_missed_reason(StaffContext(installation, nurse, at), who, slot_id, reason, note)

    assert refused(lambda: say("unknown", at=START)) == "not_missed"
    assert refused(lambda: say("unknown", slot_id="none")) == "unknown_slot"
    assert refused(lambda: say("bored")) == "unknown_reason"
    assert refused(lambda: say("other", " ")) == "note_needed"
    say("other", "moved house")
    say("too_ill_staff")
    state = viewed(installation, nurse, person, CLOSED).forms[0]
    assert (state.status, state.slot.missed_reason, state.slot.missed_note) == (
        Status.missed,
        "too_ill_staff",
        None,
    )
    with installation.read() as session:
        lines = [row.line for row in session.exec(select(FeedEvent)) if row.type == "assessment.missed"]
    assert len(lines) == 2
    assert "moved house" in lines[0]
    assert "too_ill_staff" in lines[1]


def test_a_hidden_form_takes_no_missed_reason(installation: Installation, person: Person) -> None:
    veiled = with_hidden_arms(installation)
    slot = person.slot("BL")
    with installation.open_work(person.nurse, START) as work:
        work.session.get_one(type(slot), slot.id).arm_revealing = True
        work.record(AuditEvent.VISIT_REQUESTED, participant_chain(slot.participant_id))
    who = person.row().id

    def say(actor: Actor) -> None:
        record_missed_reason(StaffContext(veiled, actor, CLOSED), who, slot.public_id, "unknown", "")

    assert refused(lambda: say(person.nurse)) == "unknown_slot"
    say(staff_member(Role.INVESTIGATOR, person.site))
    assert person.slot("BL").missed_reason == "unknown"


def stops(
    installation: Installation, person: Person, kind: DispositionKind, on: date, at: datetime
) -> DispositionPreview:
    with installation.read() as session:
        plan = installation.library.get_plan("sbrt-nsclc", "1.0")
        entry = DispositionEntry(kind, on.isoformat(), Owner.site)
        return preview_disposition(session, plan, person.row(), entry, at)


def test_what_a_withdrawal_stops_is_known_before(installation: Installation, person: Person) -> None:
    person.randomise(date(2026, 3, 4), START + days(3))
    at = START + days(44)
    stop = stops(installation, person, DispositionKind.withdrew_study, date(2026, 4, 14), at)
    assert (stop.ends, stop.forms[0], len(stop.forms)) == (True, "W6", 14)
    entry = DispositionEntry(DispositionKind.withdrew_study, "2026-04-14", Owner.site)
    record_disposition(
        StaffContext(installation, person.nurse, at), person.site.study_id, person.subject, entry
    )
    after = viewed(installation, person.nurse, person, at)
    ahead = {Status.planned, Status.due, Status.overdue, Status.open, Status.in_progress}
    assert not [state for state in (*after.forms, *after.diary) if state.status in ahead]


@pytest.mark.parametrize(
    ("kind", "opens"), [(DispositionKind.withdrew_treatment, True), (DispositionKind.lost, False)]
)
def test_some_ends_stop_nothing(
    installation: Installation, person: Person, kind: DispositionKind, opens: bool
) -> None:
    stop = stops(installation, person, kind, START.date(), START + days(1))
    assert (stop.ends, stop.forms, stop.diary_days, stop.opens_early_termination) == (False, (), 0, opens)


def test_a_disposition_and_its_undoing_stand_side_by_side(installation: Installation, person: Person) -> None:
    entry = DispositionEntry(DispositionKind.withdrew_questionnaires, "2026-03-03", Owner.site)
    study, at = person.site.study_id, START + days(1)
    record_disposition(StaffContext(installation, person.nurse, at), study, person.subject, entry)
    investigator = staff_member(Role.INVESTIGATOR, person.site)
    undo_disposition(StaffContext(installation, investigator, at), study, person.subject, "wrong person")
    view = viewed(installation, investigator, person, at)
    assert [(each.entry.kind, each.undone is not None) for each in view.dispositions] == [
        ("withdrew_questionnaires", True)
    ]
    assert Permission.DISPOSITION_UNDO in view.may
    assert Permission.DISPOSITION_UNDO not in viewed(installation, person.nurse, person, at).may
