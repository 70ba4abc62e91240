"""Coming in: link, short code, PIN, the idle lock, leaving, language."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest
from sqlmodel import select

from app.domain.plans.status import ExitKind
from app.domain.records.access import CLOCK, ActorKind
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.services.accounts.activation import (
    activate_device,
    find_invitation,
    find_own_activation,
    redeem_invitation,
)
from app.services.accounts.participant_session import (
    authenticate_device,
    change_language,
    keep_alive,
    remember_language,
    sign_out_device,
    unlock_device,
)
from app.services.core.context import DeviceContext, ParticipantContext, StaffContext
from app.services.core.hashing import SecretHasher
from app.services.core.installation import Installation
from app.services.core.throttling import CODE_TRIES, SPAN, TRIES, code_limits
from app.services.schedule.enrolment import enrol_participant
from app.storage.statements.throttle import count_try
from app.storage.tables.participants import Device
from app.storage.tables.studies import Site
from tests.refusals import refused
from tests.scenarios.activation import HERE, activate_phone, invite_person, link_of
from tests.scenarios.beginnings import SITE, make_stage, site_of, stage_of_fixtures
from tests.scenarios.people import PIN, START, Person, bind_browser, days, enrolment_entry
from tests.scenarios.trail_entries import entries_of
from tests.stages import Stage


def _nine(installation: Installation) -> Sequence[str]:
    person = Person(installation, site_of(installation), "0571-009")
    enrol_participant(
        StaffContext(installation, person.nurse, START), person.site, enrolment_entry(person.subject)
    )
    return ()


NINE = make_stage(_nine, SITE)


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> Stage | None:
    return NINE if "guest" in request.fixturenames else stage_of_fixtures(request.fixturenames)


@pytest.fixture
def guest(installation: Installation, site: Site) -> Person:
    """Somebody enrolled who has no phone yet."""
    return Person(installation, site, "0571-009")


PROBES = ("a" * 32, "b" * 32)


def activate_in(guest: Person, link: str, browser: str) -> str:
    """Use the link in this browser; "" where it was refused."""
    try:
        return activate_device(guest.installation, link, PIN, PIN, "phone", HERE, START, browser)
    except Refused:
        return find_own_activation(guest.installation, link, browser, START) or ""


@pytest.mark.req("IAM-10")
def test_a_link_pressed_at_once_in_two_browsers_lets_one_of_them_in(guest: Person) -> None:
    """However often each presses; whoever was first has one phone, and one entry in the trail."""
    link = link_of(invite_person(guest))
    with ThreadPoolExecutor(4) as pool:
        tokens = list(pool.map(partial(activate_in, guest, link), PROBES * 3))
    first, second = set(tokens[::2]), set(tokens[1::2])
    assert sorted([first, second], key=len) != [{""}, {""}]
    assert {""} in (first, second)
    (token,) = (first | second) - {""}
    assert DeviceContext.of_cookie(guest.installation, token, START).token_digest
    with guest.installation.read() as session:
        assert len(session.exec(select(Device).where(Device.participant_id == guest.row().id)).all()) == 1
    assert find_own_activation(guest.installation, link, "", START) is None


@pytest.mark.req("IAM-10", "AUD-07")
def test_a_link_shows_whom_it_is_for_and_binds_one_browser(guest: Person) -> None:
    invitation = invite_person(guest)
    context = find_invitation(guest.installation, link_of(invitation), START)
    assert (context.participant_id, context.language, context.site.code) == (guest.row().id, "en", "0571")
    guest.cookie = activate_phone(guest, link_of(invitation))
    participant = guest.participant(START)
    assert (participant.subject, participant.study, participant.plan_version) == (
        "0571-009",
        "sbrt-nsclc",
        "1.0",
    )
    assert (participant.exit_kind, participant.locked, participant.enrolled_at) == (None, False, START)
    (entry,) = [
        e
        for e in entries_of(guest.installation, AuditEvent.DEVICE_BOUND)
        if e.actor_id == participant.public_id
    ]
    assert entry.actor_kind == ActorKind.PARTICIPANT
    assert PIN not in entry.changes
    assert guest.cookie not in entry.changes


@pytest.mark.req("IAM-10")
def test_a_used_link_an_old_one_and_a_reissued_one_read_alike(guest: Person) -> None:
    first = invite_person(guest)
    second = invite_person(guest)
    assert refused(lambda: activate_phone(guest, link_of(first))) == "wrong_link"
    activate_phone(guest, link_of(second))
    assert refused(lambda: activate_phone(guest, link_of(second))) == "wrong_link"
    third = invite_person(guest)
    looks = partial(find_invitation, guest.installation)
    assert refused(lambda: looks(link_of(third), START + days(14))) == "wrong_link"
    assert refused(lambda: looks("nobody-was-given-this-link", START)) == "wrong_link"
    assert refused(lambda: looks(third.code, START)) == "wrong_link"
    entries = entries_of(guest.installation, AuditEvent.ACTIVATION_REFUSED)
    assert [(entry.actor_id, entry.chain) for entry in entries] == [("stranger", "installation")] * 2


def test_a_code_is_read_as_it_is_typed_and_lives_a_day(guest: Person) -> None:
    invitation = invite_person(guest)
    typed = f" {invitation.code[:4].lower()} {invitation.code[4:]}"
    assert redeem_invitation(guest.installation, typed, HERE, START).participant_id == guest.row().id
    assert refused(lambda: activate_phone(guest, typed, START + days(1))) == "wrong_link"
    assert activate_phone(guest, typed, START + days(0.99))


@pytest.mark.req("IAM-12")
def test_guesses_are_throttled_by_source_and_a_good_link_passes_all_the_same(guest: Person) -> None:
    invitation = invite_person(guest)
    for _ in range(CODE_TRIES - 1):
        count_try(guest.installation.engine, code_limits(HERE), START)
    assert refused(lambda: redeem_invitation(guest.installation, "ABCD2345", HERE, START)) == "wrong_link"
    assert refused(lambda: redeem_invitation(guest.installation, invitation.code, HERE, START)) == "throttled"
    assert refused(lambda: activate_phone(guest, "another-link-nobody-was-given")) == "throttled"
    elsewhere = redeem_invitation(guest.installation, invitation.code, "192.0.2.2", START)
    assert elsewhere == redeem_invitation(guest.installation, invitation.code, HERE, START + SPAN)
    assert activate_phone(guest, link_of(invitation))


@pytest.mark.req("IAM-12")
def test_wrong_codes_from_a_hospital_lock_nobody_else_there_out(guest: Person) -> None:
    """Five mistyped codes from one address, then somebody else's right one from the same address."""
    invitation = invite_person(guest)
    for _ in range(TRIES):
        assert refused(lambda: redeem_invitation(guest.installation, "ABCD2345", HERE, START)) == "wrong_link"
    assert activate_phone(guest, invitation.code)


def test_failures_of_another_hour_are_forgotten(person: Person) -> None:
    later = START + days(1)
    for hour in (0, 1):
        context = ParticipantContext(person.installation, person.participant(later), later + hour * SPAN)
        for _ in range(TRIES - 1):
            assert refused(partial(unlock_device, context, "000001")) == "wrong_pin"
    assert refused(lambda: unlock_device(context, "000001")) == "wrong_pin"


@pytest.mark.parametrize("pin", ["12345", "1234567", "12345a", "١٢٣٤٥٦", "111111", "123456", "987654", ""])
def test_a_pin_is_six_digits_that_differ(guest: Person, pin: str) -> None:
    assert (
        refused(lambda: activate_phone(guest, link_of(invite_person(guest)), pin=pin, again=pin)) == "bad_pin"
    )


def test_a_pin_is_typed_twice_alike(guest: Person) -> None:
    assert (
        refused(lambda: activate_phone(guest, link_of(invite_person(guest)), again="135791")) == "pins_differ"
    )


@pytest.mark.req("IAM-10")
def test_two_browsers_with_one_link_bind_once(guest: Person) -> None:
    link = link_of(invite_person(guest))

    def attempt(_number: int) -> str:
        try:
            activate_phone(guest, link)
        except Refused as refusal:
            return refusal.code
        return "bound"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(attempt, range(2))) == ["bound", "wrong_link"]


@pytest.mark.req("IAM-10")
def test_a_link_used_while_a_pin_is_being_hashed_binds_nobody_else(
    guest: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two threads the slower is mostly refused at the first look; this one comes to the second."""
    link, hashes = link_of(invite_person(guest)), SecretHasher.hash

    def overtaken(hasher: SecretHasher, pin: str) -> str:
        monkeypatch.setattr(SecretHasher, "hash", hashes)
        assert activate_phone(guest, link)
        return hashes(hasher, pin)

    monkeypatch.setattr(SecretHasher, "hash", overtaken)
    assert refused(lambda: activate_phone(guest, link)) == "wrong_link"
    with guest.installation.read() as session:
        mine = select(Device).where(Device.participant_id == guest.row().id)
        assert len(session.exec(mine).all()) == 1


def test_an_invitation_ends_with_the_participation(guest: Person) -> None:
    link = link_of(invite_person(guest))
    with guest.installation.open_work(guest.nurse, START) as work:
        row = work.session.merge(guest.row())
        row.exit_kind, row.exit_at = ExitKind.withdrew_study, START
        work.record(AuditEvent.DISPOSITION_RECORDED, f"participant:{row.id}")
    assert refused(lambda: activate_phone(guest, link)) == "wrong_link"


def test_unknown_cookies_are_not_signed_in(person: Person) -> None:
    for cookie in (None, "", "guess"):
        stranger = DeviceContext.of_cookie(person.installation, cookie, START)
        assert refused(partial(authenticate_device, stranger)) == "not_signed_in"


@pytest.mark.req("IAM-06")
def test_leaving_unbinds_at_once_and_once(person: Person) -> None:
    """Two presses that arrive together are both of somebody who is still signed in."""
    leaving = ParticipantContext(person.installation, person.participant(START), START)
    sign_out_device(leaving)
    sign_out_device(replace(leaving, at=START + days(1)))
    assert refused(lambda: person.participant(START)) == "not_signed_in"
    assert len(entries_of(person.installation, AuditEvent.DEVICE_SIGNED_OUT)) == 1


def test_a_browser_locks_when_idle_and_the_pin_wakes_it(person: Person) -> None:
    later = START + days(1)
    assert not person.participant(START + days(15 / 1440)).locked
    participant = person.participant(later)
    assert participant.locked
    keep_alive(ParticipantContext(person.installation, participant, later))
    assert person.participant(later).locked
    unlock_device(ParticipantContext(person.installation, participant, later), PIN)
    assert not person.participant(later).locked
    assert len(entries_of(person.installation, AuditEvent.DEVICE_UNLOCKED)) == 1


@pytest.mark.req("IAM-12")
def test_a_browser_is_woken_in_the_transaction_that_its_context_carries(person: Person) -> None:
    """The try is counted there too: a wrong one stays counted once it commits."""
    later = START + days(1)
    participant = person.participant(later)
    with person.installation.open_work(CLOCK, later) as opened:
        context = ParticipantContext(person.installation, participant, later, opened)
        for _ in range(TRIES - 1):
            assert refused(partial(unlock_device, context, "000001")) == "wrong_pin"
        unlock_device(context, PIN)
        assert person.participant(later).locked, "nothing is committed yet"
        for _ in range(TRIES):
            assert refused(partial(unlock_device, context, "000001")) == "wrong_pin"
    assert not person.participant(later).locked
    assert len(entries_of(person.installation, AuditEvent.PIN_REFUSED)) == 2 * TRIES - 1
    alone = ParticipantContext(person.installation, participant, later)
    assert refused(partial(unlock_device, alone, PIN)) == "throttled"


def test_every_visit_keeps_a_browser_awake_but_writes_once_a_minute(person: Person) -> None:
    moment = START + days(0.5 / 1440)
    keep_alive(ParticipantContext(person.installation, person.participant(moment), moment))
    assert person.participant(moment).seen_at == START
    moment = START + days(10 / 1440)
    keep_alive(ParticipantContext(person.installation, person.participant(moment), moment))
    assert person.participant(moment).seen_at == moment
    assert not person.participant(START + days(20 / 1440)).locked


@pytest.mark.req("IAM-12", "AUD-07")
def test_wrong_pins_are_recorded_and_slowed_down_on_that_browser_alone(person: Person) -> None:
    other = replace(person, cookie=bind_browser(person, START))
    later = START + days(1)
    participant = person.participant(later)
    for _ in range(TRIES):
        assert (
            refused(
                lambda: unlock_device(ParticipantContext(person.installation, participant, later), "000001")
            )
            == "wrong_pin"
        )
    assert (
        refused(lambda: unlock_device(ParticipantContext(person.installation, participant, later), PIN))
        == "throttled"
    )
    unlock_device(ParticipantContext(person.installation, other.participant(later), later), PIN)
    assert not other.participant(later).locked
    unlock_device(
        ParticipantContext(person.installation, person.participant(later + SPAN), later + SPAN), PIN
    )
    assert (
        refused(
            lambda: unlock_device(
                ParticipantContext(person.installation, participant, later + SPAN), "000001"
            )
        )
        == "wrong_pin"
    )
    entries = entries_of(person.installation, AuditEvent.PIN_REFUSED)
    assert len(entries) == TRIES + 1
    assert all("000001" not in entry.changes for entry in entries)


def test_the_language_is_of_the_study_and_audited_once(person: Person) -> None:
    participant = person.participant(START)
    change_language(ParticipantContext(person.installation, participant, START), "zh_CN")
    change_language(ParticipantContext(person.installation, participant, START), "zh_CN")
    assert person.participant(START).language == "zh_CN"
    assert len(entries_of(person.installation, AuditEvent.LANGUAGE_CHANGED)) == 1
    assert (
        refused(lambda: change_language(ParticipantContext(person.installation, participant, START), "fr"))
        == "no_language"
    )


def test_a_language_chosen_before_sign_in_is_stored_if_offered(person: Person) -> None:
    remember_language(person.device(START), "zh_CN")
    remember_language(person.device(START), "fr")
    remember_language(DeviceContext.of_cookie(person.installation, None, START), "en")
    assert person.participant(START).language == "zh_CN"


def test_speaking_hides_no_other_fault(person: Person) -> None:
    hollow = replace(person.installation, library=replace(person.installation.library, plans={}))
    device = DeviceContext.of_cookie(hollow, person.cookie, START)
    assert refused(lambda: remember_language(device, "en")) == "unknown_plan"


def test_no_device_row_holds_the_cookie(person: Person) -> None:
    with person.installation.read() as session:
        rows = session.exec(select(Device)).all()
    assert rows
    assert all(person.cookie not in row.token_hash for row in rows)
