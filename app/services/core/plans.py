"""The plans of a study and of its participants, and which items of an instrument they leave out."""

from collections.abc import Iterable, Sequence

from sqlmodel import Session, col, select

from app.definitions.library import Library
from app.domain.capture.slot_view import SlotInstrument
from app.domain.plans.plan import Plan
from app.domain.refusal import Refused
from app.services.core.installation import Installation
from app.storage.tables.participants import Participant
from app.storage.tables.studies import PlanAmendment, Study


def excluded_items(plan: Plan, instrument: str) -> frozenset[str]:
    """The items of an instrument that the plan does not use."""
    return next(used.leave_out for used in plan.instruments if used.id == instrument)


def get_plan(installation: Installation, session: Session, study_id: int) -> Plan:
    """The plan version that the study follows, and whoever is enrolled from now on."""
    study = session.get(Study, study_id)
    if study is None:
        raise Refused("unknown_study")
    return installation.library.get_plan(study.code, study.plan_version)


def get_plan_of(installation: Installation, session: Session, participant: Participant) -> Plan:
    """The plan version that a participant follows: that of the study, or one that it has not left yet."""
    study = session.get_one(Study, participant.study_id)
    return installation.library.get_plan(study.code, participant.plan_version)


def list_plan_versions(session: Session, study_id: int, until: str = "") -> tuple[str, ...]:
    """The versions that a study has followed, the newest first: all, or those `until` one of them."""
    return _versions(session, study_id, until)[1]


def list_plans(installation: Installation, session: Session, study_id: int) -> Sequence[Plan]:
    """Every version of its plan that a study has followed, the present one first: forms of each exist."""
    code, versions = _versions(session, study_id)
    return [installation.library.get_plan(code, version) for version in versions]


def list_plans_of_forms(library: Library, plan: Plan, slots: Iterable[SlotInstrument]) -> list[Plan]:
    """The version of the plan that a participant follows, and behind it those of their other forms."""
    others = {slot.plan_version for slot in slots} - {plan.version}
    return [plan, *(library.get_plan(plan.id, version) for version in sorted(others, reverse=True))]


def _versions(session: Session, study_id: int, until: str = "") -> tuple[str, tuple[str, ...]]:
    """A study's code and the versions, in one query."""
    statement = (
        select(Study.code, Study.plan_version, PlanAmendment.from_version)
        .outerjoin(PlanAmendment, col(PlanAmendment.study_id) == col(Study.id))
        .where(Study.id == study_id)
        .order_by(col(PlanAmendment.id))
    )
    rows = session.exec(statement).all()
    code, present, _ = rows[0]
    versions = [*(earlier for _, _, earlier in rows if earlier), present]
    until = until or present
    return code, tuple(reversed(versions[: versions.index(until) + 1]))
