"""What a reader may see of audit entries: their kinds and fields, without the arm or answers for some."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from app.domain.plans.plan import Plan
from app.domain.records.audit import AuditEvent


class TrailKind(StrEnum):
    """The kinds of act by which the trail of a study is filtered."""

    forms = "forms"
    alerts = "alerts"
    corrections = "corrections"
    dates = "dates"
    dispositions = "dispositions"
    contacts = "contacts"
    reminders = "reminders"
    sign_ins = "sign_ins"
    changes = "changes"
    arm = "arm"
    looks = "looks"
    transfers = "transfers"
    study = "study"


_KINDS: Mapping[str, TrailKind] = {
    "form": TrailKind.forms,
    "answer": TrailKind.forms,
    "slot": TrailKind.forms,
    "schedule": TrailKind.forms,
    "paper": TrailKind.forms,
    "alert": TrailKind.alerts,
    "matter": TrailKind.corrections,
    "correction": TrailKind.corrections,
    "anchor": TrailKind.dates,
    "visit": TrailKind.dates,
    "disposition": TrailKind.dispositions,
    "call": TrailKind.contacts,
    "request": TrailKind.contacts,
    "contact": TrailKind.contacts,
    "work": TrailKind.contacts,
    "reminder": TrailKind.reminders,
    "reminders": TrailKind.reminders,
    "device": TrailKind.sign_ins,
    "activation": TrailKind.sign_ins,
    "pin": TrailKind.sign_ins,
    "birth_date": TrailKind.sign_ins,
    "participant": TrailKind.changes,
    "language": TrailKind.changes,
    "text_size": TrailKind.changes,
    "arm": TrailKind.arm,
    "answers": TrailKind.looks,
    "record": TrailKind.looks,
    "body": TrailKind.transfers,
    "client": TrailKind.transfers,
    "token": TrailKind.transfers,
    "feed": TrailKind.transfers,
    "cut": TrailKind.transfers,
    "export": TrailKind.transfers,
    "study": TrailKind.study,
    "plan": TrailKind.study,
    "site": TrailKind.study,
    "pack": TrailKind.study,
    "access": TrailKind.study,
    "trail": TrailKind.study,
}
"""By what an event is about, the middle of its name."""


def find_trail_kind(event: str) -> TrailKind | None:
    """The kind of an event; None for one of accounts, which stand in no study's trail."""
    if event == AuditEvent.ANSWERS_ACCEPTED:  # others about answers are looks at them
        return TrailKind.corrections
    return _KINDS.get(event.split(":")[1])


def list_trail_events(kind: TrailKind) -> tuple[str, ...]:
    """The events of one kind."""
    return tuple(event.value for event in AuditEvent if find_trail_kind(event) is kind)


@dataclass(frozen=True, slots=True)
class RecordSubject:
    """What a record is about: a form by visit and instrument, or a kind of date; empty where neither."""

    visit: str = ""
    instrument: str = ""
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class TrailChange:
    """One field of one record, from what to what; `about` is None where nobody knows what it is about.

    `withheld`: its values are not this reader's to see.
    """

    record: str
    field: str
    old: object
    new: object
    about: RecordSubject | None = RecordSubject()
    withheld: bool = False

    @property
    def table(self) -> str:
        """The table of the record."""
        return self.record.partition(":")[0]

    @property
    def is_answer(self) -> bool:
        """Whether the field is an item of a form, whose values are answers."""
        return self.table == "answer" or (self.table == "correction" and self.field not in _OF_CORRECTIONS)

    @property
    def is_usual(self) -> bool:
        """Whether it only states the default of a new record's field, such as that it is not late."""
        return self.old is None and self.new is False

    @property
    def is_technical(self) -> bool:
        """Whether the field tells people nothing: keys, digests, and what the entry itself says."""
        return not self.is_answer and (self.field in _TECHNICAL or f"{self.table}.{self.field}" in _TECHNICAL)


_OF_CORRECTIONS = frozenset(
    "id public_id participant_id study_id slot_id response_version told_on evidence proposed_at"
    " proposed_by".split()
)
_TECHNICAL = frozenset(
    "id public_id participant_id study_id slot_id staff_id correction_id client_id undoes_id corrects_id"
    " key recorded_at recorded_by issued_at issued_by proposed_at proposed_by decided_at decided_by"
    " imported_at imported_by reviewed_at reviewed_by asked_at closed_by created_at loaded_at queued_at"
    " settled_at handed_over_by handed_slot_id received_at pulled_at restored_at window_version attempts"
    " submission content_sha256 instrument_sha256 text_sha256 plan_sha256 to_sha256 listed_sha256 sha256 hash"
    " head epoch algorithm presentation app_version mode originator device_offset device_skew feed token_hash"
    " code_hash secret_hash next_secret_hash acknowledged_at acknowledged_by entered_at entered_by wake_at"
    " alert_id lease_until edc_record.version as_of claimed_as_of resource contact.address_sealed"
    " contact.telephone_sealed address_claim.address_sealed"
    " slot.correction slot.paper export.size export.removed settled_by settlement.ref licence_decision.ref"
    " feed_hash made_by began_by device_id".split()
)
"""Fields that stand in the downloads alone."""


def find_form_subject(record: str) -> RecordSubject:
    """The form that a record's own name tells; empty for a record that is named by a key."""
    table, _, key = record.partition(":")
    visit, _, instrument = key.partition("/")
    return RecordSubject(visit, instrument) if table in ("slot", "answer") else RecordSubject()


BY_KEY = frozenset(
    "anchor message response quarantine correction correction_decision paper_entry"
    " participant_request visit_record alert alert_action alert_message".split()
)
"""Tables whose records are of a form or a date that their key alone does not tell."""

_NAMING = frozenset({"alert", "matter", "quarantine"})
"""Fields whose records say what the whole entry is about."""


@dataclass(frozen=True, slots=True)
class ArmMask:
    """What of a plan, in any of its versions, tells the arm to a reader who may not see it.

    `whole`: the plan is blinded, so that visits, dates and words tell it too, not the arm alone; `words`
    finds those words.
    """

    plans: tuple[Plan, ...]
    whole: bool
    words: re.Pattern[str] | None

    def hides_subject(self, change: TrailChange) -> bool:
        """Whether a change is of a form or date of one arm, or of one that nobody knows."""
        if not self.whole:
            return False
        return (
            change.about is None
            or self.reveals_visit(change.about.visit)
            or self.reveals_date(change.about.anchor)
        )

    def reveals_visit(self, visit: str) -> bool:
        """Whether a participant's arm is revealed by the mere fact that a form of this visit is expected."""
        return any(plan.reveals_visit(visit) for plan in self.plans)

    def reveals_date(self, kind: str) -> bool:
        """Whether a participant's arm is revealed by the mere fact that a date of this kind is recorded."""
        return any(plan.reveals_arm(kind) for plan in self.plans)

    def hides_text(self, *values: object) -> bool:
        """Whether a text names an arm, or what only one arm has."""
        words = self.words
        return words is not None and any(words.search(str(value)) for value in values)

    def hides_change(self, change: TrailChange) -> bool:
        """Whether a change is hidden as a whole; the arm itself and whatever the EDC sent always are."""
        said = (change.record, change.field, change.old, change.new)
        return change.field in ("arm", "body") or self.hides_subject(change) or self.hides_text(*said)


def build_arm_mask(*plans: Plan) -> ArmMask:
    """The mask of a plan that has been followed in these versions."""
    blinded = any(plan.blinded for plan in plans)
    return ArmMask(plans, blinded, _revealing_words(plans) if blinded else None)


def _revealing_words(plans: Sequence[Plan]) -> re.Pattern[str] | None:
    """What finds the words of a blinded plan that tell an arm; short codes only as they are written."""
    words = {word for plan in plans for arm in plan.arms for word in (arm.code, arm.name)}
    for anchor in (anchor for plan in plans for anchor in plan.anchors):
        if anchor.arm_revealing:
            words |= {anchor.kind, *anchor.labels.values(), anchor.get_label("")}
    patterns = [_pattern(word) for word in sorted(words - {""})]
    visits = dict.fromkeys(code for plan in plans for code in plan.arm_revealing_visits)
    patterns += [_pattern(code, "[0-9]+") for code in visits]
    return re.compile("|".join(patterns)) if patterns else None


_SHORT = 2
"""A code of no more letters is a word of every language, and is looked for as it is written."""


def _pattern(word: str, number: str = "") -> str:
    spelled = number.join(re.escape(part) for part in word.split("{n}")) if number else re.escape(word)
    bounded = rf"(?<![0-9A-Za-z]){spelled}(?![0-9A-Za-z])" if word.isascii() else spelled
    return bounded if len(word) <= _SHORT else f"(?i:{bounded})"


@dataclass(frozen=True, slots=True)
class FieldFilter:
    """A filter of the trail: a visit's forms, and an item of an instrument; "" for any."""

    visit: str = ""
    instrument: str = ""
    item: str = ""

    @property
    def narrows(self) -> bool:
        """Whether anything was chosen."""
        return bool(self.visit or self.item)

    def keeps_change(self, change: TrailChange) -> bool:
        """Whether a change is of this form and item."""
        about = change.about or RecordSubject()
        if self.visit and about.visit != self.visit:
            return False
        return not self.item or (
            change.is_answer and change.field == self.item and about.instrument == self.instrument
        )


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """What one reader sees of an entry; `withheld`: its reason is not theirs to read."""

    changes: tuple[TrailChange, ...]
    reason: str
    withheld: bool = False


def show_entry(
    event: str,
    changes: Iterable[TrailChange],
    reason: str,
    mask: ArmMask | None,
    *,
    sees_answers: bool,
) -> ShownEntry | None:
    """An entry as a reader may see it; None where that it happened would tell the arm.

    `mask` is None for who may see the arm.
    """
    every = tuple(changes)
    visible = tuple(change for change in every if mask is None or not mask.hides_change(change))
    if mask is not None and _reveals_by_itself(event, every, visible, mask):
        return None
    if not sees_answers:
        visible = tuple(_without_answer(change) for change in visible)
    hidden = bool(reason) and (
        (mask is not None and mask.hides_text(reason))
        or (not sees_answers and find_trail_kind(event) is TrailKind.corrections)
    )
    return ShownEntry(visible, "" if hidden else reason, hidden)


def _reveals_by_itself(
    event: str, every: tuple[TrailChange, ...], visible: tuple[TrailChange, ...], mask: ArmMask
) -> bool:
    if find_trail_kind(event) is TrailKind.arm or (every and not visible):
        return True
    return any(_names_arm(change, mask) for change in every)


def _names_arm(change: TrailChange, mask: ArmMask) -> bool:
    """Whether a change says what the whole entry is about, and that tells the arm."""
    if change.field in _NAMING:
        return mask.hides_subject(change) or mask.hides_text(change.record)
    return change.table in BY_KEY and mask.hides_subject(change)


def _without_answer(change: TrailChange) -> TrailChange:
    return replace(change, old=None, new=None, withheld=True) if change.is_answer else change
