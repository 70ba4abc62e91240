"""Roles and what they allow, per study and site."""

import pytest

from app.domain.records.access import ROLE_PERMISSIONS, Actor, ActorKind, Grant, Permission, Role


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
    assert actor.reach(Permission.PARTICIPANT_SEE) == ((1, 10), (2, None))
    assert actor.reach(Permission.DISPOSITION_UNDO) == ()
