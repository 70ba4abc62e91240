"""Representations of what the EDC writes: read by GET, compared by If-Match, accepted back by PUT.

Nothing in these changes by time alone, so that a tag stays right until somebody changes something.
"""

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.domain.plans.plan import ENROLMENT, Plan
from app.domain.records.access import Scope
from app.domain.records.anchors import AnchorStanding
from app.domain.records.audit import format_instant
from app.domain.refusal import Refused
from app.services.core.context import EdcClientSession
from app.services.edc.records import find_record
from app.services.schedule.dispositions import dispositions_in_force
from app.storage.queries.participants import get_site
from app.storage.tables.edc import EdcRecord
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Anchor, Slot, VisitRecord

JsonObject = dict[str, object]


@dataclass(frozen=True, slots=True)
class Stated:
    """A participant whom a client may read, and the study's plan."""

    session: Session
    client: EdcClientSession
    plan: Plan
    participant: Participant

    def find_record(self, part: str) -> EdcRecord | None:
        """What the EDC last sent to a part of this participant."""
        stem = f"participants/{self.participant.subject}"
        return find_record(self.session, self.client.study_id, f"{stem}/{part}" if part else stem)

    @property
    def sees_arm(self) -> bool:
        return Scope.ARM_READ.value in self.client.scopes


def represent_part(stated: Stated, part: str) -> JsonObject:
    """What stands at a part: `""` (the participant), `status`, `arm`, `anchors/<kind>` or `visits/<visit>`.

    Raises Refused: "no_anchor", "no_visit", "insufficient_scope" for a date that would tell the arm.
    """
    kind, _, name = part.partition("/")
    record = stated.find_record(part)
    own: JsonObject = {
        "subject": stated.participant.subject,
        "as_of": format_instant(record.as_of) if record else None,
        "version": record.version if record else 0,
    }
    if kind == "status":
        return own | _status(stated, record)
    if kind == "arm":
        return own | {"arm": record.body["arm"] if record else None}
    if kind == "anchors":
        return own | _anchor(stated, record, name)
    if kind == "visits":
        return own | _visit(stated, name)
    return own | _participant(stated, record)


def _participant(stated: Stated, record: EdcRecord | None) -> JsonObject:
    session, participant = stated.session, stated.participant
    anchors = anchor_dates(session, participant)
    enrolled = record.body["reference_date"] if record else anchors[ENROLMENT][0].isoformat()
    body: JsonObject = {
        "site": get_site(session, participant).code,
        "status": "enrolled",
        "language": participant.language,
        "reference_date": enrolled,
        "zone": participant.zone,
        "consented": participant.consented_on is not None,
        "dispositions": _dispositions(stated),
        "anchors": {
            kind: {"date": on.isoformat(), "source": source}
            for kind, (on, source) in anchors.items()
            if stated.sees_arm or not (stated.plan.blinded and stated.plan.reveals_arm(kind))
        },
    }
    return body | ({"arm": participant.arm} if stated.sees_arm else {})


def _dispositions(stated: Stated) -> list[JsonObject]:
    return [
        {"kind": row.kind, "date": row.stated_date, "source": row.source}
        for row in dispositions_in_force(stated.session, stated.participant.id)
    ]


def _status(stated: Stated, record: EdcRecord | None) -> JsonObject:
    stated_body = record.body if record else dict.fromkeys(("status", "date", "scope", "reason"))
    claimed = record.claimed_as_of if record else None
    return {**stated_body, "claimed_as_of": format_instant(claimed) if claimed else None} | {
        "in_force": _dispositions(stated)
    }


def _anchor(stated: Stated, record: EdcRecord | None, kind: str) -> JsonObject:
    if kind not in stated.plan.anchor_kinds:
        raise Refused("no_anchor", kind=kind, allowed=stated.plan.anchor_kinds)
    if stated.plan.blinded and stated.plan.reveals_arm(kind):
        stated.client.require(Scope.ARM_READ)
    current = anchor_dates(stated.session, stated.participant).get(kind)
    stated_body = record.body if record else dict.fromkeys(("date", "at"))
    in_force = {"date": current[0].isoformat(), "source": current[1]} if current else None
    return {**stated_body, "kind": kind, "in_force": in_force}


def _visit(stated: Stated, visit: str) -> JsonObject:
    session, participant = stated.session, stated.participant
    check_visit(session, stated.plan, participant, visit)
    statement = select(VisitRecord).where(
        VisitRecord.participant_id == participant.id, VisitRecord.visit == visit
    )
    said = session.exec(statement).one_or_none()
    return {
        "visit": visit,
        "state": said.state if said else None,
        "date": _day(said.dated_on) if said else None,
        "forms": [describe_form(slot) for slot in list_forms(stated, visit)],
    }


def list_forms(stated: Stated, visit: str) -> list[Slot]:
    """The forms of a visit that this client may know of, in the plan's order. Raises Refused("no_visit")."""
    check_visit(stated.session, stated.plan, stated.participant, visit)
    statement = select(Slot).where(Slot.participant_id == stated.participant.id, Slot.visit == visit)
    hides_arm = stated.plan.blinded and not stated.sees_arm
    slots = stated.session.exec(statement.order_by(col(Slot.position)))
    return [slot for slot in slots if not (hides_arm and slot.arm_revealing)]


def describe_form(slot: Slot) -> JsonObject:
    """One expected form and its window; not its state, which time alone changes."""
    return {
        "assessment": slot.public_id,
        "instrument": slot.instrument,
        "instrument_version": slot.instrument_version,
        "opens_on": _day(slot.opens_on),
        "target_on": _day(slot.target_on),
        "closes_on": _day(slot.closes_on),
        "zone": slot.zone,
    }


def check_visit(session: Session, plan: Plan, participant: Participant, visit: str) -> None:
    """Refuse a code that is neither a visit of the plan nor one that this participant has beside it.

    Staff asked for it, or an earlier version of the plan had it.
    """
    planned = [rule.code_of(offset) for rule in plan.visits if not rule.on_request for offset in rule.offsets]
    earlier = sa.and_(
        col(Slot.plan_version) != participant.plan_version,
        col(Slot.for_day).is_(None),
        col(Slot.out_of_plan).is_(sa.false()),
    )
    requested = select(Slot.visit).where(
        Slot.participant_id == participant.id, sa.or_(col(Slot.visit).contains("-"), earlier)
    )
    codes = dict.fromkeys([*planned, *session.exec(requested)])
    if visit not in codes:
        raise Refused("no_visit", visit=visit, allowed=tuple(codes))


def anchor_dates(session: Session, participant: Participant) -> dict[str, tuple[date, str]]:
    """The anchors in force: per kind its date and who said it."""
    statement = select(Anchor).where(
        Anchor.participant_id == participant.id, Anchor.standing == AnchorStanding.CURRENT
    )
    rows = session.exec(statement.order_by(col(Anchor.dated_on), col(Anchor.id)))
    return {row.kind: (row.dated_on, row.source) for row in rows}


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None
