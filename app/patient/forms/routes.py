"""The participant's addresses: home, forms, settings, help. Coming in is in `app.patient.entrance`."""

from collections.abc import Mapping
from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from app.domain.capture.answers import HelpedBy, LateReason
from app.domain.capture.outbox import clock_skew
from app.domain.instruments.responses import AnswerValue, unanswered_items
from app.domain.refusal import Refused
from app.patient.forms.assets import FormAssets, form_policy
from app.patient.forms.event_parser import parse_offline_batch, parse_pending_events, parse_saved_events
from app.patient.forms.form_parser import ParsedForm, parse_form
from app.patient.forms.page_builders import begin_page, done_page, form_page, review_page, url_of_form
from app.patient.forms.pages import DonePage
from app.patient.refusals import NoticePage, PatientRoute, refusal_as_json, wants_json
from app.patient.request import (
    FormPost,
    ParticipantPost,
    ParticipantRequest,
    ReachableRequest,
    SubmissionPost,
    UnlockedRequest,
    read_fields,
    read_submission_post,
    require_device,
)
from app.services.capture.answer_saving import record_altered_answers, save_answers, save_draft
from app.services.capture.forms import FormDefinition, OpenForm, begin_form, form_definition, open_form
from app.services.capture.offline_sync import accept_offline_answers
from app.services.capture.submission import submit_form
from app.services.capture.submission_builder import SubmittedForm
from app.services.core.context import ParticipantContext
from app.services.patient.home import get_next_forms
from app.services.patient.submitted_forms import (
    SubmittedFormSummary,
    get_submitted_form,
    summarise_submission,
)
from app.web.cookies import get_cookie
from app.web.dependencies import get_installation, get_now
from app.web.pages.rendering import render_block
from app.web.permissions import CallerKind, guards
from app.web.urls import DEVICE_COOKIE, PATIENT_HOME

router = APIRouter(route_class=PatientRoute, include_in_schema=False)


async def read_body(request: Request) -> bytes:
    return await request.body()


# Phones ask for these two all day long. They come first, because routes are compared one by one, and what
# they need is taken from the request itself: to resolve the declared dependencies that all other routes
# have would cost as much as reading the form.
@router.post("/f/{slot}/answers")
@guards(CallerKind.PARTICIPANT)
async def save_answer(request: Request) -> Response:
    """One answer or several, as they are given: no page, and no look-up but the one of the use case."""
    return await run_in_threadpool(_saved, request, request.path_params["slot"], await request.body())


@router.post("/f/{slot}/submit")
@guards(CallerKind.PARTICIPANT)
async def submit_form_post(request: Request) -> Response:
    """A whole form: sent, or to be reviewed first."""
    return await run_in_threadpool(_sent, request, request.path_params["slot"], await read_fields(request))


@router.get("/f/{slot}")
def show_form(current: UnlockedRequest, slot: str) -> Response:
    form = open_form(current.context, slot)
    if form.slot.begun_at is None:
        return current.show(begin_page(current, form))
    return _form(current, form, form.answers)


@router.post("/f/{slot}/begin")
def begin_form_post(sent: ParticipantPost, slot: str) -> Response:
    who, scribe, late = (sent.fields.get(name, "") for name in ("who", "scribe", "late_reason"))
    if who == "proxy":
        return sent.current.show(NoticePage("proxy"))
    if who not in ("self", "scribe"):
        return _begin_again(sent, slot, "who", "")
    if who == "scribe" and scribe not in tuple(HelpedBy):
        return _begin_again(sent, slot, "scribe", who)
    try:
        reason = LateReason(late) if late in tuple(LateReason) else None
        helped_by = HelpedBy(scribe) if who == "scribe" else None
        begin_form(sent.current.context, slot, helped_by, reason)
    except Refused as refused:
        if refused.code != "late_reason_needed":
            raise
        return _begin_again(sent, slot, "late", who)
    return RedirectResponse(url_of_form(slot), 303)


def _begin_again(sent: FormPost, slot: str, error: str, who: str) -> Response:
    form = open_form(sent.current.context, slot)
    return sent.current.show(begin_page(sent.current, form, error, who), 422)


@router.get("/f/{slot}/done")
def show_done(current: UnlockedRequest, slot: str) -> Response:
    return current.show(_thanks(current, get_submitted_form(current.context, slot)))


def _thanks(current: ParticipantRequest, sent: SubmittedFormSummary) -> DonePage:
    return done_page(current, sent, get_next_forms(current.context))


@router.get("/f/{slot}/{step}")
def step_back(_current: UnlockedRequest, slot: str, step: Literal["begin", "submit"]) -> Response:  # noqa: ARG001 - a part of the path
    """Where a language switch on the answer to a POST leads."""
    return RedirectResponse(url_of_form(slot), 303)


def _saved(request: Request, slot: str, body: bytes) -> Response:
    installation, at, cookie = get_installation(request), get_now(request), get_cookie(request, DEVICE_COOKIE)
    try:
        if cookie is None:
            raise Refused("not_signed_in")
        client, given = parse_saved_events(body, at)
        revision = save_answers(installation, cookie, slot, client, given, at)
    except Refused as refused:
        if refused.code == "altered_answer":
            record_altered_answers(
                ParticipantContext(installation, require_device(request, installation, at).participant, at),
                slot,
            )
        return refusal_as_json(refused)
    return Response(status_code=204, headers={"X-Revision": str(revision)})


@router.post("/f/{slot}/late")
def accept_offline(
    current: ReachableRequest, slot: str, body: Annotated[bytes, Depends(read_body)]
) -> Response:
    """What a phone had kept of a form that is not open on its screen; the answer lets it forget that."""
    found = accept_offline_answers(
        current.context, current.cookie, slot, parse_offline_batch(body, current.at)
    )
    told = {"state": found.fate, "late": found.late, "receipt": found.receipt}
    return Response(orjson.dumps(told), media_type="application/json")


def _sent(request: Request, slot: str, fields: Mapping[str, str]) -> Response:
    sent = read_submission_post(request, get_installation(request), get_now(request), slot, fields)
    current = sent.current
    asked = form_definition(current.context, sent.met.slot)
    page = parse_form(asked.instrument, asked.leave_out, sent.fields)
    if page.reviewed and not page.invalid:
        return _submitted(sent, asked, page)
    if wants_json(request):
        raise Refused("invalid_answers", items=page.invalid) if page.invalid else Refused("not_reviewed")
    if current.participant.exit_kind is not None:
        raise Refused("participation_ended")
    form = save_draft(current.context, current.cookie, slot, page.answers, page.revision)
    return _drafted(current, form, page)


def _submitted(sent: SubmissionPost, asked: FormDefinition, page: ParsedForm) -> Response:
    """Everything was reviewed: it becomes the response, or what is missing is shown."""
    current, slot = sent.current, asked.slot.public_id
    ahead = clock_skew(page.sent_at, current.at)
    met = None if page.events and _waiting(current, slot, page, ahead) else sent.met
    sending = SubmittedForm(
        answers=page.answers,
        submission=page.submission,
        reviewed=True,
        device_at=page.device_at,
        presentation=page.presentation,
        base=page.revision,
        skew=ahead,
        offline=page.offline,
    )
    try:
        receipt = submit_form(current.context, slot, sending, met)
    except Refused as refused:
        if refused.code != "unanswered" or wants_json(current.request):
            raise
        form = open_form(current.context, slot)
        return _form(current, form, {**form.answers, **page.answers}, missing=_missing(form, page.answers))
    return _received(current, summarise_submission(asked, receipt))


def _waiting(current: ParticipantRequest, slot: str, page: ParsedForm, ahead: int | None) -> bool:
    """Save first the answers that the page did not wait for, with their own times; whether that was done.

    Where the form takes none any more, the sending is judged as a whole: it holds every answer.
    """
    given = parse_pending_events(page.events, ahead)
    try:
        save_answers(current.installation, current.cookie, slot, page.submission, given, current.at)
    except Refused as refused:
        if refused.code not in ("already_submitted", "window_closed", "not_expected"):
            raise
        return False
    return True


def _received(current: ParticipantRequest, form: SubmittedFormSummary) -> Response:
    """The thanks; the runner is given them at once, so that it needs no second request."""
    if not wants_json(current.request):
        return RedirectResponse(f"{url_of_form(form.slot)}/done", 303)
    return render_block(current.request, _thanks(current, form), "main", current.frame)


def _drafted(current: ParticipantRequest, form: OpenForm, page: ParsedForm) -> Response:
    """Without the runner: the draft is kept, then shown for review, or again for what is missing."""
    answers = {**form.answers, **page.answers}
    missing = () if page.saves else _missing(form, answers)
    if page.invalid or missing:
        return _form(current, form, answers, missing, page.invalid)
    if page.saves:
        return RedirectResponse(f"{PATIENT_HOME}/saved", 303)
    return current.show(review_page(form, answers))


def _missing(form: OpenForm, answers: Mapping[str, AnswerValue]) -> tuple[str, ...]:
    return unanswered_items(form.instrument, answers, form.leave_out)


def _form(
    current: ParticipantRequest,
    form: OpenForm,
    answers: Mapping[str, AnswerValue],
    missing: tuple[str, ...] = (),
    invalid: tuple[str, ...] = (),
) -> Response:
    assets: FormAssets = current.request.app.state.form_assets
    page = form_page(form, assets, answers, missing, invalid)
    headers = {"Content-Security-Policy": form_policy(assets)}
    return current.show_form(form.slot, page, 422 if missing or invalid else 200, headers)
