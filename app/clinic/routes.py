"""Every route of the desk."""

from fastapi import APIRouter

from app.clinic import access, changes, enrolling, entrance, lists, participant

router = APIRouter(include_in_schema=False)
for part in (
    entrance.router,
    lists.router,
    access.router,
    enrolling.router,
    changes.router,
    participant.router,
):
    router.include_router(part)
