"""Looking one thing up: the study, a participant, a visit, as an EDC client may see them."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session, col, select

from app.domain.access import Scope
from app.domain.audit import instant
from app.domain.refusal import Refused
from app.services.dispositions import in_force
from app.services.edc_access import Caller
from app.services.edc_delivery import reached
from app.services.edc_outbound import audit_head
from app.services.edc_records import record_of
from app.services.edc_schedule import check_visit, standing_dates
from app.services.installation import Installation
from app.services.participants import site_of
from app.services.scheduling import plan_of
from app.storage import feed
from app.storage.people import Participant
from app.storage.schedule import Slot, VisitRecord
from app.storage.slots import status_of

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Seen:
    """A thing as JSON, with the version of what the EDC itself sent about it (0: nothing yet)."""

    body: Json
    version: int


def study_seen(installation: Installation, caller: Caller, study: str) -> Json:
    """The client's study: feed, head, plan, instruments, time rule. Raises Refused("unknown_study")."""
    if study != caller.study:
        raise Refused("unknown_study", study=study)
    with installation.read() as session:
        plan = plan_of(installation, session, caller.study_id)
        head = feed.head_of(session, caller.study_id)
        seal = audit_head(session, caller.study_id)
    used = [installation.library.instrument(each.id, each.version) for each in plan.instruments]
    return {
        "study": study,
        "feed": caller.feed,
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


def participant_seen(installation: Installation, caller: Caller, subject: str) -> Seen:
    """A participant by code; the arm only with its scope. Raises Refused("unknown_participant")."""
    with installation.read() as session:
        participant = reached(session, caller, subject)
        plan = plan_of(installation, session, caller.study_id)
        record = record_of(session, caller.study_id, f"participants/{subject}")
        sees_arm = Scope.ARM_READ.value in caller.scopes
        dates = {
            kind: {"date": said[0].isoformat(), "source": said[1]}
            for kind, said in standing_dates(session, participant).items()
            if sees_arm or not (plan.blinded and plan.reveals_arm(kind))
        }
        body: Json = {
            "subject": participant.subject,
            "site": site_of(session, participant).code,
            "language": participant.language,
            "zone": participant.zone,
            "consented": participant.consented_on is not None,
            "dispositions": [
                {"kind": row.kind, "date": row.stated_date, "source": row.source}
                for row in in_force(session, participant.id or 0)
            ],
            "anchors": dates,
            "as_of": instant(record.as_of) if record else None,
        }
        if sees_arm:
            body["arm"] = participant.arm
    return Seen(body, record.version if record else 0)


def visit_seen(installation: Installation, caller: Caller, subject: str, visit: str, at: datetime) -> Seen:
    """A visit: what the EDC said of it, and its forms with their state at this moment.

    Raises Refused: "unknown_participant", "no_visit".
    """
    with installation.read() as session:
        participant = reached(session, caller, subject)
        plan = plan_of(installation, session, caller.study_id)
        check_visit(session, plan, participant, visit)
        record = record_of(session, caller.study_id, f"participants/{subject}/visits/{visit}")
        statement = select(VisitRecord).where(
            VisitRecord.participant_id == participant.id, VisitRecord.visit == visit
        )
        said = session.exec(statement).one_or_none()
        hides = plan.blinded and Scope.ARM_READ.value not in caller.scopes
        body: Json = {
            "subject": subject,
            "visit": visit,
            "state": said.state if said else None,
            "date": _day(said.dated_on) if said else None,
            "forms": _forms(session, participant, visit, hides, at),
        }
    return Seen(body, record.version if record else 0)


def _forms(
    session: Session, participant: Participant, visit: str, hides_arm: bool, at: datetime
) -> list[Json]:
    statement = select(Slot).where(Slot.participant_id == participant.id, Slot.visit == visit)
    return [
        {
            "assessment": slot.public_id,
            "instrument": slot.instrument,
            "instrument_version": slot.instrument_version,
            "status": status_of(slot, at).value,
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
