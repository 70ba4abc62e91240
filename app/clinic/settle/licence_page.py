"""A licence that ends, ended or is missing: the decision about it, with its reason."""

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.clinic.frame.form_faults import NO_FAULTS, FormFaults, list_faults
from app.clinic.request import SignedInRequest, StaffRequest
from app.clinic.settle.matter_lines import MatterLine, build_line
from app.clinic.settle.matter_page import LABELS
from app.domain.desk.matters import DECISIONS, MatterKind
from app.domain.refusal import Refused, check_all
from app.services.clinic.matters.matter_details import get_licence
from app.services.clinic.matters.settlement import SettlementEntry, parse_settlement, settle_licence
from app.web.form_fields import ActCode, ActWords
from app.web.urls import LICENCE, SETTLE


@dataclass(frozen=True, slots=True)
class LicencePage:
    """A licence and what may be decided of it; `line` is None where nothing is open of it any more."""

    template: ClassVar[str] = "clinic/settle/licence.html"
    licence: str
    line: MatterLine | None
    list_url: str
    action_url: str
    decisions: tuple[str, ...]
    decision: str = ""
    reason: str = ""
    faults: FormFaults = NO_FAULTS


router = APIRouter(include_in_schema=False)


@router.get(LICENCE)
def show_licence(request: SignedInRequest, licence: Annotated[str, Query(max_length=120)] = "") -> Response:
    return request.show(_page(request, licence))


@router.post(LICENCE)
def post_licence_decision(
    request: SignedInRequest, licence: ActCode = "", decision: ActCode = "", reason: ActWords = ""
) -> Response:
    entry = SettlementEntry(decision, reason)
    try:
        check_all(request.act.check_texts, lambda: parse_settlement(MatterKind.licence, entry))
        settle_licence(request.context, licence, entry)
    except Refused as refused:
        page = replace(_page(request, licence), decision=decision, reason=reason)
        return request.show(replace(page, faults=list_faults(request, refused, LABELS)), refused)
    return request.finish()


def _page(request: StaffRequest, licence: str) -> LicencePage:
    matter = get_licence(request.context, licence)
    return LicencePage(
        licence=licence,
        line=build_line(request, request.plan, matter) if matter else None,
        list_url=request.frame.back_to(SETTLE),
        action_url=request.frame.within(LICENCE),
        decisions=tuple(decision.value for decision in DECISIONS[MatterKind.licence]) if matter else (),
    )
