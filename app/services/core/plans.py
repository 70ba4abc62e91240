"""The plan of a study, and which items of an instrument it leaves out."""

from sqlmodel import Session

from app.domain.plans.plan import Plan
from app.domain.refusal import Refused
from app.services.core.installation import Installation
from app.storage.tables.studies import Study


def excluded_items(plan: Plan, instrument: str) -> frozenset[str]:
    """The items of an instrument that the plan does not use."""
    return next(used.leave_out for used in plan.instruments if used.id == instrument)


def get_plan(installation: Installation, session: Session, study_id: int) -> Plan:
    """The plan version that the study's new slots follow."""
    study = session.get(Study, study_id)
    if study is None:
        raise Refused("unknown_study")
    return installation.library.plan(study.code, study.plan_version)
