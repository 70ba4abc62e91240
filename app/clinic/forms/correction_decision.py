"""One correction: what is proposed and why, and an investigator's signed decision."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import Response

from app.clinic.forms.answer_rows import answer_words, name_form
from app.clinic.frame.form_faults import NO_FAULTS, FormFaults, list_faults, words_by_label
from app.clinic.frame.second_factor import PasskeyAnswer, read_factor
from app.clinic.request import ParticipantStaffRequest, PermittedRequest, url_of_participant
from app.domain.refusal import Refused, check_all, raise_all
from app.i18n.languages import find_language
from app.i18n.marking import N_
from app.services.clinic.corrections.correction_list import (
    CorrectedItem,
    CorrectionDetails,
    CorrectionSummary,
    get_correction,
)
from app.services.clinic.corrections.decisions import DecisionEntry, check_decision, decide_correction
from app.services.clinic.corrections.signatures import SigningStaff
from app.services.core.second_factor.passkeys import has_passkeys
from app.web.cookies import get_cookie
from app.web.errors import ask_to_retry
from app.web.form_fields import ActCode, ActWords, PasswordField
from app.web.middleware.forwarding import find_source
from app.web.urls import ACCOUNT_PASSKEY_REQUEST, CORRECTION, CORRECTIONS, FORM_CORRECTION, KNOWN_COOKIE


@dataclass(frozen=True, slots=True)
class CorrectedRow:
    """One question of a correction; answers are None for readers who may not see them."""

    number: int
    question: str
    before: str | None
    now: str | None
    new: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class CorrectionPage:
    """A correction and its decision. `state`: "waiting", or the outcome that was signed.

    `signs`: this reader signs corrections; `may_sign`: this one too; `own`: they proposed it; `signable`:
    somebody at the site may sign it; `late`: an approval takes a second reason; `overtaken` and
    `changes_nothing`: it can only be declined. `propose_url`: where this reader may propose another one.
    `passkey_url`: where a script is told what to ask this reader's passkey; "" without one.
    """

    template: ClassVar[str] = "clinic/correction.html"
    subject: str
    name: str
    site: str
    visit: str
    day: date | None
    person_url: str
    form_url: str
    propose_url: str
    list_url: str
    action_url: str
    lang: str
    zone: str
    rows: tuple[CorrectedRow, ...]
    words: str
    told_on: date
    evidence: str
    submitted_at: datetime
    proposed_at: datetime
    proposed_by: str
    state: str
    decided_at: datetime | None
    decided_by: str
    decision_note: str
    decision_late_reason: str
    signs: bool
    may_sign: bool
    own: bool
    signable: bool
    askable: tuple[str, ...]
    late: bool
    days: int
    overtaken: bool
    changes_nothing: bool
    signer: str
    passkey_url: str
    signed: bool = False
    outcome: str = ""
    note: str = ""
    late_reason: str = ""
    faults: FormFaults = NO_FAULTS


LABELS = {
    "outcome": N_("Your decision"),
    "note": N_("Note"),
    "late_reason": N_("Why so late"),
    "password": N_("Your password"),
    "one_time_code": N_("Code from your authenticator app"),
}

"""Any characters that a keyboard makes, and as it makes them."""

router = APIRouter(include_in_schema=False)


@router.get(CORRECTION)
def show_correction(request: PermittedRequest, correction: str, done: str = "") -> Response:
    return request.show(replace(_page(request, correction), signed=done == "signed"))


@router.post(CORRECTION)
def sign_correction(
    request: PermittedRequest,
    correction: str,
    outcome: ActCode = "",
    note: ActWords = "",
    late_reason: ActWords = "",
    password: PasswordField = "",
    one_time_code: ActCode = "",
    passkey: PasskeyAnswer = "",
) -> Response:
    source, proofs = find_source(request.http), get_cookie(request.http, KNOWN_COOKIE) or ""
    shown = read_factor(request.http, one_time_code, passkey)
    signer = SigningStaff(request.staff.staff_id, password, shown, source, proofs)
    entry = DecisionEntry(outcome, note, late_reason)
    try:
        check_all(
            request.act.check_texts,
            lambda: check_decision(entry),
            lambda: _check_signer(password, one_time_code or passkey),
        )
        decide_correction(request.context, request.participant.participant_id, correction, entry, signer)
    except Refused as refused:
        details = get_correction(request.context, request.participant.participant_id, correction)
        page = replace(_build(request, details), outcome=outcome, note=note, late_reason=late_reason)
        faults = list_faults(
            request,
            refused,
            LABELS,
            tell=lambda fault: words_by_label(request, _name_questions(fault, details), LABELS),
        )
        return ask_to_retry(request.http, request.show(replace(page, faults=faults), refused), refused)
    return request.finish()


def _check_signer(password: str, code: str) -> None:
    """Refuse a signature that lacks something, before any of it is tried."""
    lacking = {"password": password, "one_time_code": code}
    raise_all(Refused("signature_needed", field=name) for name, typed in lacking.items() if not typed)


def _name_questions(refused: Refused, details: CorrectionDetails) -> Refused:
    items = refused.details.get("items")
    if not isinstance(items, tuple):
        return refused
    numbers = [str(details.definition.instrument.get_item(str(item)).number) for item in items]
    return Refused(refused.code, items=tuple(numbers))


def _page(request: ParticipantStaffRequest, correction: str) -> CorrectionPage:
    return _build(request, get_correction(request.context, request.participant.participant_id, correction))


def _build(request: ParticipantStaffRequest, details: CorrectionDetails) -> CorrectionPage:
    summary, definition = details.summary, details.definition
    person, spoken = url_of_participant(summary.participant), find_language(definition.text.lang)
    may_sign = details.may_decide and summary.outcome is None and not summary.own
    return CorrectionPage(
        subject=summary.subject,
        name=name_form(request.installation, definition.plan, definition.instrument, request.frame.code),
        site=summary.site,
        visit=summary.visit,
        day=summary.for_day,
        person_url=person,
        form_url=f"{person}/forms/{summary.slot}",
        propose_url=_propose_url(request, summary),
        list_url=request.frame.back_to(CORRECTIONS),
        action_url=url_of_correction(summary),
        lang=spoken.tag if spoken else definition.text.lang,
        zone=summary.zone,
        rows=tuple(_row(details, item) for item in details.items),
        words=details.words,
        told_on=details.told_on,
        evidence=details.evidence.value,
        submitted_at=details.submitted_at,
        proposed_at=summary.proposed_at,
        proposed_by=summary.proposed_by,
        state=summary.outcome.value if summary.outcome else "waiting",
        decided_at=summary.decided_at,
        decided_by=summary.decided_by,
        decision_note=details.note,
        decision_late_reason=details.late_reason,
        signs=details.may_decide,
        may_sign=may_sign,
        own=summary.own,
        signable=summary.signable,
        askable=summary.askable,
        late=details.late,
        days=details.days,
        overtaken=details.overtaken,
        changes_nothing=details.changes_nothing,
        signer=request.staff.name,
        passkey_url=_passkey_url(request) if may_sign else "",
    )


def _propose_url(request: ParticipantStaffRequest, summary: CorrectionSummary) -> str:
    url = FORM_CORRECTION.format(participant=summary.participant, slot=summary.slot)
    return url if request.offers_route(FORM_CORRECTION, "POST") else ""


def _passkey_url(request: ParticipantStaffRequest) -> str:
    return ACCOUNT_PASSKEY_REQUEST if has_passkeys(request.installation, request.staff.staff_id) else ""


def url_of_correction(summary: CorrectionSummary) -> str:
    """The address of a correction's page."""
    return CORRECTION.format(participant=summary.participant, correction=summary.correction)


def _row(details: CorrectionDetails, corrected: CorrectedItem) -> CorrectedRow:
    definition, sees = details.definition, details.sees_answers
    item = definition.instrument.get_item(corrected.item)
    return CorrectedRow(
        number=item.number,
        question=definition.text.items[item.code],
        before=answer_words(definition, item.code, corrected.before) if sees else None,
        now=answer_words(definition, item.code, corrected.now) if sees else None,
        new=answer_words(definition, item.code, corrected.value) if details.sees_proposal else None,
        reason=corrected.reason.value,
    )
