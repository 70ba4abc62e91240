"""Everybody who has or had a role in a study; inviting, and giving a role to who has an account already."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from fastapi import APIRouter
from markupsafe import Markup
from starlette.responses import Response

from app.clinic.frame.form_faults import NO_FAULTS, FormFaults, list_faults
from app.clinic.frame.typed_day import TypedDay, read_typed_day
from app.clinic.people.field_words import FIELD_WORDS
from app.clinic.records.first_steps import draw_qr
from app.clinic.request import PostedFields, SignedInRequest, StaffRequest
from app.domain.records.access import Role
from app.domain.records.staff_links import LinkPurpose, MailOutcome
from app.domain.refusal import Refused, check_all
from app.domain.typed_text import drop_unwritable
from app.i18n.languages import ENGLISH, LANGUAGES
from app.services.core.context import StaffContext
from app.services.people.managed_people import StaffPerson, list_study_people
from app.services.people.role_grants import check_grant, find_account, grant_to_address
from app.services.people.site_desk import list_sites
from app.services.people.staff_links import (
    InvitationEntry,
    IssuedLink,
    check_invitation,
    invite_person,
    record_mail,
)
from app.services.people.staff_mail import StaffMail
from app.web.form_fields import narrow_act_code
from app.web.urls import STAFF, STAFF_EXISTING, STAFF_INVITATION, STAFF_PERSON

_AS_TYPED = ("name", "reason", *(f"_{part}" for part in ENGLISH.date_order))
"""How the names of fields end that hold words, or a box of a day."""


@dataclass(frozen=True, slots=True)
class StaffRow:
    """One account in the list."""

    person: StaffPerson
    url: str


@dataclass(frozen=True, slots=True)
class StaffListPage:
    """The people of a study."""

    template: ClassVar[str] = "clinic/people/list.html"
    study: str
    rows: tuple[StaffRow, ...]
    zone: str
    done: str


class Typed(dict[str, str]):
    """What was typed into a form; a field that was not sent is empty."""

    def __missing__(self, name: str) -> str:
        return ""

    def read_day(self, name: str) -> TypedDay:
        """The day that stands in the boxes of this name."""
        return read_typed_day(self, name)


@dataclass(frozen=True, slots=True)
class RoleForm:
    """What a form that gives roles offers."""

    study: str
    roles: tuple[str, ...]
    sites: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class InvitationPage:
    """Invite somebody new, or give a role to the person of an address that has an account."""

    template: ClassVar[str] = "clinic/people/invite.html"
    form: RoleForm
    languages: tuple[tuple[str, str], ...]
    back_url: str
    new: Typed
    existing: Typed
    faults: FormFaults = NO_FAULTS  # of the form `new` or `existing`


@dataclass(frozen=True, slots=True)
class IssuedLinkPage:
    """A link that was made just now: sent by mail, and shown this once to be handed over."""

    template: ClassVar[str] = "clinic/people/link.html"
    purpose: LinkPurpose
    name: str
    email: str
    url: str
    qr: Markup
    expires_at: datetime
    zone: str
    mailed: MailOutcome | None
    person_url: str


router = APIRouter(include_in_schema=False)


@router.get(STAFF)
def show_people_list(request: SignedInRequest, done: str = "") -> Response:
    people = list_study_people(request.context, request.study_code)
    rows = tuple(StaffRow(person, person_address(request, person.staff_id)) for person in people)
    return request.show(StaffListPage(request.study_code, rows, request.zone, done))


@router.get(STAFF_INVITATION)
def show_invitation_form(request: SignedInRequest) -> Response:
    return request.show(_invitation_page(request, Typed(language=request.frame.code), Typed()))


@router.post(STAFF_INVITATION)
def invite_staff(request: SignedInRequest, fields: PostedFields) -> Response:
    values, day = read_typed(fields), read_typed(fields).read_day("ends_on")
    entry = InvitationEntry(
        email=values["email"],
        name=values["name"],
        language=values["language"],
        study=request.study_code,
        roles=tuple(role for role in Role if values[f"role_{role}"]),
        sites=tuple(
            name.removeprefix("site_") for name, value in values.items() if name[:5] == "site_" and value
        ),
        ends_on=day.on,
        reason=values["reason"],
    )
    try:
        check_all(
            request.act.check_texts,
            lambda: day.parse_optional("ends_on"),
            lambda: check_invitation(request.context, entry),
        )
        issued = invite_person(request.context, entry)
    except Refused as refused:
        page, faults = _invitation_page(request, values, Typed()), _list_faults(request, refused, "new")
        return request.show(replace(page, faults=faults), refused)
    return show_link(request, issued)


@router.post(STAFF_EXISTING)
def grant_to_existing(request: SignedInRequest, fields: PostedFields) -> Response:
    values = read_typed(fields)
    try:
        form = role_form(request.context, request.study_code)
        check_all(
            lambda: find_account(request.context, values["email"]),
            lambda: check_role_form(request, form, values),
        )
        grant_to_address(
            request.context,
            values["email"],
            Role(values["role"]),
            request.study_code,
            values["site"] or None,
            values.read_day("ends_on").on,
            values["reason"],
        )
    except Refused as refused:
        page = _invitation_page(request, Typed(language=request.frame.code), values)
        return request.show(replace(page, faults=_list_faults(request, refused, "existing")), refused)
    return request.finish()


def show_link(request: StaffRequest, issued: IssuedLink) -> Response:
    """Send the link and show it; whoever presses again is led on, and the link is not shown again."""
    mail: StaffMail = request.http.app.state.staff_mail
    outcome = mail.send_link(issued, request.at)
    if outcome is not None:
        record_mail(replace(request.context, act=None), issued.link_id, outcome)
    return request.show(
        IssuedLinkPage(
            purpose=issued.purpose,
            name=issued.name,
            email=issued.email,
            url=issued.url,
            qr=draw_qr(issued.url),
            expires_at=issued.expires_at,
            zone=request.zone,
            mailed=outcome,
            person_url=person_address(request, issued.staff_id),
        )
    )


def person_address(request: StaffRequest, staff_id: int) -> str:
    """The address of an account's page."""
    return request.frame.within(STAFF_PERSON.format(staff=staff_id))


def read_typed(fields: PostedFields) -> Typed:
    """The fields of an act as typed: words as they are, all of it without what cannot be stored.

    For that the act itself is refused (`app/web/acts.py` `read_act`), on the page of the form.
    """
    return Typed(
        (name, drop_unwritable(value) if name.endswith(_AS_TYPED) else narrow_act_code(value))
        for name, value in fields.items()
        if name != "act"
    )


def check_role_form(request: StaffRequest, form: RoleForm, values: Typed) -> None:
    """The role, its site, the last day and the reason that a form names.

    Raises Refused: "unknown_site", or as `check_grant`.
    """
    day, site = values.read_day("ends_on"), values["site"]
    chosen = site if site in dict(form.sites) else None
    check_all(
        request.act.check_texts,
        lambda: check_site_choice(form.sites, site),
        lambda: day.parse_optional("ends_on"),
        lambda: check_grant(request.context, values["role"], form.study, chosen, day.on, values["reason"]),
    )


def check_site_choice(sites: Sequence[tuple[str, str]], site: str) -> None:
    """Refuse what is none of these sites; none chosen is all of them. Raises Refused("unknown_site")."""
    codes = tuple(code for code, _name in sites)
    if site and site not in codes:
        raise Refused("unknown_site", field="site", allowed=codes)


def role_form(context: StaffContext, study: str) -> RoleForm:
    """The roles and the sites of a study that a form can give."""
    sites = tuple((site.code, f"{site.code} {site.details.name}") for site in list_sites(context, study))
    return RoleForm(study, tuple(role.value for role in Role), sites)


def _invitation_page(request: StaffRequest, new: Typed, existing: Typed) -> InvitationPage:
    return InvitationPage(
        form=role_form(request.context, request.study_code),
        languages=tuple((known.code, known.name) for known in LANGUAGES),
        back_url=request.frame.within(STAFF),
        new=new,
        existing=existing,
    )


def _list_faults(request: StaffRequest, refused: Refused, form: str) -> FormFaults:
    prefix = "known-" if form == "existing" else ""
    return list_faults(request, refused, FIELD_WORDS, form=form, prefix=prefix)
