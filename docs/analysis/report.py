"""Draws a report of one export: `python docs/analysis/report.py EXPORT --to FOLDER`.

Writes report.pdf (A4) and each of its figures as an SVG file to the folder. Needs the extra `analysis`:
pip install 'daybook[analysis]'.
"""

import argparse
import textwrap
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from deterioration import estimate_curves, estimate_hazards, list_events
from export_folder import CONTROL, POINTS, ExportFolder, open_export
from figures import STYLE, Tables, draw_change, draw_completeness, draw_deterioration, draw_distribution
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure, FigureBase
from repeated_measures import estimate_changes
from tables import tabulate_change, tabulate_completeness

A4 = (8.27, 11.69)
CHOSEN = ("C30QL2", "C30PF2", "C30FA")
"""The scales of the distribution and the model; deterioration is drawn of the second."""
_LEFT, _RIGHT = 0.09, 0.93


def main() -> None:
    """Write the report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("export", type=Path, help="the folder that `daybook export` wrote")
    parser.add_argument("--to", type=Path, required=True, help="a folder for the report")
    parser.add_argument(
        "--scales", nargs=3, default=CHOSEN, metavar="PARAMCD", help="the three scales in detail"
    )
    parser.add_argument("--note", default="", help="words for the foot of every page")
    asked = parser.parse_args()
    asked.to.mkdir(parents=True, exist_ok=True)
    mpl.rcParams.update(STYLE)
    write_report(open_export(asked.export, asked.scales), asked.to, list(asked.scales), asked.note)


def write_report(export: ExportFolder, folder: Path, chosen: list[str], note: str = "") -> None:
    """Draw every figure to a file of its own, and all of them with their tables to the pages."""
    events = pd.concat([list_events(export, parameter) for parameter in chosen])
    tables = Tables(
        export,
        tabulate_completeness(export),
        tabulate_change(export),
        events,
        estimate_curves(events),
        estimate_hazards(events, CONTROL),
    )
    if not (tables.change.N > 1).any():
        raise SystemExit("Too early for a report: hardly anybody has a change from baseline yet.")
    last = [visit for visit in export.visits if visit in set(tables.change.AVISIT)][-1]
    drawn: dict[str, tuple[Callable[[FigureBase], None], tuple[float, float], str]] = {
        "completeness": (partial(draw_completeness, tables=tables), (6.9, 2.9), _ABOUT_COMPLETENESS),
        "change": (partial(draw_change, tables=tables), (6.9, 7.4), _ABOUT_CHANGE),
        "distribution": (
            partial(draw_distribution, tables=tables, visit=last, chosen=chosen),
            (6.9, 2.9),
            _ABOUT_DISTRIBUTION.format(visit=last, points=POINTS),
        ),
        "deterioration": (
            partial(draw_deterioration, tables=tables, parameter=chosen[1]),
            (6.9, 3.4),
            _ABOUT_DETERIORATION.format(scale=tables.name(chosen[1]), points=POINTS),
        ),
    }
    for name, (draw, size, _about) in drawn.items():
        figure = Figure(figsize=size)
        draw(figure)
        _arrange(figure, size[1], left=0.1, right=0.98)
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
    with PdfPages(folder / "report.pdf", metadata={"CreationDate": None, "Title": _title(export)}) as pages:
        for page in _pages(export, tables, drawn, chosen):
            page.text(0.5, 0.03, note, fontsize=7, color="#666666", ha="center")
            pages.savefig(page)


_ABOUT_COMPLETENESS = (
    "Completeness of the QLQ-C30. Available data rate: valid forms of all randomised participants who "
    "consented. Completion rate: valid forms of those expected, who neither died nor withdrew from "
    "questionnaires before the window closed (rule set 1). Late forms do not count. Below each visit: "
    "valid / denominator, by arm."
)
_ABOUT_CHANGE = (
    "Mean change from baseline with 95 % confidence interval (t) of forms in their windows, as observed. "
    "\u2191: a higher score is better; \u2193: a lower one is. Nothing is imputed and no interval is "
    "adjusted for the number of scales."
)
_ABOUT_DISTRIBUTION = (
    "Cumulative distribution of the change from baseline at {visit}; the sign is turned where a lower score "
    "is better, so that improvement is on the right. Dotted: {points:g} points to either side."
)
_ABOUT_DETERIORATION = (
    "Time to deterioration of {scale}: the first score at least {points:g} points worse than the baseline, "
    "whatever treatment was given by then. Left: death is a competing event (Aalen and Johansen; hazards are "
    "cause-specific). Right: death is an event. Who did neither is censored on the day of the last score. "
    "HR: Cox, ties by Efron, against " + CONTROL + "."
)


def _title(export: ExportFolder) -> str:
    return f"Patient-reported outcomes: {export.cut['study']}, cut {export.cut['cut']}"


Drawn = dict[str, tuple[Callable[[FigureBase], None], tuple[float, float], str]]


def _pages(export: ExportFolder, tables: Tables, drawn: Drawn, chosen: list[str]) -> Iterator[Figure]:
    """Four pages: completeness; change; distribution and deterioration; the model."""
    page, place = _page(export, 1)
    place = _write(page, place, _title(export), size=15, weight="bold", gap=0.012)
    place = _write(page, place, _describe_cut(export), gap=0.022)
    place = _put_figure(page, place, drawn["completeness"], 1)
    place = _put_table(
        page, place, _completeness_rows(tables), "Table 1. Completeness by visit and arm.", (0, 0.1)
    )
    place = _put_table(
        page, place, _reason_rows(export), "Table 2. Forms without answers, all arms.", (0, 0.17)
    )
    yield page
    page, place = _page(export, 2)
    _put_figure(page, place, drawn["change"], 2)
    yield page
    page, place = _page(export, 3)
    place = _put_figure(page, place, drawn["distribution"], 3)
    _put_figure(page, place, drawn["deterioration"], 4)
    yield page
    page, place = _page(export, 4)
    for number, parameter in enumerate(chosen, 3):
        about = f"{tables.name(parameter)}: adjusted mean change and difference to {CONTROL} (95 % CI)."
        about = f"Table {number}. {about}"
        place = _put_table(page, place, _model_rows(export, parameter), about)
    _write(page, place, _ABOUT_MODEL)
    yield page


_ABOUT_MODEL = (
    "Model for repeated measures: change on visit, arm at each visit and baseline at each visit, "
    "unstructured covariance within a participant, restricted maximum likelihood; means at the mean "
    "baseline, intervals by the normal distribution. Valid where scores are missing "
    "at random given those observed."
)


def _page(export: ExportFolder, number: int) -> tuple[Figure, float]:
    page = Figure(figsize=A4)
    foot = f"{export.cut['study']} \u00b7 {export.cut['cut']} \u00b7 feed through {export.cut['through']}"
    page.text(_LEFT, 0.03, foot, fontsize=7, color="#666666")
    page.text(_RIGHT, 0.03, f"{number} / 4", fontsize=7, color="#666666", ha="right")
    return page, 0.95


def _describe_cut(export: ExportFolder) -> str:
    said, people = export.cut, export.population
    arms = ", ".join(f"{arm}: {int((people.TRTP == arm).sum())}" for arm in export.arms)
    return (
        f"Data cut {str(said['at'])[:10]}, feed number {said['through']}, plan {said['plan_version']}, "
        f"Daybook {said['app_version']}. Population: {len(people)} participants randomised "
        f"and consented ({arms})."
    )


def _write(
    page: Figure, place: float, text: str, size: float = 8.5, weight: str = "normal", gap: float = 0.02
) -> float:
    """Text from the left to the right margin; returns where it ends."""
    lines = textwrap.wrap(text, int(945 / size))
    page.text(_LEFT, place, "\n".join(lines), va="top", fontsize=size, weight=weight, linespacing=1.35)
    return place - len(lines) * size * 1.35 / 72 / A4[1] - gap


def _put_figure(
    page: Figure,
    place: float,
    drawn: tuple[Callable[[FigureBase], None], tuple[float, float], str],
    number: int,
) -> float:
    draw, (_width, height), about = drawn
    share = height / A4[1]
    rows = page.add_gridspec(3, 1, height_ratios=[1 - place, share, place - share], hspace=0)
    part = page.add_subfigure(rows[1, 0])
    draw(part)
    _arrange(part, height, left=_LEFT + 0.05, right=_RIGHT)
    return _write(page, place - share - 0.004, f"Figure {number}. {about}", gap=0.03)


def _arrange(figure: FigureBase, height: float, left: float, right: float) -> None:
    """Margins for what stands around the axes: more where numbers at risk stand below."""
    bottom, top = (0.05, 0.96) if height > 5 else (0.29, 0.93) if height > 3 else (0.16, 0.92)
    figure.subplots_adjust(left=left, right=right, top=top, bottom=bottom, wspace=0.17, hspace=0.3)


def _put_table(
    page: Figure, place: float, rows: list[list[str]], about: str, lefts: tuple[float, ...] = (0,)
) -> float:
    """A table with rules above and below its head and below its last row, as journals print it.

    `lefts` are where columns begin that hold words; the others hold figures.
    """
    place = _write(page, place, about, weight="bold", gap=0.004)
    height, width = 0.0145, _RIGHT - _LEFT
    start, count = lefts[-1] + 0.12, len(rows[0]) - len(lefts)
    for number, row in enumerate(rows):
        if number < 2:
            _rule(page, place)
        for column, said in enumerate(row):
            words = column < len(lefts)
            share = lefts[column] if words else start + (1 - start) * (column - len(lefts) + 1) / count
            side = "left" if words else "right"
            page.text(_LEFT + width * share, place - 0.0035, said, va="top", ha=side, fontsize=7.5)
        place -= height
    _rule(page, place)
    return place - 0.028


def _rule(page: Figure, place: float) -> None:
    page.add_artist(mpl.lines.Line2D([_LEFT, _RIGHT], [place, place], color="#222222", linewidth=0.6))


def _completeness_rows(tables: Tables) -> list[list[str]]:
    rows = [["Visit", "Arm", "Population", "Expected", "Valid", "Available (%)", "Completed (%)"]]
    for row in tables.completeness.itertuples():
        counts = [str(each) for each in (row.NPOP, row.NEXPECT, row.NVALID)]
        visit = row.VISIT if row.ARMCD == "ALL" else ""
        rows.append([visit, row.ARMCD, *counts, f"{row.AVAILPCT:.1f}", f"{row.COMPLPCT:.1f}"])
    return rows


def _reason_rows(export: ExportFolder) -> list[list[str]]:
    reasons = export.read("missrsn").query("ARMCD == 'ALL'")
    reasons = reasons[reasons.VISIT.isin(export.visits) & reasons.VISIT.ne(export.visits[0])]
    keys = ["STATE", "REASON"]
    counted = reasons.pivot_table(index=keys, columns="VISIT", values="NFORMS", aggfunc="sum", fill_value=0)
    visits = [visit for visit in export.visits if visit in counted]
    rows, before = [["State", "Reason", *visits]], ""
    for (state, reason), counts in counted[visits].iterrows():
        shown = "" if state == before else _sentence(state)
        rows.append([shown, _sentence(reason), *(f"{count:.0f}" for count in counts)])
        before = state
    return rows


def _sentence(code: str) -> str:
    return code.replace("_", " ").capitalize()


def _model_rows(export: ExportFolder, parameter: str) -> list[list[str]]:
    found = estimate_changes(export, parameter).set_index(["AVISIT", "TRTP", "KIND"])
    others = [arm for arm in export.arms if arm != CONTROL]
    keys = [(arm, "MEAN") for arm in export.arms] + [(arm, "DIFFERENCE") for arm in others]
    titles = [arm if kind == "MEAN" else f"{arm} \u2212 {CONTROL}" for arm, kind in keys]
    rows = [["Visit", *titles]]
    if found.empty:
        return [*rows, ["too few changes", *("" for _key in keys)]]
    visits = dict.fromkeys(found.index.get_level_values("AVISIT"))
    rows += [[visit, *(_interval(found.loc[visit, arm, kind]) for arm, kind in keys)] for visit in visits]
    return rows


def _interval(row: pd.Series) -> str:
    said = f"{row.ESTIMATE:.1f} ({row.LOWER:.1f} to {row.UPPER:.1f})"
    return said.replace("-", "\u2212")


if __name__ == "__main__":
    main()
