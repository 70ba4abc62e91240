"""Opening a begun form again without a connection: the worker in the browser, and what it may keep.

A study that lets the phone keep an outbox has it, unless its plan says no (`opens_offline`). What the worker
keeps is of nobody: forms without any answer, and a page that says that there is no connection (OFF-03,
OFF-06).
"""

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Request
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.domain.refusal import Refused
from app.patient.forms.assets import FormAssets, form_policy, policy_of_page
from app.patient.forms.page_builders import form_page
from app.patient.request import ParticipantRequest, UnlockedRequest, identify_device
from app.services.capture.forms import open_form
from app.services.patient.urgent_call import get_urgent_call
from app.web.dependencies import At, CurrentInstallation
from app.web.pages.page_frame import NO_MARK, PageFrame
from app.web.pages.rendering import render_page
from app.web.statics import StaticFiles


@dataclass(frozen=True, slots=True)
class OfflinePage:
    """What a phone shows in place of a page that it cannot get; it brings its look along."""

    template: ClassVar[str] = "patient/offline.html"
    css: Markup


# Not PatientRoute: these answers are kept in a browser, so that none may carry the person's cookie.
router = APIRouter(include_in_schema=False)


def require_offline(current: UnlockedRequest) -> ParticipantRequest:
    """The request of somebody whose study allows this; to others the addresses are not there."""
    if not current.opens_offline:
        raise HTTPException(404)
    return current


OfflineRequest = Annotated[ParticipantRequest, Depends(require_offline)]


@router.get("/sw.js")
def get_worker(request: Request, installation: CurrentInstallation, at: At) -> Response:
    """The worker, or for everybody else the one that removes it and all that it kept."""
    statics: StaticFiles = request.app.state.statics
    file = statics.files["js/sw.js" if _works_offline(request, installation, at) else "js/sw-off.js"]
    return Response(file.bodies[None], headers={"cache-control": "no-cache"}, media_type=file.kind)


def _works_offline(request: Request, installation: CurrentInstallation, at: At) -> bool:
    try:
        return identify_device(request, installation, at).opens_offline
    except Refused:
        return False


@router.get("/offline")
def show_no_connection(current: OfflineRequest) -> Response:
    frame = _frame_of_nobody(current)
    assets: FormAssets = current.request.app.state.form_assets
    css = assets.for_reader(frame).css
    headers = {"Content-Security-Policy": form_policy(css)}
    return render_page(current.request, OfflinePage(css), frame=frame, headers=headers)


@router.get("/f/{slot}/blank")
def show_blank_form(current: OfflineRequest, slot: str) -> Response:
    """A form of one's own that is begun and can be answered now, as it was before the first answer."""
    try:
        form = open_form(current.context, slot)
    except Refused:
        raise HTTPException(404) from None
    if form.slot.begun_at is None:
        raise HTTPException(404)
    assets: FormAssets = current.request.app.state.form_assets
    frame = _frame_of_nobody(current)
    assets = assets.for_reader(frame)
    page = form_page(replace(form, answers={}, revision=0), assets, {}, get_urgent_call(current.context))
    return render_page(current.request, replace(page, blank=True), frame=frame, headers=policy_of_page(page))


def _frame_of_nobody(current: ParticipantRequest) -> PageFrame:
    """Without the person's mark, and without a key for acts: the browser keeps these pages."""
    return replace(current.frame, mark=NO_MARK)
