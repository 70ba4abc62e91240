"""Every route of the desk."""

from fastapi import APIRouter

from app.clinic import (
    anchors,
    dispositions,
    enrolment,
    form,
    participant,
    participant_requests,
    participants,
    sign_in,
    sign_in_problems,
    worklist,
)

router = APIRouter(include_in_schema=False)
for part in (
    sign_in,
    worklist,
    participants,
    sign_in_problems,
    participant_requests,
    enrolment,
    anchors,
    dispositions,
    participant,
    form,
):
    router.routes.extend(part.router.routes)
