"""The first day: the sheet that leads a phone in, and what is done together, as far as the records tell."""

import io
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar

import segno
from markupsafe import Markup
from starlette.responses import Response

from app.clinic.records.participant_rows import instrument_name, participant_url
from app.clinic.request import StaffRequest, url_of_participant
from app.domain.plans.status import ANSWERABLE
from app.domain.plans.windows import local_day
from app.domain.records.access import ActorKind, Permission
from app.domain.today.reasons import Reason
from app.i18n.languages import ENGLISH, find_language
from app.services.accounts.contacts import ContactDetails
from app.services.clinic.invitation_sheets import InvitationSheet
from app.services.clinic.participant_overview import (
    FormState,
    ParticipantOverview,
    get_participant_overview,
)
from app.services.core.installation import Installation
from app.web.pages.page_frame import PageFrame
from app.web.pages.rendering import Pages
from app.web.urls import CODE


class FormStep(StrEnum):
    """How far the first form is."""

    later = "later"
    waiting = "waiting"
    begun = "begun"
    sent = "sent"


class ReminderStep(StrEnum):
    """What was recorded of reminders: whether they are agreed to, and whether their address is confirmed."""

    unwanted = "unwanted"
    no_address = "no_address"
    returned = "returned"
    entered = "entered"
    confirmed = "confirmed"


@dataclass(frozen=True, slots=True)
class FirstForm:
    """The form that a participant meets first; `answered` of `questions`, 0 where answers decide how many."""

    form: str
    visit: str
    opens_on: date | None
    step: FormStep
    answered: int
    questions: int


@dataclass(frozen=True, slots=True)
class FirstSteps:
    """The steps of a participant's first day; `check` is what is asked of them beside the link.

    `contact` is how they are reminded, masked. `reaching_url` is "" for who may not change that.
    """

    signed_in: bool
    check: str
    form: FirstForm | None
    reminders: ReminderStep
    contact: ContactDetails | None
    contact_on: date | None
    reaching_url: str


@dataclass(frozen=True, slots=True)
class PrintedSheet:
    """The sheet with the QR code, in the participant's language: no name, no diagnosis."""

    template: ClassVar[str] = "clinic/sheet.html"
    subject: str
    study: str
    qr: Markup
    address: str
    code: tuple[str, str]
    phone: str
    hours: str
    expires_at: datetime
    code_expires_at: datetime
    zone: str
    replaces: bool


@dataclass(frozen=True, slots=True)
class SheetPage:
    """The page from which a sheet is printed; beside it, and never printed, what is done together: `steps`.

    `title` and `sheet` are in the participant's language, and all else is in that of the desk.
    """

    template: ClassVar[str] = "clinic/sheet_page.html"
    title: Markup
    sheet: Markup
    sheet_lang: str
    sheet_dir: str
    steps: FirstSteps | None
    back_url: str


def find_first_steps(
    installation: Installation, view: ParticipantOverview, code: str, at: datetime
) -> FirstSteps | None:
    """The steps, until the first form is begun and through the day of enrolment.

    None for who may not invite, and for whom nothing is expected any more.
    """
    participant, today = view.participant, local_day(at, view.participant.zone)
    first = _choose_first(view)
    begun = first is not None and first.slot.begun_at is not None
    if (
        Permission.ACTIVATION_ISSUE not in view.may
        or participant.exit_kind
        or (begun and view.enrolled_on != today)
    ):
        return None
    address = view.contact if view.contact and view.contact.address else None
    return FirstSteps(
        signed_in=bool(view.devices),
        check=view.plan.second_check.value,
        form=_describe(installation, view, first, code) if first else None,
        reminders=_judge_reminders(view, address),
        contact=address,
        contact_on=local_day(address.recorded_at, participant.zone) if address else None,
        reaching_url=f"{participant_url(view)}/reminders" if Permission.REMINDER_SEND in view.may else "",
    )


def _choose_first(view: ParticipantOverview) -> FormState | None:
    """The first form that was begun; else one that can be answered now; else the first that has a day."""
    days = {state.slot.id: state.slot.opens_on for state in view.forms if state.slot.opens_on}
    dated = sorted(
        (state for state in view.forms if state.slot.id in days), key=lambda state: days[state.slot.id]
    )
    begun = (state for state in dated if state.slot.begun_at)
    open_now = (state for state in dated if state.status in ANSWERABLE)
    return next(begun, None) or next(open_now, None) or next(iter(dated), None)


def _describe(
    installation: Installation, view: ParticipantOverview, first: FormState, code: str
) -> FirstForm:
    slot = first.slot
    step = FormStep.waiting if first.status in ANSWERABLE else FormStep.later
    if slot.begun_at is not None:
        step = FormStep.sent if slot.submitted_at else FormStep.begun
    return FirstForm(
        form=instrument_name(installation, view, slot.instrument, code),
        visit=slot.visit,
        opens_on=slot.opens_on,
        step=step,
        answered=first.answered,
        questions=first.questions,
    )


def _judge_reminders(view: ParticipantOverview, address: ContactDetails | None) -> ReminderStep:
    if not view.participant.reminders_wanted:
        return ReminderStep.unwanted
    if address is None:
        return ReminderStep.no_address
    if any(reason.reason is Reason.undelivered for reason in view.work.reasons):
        return ReminderStep.returned
    by_participant = address.entered_by == ActorKind.PARTICIPANT.value
    return ReminderStep.confirmed if by_participant else ReminderStep.entered


def show_sheet(request: StaffRequest, sheet: InvitationSheet, replaces: bool) -> Response:
    """The sheet in the participant's language; link and code stand here and nowhere else, once."""
    spoken = find_language(sheet.language) or ENGLISH
    invitation = sheet.invitation
    printed = PrintedSheet(
        subject=sheet.subject,
        study=sheet.study_names.get(spoken.code, ""),
        qr=draw_qr(invitation.url),
        address=request.installation.public_url.partition("://")[2] + CODE,
        code=(invitation.code[:4], invitation.code[4:]),
        phone=sheet.phone,
        hours=sheet.hours,
        expires_at=invitation.expires_at,
        code_expires_at=invitation.code_expires_at,
        zone=sheet.zone,
        replaces=replaces,
    )
    view = get_participant_overview(request.context, sheet.participant_id)
    frame = request.frame.in_language(spoken)
    return request.show(
        SheetPage(
            title=_draw_block(request, printed, frame, "title"),
            sheet=_draw_block(request, printed, frame, "sheet"),
            sheet_lang=frame.lang,
            sheet_dir=frame.dir,
            steps=find_first_steps(request.installation, view, request.frame.code, request.at),
            back_url=url_of_participant(sheet.public_id),
        )
    )


def _draw_block(request: StaffRequest, printed: PrintedSheet, frame: PageFrame, block: str) -> Markup:
    pages: Pages = request.http.app.state.pages
    drawn = pages.render_blocks(printed, frame, block)
    return Markup(drawn)  # noqa: S704 - a part of our own template, escaped there


def draw_qr(url: str) -> Markup:
    """A QR code as SVG without a size of its own, level Q, with its quiet zone of four modules."""
    drawn = io.BytesIO()
    segno.make(url, error="q", micro=False, boost_error=False).save(
        drawn, kind="svg", border=4, omitsize=True, xmldecl=False, svgclass=None, lineclass=None
    )
    return Markup(drawn.getvalue().decode())  # noqa: S704 - drawn here from our own address
