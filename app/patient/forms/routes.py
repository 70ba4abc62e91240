"""The addresses of a form: its document, beginning, saving, submitting, and the offline outbox."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.domain.capture.answers import HelpedBy, LateReason
from app.domain.instruments.responses import AnswerValue, unanswered_items
from app.domain.records.participants import HandOverEnd
from app.domain.refusal import Refused
from app.patient.forms.assets import FormAssets, policy_of_page
from app.patient.forms.document import FormDocuments
from app.patient.forms.event_parser import parse_offline_batch, parse_pending_events, parse_saved_events
from app.patient.forms.form_language import change_or_ask
from app.patient.forms.form_parser import ParsedForm, parse_form
from app.patient.forms.page_builders import (
    begin_page,
    done_page,
    form_page,
    name_form,
    review_page,
    url_of_form,
)
from app.patient.forms.pages import HelperPage
from app.patient.forms.questions import is_ticked
from app.patient.hand_over import end_hand_over_session
from app.patient.refusals import NoticePage, PatientRoute, PlainPatientRoute, refusal_as_json, wants_json
from app.patient.request import (
    FormPost,
    ParticipantPost,
    ParticipantRequest,
    ReachableRequest,
    SubmissionPost,
    UnlockedRequest,
    identify_device,
    read_fields,
    read_submission_post,
    request_form,
    require_unlocked,
)
from app.services.accounts.participant_session import keep_alive
from app.services.capture.answer_saving import (
    AnswerBatch,
    record_altered_answers,
    save_answers,
)
from app.services.capture.forms import (
    OpenForm,
    begin_as_confirmed,
    begin_form,
    change_helper,
    open_form,
    open_read_form,
)
from app.services.capture.offline_sync import accept_offline_answers
from app.services.capture.page_saving import save_page
from app.services.capture.submission import reread_submission, submission_context, submit_form
from app.services.capture.submission_builder import SubmissionContext
from app.services.patient.home import NextForms, choose_next_forms, get_next_forms
from app.services.patient.submitted_forms import (
    SubmittedFormSummary,
    get_submitted_form,
    summarise_submission,
)
from app.services.patient.urgent_call import get_urgent_call
from app.web.dependencies import get_device_context
from app.web.pages.rendering import render_blocks, render_page
from app.web.permissions import CallerKind, mark_guard
from app.web.urls import PATIENT_HOME

_busiest = APIRouter(route_class=PlainPatientRoute, include_in_schema=False)


async def read_body(request: Request) -> bytes:
    return await request.body()


# Phones ask for these three all day long. They come first, because routes are compared one by one, and what
# they need is taken from the request itself: to resolve the declared dependencies that all other routes
# have would cost as much as reading the form.
@_busiest.post("/f/{slot}/answers")
@mark_guard(CallerKind.PARTICIPANT)
async def save_answer(request: Request) -> Response:
    """One answer or several, as they are given: no page, and no look-up but the one of the use case."""
    return await run_in_threadpool(_save, request, request.path_params["slot"], await request.body())


@_busiest.post("/f/{slot}/submit")
@mark_guard(CallerKind.PARTICIPANT)
async def submit_form_post(request: Request) -> Response:
    """A whole form: sent, or to be reviewed first."""
    return await run_in_threadpool(_submit, request, request.path_params["slot"], await read_fields(request))


@_busiest.get("/f/{slot}")
@mark_guard(CallerKind.PARTICIPANT)
async def show_form(request: Request) -> Response:
    """The form document with the draft, or who fills it in where it is not begun yet."""
    return await run_in_threadpool(_show_form, request, request.path_params["slot"])


router = APIRouter(route_class=PatientRoute, include_in_schema=False, routes=list(_busiest.routes))


@router.post("/f/{slot}/begin")
def begin_form_post(post: ParticipantPost, slot: str) -> Response:
    filled_by, scribe, late = (post.fields.get(name, "") for name in ("who", "scribe", "late_reason"))
    if filled_by == "proxy":
        return post.current.show(NoticePage("proxy"))
    if filled_by != "confirmed" and (lacks := _lacking(filled_by, scribe)):
        return _begin_again(post, slot, lacks, filled_by if lacks == "scribe" else "")
    try:
        if filled_by == "confirmed":
            begin_as_confirmed(post.current.context, slot, scribe)
        else:
            reason = LateReason(late) if late in tuple(LateReason) else None
            begin_form(post.current.context, slot, _helped_by(filled_by, scribe), reason)
    except Refused as refused:
        if refused.code not in _MISSING_QUESTION:
            raise
        return _begin_again(post, slot, _MISSING_QUESTION[refused.code], filled_by)
    return post.current.finish()


_MISSING_QUESTION = {"late_reason_needed": "late", "who_needed": "who"}
"""What the first page asks again, by the refusal that says it is missing."""


def _lacking(filled_by: str, scribe: str) -> str:
    """Which question is not answered of who fills in a form: "who", "scribe", or "" for none."""
    if filled_by not in ("self", "scribe"):
        return "who"
    return "scribe" if filled_by == "scribe" and scribe not in tuple(HelpedBy) else ""


def _helped_by(filled_by: str, scribe: str) -> HelpedBy | None:
    return HelpedBy(scribe) if filled_by == "scribe" else None


@router.get("/f/{slot}/who")
def show_helper_form(current: UnlockedRequest, slot: str) -> Response:
    return current.show(_helper_page(current, slot))


@router.post("/f/{slot}/who")
def change_form_helper(post: ParticipantPost, slot: str) -> Response:
    filled_by, scribe = (post.fields.get(name, "") for name in ("who", "scribe"))
    if filled_by == "proxy":
        return post.current.show(NoticePage("proxy"))
    if lacks := _lacking(filled_by, scribe):
        return post.current.show(replace(_helper_page(post.current, slot), error=lacks, who=filled_by), 422)
    change_helper(post.current.context, slot, _helped_by(filled_by, scribe))
    return post.current.finish()


def _helper_page(current: ParticipantRequest, slot: str) -> HelperPage:
    form, url = open_form(current.context, slot), url_of_form(slot)
    scribe = form.slot.helped_by or ""
    name = name_form(current, form.name, form.occasion)
    return HelperPage(name, f"{url}/who", url, "scribe" if scribe else "self", scribe)


def _begin_again(post: FormPost, slot: str, error: str, filled_by: str) -> Response:
    form = open_form(post.current.context, slot)
    return post.current.show(begin_page(post.current, form, error, filled_by), 422)


@router.get("/f/{slot}/review")
def show_review(current: UnlockedRequest, slot: str) -> Response:
    """Without the runner: the draft to be checked before sending, or the form again for what is missing.

    It is the answer to no POST, so that whoever comes back to it by the browser's Back finds a page.
    """
    form = open_form(current.context, slot)
    if form.slot.begun_at is None:
        raise Refused("not_begun")
    if missing := _missing(form, form.answers):
        return _form(current, form, form.answers, missing)
    return current.show(review_page(current, form, form.answers))


@router.get("/f/{slot}/done")
def show_done(current: UnlockedRequest, slot: str) -> Response:
    form = get_submitted_form(current.context, slot)
    return current.show(done_page(current, form, get_next_forms(current.context)))


@router.get("/f/{slot}/{step}")
def step_back(_current: UnlockedRequest, slot: str, step: Literal["begin", "submit"]) -> Response:  # noqa: ARG001 - a part of the path
    """Where a language switch on the answer to a POST leads."""
    return RedirectResponse(url_of_form(slot), 303)


def _show_form(request: Request, slot: str) -> Response:
    current, access = request_form(request, slot)
    require_unlocked(current)
    if access is None:
        raise Refused("unknown_slot")
    form = open_read_form(current.context, access.rows)
    if form.slot.begun_at is None:
        return current.show(begin_page(current, form))
    documents: FormDocuments = request.app.state.form_documents
    html, headers = documents.render(form, current.frame_of_form(form.slot), get_urgent_call(current.context))
    return HTMLResponse(html, headers=headers)


def _save(request: Request, slot: str, body: bytes) -> Response:
    device = get_device_context(request)
    try:
        revision = save_answers(device, slot, parse_saved_events(body, device.at))
    except Refused as refused:
        if refused.code == "altered_answer":
            record_altered_answers(identify_device(request, device.installation, device.at).context, slot)
        return refusal_as_json(refused)
    return Response(status_code=204, headers={"X-Revision": str(revision)})


@router.post("/f/{slot}/late")
def accept_offline(
    current: ReachableRequest, slot: str, body: Annotated[bytes, Depends(read_body)]
) -> Response:
    """A phone's outbox whose form is not open on its screen; the answer lets it forget that."""
    result = accept_offline_answers(current.context, slot, parse_offline_batch(body, current.at))
    message = {"state": result.outcome, "late": result.late, "receipt": result.receipt}
    return Response(orjson.dumps(message), media_type="application/json")


def _submit(request: Request, slot: str, fields: Mapping[str, str]) -> Response:
    post = read_submission_post(request, slot, fields)
    try:
        return _submit_or_review(post)
    except Refused:
        keep_alive(post.current.context)
        raise


def _submit_or_review(post: SubmissionPost) -> Response:
    current = post.current
    known = submission_context(current.context, post.access.rows)
    definition = known.definition
    page = parse_form(definition.instrument, definition.leave_out, post.fields, current.at)
    if page.form.reviewed and not page.invalid:
        return _submit_reviewed(post, known, page)
    if wants_json(current.request):
        raise (
            Refused("invalid_answers", items=tuple(page.invalid)) if page.invalid else Refused("not_reviewed")
        )
    keep_alive(current.context)
    form = save_page(current.context, known, page.form)
    return _drafted(current, form, page, known.rows.answers)


def _submit_reviewed(post: SubmissionPost, known: SubmissionContext, page: ParsedForm) -> Response:
    """Everything was reviewed: it becomes the response, or what is missing is shown."""
    current, slot = post.current, known.definition.slot.public_id
    context, read = current.context, known
    if page.events and _save_pending(current, known, page):
        known = reread_submission(context, known)
    try:
        receipt = submit_form(context, slot, page.form, known)
    except Refused as refused:
        if refused.code != "unanswered" or wants_json(current.request):
            raise
        keep_alive(context)
        form, answers = open_read_form(context, known.rows, known.definition), page.form.answers
        return _form(current, form, {**form.answers, **answers}, missing=_missing(form, answers))
    ends = current.participant.handed_slot == known.rows.slot.id
    if receipt.repeated:
        keep_alive(context)
        return _received(current, get_submitted_form(context, slot), get_next_forms(context), ends=ends)
    # What was read with the form still holds where nothing of the participant changed until it was stored.
    holds = known is read and not receipt.overtaken
    ahead = choose_next_forms(context, post.access.upcoming) if holds else get_next_forms(context)
    return _received(current, summarise_submission(known, receipt, page.form.answers), ahead, ends=ends)


def _save_pending(current: ParticipantRequest, known: SubmissionContext, page: ParsedForm) -> bool:
    """Save first the answers that the page did not wait for, with their own times; whether that was done.

    Where the form takes none any more, the submission is judged as a whole: it holds every answer.
    """
    batch = AnswerBatch(
        client=page.form.submission,
        answers=parse_pending_events(page.events, page.form.skew),
        definition=known.definition,
    )
    try:
        save_answers(current.context.device, known.definition.slot.public_id, batch)
    except Refused as refused:
        if refused.code not in ("already_submitted", "window_closed", "not_expected"):
            raise
        return False
    return True


def _received(
    current: ParticipantRequest, form: SubmittedFormSummary, ahead: NextForms, *, ends: bool
) -> Response:
    """The thanks; the runner is given them at once, so that it needs no second request.

    A tablet that was handed over for this form, or for a last one, is given back.
    """
    thanks = done_page(current, form, ahead)
    ended = None
    if current.participant.handed_over and (ends or not thanks.more):
        ended, thanks = end_hand_over_session(current, HandOverEnd.sent), replace(thanks, handed_back=True)
    if not wants_json(current.request):
        return ended or RedirectResponse(f"{url_of_form(form.slot)}/done", 303)
    return render_blocks(current.request, thanks, "main", "bar", frame=current.frame)


def _drafted(
    current: ParticipantRequest, form: OpenForm, page: ParsedForm, before: Mapping[str, AnswerValue]
) -> Response:
    """Without the runner: the draft is kept, and the next page follows; this one for what is not possible.

    `before` is the draft as it was: what is ticked since then is asked now, and nothing was forgotten.
    """
    slot = form.slot.public_id
    missing = () if page.saves or page.language else _missing(form, form.answers)
    if page.invalid:
        return _form(current, form, form.answers, missing, page.invalid)
    if page.saves:
        return RedirectResponse(f"{PATIENT_HOME}/saved", 303)
    if page.language:
        return change_or_ask(current, slot, page.language, answered=bool(form.answers))
    newly = [code for code in missing if _is_newly_ticked(form, code, before)]
    return RedirectResponse(url_of_form(slot) + (f"#s-{newly[0]}" if newly else "/review"), 303)


def _is_newly_ticked(form: OpenForm, code: str, before: Mapping[str, AnswerValue]) -> bool:
    box = form.instrument.get_item(code).box
    return box != "" and not is_ticked(box, before)


def _missing(form: OpenForm, answers: Mapping[str, AnswerValue]) -> tuple[str, ...]:
    return unanswered_items(form.instrument, answers, form.leave_out)


def _form(
    current: ParticipantRequest,
    form: OpenForm,
    answers: Mapping[str, AnswerValue],
    missing: tuple[str, ...] = (),
    invalid: Mapping[str, str] = MappingProxyType({}),
) -> Response:
    """The form again, with what is missing, or was typed and is not possible: then nothing was done."""
    assets: FormAssets = current.request.app.state.form_assets
    frame = current.frame_of_form(form.slot)
    call = get_urgent_call(current.context)
    page = form_page(form, assets.for_reader(frame), answers, call, missing, invalid)
    status = 422 if invalid or current.request.method == "POST" else 200
    return render_page(current.request, page, status, frame, policy_of_page(page))
