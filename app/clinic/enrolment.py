"""Enrolment and new invitations; both end with the sheet that leads a phone in."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, ClassVar
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from app.clinic.enrolment_windows import EnrolmentWindow, list_enrolment_windows
from app.clinic.forms.answer_rows import name_form
from app.clinic.frame.form_faults import NO_FAULTS, FormFaults, find_field, list_faults, words_by_label
from app.clinic.frame.refusal_words import LABELS
from app.clinic.frame.studies import STUDY
from app.clinic.frame.typed_day import TypedDay, day_of_address, read_typed_day
from app.clinic.records.first_steps import show_sheet
from app.clinic.records.participant_acts import show_refused
from app.clinic.request import PermittedRequest, SignedInRequest, StaffRequest, url_of_participant
from app.domain.plans.plan import Plan, SecondCheck
from app.domain.plans.windows import local_day
from app.domain.refusal import Refused, check_all
from app.i18n.languages import find_language
from app.i18n.marking import N_
from app.services.accounts.birth_dates import check_birth_date
from app.services.accounts.contacts import ContactChannel, parse_contact_address, parse_telephone
from app.services.clinic.invitation_sheets import enrol_with_invitation, renew_invitation
from app.services.clinic.participant_list import find_participant
from app.services.clinic.staff_sites import StaffSite, list_enrolment_sites
from app.services.schedule.enrolment import (
    EnrolmentEntry,
    IdentityCheck,
    check_consent_version,
    check_form_language,
    check_past_day,
    check_subject,
)
from app.web.acts import FIELD
from app.web.form_fields import DayPartField, NarrowedAct, read_birth_date
from app.web.urls import ENROL, INVITATION


@dataclass(frozen=True, slots=True)
class EnrolPage:
    """The enrolment form, with what was typed when something was refused.

    `asks_birth_date`: the study confirms people by it. `would_miss` is the fingerprint of what a past day
    does, by which it is accepted as it is shown. `windows` are those that the day of enrolment opens.
    """

    template: ClassVar[str] = "clinic/enrol.html"
    sites: tuple[tuple[str, str], ...]
    languages: tuple[tuple[str, str], ...]
    shape: str  # the pattern for people
    values: dict[str, str]
    enrolled_on: TypedDay
    consented_on: TypedDay
    born_on: TypedDay
    channels: tuple[str, ...] = tuple(ContactChannel)
    faults: FormFaults = NO_FAULTS
    existing_url: str = ""
    asks_birth_date: bool = False
    would_miss: str = ""
    windows_from: date | None = None
    windows: tuple[EnrolmentWindow, ...] = ()


@dataclass(frozen=True, slots=True)
class ClosedEnrolmentPage:
    """Instead of the form where none of one's sites enrols: those that are closed."""

    template: ClassVar[str] = "clinic/enrol_closed.html"
    sites: tuple[str, ...]


EnrolmentField = Annotated[str, Field(max_length=200), NarrowedAct]

router = APIRouter(include_in_schema=False)


class EnrolmentForm(BaseModel):
    """The enrolment form as it is typed; nothing else is taken."""

    model_config = ConfigDict(extra="forbid")
    site: EnrolmentField = ""
    subject: EnrolmentField = ""
    language: EnrolmentField = ""
    enrolled_on: EnrolmentField = ""
    enrolled_on_year: DayPartField = ""
    enrolled_on_month: DayPartField = ""
    enrolled_on_day: DayPartField = ""
    consent_version: EnrolmentField = ""
    consented_on: EnrolmentField = ""
    consented_on_year: DayPartField = ""
    consented_on_month: DayPartField = ""
    consented_on_day: DayPartField = ""
    identity_check: EnrolmentField = ""
    channel: EnrolmentField = ""
    address: EnrolmentField = ""
    telephone: EnrolmentField = ""
    birth_year: DayPartField = ""
    birth_month: DayPartField = ""
    birth_day: DayPartField = ""
    accepts_missed: EnrolmentField = ""
    study: EnrolmentField = ""
    act: EnrolmentField = ""


_ON = day_of_address("enrolled_on")
FIELDS = tuple(name for name in EnrolmentForm.model_fields if name not in (FIELD, STUDY))


@router.get(ENROL)
def show_enrolment_form(
    request: SignedInRequest, on: Annotated[TypedDay, Depends(_ON)], site: str = ""
) -> Response:
    """The form; while it is filled in, its script asks for the windows of another day or site."""
    sites = list_enrolment_sites(request.context)
    if not _list_open(sites):
        return request.show(ClosedEnrolmentPage(tuple(f"{site.code} {site.name}" for site in sites)))
    if request.http.headers.get("hx-request"):
        return request.show_block(_form(request, {"site": site, **on.name_boxes("enrolled_on")}), "windows")
    return request.show(_form(request, {}))


@router.post(ENROL)
def post_enrolment(request: SignedInRequest, typed: Annotated[EnrolmentForm, Form()]) -> Response:
    values = {name: str(getattr(typed, name)) for name in FIELDS}
    form = _form(request, values)
    query = urlencode({"q": values["subject"]})
    request = request.with_act(result=f"{request.act.result}&{query}")
    try:
        check_all(request.act.check_texts, *_list_checks(request, values))
        sheet = enrol_with_invitation(request.context, values["site"], _entry(values))
    except Refused as refused:
        return request.show(_refused(request, form, values, refused), refused)
    return show_sheet(request, sheet, replaces=False)


@router.post(INVITATION)
def issue_new_invitation(request: PermittedRequest) -> Response:
    try:
        sheet = renew_invitation(request.context, request.participant.participant_id)
    except Refused as refused:
        return show_refused(request, refused)
    return show_sheet(request, sheet, replaces=True)


def _read_identity_check(values: dict[str, str]) -> IdentityCheck:
    if values["identity_check"] not in set(IdentityCheck):
        raise Refused("identity_needed", field="identity_check")
    return IdentityCheck(values["identity_check"])


def _check_site(sites: Sequence[StaffSite], name: str) -> None:
    site = next((site for site in sites if _name(site) == name), None)
    if site is None:
        raise Refused("unknown_site", field="site", allowed=tuple(site.code for site in _list_open(sites)))
    if site.closed_at is not None:
        raise Refused("site_closed", field="site")


def _check_channel(channel: str) -> None:
    if channel and channel not in set(ContactChannel):
        raise Refused("unknown_channel", field="channel", allowed=tuple(ContactChannel))


def _check_address(channel: str, address: str) -> None:
    if address and not channel:
        raise Refused("address_without_channel", field="address")
    if channel:
        parse_contact_address(address, channel)


def _entry(values: dict[str, str]) -> EnrolmentEntry:
    check, channel = _read_identity_check(values), values["channel"]
    return EnrolmentEntry(
        subject=values["subject"],
        language=values["language"],
        enrolled_on=read_typed_day(values, "enrolled_on").parse("enrolled_on"),
        consent_version=values["consent_version"],
        consented_on=read_typed_day(values, "consented_on").parse("consented_on"),
        identity_check=check,
        channel=ContactChannel(channel) if channel else None,
        address=values["address"] if channel else None,
        born_on=read_birth_date(values),
        accepts_missed=values["accepts_missed"],
        telephone=values["telephone"],
    )


def _form(request: StaffRequest, values: dict[str, str]) -> EnrolPage:
    sites = list_enrolment_sites(request.context)
    named = _choose_site(sites, values)
    plan = request.installation.library.get_plan(named.study, named.plan_version)
    local = local_day(request.at, named.zone)
    today = TypedDay.from_date(local)
    enrolled_on = read_typed_day(values, "enrolled_on") if values else today
    known = [(code, find_language(code)) for code in plan.languages]
    return EnrolPage(
        sites=tuple(
            (_name(site), f"{site.code} {site.name}")
            for site in sites
            if site is named or site.closed_at is None
        ),
        languages=tuple((code, spoken.name if spoken else code) for code, spoken in known),
        shape=_shape(plan),
        values=dict.fromkeys(FIELDS, "") | values,
        enrolled_on=enrolled_on,
        consented_on=read_typed_day(values, "consented_on") if values else today,
        born_on=read_typed_day(values, "birth"),
        asks_birth_date=_needs_birth_date(plan),
        windows_from=enrolled_on.on,
        windows=list_enrolment_windows(request, plan, enrolled_on.on, named.zone, local),
    )


def _choose_site(sites: tuple[StaffSite, ...], values: Mapping[str, str]) -> StaffSite:
    """The site that the form names, closed or not; the first one that enrols where it names none."""
    named = next((site for site in sites if _name(site) == values.get("site")), None)
    return named or next(iter(_list_open(sites)), sites[0])


def _list_open(sites: Sequence[StaffSite]) -> list[StaffSite]:
    return [site for site in sites if site.closed_at is None]


def _name(site: StaffSite) -> str:
    """A site's name in the form: its code means nothing without its study."""
    return f"{site.study}:{site.code}"


def _shape(plan: Plan) -> str:
    """The form of a participant's code for people: 0000-000 where the plan says [0-9]{4}-[0-9]{3}."""
    shape = re.sub(r"(?:\[0-9\]|\\d)\{(\d+)\}", lambda digits: "0" * int(digits[1]), plan.subject_pattern)
    return shape if plan.names_subject(shape) else plan.subject_pattern


ENROLMENT_LABELS = {**LABELS, "born_on": N_("Date of birth")}
_FIELD_OF = {
    "bad_subject": "subject",
    "subject_exists": "subject",
    "subject_of_other_site": "subject",
    "subject_not_plain": "subject",
    "date_in_future": "enrolled_on",
    "date_out_of_range": "enrolled_on",
    "dates_contradict": "enrolled_on",
    "would_be_missed": "accepts_missed",
    "consent": "consent_version",
}


def _refused(request: StaffRequest, form: EnrolPage, values: dict[str, str], refused: Refused) -> EnrolPage:
    """The form with all that is wrong in it."""
    existing = _existing(request, values["subject"]) if refused.code == "subject_exists" else ""
    return replace(
        form,
        faults=list_faults(
            request,
            refused,
            ENROLMENT_LABELS,
            find=_find_field,
            tell=lambda fault: _show_refusal(request, form, values, fault),
        ),
        existing_url=existing,
        would_miss=str(refused.details.get("shown", "")),
    )


def _show_refusal(request: StaffRequest, form: EnrolPage, values: dict[str, str], refused: Refused) -> str:
    """A refusal in words, with the shape of a code in the place of its pattern, and forms by their names."""
    slots = refused.details.get("slots")
    if isinstance(slots, list):
        named = _choose_site(list_enrolment_sites(request.context), values)
        plan = request.installation.library.get_plan(named.study, named.plan_version)
        read = [_name_slot(request, plan, slot) for slot in slots]
        refused = Refused(refused.code, **{**refused.details, "slots": read})
    if refused.code == "bad_subject":
        refused = Refused(refused.code, **{**refused.details, "allowed": form.shape})
    return words_by_label(request, refused, ENROLMENT_LABELS)


def _name_slot(request: StaffRequest, plan: Plan, slot: str) -> str:
    """A form that a refusal names by visit and code, as staff read it."""
    visit, _, form = slot.rpartition(" ")
    instrument = request.installation.library.get_instrument(form, plan.version_of(form))
    return f"{name_form(request.installation, plan, instrument, request.frame.code)} · {visit}"


def _find_field(refused: Refused) -> str:
    named = str(refused.details.get("field", refused.code))
    return _FIELD_OF.get(named) or find_field(refused, ENROLMENT_LABELS)


def _list_checks(request: StaffRequest, values: dict[str, str]) -> tuple[Callable[[], object], ...]:
    """What each field has to be by itself, in the order of the form."""
    sites = list_enrolment_sites(request.context)
    named = _choose_site(sites, values)
    plan = request.installation.library.get_plan(named.study, named.plan_version)
    today = local_day(request.at, named.zone)

    def check_day(name: str) -> None:
        check_past_day(name, read_typed_day(values, name).parse(name), today)

    return (
        lambda: _check_site(sites, values["site"]),
        lambda: check_subject(plan, values["subject"]),
        lambda: check_form_language(plan, values["language"]),
        lambda: check_day("enrolled_on"),
        lambda: check_consent_version(values["consent_version"]),
        lambda: check_day("consented_on"),
        lambda: _read_identity_check(values),
        lambda: check_birth_date(read_birth_date(values), today) if _needs_birth_date(plan) else None,
        lambda: _check_channel(values["channel"]),
        lambda: _check_address(values["channel"], values["address"]),
        lambda: parse_telephone(values["telephone"]),
    )


def _needs_birth_date(plan: Plan) -> bool:
    return plan.second_check is SecondCheck.birth_date


def _existing(request: StaffRequest, subject: str) -> str:
    """Where the participant of this code is, for those who may see them (a form sent twice)."""
    public_id = find_participant(request.context, subject)
    return url_of_participant(public_id) if public_id else ""
