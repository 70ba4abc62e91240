"""One account: its roles, its browsers, and what an administrator does with it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import Response

from app.clinic.frame.form_faults import NO_FAULTS, FormFaults, list_faults
from app.clinic.people.field_words import FIELD_WORDS
from app.clinic.people.people_list import (
    RoleForm,
    Typed,
    check_role_form,
    read_typed,
    role_form,
    show_link,
)
from app.clinic.request import PostedFields, SignedInRequest, StaffRequest
from app.domain.records.access import Permission, Role
from app.domain.records.staff_links import LinkPurpose
from app.domain.refusal import Refused
from app.services.core.context import StaffContext
from app.services.people.account_acts import AccountAct, list_account_acts
from app.services.people.managed_people import StaffPerson, get_managed_person, list_permitted_studies
from app.services.people.role_grants import (
    disable_person,
    enable_person,
    grant_to_person,
    revoke_grant,
)
from app.services.people.staff_links import reset_person
from app.services.people.staff_sessions import OpenSession, end_session, list_sessions
from app.web.form_fields import ActCode, ActWords, RowNumber
from app.web.urls import (
    STAFF,
    STAFF_DISABLING,
    STAFF_ENABLING,
    STAFF_GRANT,
    STAFF_GRANTS,
    STAFF_PERSON,
    STAFF_RESET,
    STAFF_SESSION,
)


@dataclass(frozen=True, slots=True)
class StaffPersonPage:
    """An account; `faults` name the form that was refused, `values` are what was typed into it."""

    template: ClassVar[str] = "clinic/people/person.html"
    person: StaffPerson
    staff_id: int
    back_url: str
    own: bool
    forms: tuple[RoleForm, ...]
    sessions: tuple[OpenSession, ...]
    acts: Sequence[AccountAct]
    zone: str
    values: Typed
    untyped: Typed
    done: str = ""
    faults: FormFaults = NO_FAULTS


router = APIRouter(include_in_schema=False)


@router.get(STAFF_PERSON)
def show_person(request: SignedInRequest, staff: RowNumber, done: str = "") -> Response:
    return request.show(_page(request, staff, done=done))


@router.post(STAFF_GRANTS)
def give_role(request: SignedInRequest, staff: RowNumber, fields: PostedFields) -> Response:
    values = read_typed(fields)
    study = values["study"]

    def act() -> None:
        check_role_form(request, role_form(in_every_study(request), study), values)
        role, site, ends_on = Role(values["role"]), values["site"] or None, values.read_day("ends_on").on
        grant_to_person(in_every_study(request), staff, role, study, site, ends_on, values["reason"])

    return _do(request, staff, f"grant-{study}", values, act)


@router.post(STAFF_GRANT)
def post_role_revocation(
    request: SignedInRequest, staff: RowNumber, grant: RowNumber, reason: ActWords = ""
) -> Response:
    return _do(
        request,
        staff,
        f"revoke-{grant}",
        Typed(reason=reason),
        lambda: revoke_grant(in_every_study(request), staff, grant, reason),
    )


@router.post(STAFF_RESET)
def reset_account(
    request: SignedInRequest, staff: RowNumber, purpose: ActCode = "", reason: ActWords = ""
) -> Response:
    try:
        chosen = LinkPurpose(purpose) if purpose in set(LinkPurpose) else LinkPurpose.BOTH
        issued = reset_person(in_every_study(request), staff, chosen, reason)
    except Refused as refused:
        return _refuse(request, staff, "reset", Typed(purpose=purpose, reason=reason), refused)
    return show_link(request, issued)


@router.post(STAFF_DISABLING)
def disable_account(request: SignedInRequest, staff: RowNumber, reason: ActWords = "") -> Response:
    act = lambda: disable_person(in_every_study(request), staff, reason)  # noqa: E731 - one act of one line
    return _do(request, staff, "disable", Typed(reason=reason), act)


@router.post(STAFF_ENABLING)
def enable_account(request: SignedInRequest, staff: RowNumber, reason: ActWords = "") -> Response:
    act = lambda: enable_person(in_every_study(request), staff, reason)  # noqa: E731 - one act of one line
    return _do(request, staff, "enable", Typed(reason=reason), act)


@router.post(STAFF_SESSION)
def end_staff_session(
    request: SignedInRequest, staff: RowNumber, session: str, reason: ActWords = ""
) -> Response:
    return _do(
        request,
        staff,
        f"session-{session}",
        Typed(reason=reason),
        lambda: end_session(in_every_study(request), staff, session, reason),
    )


def _do(request: StaffRequest, staff: int, form: str, values: Typed, act: Callable[[], None]) -> Response:
    try:
        act()
    except Refused as refused:
        return _refuse(request, staff, form, values, refused)
    return request.finish()


def _refuse(request: StaffRequest, staff: int, form: str, values: Typed, refused: Refused) -> Response:
    """The account as it is now, why nothing was done, and what was typed."""
    if refused.code in ("unknown_staff", "unknown_grant", "unknown_study"):
        raise refused
    faults = list_faults(request, refused, FIELD_WORDS, form=form, prefix=f"{form}-")
    return request.show(replace(_page(request, staff), faults=faults, values=values), refused)


def _page(request: StaffRequest, staff: int, done: str = "") -> StaffPersonPage:
    person = get_managed_person(in_every_study(request), staff)
    own = request.staff.staff_id == staff
    studies = list_permitted_studies(in_every_study(request), Permission.STAFF_MANAGE)
    return StaffPersonPage(
        person=person,
        staff_id=staff,
        back_url=request.frame.within(STAFF),
        own=own,
        forms=() if own else tuple(role_form(in_every_study(request), study) for study in studies),
        sessions=list_sessions(in_every_study(request), staff),
        acts=list_account_acts(in_every_study(request), staff),
        zone=request.zone,
        values=Typed(),
        untyped=Typed(),
        done=done,
    )


def in_every_study(request: StaffRequest) -> StaffContext:
    """The context with the grants of all the caller's studies: an account is one, whatever the study.

    Use cases of accounts name the study that they are about, and ask the grants of each.
    """
    return replace(request.context, actor=request.staff.actor)
