"""The addresses of the report: every choice stands in them, so that they can be kept as bookmarks."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated

from fastapi import Depends

from app.clinic.frame.addresses import build_address
from app.clinic.frame.typed_day import NOTHING_TYPED, TypedDay, day_of_address
from app.domain.refusal import Refused
from app.domain.report.completeness import RateRules, RuleSet
from app.domain.typed_text import narrow_text
from app.services.clinic.report.figures import TABLES, ReportPart, ReportTable
from app.services.clinic.report.report import FigureAddress
from app.services.clinic.report.scope import ReportFilter
from app.web.form_fields import BriefQuery
from app.web.urls import REPORT, REPORT_ROWS, REPORT_ROWS_FILE, REPORT_TABLE

_LATE = "yes"
OF_VISITS = frozenset({ReportPart.completeness, ReportPart.timing})
"""Parts whose lines are visits, of which one can be chosen."""


@dataclass(frozen=True, slots=True)
class ReportQuery:
    """What an address of the report asks for, as it was typed; an unknown choice is the usual one."""

    part: str = ""
    site: str = ""
    visit: str = ""
    first: TypedDay = NOTHING_TYPED
    last: TypedDay = NOTHING_TYPED
    rules: str = ""
    late: str = ""

    @property
    def chosen_part(self) -> ReportPart:
        return ReportPart(self.part) if self.part in tuple(ReportPart) else ReportPart.completeness

    @property
    def rate_rules(self) -> RateRules:
        rule_set = RuleSet(self.rules) if self.rules in tuple(RuleSet) else RuleSet.first
        return RateRules(rule_set, self.late == _LATE)

    def read_filter(self, study: str) -> ReportFilter:
        """The filter. Raises Refused: "bad_day", "impossible_day"."""
        site, visit = narrow_text(self.site), narrow_text(self.visit)
        return ReportFilter(study, site, visit, self.first_day, self.last_day, self.rate_rules)

    @property
    def parameters(self) -> dict[str, str]:
        rules, late = self.rate_rules, self.late if self.late == _LATE else ""
        chosen = {"site": self.site, "visit": self.visit, "from": self.first.text, "to": self.last.text}
        rule_set = "" if rules.rule_set is RuleSet.first else rules.rule_set.value
        return {**chosen, "rules": rule_set, "late": late}

    def page_url(self, part: ReportPart) -> str:
        return build_address(REPORT, {"part": part.value, **self.move_to_part(part).parameters})

    def table_url(self, table: ReportTable) -> str:
        return build_address(REPORT_TABLE, {"table": table.value, **self.parameters})

    def rows_url(
        self, figure: FigureAddress, after: tuple[str, int] | None = None, file: bool = False
    ) -> str:
        parts = {
            "table": figure.table.value, "figure": figure.figure, "of_visit": figure.visit,
            "of_form": figure.instrument, "of_site": figure.site, "of_arm": figure.arm,
            "of_item": figure.item, "of_line": figure.line,
        }  # fmt: skip
        on = {"after": after[0], "row": str(after[1])} if after else {}
        return build_address(REPORT_ROWS_FILE if file else REPORT_ROWS, {**parts, **self.parameters, **on})

    def move_to_part(self, part: ReportPart) -> "ReportQuery":
        """These choices on another part, without those that it has not, or that mean other days there."""
        same_days = (part is ReportPart.recruitment) == (self.chosen_part is ReportPart.recruitment)
        return replace(
            self,
            part=part.value,
            visit=self.visit if part in OF_VISITS else "",
            first=self.first if same_days else NOTHING_TYPED,
            last=self.last if same_days else NOTHING_TYPED,
        )

    @property
    def of_visits(self) -> bool:
        """Whether a visit can be chosen on this part."""
        return self.chosen_part in OF_VISITS

    @property
    def first_day(self) -> date | None:
        return self.first.parse("from") if self.first else None

    @property
    def last_day(self) -> date | None:
        return self.last.parse("to") if self.last else None


def read_report_query(
    first: Annotated[TypedDay, Depends(day_of_address("from"))],
    last: Annotated[TypedDay, Depends(day_of_address("to"))],
    part: BriefQuery = "",
    site: BriefQuery = "",
    visit: BriefQuery = "",
    rules: BriefQuery = "",
    late: BriefQuery = "",
) -> ReportQuery:
    return ReportQuery(part, site, visit, first, last, rules, late)


ChosenReport = Annotated[ReportQuery, Depends(read_report_query)]


def read_figure(
    table: BriefQuery = "",
    figure: BriefQuery = "",
    of_visit: BriefQuery = "",
    of_form: BriefQuery = "",
    of_site: BriefQuery = "",
    of_arm: BriefQuery = "",
    of_item: BriefQuery = "",
    of_line: BriefQuery = "",
) -> FigureAddress:
    """The figure whose rows are asked for; without one, every form of the ledger."""
    name = ReportTable(table) if table in tuple(ReportTable) else ReportTable.ledger
    return FigureAddress(
        name, figure or TABLES[name].figures[0], of_visit, of_form, of_site, of_arm, of_item, of_line
    )


def read_table(table: BriefQuery = "") -> ReportTable:
    """The table of a file. Raises Refused("unknown_figure") for what is none."""
    if table not in tuple(ReportTable):
        raise Refused("unknown_figure", field="table", allowed=tuple(ReportTable))
    return ReportTable(table)
