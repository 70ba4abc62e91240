"""One expected form as site staff see it: its window, its answers, its history, why it was missed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Annotated, ClassVar

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.clinic.forms.answer_rows import AnswersCard, build_answers_card
from app.clinic.forms.pdf_sheet import can_make_pdf
from app.clinic.frame.form_faults import NO_FAULTS, FormFaults, find_field, list_faults
from app.clinic.records.participant_rows import FormCell, build_cell, instrument_name, participant_url
from app.clinic.request import (
    CONFIRM,
    ParticipantStaffRequest,
    PermittedRequest,
    get_overview,
)
from app.clinic.trail.address import TrailQuery
from app.domain.plans.plan import Plan
from app.domain.plans.status import ANSWERABLE
from app.domain.refusal import Refused, check_all
from app.i18n.marking import N_
from app.services.clinic.corrections.submitted_form import (
    FormAct,
    FormEvent,
    list_form_events,
    view_submitted_form,
)
from app.services.clinic.paper.entries import takes_paper
from app.services.clinic.paper.recorded import RecordedPaper, get_paper_entries
from app.services.clinic.participant_overview import FormState, ParticipantOverview, get_form_state
from app.services.reminders.staff_reminder import find_staff_reminder_refusal, queue_staff_reminder
from app.services.schedule.exemptions import excuse_form, is_excusable
from app.services.schedule.missed_reasons import check_missed_reason, record_missed_reason
from app.web.form_fields import ActCode, ActWords
from app.web.urls import (
    EXEMPTION,
    FORM_COPY,
    FORM_CORRECTION,
    PAPER_ENTRY,
    PARTICIPANT_FORM,
    STAFF_REMINDER,
    TRAIL,
)


@dataclass(frozen=True, slots=True)
class FormPageFacts:
    """Between which days a form is expected, when it was begun and sent, and who wrote its answers down."""

    opens_on: date | None
    target_on: date | None
    closes_on: date | None
    begun_at: datetime | None
    submitted_at: datetime | None
    helped_by: str
    zone: str


@dataclass(frozen=True, slots=True)
class SlotPage:
    """One expected form: its window and status, why it was missed or excused, and what was sent.

    `answers` is None before it was sent, and for readers who may not see them.
    """

    template: ClassVar[str] = "clinic/form.html"
    subject: str
    site: str
    back_url: str
    action_url: str
    name: str
    visit: str
    cell: FormCell
    facts: FormPageFacts
    note: str
    reasons: tuple[str, ...]
    excused: str
    exemptions: Mapping[str, str]  # the plan's by code, in words, while the form may be excused
    answers: AnswersCard | None
    events: tuple[FormEvent, ...]
    trail_url: str  # the trail of this visit's forms; "" for who may not read it
    correct_url: str  # where a correction is proposed; "" where that cannot be
    reader: str
    seen_at: datetime
    notice: str = ""
    excusing: str = ""  # the exemption that is to be confirmed
    chosen: str = ""  # the reason as it stands, or as it was chosen
    exempting: str = ""  # the exemption that was chosen
    remindable: bool = False  # a reminder may be sent, unless `unreminded` says why not
    unreminded: str = ""
    faults: FormFaults = NO_FAULTS  # of the form `reason`, `exemption` or `reminder`
    paper_url: str = ""  # where it is entered from paper; "" where that cannot be
    papers: tuple[RecordedPaper, ...] = ()
    entered_last_paper: bool = False  # the reader did, of whose act there may be news

    @property
    def copy_url(self) -> str:
        """Where the answers are saved as a PDF; "" where none can be made here."""
        if self.answers is None or not can_make_pdf():
            return ""
        return f"{self.action_url}/copy.pdf?version={self.answers.version}"


VersionNumber = Annotated[int | None, Query(ge=1, le=10_000)]

LABELS = {"reason": N_("Why was it missed?"), "note": N_("Note"), "exemption": N_("Excuse this form")}

NOTICES = ("proposed", "paper")

router = APIRouter(include_in_schema=False)


@router.get(PARTICIPANT_FORM)
def show_slot(
    request: PermittedRequest, slot: str, version: VersionNumber = None, done: str = ""
) -> Response:
    page = build_slot_page(request, slot, version=version)
    return request.show(replace(page, notice=done if done in NOTICES else ""))


@router.post(PARTICIPANT_FORM)
def record_reason(
    request: PermittedRequest, slot: str, reason: ActCode = "", note: ActWords = ""
) -> Response:
    request = request.with_act(about=_record_name(request, slot))
    plan = get_overview(request).plan
    try:
        check_all(request.act.check_texts, lambda: check_missed_reason(plan, reason, note))
        record_missed_reason(request.context, request.participant.participant_id, slot, reason, note)
    except Refused as refused:
        page = replace(build_slot_page(request, slot), chosen=reason, note=note)
        return _show_refused(request, page, refused, "reason")
    return request.finish()


@router.post(EXEMPTION)
def excuse_slot(
    request: PermittedRequest, slot: str, exemption: ActCode = "", step: ActCode = ""
) -> Response:
    request = request.with_act(about=_record_name(request, slot))
    try:
        request.require_writable()
        if step != CONFIRM:
            return request.show(_confirmation_page(build_slot_page(request, slot), exemption))
        excuse_form(request.context, request.participant.participant_id, slot, exemption)
    except Refused as refused:
        page = replace(build_slot_page(request, slot), exempting=exemption)
        return _show_refused(request, page, refused, "exemption")
    return request.finish()


@router.post(STAFF_REMINDER)
def send_reminder(request: PermittedRequest, slot: str) -> Response:
    try:
        queue_staff_reminder(request.context, request.participant.participant_id, slot)
    except Refused as refused:
        return _show_refused(request, build_slot_page(request, slot), refused, "reminder")
    return request.finish()


def _show_refused(request: ParticipantStaffRequest, page: SlotPage, refused: Refused, form: str) -> Response:
    """The page with what was refused; what is about no field of the form is about the form itself."""
    faults = list_faults(request, refused, LABELS, form=form, find=lambda fault: _find_field(fault, form))
    return request.show(replace(page, faults=faults), refused)


def _find_field(refused: Refused, form: str) -> str:
    field = find_field(refused, LABELS)
    return form if field == "main" else field


def _record_name(request: ParticipantStaffRequest, slot_id: str) -> str:
    """How the trail names this form; raises Refused("unknown_slot")."""
    slot = get_form_state(get_overview(request), slot_id).slot
    return f"slot:{slot.visit}/{slot.instrument}"


def _confirmation_page(page: SlotPage, exemption: str) -> SlotPage:
    """The page that asks whether to excuse the form indeed; it cannot be taken back."""
    if not page.exemptions:
        raise Refused("not_excusable")
    if exemption not in page.exemptions:
        raise Refused("unknown_exemption", field="exemption", allowed=tuple(page.exemptions))
    return replace(page, excusing=exemption)


def build_slot_page(request: ParticipantStaffRequest, slot_id: str, version: int | None = None) -> SlotPage:
    """The page of one form, with the answers of this version (None: the newest), an audited look."""
    view = get_overview(request)
    state = get_form_state(view, slot_id)
    slot, cell = state.slot, build_cell(view, state)
    corrects = slot.submitted_at and request.offers_route(FORM_CORRECTION)
    explains = request.offers_route(PARTICIPANT_FORM, "POST")
    reminds = request.offers_route(STAFF_REMINDER, "POST") and cell.status in ANSWERABLE
    enters = request.offers_route(PAPER_ENTRY)
    papers = get_paper_entries(request.context, slot)
    excuses = request.offers_route(EXEMPTION, "POST") and is_excusable(slot, request.at, view.waiting_paper)
    return SlotPage(
        subject=view.participant.subject,
        site=view.site,
        back_url=participant_url(view),
        action_url=cell.url,
        name=instrument_name(request.installation, view, slot.instrument, request.frame.code),
        visit=slot.visit,
        cell=cell,
        facts=_build_facts(state),
        note=slot.missed_note or "",
        reasons=_missed_reasons(view, cell) if explains else (),
        excused=view.plan.exemption_label(slot.excused, request.frame.code) if slot.excused else "",
        exemptions=_exemptions(view.plan, request.frame.code) if excuses else {},
        answers=_answers(request, slot_id, version),
        events=_list_events(request, view.plan, slot_id),
        trail_url=_trail_url(request, view, slot.visit),
        correct_url=f"{cell.url}/correction" if corrects else "",
        reader=request.staff.name,
        seen_at=request.at,
        chosen=cell.reason,
        remindable=reminds,
        unreminded=_why_unreminded(request, state) if reminds else "",
        paper_url=f"{cell.url}/paper" if enters and takes_paper(slot, request.at) else "",
        papers=papers,
        entered_last_paper=bool(papers) and papers[-1].entered_by == request.actor.id,
    )


def _list_events(request: ParticipantStaffRequest, plan: Plan, slot_id: str) -> tuple[FormEvent, ...]:
    """What happened to it; why it was excused in the plan's words."""
    events = list_form_events(request.context, request.participant.participant_id, slot_id)
    named = plan.exemption_label
    return tuple(
        replace(event, note=named(event.reason, request.frame.code))
        if event.act is FormAct.excused
        else event
        for event in events
    )


def _build_facts(state: FormState) -> FormPageFacts:
    slot = state.slot
    return FormPageFacts(
        opens_on=slot.opens_on,
        target_on=slot.target_on,
        closes_on=slot.closes_on,
        begun_at=slot.begun_at,
        submitted_at=slot.submitted_at,
        helped_by=slot.helped_by or "",
        zone=slot.zone,
    )


def _missed_reasons(view: ParticipantOverview, cell: FormCell) -> tuple[str, ...]:
    return tuple(reason.value for reason in view.plan.missed_reasons) if cell.status == "missed" else ()


def _answers(request: ParticipantStaffRequest, slot_id: str, version: int | None) -> AnswersCard | None:
    if not request.offers_route(FORM_COPY):
        return None
    seen = view_submitted_form(request.context, request.participant.participant_id, slot_id, version)
    return build_answers_card(seen) if seen else None


def _trail_url(request: ParticipantStaffRequest, view: ParticipantOverview, visit: str) -> str:
    if not request.offers_route(TRAIL):
        return ""
    return request.frame.within(TrailQuery(participant=view.participant.subject, visit=visit).build_url())


def _why_unreminded(request: ParticipantStaffRequest, form: FormState) -> str:
    """Why no reminder of this form may be sent now, in words; "" if one may."""
    refusal = find_staff_reminder_refusal(request.context, request.participant.participant_id, form.slot)
    return request.translate_refusal(refusal) if refusal else ""


def _exemptions(plan: Plan, language: str) -> Mapping[str, str]:
    return {code: plan.exemption_label(code, language) for code in plan.exemptions}
