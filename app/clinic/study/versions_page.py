"""What differs between two versions of a study's plan, as a table in words."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.clinic.forms.question_words import list_plan_questions
from app.clinic.request import SignedInRequest
from app.clinic.study.fact_words import FactWords
from app.clinic.study.plan_tabs import PlanTab, list_tabs, name_forms, version_choices
from app.domain.plans.outline.changes import PlanChange, compare_plans
from app.domain.typed_text import narrow_text
from app.services.clinic.study.plan_reading import read_plans
from app.web.urls import PLAN_VERSIONS


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One difference in words; `kind` is a code: added, removed, changed."""

    part: str
    name: str
    aspect: str
    kind: str
    older: tuple[str, ...]
    newer: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VersionsPage:
    """Two versions of a plan and what differs; no rows where there is one version alone."""

    template: ClassVar[str] = "clinic/study/versions.html"
    tabs: tuple[PlanTab, ...]
    choices: tuple[tuple[str, str], ...]
    older: str
    newer: str
    rows: tuple[ChangeRow, ...]
    hides_arms: bool


router = APIRouter(include_in_schema=False)


@router.get(PLAN_VERSIONS)
def compare_versions(
    request: SignedInRequest,
    older: Annotated[str, Query(alias="from", max_length=40)] = "",
    newer: Annotated[str, Query(alias="to", max_length=40)] = "",
    version: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    plans = read_plans(request.context, request.study_code)
    numbers = list(plans.versions)
    after = plans.get_version(narrow_text(newer) or numbers[-1])
    position = numbers.index(after.version)
    before = plans.get_version(narrow_text(older) or numbers[max(position - 1, 0)])
    forms = {**name_forms(request, plans, before), **name_forms(request, plans, after)}
    questions = {**list_plan_questions(request, before), **list_plan_questions(request, after)}
    words = FactWords(request, before, after, forms, questions)
    return request.show(
        VersionsPage(
            tabs=list_tabs(request, version),
            choices=version_choices(plans, request),
            older=before.version,
            newer=after.version,
            rows=tuple(_row(words, change) for change in compare_plans(before, after)),
            hides_arms=plans.hides_arms,
        )
    )


def _row(words: FactWords, change: PlanChange) -> ChangeRow:
    return ChangeRow(
        part=words.name_part(change),
        name=words.name_thing(change),
        aspect=words.name_aspect(change),
        kind=change.kind.value,
        older=words.lines(change, change.older),
        newer=words.lines(change, change.newer),
    )
