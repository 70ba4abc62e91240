"""The search box of every desk page: from a typed code to the participant, from a receipt to its form."""

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.responses import RedirectResponse, Response

from app.clinic.request import SignedInRequest, url_of_participant
from app.domain.typed_text import narrow_text
from app.services.clinic.participant_list import find_by_code, find_by_receipt
from app.services.core.identifiers import normalise_receipt
from app.web.urls import FIND, PARTICIPANT_FORM, PARTICIPANTS


@dataclass(frozen=True, slots=True)
class CodeElsewherePage:
    """A code that the chosen study does not have, and others of one's studies do: their names and links."""

    template: ClassVar[str] = "clinic/code_elsewhere.html"
    subject: str
    elsewhere: tuple[tuple[str, str], ...]


router = APIRouter(include_in_schema=False)


@router.get(FIND)
def find_code(request: SignedInRequest, q: Annotated[str, Query(max_length=40)] = "") -> Response:
    """To the participant of this code in the chosen study; else where it is, else to those like it.

    A receipt, as a participant reads it out on the telephone, leads to its form.
    """
    subject = narrow_text(q)
    whole = replace(request.context, actor=request.staff.actor)
    hits = (
        {participant.study_id: participant for participant in find_by_code(whole, subject)} if subject else {}
    )
    if request.study is not None and (hit := hits.get(request.study.id)) is not None:
        return RedirectResponse(url_of_participant(hit.public_id), 303)
    elsewhere = tuple(
        (study.name, url_of_participant(hits[study.id].public_id))
        for study in request.studies
        if study.id in hits
    )
    if elsewhere:
        request = replace(request, frame=replace(request.frame, search=subject))
        return request.show(CodeElsewherePage(subject, elsewhere))
    if subject and (form := find_by_receipt(whole, normalise_receipt(q))) is not None:
        return RedirectResponse(PARTICIPANT_FORM.format(participant=form.participant, slot=form.slot), 303)
    return RedirectResponse(request.frame.within(f"{PARTICIPANTS}?{urlencode({'q': subject})}"), 303)
