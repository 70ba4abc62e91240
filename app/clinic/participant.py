"""From an overview to the values of the participant page."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.clinic.alerts.alert_rows import AlertRow, build_alert_row
from app.clinic.frame.form_faults import NO_FAULTS, FormFaults
from app.clinic.frame.typed_day import TypedDay, read_typed_day
from app.clinic.records.first_steps import FirstSteps, find_first_steps
from app.clinic.records.offered_acts import (
    OfferedActs,
    find_unoffered_text,
    list_cancellable_visits,
    list_offered_acts,
)
from app.clinic.records.participant_rows import RecordRows, build_records, participant_url
from app.clinic.records.schedule_plots import ScheduleView, build_schedule
from app.clinic.request import (
    ParticipantStaffRequest,
    StaffRequest,
    about_participant,
    answer_staff,
    get_overview,
)
from app.clinic.settle.edc_words import name_part
from app.domain.plans.plan import Plan, SecondCheck
from app.domain.plans.windows import local_day
from app.i18n.languages import language_name
from app.services.accounts.contacts import ContactDetails
from app.services.clinic.participant_overview import ParticipantOverview
from app.services.clinic.today.contact_log import LoggedContact
from app.services.schedule.reminder_preference import lasting_pause
from app.web.middleware.plain_route import PlainRoute
from app.web.permissions import CallerKind, mark_guard
from app.web.urls import PARTICIPANT


@dataclass(frozen=True, slots=True)
class ReachView:
    """How they are reached, masked unless it was `revealed`, and until when their reminders rest."""

    channel: str
    address: str
    telephone: str
    entered_by: str  # the kind of actor, "" where it is not known
    entered_on: date | None
    revealed: bool
    paused_until: date | None


@dataclass(frozen=True, slots=True)
class VisitForms:
    """The visits that can be added, from which day, and those that can be taken back.

    One that can be added has its code and what it is: "unscheduled", "baseline", or "" where its code tells.
    """

    on_request: tuple[tuple[str, str], ...]
    on: TypedDay
    cancellable: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ParticipantPage:
    """Everything of one participant but their arm, answers and scores."""

    template: ClassVar[str] = "clinic/participant.html"
    subject: str
    url: str
    site: str
    zone: str
    language: str
    enrolled_on: date
    consent: tuple[str, date | None]
    identity: str
    exit: str
    schedule: ScheduleView
    records: RecordRows
    reach: ReachView
    offers: OfferedActs
    visits: VisitForms
    notice: str
    asks_birth_date: bool = False
    together: FirstSteps | None = None
    alerts: tuple[AlertRow, ...] = ()
    contacts: tuple[LoggedContact, ...] = ()
    snoozed: str = ""  # why their row of the work list rests
    assignee: str = ""  # the name of whom they are assigned to
    faults: FormFaults = NO_FAULTS  # of the form whose name is under `form` in `typed`
    typed: Mapping[str, str] = field(default_factory=dict)  # by field, and under `form` where it was typed
    lost: str = ""  # what was typed into a form that is not offered any more

    @property
    def activated(self) -> bool:
        """Whether any browser was ever bound."""
        return bool(self.records.devices)


def build_participant_page(
    request: ParticipantStaffRequest,
    view: ParticipantOverview,
    notice: str = "",
    faults: FormFaults = NO_FAULTS,
    revealed: ContactDetails | None = None,
    typed: Mapping[str, str] | None = None,
) -> ParticipantPage:
    participant, installation, code = view.participant, request.installation, request.frame.code
    today = local_day(request.at, participant.zone)
    return ParticipantPage(
        subject=participant.subject,
        url=participant_url(view),
        site=view.site,
        zone=participant.zone,
        language=language_name(participant.language),
        enrolled_on=view.enrolled_on,
        consent=(participant.consent_version, participant.consented_on),
        identity=participant.identity_check,
        exit=view.exit,
        schedule=build_schedule(installation, view, code, today),
        records=build_records(
            installation,
            view,
            code,
            request.at,
            lambda part: name_part(view.plan, part, code, request.translate),
        ),
        reach=_build_reach(view, revealed, today),
        offers=list_offered_acts(request),
        visits=_build_visit_forms(view, typed or {}, today),
        notice=notice,
        faults=faults,
        asks_birth_date=view.plan.second_check is SecondCheck.birth_date,
        together=find_first_steps(installation, view, code, request.at),
        alerts=tuple(build_alert_row(installation, alert, code) for alert in view.alerts),
        contacts=view.contacts,
        snoozed=view.work.snooze.reason if view.work.snooze else "",
        assignee=view.work.assignee.name if view.work.assignee else "",
        typed=typed or {},
        lost=find_unoffered_text(view, typed or {}),
    )


def _build_reach(view: ParticipantOverview, revealed: ContactDetails | None, today: date) -> ReachView:
    contact = revealed or view.contact
    return ReachView(
        channel=contact.channel if contact else "",
        address=contact.address if contact else "",
        telephone=contact.telephone if contact else "",
        entered_by=contact.entered_by if contact else "",
        entered_on=local_day(contact.recorded_at, view.participant.zone)
        if contact and contact.address
        else None,
        revealed=revealed is not None,
        paused_until=lasting_pause(view.participant.paused_until, today),
    )


def _build_visit_forms(view: ParticipantOverview, typed: Mapping[str, str], today: date) -> VisitForms:
    return VisitForms(
        on_request=_list_addable(view.plan),
        on=read_typed_day(typed, "on") or TypedDay.from_date(today),
        cancellable=list_cancellable_visits(view),
    )


def _list_addable(plan: Plan) -> tuple[tuple[str, str], ...]:
    """Visits on request and those that can be repeated; several on request are told apart by their codes."""
    on_request = [rule for rule in plan.visits if rule.on_request]
    kinds = {on_request[0].code: "unscheduled"} if len(on_request) == 1 else {}
    if plan.baseline_rule is not None:
        kinds[plan.baseline_rule.code] = "baseline"
    addable = (rule for rule in plan.visits if rule.on_request or rule.repeatable)
    return tuple((rule.code_of(0), kinds.get(rule.code, "")) for rule in addable)


NOTICES = (
    "date",
    "disposition",
    "undone",
    "assigned",
    "visit",
    "cancelled",
    "device",
    "reason",
    "differing",
    "excused",
    "reminded",
    "birth_date",
    "looked",
    "sheet",
    "contact",
    "new_contact",
    "no_contact",
    "telephone",
    "paused",
    "unpaused",
)

router = APIRouter(include_in_schema=False, route_class=PlainRoute)


@router.get(PARTICIPANT)
@mark_guard(CallerKind.STAFF)
async def show_participant(request: Request) -> Response:
    return await answer_staff(request, _show_participant)


def _show_participant(request: StaffRequest) -> Response:
    done = request.http.query_params.get("done", "")
    notice = done if done in NOTICES else ""
    about = about_participant(request)
    return request.show(build_participant_page(about, get_overview(about), notice))
