"""Passkeys of staff: added by their owner, shown instead of a code, and worth nothing twice or elsewhere."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import pytest
from sqlmodel import select

from app.domain.records.audit import AuditEvent
from app.domain.records.staff_links import LinkPurpose
from app.services.accounts.staff_session import confirm_second_factor, sign_in_staff
from app.services.core.installation import Installation
from app.services.core.second_factor.challenges import CHALLENGE_LIFE, PasskeySite, find_passkey_site
from app.services.core.second_factor.passkeys import (
    SignedChallenge,
    has_passkeys,
    recognise_passkey,
    spend_passkey,
    write_passkey_request,
)
from app.services.core.throttling import TRIES
from app.services.people.managed_people import get_managed_person
from app.services.people.own_account import renew_recovery_codes
from app.services.people.own_passkeys import (
    LONGEST_ID,
    MOST_PASSKEYS,
    add_passkey,
    begin_passkey,
    list_own_passkeys,
    remove_passkey,
)
from app.services.people.own_proof import OwnProof
from app.services.people.role_grants import disable_person
from app.services.people.staff_links import read_link, reset_person, use_link
from app.storage.tables.audit import AuditEntry
from app.storage.tables.staff import Passkey, Staff
from app.storage.tables.studies import Site
from tests.refusals import refused
from tests.scenarios.software_passkey import SoftwarePasskey
from tests.scenarios.staff_desk import EMAIL, HERE, PASSWORD, SECOND, Desk, open_desk, totp_code
from tests.scenarios.trail_entries import verify_trail

COOKIE = "the token of a whole session"


@dataclass
class Owner:
    """A nurse with a passkey, and the desk at which they sign in."""

    desk: Desk
    staff_id: int
    secret: str
    codes: list[str]
    key: SoftwarePasskey

    def begin(self, name: str = "My phone", password: str = PASSWORD, cookie: str = COOKIE) -> str:
        """What the browser is asked for, after password and the code of a new minute."""
        self.desk.later(minutes=1)
        proof = OwnProof(password, totp_code(self.secret, self.desk.at), HERE)
        return begin_passkey(self.desk.context(self.staff_id), self.staff_id, name, proof, cookie)

    def add(self, key: SoftwarePasskey, name: str = "My phone") -> None:
        credential = key.make(self.begin(name))
        add_passkey(self.desk.context(self.staff_id), self.staff_id, name, credential, COOKIE)

    def ask(self, session: str) -> str:
        request = write_passkey_request(self.desk.installation, self.staff_id, session, self.desk.at)
        assert request is not None
        return request

    def half(self) -> str:
        self.desk.later(seconds=1)
        return sign_in_staff(self.desk.installation, EMAIL, PASSWORD, HERE, self.desk.at)

    def show(self, answer: str, half: str) -> str:
        shown = SignedChallenge(answer, half)
        return confirm_second_factor(self.desk.installation, half, shown, HERE, self.desk.at)

    def sign_in(self, key: SoftwarePasskey | None = None) -> str:
        half = self.half()
        return self.show((key or self.key).sign(self.ask(half)), half)

    def row(self) -> Passkey:
        with self.desk.installation.read() as session:
            return session.exec(select(Passkey).where(Passkey.staff_id == self.staff_id)).one()


@pytest.fixture
def owner(lone_installation: Installation, lone_site: Site) -> Owner:
    desk = open_desk(lone_installation, lone_site)
    issued = desk.invite()
    secret, codes = desk.join(issued)
    passkey_owner = Owner(desk, issued.staff_id, secret, codes, SoftwarePasskey())
    passkey_owner.add(passkey_owner.key)
    return passkey_owner


@pytest.mark.req("IAM-11")
def test_a_passkey_stands_in_for_a_code_and_both_keep_working(owner: Owner) -> None:
    desk = owner.desk
    assert has_passkeys(desk.installation, owner.staff_id)
    assert not has_passkeys(desk.installation, desk.admin_id)
    assert desk.seen(owner.sign_in()).id == f"staff:{owner.staff_id}"
    assert (owner.row().sign_count, owner.row().last_used_at, owner.row().transports) == (
        1,
        desk.at,
        "internal",
    )
    desk.later(minutes=1)
    assert desk.seen(desk.sign_in(totp_code(owner.secret, desk.at))).id
    assert desk.seen(desk.sign_in(owner.codes[0])).id
    request = owner.ask(COOKIE)
    desk.later(seconds=5)
    proof = OwnProof(PASSWORD, SignedChallenge(owner.key.sign(request), COOKIE), HERE)
    own = desk.context(owner.staff_id)
    assert len(renew_recovery_codes(own, owner.staff_id, proof)) == 10
    assert refused(lambda: renew_recovery_codes(own, owner.staff_id, proof)) == "wrong_passkey"
    (listed,) = list_own_passkeys(own, owner.staff_id)
    assert (listed.name, listed.last_used_at, listed.stopped_at) == ("My phone", desk.at, None)
    assert get_managed_person(desk.context(), owner.staff_id).passkeys == 1
    assert {AuditEvent.PASSKEY_ADDED, AuditEvent.PASSKEY_USED} <= desk.events()
    assert verify_trail(desk.installation) == []
    with desk.installation.read() as session:
        changes = "".join(each.changes for each in session.exec(select(AuditEntry)))
    assert owner.key.credential_id not in changes


@pytest.mark.req("IAM-11", "IAM-12")
def test_an_answer_counts_once_in_its_own_session_and_not_for_long(owner: Owner) -> None:
    """Also from a passkey that does not count its signatures."""
    desk, still = owner.desk, SoftwarePasskey(counts=False)
    owner.add(still)
    half = owner.half()
    answer = still.sign(owner.ask(half))
    assert refused(lambda: owner.show(answer, owner.half())) == "wrong_passkey"
    first = owner.show(answer, half)
    assert refused(lambda: owner.show(answer, half)) == "not_signed_in"
    # The session of now is asked, signs once, and neither that answer nor an older one counts again.
    desk.later(seconds=1)
    older = still.sign(owner.ask(first))
    desk.later(seconds=1)
    newer = still.sign(owner.ask(first))
    with desk.installation.read() as session:
        staff = session.get_one(Staff, owner.staff_id)

    def recognise(signed: str, cookie: str = first) -> object:
        return recognise_passkey(desk.installation, staff, SignedChallenge(signed, cookie), desk.at)

    use, two = (
        recognise_passkey(desk.installation, staff, SignedChallenge(newer, first), desk.at),
        recognise(newer),
    )
    assert use is not None
    assert use == two
    with desk.installation.open_work(desk.context(owner.staff_id).actor, desk.at) as work:
        assert [spend_passkey(work, use), spend_passkey(work, use)] == [True, False]
    assert [recognise(newer), recognise(older)] == [None, None]
    desk.later(seconds=1)
    late = still.sign(owner.ask(first))
    assert recognise(late, "another cookie") is None
    desk.at += CHALLENGE_LIFE
    assert recognise(late) is not None
    desk.later(seconds=1)
    assert recognise(late) is None


@pytest.mark.req("IAM-11", "IAM-12")
def test_what_no_passkey_of_this_account_and_site_signed_is_wrong(owner: Owner) -> None:
    desk, key = owner.desk, owner.key
    other = SoftwarePasskey(name=key.name)  # it knows the passkey's name and not its key
    colleague = SoftwarePasskey()
    issued = desk.invite("other@example.org")
    secret, codes = desk.join(issued)
    theirs = Owner(desk, issued.staff_id, secret, codes, colleague)
    theirs.add(colleague)
    for wrong in (
        replace(key, origin="https://evil.test"),
        replace(key, rp_id="evil.test"),
        replace(key, verified=False),
        replace(key, user_handle=colleague.user_handle),
        other,
        colleague,
        SoftwarePasskey(),
    ):
        half = owner.half()
        signed = wrong.sign(owner.ask(half))
        assert refused(partial(owner.show, signed, half)) == "wrong_passkey"
        desk.later(hours=2)  # so that no try is one too many
    half = owner.half()
    right = key.sign(owner.ask(half))
    for broken in (
        "{}",
        "[" * 3_000,
        right.replace("public-key", "x"),
        right.replace('"signature": "', '"signature": "A'),
        "\ud800",
    ):
        assert refused(partial(owner.show, broken, half)) in ("wrong_passkey", "throttled")
    assert desk.reasons(AuditEvent.STAFF_SIGN_IN_REFUSED)[0] == "passkey"


@pytest.mark.req("IAM-12")
def test_wrong_answers_count_with_wrong_codes(owner: Owner) -> None:
    desk, key, half = owner.desk, owner.key, owner.half()
    for _try in range(TRIES):
        half = owner.half()
        assert refused(partial(owner.show, "{}", half)) == "wrong_passkey"
    assert refused(lambda: owner.show(key.sign(owner.ask(half)), half)) == "throttled"
    assert refused(lambda: confirm_second_factor(desk.installation, half, owner.codes[0], HERE, desk.at)) == (
        "throttled"
    )
    desk.later(hours=2)
    assert desk.seen(owner.sign_in()).id


@pytest.mark.req("IAM-11")
def test_a_passkey_whose_count_goes_back_is_stopped_and_shown_as_stopped(owner: Owner) -> None:
    desk = owner.desk
    owner.sign_in()
    copy = replace(owner.key)
    owner.sign_in()
    with desk.installation.read() as session:
        staff = session.get_one(Staff, owner.staff_id)
    desk.later(seconds=1)
    ahead = SignedChallenge(owner.key.sign(owner.ask(COOKIE)), COOKIE)
    use = recognise_passkey(desk.installation, staff, ahead, desk.at)
    assert use is not None
    half = owner.half()
    backwards = copy.sign(owner.ask(half))
    assert refused(lambda: owner.show(backwards, half)) == "wrong_passkey"
    assert owner.row().stopped_at == desk.at
    assert desk.reasons(AuditEvent.PASSKEY_STOPPED) == [None]
    assert get_managed_person(desk.context(), owner.staff_id).stopped_passkeys == 1
    with desk.installation.open_work(desk.context(owner.staff_id).actor, desk.at) as work:
        assert not spend_passkey(work, use)  # it was checked before
    assert write_passkey_request(desk.installation, owner.staff_id, half, desk.at) is None
    own = desk.context(owner.staff_id)
    remove_passkey(own, owner.staff_id, list_own_passkeys(own, owner.staff_id)[0].passkey_id)
    assert list_own_passkeys(own, owner.staff_id) == ()


@pytest.mark.req("IAM-06", "IAM-11")
def test_a_removed_passkey_and_those_of_a_reset_account_are_worth_nothing(owner: Owner) -> None:
    desk, own = owner.desk, owner.desk.context(owner.staff_id)
    half = owner.half()
    signed = owner.key.sign(owner.ask(half))
    number = list_own_passkeys(own, owner.staff_id)[0].passkey_id
    assert refused(lambda: remove_passkey(desk.context(), desk.admin_id, number)) == "unknown_passkey"
    remove_passkey(own, owner.staff_id, number)
    assert refused(lambda: owner.show(signed, half)) == "wrong_passkey"
    assert refused(lambda: remove_passkey(own, owner.staff_id, number)) == "unknown_passkey"
    assert refused(lambda: owner.add(owner.key)) == "passkey_not_added"  # its name is never used again
    again = SoftwarePasskey()
    options = owner.begin()
    owner.add(again)
    reset_person(desk.context(), owner.staff_id, LinkPurpose.SECOND_FACTOR, "phone lost")
    assert list_own_passkeys(own, owner.staff_id) == ()
    assert AuditEvent.PASSKEY_REMOVED in desk.events()
    with desk.installation.read() as session:
        staff = session.get_one(Staff, owner.staff_id)
    shown = SignedChallenge(again.sign(options), COOKIE)
    assert recognise_passkey(desk.installation, staff, shown, desk.at) is None
    own, late = desk.context(owner.staff_id), SoftwarePasskey().make(options)
    assert refused(lambda: add_passkey(own, owner.staff_id, "Late", late, COOKIE)) == "not_signed_in"
    disable_person(desk.context(), owner.staff_id, "left")
    assert refused(lambda: add_passkey(own, owner.staff_id, "Late", late, COOKIE)) == "not_signed_in"


@pytest.mark.req("IAM-06", "IAM-11")
def test_a_passkey_proves_who_uses_a_link_for_a_new_password(owner: Owner) -> None:
    desk = owner.desk
    issued = reset_person(desk.context(), owner.staff_id, LinkPurpose.PASSWORD, "forgotten")
    token = issued.url.rpartition("/")[2]
    assert read_link(desk.installation, token, desk.at).staff_id == owner.staff_id

    def use(answer: str) -> Sequence[str]:
        return use_link(desk.installation, token, SECOND, SignedChallenge(answer, token), HERE, desk.at)

    assert refused(lambda: use(owner.key.sign(owner.ask(COOKIE)))) == "wrong_passkey"
    right = owner.key.sign(owner.ask(token))
    assert use(right) == ()
    assert refused(lambda: use(right)) == "link_used"
    assert owner.row().last_used_at == desk.at


@pytest.mark.req("IAM-11")
def test_a_passkey_needs_password_code_and_its_own_session(owner: Owner) -> None:
    desk, own = owner.desk, owner.desk.context(owner.staff_id)
    assert refused(lambda: owner.begin(name=" ")) == "name_needed"
    assert refused(lambda: owner.begin(password="wrong")) == "wrong_password_now"
    options = owner.begin()
    own = desk.context(owner.staff_id)
    right = SoftwarePasskey().make(options)
    to_show = json.loads(owner.ask(COOKIE))["challenge"]
    for credential, cookie in (
        ("{}", COOKIE),
        (SoftwarePasskey().make(json.dumps(json.loads(options) | {"challenge": to_show})), COOKIE),
        (right, "another session"),
        (SoftwarePasskey(origin="https://evil.test").make(options), COOKIE),
        (SoftwarePasskey(rp_id="evil.test").make(options), COOKIE),
        (SoftwarePasskey(verified=False).make(options), COOKIE),
        (SoftwarePasskey(name=bytes(LONGEST_ID + 1)).make(options), COOKIE),
    ):
        assert refused(partial(add_passkey, own, owner.staff_id, "Key", credential, cookie)) == (
            "passkey_not_added"
        )
    assert refused(lambda: add_passkey(own, owner.staff_id, "", right, COOKIE)) == "name_needed"
    add_passkey(own, owner.staff_id, "Key", right, COOKIE)
    assert refused(lambda: add_passkey(own, owner.staff_id, "Key", right, COOKIE)) == "passkey_not_added"
    for number in range(MOST_PASSKEYS - 2):
        add_passkey(own, owner.staff_id, f"Key {number}", SoftwarePasskey().make(options), COOKIE)
    more = SoftwarePasskey().make(options)
    assert refused(lambda: add_passkey(own, owner.staff_id, "More", more, COOKIE)) == "too_many_passkeys"
    assert refused(owner.begin) == "too_many_passkeys"


@pytest.mark.req("IAM-11")
def test_passkeys_need_a_name_and_https(owner: Owner) -> None:
    assert find_passkey_site("https://Daybook.example.org:443") == PasskeySite(
        "daybook.example.org", "https://daybook.example.org"
    )
    assert find_passkey_site("http://localhost:8000") == PasskeySite("localhost", "http://localhost:8000")
    for address in (
        "http://daybook.example.org",
        "https://192.0.2.1",
        "http://127.0.0.1:8000",
        "https://[::1]",
    ):
        assert find_passkey_site(address) is None
    desk = owner.desk
    desk.installation = replace(desk.installation, public_url="https://192.0.2.1")
    assert refused(owner.begin) == "passkeys_unavailable"
    assert not has_passkeys(desk.installation, owner.staff_id)
    assert write_passkey_request(desk.installation, owner.staff_id, COOKIE, desk.at) is None
    half = owner.half()
    assert refused(lambda: owner.show("{}", half)) == "wrong_passkey"
