"""From an overview to the values of the participant page."""

from collections import Counter
from datetime import datetime

from app.clinic.pages import (
    Cell,
    ConflictRow,
    DateRow,
    DeviceRow,
    ExitRow,
    InvitationRow,
    KeptApartRow,
    ParticipantPage,
    VisitRow,
)
from app.domain.plan import SecondCheck
from app.domain.status import Status
from app.domain.window import local_day
from app.i18n.languages import language
from app.services.conflicts import Conflict
from app.services.contacts import Reached
from app.services.installation import Installation
from app.services.participant_page import Dated, FormState, KeptApart, Overview, Stated, form_state
from app.storage.people import Activation, Device
from app.web.places import DESK

_AHEAD = frozenset({Status.planned, Status.waiting})
_WEEK = 7


def address_of(view: Overview) -> str:
    """The address of the participant's page."""
    return f"{DESK}/participants/{view.participant.public_id}"


def participant_page(
    daybook: Installation,
    view: Overview,
    code: str,
    at: datetime,
    notice: str = "",
    error: str = "",
    revealed: Reached | None = None,
) -> ParticipantPage:
    who, contact = view.participant, revealed or view.contact
    spoken = language(who.language)
    instruments = tuple(dict.fromkeys(state.slot.instrument for state in view.forms))
    begun_diary = [state for state in view.diary if state.status not in _AHEAD]
    cells = [cell_of(view, state) for state in begun_diary]
    return ParticipantPage(
        subject=who.subject,
        url=address_of(view),
        site=view.site.name,
        zone=who.zone,
        language=spoken.name if spoken else who.language,
        enrolled_on=local_day(who.enrolled_at, who.zone),
        consent=(who.consent_version or "", who.consented_on),
        identity=who.identity_check or "",
        exit=who.exit_kind.value if who.exit_kind else "",
        forms=tuple(name_of(daybook, view, instrument, code) for instrument in instruments),
        visits=_visits(view, instruments),
        diary_name=name_of(daybook, view, view.diary[0].slot.instrument, code) if view.diary else "",
        diary_weeks=tuple(tuple(cells[start : start + _WEEK]) for start in range(0, len(cells), _WEEK)),
        diary_counts=tuple(Counter(cell.status for cell in cells).items()),
        kept_apart=tuple(_kept_apart_row(daybook, view, each, code) for each in view.kept_apart),
        conflicts=tuple(_conflict_row(daybook, view, each, code) for each in view.conflicts),
        dates=tuple(_date_row(dated) for dated in view.dates),
        exits=tuple(_exit_row(stated) for stated in view.dispositions),
        undoable=any(stated.undone is None for stated in view.dispositions),
        channel=contact.channel if contact else "",
        address=contact.address if contact else "",
        revealed=revealed is not None,
        devices=tuple(_device_row(view, device) for device in view.devices),
        invitations=tuple(_invitation_row(each, at) for each in view.invitations),
        activated=view.activated,
        may=frozenset(each.value for each in view.may),
        on_request=tuple(rule.code_of(0) for rule in view.plan.visits if rule.on_request or rule.repeatable),
        today=local_day(at, who.zone).isoformat(),
        notice=notice,
        error=error,
        asks_birth_date=view.plan.second_check is SecondCheck.birth_date,
    )


def name_of(daybook: Installation, view: Overview, instrument: str, code: str) -> str:
    """An instrument's name in the reader's language."""
    version = view.plan.version_of(instrument)
    return daybook.name(view.plan.id, daybook.library.instrument(instrument, version), code)


def cell_of(view: Overview, state: FormState) -> Cell:
    """One form as the matrix shows it."""
    slot = state.slot
    return Cell(
        status=state.status.value,
        url=f"{address_of(view)}/forms/{slot.public_id}",
        answered=state.answered,
        asked=state.asked,
        late=slot.out_of_window,
        reason=slot.missed_reason or "" if state.status is Status.missed else "",
        died=state.died_in_window,
        day=slot.for_day,
    )


def _visits(view: Overview, instruments: tuple[str, ...]) -> tuple[VisitRow, ...]:
    by_visit: dict[str, dict[str, FormState]] = {}
    for state in view.forms:
        by_visit.setdefault(state.slot.visit, {})[state.slot.instrument] = state
    rows = []
    for visit, states in by_visit.items():
        slot = next(iter(states.values())).slot
        cells = tuple(cell_of(view, states[each]) if each in states else None for each in instruments)
        rows.append(VisitRow(visit, slot.opens_on, slot.closes_on, cells))
    return tuple(rows)


def _kept_apart_row(daybook: Installation, view: Overview, apart: KeptApart, code: str) -> KeptApartRow:
    slot = apart.slot
    return KeptApartRow(
        form=name_of(daybook, view, slot.instrument, code),
        visit=slot.visit,
        cell=cell_of(view, form_state(view, slot.public_id)),
        received_at=apart.received_at,
        reason=apart.reason,
    )


def _conflict_row(daybook: Installation, view: Overview, met: Conflict, code: str) -> ConflictRow:
    slot = met.slot
    instrument = daybook.library.instrument(slot.instrument, slot.instrument_version)
    return ConflictRow(
        form=name_of(daybook, view, slot.instrument, code),
        visit=slot.visit,
        cell=cell_of(view, form_state(view, slot.public_id)),
        question=instrument.item(met.item).number,
        earlier_at=met.earlier_at,
        later_at=met.later_at,
    )


def _date_row(dated: Dated) -> DateRow:
    current = dated.current
    return DateRow(
        kind=dated.kind.kind,
        on=current.dated_on if current else None,
        source=current.source if current else "",
        owner=dated.kind.owner.value,
        reason=(current.reason or "") if current else "",
        recorded_at=current.recorded_at if current else None,
        differing=tuple((row.dated_on, row.source) for row in dated.differing),
        earlier=tuple((row.dated_on, row.source, row.reason or "") for row in dated.replaced),
    )


def _exit_row(stated: Stated) -> ExitRow:
    entry, undone = stated.entry, stated.undone
    return ExitRow(
        kind=entry.kind,
        stated=entry.stated_date,
        source=entry.source,
        reason=entry.reason or "",
        recorded_at=entry.recorded_at,
        undone_at=undone.recorded_at if undone else None,
        undone_reason=(undone.reason or "") if undone else "",
    )


def _device_row(view: Overview, device: Device) -> DeviceRow:
    url = f"{address_of(view)}/devices/{device.id}"
    return DeviceRow(device.label, device.bound_at, device.seen_at, device.revoked_at, url)


def _invitation_row(activation: Activation, at: datetime) -> InvitationRow:
    state = "expired" if at >= activation.expires_at else "waiting"
    if activation.revoked_at is not None:
        state = "revoked"
    if activation.used_at is not None:
        state = "used"
    return InvitationRow(state, activation.issued_at, activation.expires_at)
