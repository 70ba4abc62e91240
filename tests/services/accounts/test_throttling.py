"""A stranger hurts nobody: drawn tries from sources at accounts, guesses in parallel, known browsers."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count

import pyotp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from app.domain.records.access import SYSTEM
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.services.accounts.known_browsers import (
    MOST_PROOFS,
    PROOF_LIFE,
    find_known_browser,
    renew_browser_proofs,
)
from app.services.accounts.staff_session import StaffBrowser, confirm_second_factor, sign_in_staff
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.core.throttling import BRAKE_TRIES, SOURCE_TRIES, SPAN, TRIES, check_guess, staff_limits
from app.services.setup.studies import create_staff
from app.storage.statements.throttle import count_try
from app.storage.tables.audit import AuditEntry
from tests.refusals import refused
from tests.scenarios.people import START

PASSWORD = "correct horse battery"
SOURCES = ("192.0.2.1", "192.0.2.2", "2001:db8::/64")
_NUMBERS = count()


@dataclass
class Nurse:
    """A member of staff, and a browser in which they have signed in."""

    installation: Installation
    email: str
    secret: str
    proofs: str = ""

    def attempt(self, source: str, password: str, at: datetime, proofs: str = "") -> str:
        """The outcome of one try at the password: a refusal's code, or "in"."""
        browser = StaffBrowser(proofs)
        try:
            sign_in_staff(self.installation, self.email, password, source, at, browser)
        except Refused as refused:
            return refused.code
        return "in"

    def sign_in(self, at: datetime, source: str = SOURCES[0]) -> str:
        """Both factors from the known browser, which is known from then on; returns the session's cookie."""
        browser = StaffBrowser(self.proofs)
        half = sign_in_staff(self.installation, self.email, PASSWORD, source, at, browser)
        code = pyotp.TOTP(self.secret).at(at)
        cookie = confirm_second_factor(self.installation, half, code, source, at, browser)
        self.proofs = renew_browser_proofs(self.installation, cookie, self.proofs, at)
        return cookie


def nurse_of(installation: Installation) -> Nurse:
    email = f"nurse{next(_NUMBERS)}@example.org"
    new = create_staff(StaffContext(installation, SYSTEM, START), email, "Li Na", PASSWORD, "en")
    return Nurse(installation, email, new.totp_secret)


@pytest.fixture
def nurse(installation: Installation) -> Nurse:
    return nurse_of(installation)


def refused_sign_ins(installation: Installation) -> int:
    with installation.read() as session:
        events = session.exec(select(AuditEntry.event).where(AuditEntry.chain == "installation")).all()
    return events.count(AuditEvent.STAFF_SIGN_IN_REFUSED)


@pytest.mark.req("IAM-12")
def test_sixty_parallel_guesses_are_five(nurse: Nurse) -> None:
    for email in (nurse.email, "nobody@example.org"):
        target = Nurse(nurse.installation, email, "")
        before = refused_sign_ins(nurse.installation)
        with ThreadPoolExecutor(12) as pool:
            outcomes = Counter(
                pool.map(partial(target.attempt, SOURCES[0], at=START), [f"guess {n}" for n in range(60)])
            )
        assert outcomes == {"wrong_sign_in": TRIES, "throttled": 60 - TRIES}
        assert refused_sign_ins(nurse.installation) - before == TRIES
        compared = partial(check_guess, nurse.installation, staff_limits("staff", email, SOURCES[0], None))
        assert refused(partial(compared, START, pytest.fail)) == "throttled", "nothing is compared or hashed"


@pytest.mark.req("IAM-12")
def test_a_stranger_locks_no_nurse_out_of_her_usual_browser(nurse: Nurse) -> None:
    """Five wrong passwords from anywhere, and so many more that account and hospital are braked."""
    nurse.sign_in(START)
    later = START + timedelta(minutes=5)
    for source in SOURCES:
        assert [nurse.attempt(source, "guess", later) for _ in range(6)] == ["wrong_sign_in"] * 5 + [
            "throttled"
        ]
    for factor in ("staff", "code"):
        _own, hospital, brake = staff_limits(factor, nurse.email, SOURCES[0], None)
        for limit in [hospital] * SOURCE_TRIES + [brake] * BRAKE_TRIES:
            count_try(nurse.installation.engine, [limit], later)
    assert nurse.attempt("203.0.113.9", PASSWORD, later) == "throttled"
    assert nurse.sign_in(later)


@pytest.mark.req("IAM-12")
def test_the_brake_of_an_account_is_slow_and_ends(nurse: Nurse) -> None:
    for number in range(BRAKE_TRIES):
        assert nurse.attempt(f"198.51.100.{number}", "guess", START) == "wrong_sign_in"
    assert nurse.attempt("203.0.113.9", PASSWORD, START) == "throttled"
    assert nurse.attempt("203.0.113.9", PASSWORD, START + SPAN) == "in"


@pytest.mark.req("IAM-12")
def test_a_known_browser_is_slowed_by_itself_alone(nurse: Nurse) -> None:
    nurse.sign_in(START)
    own = [nurse.attempt(SOURCES[0], "guess", START, nurse.proofs) for _ in range(6)]
    assert own == ["wrong_sign_in"] * 5 + ["throttled"]
    assert nurse.attempt(SOURCES[0], PASSWORD, START, nurse.proofs) == "throttled"
    assert nurse.attempt(SOURCES[0], PASSWORD, START) == "in"
    assert nurse.attempt(SOURCES[0], PASSWORD, START + SPAN, nurse.proofs) == "in"


def test_a_proof_is_one_account_s_and_nobody_can_write_one(nurse: Nurse) -> None:
    nurse.sign_in(START)
    box, other = nurse.installation.secret_box, nurse_of(nurse.installation)
    browser = find_known_browser(box, nurse.proofs, nurse.email, START)
    assert browser is not None
    assert find_known_browser(box, nurse.proofs, other.email, START) is None
    assert find_known_browser(box, nurse.proofs, nurse.email, START + PROOF_LIFE + timedelta(days=1)) is None
    name, day, signature = nurse.proofs.split(".")
    for forged in (
        "",
        "a.b",
        "a.b.c",
        f"{name}x.{day}.{signature}",
        f"{name}.29990101.{signature}",
        f"{name}.{day}.é",
    ):
        assert find_known_browser(box, forged, nurse.email, START) is None
    assert find_known_browser(box, f"a.b.c~{nurse.proofs}", nurse.email, START) == browser


def test_one_computer_is_known_to_all_who_use_it(nurse: Nurse) -> None:
    people = [nurse, *(nurse_of(nurse.installation) for _ in range(MOST_PROOFS))]
    proofs = ""
    for each in people:
        each.proofs = proofs
        each.sign_in(START)
        proofs = each.proofs
    box = nurse.installation.secret_box
    names = [find_known_browser(box, proofs, each.email, START) for each in people]
    assert names[0] is None
    assert len(set(names[1:])) == MOST_PROOFS
    people[1].proofs = proofs
    people[1].sign_in(START + timedelta(minutes=1))
    assert find_known_browser(box, people[1].proofs, people[1].email, START) == names[1]
    assert people[1].proofs.count("~") == MOST_PROOFS - 1


def test_a_browser_becomes_known_by_both_factors_only(nurse: Nurse) -> None:
    half = sign_in_staff(nurse.installation, nurse.email, PASSWORD, SOURCES[0], START)
    with pytest.raises(Refused, match="not_signed_in"):
        renew_browser_proofs(nurse.installation, half, "", START)


@pytest.mark.req("IAM-12")
def test_a_clock_that_was_ahead_locks_nobody_out_until_then(nurse: Nurse) -> None:
    """Five failures and a sign-in while the clock shows 2031; the clock is right again."""
    ahead = datetime(2031, 1, 1, tzinfo=UTC)
    nurse.sign_in(ahead)
    for _ in range(TRIES):
        assert nurse.attempt(SOURCES[1], "guess", ahead) == "wrong_sign_in"
    assert nurse.attempt(SOURCES[1], PASSWORD, START) == "throttled"
    assert nurse.attempt(SOURCES[1], PASSWORD, START + SPAN - timedelta(seconds=1)) == "throttled"
    assert nurse.attempt(SOURCES[1], PASSWORD, START + SPAN) == "in"
    assert nurse.sign_in(START)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["known", "unknown"]),
        st.sampled_from([0, 0, 0, 1]),
        st.sampled_from(["guess"] * 4 + [PASSWORD]),
        st.sampled_from([0] * 9 + [20, 60]),
    ),
    min_size=10,
    max_size=24,
)
"""Whose account, from which source, with which password, and how many minutes later."""


@dataclass
class Tally:
    """The guesses at one account from one source that were looked at, since the first of the running hour."""

    since: datetime = START - 2 * SPAN
    wrong: int = 0


@pytest.mark.req("IAM-12", "SEC-07")
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_strangers_try_the_laws_hold(
    installation: Installation, steps: Sequence[tuple[str, int, str, int]]
) -> None:
    """Five guesses an hour for account and source; alike for both accounts; the known browser gets in."""
    number = next(_NUMBERS)
    nurse, nobody = nurse_of(installation), Nurse(installation, f"nobody{number}@example.org", "")
    at = START
    nurse.sign_in(at)
    sources = [f"10.{number}.0.{source}" for source in range(2)]
    tallies: dict[tuple[str, int], Tally] = {}
    for who, source, password, minutes in steps:
        at += timedelta(minutes=minutes)
        known = who == "known"
        outcome = (nurse if known else nobody).attempt(sources[source], password, at)
        tally = tallies.setdefault((who, source), Tally())
        if tally.wrong == 0 or at >= tally.since + SPAN:
            tally.since, tally.wrong = at, 0
        right = known and password == PASSWORD
        assert outcome == ("throttled" if tally.wrong == TRIES else "in" if right else "wrong_sign_in")
        tally.wrong = 0 if outcome == "in" else tally.wrong + (outcome == "wrong_sign_in")
    assert nurse.sign_in(at + timedelta(minutes=1), sources[0])
