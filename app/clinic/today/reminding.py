"""Reminders for the participants who were chosen on the work list."""

from fastapi import APIRouter
from starlette.responses import Response

from app.clinic.request import PostedFields, SignedInRequest
from app.clinic.today.refused_parts import show_unsent
from app.domain.refusal import Refused
from app.domain.typed_text import narrow_text
from app.services.clinic.today.bulk_reminders import remind_participants
from app.web.urls import BULK_REMINDERS, DESK

ONE, CHOSEN = "one", "remind-"
"""Fields: the button of one row (`participant:form`), and the box of each row (`remind-participant`)."""

router = APIRouter(include_in_schema=False)


@router.post(BULK_REMINDERS)
def remind_chosen(request: SignedInRequest, fields: PostedFields) -> Response:
    """Remind one participant by the button of their row, else all whose boxes are ticked."""
    participant, _mark, form = narrow_text(fields.get(ONE, "")).partition(":")
    chosen = {
        name.removeprefix(CHOSEN): narrow_text(form)
        for name, form in fields.items()
        if name.startswith(CHOSEN)
    }
    if not participant and len(chosen) > 1:
        request = request.with_act(result=request.frame.back_to(f"{DESK}?done=reminded_all"))
    try:
        result = remind_participants(request.context, {participant: form} if participant else chosen)
    except Refused as refused:
        if refused.code == "unknown_participant":
            raise
        return show_unsent(request, refused)
    if not result.refused:
        return request.finish()
    words = [(refusal.subject, request.translate_refusal(refusal.refused)) for refusal in result.refused]
    return show_unsent(request, result.refused[0].refused, result.done, words)
