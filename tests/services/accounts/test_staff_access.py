"""Staff sign-in: two factors, sessions that end, codes used once, and guesses that are slowed."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from app.domain.records.access import SYSTEM, Permission, Role
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.services.accounts.staff_access import admit_staff, require_pending_sign_in
from app.services.accounts.staff_session import (
    ABSOLUTE,
    IDLE,
    PENDING,
    SignedInStaff,
    StaffBrowser,
    authenticate_staff,
    confirm_second_factor,
    keep_staff_session_alive,
    pending_second_factor,
    remember_staff_language,
    sign_in_staff,
    sign_out_staff,
)
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.core.throttling import SOURCE_TRIES, TRIES
from app.services.setup.studies import create_staff, disable_staff, grant_role, open_site
from app.storage.tables.audit import AuditEntry
from app.storage.tables.staff import StaffSession
from app.storage.tables.studies import Site
from tests.refusals import refused
from tests.scenarios.people import START, enrol_person, site_entry
from tests.scenarios.staff_desk import totp_code

NUMBERS = count()
EMAIL, PASSWORD, HERE = "li.na@example.org", "correct horse battery", "192.0.2.7"


@pytest.fixture
def secret(installation: Installation, site: Site) -> str:
    """The second factor of a nurse of the site."""
    new = create_staff(StaffContext(installation, SYSTEM, START), EMAIL, "Li Na", PASSWORD, "en")
    grant_role(StaffContext(installation, SYSTEM, START), new.staff_id, Role.NURSE, "sbrt-nsclc", site.code)
    return new.totp_secret


def signed_in(installation: Installation, secret: str, at: datetime) -> str:
    half = sign_in_staff(installation, EMAIL.upper(), PASSWORD, HERE, at)
    return confirm_second_factor(installation, half, totp_code(secret, at), HERE, at)


def seen(installation: Installation, cookie: str | None, at: datetime) -> SignedInStaff:
    with installation.read() as session:
        return authenticate_staff(installation, session.connection(), cookie, at)


def events(installation: Installation) -> list[tuple[str, str]]:
    with installation.read() as session:
        rows = session.exec(select(AuditEntry).where(AuditEntry.chain == "installation")).all()
    return [(row.event, row.actor_id) for row in rows if ":session:" in row.event]


@pytest.mark.req("IAM-11")
def test_two_factors_open_a_session(installation: Installation, secret: str, site: Site) -> None:
    colleague = seen(installation, signed_in(installation, secret, START), START)
    assert (colleague.name, colleague.language, colleague.actor.role) == ("Li Na", "en", "nurse")
    assert colleague.actor.may(Permission.PARTICIPANT_SEE, site.study_id, site.id)
    assert events(installation) == [(AuditEvent.STAFF_SIGNED_IN, colleague.actor.id)]


@pytest.mark.req("IAM-11")
def test_half_a_session_opens_nothing(installation: Installation, secret: str) -> None:
    half = sign_in_staff(installation, EMAIL, PASSWORD, HERE, START)
    assert refused(lambda: seen(installation, half, START)) == "not_signed_in"
    late = START + PENDING + timedelta(seconds=1)
    assert (
        refused(lambda: confirm_second_factor(installation, half, totp_code(secret, late), HERE, late))
        == "not_signed_in"
    )
    whole = signed_in(installation, secret, START)
    with installation.read() as session:
        assert refused(lambda: pending_second_factor(session, whole, START)) == "not_signed_in"
        assert refused(lambda: pending_second_factor(session, None, START)) == "not_signed_in"


def test_a_half_session_is_spent_by_its_code(installation: Installation, secret: str) -> None:
    half = sign_in_staff(installation, EMAIL, PASSWORD, HERE, START)
    whole = confirm_second_factor(installation, half, totp_code(secret, START), HERE, START)
    assert whole != half
    assert refused(lambda: seen(installation, half, START)) == "not_signed_in"


@pytest.mark.req("IAM-12")
@pytest.mark.usefixtures("secret")
def test_a_wrong_password_and_an_unknown_account_read_alike(installation: Installation) -> None:
    for email in (EMAIL, "nobody@example.org"):
        assert refused(partial(sign_in_staff, installation, email, "wrong", HERE, START)) == "wrong_sign_in"
    assert [event for event, _ in events(installation)] == [AuditEvent.STAFF_SIGN_IN_REFUSED] * 2


@pytest.mark.req("IAM-12")
def test_guessing_is_slowed_per_account_and_never_for_ever(installation: Installation, secret: str) -> None:
    for _ in range(TRIES):
        assert refused(lambda: sign_in_staff(installation, EMAIL, "wrong", HERE, START)) == "wrong_sign_in"
    assert refused(lambda: sign_in_staff(installation, EMAIL, PASSWORD, HERE, START)) == "throttled"
    later = START + timedelta(hours=1)
    assert seen(installation, signed_in(installation, secret, later), later).name == "Li Na"


@pytest.mark.req("IAM-12")
@pytest.mark.usefixtures("secret")
def test_guessing_is_slowed_per_source(installation: Installation) -> None:
    for number in range(SOURCE_TRIES):
        email = f"nobody{number}@example.org"
        assert refused(partial(sign_in_staff, installation, email, "wrong", HERE, START)) == "wrong_sign_in"
    assert refused(lambda: sign_in_staff(installation, EMAIL, PASSWORD, HERE, START)) == "throttled"
    assert sign_in_staff(installation, EMAIL, PASSWORD, "192.0.2.8", START)


@pytest.mark.req("IAM-12")
def test_codes_are_throttled_and_recorded(installation: Installation, secret: str) -> None:
    half = sign_in_staff(installation, EMAIL, PASSWORD, HERE, START)
    for _ in range(TRIES):
        assert (
            refused(lambda: confirm_second_factor(installation, half, "000000x", HERE, START)) == "wrong_code"
        )
    right = totp_code(secret, START)
    assert refused(lambda: confirm_second_factor(installation, half, right, HERE, START)) == "throttled"
    assert len(events(installation)) == TRIES


@pytest.mark.req("IAM-11")
def test_a_code_is_accepted_once(installation: Installation, secret: str) -> None:
    signed_in(installation, secret, START)
    half = sign_in_staff(installation, EMAIL, PASSWORD, HERE, START)
    assert (
        refused(lambda: confirm_second_factor(installation, half, totp_code(secret, START), HERE, START))
        == "wrong_code"
    )
    later = START + timedelta(seconds=30)
    assert confirm_second_factor(installation, half, totp_code(secret, later), HERE, later)


@pytest.mark.req("IAM-11")
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drifts=st.lists(st.tuples(st.integers(0, 3), st.sampled_from([-30, 0, 30])), min_size=2, max_size=6))
def test_codes_only_move_forward(installation: Installation, drifts: list[tuple[int, int]]) -> None:
    """Codes of a telephone that may be a step off: each is newer than every one accepted before."""
    email = f"nurse{next(NUMBERS)}@example.org"
    new = create_staff(StaffContext(installation, SYSTEM, START), email, "Li Na", PASSWORD, "en")
    at, newest = START, 0
    for steps, drift in drifts:
        at += timedelta(seconds=30 * steps)
        step = int((at + timedelta(seconds=drift)).timestamp()) // 30
        half = sign_in_staff(installation, email, PASSWORD, f"10.0.0.{next(NUMBERS)}", at)
        typed = totp_code(new.totp_secret, at + timedelta(seconds=drift))
        confirm = partial(confirm_second_factor, installation, half, typed, f"10.0.0.{next(NUMBERS)}", at)
        if step > newest:
            assert confirm()
            newest = step
        else:
            assert refused(confirm) == "wrong_code"


def test_an_older_code_does_not_work_after_a_newer_one(installation: Installation, secret: str) -> None:
    older = totp_code(secret, START)
    half = sign_in_staff(installation, EMAIL, PASSWORD, HERE, START)
    assert confirm_second_factor(
        installation, half, totp_code(secret, START + timedelta(seconds=30)), HERE, START
    )
    half = sign_in_staff(installation, EMAIL, PASSWORD, HERE, START)
    assert refused(lambda: confirm_second_factor(installation, half, older, HERE, START)) == "wrong_code"


def test_a_new_sign_in_ends_the_browser_s_earlier_session(installation: Installation, secret: str) -> None:
    """Also another's, on a computer of the ward; a wrong password ends nothing."""
    first = signed_in(installation, secret, START)
    browser = StaffBrowser(session=first)
    assert (
        refused(lambda: sign_in_staff(installation, EMAIL, "wrong", HERE, START, browser)) == "wrong_sign_in"
    )
    assert seen(installation, first, START).name == "Li Na"
    half = sign_in_staff(installation, EMAIL, PASSWORD, HERE, START, browser)
    assert refused(lambda: seen(installation, first, START)) == "not_signed_in"
    assert events(installation)[-1][0] == AuditEvent.STAFF_SIGNED_OUT
    before = len(events(installation))
    for session in (first, half, None, "guess"):  # ended, half, none and unknown ones are no sign-out
        assert sign_in_staff(installation, EMAIL, PASSWORD, HERE, START, StaffBrowser(session=session))
    assert len(events(installation)) == before
    assert refused(lambda: confirm_second_factor(installation, half, "1", HERE, START)) == "not_signed_in"


def test_a_code_in_full_width_digits_is_the_code(installation: Installation, secret: str) -> None:
    half = sign_in_staff(installation, EMAIL, PASSWORD, HERE, START)
    typed = "".join(chr(ord(digit) + 0xFEE0) for digit in totp_code(secret, START))
    assert confirm_second_factor(installation, half, f" {typed[:3]} {typed[3:]}", HERE, START)


def test_one_code_used_twice_at_once_opens_one_session(installation: Installation, secret: str) -> None:
    half = sign_in_staff(installation, EMAIL, PASSWORD, HERE, START)
    right = totp_code(secret, START)

    def attempt(_: int) -> str:
        try:
            return confirm_second_factor(installation, half, right, HERE, START)
        except Refused as refusal:
            return refusal.code

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(attempt, range(2)))
    assert len(set(outcomes) & {"wrong_code", "not_signed_in"}) == 1


@pytest.mark.parametrize("drift", [-30, 30])
def test_a_telephone_may_be_one_step_off(installation: Installation, secret: str, drift: int) -> None:
    half = sign_in_staff(installation, EMAIL, PASSWORD, HERE, START)
    other = totp_code(secret, START + timedelta(seconds=drift))
    assert confirm_second_factor(installation, half, f"{other[:3]} {other[3:]}", HERE, START)


@pytest.mark.req("SEC-05")
def test_a_session_ends_idle_and_in_any_case(installation: Installation, secret: str) -> None:
    cookie, moment = signed_in(installation, secret, START), START
    assert refused(lambda: seen(installation, cookie, START + IDLE + timedelta(seconds=1))) == "not_signed_in"
    while moment + IDLE <= START + ABSOLUTE:
        moment += IDLE
        keep_staff_session_alive(installation, seen(installation, cookie, moment), cookie, moment)
    assert refused(lambda: seen(installation, cookie, moment + timedelta(seconds=1))) == "not_signed_in"


def test_a_session_is_renewed_once_a_minute(installation: Installation, secret: str) -> None:
    cookie = signed_in(installation, secret, START)
    for seconds, moved in ((59, 0), (60, 60)):
        at = START + timedelta(seconds=seconds)
        keep_staff_session_alive(installation, seen(installation, cookie, at), cookie, at)
        with installation.read() as session:
            rows = session.exec(select(StaffSession)).all()
        assert max(row.seen_at for row in rows) == START + timedelta(seconds=moved)


@pytest.mark.req("IAM-06")
def test_a_disabled_account_stops_at_once(installation: Installation, secret: str) -> None:
    cookie = signed_in(installation, secret, START)
    half = sign_in_staff(installation, EMAIL, PASSWORD, HERE, START)
    disable_staff(StaffContext(installation, SYSTEM, START), EMAIL, "left the hospital")
    assert refused(lambda: seen(installation, cookie, START)) == "not_signed_in"
    assert (
        refused(lambda: confirm_second_factor(installation, half, totp_code(secret, START), HERE, START))
        == "not_signed_in"
    )
    assert refused(lambda: sign_in_staff(installation, EMAIL, PASSWORD, HERE, START)) == "wrong_sign_in"


def test_signing_out_ends_the_session(installation: Installation, secret: str) -> None:
    cookie = signed_in(installation, secret, START)
    sign_out_staff(installation, seen(installation, cookie, START), cookie, START)
    assert refused(lambda: seen(installation, cookie, START)) == "not_signed_in"
    assert events(installation)[-1][0] == AuditEvent.STAFF_SIGNED_OUT


def test_the_language_of_staff_is_stored(installation: Installation, secret: str) -> None:
    cookie = signed_in(installation, secret, START)
    colleague = seen(installation, cookie, START)
    context = StaffContext(installation, colleague.actor, START)
    assert remember_staff_language(context, colleague.staff_id, "zh-Hans") == "zh_CN"
    assert remember_staff_language(context, colleague.staff_id, "zh_CN") == "zh_CN"
    assert seen(installation, cookie, START).language == "zh_CN"
    unknown = refused(lambda: remember_staff_language(context, colleague.staff_id, "tlh"))
    assert unknown == "unknown_language"


def test_staff_without_a_grant_see_nobody(installation: Installation, site: Site) -> None:
    new = create_staff(StaffContext(installation, SYSTEM, START), EMAIL, "Li Na", PASSWORD, "en")
    colleague = seen(installation, signed_in(installation, new.totp_secret, START), START)
    assert (colleague.actor.role, colleague.actor.grants) == ("none", ())
    assert not colleague.actor.may(Permission.PARTICIPANT_SEE, site.study_id, site.id)


@pytest.mark.req("IAM-02", "IAM-03")
def test_a_permission_finds_only_the_participants_that_it_reaches(
    installation: Installation, secret: str, site: Site
) -> None:
    there = open_site(StaffContext(installation, SYSTEM, START), "sbrt-nsclc", site_entry("0021"))
    own = enrol_person(installation, site, "0571-001").row()
    others = enrol_person(installation, there, "0021-001").row()
    cookie = signed_in(installation, secret, START)
    find = partial(admit_staff, installation, cookie, START)
    admission = find(Permission.PARTICIPANT_SEE, own.public_id)
    assert admission.participant is not None
    assert admission.participant.participant_id == own.id
    assert admission.participant.subject == "0571-001"
    assert find(Permission.DISPOSITION_UNDO, own.public_id).participant is None
    assert find(Permission.PARTICIPANT_SEE, others.public_id).participant is None
    assert find(Permission.PARTICIPANT_SEE, "nobody").participant is None
    assert find(None, own.public_id).participant is None
    assert find().staff.name == "Li Na"


def test_whoever_is_turned_away_stays_signed_in(installation: Installation, secret: str) -> None:
    cookie, later = signed_in(installation, secret, START), START + timedelta(minutes=20)
    assert admit_staff(installation, cookie, later, Permission.ARM_SEE, "nobody").participant is None
    assert seen(installation, cookie, later + IDLE).seen_at == later


def test_the_code_is_accepted_only_after_the_password(installation: Installation, secret: str) -> None:
    half = sign_in_staff(installation, EMAIL, PASSWORD, HERE, START)
    require_pending_sign_in(installation, half, START)
    for cookie in (None, "guess", signed_in(installation, secret, START)):
        assert refused(partial(require_pending_sign_in, installation, cookie, START)) == "not_signed_in"
