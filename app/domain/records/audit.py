"""The audit trail's vocabulary and its hash chains.

Every state change is covered by a declared `Event`; entries of one chain (a participant, a
study or the installation) are linked by hashes, so that an altered, removed or inserted
entry is found by anyone who holds a later head.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

GENESIS = "0" * 64


class AuditEvent(StrEnum):
    """What happened, as `source:subject:action`."""

    STUDY_LOADED = "system:study:loaded"
    SITE_OPENED = "admin:site:opened"
    PACK_IMPORTED = "admin:pack:imported"
    SITE_UPDATED = "admin:site:updated"
    STAFF_CREATED = "admin:staff:created"
    STAFF_DISABLED = "admin:staff:disabled"
    ROLE_GRANTED = "admin:role:granted"
    ROLE_REVOKED = "admin:role:revoked"
    STAFF_INVITED = "admin:staff:invited"
    STAFF_ENABLED = "admin:staff:enabled"
    STAFF_RESET = "admin:staff:reset"
    STAFF_LINK_MAILED = "admin:link:mailed"
    STAFF_LINK_USED = "staff:link:used"
    STAFF_PASSWORD_CHANGED = "staff:password:changed"  # noqa: S105 - the name of an event, no secret
    RECOVERY_CODES_MADE = "staff:recovery:made"
    RECOVERY_CODE_USED = "staff:recovery:used"
    PASSKEY_ADDED = "staff:passkey:added"
    PASSKEY_USED = "staff:passkey:used"
    PASSKEY_STOPPED = "staff:passkey:stopped"
    PASSKEY_REMOVED = "staff:passkey:removed"
    STAFF_SESSION_ENDED = "admin:session:ended"
    ACCESS_REVIEWED = "admin:access:reviewed"
    SITE_CLOSED = "admin:site:closed"
    SITE_REOPENED = "admin:site:reopened"
    STAFF_SIGNED_IN = "staff:session:opened"
    STAFF_SIGNED_OUT = "staff:session:closed"
    STAFF_SIGN_IN_REFUSED = "staff:session:refused"
    PARTICIPANT_ENROLLED = "site:participant:enrolled"
    PARTICIPANT_REGISTERED = "edc:participant:registered"
    PARTICIPANT_UPDATED = "edc:participant:updated"
    ARM_RECORDED = "edc:arm:recorded"
    BODY_CONTRADICTED = "edc:body:contradicted"
    BODY_REFUSED = "edc:body:refused"
    BODY_ACCEPTED = "edc:body:accepted"
    CONTACT_REVEALED = "site:contact:revealed"
    CONTACT_CHANGED = "site:contact:changed"
    CONTACT_REMOVED = "site:contact:removed"
    ADDRESS_CODE_ISSUED = "participant:contact:code"
    ADDRESS_CODE_UNSENT = "participant:contact:unsent"
    ADDRESS_CODE_REFUSED = "participant:contact:refused"
    ADDRESS_VERIFIED = "participant:contact:verified"
    REMINDERS_PAUSED = "site:reminders:paused"
    REMINDERS_RESUMED = "site:reminders:resumed"
    ACTIVATION_ISSUED = "site:activation:issued"
    ACTIVATION_REFUSED = "participant:activation:refused"
    DEVICE_BOUND = "participant:device:bound"
    DEVICE_UNLOCKED = "participant:device:unlocked"
    DEVICE_REVOKED = "site:device:revoked"
    DEVICE_SIGNED_OUT = "participant:device:closed"
    DEVICE_LOCKED = "participant:device:locked"
    DEVICE_REMOVED = "participant:device:removed"
    DEVICE_HANDED_OVER = "site:device:handed_over"
    HAND_OVER_ENDED = "participant:device:handed_back"
    OWN_CODE_ISSUED = "participant:activation:issued"
    PIN_REFUSED = "participant:pin:refused"
    PIN_CHANGED = "participant:pin:changed"
    BIRTH_DATE_REFUSED = "participant:birth_date:refused"
    BIRTH_DATE_RECORDED = "site:birth_date:recorded"
    LANGUAGE_CHANGED = "participant:language:changed"
    TEXT_SIZE_CHANGED = "participant:text_size:changed"
    REMINDERS_CHANGED = "participant:reminders:changed"
    CALL_REQUESTED = "participant:call:requested"
    CALL_WITHDRAWN = "participant:call:withdrawn"
    CORRECTION_REQUESTED = "participant:correction:requested"
    CORRECTION_WITHDRAWN = "participant:correction:withdrawn"
    REQUEST_CLOSED = "site:request:closed"
    REQUEST_REOPENED = "site:request:reopened"
    CONTACT_LOGGED = "site:contact:logged"
    CONTACT_CORRECTED = "site:contact:corrected"
    WORK_SNOOZED = "site:work:snoozed"
    WORK_RESUMED = "site:work:resumed"
    WORK_ASSIGNED = "site:work:assigned"
    WORK_UNASSIGNED = "site:work:unassigned"
    ANSWERS_VIEWED = "site:answers:viewed"
    PAGE_VIEWED = "site:record:opened"
    TRAIL_VIEWED = "site:record:viewed"
    TRAIL_SAVED = "site:record:saved"
    FILE_SAVED = "site:record:exported"
    CORRECTION_PROPOSED = "site:correction:proposed"
    CORRECTION_APPROVED = "site:correction:approved"
    CORRECTION_DECLINED = "site:correction:declined"
    ALERT_RAISED = "system:alert:raised"
    STAFF_ALERTED = "clock:alert:told"
    ALERT_ESCALATED = "clock:alert:escalated"
    ALERT_MESSAGE_SETTLED = "clock:alert:message"
    ALERT_ACKNOWLEDGED = "site:alert:acknowledged"
    ALERT_ACTED = "site:alert:acted"
    ALERT_CLOSED = "site:alert:closed"
    MATTER_SETTLED = "site:matter:settled"
    ANSWERS_ACCEPTED = "site:answers:accepted"
    SIGNATURE_REFUSED = "staff:signature:refused"
    ANCHOR_RECORDED = "site:anchor:recorded"
    ANCHOR_RECEIVED = "edc:anchor:recorded"
    VISIT_RECEIVED = "edc:visit:recorded"
    VISIT_REQUESTED = "site:visit:requested"
    VISIT_CANCELLED = "site:visit:cancelled"
    SCHEDULE_MENDED = "operator:schedule:mended"
    PLAN_AMENDED = "operator:plan:amended"
    PLAN_FOLLOWED = "operator:schedule:amended"
    DISPOSITION_RECORDED = "site:disposition:recorded"
    DISPOSITION_RECEIVED = "edc:disposition:recorded"
    DISPOSITION_UNDONE = "site:disposition:undone"
    SLOT_OPENED = "clock:slot:opened"
    SLOT_MISSED = "clock:slot:missed"
    SLOT_PUBLISHED = "clock:slot:published"
    SLOT_EXCUSED = "site:slot:excused"
    MISSED_REASON_RECORDED = "site:slot:reason"
    FORM_BEGUN = "participant:form:begun"
    HELPER_CONFIRMED = "participant:form:helper"
    ANSWER_SAVED = "participant:answer:saved"
    FORM_SUBMITTED = "participant:form:submitted"
    PAPER_ENTERED = "site:paper:entered"
    PAPER_SETTLED = "site:paper:settled"
    PAPER_SUBMITTED = "site:paper:submitted"
    ANSWERS_AFTER_GAP = "participant:answer:gap"
    ANSWERS_ALTERED = "participant:answer:altered"
    ANSWERS_QUARANTINED = "participant:answer:quarantined"
    STAFF_REMINDER_QUEUED = "site:reminder:queued"
    REMINDER_QUEUED = "clock:reminder:queued"
    REMINDER_SENT = "clock:reminder:sent"
    REMINDER_DROPPED = "clock:reminder:dropped"
    REMINDER_FAILED = "clock:reminder:failed"
    REMINDER_UNCONFIRMED = "clock:reminder:unconfirmed"
    EDC_CLIENT_CREATED = "admin:client:created"
    EDC_CLIENT_DISABLED = "admin:client:disabled"
    EDC_SECRET_ADDED = "admin:client:secret_added"  # noqa: S105 - the name of an event, no secret
    EDC_SECRET_RETIRED = "admin:client:secret_retired"  # noqa: S105 - the name of an event, no secret
    EDC_TOKEN_ISSUED = "edc:token:issued"  # noqa: S105 - the name of an event, no secret
    EDC_TOKEN_REFUSED = "edc:token:refused"  # noqa: S105 - the name of an event, no secret
    FEED_PULLED = "edc:feed:pulled"
    FEED_RESTORED = "system:feed:restored"
    TRAIL_SEALED = "clock:trail:sealed"
    CLOCK_CONFIRMED = "system:clock:confirmed"
    CUT_MADE = "study:cut:made"
    DATA_EXPORTED = "study:export:made"
    EXPORT_ENDED = "clock:export:ended"
    EXPORT_REMOVED = "clock:export:removed"


class FieldChange(NamedTuple):
    """One field of one record: what stood there and what stands there now."""

    record: str
    field: str
    old: object
    new: object


class ChainEntry(NamedTuple):
    """One entry of a chain, as written: the body that the digest covers, and its link.

    `facts` is what the changed rows hold since, for whoever proves them; entries of an old version have none.
    A reason is people's own words, so the chain holds only its salted digest: words and salt can be
    taken away by law, and the chain still holds (AUD-11).
    """

    chain: str
    seq: int
    event: str
    at: datetime
    actor_kind: str
    actor_id: str
    actor_role: str
    changes: str
    reason: str | None = None
    reason_salt: str | None = None
    reason_digest: str | None = None
    prev_hash: str = ""
    hash: str = ""
    facts: str | None = None

    def as_row(self) -> dict[str, Any]:
        """The entry by the names of its columns."""
        return self._asdict()


@dataclass(frozen=True, slots=True)
class IntegrityFault:
    """A place where a chain does not hold: which chain, at which number, and what is wrong.

    `record` and `field` name what is stored and is not what that entry says.
    """

    chain: str
    seq: int
    what: str
    record: str | None = None
    field: str | None = None


def canonical_json(value: object) -> str:
    """One spelling of a JSON value: sorted keys, no spaces, UTF-8, instants as UTC with milliseconds."""
    return "".join(_encode(value, 0))


def serialise_changes(changes: Iterable[FieldChange]) -> str:
    """Changes as their entry spells them."""
    return canonical_json(
        [{"record": record, "field": field, "old": old, "new": new} for record, field, old, new in changes]
    )


def _serialise(value: object) -> str:
    if isinstance(value, datetime):
        return format_instant(value)
    return str(value)


_spell_text = json.encoder.encode_basestring
# `json.JSONEncoder` makes one of these for each value, which takes as long as to spell the value.
_encode = json.encoder.c_make_encoder(  # type: ignore[attr-defined]  # typeshed leaves it out
    None, _serialise, _spell_text, None, ":", ",", True, False, True
)


@lru_cache(maxsize=256)  # one request spells the same few moments several times
def format_instant(at: datetime) -> str:
    """An aware instant as UTC text with milliseconds, e.g. `2026-03-05T02:00:00.123Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def sha256_hex(text: str) -> str:
    """The SHA-256 of a text's UTF-8 bytes, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def salted_digest(text: str, salt: str) -> str:
    """What stands in the trail for free text: a digest that a lawful redaction leaves verifiable."""
    return f"salted:{sha256_hex(salt + text)}"


def link_hash(prev_hash: str, digest: str) -> str:
    """The hash of an entry: the previous entry's hash bound to this entry's digest."""
    return sha256_hex(f"{prev_hash}:{digest}")


def entry_digest(entry: ChainEntry) -> str:
    """The digest of everything an entry says, its number included: of the canonical JSON of its body.

    The body is spelled member by member, by name, since a verification spells that of every entry.
    """
    facts = "" if entry.facts is None else f'"facts":"{sha256_hex(entry.facts)}",'
    reason = "null" if entry.reason_digest is None else _spell_text(entry.reason_digest)
    return sha256_hex(
        f'{{"actor":[{_spell_text(entry.actor_kind)},{_spell_text(entry.actor_id)},'
        f'{_spell_text(entry.actor_role)}],"at":"{format_instant(entry.at)}",'
        f'"chain":{_spell_text(entry.chain)},"changes":{_spell_text(entry.changes)},'
        f'"event":{_spell_text(entry.event)},{facts}"reason":{reason},"seq":{entry.seq}}}'
    )


def link_entry(entry: ChainEntry, prev_hash: str) -> ChainEntry:
    """The entry with its place in the chain filled in, and its reason's digest."""
    reason_digest = None
    if entry.reason is not None and entry.reason_salt is not None:
        reason_digest = salted_digest(entry.reason, entry.reason_salt)
    placed = entry._replace(prev_hash=prev_hash, reason_digest=reason_digest)
    return placed._replace(hash=link_hash(prev_hash, entry_digest(placed)))


def find_chain_faults(
    entries: Iterable[ChainEntry], heads: Mapping[str, tuple[int, str]]
) -> Iterator[IntegrityFault]:
    """Every place where the chains do not hold.

    `entries` come ordered by chain and number; `heads` are the last number and hash that
    each chain should have. Yields nothing when the trail is whole. Source: AUD-04.
    """
    seen: dict[str, tuple[int, str]] = {}
    for entry in entries:
        number, prev = seen.get(entry.chain, (0, GENESIS))
        if entry.seq != number + 1:
            yield IntegrityFault(entry.chain, entry.seq, f"expected number {number + 1}")
        if entry.prev_hash != prev:
            yield IntegrityFault(entry.chain, entry.seq, "does not follow the entry before it")
        if entry.hash != link_hash(entry.prev_hash, entry_digest(entry)):
            yield IntegrityFault(entry.chain, entry.seq, "was altered")
        if not _reason_holds(entry):
            yield IntegrityFault(entry.chain, entry.seq, "its reason was altered")
        seen[entry.chain] = (entry.seq, entry.hash)
    for chain in sorted(heads.keys() | seen.keys()):
        if heads.get(chain) != seen.get(chain):
            yield IntegrityFault(chain, seen.get(chain, (0, ""))[0], "does not end at its head")


def _reason_holds(entry: ChainEntry) -> bool:
    if entry.reason_salt is None or entry.reason is None:
        return True  # none was given, or it was taken away
    return salted_digest(entry.reason, entry.reason_salt) == entry.reason_digest
