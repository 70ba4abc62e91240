"""Which version of a plan a running study can follow."""

from collections import Counter
from collections.abc import Iterable, Iterator

from sqlmodel import Session, col, select

from app.domain.plans.checks import check_amendment
from app.domain.plans.plan import Plan
from app.domain.records.anchors import AnchorStanding
from app.domain.records.studies import StudyMode
from app.domain.refusal import BadDefinition, Refused
from app.services.core.context import StaffContext
from app.services.setup.packs import check_packs
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Anchor
from app.storage.tables.studies import Study


def check_version(context: StaffContext, study: Study, present: Plan, plan: Plan) -> None:
    """Refuse a version that this study cannot take today, whoever is in it.

    Raises Refused: "draft_plan", "older_plan", or as `packs.check_packs`.
    """
    if plan.draft and study.mode is not StudyMode.DEMO:
        raise Refused("draft_plan", plan=f"{plan.id}@{plan.version}")
    check_newer(plan, present.version)
    check_packs(context.installation, plan, context.at)


def check_newer(plan: Plan, present: str) -> None:
    """Refuse to go back to an older version, also where two amendments run side by side.

    Raises Refused("older_plan").
    """
    if _numbers(plan.version) < _numbers(present):
        raise Refused("older_plan", version=plan.version, present=present)


def check_fits(session: Session, study_id: int, followed: Iterable[Plan], plan: Plan) -> None:
    """Raise BadDefinition for the first thing in a plan that contradicts those of which forms exist, or who
    is in the study.
    """
    file = f"plans/{plan.id}/{plan.version}.toml"
    for earlier in followed:
        check_amendment(earlier, plan, file)
    for key, value, allowed in _contradicts_people(session, study_id, plan):
        raise BadDefinition(file, key, value, allowed)


def _contradicts_people(session: Session, study_id: int, plan: Plan) -> Iterator[tuple[str, object, str]]:
    people = select(Participant.subject, Participant.language).where(Participant.study_id == study_id)
    rows = session.exec(people).all()
    languages = Counter(language for _, language in rows if language not in plan.languages)
    for language, number in sorted(languages.items()):
        yield "languages", list(plan.languages), f"also {language}, which {number} participants read"
    unlike = next((subject for subject, _ in rows if not plan.names_subject(subject)), None)
    if unlike is not None:
        yield "subject_pattern", plan.subject_pattern, f"a pattern of every code in use, such as {unlike}"
    dated = select(Anchor.kind).join(Participant, col(Participant.id) == col(Anchor.participant_id))
    in_force = dated.where(Participant.study_id == study_id, Anchor.standing == AnchorStanding.CURRENT)
    if gone := sorted(set(session.exec(in_force.distinct())) - set(plan.anchor_kinds)):
        yield "anchors", list(plan.anchor_kinds), f"also {', '.join(gone)}, of which dates are recorded"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
