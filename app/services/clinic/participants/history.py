"""A participant's history as staff read it: from the trail, without answers and without the arm."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from app.domain.desk.history import (
    HistoryKind,
    HistorySubject,
    find_history_kind,
    find_history_subject,
    has_typed_reason,
    list_history_events,
)
from app.domain.desk.trail import ArmMask
from app.domain.plans.plan import Plan
from app.domain.records.access import Permission
from app.domain.records.audit import AuditEvent
from app.services.clinic.trail.arm_masks import find_arm_mask
from app.services.core.context import StaffContext
from app.services.core.plans import get_plan_of
from app.storage.queries.slots import list_slots
from app.storage.queries.today.workers import find_names_of
from app.storage.queries.trail.participant_history import read_history_page, read_message_slots
from app.storage.tables.participants import Participant

PAGE = 100
"""Entries on a page."""
_CODE = re.compile("[A-Za-z_]+")


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One entry: what happened, of which kind, when, by whom, and what it is about.

    `actor` is the kind of whoever acted, `who` the name of a member of staff; `reason` is people's own words.
    `label` is what the plan calls a date or an alert, or the name of whom somebody was assigned to.
    """

    seq: int
    event: str
    kind: HistoryKind
    at: datetime
    actor: str
    who: str
    subject: HistorySubject
    label: str
    reason: str


@dataclass(frozen=True, slots=True)
class ParticipantHistory:
    """A page of a history, the newest first; `older` continues it, and is None at its end.

    `sees_trail`: the reader may also read the whole trail.
    """

    public_id: str
    subject: str
    zone: str
    entries: tuple[HistoryEntry, ...]
    older: int | None
    sees_trail: bool


def get_participant_history(
    context: StaffContext,
    participant_id: int,
    language: str,
    kind: HistoryKind | None = None,
    before: int | None = None,
    limit: int = PAGE,
) -> ParticipantHistory:
    """What happened to one participant, of one kind or all.

    In a blinded plan what reveals the arm is left out for those without that grant; who was assigned to
    which arm is never told here.
    """
    with context.read() as session:
        participant = session.get_one(Participant, participant_id)
        plan = get_plan_of(context.installation, session, participant)
        slots = list_slots(session, participant_id)
        rows = read_history_page(session, participant_id, list_history_events(kind), before, limit + 1)
        order = [slot.visit for slot in slots]
        subjects = {row.seq: find_history_subject(row.event, json.loads(row.changes), order) for row in rows}
        messages = [subject.message for subject in subjects.values() if subject.message is not None]
        slot_of_message = read_message_slots(session, messages)
        names = find_names_of(
            session, {subject.assignee for subject in subjects.values() if subject.assignee}
        )
        mask = find_arm_mask(context, session, participant)
    visits = {slot.id: slot.visit for slot in slots}
    of_messages = {key: visits[slot] for key, slot in slot_of_message.items()}
    hidden = {slot.visit for slot in slots if mask and slot.arm_revealing}
    sees_answers = context.actor.may(Permission.ANSWERS_SEE, participant.study_id, participant.site_id)
    entries = (
        _entry(plan, row, subjects[row.seq], of_messages, names, language, mask, tells_words=sees_answers)
        for row in rows[:limit]
    )
    return ParticipantHistory(
        public_id=participant.public_id,
        subject=participant.subject,
        zone=participant.zone,
        entries=tuple(entry for entry in entries if mask is None or not _reveals_arm(mask, entry, hidden)),
        older=rows[limit - 1].seq if len(rows) > limit else None,
        sees_trail=context.actor.may(Permission.TRAIL_SEE, participant.study_id, participant.site_id),
    )


def _entry(
    plan: Plan,
    row: sa.Row[Any],
    subject: HistorySubject,
    of_messages: Mapping[int, str],
    names: Mapping[int, str],
    language: str,
    mask: ArmMask | None,
    *,
    tells_words: bool,
) -> HistoryEntry:
    """`tells_words`: whether to tell what was said about answers, which may say what they are; words that
    name an arm are told to nobody for whom there is a `mask`.
    """
    kind = find_history_kind(row.event) or HistoryKind.changes
    if subject.message is not None:
        subject = HistorySubject(of_messages.get(subject.message, ""), subject.message)
    shows_words = tells_words or kind is not HistoryKind.corrections
    words = (row.reason or "") if shows_words and not (mask and mask.hides_text(row.reason or "")) else ""
    return HistoryEntry(
        seq=row.seq,
        event=row.event,
        kind=kind,
        at=row.at,
        actor=row.actor_kind,
        who=row.who or "",
        subject=subject,
        label=names.get(subject.assignee or 0) or _label(plan, kind, subject.kind, language),
        reason=_typed_reason(row.event, words),
    )


def _label(plan: Plan, kind: HistoryKind, code: str, language: str) -> str:
    """What the plan calls a date, or an answer that raised an alert; "" of anything else."""
    if not code or kind not in (HistoryKind.dates, HistoryKind.alerts):
        return ""
    label = plan.anchor_label if kind is HistoryKind.dates else plan.alert_label
    return label(code, language)


def _typed_reason(event: str, words: str) -> str:
    return words if has_typed_reason(event, words) or not _CODE.fullmatch(words) else ""


def _reveals_arm(mask: ArmMask, entry: HistoryEntry, hidden: Collection[str]) -> bool:
    visit, kind = entry.subject.visit, entry.kind
    # Of a correction or reason that does not say of which form it is, nobody knows what it would reveal.
    of_a_form = kind is HistoryKind.corrections or entry.event == AuditEvent.MISSED_REASON_RECORDED
    unknown = bool(hidden) and of_a_form and not visit
    ends_hidden = entry.subject.until in hidden
    return (
        unknown
        or visit in hidden
        or ends_hidden
        or (kind is HistoryKind.dates and mask.reveals_date(entry.subject.kind))
    )
