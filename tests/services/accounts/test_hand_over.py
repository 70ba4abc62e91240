"""The clinic's tablet is a participant's for one sitting, and is taken back by itself."""

from datetime import datetime, timedelta

import pytest
from sqlmodel import select

from app.domain.plans.plan import Owner, SecondCheck
from app.domain.records.audit import AuditEvent
from app.domain.records.dispositions import DispositionKind
from app.domain.records.participants import HandOverEnd
from app.domain.refusal import Refused
from app.services.accounts.activation import activate_device, find_invitation
from app.services.accounts.devices import issue_own_code
from app.services.accounts.participant_session import authenticate_device, remember_language
from app.services.accounts.shared_device import end_hand_over, list_bound_participants
from app.services.clinic.hand_over import HAND_OVER_LIFE, begin_hand_over
from app.services.clinic.participant_overview import get_participant_overview
from app.services.core.context import DeviceContext, ParticipantContext, StaffContext
from app.services.core.plans import get_plan
from app.services.schedule.dispositions import DispositionEntry, record_disposition
from app.services.schedule.enrolment import add_participant
from app.storage.tables.audit import AuditEntry
from app.storage.tables.capture import Response
from tests.scenarios.confirmation_rules import enrol_only, with_second_check
from tests.scenarios.people import PIN, START, Person, days
from tests.scenarios.trail_entries import verify_trail

HERE = "192.0.2.7"
SOON = START + timedelta(minutes=5)


def hand_over(person: Person, slot: str = "") -> str:
    context = StaffContext(person.installation, person.nurse, START)
    return begin_hand_over(context, person.row().id, slot)


def tablet(person: Person, slot: str = "", pin: str = PIN, again: str = "") -> str:
    """The cookie of the tablet, once the participant has confirmed who they are."""
    link = hand_over(person, slot)
    return activate_device(person.installation, link, pin, again, "tablet", HERE, SOON)


def device(person: Person, cookie: str, at: datetime = SOON) -> DeviceContext:
    return DeviceContext.of_cookie(person.installation, cookie, at)


def refusal_of(cookie: str, person: Person, minutes: int = 6) -> str:
    with pytest.raises(Refused) as refused:
        authenticate_device(device(person, cookie, START + timedelta(minutes=minutes)))
    return refused.value.code


def reasons(person: Person) -> list[str | None]:
    ended = select(AuditEntry.reason).where(AuditEntry.event == AuditEvent.HAND_OVER_ENDED)
    with person.installation.read() as session:
        return list(session.exec(ended))


@pytest.mark.req("IAM-08", "CAP-21")
def test_a_tablet_submission_names_its_mode_and_ends_the_hand_over(person: Person) -> None:
    slot = person.slot("BL")
    own, person.cookie = person.cookie, tablet(person, slot.public_id)
    session = person.participant(SOON)
    assert (session.handed_over, session.handed_slot, session.locked) == (True, slot.id, False)
    person.begin("BL", SOON)
    person.submit("BL", SOON)
    for _ in range(2):
        assert end_hand_over(person.device(SOON), HandOverEnd.sent)
    assert reasons(person) == ["sent"]
    with person.installation.read() as read:
        events = list(read.exec(select(AuditEntry.event).where(AuditEntry.actor_id == person.nurse.id)))
    assert events[-1] == AuditEvent.DEVICE_HANDED_OVER
    assert refusal_of(person.cookie, person) == "hand_over_ended"
    with person.installation.read() as read:
        assert (read.exec(select(Response)).one().mode) == "site_device"
    assert not authenticate_device(device(person, own)).handed_over
    assert not end_hand_over(device(person, own), HandOverEnd.staff)
    assert verify_trail(person.installation) == []


@pytest.mark.req("IAM-08")
def test_a_tablet_that_nobody_uses_is_nobody_s(lone: Person) -> None:
    cookie = tablet(lone)
    assert authenticate_device(device(lone, cookie)).handed_slot is None
    assert refusal_of(cookie, lone, minutes=25) == "hand_over_ended"
    assert list_bound_participants(lone.installation, [cookie], START + days(1)) == ()
    remember_language(device(lone, cookie, START + days(1)), "en")
    assert refusal_of("never bound", lone) == "not_signed_in"
    first = tablet(lone)
    hand_over(lone)
    assert refusal_of(first, lone) == "hand_over_ended"


def test_only_the_newest_hand_over_works_and_not_for_long(lone: Person) -> None:
    first, second = hand_over(lone), hand_over(lone)
    for link, after in ((first, timedelta(minutes=1)), (second, HAND_OVER_LIFE)):
        with pytest.raises(Refused) as refused:
            find_invitation(lone.installation, link, START + after)
        assert refused.value.code == "wrong_link"
    issue_own_code(ParticipantContext(lone.installation, lone.participant(START), START))
    assert find_invitation(lone.installation, second, SOON).handed_over
    with pytest.raises(Refused):
        activate_device(lone.installation, second, "000000", "", "tablet", HERE, SOON)


def test_who_never_had_a_phone_chooses_a_pin_on_the_tablet(lone: Person) -> None:
    other = enrol_only(lone.installation, lone.site, "0571-009")
    cookie = tablet(other, pin="246813", again="246813")
    assert authenticate_device(device(lone, cookie)).subject == "0571-009"
    seen = get_participant_overview(StaffContext(lone.installation, lone.nurse, SOON), other.row().id)
    assert [(each.handed_over, each.label) for each in seen.devices] == [(True, "tablet")]
    assert seen.invitations == ()


@pytest.mark.usefixtures("randomised")
def test_a_tablet_is_not_handed_over_for_what_cannot_be_filled_in(lone: Person) -> None:
    enrol_only(lone.installation, lone.site, "0571-008", born_on=None)
    unknown = Person(with_second_check(lone.installation, SecondCheck.birth_date), lone.site, "0571-008")
    entry = DispositionEntry(
        DispositionKind.death, START.date().isoformat(), Owner.site, "told by the family"
    )
    codes = []
    with lone.installation.open_work(lone.nurse, START) as work:
        plan = get_plan(lone.installation, work.session, lone.site.study_id)
        add_participant(work, plan, lone.site, "0571-007", "en", AuditEvent.PARTICIPANT_REGISTERED)
    registered = Person(lone.installation, lone.site, "0571-007")
    for who, slot in ((lone, lone.slot("W6").public_id), (unknown, ""), (registered, "")):
        with pytest.raises(Refused) as refused:
            hand_over(who, slot)
        codes.append(refused.value.code)
    nurse = StaffContext(lone.installation, lone.nurse, START)
    record_disposition(nurse, lone.site.study_id, lone.subject, entry)
    with pytest.raises(Refused) as refused:
        hand_over(lone)
    assert codes == ["hand_over_form", "birth_date_needed", "consent_needed"]
    assert refused.value.code == "participation_ended"
