"""Every route of the desk."""

from fastapi import APIRouter

from app.clinic import access, changes, enrolling, entrance, lists, participant, requests

router = APIRouter(include_in_schema=False)
for part in (entrance, lists, access, requests, enrolling, changes, participant):
    router.include_router(part.router)
