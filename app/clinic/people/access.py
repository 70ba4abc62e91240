"""Who has access to a study: the review and its record, the report, and what each role may do."""

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends
from starlette.responses import Response

from app.clinic.frame.form_faults import NO_FAULTS, FormFaults, list_faults
from app.clinic.frame.permission_words import name_permission
from app.clinic.frame.typed_day import NOTHING_TYPED, TypedDay, day_of_address
from app.clinic.people.field_words import FIELD_WORDS
from app.clinic.people.people_list import StaffRow, person_address
from app.clinic.request import SignedInRequest, StaffRequest
from app.domain.people.duties import ENDING_ROLES
from app.domain.people.role_views import find_view
from app.domain.plans.windows import local_day
from app.domain.records.access import Permission, Role, permissions_of
from app.domain.refusal import Refused
from app.services.people.access_review import (
    ReviewRecord,
    digest_access,
    list_reviews,
    record_review,
    write_access_report,
)
from app.services.people.managed_people import list_study_people
from app.web.form_fields import ActCode, ActWords, parse_number
from app.web.pages.rendering import Pages
from app.web.urls import ACCESS_REPORT, ACCESS_REVIEW, ROLE_MATRIX, STAFF_PERSON


@dataclass(frozen=True, slots=True)
class AccessReviewPage:
    """Who has what where now, earlier reviews, and the form that records one, for administrators."""

    template: ClassVar[str] = "clinic/people/review.html"
    study: str
    rows: tuple[StaffRow, ...]
    stale: frozenset[int]
    reviews: tuple[ReviewRecord, ...]
    listed: str
    zone: str
    report_url: str
    matrix_url: str
    may_review: bool
    only_sites: bool
    done: str = ""
    notes: str = ""
    on: TypedDay = NOTHING_TYPED
    faults: FormFaults = NO_FAULTS


@dataclass(frozen=True, slots=True)
class RoleMatrixPage:
    """What each role may do, as the program enforces it."""

    template: ClassVar[str] = "clinic/people/matrix.html"
    roles: tuple[str, ...]
    rows: tuple[tuple[str, tuple[bool, ...]], ...]
    ending: tuple[str, ...]


router = APIRouter(include_in_schema=False)


@router.get(ACCESS_REVIEW)
def show_access(request: SignedInRequest, done: str = "") -> Response:
    return request.show(_page(request, done=done))


@router.post(ACCESS_REVIEW)
def record_access_review(
    request: SignedInRequest, listed: ActCode = "", seen: ActCode = "", notes: ActWords = ""
) -> Response:
    try:
        record_review(request.context, request.study_code, listed, notes, parse_number(seen or "0", "seen"))
    except Refused as refused:
        faults = list_faults(request, refused, FIELD_WORDS)
        return request.show(replace(_page(request.as_on(ACCESS_REVIEW), notes=notes), faults=faults), refused)
    return request.finish()


@router.get(ACCESS_REPORT)
def download_access_report(
    request: SignedInRequest, on: Annotated[TypedDay, Depends(day_of_address("on"))]
) -> Response:
    """All roles that somebody has or had; with a day those that counted then."""
    try:
        day = on.parse("on") if on else None
    except Refused as refused:
        page = replace(_page(request), on=on, faults=list_faults(request, refused, FIELD_WORDS))
        return request.show(page, refused)
    written = write_access_report(request.context, request.study_code, day, request.zone)
    name = f"access-{request.study_code}-{day or local_day(request.at, request.zone):%Y%m%d}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(written, media_type="text/csv; charset=utf-8", headers=headers)


@router.get(ROLE_MATRIX)
def show_role_matrix(request: SignedInRequest) -> Response:
    roles = tuple(Role)
    pages: Pages = request.http.app.state.pages
    views = request.plan.role_views
    allowed = [permissions_of(role, find_view(views, role)) for role in roles]
    rows = tuple(
        (
            pages.translate(name_permission(permission), request.frame),
            tuple(permission in permissions for permissions in allowed),
        )
        for permission in Permission
    )
    ending = tuple(role.value for role in roles if role in ENDING_ROLES)
    return request.show(RoleMatrixPage(tuple(role.value for role in roles), rows, ending))


def _page(request: StaffRequest, done: str = "", notes: str = "") -> AccessReviewPage:
    people = list_study_people(request.context, request.study_code, Permission.ACCESS_SEE)
    manages = request.offers_route(STAFF_PERSON)
    whole = request.study is not None and request.actor.may(Permission.STAFF_MANAGE, request.study.id, None)
    return AccessReviewPage(
        study=request.frame.study.name if request.frame.study else "",
        rows=tuple(
            StaffRow(person, person_address(request, person.staff_id) if manages else "") for person in people
        ),
        stale=frozenset(person.staff_id for person in people if person.is_stale(request.at)),
        reviews=list_reviews(request.context, request.study_code),
        listed=digest_access(people),
        zone=request.zone,
        report_url=request.frame.within(ACCESS_REPORT),
        matrix_url=request.frame.within(ROLE_MATRIX),
        may_review=whole,
        only_sites=manages and not whole,
        done=done,
        notes=notes,
    )
