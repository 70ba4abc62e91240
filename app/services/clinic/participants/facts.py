"""What is recorded of a participant beside their forms, and by whom, as staff read it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.engine import Connection

from app.domain.desk.matters import MatterKind
from app.domain.plans.plan import AnchorKind, Plan
from app.domain.records.anchors import AnchorStanding
from app.domain.records.participants import TeamRequestKind
from app.services.accounts.devices import BoundDevice
from app.services.clinic.today.contact_log import LoggedContact, fold_contacts
from app.services.core.context import participant_actor
from app.services.core.throttling import find_full_counters, name_participant_counters
from app.storage.plain_rows import SlotRecord
from app.storage.queries.contradictions import read_contradiction
from app.storage.queries.participant_records import RecordLine, read_participant_records, require_value
from app.storage.queries.participants import StoredParticipant


@dataclass(frozen=True, slots=True)
class AnchorValue:
    """A value that was given for a dated fact; `who` is the name of the staff who recorded it, if any.

    `settled_at`: when it was decided that the one in force is right, although this one differs.
    """

    dated_on: date
    source: str
    reason: str
    recorded_at: datetime
    who: str = ""
    settled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AnchorHistory:
    """A kind of dated fact: the value in force (None: not known) and values that differ from it."""

    kind: AnchorKind
    current: AnchorValue | None
    differing: tuple[AnchorValue, ...]
    replaced: tuple[AnchorValue, ...]


@dataclass(frozen=True, slots=True)
class DispositionValue:
    """A disposition, or the taking back of one, as it was stated."""

    entry_id: int
    kind: str
    stated_date: str
    source: str
    reason: str
    recorded_at: datetime
    who: str = ""


@dataclass(frozen=True, slots=True)
class DispositionHistory:
    """A disposition, and the entry that took it back, if any."""

    entry: DispositionValue
    undone: DispositionValue | None


@dataclass(frozen=True, slots=True)
class QuarantinedAnswers:
    """That answers came which the form could not take, and why; never the answers.

    `decision` is what was decided of them since, "" while that waits.
    """

    slot: SlotRecord
    reason: str
    received_at: datetime
    decision: str


@dataclass(frozen=True, slots=True)
class AnswerConflict:
    """Two answers to one item of a form from two phones, neither of which knew of the other's (OFF-05).

    Both are kept and the later one is current; when each was received, and when that was settled, and never
    the answers themselves.
    """

    slot: SlotRecord
    item: str
    earlier_at: datetime
    later_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class ContradictedMessage:
    """What the EDC said in two ways for one moment, and when that was settled."""

    part: str
    as_of: datetime
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class RequestHistory:
    """What a participant asked for; no form where there is none, or where it would tell the arm.

    `withdrawn`: the participant closed it, not the team.
    """

    kind: TeamRequestKind
    slot: SlotRecord | None
    asked_at: datetime
    closed_at: datetime | None
    outcome: str
    who: str = ""
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class IssuedInvitation:
    """An invitation: until when it can be used, whether it was used or revoked, and who issued it."""

    issued_at: datetime
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None
    who: str = ""


@dataclass(frozen=True, slots=True)
class RecordedFacts:
    """All that is recorded of a participant; `answered` counts the answers of each draft, by the slot's key.

    `waiting_paper` are the forms of which one of two paper entries waits, as `find_waiting_paper` gives them.
    `locked`: their second check is refused for now, after wrong tries. `has_alerts`: a form ever raised one.
    """

    dates: tuple[AnchorHistory, ...]
    dispositions: tuple[DispositionHistory, ...]
    devices: tuple[BoundDevice, ...]
    invitations: tuple[IssuedInvitation, ...]
    requests: tuple[RequestHistory, ...]
    quarantined: tuple[QuarantinedAnswers, ...]
    contradictions: tuple[ContradictedMessage, ...]
    contacts: tuple[LoggedContact, ...]
    conflicts: tuple[AnswerConflict, ...]
    answered: Mapping[int, int]
    waiting_paper: frozenset[int]
    locked: bool
    has_alerts: bool


def _device(row: RecordLine) -> BoundDevice:
    at, seen_at = require_value(row.at), require_value(row.seen_at)
    return BoundDevice(row.number, row.kind, at, seen_at, row.ended_at, bool(row.by))


def _invitation(row: RecordLine) -> IssuedInvitation:
    at, expires_at = require_value(row.at), require_value(row.seen_at)
    return IssuedInvitation(at, expires_at, row.other_at, row.ended_at, row.who)


def _list_quarantined(
    rows: Iterable[RecordLine], shown: Mapping[int, SlotRecord]
) -> tuple[QuarantinedAnswers, ...]:
    return tuple(
        QuarantinedAnswers(slot, row.kind, require_value(row.at), row.detail)
        for row in rows
        if (slot := shown.get(require_value(row.slot_id))) is not None
    )


_Settled = Mapping[tuple[str, str], datetime | None]
"""When each matter of a kind and name was settled."""


def _list_conflicts(
    rows: Sequence[RecordLine], shown: Mapping[int, SlotRecord], settled: _Settled
) -> tuple[AnswerConflict, ...]:
    newest = {row.slot_id: row.number for row in rows}  # by which the matter of a form is named
    return tuple(
        AnswerConflict(
            slot,
            row.kind,
            require_value(row.at),
            require_value(row.other_at),
            settled.get((MatterKind.conflict, str(newest[row.slot_id]))),
        )
        for row in rows
        if (slot := shown.get(require_value(row.slot_id))) is not None
    )


def _list_contradictions(rows: Sequence[RecordLine], settled: _Settled) -> tuple[ContradictedMessage, ...]:
    return tuple(
        ContradictedMessage(
            contradiction.part, contradiction.as_of, settled.get((MatterKind.edc_message, str(row.number)))
        )
        for row in rows
        for contradiction in map(read_contradiction, json.loads(row.note))
    )


def read_recorded_facts(
    connection: Connection,
    participant: StoredParticipant,
    plan: Plan,
    slots: Sequence[SlotRecord],
    hides: bool,
    at: datetime,
) -> RecordedFacts:
    """Read all facts of a participant at once; with `hides` without the dates that reveal the arm."""
    lines: dict[str, list[RecordLine]] = {}
    counters = name_participant_counters(participant.id)
    for line in read_participant_records(connection, participant.id, counters):
        lines.setdefault(line.table, []).append(line)
    shown, me = {slot.id: slot for slot in slots}, participant_actor(participant.public_id).id
    settled = {(row.kind, row.note): row.at for row in lines.get("settlement", ())}
    kinds = [kind for kind in plan.anchors if not (hides and kind.arm_revealing)]
    return RecordedFacts(
        dates=tuple(_anchor_history(kind, lines.get("anchor", ()), settled) for kind in kinds),
        dispositions=_dispositions(lines.get("disposition", ())),
        devices=tuple(map(_device, lines.get("device", ()))),
        invitations=tuple(map(_invitation, lines.get("activation", ()))),
        requests=tuple(_request(me, row, shown) for row in reversed(lines.get("participant_request", ()))),
        quarantined=_list_quarantined(lines.get("quarantine", ()), shown),
        contradictions=_list_contradictions(lines.get("contradiction", ()), settled),
        contacts=fold_contacts((_contact(row), row.refers_to) for row in lines.get("contact_entry", ())),
        conflicts=_list_conflicts(lines.get("conflict", ()), shown, settled),
        answered={require_value(row.slot_id): row.number for row in lines.get("draft", ())},
        waiting_paper=frozenset(require_value(row.slot_id) for row in lines.get("paper", ())),
        locked=bool(
            find_full_counters(
                ((row.kind, row.number, require_value(row.at)) for row in lines.get("throttle", ())), at
            )
        ),
        has_alerts="alert" in lines,
    )


def _anchor_history(kind: AnchorKind, rows: Sequence[RecordLine], settled: _Settled) -> AnchorHistory:
    own = [row for row in rows if row.kind == kind.kind]
    current = next((row.number for row in own if row.detail == AnchorStanding.CURRENT), 0)

    def values(standing: AnchorStanding) -> tuple[AnchorValue, ...]:
        return tuple(
            AnchorValue(
                require_value(row.dated_on),
                row.source,
                row.note,
                require_value(row.at),
                row.who,
                settled.get((MatterKind.dates_differ, f"{row.number}-{current}")),
            )
            for row in own
            if row.detail == standing.value
        )

    return AnchorHistory(
        kind,
        next(iter(values(AnchorStanding.CURRENT)), None),
        values(AnchorStanding.DIFFERING),
        values(AnchorStanding.SUPERSEDED),
    )


def _dispositions(rows: Sequence[RecordLine]) -> tuple[DispositionHistory, ...]:
    undone = {row.refers_to: _disposition(row) for row in rows if row.refers_to is not None}
    return tuple(
        DispositionHistory(_disposition(row), undone.get(row.number)) for row in rows if row.refers_to is None
    )


def _disposition(row: RecordLine) -> DispositionValue:
    at = require_value(row.at)
    return DispositionValue(row.number, row.kind, row.detail, row.source, row.note, at, row.who)


def _request(me: str, row: RecordLine, shown: Mapping[int, SlotRecord]) -> RequestHistory:
    kind, slot = TeamRequestKind(row.kind), shown.get(row.slot_id) if row.slot_id is not None else None
    withdrawn = row.by == me
    return RequestHistory(kind, slot, require_value(row.at), row.ended_at, row.note, row.who, withdrawn)


def _contact(row: RecordLine) -> LoggedContact:
    return LoggedContact(
        entry_id=row.number,
        outcome=row.kind,
        note=row.note,
        next_try_on=row.dated_on,
        contacted_at=require_value(row.at),
        recorded_at=require_value(row.other_at),
        recorded_by=row.who or row.by,
        reason=row.detail,
    )
