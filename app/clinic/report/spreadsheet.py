"""The answer that is a file for spreadsheets."""

from collections.abc import Iterable, Sequence
from datetime import date

from starlette.responses import Response

from app.domain.spreadsheets import Cell, write_csv


def csv_response(
    study: str, what: str, day: date, heads: Sequence[str], rows: Iterable[Sequence[Cell]]
) -> Response:
    """The file, under a name that says of which study, what and when."""
    name = f"{study}-{what}-{day.isoformat()}.csv"
    return Response(
        write_csv(heads, rows),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
