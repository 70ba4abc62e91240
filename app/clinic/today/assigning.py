"""Assigning participants: those who were chosen on the work list, or one from their own page."""

from dataclasses import dataclass, replace
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import Response

from app.clinic.frame.form_faults import NO_FAULTS, FormFaults, list_faults
from app.clinic.request import (
    ParticipantStaffRequest,
    PermittedRequest,
    PostedFields,
    SignedInRequest,
    url_of_participant,
)
from app.clinic.today.refused_parts import show_unassigned
from app.clinic.today.reminding import CHOSEN
from app.domain.refusal import Refused
from app.domain.today.assignment import Assigned, parse_assignee, parse_shown_assignee
from app.domain.typed_text import narrow_text
from app.i18n.marking import N_
from app.services.clinic.today.assigning import (
    assign_participant,
    assign_participants,
    get_assignment_choice,
)
from app.services.clinic.today.rows import Colleague
from app.web.form_fields import ActCode
from app.web.urls import ASSIGNMENT, BULK_ASSIGNMENTS

SHOWN = "shown-"
"""Fields: to whom the page said that a participant is assigned (`shown-participant`), none for nobody."""


@dataclass(frozen=True, slots=True)
class AssignmentPage:
    """To whom a participant is assigned, by the number of a colleague or nobody, and who can be chosen.

    `exited`: they no longer take part, so that nobody is to be chosen.
    """

    template: ClassVar[str] = "clinic/assignment.html"
    subject: str
    url: str
    action_url: str
    assignee: Colleague | None
    colleagues: tuple[tuple[str, str], ...]
    exited: bool
    chosen: str
    faults: FormFaults = NO_FAULTS


LABELS = {"assignee": N_("Assigned to")}

router = APIRouter(include_in_schema=False)


@router.post(BULK_ASSIGNMENTS)
def assign_chosen(request: SignedInRequest, fields: PostedFields) -> Response:
    """Assign all participants whose boxes are ticked."""
    chosen = [name.removeprefix(CHOSEN) for name in fields if name.startswith(CHOSEN)]
    shown = {key: parse_shown_assignee(fields.get(f"{SHOWN}{key}", "")) for key in chosen}
    try:
        assignee = parse_assignee(narrow_text(fields.get("assignee", "")))
        result = assign_participants(request.context, shown, assignee)
    except Refused as refused:
        if refused.code == "unknown_participant":
            raise
        return show_unassigned(request, refused)
    if not result.refused:
        return request.finish()
    words = [(refusal.subject, request.translate_refusal(refusal.refused)) for refusal in result.refused]
    return show_unassigned(request, result.refused[0].refused, result.done, words)


@router.get(ASSIGNMENT)
def show_assignment(request: PermittedRequest) -> Response:
    return request.show(_page(request))


@router.post(ASSIGNMENT)
def post_assignment(request: PermittedRequest, assignee: ActCode = "", shown: ActCode = "") -> Response:
    """Assign the participant, unless somebody did since the page was shown."""
    page = replace(_page(request), chosen=assignee)
    try:
        to, before = parse_assignee(assignee), parse_shown_assignee(shown)
        assign_participant(request.context, request.participant.participant_id, to, before)
    except Refused as refused:
        return request.show(replace(page, faults=list_faults(request, refused, LABELS)), refused)
    return request.finish()


def _page(request: ParticipantStaffRequest) -> AssignmentPage:
    choice = get_assignment_choice(request.context, request.participant.participant_id)
    public_id = request.participant.public_id
    return AssignmentPage(
        subject=choice.subject,
        url=url_of_participant(public_id),
        action_url=ASSIGNMENT.format(participant=public_id),
        assignee=choice.assignee,
        colleagues=tuple((str(colleague.staff_id), colleague.name) for colleague in choice.colleagues),
        exited=choice.exited,
        chosen=str(choice.assignee.staff_id) if choice.assignee else Assigned.nobody.value,
    )
