"""What a participant's trail tells staff as a history: which entries, of which kind, and about what."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.domain.records.audit import AuditEvent
from app.domain.records.dispositions import DispositionKind


class HistoryKind(StrEnum):
    """The kinds by which a history is filtered."""

    reminders = "reminders"
    sign_ins = "sign_ins"
    forms = "forms"
    alerts = "alerts"
    corrections = "corrections"
    contacts = "contacts"
    dates = "dates"
    dispositions = "dispositions"
    changes = "changes"


_KINDS: Mapping[str, HistoryKind] = {
    "reminder": HistoryKind.reminders,
    "reminders": HistoryKind.reminders,
    "device": HistoryKind.sign_ins,
    "activation": HistoryKind.sign_ins,
    "pin": HistoryKind.sign_ins,
    "birth_date": HistoryKind.sign_ins,
    "form": HistoryKind.forms,
    "answer": HistoryKind.forms,
    "slot": HistoryKind.forms,
    "paper": HistoryKind.forms,
    "alert": HistoryKind.alerts,
    "correction": HistoryKind.corrections,
    "matter": HistoryKind.corrections,
    "answers": HistoryKind.corrections,
    "call": HistoryKind.contacts,
    "request": HistoryKind.contacts,
    "contact": HistoryKind.contacts,
    "work": HistoryKind.contacts,
    "anchor": HistoryKind.dates,
    "visit": HistoryKind.dates,
    "disposition": HistoryKind.dispositions,
    "participant": HistoryKind.changes,
    "language": HistoryKind.changes,
    "text_size": HistoryKind.changes,
}
"""By what an event is about, the middle of its name."""

_UNTOLD = frozenset(
    {
        AuditEvent.ANSWER_SAVED,
        AuditEvent.SLOT_OPENED,
        AuditEvent.SLOT_MISSED,
        AuditEvent.SLOT_PUBLISHED,
        AuditEvent.REMINDER_QUEUED,
        AuditEvent.ALERT_MESSAGE_SETTLED,
        AuditEvent.ANSWERS_VIEWED,
        AuditEvent.FILE_SAVED,
    }
)
"""What is told by the forms themselves, or by what became of it. The arm has no kind and is never told."""


_BY_STAFF = "site:"
_WITHDRAWALS = frozenset(kind.value for kind in DispositionKind)


def has_typed_reason(event: str, reason: str) -> bool:
    """Whether the reason of an event is somebody's own words: of every act of staff but an exemption.

    That of an exemption is the plan's code, and so are those of what the clock, phones and the EDC do. The
    date of a withdrawal for which staff typed no reason has the kind of the withdrawal.
    """
    return event.startswith(_BY_STAFF) and event != AuditEvent.SLOT_EXCUSED and reason not in _WITHDRAWALS


def find_history_kind(event: str) -> HistoryKind | None:
    """The kind of an event; None for one that a history does not tell."""
    return None if event in _UNTOLD else _KINDS.get(event.split(":")[1])


def list_history_events(kind: HistoryKind | None = None) -> tuple[str, ...]:
    """The events of one kind, or all that a history tells."""
    kinds = ((event.value, find_history_kind(event.value)) for event in AuditEvent)
    return tuple(
        event for event, event_kind in kinds if event_kind is not None and kind in (None, event_kind)
    )


_ABOUT_FORMS = frozenset(
    {"form", "answer", "answers", "slot", "visit", "correction", "alert", "matter", "paper"}
)
"""Events that are about a form, which one of their changes names."""


@dataclass(frozen=True, slots=True)
class HistorySubject:
    """What an entry is about: a form's visit, a message, or a kind and a day.

    These are of a date or disposition, or of a contact its outcome and the next try; a missed form has the
    code of why as its kind, an alert that of its rule. `until` is the visit of the last form where an entry
    is about several. `assignee` is the number of the colleague to whom somebody was assigned.
    """

    visit: str = ""
    message: int | None = None
    kind: str = ""
    dated: str = ""
    until: str = ""
    assignee: int | None = None


def find_history_subject(
    event: str, changes: Iterable[Mapping[str, object]], order: Sequence[str] = ()
) -> HistorySubject:
    """What an entry is about, from its changes; never the answers that stand in them.

    `order` are the visits in that of the plan, by which the forms of an entry about several are named.
    """
    of = event.split(":")[1]
    named = "contact_entry" if of == "contact" else of
    values: dict[str, object] = {}
    visits: list[str] = []
    message = assignee = None
    for change in changes:
        table, _, key = str(change["record"]).partition(":")
        if table in ("slot", "answer") and of in _ABOUT_FORMS:
            visits.append(key.partition("/")[0])
            values.setdefault(f"{of}:{change['field']}", change["new"])
            if change["field"] == "alert":
                values["kind"] = change["new"]
        elif change["field"] == "assignee_id" and isinstance(change["new"], int):
            assignee = change["new"]
        elif table == "message" and of == "reminder":
            message = int(key)
        elif table == named:
            values.setdefault(str(change["field"]), change["new"])
    dated = values.get("dated_on") or values.get("stated_date") or values.get("next_try_on") or ""
    kind = values.get("kind") or values.get("outcome") or values.get("slot:missed_reason") or ""
    several = event == AuditEvent.MISSED_REASON_RECORDED and len(set(visits)) > 1
    places = {visit: index for index, visit in enumerate(order)}
    visits.sort(key=lambda visit: places.get(visit, -1))
    first, last = (visits[0], visits[-1] if several else "") if visits else ("", "")
    return HistorySubject(first, message, str(kind), str(dated), last, assignee)
