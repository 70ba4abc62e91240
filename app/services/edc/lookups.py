"""Looking one thing up: the study, a participant, a visit, as an EDC client may see them."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session, col, select

from app.domain.records.access import Scope
from app.domain.records.audit import format_instant
from app.domain.refusal import Refused
from app.services.core.context import EdcContext
from app.services.core.plans import get_plan
from app.services.edc.records import find_record
from app.services.edc.requests import find_participant
from app.services.edc.schedule import anchor_dates, check_visit
from app.services.edc.transfers import newest_seal
from app.services.schedule.dispositions import dispositions_in_force
from app.storage.queries import feed_pages
from app.storage.queries.participants import get_site
from app.storage.queries.slots import slot_status
from app.storage.tables.columns import key_of
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot, VisitRecord

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Representation:
    """A thing as JSON, with the version of what the EDC itself sent about it (0: nothing yet)."""

    body: Json
    version: int


def describe_study(context: EdcContext, study: str) -> Json:
    """The client's study: feed, head, plan, instruments, time rule. Raises Refused("unknown_study")."""
    if study != context.client.study:
        raise Refused("unknown_study", study=study)
    with context.read() as session:
        plan = get_plan(context.installation, session, context.client.study_id)
        head = feed_pages.read_feed_head(session, context.client.study_id)
        seal = newest_seal(session, context.client.study_id)
    used = [context.installation.library.instrument(each.id, each.version) for each in plan.instruments]
    return {
        "study": study,
        "feed": context.client.feed,
        "head": head,
        "plan_version": plan.version,
        "plan_sha256": plan.sha256,
        "zone": plan.zone,
        "time_rule": "Windows are whole local days in the zone of the participant's site; instants are UTC.",
        "languages": list(plan.languages),
        "arms": [arm.code for arm in plan.arms],
        "anchors": [{"kind": each.kind, "owner": each.owner.value} for each in plan.anchors],
        "visits": [rule.code_of(offset) for rule in plan.visits for offset in rule.offsets],
        "instruments": [
            {"id": each.id, "version": each.version, "sha256": each.sha256, "algorithm": each.algorithm}
            for each in used
        ],
        "formats": ["application/json", "application/x-ndjson"],
        "audit_head": seal,
    }


def describe_participant(context: EdcContext, subject: str) -> Representation:
    """A participant by code; the arm only with its scope. Raises Refused("unknown_participant")."""
    with context.read() as session:
        participant = find_participant(session, context.client, subject)
        plan = get_plan(context.installation, session, context.client.study_id)
        record = find_record(session, context.client.study_id, f"participants/{subject}")
        sees_arm = Scope.ARM_READ.value in context.client.scopes
        dates = {
            kind: {"date": said[0].isoformat(), "source": said[1]}
            for kind, said in anchor_dates(session, participant).items()
            if sees_arm or not (plan.blinded and plan.reveals_arm(kind))
        }
        body: Json = {
            "subject": participant.subject,
            "site": get_site(session, participant).code,
            "language": participant.language,
            "zone": participant.zone,
            "consented": participant.consented_on is not None,
            "dispositions": [
                {"kind": row.kind, "date": row.stated_date, "source": row.source}
                for row in dispositions_in_force(session, key_of(participant))
            ],
            "anchors": dates,
            "as_of": format_instant(record.as_of) if record else None,
        }
        if sees_arm:
            body["arm"] = participant.arm
    return Representation(body, record.version if record else 0)


def describe_visit(context: EdcContext, subject: str, visit: str) -> Representation:
    """A visit: what the EDC said of it, and its forms with their state at this moment.

    Raises Refused: "unknown_participant", "no_visit".
    """
    with context.read() as session:
        participant = find_participant(session, context.client, subject)
        plan = get_plan(context.installation, session, context.client.study_id)
        check_visit(session, plan, participant, visit)
        record = find_record(session, context.client.study_id, f"participants/{subject}/visits/{visit}")
        statement = select(VisitRecord).where(
            VisitRecord.participant_id == participant.id, VisitRecord.visit == visit
        )
        said = session.exec(statement).one_or_none()
        hides = plan.blinded and Scope.ARM_READ.value not in context.client.scopes
        body: Json = {
            "subject": subject,
            "visit": visit,
            "state": said.state if said else None,
            "date": _day(said.dated_on) if said else None,
            "forms": _forms(session, participant, visit, hides, context.at),
        }
    return Representation(body, record.version if record else 0)


def _forms(
    session: Session, participant: Participant, visit: str, hides_arm: bool, at: datetime
) -> list[Json]:
    statement = select(Slot).where(Slot.participant_id == participant.id, Slot.visit == visit)
    return [
        {
            "assessment": slot.public_id,
            "instrument": slot.instrument,
            "instrument_version": slot.instrument_version,
            "status": slot_status(slot, at).value,
            "opens_on": _day(slot.opens_on),
            "target_on": _day(slot.target_on),
            "closes_on": _day(slot.closes_on),
            "zone": slot.zone,
        }
        for slot in session.exec(statement.order_by(col(Slot.position)))
        if not (hides_arm and slot.arm_revealing)
    ]


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None
