"""The matrix of a study: participants by visits, a page of participants at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from app.domain.records.access import Permission
from app.domain.report.ledger import MatrixCell
from app.services.clinic.report.scope import ReportFilter, ReportScope, open_scope
from app.services.core.context import StaffContext
from app.storage.database.grouped_reads import DocumentRows
from app.storage.queries.report.matrix_rows import read_cells, read_participants

MATRIX_PAGE = 50
"""Participants on one page."""

MatrixColumn = tuple[str, str]
"""A visit and an instrument."""
MatrixForms = DocumentRows[MatrixCell]
_NO_FORMS = MatrixForms()


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One participant, and their forms."""

    participant: str
    subject: str
    site_id: int
    forms: MatrixForms

    @property
    def cells(self) -> Mapping[MatrixColumn, MatrixCell]:
        """Their forms by visit and instrument."""
        return {(cell.visit, cell.instrument): cell for cell in self.forms}


@dataclass(frozen=True, slots=True)
class Matrix:
    """A page of the matrix; `after` is the code from which the next page goes on, "" on the last."""

    scope: ReportScope
    columns: tuple[MatrixColumn, ...]
    rows: tuple[MatrixRow, ...]
    after: str


def get_matrix(context: StaffContext, chosen: ReportFilter, after: str) -> Matrix:
    """The forms of the next participants after this code, but for the diary.

    Raises Refused: as `open_scope`.
    """
    with context.read_plainly() as connection:
        scope = open_scope(connection, context, chosen, Permission.TRAIL_SEE)
        people = read_participants(connection, scope.select_people(context), after, MATRIX_PAGE + 1)
        shown = people[:MATRIX_PAGE]
        cells = read_cells(connection, scope.select_forms(context), [person.id for person in shown])
    columns: dict[MatrixColumn, int] = {}
    for person in reversed(shown):  # of two places of a column the first person's counts
        columns.update(_index_columns(cells.get(person.id, _NO_FORMS)))
    return Matrix(
        scope=scope,
        columns=tuple(sorted(columns, key=lambda column: (columns[column], column))),
        rows=tuple(
            MatrixRow(row.public_id, row.subject, row.site_id, cells.get(row.id, _NO_FORMS)) for row in shown
        ),
        after=shown[-1].subject if len(people) > MATRIX_PAGE else "",
    )


@lru_cache(maxsize=500)
def _index_columns(forms: MatrixForms) -> Mapping[MatrixColumn, int]:
    """The columns of these forms, and where each stands among them."""
    return {(cell.visit, cell.instrument): cell.position for cell in reversed(forms)}
