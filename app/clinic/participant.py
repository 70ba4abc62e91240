"""From an overview to the values of the participant page."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import Response

from app.clinic.records.offered_acts import find_lost_words, list_cancellable_visits
from app.clinic.request import PermittedRequest, get_overview, url_of_participant
from app.domain.plans.plan import SecondCheck
from app.domain.plans.status import Status
from app.domain.plans.windows import local_day
from app.i18n.languages import language_name
from app.services.accounts.contacts import ContactDetails
from app.services.accounts.devices import BoundDevice
from app.services.clinic.conflicts import AnswerConflict
from app.services.clinic.participant_overview import (
    AnchorHistory,
    DispositionHistory,
    FormState,
    IssuedInvitation,
    ParticipantOverview,
    QuarantinedAnswers,
    RequestHistory,
    get_form_state,
)
from app.services.clinic.today.contact_log import LoggedContact
from app.services.core.installation import Installation
from app.web.urls import PARTICIPANT


@dataclass(frozen=True, slots=True)
class Cell:
    """One form in the matrix."""

    status: str
    url: str
    answered: int
    asked: int
    late: bool
    reason: str
    died: bool
    day: date | None


@dataclass(frozen=True, slots=True)
class VisitRow:
    """One visit of the matrix: its window and a cell per form (None: not asked at this visit)."""

    visit: str
    opens_on: date | None
    closes_on: date | None
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """That answers lie apart from a form, and the code of why."""

    form: str
    visit: str
    cell: Cell
    received_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class ConflictRow:
    """One question of a form that two phones answered without knowing of each other; no answer in it."""

    form: str
    visit: str
    cell: Cell
    question: int
    earlier_at: datetime
    later_at: datetime


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
    differing: tuple[tuple[date, str], ...]
    earlier: tuple[tuple[date, str, str], ...]


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


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A browser that is or was bound."""

    key: int
    label: str
    bound_at: datetime
    seen_at: datetime
    revoked_at: datetime | None
    revoke_url: str


@dataclass(frozen=True, slots=True)
class InvitationRow:
    """An invitation and what became of it: waiting, used, revoked or expired."""

    state: str
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class RequestLine:
    """What a participant asked for, and what came of it; `closed_at` is None while it is open."""

    kind: str  # "call" | "correction"
    form: str
    visit: str
    day: date | None
    asked_at: datetime
    closed_at: datetime | None
    outcome: str


@dataclass(frozen=True, slots=True)
class ParticipantPage:
    """Everything of one participant but their arm, answers and scores."""

    template: ClassVar[str] = "clinic/participant.html"
    subject: str
    url: str
    site: str
    zone: str
    language: str
    enrolled_on: date
    consent: tuple[str, date | None]
    identity: str
    exit: str
    forms: tuple[str, ...]
    visits: tuple[VisitRow, ...]
    diary_name: str
    diary_weeks: tuple[tuple[Cell, ...], ...]
    diary_counts: tuple[tuple[str, int], ...]
    kept_apart: tuple[QuarantineRow, ...]
    conflicts: tuple[ConflictRow, ...]
    dates: tuple[AnchorRow, ...]
    exits: tuple[DispositionRow, ...]
    contradictions: tuple[tuple[str, datetime], ...]
    channel: str
    address: str
    revealed: bool
    devices: tuple[DeviceRow, ...]
    invitations: tuple[InvitationRow, ...]
    activated: bool
    may: frozenset[str]
    on_request: tuple[str, ...]
    cancellable: tuple[str, ...]
    today: str
    notice: str
    error: str
    asks_birth_date: bool = False
    requests: tuple[RequestLine, ...] = ()
    contacts: tuple[LoggedContact, ...] = ()
    typed: Mapping[str, str] = field(default_factory=dict)  # by field, and under `form` where it was typed
    lost: str = ""  # what was typed into a form that is not offered any more


_AHEAD = frozenset({Status.planned, Status.waiting})
_WEEK = 7


def participant_url(view: ParticipantOverview) -> str:
    """The address of the participant's page."""
    return url_of_participant(view.participant.public_id)


def build_participant_page(
    installation: Installation,
    view: ParticipantOverview,
    code: str,
    at: datetime,
    notice: str = "",
    error: str = "",
    revealed: ContactDetails | None = None,
    typed: Mapping[str, str] | None = None,
) -> ParticipantPage:
    who, contact = view.participant, revealed or view.contact
    cells = [build_cell(view, state) for state in view.diary if state.status not in _AHEAD]
    return ParticipantPage(
        subject=who.subject,
        url=participant_url(view),
        site=view.site,
        zone=who.zone,
        language=language_name(who.language),
        enrolled_on=view.enrolled_on,
        consent=(who.consent_version, who.consented_on),
        identity=who.identity_check,
        exit=view.exit,
        forms=tuple(instrument_name(installation, view, instrument, code) for instrument in view.instruments),
        visits=_visits(view),
        diary_name=_diary_name(installation, view, code),
        diary_weeks=tuple(tuple(cells[start : start + _WEEK]) for start in range(0, len(cells), _WEEK)),
        diary_counts=tuple(Counter(cell.status for cell in cells).items()),
        kept_apart=tuple(_quarantine_row(installation, view, each, code) for each in view.kept_apart),
        conflicts=tuple(_conflict_row(installation, view, each, code) for each in view.conflicts),
        dates=tuple(_date_row(dated, code) for dated in view.dates),
        exits=tuple(_exit_row(stated) for stated in view.dispositions),
        contradictions=tuple((each.part, each.as_of) for each in view.contradictions),
        channel=contact.channel if contact else "",
        address=contact.address if contact else "",
        revealed=revealed is not None,
        devices=tuple(_device_row(view, device) for device in view.devices),
        invitations=tuple(_invitation_row(each, at) for each in view.invitations),
        activated=view.activated,
        may=frozenset(each.value for each in view.may),
        on_request=tuple(rule.code_of(0) for rule in view.plan.visits if rule.on_request or rule.repeatable),
        cancellable=list_cancellable_visits(view),
        today=local_day(at, who.zone).isoformat(),
        notice=notice,
        error=error,
        asks_birth_date=view.plan.second_check is SecondCheck.birth_date,
        requests=tuple(_request_line(installation, view, each, code) for each in view.requests),
        contacts=view.contacts,
        typed=typed or {},
        lost=find_lost_words(view, typed or {}),
    )


def instrument_name(installation: Installation, view: ParticipantOverview, instrument: str, code: str) -> str:
    """An instrument's name in the reader's language."""
    used = installation.library.instrument(instrument, view.plan.version_of(instrument))
    return view.plan.form_name(instrument, code) or installation.name(view.plan.id, used, code)


def _diary_name(installation: Installation, view: ParticipantOverview, code: str) -> str:
    return instrument_name(installation, view, view.diary[0].slot.instrument, code) if view.diary else ""


def build_cell(view: ParticipantOverview, state: FormState) -> Cell:
    """One form as the matrix shows it."""
    slot = state.slot
    return Cell(
        status=state.status.value,
        url=f"{participant_url(view)}/forms/{slot.public_id}",
        answered=state.answered,
        asked=state.asked,
        late=slot.out_of_window,
        reason=slot.missed_reason or "" if state.status is Status.missed else "",
        died=state.died_in_window,
        day=slot.for_day,
    )


def _visits(view: ParticipantOverview) -> tuple[VisitRow, ...]:
    by_visit: dict[str, dict[str, FormState]] = {}
    for state in view.forms:
        by_visit.setdefault(state.slot.visit, {})[state.slot.instrument] = state
    rows = []
    for visit, states in by_visit.items():
        slot = next(iter(states.values())).slot
        cells = tuple(build_cell(view, states[each]) if each in states else None for each in view.instruments)
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
    )


def _conflict_row(
    installation: Installation, view: ParticipantOverview, conflict: AnswerConflict, code: str
) -> ConflictRow:
    slot = conflict.slot
    instrument = installation.library.instrument(slot.instrument, slot.instrument_version)
    return ConflictRow(
        form=instrument_name(installation, view, slot.instrument, code),
        visit=slot.visit,
        cell=build_cell(view, get_form_state(view, slot.public_id)),
        question=instrument.item(conflict.item).number,
        earlier_at=conflict.earlier_at,
        later_at=conflict.later_at,
    )


def _request_line(
    installation: Installation, view: ParticipantOverview, asked: RequestHistory, code: str
) -> RequestLine:
    slot = asked.slot
    return RequestLine(
        kind=asked.kind.value,
        form=instrument_name(installation, view, slot.instrument, code) if slot else "",
        visit=slot.visit if slot else "",
        day=slot.for_day if slot else None,
        asked_at=asked.asked_at,
        closed_at=asked.closed_at,
        outcome=asked.outcome,
    )


def _date_row(dated: AnchorHistory, language: str) -> AnchorRow:
    current = dated.current
    return AnchorRow(
        kind=dated.kind.kind,
        label=dated.kind.label(language),
        on=current.dated_on if current else None,
        source=current.source if current else "",
        owner=dated.kind.owner.value,
        reason=current.reason if current else "",
        recorded_at=current.recorded_at if current else None,
        differing=tuple((row.dated_on, row.source) for row in dated.differing),
        earlier=tuple((row.dated_on, row.source, row.reason) for row in dated.replaced),
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
    )


def _device_row(view: ParticipantOverview, device: BoundDevice) -> DeviceRow:
    url = f"{participant_url(view)}/devices/{device.device_id}"
    return DeviceRow(device.device_id, device.label, device.bound_at, device.seen_at, device.revoked_at, url)


def _invitation_row(invitation: IssuedInvitation, at: datetime) -> InvitationRow:
    state = "expired" if at >= invitation.expires_at else "waiting"
    if invitation.revoked_at is not None:
        state = "revoked"
    if invitation.used_at is not None:
        state = "used"
    return InvitationRow(state, invitation.issued_at, invitation.expires_at)


NOTICES = (
    "date",
    "disposition",
    "undone",
    "visit",
    "cancelled",
    "device",
    "reason",
    "differing",
    "excused",
    "reminded",
    "birth_date",
    "looked",
    "sheet",
    "contact",
)

router = APIRouter(include_in_schema=False)


@router.get(PARTICIPANT)
def show_participant(desk: PermittedRequest, done: str = "") -> Response:
    notice = done if done in NOTICES else ""
    view = get_overview(desk)
    return desk.show(build_participant_page(desk.installation, view, desk.frame.code, desk.at, notice))
