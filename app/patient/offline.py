"""Opening a begun form again without a connection: the worker in the browser, and what it may keep.

A study switches it on (`opens_offline`). What the worker keeps is of nobody: forms without any answer,
and a page that says that there is no connection (OFF-03, OFF-06).
"""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.domain.refusal import Refused
from app.patient.form_assets import FormAssets, form_policy
from app.patient.pages import OfflinePage
from app.patient.views import form_page
from app.patient.visits import Awake, Visit, known
from app.services.capture import open_form
from app.web.dependencies import At, Daybook
from app.web.statics import Statics

# Not PatientRoute: these answers are kept in a browser, so that none may carry the person's cookie.
router = APIRouter(include_in_schema=False)


def offline(visit: Awake) -> Visit:
    """The visit of somebody whose study allows this; to others the addresses are not there."""
    if not visit.opens_offline:
        raise HTTPException(404)
    return visit


Offline = Annotated[Visit, Depends(offline)]


@router.get("/sw.js")
def worker(request: Request, daybook: Daybook, at: At) -> Response:
    """The worker, or for everybody else the one that removes it and all that it kept."""
    statics: Statics = request.app.state.statics
    file = statics.files["js/sw.js" if _wanted(request, daybook, at) else "js/sw-off.js"]
    return Response(file.bodies[None], headers={"cache-control": "no-cache"}, media_type=file.kind)


def _wanted(request: Request, daybook: Daybook, at: At) -> bool:
    try:
        return known(request, daybook, at).opens_offline
    except Refused:
        return False


@router.get("/offline")
def no_connection(visit: Offline) -> Response:
    assets: FormAssets = visit.request.app.state.form_assets
    headers = {"Content-Security-Policy": form_policy(assets)}
    return visit.show(OfflinePage(assets.css), headers=headers)


@router.get("/f/{slot}/blank")
def blank(visit: Offline, slot: str) -> Response:
    """A form of one's own that is begun and can be answered now, as it was before the first answer."""
    try:
        form = open_form(visit.daybook, visit.visitor, slot, visit.at)
    except Refused:
        raise HTTPException(404) from None
    if form.slot.begun_at is None:
        raise HTTPException(404)
    assets: FormAssets = visit.request.app.state.form_assets
    page = form_page(replace(form, answers={}, revision=0), assets, {})
    headers = {"Content-Security-Policy": form_policy(assets)}
    return visit.show(replace(page, blank=True), headers=headers)
