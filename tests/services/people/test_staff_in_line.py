"""Several people act on one account: whoever waits in line judges what is true when it is their turn."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from threading import Thread

import pytest

from app.domain.records.access import Grant, Role, staff_actor
from app.domain.records.audit import AuditEvent
from app.domain.records.staff_links import LinkPurpose
from app.domain.refusal import Refused
from app.services.accounts.staff_session import ABSOLUTE, MOST_BROWSERS, confirm_second_factor, sign_in_staff
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.people.access_review import digest_access, record_review
from app.services.people.managed_people import get_managed_person, list_study_people
from app.services.people.own_account import change_own_password, renew_recovery_codes
from app.services.people.own_proof import OwnProof
from app.services.people.role_grants import disable_person, enable_person, grant_to_address
from app.services.people.site_desk import close_site, digest_details, get_site_details, update_site
from app.services.people.staff_links import LINK_LIFE, RESET_LIFE, reset_person
from app.services.people.staff_sessions import end_session, list_sessions
from app.services.setup.studies import (
    create_granted_staff,
    create_staff,
    disable_staff,
    enable_staff,
    open_site,
)
from app.storage.queries.participants import get_site_by_code
from app.storage.queries.staff import list_grant_rows
from app.storage.row_changes import INSTALLATION_CHAIN, study_chain
from app.storage.tables.studies import Site
from tests.refusals import refused
from tests.scenarios.beginnings import SITE, make_stage, site_of
from tests.scenarios.people import site_entry
from tests.scenarios.staff_desk import EMAIL, HERE, PASSWORD, SECOND, STUDY, Desk, open_desk, totp_code
from tests.stages import Stage

LOCAL = "local@example.org"
HEAD_START = 0.3
"""Seconds in which somebody gets as far as the line; a slow machine makes the test weaker, and never red."""


@dataclass
class Ward:
    """A nurse of the first site who can sign in, and the administrator of the second site."""

    desk: Desk
    nurse_id: int
    secret: str
    there: StaffContext

    def give_elsewhere(self, context: StaffContext) -> None:
        """A role at the second site, by its administrator."""
        there = StaffContext(context.installation, self.there.actor, context.at, opened=context.opened)
        grant_to_address(there, EMAIL, Role.NURSE, STUDY, "0021", None, "helps out")

    @property
    def here(self) -> StaffContext:
        """The administrator of the first site alone."""
        return self.desk.context(self.desk.other_id, self.desk.site.id)

    def own(self) -> StaffContext:
        return self.desk.context(self.nurse_id)


def _ward(installation: Installation) -> Sequence[str]:
    desk = open_desk(installation, site_of(installation))
    issued = desk.invite()
    secret, _codes = desk.join(issued)
    desk.later(minutes=1)
    there = desk.local(open_site(desk.system, STUDY, site_entry("0021")))
    return secret, *map(str, (desk.admin_id, desk.other_id, issued.staff_id)), there.actor.id


WARD = make_stage(_ward, SITE)


@pytest.fixture
def stage(stage: Stage | None, request: pytest.FixtureRequest) -> Stage | None:
    return WARD if "ward" in request.fixturenames else stage


@pytest.fixture
def ward(
    installation: Installation, site: Site, migrated_url: str, secrets: dict[str, tuple[str, ...]]
) -> Ward:
    secret, *numbers, local = secrets[migrated_url]
    admin, other, nurse = map(int, numbers)
    desk = Desk(installation, site, admin, other)
    desk.later(minutes=1)
    with installation.read() as session:
        there = get_site_by_code(session, site.study_id, "0021")
    grants = (Grant(Role.ADMIN, there.study_id, there.id),)
    actor = staff_actor(int(local.rpartition(":")[2]), grants)
    return Ward(desk, nurse, secret, StaffContext(installation, actor, desk.at))


def in_line(
    desk: Desk,
    first: Callable[[StaffContext], object],
    second: Callable[[], object],
    chain: str = INSTALLATION_CHAIN,
) -> str:
    """What the second is told who begins while the first act is not done yet; "" when it is done as well."""
    results: list[str] = []

    def act() -> None:
        try:
            second()
        except Refused as refusal:
            results.append(refusal.code)
        else:
            results.append("")

    with desk.system.unit_of_work() as work:
        work.lock(chain)
        first(desk.system.join_work(work))
        work.session.flush()
        waiting = Thread(target=act)
        waiting.start()
        waiting.join(HEAD_START)
        assert waiting.is_alive()
    waiting.join()
    (answer,) = results
    return answer


@pytest.mark.req("IAM-03", "IAM-12")
@pytest.mark.parametrize("act", ["reset", "disable", "enable", "sign out"])
def test_a_role_granted_elsewhere_makes_the_account_unreachable(ward: Ward, act: str) -> None:
    desk, number = ward.desk, ward.nurse_id
    desk.sign_in(totp_code(ward.secret, desk.at))
    browser = list_sessions(desk.context(), number)[0].name
    acts: dict[str, Callable[[], object]] = {
        "reset": lambda: reset_person(ward.here, number, LinkPurpose.BOTH, "x"),
        "disable": lambda: disable_person(ward.here, number, "x"),
        "enable": lambda: enable_person(ward.here, number, "x"),
        "sign out": lambda: end_session(ward.here, number, browser, "x"),
    }

    def first(context: StaffContext) -> None:
        ward.give_elsewhere(context)
        if act == "enable":
            disable_staff(context, EMAIL, "left")

    assert in_line(desk, first, acts[act]) == "works_elsewhere"


@pytest.mark.req("IAM-06")
def test_nobody_gives_a_role_to_an_account_that_is_being_disabled(ward: Ward) -> None:
    def grant() -> None:
        grant_to_address(ward.desk.context(), EMAIL, Role.DATA_MANAGER, STUDY, None, None, "x")

    results = in_line(ward.desk, lambda context: disable_staff(context, EMAIL, "left"), grant)
    assert results == "staff_disabled"
    with ward.desk.installation.read() as session:
        assert len(list_grant_rows(session, ward.nurse_id, ward.desk.context().grant_rules)) == 1


@pytest.mark.req("IAM-14")
def test_two_administrators_who_reset_each_other_do_not_lock_the_study(desk: Desk) -> None:
    def reset(context: StaffContext, by: int, whom: int) -> None:
        reset_person(
            StaffContext(context.installation, desk.context(by).actor, desk.at, opened=context.opened),
            whom,
            LinkPurpose.PASSWORD,
            "x",
        )

    results = in_line(
        desk,
        lambda context: reset(context, desk.admin_id, desk.other_id),
        lambda: reset(desk.system, desk.other_id, desk.admin_id),
    )
    assert results == "last_admin"
    reset_person(desk.system, desk.admin_id, LinkPurpose.PASSWORD, "the operator may")
    desk.at += RESET_LIFE
    again = reset_person(desk.context(), desk.other_id, LinkPurpose.BOTH, "who can't sign in anyway")
    assert again.purpose is LinkPurpose.BOTH


@pytest.mark.req("IAM-01")
def test_two_invitations_of_one_address_make_one_account(desk: Desk) -> None:
    results = in_line(desk, lambda context: desk.invite(by=context), desk.invite)
    assert results == "staff_exists"
    results = in_line(
        desk,
        lambda context: create_staff(context, LOCAL, "A", PASSWORD, "en"),
        lambda: create_staff(desk.system, LOCAL, "B", PASSWORD, "en"),
    )
    assert results == "staff_exists"


@pytest.mark.req("IAM-06", "IAM-12")
@pytest.mark.parametrize("act", ["sign in", "password", "codes"])
def test_a_reset_is_not_undone_by_what_was_checked_before(ward: Ward, act: str) -> None:
    desk, number = ward.desk, ward.nurse_id
    desk.sign_in(totp_code(ward.secret, desk.at))
    desk.later(minutes=1)
    typed = totp_code(ward.secret, desk.at)
    proof = OwnProof(PASSWORD, typed, HERE)
    acts: dict[str, Callable[[], object]] = {
        "sign in": lambda: desk.sign_in(typed),
        "password": lambda: change_own_password(ward.own(), number, proof, SECOND, None),
        "codes": lambda: renew_recovery_codes(ward.own(), number, proof),
    }

    def reset(context: StaffContext) -> None:
        reset_person(context, number, LinkPurpose.PASSWORD, "stolen")

    results = in_line(desk, reset, acts[act])
    assert results == {"sign in": "wrong_sign_in"}.get(act, "not_signed_in")
    person = get_managed_person(desk.context(), number)
    assert not person.has_password
    assert list_sessions(desk.context(), number) == ()


@pytest.mark.req("IAM-12")
def test_a_second_factor_removed_before_the_code_is_not_required(ward: Ward) -> None:
    """The half session ends with the reset, and its code is worth nothing."""
    desk = ward.desk

    def reset(context: StaffContext) -> None:
        reset_person(context, ward.nurse_id, LinkPurpose.SECOND_FACTOR, "phone lost")

    typed, later = totp_code(ward.secret, desk.at), desk.at + timedelta(seconds=1)
    half = sign_in_staff(desk.installation, EMAIL, PASSWORD, HERE, desk.at)
    confirm = lambda: confirm_second_factor(desk.installation, half, typed, HERE, later)  # noqa: E731 - short
    assert in_line(desk, reset, confirm) in ("wrong_code", "not_signed_in")


@pytest.mark.req("IAM-03", "IAM-05")
def test_nobody_knows_a_link_of_an_account_with_roles_beyond_them(desk: Desk) -> None:
    there = desk.local(open_site(desk.system, STUDY, site_entry("0021")))
    issued = desk.invite(by=desk.local(desk.site))

    def give(context: StaffContext, site: str) -> int:
        return grant_to_address(context, EMAIL, Role.INVESTIGATOR, STUDY, site, None, "works here too")

    # Not by who could give it otherwise, not by who administers all of it, and not by the operator.
    for context in (there, desk.context(), desk.system):
        assert refused(partial(give, context, "0021")) == "sign_in_not_set_up"
    assert give(desk.context(), "0571") == issued.staff_id  # whoever made the link can give this as well
    renewed = reset_person(desk.context(), issued.staff_id, LinkPurpose.BOTH, "made by the study")
    assert refused(lambda: desk.join(issued)) == "unknown_join_link"
    assert give(there, "0021") == issued.staff_id  # its maker administers both
    assert desk.join(renewed)[1]
    assert refused(lambda: reset_person(there, issued.staff_id, LinkPurpose.BOTH, "x")) == "works_elsewhere"


@pytest.mark.req("IAM-12")
def test_only_who_was_never_let_in_is_invited_again(desk: Desk) -> None:
    invited = desk.invite()
    again = reset_person(desk.context(), invited.staff_id, LinkPurpose.PASSWORD, "letter lost")
    assert (again.purpose, again.expires_at) == (LinkPurpose.INVITATION, desk.at + LINK_LIFE)
    issued = create_staff(desk.system, LOCAL, "Made", PASSWORD, "en")
    for _twice in range(2):
        reset = reset_person(desk.system, issued.staff_id, LinkPurpose.BOTH, "lost")
        assert (reset.purpose, reset.expires_at) == (LinkPurpose.BOTH, desk.at + RESET_LIFE)


@pytest.mark.req("IAM-01", "IAM-12")
def test_the_operator_reaches_an_account_without_a_role(desk: Desk) -> None:
    issued = create_staff(desk.system, LOCAL, "Made", PASSWORD, "en")
    assert refused(lambda: get_managed_person(desk.context(), issued.staff_id)) == "unknown_staff"
    assert refused(lambda: get_managed_person(desk.system, 999)) == "unknown_staff"
    disable_person(desk.system, issued.staff_id, "left")
    enable_staff(desk.system, LOCAL, "is back")
    assert reset_person(desk.system, issued.staff_id, LinkPurpose.BOTH, "lost").email == LOCAL

    def create(site: str) -> int:
        entry = ("new@example.org", "New", PASSWORD, "en", Role.NURSE, STUDY, site)
        return create_granted_staff(desk.system, *entry).staff_id

    assert refused(lambda: create("9999")) == "unknown_site"
    assert get_managed_person(desk.context(), create("0571")).in_force  # the address was not taken


@pytest.mark.req("SEC-05")
def test_expired_sessions_do_not_count_as_browsers(ward: Ward) -> None:
    desk = ward.desk
    for _browser in range(MOST_BROWSERS):
        desk.sign_in(totp_code(ward.secret, desk.at))
        desk.later(minutes=1)
    desk.at += ABSOLUTE
    desk.sign_in(totp_code(ward.secret, desk.at))
    assert AuditEvent.STAFF_SESSION_ENDED not in desk.events()
    assert len(list_sessions(desk.context(), ward.nurse_id)) == 1


@pytest.mark.req("IAM-02")
@pytest.mark.parametrize("act", ["change", "close", "open"])
def test_two_acts_on_a_site_are_one_after_the_other(desk: Desk, act: str) -> None:
    number, me = desk.site.id, desk.context()
    stored = get_site_details(me, number).details
    shown = digest_details(stored)

    def change(context: StaffContext, name: str) -> None:
        update_site(context, number, replace(stored, name=name), shown, "moved")

    acts: dict[str, tuple[Callable[[StaffContext], object], Callable[[], object], str]] = {
        "change": (lambda first: change(first, "East"), lambda: change(me, "West"), "state_changed"),
        "close": (
            lambda first: close_site(first, number, "full"),
            lambda: close_site(me, number, "full"),
            "site_closed",
        ),
        "open": (
            lambda first: open_site(first, STUDY, site_entry("0021")),
            lambda: open_site(me, STUDY, site_entry("0021")),
            "site_exists",
        ),
    }
    first, second, refusal = acts[act]
    assert in_line(desk, first, second, study_chain(desk.site.study_id)) == refusal


@pytest.mark.req("IAM-07")
def test_a_review_is_of_the_access_at_its_moment(ward: Ward) -> None:
    """A role that is given while the review is on its way was not looked through."""
    desk = ward.desk
    listed = digest_access(list_study_people(desk.context(), STUDY))
    results = in_line(
        desk, ward.give_elsewhere, lambda: record_review(desk.context(), STUDY, listed, "all work here")
    )
    assert results == "access_changed"
