"""The rows of a participant's page: each a line of one of its tables or lists."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import NamedTuple

from app.clinic.request import url_of_participant
from app.domain.plans.status import Status
from app.domain.refusal import Refused
from app.services.accounts.devices import BoundDevice
from app.services.clinic.participant_overview import FormState, ParticipantOverview, get_form_state
from app.services.clinic.participants.facts import (
    AnchorHistory,
    AnswerConflict,
    ContradictedMessage,
    DispositionHistory,
    IssuedInvitation,
    QuarantinedAnswers,
    RequestHistory,
)
from app.services.core.installation import Installation


class FormCell(NamedTuple):
    """One form in the matrix."""

    status: str
    url: str
    answered: int
    questions: int
    late: bool
    reason: str
    died: bool
    day: date | None


class VisitRow(NamedTuple):
    """One visit of the matrix: its window and a cell per form (None: not asked at this visit)."""

    visit: str
    opens_on: date | None
    closes_on: date | None
    cells: tuple[FormCell | None, ...]


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """That answers lay apart from a form, the code of why, and that of what was decided of them."""

    form: str
    visit: str
    cell: FormCell
    received_at: datetime
    reason: str
    decision: str


@dataclass(frozen=True, slots=True)
class ConflictRow:
    """One question of a form that two phones answered without knowing of each other; no answer in it."""

    form: str
    visit: str
    cell: FormCell
    question: int
    earlier_at: datetime
    later_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class AnchorRow:
    """A kind of dated fact, its value, and values that others gave."""

    kind: str
    label: str
    on: date | None
    source: str
    owner: str
    reason: str
    recorded_at: datetime | None
    differing: tuple[tuple[date, str, datetime | None], ...]
    earlier: tuple[tuple[date, str, str], ...]
    who: str = ""


@dataclass(frozen=True, slots=True)
class DispositionRow:
    """A disposition as it was stated, with what took it back; `key` names it to whoever takes it back."""

    key: int
    kind: str
    stated: str
    source: str
    reason: str
    recorded_at: datetime
    undone_at: datetime | None
    undone_reason: str
    who: str = ""
    undone_who: str = ""


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A browser that is or was bound."""

    key: int
    label: str
    bound_at: datetime
    seen_at: datetime
    revoked_at: datetime | None
    revoke_url: str
    handed_over: bool


@dataclass(frozen=True, slots=True)
class InvitationRow:
    """An invitation and what became of it: waiting, used, revoked or expired."""

    state: str
    issued_at: datetime
    expires_at: datetime
    who: str = ""


@dataclass(frozen=True, slots=True)
class RequestLine:
    """What a participant asked for, and what came of it; `closed_at` is None while it is open.

    `withdrawn`: the participant did not want it any more.
    """

    kind: str  # "call" | "correction"
    form: str
    visit: str
    day: date | None
    asked_at: datetime
    closed_at: datetime | None
    outcome: str
    who: str = ""
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class RecordRows:
    """What is recorded of a participant beside their forms, list by list."""

    quarantined: tuple[QuarantineRow, ...]
    conflicts: tuple[ConflictRow, ...]
    dates: tuple[AnchorRow, ...]
    exits: tuple[DispositionRow, ...]
    contradictions: tuple[ContradictedMessage, ...]
    devices: tuple[DeviceRow, ...]
    invitations: tuple[InvitationRow, ...]
    requests: tuple[RequestLine, ...]


def build_records(
    installation: Installation,
    view: ParticipantOverview,
    code: str,
    at: datetime,
    name_part: Callable[[str], str],
) -> RecordRows:
    """All lists of a participant's page, in the reader's language; `name_part` words what the EDC means."""
    return RecordRows(
        quarantined=tuple(_quarantine_row(installation, view, answers, code) for answers in view.quarantined),
        conflicts=tuple(_conflict_row(installation, view, conflict, code) for conflict in view.conflicts),
        dates=tuple(_date_row(dated, code) for dated in view.dates),
        exits=tuple(_exit_row(stated) for stated in view.dispositions),
        contradictions=tuple(
            replace(contradiction, part=name_part(contradiction.part))
            for contradiction in view.contradictions
        ),
        devices=tuple(_device_row(view, device) for device in view.devices),
        invitations=tuple(_invitation_row(invitation, at) for invitation in view.invitations),
        requests=tuple(_request_line(installation, view, request, code) for request in view.requests),
    )


def participant_url(view: ParticipantOverview) -> str:
    """The address of the participant's page."""
    return url_of_participant(view.participant.public_id)


def instrument_name(installation: Installation, view: ParticipantOverview, instrument: str, code: str) -> str:
    """An instrument's name in the reader's language."""
    used = installation.library.get_instrument(instrument, view.plan.version_of(instrument))
    return view.plan.form_name(instrument, code) or installation.name_instrument(view.plan.id, used, code)


def build_cell(view: ParticipantOverview, state: FormState) -> FormCell:
    """One form as the matrix shows it."""
    return build_form_cell(participant_url(view), state)


def build_form_cell(participant: str, state: FormState) -> FormCell:
    """One form as the matrix shows it, by the address of its participant's page."""
    slot = state.slot
    return FormCell(
        status=state.status.value,
        url=f"{participant}/forms/{slot.public_id}",
        answered=state.answered,
        questions=state.questions,
        late=slot.out_of_window,
        reason=slot.missed_reason or "" if state.status is Status.missed else "",
        died=state.died_in_window,
        day=slot.for_day,
    )


def build_visits(participant: str, forms: Sequence[FormState]) -> tuple[VisitRow, ...]:
    """A row for each visit, with a cell for each instrument; `participant` is the address of their page."""
    instruments = tuple(dict.fromkeys(state.slot.instrument for state in forms))
    by_visit: dict[str, dict[str, FormState]] = {}
    for state in forms:
        by_visit.setdefault(state.slot.visit, {})[state.slot.instrument] = state
    rows = []
    for visit, states in by_visit.items():
        slot = next(iter(states.values())).slot
        cells = tuple(
            build_form_cell(participant, states[instrument]) if instrument in states else None
            for instrument in instruments
        )
        rows.append(VisitRow(visit, slot.opens_on, slot.closes_on, cells))
    return tuple(rows)


def _quarantine_row(
    installation: Installation, view: ParticipantOverview, apart: QuarantinedAnswers, code: str
) -> QuarantineRow:
    slot = apart.slot
    return QuarantineRow(
        form=instrument_name(installation, view, slot.instrument, code),
        visit=slot.visit,
        cell=build_cell(view, get_form_state(view, slot.public_id)),
        received_at=apart.received_at,
        reason=apart.reason,
        decision=apart.decision,
    )


def _conflict_row(
    installation: Installation, view: ParticipantOverview, conflict: AnswerConflict, code: str
) -> ConflictRow:
    slot = conflict.slot
    instrument = installation.library.get_instrument(slot.instrument, slot.instrument_version)
    return ConflictRow(
        form=instrument_name(installation, view, slot.instrument, code),
        visit=slot.visit,
        cell=build_cell(view, get_form_state(view, slot.public_id)),
        question=instrument.get_item(conflict.item).number,
        earlier_at=conflict.earlier_at,
        later_at=conflict.later_at,
        settled_at=conflict.settled_at,
    )


def _request_line(
    installation: Installation, view: ParticipantOverview, request: RequestHistory, code: str
) -> RequestLine:
    slot = request.slot
    return RequestLine(
        kind=request.kind.value,
        form=instrument_name(installation, view, slot.instrument, code) if slot else "",
        visit=slot.visit if slot else "",
        day=slot.for_day if slot else None,
        asked_at=request.asked_at,
        closed_at=request.closed_at,
        outcome=request.outcome,
        who=request.who,
        withdrawn=request.withdrawn,
    )


def _date_row(dated: AnchorHistory, language: str) -> AnchorRow:
    current = dated.current
    return AnchorRow(
        kind=dated.kind.kind,
        label=dated.kind.get_label(language),
        on=current.dated_on if current else None,
        source=current.source if current else "",
        owner=dated.kind.owner.value,
        reason=current.reason if current else "",
        recorded_at=current.recorded_at if current else None,
        differing=tuple((row.dated_on, row.source, row.settled_at) for row in dated.differing),
        earlier=tuple((row.dated_on, row.source, row.reason) for row in dated.replaced),
        who=current.who if current else "",
    )


def _exit_row(stated: DispositionHistory) -> DispositionRow:
    entry, undone = stated.entry, stated.undone
    return DispositionRow(
        key=entry.entry_id,
        kind=entry.kind,
        stated=entry.stated_date,
        source=entry.source,
        reason=entry.reason,
        recorded_at=entry.recorded_at,
        undone_at=undone.recorded_at if undone else None,
        undone_reason=undone.reason if undone else "",
        who=entry.who,
        undone_who=undone.who if undone else "",
    )


def _device_row(view: ParticipantOverview, device: BoundDevice) -> DeviceRow:
    url = f"{participant_url(view)}/devices/{device.device_id}"
    return DeviceRow(
        device.device_id,
        device.label,
        device.bound_at,
        device.seen_at,
        device.revoked_at,
        url,
        device.handed_over,
    )


def _invitation_row(invitation: IssuedInvitation, at: datetime) -> InvitationRow:
    state = "expired" if at >= invitation.expires_at else "waiting"
    if invitation.revoked_at is not None:
        state = "revoked"
    if invitation.used_at is not None:
        state = "used"
    return InvitationRow(state, invitation.issued_at, invitation.expires_at, invitation.who)


def name_symptoms(installation: Installation, view: ParticipantOverview, code: str) -> Mapping[str, str]:
    """The diary's items in the reader's language; none where nobody may see answers or there are no words."""
    if view.plan.diary is None or not view.worst:
        return {}
    used = view.plan.diary.instrument
    instrument = installation.library.get_instrument(used, view.plan.version_of(used))
    try:
        text = installation.get_text(view.plan.id, instrument, code)
    except Refused:
        return {}
    return {**text.items, **text.ticks}
