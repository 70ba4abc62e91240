"""The list of a study's alerts, how its plan watches answers, and the same as a file."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.clinic.alerts.alert_rows import AlertRow, build_alert_row
from app.clinic.frame.addresses import build_address, format_list_cursor, parse_list_cursor
from app.clinic.report.spreadsheet import csv_response
from app.clinic.request import SignedInRequest
from app.domain.plans.windows import local_day
from app.domain.records.audit import format_instant
from app.domain.spreadsheets import SheetCell
from app.domain.typed_text import narrow_text
from app.services.clinic.alerts.alert_list import AlertRecord, list_alerts
from app.services.clinic.downloads import record_file_download
from app.web.form_fields import ShortQuery
from app.web.urls import ALERTS, ALERTS_FILE


@dataclass(frozen=True, slots=True)
class AlertsPage:
    """A page of open alerts (or, with `closed`, closed ones); `site` narrows them to one of `sites`.

    `unwatched` is the plan's reason why nobody reads answers at once, "" where somebody does; then
    `out_of_hours` says what happens at night.
    """

    template: ClassVar[str] = "clinic/alerts.html"
    closed: bool
    open_url: str
    closed_url: str
    file_url: str
    rows: tuple[AlertRow, ...]
    sites: tuple[tuple[str, str], ...]
    site: str
    next_url: str
    unwatched: str
    out_of_hours: str


HEADS = (
    "site",
    "participant",
    "visit",
    "day",
    "instrument",
    "rule",
    "raised_at",
    "told_at",
    "due_at",
    "escalated_at",
    "acknowledged_at",
    "acknowledged_by",
    "minutes_to_acknowledge",
    "actions",
    "closed_at",
    "closed_by",
    "minutes_to_close",
    "note",
)
"""Columns of the file: names of data, the same in every language."""

router = APIRouter(include_in_schema=False)


@router.get(ALERTS)
def show_alerts(
    request: SignedInRequest, closed: str = "", site: ShortQuery = "", after: ShortQuery = ""
) -> Response:
    if request.study is None:
        raise HTTPException(404)
    shut, site = closed == "1", narrow_text(site)
    cursor = parse_list_cursor(after)
    alerts = list_alerts(request.context, request.study.id, closed=shut, site=site, after=cursor)
    plan, within = alerts.plan, request.frame.within
    chosen = {"closed": "1" if shut else "", "site": site}
    further = format_list_cursor(alerts.next) if alerts.next else ""
    page = AlertsPage(
        closed=shut,
        open_url=within(build_address(ALERTS, {"site": site})),
        closed_url=within(build_address(ALERTS, {"closed": "1", "site": site})),
        file_url=within(ALERTS_FILE),
        rows=tuple(
            build_alert_row(request.installation, alert, request.frame.code) for alert in alerts.alerts
        ),
        sites=tuple((site.code, f"{site.code} {site.name}") for site in alerts.sites),
        site=site,
        next_url=within(build_address(ALERTS, {**chosen, "after": further})) if further else "",
        unwatched=_in_language(plan.monitoring_reason, request.frame.code),
        out_of_hours=_in_language(plan.out_of_hours, request.frame.code),
    )
    return request.show(page)


@router.get(ALERTS_FILE)
def download_alerts(request: SignedInRequest) -> Response:
    """Every alert of the study at this colleague's sites, open ones first, as a file; audited."""
    if request.study is None:
        raise HTTPException(404)
    record_file_download(request.context, request.study.id, "alerts")
    both = (
        list_alerts(request.context, request.study.id, closed=closed, every=True) for closed in (False, True)
    )
    rows = (_line(alert) for alerts in both for alert in request.veil_texts(alerts.alerts))
    return csv_response(request.study.code, "alerts", local_day(request.at, request.zone), HEADS, rows)


def _in_language(words: Mapping[str, str], code: str) -> str:
    """The plan's words in this language, or in its first one: staff may read in one that it does not have."""
    return words.get(code) or next(iter(words.values()), "")


def _line(alert: AlertRecord) -> tuple[SheetCell, ...]:
    delivered_at = [notice.at for notice in alert.notices if notice.state == "sent"]
    return (
        alert.site,
        alert.subject,
        alert.visit,
        alert.for_day,
        "@".join(alert.instrument) if alert.slot else None,
        alert.rule,
        alert.raised_at,
        min(delivered_at, default=None),
        alert.due_at,
        alert.escalated_at,
        alert.acknowledged_at,
        alert.acknowledged_by,
        _minutes(alert.raised_at, alert.acknowledged_at),
        "; ".join(
            f"{format_instant(action.at)} {action.kind} {action.note}".strip() for action in alert.actions
        ),
        alert.closed_at,
        alert.closed_by,
        _minutes(alert.raised_at, alert.closed_at),
        alert.closing_note,
    )


def _minutes(start: datetime, end: datetime | None) -> int | None:
    return int((end - start).total_seconds() // 60) if end else None
