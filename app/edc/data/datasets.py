"""Datasets of a cut as streams, in the format that the client names or takes."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.domain.datasets.builder import find_table
from app.domain.datasets.tables import DatasetTable
from app.domain.refusal import Refused
from app.edc import request_models, responses
from app.edc.authentication import AuthenticatedClient, Conditions
from app.edc.openapi import DATASET_STREAM, GET
from app.edc.strict_route import EdcRoute, accepted_types
from app.services.core.context import EdcContext
from app.services.datasets.archive import MEDIA_TYPES
from app.services.datasets.export import (
    FORMATS,
    ExportEntry,
    OpenedExport,
    check_export,
    open_export,
    record_export,
    serialise_dataset,
)
from app.services.edc.entity_tags import digest_text, serialise_representation
from app.services.edc.transfers import TransferRange, log_transfer
from app.web.dependencies import get_now
from app.web.middleware.head import is_bodiless
from app.web.middleware.negotiation import select_type
from app.web.urls import EDC

STREAMED: Mapping[str, str] = {MEDIA_TYPES[name].partition(";")[0]: name for name in FORMATS}
"""The format of each media type; the first is served to a client that takes any."""

router = APIRouter(prefix=EDC, route_class=EdcRoute)


@router.get("/datasets/{dataset}", responses=GET | DATASET_STREAM)
def get_dataset(
    request: Request,
    dataset: request_models.DatasetPath,
    query: Annotated[request_models.DatasetQuery, Query()],
    context: AuthenticatedClient,
    conditions: Conditions,
) -> Response:
    """One dataset of a cut, as the client's scopes and sites open it; every pull is an entry of the trail."""
    table = find_table(dataset)
    if table is None:
        raise Refused("unknown_dataset_here", dataset=dataset)
    format_ = query.format or STREAMED[select_type(accepted_types(request), tuple(STREAMED)) or "text/csv"]
    entry = ExportEntry(query.cut, query.purpose, (format_,), with_mark=query.bom, dataset=table.name)
    purpose = check_export(entry)
    opened = open_export(context, context.client.study, entry)
    digest = digest_text(serialise_representation(_identity(context, opened, entry)))
    parts = _streamed(request, context, opened, table, format_)
    answer = responses.bulk_response(
        request, parts, MEDIA_TYPES[format_], digest, {}, conditions, in_thread=True
    )
    if answer.status_code == HTTPStatus.OK and not is_bodiless(request):
        record_export(context, opened, entry, purpose)
    return answer


def _identity(context: EdcContext, opened: OpenedExport, entry: ExportEntry) -> list[object]:
    """All that the bytes of a dataset depend on."""
    cut, client = opened.cut, context.client
    cut_facts = [cut.name, cut.feed, cut.feed_hash, cut.plan_sha256, context.installation.app_version]
    request_facts = [entry.dataset, entry.formats, entry.with_mark]
    return ["dataset", cut_facts, request_facts, opened.contents, client.sites, sorted(client.site_ids)]


def _streamed(
    request: Request, context: EdcContext, opened: OpenedExport, table: DatasetTable, format_: str
) -> Iterator[bytes]:
    if is_bodiless(request):
        return
    records = 0
    try:
        for records, piece in serialise_dataset(context, opened, table, FORMATS[format_]):  # noqa: B007 - noted below
            yield piece
    finally:  # also of a transfer that was broken off
        handed = TransferRange(f"dataset {table.name.lower()}", 0, opened.cut.through, records)
        log_transfer(replace(context, at=get_now(request)), handed)
