"""CSV responses: files for spreadsheets."""

from collections.abc import Iterable, Sequence
from datetime import date

from starlette.responses import Response

from app.clinic.request import StaffRequest
from app.domain.spreadsheets import SheetCell, write_csv
from app.services.clinic.report.scope import ReportScope

STAMP = (
    "rule_set", "late_counts", "as_of", "chosen_site", "chosen_visit", "chosen_from", "chosen_to",
    "plan_version", "daybook_version", "data_sha256",
)  # fmt: skip
"""Columns in which every line of a table says by which choices and program it was made, and of which data."""


def describe_origin(request: StaffRequest, scope: ReportScope, digest: str) -> tuple[SheetCell, ...]:
    """The values of these columns: by which choices and program a table was made, and of which data."""
    chosen = scope.filter
    return (
        chosen.rules.rule_set.value, "yes" if chosen.rules.late_counts else "no", request.at, chosen.site,
        chosen.visit, chosen.first, chosen.last, scope.plan.version, request.frame.version, digest,
    )  # fmt: skip


def csv_response(
    study: str, subject: str, day: date, heads: Sequence[str], rows: Iterable[Sequence[SheetCell]]
) -> Response:
    """The file, under a name that says of which study, what and when."""
    name = f"{study}-{subject}-{day.isoformat()}.csv"
    return Response(
        write_csv(heads, rows),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
