"""Exports that the clock makes: requesting one, seeing how far it is, and reading its files."""

from base64 import b64encode
from dataclasses import replace

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, Response

from app.domain.records.exports import ExportState
from app.edc import request_models, response_models
from app.edc.authentication import AuthenticatedClient, Conditions
from app.edc.openapi import EXPORT_FILE, GET, REQUESTED
from app.edc.responses import IDENTITY, json_response, representation_response
from app.edc.strict_route import EdcRoute
from app.services.datasets.export import ExportEntry
from app.services.datasets.export_requests import (
    RequestedExport,
    find_export_file,
    get_export,
    list_exports,
    request_export,
)
from app.services.edc.entity_tags import entity_tag, serialise_representation
from app.services.edc.transfers import TransferRange, log_transfer
from app.web.dependencies import get_now
from app.web.middleware.head import is_bodiless
from app.web.urls import EDC

ASK_AGAIN = 5
"""Seconds after which a client looks again at what is being made."""

router = APIRouter(prefix=EDC, route_class=EdcRoute)


@router.post("/exports", responses=REQUESTED, status_code=202)
def post_export(payload: request_models.ExportIn, context: AuthenticatedClient) -> Response:
    """Have datasets of a cut made; the same body again gives the same export while its files are kept."""
    entry = ExportEntry(
        cut=payload.cut,
        purpose=payload.purpose,
        formats=tuple(payload.formats),
        without=frozenset(payload.without),
        with_mark=payload.bom,
        dataset=payload.dataset or "",
    )
    requested = request_export(context, context.client.study, entry)
    response = json_response(_shown(requested.export), 200 if requested.known else 202)
    response.headers["Location"] = f"{EDC}/exports/{requested.export.public_id}"
    return _with_wait(response, requested.export)


@router.get("/exports", responses=GET | {200: {"model": response_models.ExportsOut}})
def get_exports(request: Request, context: AuthenticatedClient, conditions: Conditions) -> Response:
    """The newest exports of this client, the newest first."""
    items = [_shown(export) for export in list_exports(context, context.client.study)]
    text = serialise_representation({"study": context.client.study, "items": items})
    return representation_response(request, text, conditions)


@router.get("/exports/{export}", responses=GET | {200: {"model": response_models.ExportOut}})
def get_one_export(
    request: Request, export: request_models.ExportPath, context: AuthenticatedClient, conditions: Conditions
) -> Response:
    """How far an export is, and its files once they are made."""
    requested = get_export(context, context.client.study, export)
    response = representation_response(request, serialise_representation(_shown(requested)), conditions)
    return _with_wait(response, requested)


@router.get("/exports/{export}/files/{file}", responses=GET | EXPORT_FILE)
def get_export_file(
    request: Request,
    export: request_models.ExportPath,
    file: request_models.FilePath,
    context: AuthenticatedClient,
    conditions: Conditions,
) -> Response:
    """A file as it was made, whole or by ranges; every pull is noted."""
    opened = find_export_file(context, context.client.study, export, file)
    tag = entity_tag(opened.sha256, IDENTITY)
    digest = b64encode(bytes.fromhex(opened.sha256)).decode()
    headers = {"ETag": tag, "Cache-Control": "no-store, no-transform", "Repr-Digest": f"sha-256=:{digest}:"}
    headers["Vary"] = "Accept, Accept-Encoding"
    conditions.check_reading((tag,))
    if conditions.is_unchanged(tag):
        return Response(status_code=304, headers=headers)
    if not is_bodiless(request):
        handed = TransferRange("export file", 0, opened.through, opened.records)
        log_transfer(replace(context, at=get_now(request)), handed)
    return FileResponse(opened.path, headers=headers, media_type=opened.media_type, filename=opened.name)


def _with_wait(response: Response, export: RequestedExport) -> Response:
    if export.state in (ExportState.waiting, ExportState.making):
        response.headers["Retry-After"] = str(ASK_AGAIN)
    return response


def _shown(export: RequestedExport) -> dict[str, object]:
    here = f"{EDC}/exports/{export.public_id}"
    return {
        "id": export.public_id,
        "state": export.state.value,
        "cut": export.cut,
        "purpose": export.entry.purpose,
        "formats": export.entry.formats,
        "dataset": export.entry.dataset.lower() or None,
        "without": sorted(export.entry.without),
        "requested_at": export.requested_at,
        "done": export.done,
        "total": export.total,
        "contents": export.contents,
        "ended_at": export.ended_at,
        "fault": export.fault or None,
        "kept_until": export.kept_until,
        "size": export.size,
        "files": [
            {
                "name": file.name,
                "href": f"{here}/files/{file.name}",
                "records": file.records,
                "size": file.size,
                "sha256": file.sha256,
            }
            for file in export.files
        ],
    }
