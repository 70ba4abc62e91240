"""A certified copy of a submitted form as a PDF: the printed sheet of its page, as a file."""

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.clinic.forms.pdf_sheet import SheetLine, can_make_pdf, make_pdf, read_printed_lines
from app.clinic.forms.slot_page import VersionNumber, build_slot_page
from app.clinic.request import PermittedRequest
from app.domain.refusal import Refused
from app.i18n.marking import N_
from app.services.clinic.downloads import record_form_copy
from app.web.middleware.head import is_bodiless
from app.web.pages.rendering import Pages
from app.web.urls import FORM_COPY

router = APIRouter(include_in_schema=False)


@router.get(FORM_COPY)
def save_form_copy(request: PermittedRequest, slot: str, version: VersionNumber = None) -> Response:
    """The copy as a file; the look at the answers and the file are both in the trail.

    Raises Refused: "no_pdf", "unknown_slot", "not_sent".
    """
    if is_bodiless(request.http):
        raise HTTPException(405)  # what is not handed over is not made, nor entered in the trail
    if not can_make_pdf():
        raise Refused("no_pdf")
    page = request.veil(build_slot_page(request, slot, version=version))
    if page.answers is None:
        raise Refused("not_sent")
    pages: Pages = request.http.app.state.pages
    html = pages.render_blocks(page, request.frame, "main")
    title = f"{page.subject} {page.visit} {page.name}"
    footing = f"{request.study_code} · {page.subject} · {page.visit}"
    study = request.frame.study.name if request.frame.study else ""
    named = SheetLine("p", request.translate(N_("Study: %(name)s")) % {"name": study})
    pdf = make_pdf((named, *read_printed_lines(html)), title, footing, request.frame.lang)
    number, form = page.answers.version, page.answers.instrument_id
    record_form_copy(request.context, request.participant.participant_id, f"slot:{page.visit}/{form}", number)
    name = f"{page.subject}-{page.visit}-{form}-v{number}.pdf"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(pdf, media_type="application/pdf", headers=headers)
