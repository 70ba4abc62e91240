"""What the feed says of each record: the whole state after the change, in sections by scope."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from app.domain.capture.slot_view import SlotView
from app.domain.instruments.responses import list_unticked, without_codes
from app.domain.plans.publication import PublishedChange, SlotChange
from app.domain.plans.schedule import AnchorDate
from app.domain.records.access import Actor, ActorKind
from app.domain.records.audit import format_instant
from app.domain.records.feed import EventSection, FeedEventDraft
from app.services.core.identifiers import new_public_id
from app.storage.plain_rows import ResponseRecord
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Disposition, Slot, VisitRecord
from app.storage.tables.studies import Site

PATIENT_CORRECTION = "PATIENT_CORRECTION"
NOT_TICKED_STATUS = "not_ticked"
"""What the feed says of an item that stood in a form's list and was not ticked: it has no answer."""
_DIARY = "diary:read"
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
"""What a reason from a closed list looks like; anything else is somebody's own words."""


class FeedSite(Protocol):
    """The site that an event belongs to."""

    @property
    def id(self) -> int: ...
    @property
    def code(self) -> str: ...


def raise_version(row: Participant | Slot) -> int:
    """Count one more event of this row; the number is the version that the event tells."""
    row.version += 1
    return row.version


def _by(actor: Actor) -> dict[str, str]:
    return {"kind": actor.kind.value, "id": actor.id}


def _section(data: object) -> EventSection:
    return EventSection(data, new_public_id())


def _is_code(reason: str, actor: Actor) -> bool:
    """Whether a reason comes from a closed list; what staff give is their own words, also one alone."""
    return actor.kind is not ActorKind.STAFF and _CODE.fullmatch(reason) is not None


def _why(reason: str | None, actor: Actor) -> Mapping[str, str] | None:
    """A reason as a code; people's own words stand in a section of their own, outside the hash."""
    if reason is None:
        return None
    return {"code": reason if _is_code(reason, actor) else "STATED"}


def _with_words(
    sections: dict[str, EventSection], words: str | None, actor: Actor
) -> dict[str, EventSection]:
    if words is not None and not _is_code(words, actor):
        sections["reason"] = _section({"text": words})
    return sections


def participant_event(
    participant: Participant,
    version: int,
    site: Site,
    actor: Actor,
    change: str,
    changed: tuple[str, ...] = (),
) -> FeedEventDraft:
    """`participant.created` or `participant.updated`; the arm stands in its own section."""
    data = {
        "subject": participant.subject,
        "site": site.code,
        "language": participant.language,
        "zone": participant.zone,
        "enrolled_at": format_instant(participant.enrolled_at),
        "consented_on": participant.consented_on.isoformat() if participant.consented_on else None,
    }
    return FeedEventDraft(
        type=f"participant.{change}",
        subject=participant.subject,
        site_id=site.id,
        site=site.code,
        ref=participant.public_id,
        version=version,
        actor=_by(actor),
        changed=changed,
        sections={"participant": _section(data), "arm": _section({"arm": participant.arm})},
    )


@dataclass(frozen=True, slots=True)
class StatedAnchor:
    """A dated fact, who said it and why; `withdrawn`: the date was taken back."""

    anchor: AnchorDate
    source: str
    reason: str | None
    withdrawn: bool = False


def anchor_ref(participant: Participant, kind: str) -> str:
    """Under which reference the events of a dated fact stand."""
    return f"{participant.public_id}/{kind}"


def status_ref(participant: Participant) -> str:
    """Under which reference the events of what became of a participant stand."""
    return f"{participant.public_id}/status"


def visit_ref(participant: Participant, visit: str) -> str:
    """Under which reference the events of a visit stand."""
    return f"{participant.public_id}/visits/{visit}"


def anchor_event(
    participant: Participant,
    site: Site,
    actor: Actor,
    stated: StatedAnchor,
    version: int,
    arm_revealing: bool,
) -> FeedEventDraft:
    """`anchor.recorded`: the date now in force; `anchor.withdrawn`: there is none any more."""
    anchor, reason = stated.anchor, stated.reason
    data = {
        "kind": anchor.kind,
        "date": None if stated.withdrawn else anchor.on.isoformat(),
        "at": format_instant(anchor.at) if anchor.at else None,
        "source": stated.source,
    }
    return FeedEventDraft(
        type="anchor.withdrawn" if stated.withdrawn else "anchor.recorded",
        subject=participant.subject,
        site_id=site.id,
        site=site.code,
        ref=anchor_ref(participant, anchor.kind),
        version=version,
        actor=_by(actor),
        reason=_why(reason, actor),
        sections=_with_words({"anchor": _section(data)}, reason, actor),
        needs="arm:read" if arm_revealing else None,
    )


def disposition_event(
    participant: Participant,
    site: Site,
    actor: Actor,
    disposition: Disposition,
    in_force: Sequence[Disposition],
    version: int,
) -> FeedEventDraft:
    """`status.recorded` or `status.undone`: what a disposition says, and all that are in force with it."""
    data = _disposition(disposition) | {"in_force": [_disposition(current) for current in in_force]}
    return FeedEventDraft(
        type="status.undone" if disposition.undoes_id else "status.recorded",
        subject=participant.subject,
        site_id=site.id,
        site=site.code,
        ref=status_ref(participant),
        version=version,
        actor=_by(actor),
        reason=_why(disposition.reason, actor),
        sections=_with_words({"status": _section(data)}, disposition.reason, actor),
    )


def _disposition(disposition: Disposition) -> dict[str, object]:
    """A disposition with its date as it was stated, and when that was recorded."""
    return {
        "kind": disposition.kind,
        "recorded_at": format_instant(disposition.recorded_at),
        "date": disposition.stated_date,
        "effective_on": disposition.effective_on.isoformat(),
        "source": disposition.source,
    }


def visit_event(
    participant: Participant, site: Site, actor: Actor, visit: VisitRecord, version: int
) -> FeedEventDraft:
    """`visit.recorded`: what the EDC says of a visit."""
    data = {
        "visit": visit.visit,
        "state": visit.state,
        "date": visit.dated_on.isoformat() if visit.dated_on else None,
    }
    return FeedEventDraft(
        type="visit.recorded",
        subject=participant.subject,
        site_id=site.id,
        site=site.code,
        visit=visit.visit,
        ref=visit_ref(participant, visit.visit),
        version=version,
        actor=_by(actor),
        sections={"visit": _section(data)},
    )


def slot_event(
    slot: SlotView,
    version: int,
    subject: str,
    site: FeedSite,
    actor: Actor,
    published: PublishedChange,
    response: ResponseRecord | None = None,
    blinded: bool = False,
) -> FeedEventDraft:
    """`assessment.<change>` (or `diary.<change>`): window, state and, once submitted, answers and scores."""
    change, state = published
    kind = "assessment" if slot.for_day is None else "diary"
    needs = _DIARY if slot.for_day is not None else None
    if blinded and slot.arm_revealing:
        needs = "arm:read"
    sections = {"slot": _section(slot_payload(slot) | {"state": state.value})}
    missed = change is SlotChange.missed
    if missed and slot.missed_note is not None:
        sections["reason"] = _section({"text": slot.missed_note})
    if response is not None:
        sections["response"] = _section(response_payload(response))
        sections["answers"] = _section(dict(without_codes(response.answers)))
        if unticked := list_unticked(response.answers):
            sections["item_status"] = _section(dict.fromkeys(unticked, NOT_TICKED_STATUS))
        sections["scores"] = _section(response.scores)
    return FeedEventDraft(
        type=f"{kind}.{change.value}",
        subject=subject,
        site_id=site.id,
        site=site.code,
        visit=slot.visit,
        ref=slot.public_id,
        version=version,
        actor=_by(actor),
        reason={"code": slot.missed_reason} if missed and slot.missed_reason else None,
        sections=sections,
        needs=needs,
    )


@dataclass(frozen=True, slots=True)
class StatedCorrection:
    """Why answers were corrected: codes by item, the participant's own words, and why so late, if it was."""

    reasons: Mapping[str, str]
    words: str
    late_reason: str | None


def amended_event(
    form: FeedEventDraft, correction: StatedCorrection, changed: tuple[str, ...]
) -> FeedEventDraft:
    """`assessment.amended` (or `diary.amended`): the form as `slot_event` tells it, what changed, and why.

    The participant's words may tell answers, so they take the scope of answers.
    """
    stated = {
        "text": correction.words,
        "items": dict(correction.reasons),
        "late_reason": correction.late_reason,
    }
    return replace(
        form,
        reason={"code": PATIENT_CORRECTION},
        changed=changed,
        sections={**form.sections, "reason": _section(stated)},
    )


def slot_payload(slot: SlotView) -> dict[str, object]:
    """A slot as JSON: what is expected, and its window in local days and UTC instants."""
    moments = {
        "opens_at": slot.opens_at,
        "due_at": slot.due_at,
        "closes_at": slot.closes_at,
        "begun_at": slot.begun_at,
        "submitted_at": slot.submitted_at,
    }
    days = {
        "for_day": slot.for_day,
        "opens_on": slot.opens_on,
        "target_on": slot.target_on,
        "closes_on": slot.closes_on,
    }
    return {
        "visit": slot.visit,
        "instrument": slot.instrument,
        "instrument_version": slot.instrument_version,
        "plan_version": slot.plan_version,
        "anchor": slot.anchor,
        "zone": slot.zone,
        "window_version": slot.window_version,
        "out_of_plan": slot.out_of_plan,
        "out_of_window": slot.out_of_window,
        "excused": slot.excused,
        "missed_reason": slot.missed_reason,
        "exit": slot.exit_kind.value if slot.exit_kind else None,
        **{name: day.isoformat() if day else None for name, day in days.items()},
        **{name: format_instant(moment) if moment else None for name, moment in moments.items()},
    }


def response_payload(response: ResponseRecord) -> dict[str, object]:
    """How a response came about: language, versions, mode, help and times; no answer in it."""
    return {
        "receipt": response.public_id,
        "response_version": response.version,
        "language": response.language,
        "instrument_sha256": response.instrument_sha256,
        "text_sha256": response.text_sha256,
        "algorithm": response.algorithm,
        "originator": response.originator,
        "helped_by": response.helped_by,
        "mode": response.mode,
        "collected_on": response.collected_on.isoformat() if response.collected_on else None,
        "late_reason": response.late_reason,
        "out_of_window": response.out_of_window,
        "in_grace": response.in_grace,
        "begun_at": format_instant(response.begun_at),
        "completed_at": format_instant(response.device_at or response.submitted_at),
        "device_offset_minutes": response.device_offset,
        "device_skew_seconds": response.device_skew,
        "captured_offline": response.captured_offline,
        "clock_untrusted": response.clock_untrusted,
        "received_at": format_instant(response.submitted_at),
        "content_sha256": response.content_sha256,
        "app_version": response.app_version,
    }
