"""Roles and what they allow, per study and site."""

from dataclasses import replace
from itertools import product

import pytest

from app.domain.desk.arm_blinding import sees_arm
from app.domain.people.role_views import find_view
from app.domain.plans.parsing import parse_plan
from app.domain.records.access import ROLE_PERMISSIONS, Actor, ActorKind, Grant, Permission, Role
from app.domain.refusal import BadDefinition
from tests.domain.trial import SHIPPED, SHIPPED_TEXT


@pytest.mark.req("IAM-02", "IAM-04", "IAM-14")
def test_every_role_has_its_own_rights() -> None:
    assert set(ROLE_PERMISSIONS) == set(Role)
    assert Permission.ARM_SEE not in ROLE_PERMISSIONS[Role.NURSE]
    assert ROLE_PERMISSIONS[Role.ADMIN] == {
        Permission.STAFF_MANAGE,
        Permission.SITE_MANAGE,
        Permission.ACCESS_SEE,
        Permission.PLAN_SEE,
    }
    reading = {Permission.PARTICIPANT_SEE, Permission.TRAIL_SEE, Permission.REPORT_SEE}
    exporting = {Permission.CUT_MAKE, Permission.EXPORT_RUN}
    reading |= {Permission.ANSWERS_SEE, Permission.ALERT_SEE, Permission.PLAN_SEE}
    assert ROLE_PERMISSIONS[Role.DATA_MANAGER] == reading | exporting | {Permission.MATTER_SETTLE}
    assert ROLE_PERMISSIONS[Role.MONITOR] == reading | {Permission.ACCESS_SEE}
    assert ROLE_PERMISSIONS[Role.STATISTICIAN] == exporting | {
        Permission.REPORT_SEE,
        Permission.ARM_SEE,
        Permission.ANSWERS_SEE,
        Permission.SCORES_SEE,
    }
    assert ROLE_PERMISSIONS[Role.SPONSOR_VIEWER] == {Permission.REPORT_SEE, Permission.EXPORT_RUN}
    assert not {Permission.ANSWERS_SEE, Permission.SCORES_SEE} & ROLE_PERMISSIONS[Role.NURSE]
    deciders = {role for role, may in ROLE_PERMISSIONS.items() if Permission.CORRECTION_DECIDE in may}
    assert deciders == {Role.INVESTIGATOR}
    assert {Permission.DISPOSITION_UNDO, Permission.PLAN_SEE} <= ROLE_PERMISSIONS[Role.INVESTIGATOR]


@pytest.mark.req("IAM-03")
def test_a_grant_reaches_its_own_study_and_site() -> None:
    actor = Actor(
        ActorKind.STAFF,
        "a",
        "nurse",
        (Grant(Role.NURSE, 1, 10), Grant(Role.NURSE, 1, 10), Grant(Role.MONITOR, 2, None)),
    )
    assert actor.may(Permission.PARTICIPANT_ENROL, 1, 10)
    assert not actor.may(Permission.PARTICIPANT_ENROL, 1, 11)
    assert not actor.may(Permission.PARTICIPANT_ENROL, 2, 10)
    assert actor.may(Permission.PARTICIPANT_SEE, 2, 99)
    assert actor.list_reach(Permission.PARTICIPANT_SEE) == ((1, 10), (2, None))
    assert actor.list_reach(Permission.DISPOSITION_UNDO) == ()


@pytest.mark.req("IAM-02", "IAM-03")
@pytest.mark.parametrize("other_site", [20, None])
def test_on_a_route_no_grant_reaches_where_the_routes_permission_does_not(other_site: int | None) -> None:
    """Whoever has a role at one site and another at a second, or in the whole study."""
    for here, there in product(Role, Role):
        free = Actor(ActorKind.STAFF, "a", "", (Grant(here, 1, 10), Grant(there, 1, other_site)))
        assert free.on_route(None) == free
        for of_route, permission in product(Permission, Permission):
            actor = free.on_route(of_route)
            reach = actor.list_reach(permission)
            for site in (10, 20, None):
                both = free.may(of_route, 1, site) and free.may(permission, 1, site)
                assert actor.may(permission, 1, site) is both
                assert ({(1, site), (1, None)} & set(reach) != set()) is both
        assert free.on_route(Permission.PLAN_SEE).permissions == free.permissions


@pytest.mark.req("IAM-02")
def test_the_arm_is_hidden_in_a_blinded_plan_from_whoever_may_not_see_it_everywhere() -> None:
    open_plan = replace(SHIPPED, blinded=False)
    blinded = replace(open_plan, blinded=True)
    both = (Grant(Role.INVESTIGATOR, 1, 10), Grant(Role.NURSE, 1, 11))
    actor = Actor(ActorKind.STAFF, "a", "investigator+nurse", both)
    assert sees_arm(actor, open_plan, 1, 10, 11, None)
    assert sees_arm(actor, blinded, 1, 10)
    assert not sees_arm(actor, blinded, 1, 11)
    assert not sees_arm(actor, blinded, 1, 10, 11)
    assert not sees_arm(actor, blinded, 1, None)


@pytest.mark.req("IAM-02", "INV-02")
def test_a_plan_grants_or_withholds_what_a_role_sees() -> None:
    sees = '[sees]\ninvestigator = ["answers"]\nnurse = ["scores"]\nmonitor = []\n\n'
    text = SHIPPED_TEXT.replace("[monitoring]", f"{sees}[monitoring]", 1)
    views = parse_plan(text, "plan.toml").role_views
    granted = {role: Grant(role, 1, None, find_view(views, role)).permissions for role in Role}
    usual = ROLE_PERMISSIONS
    assert granted[Role.INVESTIGATOR] == usual[Role.INVESTIGATOR] - {
        Permission.ARM_SEE,
        Permission.SCORES_SEE,
    }
    assert granted[Role.NURSE] == usual[Role.NURSE] | {Permission.SCORES_SEE}
    assert granted[Role.MONITOR] == usual[Role.MONITOR] - {Permission.ANSWERS_SEE}
    for role in (Role.DATA_MANAGER, Role.STATISTICIAN, Role.ADMIN, Role.SPONSOR_VIEWER):
        assert granted[role] == usual[role]
    blind = Actor(ActorKind.STAFF, "a", "investigator", (Grant(Role.INVESTIGATOR, 1, 10, frozenset()),))
    assert not blind.may(Permission.ARM_SEE, 1, 10)
    assert blind.list_reach(Permission.SCORES_SEE) == ()
    assert Permission.ANSWERS_SEE not in blind.permissions
    assert not sees_arm(blind, replace(SHIPPED, blinded=True), 1, 10)


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('admin = ["answers"]', "sees.admin"),
        ('sponsor_viewer = ["scores"]', "sees.sponsor_viewer"),
        ('nurse = ["trail"]', "sees.nurse"),
        ('nurse = ["arm", "arm"]', "sees.nurse"),
        ('nurse = "arm"', "sees.nurse"),
        ('investigator = ["arm", "scores"]', "sees.investigator"),
        ('doctor = ["arm"]', "sees.doctor"),
    ],
)
def test_a_plan_says_only_what_a_role_can_see(line: str, key: str) -> None:
    text = SHIPPED_TEXT.replace("[monitoring]", f"[sees]\n{line}\n\n[monitoring]", 1)
    with pytest.raises(BadDefinition) as refused:
        parse_plan(text, "plan.toml")
    assert refused.value.key == key
