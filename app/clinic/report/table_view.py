"""Tables of the report as pages and files show them: words for keys, addresses of rows, tints of rates."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from app.clinic.forms.question_words import list_question_words
from app.clinic.report.address import ReportQuery
from app.clinic.request import StaffRequest
from app.domain.plans.plan import Plan
from app.domain.report.ledger import NO_ARM, RateFigure
from app.i18n.formats import format_stated
from app.i18n.languages import ENGLISH, Language, find_language
from app.services.clinic.report.figures import FigureLine, FigureTable, ReportTable
from app.services.clinic.report.report import FigureAddress
from app.services.clinic.report.scope import ReportScope

GOOD, FAIR = 90, 75
"""From these percentages on a rate is tinted as good or as fair; the number always stands with it."""


@dataclass(frozen=True, slots=True)
class CellView:
    """One cell: a count with the address of its rows, or a share in percent with its two counts."""

    count: int | None = None
    url: str = ""
    percent: str = ""
    of: str = ""
    tint: str = ""


@dataclass(frozen=True, slots=True)
class RowView:
    """One line; `head` are its words, none for the line of everything."""

    head: tuple[str, ...]
    cells: tuple[CellView, ...]


@dataclass(frozen=True, slots=True)
class ColumnView:
    """One column: the code of a figure, or what it is called where that is no word of ours."""

    code: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class TableView:
    """One table of the report, ready to be shown; `hidden` is how many lines only its file has."""

    name: str
    heads: tuple[str, ...]
    columns: tuple[ColumnView, ...]
    rows: tuple[RowView, ...]
    file_url: str
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class TableWords:
    """What stands for the keys of a study: its sites by number, its forms by name, months and weeks.

    `name_question` finds the words of a question by form and code.
    """

    sites: Mapping[int, tuple[str, str]]
    forms: Mapping[str, str]
    one_form: bool
    language: Language
    name_question: Callable[[str, str], str]

    def name_line(self, text: str) -> str:
        """A month, the first day of a week, or the number of a week from 1 on, as a page writes it."""
        return name_line(text) if text.isdecimal() else format_stated(text, self.language)


def table_words(request: StaffRequest, scope: ReportScope) -> TableWords:
    """The words of this study in the reader's language."""
    plan, installation, language = scope.plan, request.installation, request.frame.code
    forms = {
        used.id: plan.form_name(used.id, language)
        or installation.name_instrument(
            scope.study, installation.library.get_instrument(used.id, used.version), language
        )
        for used in plan.instruments
    }
    instruments = {instrument for rule in plan.visits for instrument in rule.instruments}
    return TableWords(
        {site.site_id: (site.code, site.name) for site in scope.sites},
        forms,
        len(instruments) == 1,
        find_language(language) or ENGLISH,
        partial(_name_question, request, plan, {}),
    )


def _name_question(
    request: StaffRequest, plan: Plan, known: dict[str, Mapping[str, str]], form: str, code: str
) -> str:
    """The words of a question of the plan, those of a form read when first asked for."""
    if form not in known:
        version = next((used.version for used in plan.instruments if used.id == form), "")
        instrument = request.installation.library.instruments.get((form, version))
        known[form] = list_question_words(request, plan.id, instrument) if instrument else {}
    return known[form].get(code, code)


_HEADS = {"visit": "visit", "instrument": "form", "arm": "arm", "item": "item", "site_id": "site"}
LINES = {
    ReportTable.weeks: "week",
    ReportTable.recruitment: "month",
    ReportTable.diary: "study_week",
}
_ON_TIME = {f"{calls}on_time_share" for calls in ("", "called-", "uncalled-")}
_TINTED = frozenset({"completion", "in_time_share", "adherence", *_ON_TIME})
"""Shares that ought to be high at any time of a study."""
WEEKS = 26
"""Calendar weeks on the page, the newest first; a file has all."""
_SPARSE = frozenset({ReportTable.reasons, ReportTable.ledger, ReportTable.modes})
"""Tables of which columns without any form are left out on the page."""


def view_table(request: StaffRequest, query: ReportQuery, table: FigureTable, words: TableWords) -> TableView:
    """A table as its page shows it."""
    if table.name is ReportTable.sites:
        return _view_matrix(request, query, table, words)
    whole = (table.whole,) if table.whole and len(table.lines) != 1 else ()
    heads = tuple(_HEADS[name] for name in table.rule.by if not _needless(name, words, table))
    columns = _columns(table)
    newest = table.lines[: -WEEKS - 1 : -1] if table.name is ReportTable.weeks else table.lines
    return TableView(
        name=table.name.value,
        heads=(*heads, *((LINES[table.name],) if table.name in LINES else ())),
        columns=tuple(ColumnView(code) for code in columns),
        rows=tuple(
            RowView(_head(line, table, words), _cells(request, query, table, line, columns, words))
            for line in (*(whole if table.lines else ()), *newest)
            if columns
        ),
        file_url=request.frame.within(query.table_url(table.name)),
        hidden=len(table.lines) - len(newest),
    )


def _needless(name: str, words: TableWords, table: FigureTable) -> bool:
    return name == "instrument" and words.one_form and "visit" in table.rule.by


def _columns(table: FigureTable) -> tuple[str, ...]:
    figures = [
        figure
        for figure in table.rule.figures
        if table.name not in _SPARSE or any(line.counts[figure] for line in table.lines)
    ]
    median = ("median",) if table.rule.median else ()
    return (*figures, *table.rule.shares, *median)


def _head(line: FigureLine, table: FigureTable, words: TableWords) -> tuple[str, ...]:
    if not line.where:
        return ()
    parts = [_name(name, line, words) for name in table.rule.by if not _needless(name, words, table)]
    return (*parts, *((words.name_line(line.where["line"]),) if table.name in LINES else ()))


def _name(name: str, line: FigureLine, words: TableWords) -> str:
    value = line.where[name]
    if name == "item":
        return words.name_question(str(line.where["instrument"]), str(value))
    if name == "instrument":
        return words.forms.get(str(value), str(value))
    if name == "site_id":
        return " ".join(words.sites[int(str(value))])
    return str(value or "–")


def name_line(text: str) -> str:
    """What a file calls a line without facts: a month, a week, or the number of a week from 1 on."""
    return str(int(text) + 1) if text.isdecimal() else text


def _cells(
    request: StaffRequest,
    query: ReportQuery,
    table: FigureTable,
    line: FigureLine,
    columns: Iterable[str],
    words: TableWords,
) -> tuple[CellView, ...]:
    def cell(code: str) -> CellView:
        if code == "median":
            return CellView(line.median)
        if code in line.shares:
            return _share(*line.shares[code], tinted=code in _TINTED)
        address = address_of(table.name, code, line, words)
        count = line.counts[code]
        return CellView(count, request.frame.within(query.rows_url(address)) if count else "")

    return tuple(cell(code) for code in columns)


def address_of(table: ReportTable, figure: str, line: FigureLine, words: TableWords) -> FigureAddress:
    """The address of the rows behind one count."""
    where = line.where
    return FigureAddress(
        table=table,
        figure=figure,
        visit=where.get("visit", ""),
        instrument=where.get("instrument", ""),
        site=words.sites[where["site_id"]][0] if "site_id" in where else "",
        arm=(where["arm"] or NO_ARM) if "arm" in where else "",
        item=where.get("item", ""),
        line=where.get("line", ""),
    )


def _share(count: int, of: int, url: str = "", *, tinted: bool = True) -> CellView:
    if not of:
        return CellView()
    percent = 100 * count / of
    tint = "ok" if percent >= GOOD else "warn" if percent >= FAIR else "err"
    return CellView(
        url=url, percent=format_percent(count, of), of=f"{count}/{of}", tint=tint if tinted else ""
    )


def format_percent(count: int, of: int) -> str:
    """A share with one decimal, rounded half up from the exact counts."""
    tenths = (2000 * count + of) // (2 * of)
    return f"{tenths // 10}.{tenths % 10}"


def _view_matrix(
    request: StaffRequest, query: ReportQuery, table: FigureTable, words: TableWords
) -> TableView:
    """Sites by visits, each cell with its completion rate."""
    places = dict.fromkeys((line.where["visit"], line.where["instrument"]) for line in table.lines)
    of_site: dict[int, dict[tuple[str, str], FigureLine]] = {}
    for line in table.lines:
        of_site.setdefault(line.where["site_id"], {})[line.where["visit"], line.where["instrument"]] = line

    def cell(line: FigureLine | None) -> CellView:
        if line is None:
            return CellView()
        address = address_of(table.name, RateFigure.expected.value, line, words)
        url = request.frame.within(query.rows_url(address))
        return _share(*line.shares["completion"], url)

    return TableView(
        name=table.name.value,
        heads=("site",),
        columns=tuple(
            ColumnView("", visit if words.one_form else f"{visit} {words.forms.get(form, form)}")
            for visit, form in places
        ),
        rows=tuple(
            RowView((" ".join(words.sites[site]),), tuple(cell(lines.get(column)) for column in places))
            for site, lines in sorted(of_site.items(), key=lambda pair: words.sites[pair[0]])
        ),
        file_url=request.frame.within(query.table_url(table.name)),
    )
