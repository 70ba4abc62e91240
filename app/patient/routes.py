"""The participant's addresses: home, forms, settings, help. Coming in is in `app.patient.entrance`."""

from collections.abc import Mapping
from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from app.domain.answers import Value, unanswered
from app.domain.capture import HelpedBy, LateReason
from app.domain.outbox import skew
from app.domain.refusal import Refused
from app.patient.form_assets import FormAssets, form_policy
from app.patient.pages import DonePage, NoticePage
from app.patient.reading import Sheet, sheet
from app.patient.reading_events import leftover, saved_events, waiting_events
from app.patient.refusals import PatientRoute, told_as_json, wants_json
from app.patient.views import begin_page, done_page, form_page, form_url, home_page, review_page
from app.patient.visits import (
    Awake,
    Delivery,
    FormPost,
    Posting,
    Reachable,
    Visit,
    delivered,
    known,
    posted,
)
from app.services.capture import Definition, Form, begin_form, defined, open_form
from app.services.late import deliver
from app.services.patient_home import SentForm, home, just_sent, outlook, sent_form
from app.services.saving import keep_draft, save_answers, tell_altered
from app.services.submission import Sending, submit_form
from app.web.cookies import kept
from app.web.dependencies import installation_of, now_of
from app.web.pages import render_block
from app.web.places import DEVICE_COOKIE, PATIENT_HOME

router = APIRouter(route_class=PatientRoute, include_in_schema=False)


async def raw_body(request: Request) -> bytes:
    return await request.body()


# Phones ask for these two all day long. They come first, because routes are compared one by one, and what
# they need is taken from the request itself: to resolve the declared dependencies that all other routes
# have would cost as much as reading the form.
@router.post("/f/{slot}/answers")
async def save(request: Request) -> Response:
    """One answer or several, as they are given: no page, and no look-up but the one of the use case."""
    return await run_in_threadpool(_saved, request, request.path_params["slot"], await request.body())


@router.post("/f/{slot}/submit")
async def submit(request: Request) -> Response:
    """A whole form: sent, or to be reviewed first."""
    return await run_in_threadpool(_sent, request, request.path_params["slot"], await posted(request))


@router.get("/home")
def show_home(visit: Awake) -> Response:
    return visit.show(home_page(visit, home(visit.daybook, visit.visitor, visit.at), ""))


@router.get("/home/{news}")
def show_news(visit: Awake, news: Literal["ready", "saved"]) -> Response:
    return visit.show(home_page(visit, home(visit.daybook, visit.visitor, visit.at), news))


@router.get("/f/{slot}")
def show_form(visit: Awake, slot: str) -> Response:
    form = open_form(visit.daybook, visit.visitor, slot, visit.at)
    if form.slot.begun_at is None:
        return visit.show(begin_page(visit, form))
    return _form(visit, form, form.answers)


@router.post("/f/{slot}/begin")
def begin(sent: FormPost, slot: str) -> Response:
    who, scribe, late = (sent.fields.get(name, "") for name in ("who", "scribe", "late_reason"))
    if who == "proxy":
        return sent.visit.show(NoticePage("proxy"))
    if who not in ("self", "scribe"):
        return _begin_again(sent, slot, "who", "")
    if who == "scribe" and scribe not in tuple(HelpedBy):
        return _begin_again(sent, slot, "scribe", who)
    try:
        reason = LateReason(late) if late in tuple(LateReason) else None
        helped_by = HelpedBy(scribe) if who == "scribe" else None
        begin_form(sent.visit.daybook, sent.visit.visitor, slot, helped_by, reason, sent.visit.at)
    except Refused as refused:
        if refused.code != "late_reason_needed":
            raise
        return _begin_again(sent, slot, "late", who)
    return RedirectResponse(form_url(slot), 303)


def _begin_again(sent: Posting, slot: str, error: str, who: str) -> Response:
    form = open_form(sent.visit.daybook, sent.visit.visitor, slot, sent.visit.at)
    return sent.visit.show(begin_page(sent.visit, form, error, who), 422)


@router.get("/f/{slot}/done")
def done(visit: Awake, slot: str) -> Response:
    return visit.show(_thanks(visit, sent_form(visit.daybook, visit.visitor, slot)))


def _thanks(visit: Visit, sent: SentForm) -> DonePage:
    return done_page(visit, sent, outlook(visit.daybook, visit.visitor, visit.at))


@router.get("/f/{slot}/{step}")
def step_back(_visit: Awake, slot: str, step: Literal["begin", "submit"]) -> Response:  # noqa: ARG001 - the path's
    """Where a language switch on the answer to a POST leads."""
    return RedirectResponse(form_url(slot), 303)


def _saved(request: Request, slot: str, body: bytes) -> Response:
    daybook, at, cookie = installation_of(request), now_of(request), kept(request, DEVICE_COOKIE)
    try:
        if cookie is None:
            raise Refused("not_signed_in")
        client, given = saved_events(body, at)
        revision = save_answers(daybook, cookie, slot, client, given, at)
    except Refused as refused:
        if refused.code == "altered_answer":
            tell_altered(daybook, known(request, daybook, at).visitor, slot, at)
        return told_as_json(refused)
    return Response(status_code=204, headers={"X-Revision": str(revision)})


@router.post("/f/{slot}/late")
def take_late(visit: Reachable, slot: str, body: Annotated[bytes, Depends(raw_body)]) -> Response:
    """What a phone had kept of a form that is not open on its screen; the answer lets it forget that."""
    found = deliver(visit.daybook, visit.visitor, visit.cookie, slot, leftover(body, visit.at), visit.at)
    told = {"state": found.fate, "late": found.late, "receipt": found.receipt}
    return Response(orjson.dumps(told), media_type="application/json")


def _sent(request: Request, slot: str, fields: Mapping[str, str]) -> Response:
    sent = delivered(request, installation_of(request), now_of(request), slot, fields)
    visit = sent.visit
    asked = defined(visit.daybook, visit.visitor, sent.met.slot)
    page = sheet(asked.instrument, asked.leave_out, sent.fields)
    if page.reviewed and not page.invalid:
        return _submitted(sent, asked, page)
    if wants_json(request):
        raise Refused("invalid_answers", items=page.invalid) if page.invalid else Refused("not_reviewed")
    if visit.visitor.exit_kind is not None:
        raise Refused("participation_ended")
    form = keep_draft(visit.daybook, visit.visitor, visit.cookie, slot, page.answers, page.revision, visit.at)
    return _drafted(visit, form, page)


def _submitted(sent: Delivery, asked: Definition, page: Sheet) -> Response:
    """Everything was reviewed: it becomes the response, or what is missing is shown."""
    visit, slot = sent.visit, asked.slot.public_id
    ahead = skew(page.sent_at, visit.at)
    met = None if page.events and _waiting(visit, slot, page, ahead) else sent.met
    sending = Sending(
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
        receipt = submit_form(visit.daybook, visit.visitor, slot, sending, visit.at, met)
    except Refused as refused:
        if refused.code != "unanswered" or wants_json(visit.request):
            raise
        form = open_form(visit.daybook, visit.visitor, slot, visit.at)
        return _form(visit, form, {**form.answers, **page.answers}, missing=_missing(form, page.answers))
    return _received(visit, just_sent(asked, receipt))


def _waiting(visit: Visit, slot: str, page: Sheet, ahead: int | None) -> bool:
    """Save first the answers that the page did not wait for, with their own times; whether that was done.

    Where the form takes none any more, the sending is judged as a whole: it holds every answer.
    """
    given = waiting_events(page.events, ahead)
    try:
        save_answers(visit.daybook, visit.cookie, slot, page.submission, given, visit.at)
    except Refused as refused:
        if refused.code not in ("already_submitted", "window_closed", "not_expected"):
            raise
        return False
    return True


def _received(visit: Visit, form: SentForm) -> Response:
    """The thanks; the runner is given them at once, so that it needs no second request."""
    if not wants_json(visit.request):
        return RedirectResponse(f"{form_url(form.slot)}/done", 303)
    return render_block(visit.request, _thanks(visit, form), "main", visit.shell)


def _drafted(visit: Visit, form: Form, page: Sheet) -> Response:
    """Without the runner: the draft is kept, then shown for review, or again for what is missing."""
    answers = {**form.answers, **page.answers}
    missing = () if page.saves else _missing(form, answers)
    if page.invalid or missing:
        return _form(visit, form, answers, missing, page.invalid)
    if page.saves:
        return RedirectResponse(f"{PATIENT_HOME}/saved", 303)
    return visit.show(review_page(form, answers))


def _missing(form: Form, answers: Mapping[str, Value]) -> tuple[str, ...]:
    return unanswered(form.instrument, answers, form.leave_out)


def _form(
    visit: Visit,
    form: Form,
    answers: Mapping[str, Value],
    missing: tuple[str, ...] = (),
    invalid: tuple[str, ...] = (),
) -> Response:
    assets: FormAssets = visit.request.app.state.form_assets
    page = form_page(form, assets, answers, missing, invalid)
    headers = {"Content-Security-Policy": form_policy(assets)}
    return visit.show_form(form.slot, page, 422 if missing or invalid else 200, headers)
