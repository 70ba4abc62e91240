"""Enrolment and the sheet with the QR code."""

import io
import re
from dataclasses import replace
from datetime import datetime
from typing import Annotated

import segno
from fastapi import APIRouter, Form
from markupsafe import Markup
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import col
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.clinic.desk import AtDesk, Desk, typed_day
from app.clinic.enrol_pages import EnrolPage, SheetPage
from app.domain.access import Permission
from app.domain.plan import Plan, SecondCheck
from app.domain.refusal import Refused
from app.domain.window import local_day
from app.i18n.languages import ENGLISH, language
from app.i18n.marking import N_
from app.services.enrolment import (
    Channel,
    EnrolmentEntry,
    IdentityCheck,
    Invitation,
    enrol,
    issue_invitation,
)
from app.services.participants import readable, seen_by, site_of
from app.services.worklist import Workplace, workplaces_of
from app.storage.people import Participant
from app.storage.study import Site
from app.web.pages import Pages, render
from app.web.places import CODE, DESK
from app.web.typed_dates import typed_birth_date

PRINT, BACK = N_("Print this sheet"), N_("Back to the participant")
Typed = Annotated[str, Field(max_length=200)]

router = APIRouter(include_in_schema=False)


class EnrolmentForm(BaseModel):
    """The enrolment form as it is typed; nothing else is taken."""

    model_config = ConfigDict(extra="forbid")
    site: Typed = ""
    subject: Typed = ""
    language: Typed = ""
    enrolled_on: Typed = ""
    consent_version: Typed = ""
    consented_on: Typed = ""
    identity_check: Typed = ""
    channel: Typed = ""
    address: Typed = ""
    birth_year: Typed = ""
    birth_month: Typed = ""
    birth_day: Typed = ""


FIELDS = tuple(EnrolmentForm.model_fields)


@router.get("/desk/enrol")
def ask_enrolment(desk: AtDesk) -> Response:
    return desk.show(_form(desk, {}))


@router.post("/desk/enrol")
def take_enrolment(desk: AtDesk, typed: Annotated[EnrolmentForm, Form()]) -> Response:
    values = {name: text.strip() for name, text in typed.model_dump().items()}
    form = _form(desk, values)
    try:
        place = _site(desk, values["site"])
        participant = enrol(desk.daybook, desk.actor, place, _entry(values), desk.at)
    except Refused as refused:
        return desk.show(_refused(desk, form, values, refused), refused)
    invitation = issue_invitation(
        desk.daybook, desk.actor, participant.study_id, participant.subject, desk.at
    )
    return sheet(desk, participant, place, invitation, replaces=False)


@router.post("/desk/participants/{participant}/invitation")
def invite(desk: AtDesk, participant: str) -> Response:
    with desk.daybook.read() as session:
        found = seen_by(session, desk.actor, participant, Permission.ACTIVATION_ISSUE)
        site = site_of(session, found)
    invitation = issue_invitation(desk.daybook, desk.actor, found.study_id, found.subject, desk.at)
    return sheet(desk, found, site, invitation, replaces=True)


def sheet(
    desk: Desk, participant: Participant, site: Site, invitation: Invitation, replaces: bool
) -> Response:
    """The sheet in the participant's language; link and code stand here and nowhere else, once."""
    spoken = language(participant.language) or ENGLISH
    pages: Pages = desk.request.app.state.pages
    page = SheetPage(
        subject=participant.subject,
        qr=qr(invitation.url),
        address=desk.daybook.public_url.partition("://")[2] + CODE,
        code=(invitation.code[:4], invitation.code[4:]),
        phone=site.phone,
        hours=site.hours,
        expires_at=invitation.expires_at,
        code_expires_at=invitation.code_expires_at,
        zone=participant.zone,
        replaces=replaces,
        back_url=f"{DESK}/participants/{participant.public_id}",
        desk_words=(pages.word(PRINT, desk.shell), pages.word(BACK, desk.shell)),
        desk_lang=desk.shell.lang,
    )
    return render(desk.request, page, shell=desk.shell.speaking(spoken))


def qr(url: str) -> Markup:
    """A QR code as SVG without a size of its own, level Q, with its quiet zone of four modules."""
    drawn = io.BytesIO()
    segno.make(url, error="q", micro=False, boost_error=False).save(
        drawn, kind="svg", border=4, omitsize=True, xmldecl=False, svgclass=None, lineclass=None
    )
    return Markup(drawn.getvalue().decode())  # noqa: S704 - drawn here from our own address


def _entry(values: dict[str, str]) -> EnrolmentEntry:
    check, channel = values["identity_check"], values["channel"]
    if check not in set(IdentityCheck):
        raise Refused("identity_needed", field="identity_check")
    if channel and channel not in set(Channel):
        raise Refused("unknown_channel", field="channel", allowed=tuple(Channel))
    return EnrolmentEntry(
        subject=values["subject"],
        language=values["language"],
        enrolled_on=typed_day(values["enrolled_on"], "enrolled_on"),
        consent_version=values["consent_version"],
        consented_on=typed_day(values["consented_on"], "consented_on"),
        identity_check=IdentityCheck(check),
        channel=Channel(channel) if channel else None,
        address=values["address"] if channel else None,
        born_on=typed_birth_date(values),
    )


def _site(desk: Desk, code: str) -> Site:
    with desk.daybook.read() as session:
        places = workplaces_of(session, desk.actor, Permission.PARTICIPANT_ENROL)
        found = next((place for place in places if f"{place.study}:{place.code}" == code), None)
        if found is None:
            raise Refused("unknown_site", field="site", allowed=tuple(place.code for place in places))
        return session.get_one(Site, found.site_id)


def _form(desk: Desk, values: dict[str, str]) -> EnrolPage:
    with desk.daybook.read() as session:
        places = workplaces_of(session, desk.actor, Permission.PARTICIPANT_ENROL)
    if not places:
        raise HTTPException(404)
    plan = desk.daybook.library.plan(places[0].study, places[0].plan_version)
    today = _today(desk.at, places[0].zone)
    known = [(code, language(code)) for code in plan.languages]
    return EnrolPage(
        sites=tuple((f"{place.study}:{place.code}", f"{place.code} {place.name}") for place in places),
        languages=tuple((code, spoken.name if spoken else code) for code, spoken in known),
        pattern=plan.subject_pattern,
        shape=_shape(plan),
        today=today,
        values=dict.fromkeys(FIELDS, "") | {"enrolled_on": today, "consented_on": today} | values,
        asks_birth_date=any(_asks_birth_date(desk, place) for place in places),
    )


def _asks_birth_date(desk: Desk, place: Workplace) -> bool:
    plan = desk.daybook.library.plan(place.study, place.plan_version)
    return plan.second_check is SecondCheck.birth_date


def _shape(plan: Plan) -> str:
    """The form of a participant's code for people: 0000-000 where the plan says [0-9]{4}-[0-9]{3}."""
    shape = re.sub(r"(?:\[0-9\]|\\d)\{(\d+)\}", lambda digits: "0" * int(digits[1]), plan.subject_pattern)
    return shape if plan.names_subject(shape) else plan.subject_pattern


def _today(at: datetime, zone: str) -> str:
    return local_day(at, zone).isoformat()


_FIELD_OF = {"subject_exists": "subject", "date_in_future": "enrolled_on", "consent": "consent_version"}


def _refused(desk: Desk, form: EnrolPage, values: dict[str, str], refused: Refused) -> EnrolPage:
    field = str(refused.details.get("field", _FIELD_OF.get(refused.code, "subject")))
    existing = _existing(desk, values["subject"]) if refused.code == "subject_exists" else ""
    return replace(
        form,
        field=_FIELD_OF.get(field, field),
        error=desk.words(refused),
        existing_url=existing,
    )


def _existing(desk: Desk, subject: str) -> str:
    """Where the participant of this code is, for those who may see them (a form sent twice)."""
    with desk.daybook.read() as session:
        found = session.exec(readable(desk.actor).where(col(Participant.subject) == subject)).first()
    return f"{DESK}/participants/{found.public_id}" if found else ""
