"""People of the staff: invited, granted, reset, disabled, reviewed; rules that no administrator is above."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial

import pytest
from sqlmodel import select

from app.domain.people.duties import LONGEST_VISIT
from app.domain.plans.windows import start_of_day
from app.domain.records.access import SYSTEM, Permission, Role
from app.domain.records.audit import AuditEvent
from app.domain.records.staff_links import LinkPurpose, MailOutcome
from app.i18n.catalogues import Catalogues
from app.notify.channel import MessageText, SendFailed, Unconfirmed
from app.services.accounts.staff_session import MOST_BROWSERS
from app.services.core.second_factor.one_time_codes import recognise_code, spend_code
from app.services.people.managed_people import get_managed_person, list_permitted_studies, list_study_people
from app.services.people.own_account import change_own_password, get_own_account, renew_recovery_codes
from app.services.people.own_proof import OwnProof
from app.services.people.role_grants import (
    disable_person,
    enable_person,
    grant_to_address,
    grant_to_person,
    revoke_grant,
)
from app.services.people.site_desk import get_site_details, list_sites, open_managed_site
from app.services.people.staff_links import (
    RESET_LIFE,
    IssuedLink,
    read_link,
    record_mail,
    reset_person,
    use_link,
)
from app.services.people.staff_mail import StaffMail
from app.services.people.staff_sessions import end_session, list_sessions
from app.services.setup.studies import disable_staff, enable_staff, open_site
from app.settings import ROOT
from app.storage.queries.corrections import read_signers
from app.storage.queries.staff import list_site_staff
from app.storage.tables.staff import RecoveryCode, Staff, StaffLink
from tests.refusals import refused
from tests.scenarios.people import START, site_entry
from tests.scenarios.staff_desk import EMAIL, HERE, PASSWORD, SECOND, STUDY, Desk, totp_code
from tests.scenarios.trail_entries import verify_trail


@pytest.mark.req("IAM-01", "IAM-05", "IAM-11", "SEC-06")
def test_an_invited_person_chooses_their_own_password_and_second_factor(desk: Desk) -> None:
    issued = desk.invite()
    assert issued.url.startswith(f"{desk.installation.public_url}/desk/join/")
    token = issued.url.rpartition("/")[2]
    assert refused(lambda: desk.sign_in("123456")) == "wrong_sign_in"
    assert get_managed_person(desk.context(), issued.staff_id).link_until == issued.expires_at
    opened = read_link(desk.installation, token, START)
    assert (opened.email, opened.purpose, EMAIL.replace("@", "%40") in opened.totp_uri) == (
        EMAIL, LinkPurpose.INVITATION, True,
    )  # fmt: skip

    def use(password: str, typed: str) -> object:
        return use_link(desk.installation, token, password, typed, HERE, START)

    assert refused(lambda: use("short", "123456")) == "weak_password"
    assert refused(lambda: use(PASSWORD, "000000")) == "wrong_code"
    secret, codes = desk.join(issued)
    assert (len(codes), len(set(codes)), len(codes[0])) == (10, 10, 14)
    assert refused(lambda: desk.join(issued)) == "link_used"
    assert refused(lambda: read_link(desk.installation, "x", START)) == "unknown_join_link"
    assert (
        refused(lambda: desk.sign_in(totp_code(secret, START))) == "wrong_code"
    )  # it was used with the link
    desk.later(seconds=60)
    actor = desk.seen(desk.sign_in(totp_code(secret, desk.at)))
    assert actor.may(Permission.PARTICIPANT_ENROL, desk.site.study_id, desk.site.id)
    with desk.installation.read() as session:
        hashes = session.exec(select(RecoveryCode.code_hash)).all()
        assert not {each.replace(" ", "") for each in codes} & set(hashes)
    assert {AuditEvent.STAFF_INVITED, AuditEvent.STAFF_LINK_USED, AuditEvent.ROLE_GRANTED} <= desk.events()
    assert verify_trail(desk.installation) == []


@pytest.mark.req("IAM-11", "IAM-12")
def test_a_recovery_code_stands_in_once_and_new_ones_replace_all(desk: Desk) -> None:
    secret, codes = desk.join(desk.invite())
    cookie = desk.sign_in(codes[0])
    assert desk.seen(cookie).id
    assert refused(lambda: desk.sign_in(codes[0])) == "wrong_code"
    staff_id = get_managed_person(desk.context(), 3).staff_id
    own = desk.context(staff_id)
    assert get_own_account(own, staff_id).recovery_codes == 9
    desk.later(minutes=2)
    own = desk.context(staff_id)

    def renew(typed: str) -> Sequence[str]:
        return renew_recovery_codes(own, staff_id, OwnProof(PASSWORD, typed, HERE))

    wrong = OwnProof("wrong", codes[1], HERE)
    assert refused(lambda: renew_recovery_codes(own, staff_id, wrong)) == "wrong_password_now"
    assert refused(lambda: renew("000000")) == "wrong_code"
    fresh = renew(totp_code(secret, desk.at))
    assert refused(lambda: renew(totp_code(secret, desk.at))) == "wrong_code"
    assert refused(lambda: desk.sign_in(codes[2])) == "wrong_code"
    assert desk.seen(desk.sign_in(fresh[0])).id
    with desk.installation.read() as session:
        staff = session.get_one(Staff, staff_id)
    known = recognise_code(desk.installation, staff, fresh[1], desk.at)
    assert known is not None
    with desk.installation.open_work(SYSTEM, desk.at) as work:
        assert [spend_code(work, staff_id, known), spend_code(work, staff_id, known)] == [True, False]
    assert {AuditEvent.RECOVERY_CODE_USED, AuditEvent.RECOVERY_CODES_MADE} <= desk.events()


@pytest.mark.req("IAM-01", "IAM-02", "SIG-06")
def test_an_address_belongs_to_one_person_for_ever(desk: Desk) -> None:
    issued = desk.invite()
    assert refused(lambda: desk.invite(EMAIL.upper())) == "staff_exists"
    disable_person(desk.context(), issued.staff_id, "left")
    assert refused(desk.invite) == "staff_exists"
    assert refused(lambda: desk.join(issued)) == "unknown_join_link"
    assert refused(lambda: disable_person(desk.context(), issued.staff_id, "left")) == "already_disabled"
    assert (
        refused(lambda: reset_person(desk.context(), issued.staff_id, LinkPurpose.BOTH, "x"))
        == "staff_disabled"
    )
    assert (
        refused(lambda: grant_to_address(desk.context(), EMAIL, Role.NURSE, STUDY, None, None, "x"))
        == "staff_disabled"
    )
    enable_person(desk.context(), issued.staff_id, "is back")
    assert refused(lambda: enable_person(desk.context(), issued.staff_id, "x")) == "staff_enabled"
    assert refused(lambda: enable_staff(desk.system, "nobody@example.org", "x")) == "unknown_staff"
    assert refused(lambda: desk.join(issued)) == "unknown_join_link"  # it ended with the account
    again = reset_person(desk.context(), issued.staff_id, LinkPurpose.BOTH, "a new link")
    assert again.staff_id == issued.staff_id
    assert desk.join(again)[1]
    assert AuditEvent.STAFF_ENABLED in desk.events()
    for typed, code_of_refusal in (
        ({"name": " "}, "name_needed"),
        ({"email": "no address"}, "bad_email"),
        ({"reason": ""}, "reason_needed"),
        ({"language": "xx"}, "unknown_language"),
        ({"roles": ()}, "role_needed"),
        ({"roles": (Role.ADMIN, Role.NURSE), "email": "both@example.org"}, "admin_conduct"),
    ):
        assert refused(partial(desk.invite, **({"email": "n@example.org"} | typed))) == code_of_refusal


@pytest.mark.req("IAM-06", "IAM-12")
def test_a_reset_works_at_once_and_requires_the_rest(desk: Desk) -> None:
    issued = desk.invite()
    secret, _codes = desk.join(issued)
    desk.later(minutes=1)
    cookie = desk.sign_in(totp_code(secret, desk.at))
    reset = reset_person(desk.context(), issued.staff_id, LinkPurpose.PASSWORD, "forgotten")
    assert refused(lambda: desk.seen(cookie)) == "not_signed_in"
    assert refused(lambda: desk.sign_in("123456")) == "wrong_sign_in"
    token = reset.url.rpartition("/")[2]
    desk.later(minutes=1)

    def use(typed: str, at: datetime) -> object:
        return use_link(desk.installation, token, SECOND, typed, HERE, at)

    assert refused(lambda: use("000000", desk.at)) == "wrong_code"
    spent = totp_code(secret, desk.at - timedelta(seconds=60))
    assert refused(lambda: use(spent, desk.at - timedelta(seconds=60))) == "wrong_code"
    assert use(totp_code(secret, desk.at), desk.at) == ()
    desk.later(minutes=1)
    assert desk.seen(desk.sign_in(totp_code(secret, desk.at), password=SECOND)).id
    lost = reset_person(desk.context(), issued.staff_id, LinkPurpose.SECOND_FACTOR, "phone lost")
    desk.later(minutes=1)
    assert refused(lambda: desk.sign_in(totp_code(secret, desk.at), password=SECOND)) == "wrong_code"
    assert refused(lambda: desk.join(lost, "not the password")) == "wrong_password_now"
    both = reset_person(desk.context(), issued.staff_id, LinkPurpose.PASSWORD, "and the password")
    assert both.purpose is LinkPurpose.BOTH  # nothing is left by which the person could be known
    assert refused(lambda: desk.join(lost, SECOND)) == "unknown_join_link"
    desk.later(days=2)
    assert refused(lambda: desk.join(both)) == "link_expired"
    again = reset_person(desk.context(), issued.staff_id, LinkPurpose.PASSWORD, "too late")
    assert again.purpose is LinkPurpose.BOTH
    assert again.expires_at == desk.at + RESET_LIFE  # who was let in before is not invited again
    assert desk.join(again)[1]
    assert AuditEvent.STAFF_RESET in desk.events()
    assert verify_trail(desk.installation) == []


@pytest.mark.req("IAM-14", "IAM-02")
def test_nobody_grants_to_themselves_and_the_last_administrator_stays(desk: Desk) -> None:
    me = desk.context()
    assert (
        refused(lambda: grant_to_person(me, desk.admin_id, Role.NURSE, STUDY, None, None, "x")) == "own_grant"
    )
    assert refused(lambda: disable_person(me, desk.admin_id, "x")) == "own_account"
    mine = get_managed_person(me, desk.admin_id).grants[0].grant_id
    assert refused(lambda: revoke_grant(me, desk.admin_id, mine, "x")) == "own_grant"
    theirs = get_managed_person(me, desk.other_id).grants[0].grant_id

    def conduct() -> None:
        grant_to_person(me, desk.other_id, Role.NURSE, STUDY, None, None, "x")

    assert refused(conduct) == "admin_conduct"
    assert refused(lambda: revoke_grant(me, desk.other_id, mine, "x")) == "unknown_grant"
    revoke_grant(me, desk.other_id, theirs, "left")
    assert refused(lambda: revoke_grant(me, desk.other_id, theirs, "left")) == "grant_ended"
    assert refused(lambda: revoke_grant(desk.system, desk.admin_id, mine, "x")) == "last_admin"
    assert refused(lambda: disable_person(desk.system, desk.admin_id, "x")) == "last_admin"
    assert refused(lambda: enable_person(desk.context(), desk.admin_id, "x")) == "own_account"
    conduct()
    nurse = get_managed_person(me, desk.other_id).in_force[0].grant_id
    revoke_grant(me, desk.other_id, nurse, "a mistake")
    grant_to_person(me, desk.other_id, Role.ADMIN, STUDY, None, None, "back")
    assert refused(lambda: disable_staff(me, "boss1@example.org", "x")) == "own_account"
    disable_person(me, desk.other_id, "left")
    assert AuditEvent.ROLE_REVOKED in desk.events()


@pytest.mark.req("IAM-02", "IAM-03")
def test_a_site_s_administrator_reaches_that_site_alone(desk: Desk) -> None:
    there = open_site(desk.system, STUDY, site_entry("0021"))
    issued = desk.invite()
    local = desk.context(desk.other_id, there.id)
    assert refused(lambda: get_managed_person(local, issued.staff_id)) == "unknown_staff"

    def grant(site: str) -> int:
        return grant_to_address(local, EMAIL, Role.NURSE, STUDY, site, None, "helps")

    assert refused(lambda: grant("0571")) == "beyond_your_sites"
    assert (
        refused(lambda: grant_to_address(local, "no@example.org", Role.NURSE, STUDY, "0021", None, "x"))
        == "no_account"
    )
    assert grant("0021") == issued.staff_id
    assert refused(lambda: grant("0021")) == "grant_exists"
    assert refused(lambda: disable_person(local, issued.staff_id, "x")) == "works_elsewhere"
    assert refused(lambda: open_managed_site(local, STUDY, site_entry("0022"))) == "beyond_your_sites"
    assert [each.code for each in list_sites(local, STUDY)] == ["0021"]
    assert refused(lambda: get_site_details(local, desk.site.id)) == "unknown_site_number"
    assert refused(lambda: list_study_people(local, "other")) == "unknown_study"
    assert list_permitted_studies(local, Permission.STAFF_MANAGE) == (STUDY,)
    assert open_managed_site(desk.context(), STUDY, site_entry("0022")).code == "0022"


@pytest.mark.req("INV-06")
def test_a_monitor_s_role_ends_by_itself(desk: Desk) -> None:
    issued = desk.invite(roles=(Role.MONITOR,), ends_on=date(2026, 3, 9))
    secret, _codes = desk.join(issued)
    desk.at = datetime.combine(date(2026, 3, 9), START.timetz())
    assert desk.seen(desk.sign_in(totp_code(secret, desk.at))).grants
    desk.later(days=1)
    assert desk.seen(desk.sign_in(totp_code(secret, desk.at))).grants == ()
    unlimited = desk.invite("w@example.org", roles=(Role.MONITOR,))
    (grant,) = get_managed_person(desk.context(), unlimited.staff_id).grants
    assert grant.ends_on == desk.at.date() + LONGEST_VISIT
    late = desk.at.date() + LONGEST_VISIT + timedelta(days=1)

    def again(role: Role, day: date) -> IssuedLink:
        return desk.invite("v@example.org", roles=(role,), ends_on=day)

    assert refused(lambda: again(Role.MONITOR, late)) == "last_day_too_late"
    assert refused(lambda: again(Role.NURSE, date(2020, 1, 1))) == "last_day_past"
    assert refused(lambda: again(Role.ADMIN, late)) == "admin_has_no_end"
    assert again(Role.NURSE, late).staff_id


@pytest.mark.req("INV-06")
def test_a_role_ends_at_midnight_of_its_site_or_of_the_study(desk: Desk) -> None:
    away = replace(site_entry("0808"), zone="Pacific/Honolulu")
    honolulu = open_site(desk.system, STUDY, away)
    last = date(2026, 3, 9)
    issued = desk.invite(roles=(Role.INVESTIGATOR,), sites=("0571", "0808"), ends_on=last)
    secret, _codes = desk.join(issued)
    grant_to_person(desk.context(), issued.staff_id, Role.STATISTICIAN, STUDY, None, last, "x")
    study, here, there = desk.site.study_id, desk.site.id, honolulu.id

    def check(at: datetime, *sites: int | None) -> None:
        """Whoever asks finds the roles at these sites in force, and no others."""
        desk.at = at
        cookie, rules = desk.sign_in(totp_code(secret, at)), desk.context().grant_rules
        assert {grant.site_id for grant in desk.seen(cookie).grants} == set(sites)
        shown = get_managed_person(desk.context(), issued.staff_id).grants
        codes = {here: "0571", there: "0808", None: ""}
        assert {each.site for each in shown if each.in_force} == {codes[site] for site in sites}
        own = get_own_account(desk.context(), issued.staff_id).grants
        assert {each.site for each in own} == {codes[site] for site in sites}
        with desk.installation.read() as session:
            for site in (here, there):
                people_listed = list_site_staff(session, study, site, [Role.INVESTIGATOR], rules)
                assert list(people_listed) == [issued.staff_id] * (site in sites)
            signers = read_signers(session, study, rules)
        for site in (here, there):
            assert signers.can_sign("staff:0", site) is (site in sites)
            assert not signers.can_sign(f"staff:{issued.staff_id}", site)

    midnight = start_of_day(last + timedelta(days=1), "Asia/Shanghai")  # of the plan's zone, too
    check(midnight - timedelta(minutes=1), here, there, None)
    check(midnight, there)
    in_honolulu = start_of_day(last + timedelta(days=1), "Pacific/Honolulu")
    check(in_honolulu - timedelta(minutes=1), there)
    desk.at = in_honolulu - timedelta(minutes=1)
    assert refused(lambda: desk.invite("v@example.org", ends_on=last)) == "last_day_past"
    assert desk.invite("v@example.org", sites=("0808",), ends_on=last).staff_id
    check(in_honolulu)


@pytest.mark.req("IAM-06", "SEC-05")
def test_sessions_are_listed_ended_and_at_most_five(desk: Desk) -> None:
    secret, _codes = desk.join(desk.invite())
    cookies = []
    for _browser in range(MOST_BROWSERS + 1):
        desk.later(minutes=1)
        cookies.append(desk.sign_in(totp_code(secret, desk.at)))
    assert refused(lambda: desk.seen(cookies[0])) == "not_signed_in"
    own = desk.context(3)
    listed = list_sessions(own, 3, cookies[-1])
    assert (len(listed), [each.current for each in listed].index(True)) == (MOST_BROWSERS, 0)
    end_session(own, 3, listed[1].name)
    assert refused(lambda: end_session(own, 3, listed[1].name)) == "unknown_session"
    assert refused(lambda: desk.seen(cookies[-2])) == "not_signed_in"
    end_session(desk.context(), 3, list_sessions(desk.context(), 3)[-1].name, "left it open")
    assert AuditEvent.STAFF_SESSION_ENDED in desk.events()
    desk.later(minutes=1)

    def change(now: str, new: str, typed: str) -> None:
        change_own_password(desk.context(3), 3, OwnProof(now, typed, HERE), new, cookies[-1])

    right = totp_code(secret, desk.at)
    assert refused(lambda: change("wrong", SECOND, right)) == "wrong_password_now"
    assert refused(lambda: change(PASSWORD, PASSWORD, right)) == "same_password"
    change(PASSWORD, SECOND, right)
    assert refused(lambda: change(SECOND, PASSWORD, right)) == "wrong_code"
    assert [each.current for each in list_sessions(desk.context(3), 3, cookies[-1])] == [True]
    desk.later(minutes=1)
    assert desk.seen(desk.sign_in(totp_code(secret, desk.at), password=SECOND)).id
    assert AuditEvent.STAFF_PASSWORD_CHANGED in desk.events()
    assert get_own_account(desk.context(3), 3).grants[0].site == "0571"


@pytest.mark.req("IAM-05")
def test_the_letter_says_what_to_do_and_its_outcome_is_recorded(desk: Desk) -> None:
    issued, letters = desk.invite(), list[MessageText]()

    class Post:
        def __init__(self, fault: Exception | None = None) -> None:
            self.fault = fault

        def send(self, letter: MessageText) -> None:
            letters.append(letter)
            if self.fault:
                raise self.fault

    words = Catalogues.load(ROOT / "locales")
    outcomes = [
        StaffMail.load_texts(Post(fault), words).send_link(issued, START)
        for fault in (None, SendFailed("refused"), Unconfirmed())
    ]
    assert outcomes == [MailOutcome.SENT, MailOutcome.FAILED, MailOutcome.UNCONFIRMED]
    assert StaffMail.load_texts(None, words).send_link(issued, START) is None  # nobody was written to
    assert letters[0].to == EMAIL
    assert letters[0].subject == "Your account in Daybook"
    assert issued.url in letters[0].text
    assert "for 7 days" in letters[0].text
    record_mail(desk.context(), issued.link_id, MailOutcome.FAILED)
    with desk.installation.read() as session:
        assert session.get_one(StaffLink, issued.link_id).mailed is MailOutcome.FAILED
    assert AuditEvent.STAFF_LINK_MAILED in desk.events()


@pytest.mark.parametrize("purpose", [LinkPurpose.PASSWORD, LinkPurpose.SECOND_FACTOR, LinkPurpose.BOTH])
def test_whoever_cannot_sign_in_is_told_of_no_alert_and_signs_nothing(
    desk: Desk, purpose: LinkPurpose
) -> None:
    """Not before their link is used, and not while one is out after a reset of any kind."""

    def is_counted() -> bool:
        role, rules = (Role.INVESTIGATOR,), desk.context().grant_rules
        with desk.installation.read() as session:
            notified = list_site_staff(session, desk.site.study_id, desk.site.id, role, rules)
            signs = read_signers(session, desk.site.study_id, rules).can_sign("nurse@0571", desk.site.id)
        assert signs is (issued.staff_id in notified)
        return signs

    issued = desk.invite(roles=(Role.INVESTIGATOR,))
    assert not is_counted()
    desk.join(issued)
    assert is_counted()
    reset_person(desk.context(), issued.staff_id, purpose, "lost")
    assert not is_counted()
