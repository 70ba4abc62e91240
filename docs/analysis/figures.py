"""The figures of the report, each drawn into a figure or a part of a page."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from deterioration import COMPETING, COMPOSITE
from export_folder import POINTS, ExportFolder
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.ticker import MaxNLocator

_COLOURS, _MARKS, _LINES = ("#1b5e91", "#c8641e", "#4a7d3b", "#7a4b8c"), "osD^", ("-", "--", "-.", ":")
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.edgecolor": "#444444",
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "svg.hashsalt": "daybook",
    "pdf.fonttype": 42,
}
"""Legible in print at one or two columns, in colours that differ in grey too."""


@dataclass(frozen=True)
class Tables:
    """What the figures show: the tables of `analyse.py`."""

    export: ExportFolder
    completeness: pd.DataFrame
    change: pd.DataFrame
    events: pd.DataFrame
    curves: pd.DataFrame
    hazards: pd.DataFrame

    def look(self, arm: str) -> Mapping[str, str]:
        """Colour, mark and line of an arm, the same in every figure."""
        place = self.export.arms.index(arm)
        return {"color": _COLOURS[place], "marker": _MARKS[place], "linestyle": _LINES[place], "label": arm}

    def name(self, parameter: str) -> str:
        """A scale's name without the prefix of its terminology."""
        said: str = self.export.parameters.PARAM[parameter]
        return said.rpartition(":")[2].removeprefix("EOR01-").removeprefix("QLQ-C30 ")

    def better(self, parameter: str) -> str:
        """Which direction of a change is an improvement."""
        return "higher" if self.export.parameters.BETTER[parameter] == "HIGHER" else "lower"


def draw_completeness(figure: FigureBase, tables: Tables) -> None:
    """Both rates by visit and arm, with the numbers that they are made of."""
    visits = tables.export.visits
    axes = figure.subplots(1, 2, sharey=True)
    rates = (("AVAILPCT", "NPOP", "Available data rate"), ("COMPLPCT", "NEXPECT", "Completion rate"))
    for axis, (rate, whole, title) in zip(axes, rates, strict=True):
        for place, arm in enumerate(tables.export.arms):
            rows = tables.completeness[tables.completeness.ARMCD == arm].set_index("VISIT").loc[visits]
            axis.plot(range(len(visits)), rows[rate], **tables.look(arm))
            part = rows["NVALID" if rate == "AVAILPCT" else "NVALEXP"]
            for at, (valid, of) in enumerate(zip(part, rows[whole], strict=True)):
                said = {"ha": "center", "fontsize": 6.5, "color": tables.look(arm)["color"]}
                axis.text(at, 9 - 7 * place, f"{valid}/{of}", **said)
        axis.set(title=title, ylim=(0, 104), xlim=(-0.4, len(visits) - 0.6))
        axis.set_xticks(range(len(visits)), visits)
        axis.set_yticks(range(0, 101, 20))
        axis.axhline(16, color="#bbbbbb", linewidth=0.5)
    axes[0].set_ylabel("Percent")
    axes[1].legend(loc="upper right", bbox_to_anchor=(1.0, 0.38))


def draw_change(figure: FigureBase, tables: Tables) -> None:
    """Mean change from baseline with its interval, for every scale by visit and arm."""
    parameters = list(tables.export.parameters.index)
    axes = np.atleast_1d(figure.subplots(-(-len(parameters) // 4), 4, sharex=True, sharey=True)).ravel()
    visits = [visit for visit in tables.export.visits if visit in set(tables.change.AVISIT)]
    most = float(np.nanmax(np.abs(tables.change[["LOWER", "UPPER"]].to_numpy())))
    for axis, parameter in zip(axes, parameters, strict=False):
        axis.axhline(0, color="#999999", linewidth=0.6)
        rows = tables.change[tables.change.PARAMCD == parameter]
        for place, arm in enumerate(tables.export.arms):
            of_arm = rows[rows.TRTP == arm].set_index("AVISIT").reindex(visits)
            at = np.arange(len(visits)) + (place - 0.5) * 0.16
            around = (of_arm.MEAN - of_arm.LOWER, of_arm.UPPER - of_arm.MEAN)
            axis.errorbar(at, of_arm.MEAN, yerr=around, elinewidth=0.7, capsize=1.5, **tables.look(arm))
        sign = "\u2191" if tables.better(parameter) == "higher" else "\u2193"
        axis.set_title(f"{tables.name(parameter)} {sign}", fontsize=7)
        axis.set_xticks(range(len(visits)), visits)
        axis.set_ylim(-most * 1.05, most * 1.05)
    for axis in axes[len(parameters) :]:
        axis.set_visible(False)
    axes[0].legend(loc="lower left", fontsize=6.5, handlelength=2.4)
    axes[4 * ((len(parameters) - 1) // 8)].set_ylabel("Mean change from baseline (points)", y=0)


def draw_distribution(figure: FigureBase, tables: Tables, visit: str, chosen: list[str]) -> None:
    """How many changed by so much or less, from the worst change to the best."""
    axes = np.atleast_1d(figure.subplots(1, len(chosen), sharey=True))
    rows = tables.export.analysed
    rows = rows[(rows.AVISIT == visit) & rows.CHG.notna()]
    for axis, parameter in zip(axes, chosen, strict=True):
        turned = -1 if tables.better(parameter) == "lower" else 1
        for arm in tables.export.arms:
            values = np.sort(turned * rows[(rows.PARAMCD == parameter) & (rows.TRTP == arm)].CHG.to_numpy())
            look = dict(tables.look(arm)) | {"marker": None, "label": f"{arm} (n = {len(values)})"}
            steps = np.concatenate([[-100.0], values, [100.0]])
            share = (
                np.concatenate([[0.0], np.arange(1, len(values) + 1), [len(values)]])
                * 100
                / max(1, len(values))
            )
            axis.step(steps, share, where="post", **look)
        for points in (-POINTS, POINTS):
            axis.axvline(points, color="#bbbbbb", linewidth=0.6, linestyle=":")
        axis.set(title=tables.name(parameter), xlim=(-100, 100), ylim=(0, 100))
        axis.set_xticks([-50, 0, 50])
        axis.set_xlabel("Change" if turned > 0 else "Change, sign turned")
        axis.legend(loc="lower right", fontsize=6.5, handlelength=2.2, borderaxespad=0.2)
    axes[0].set_ylabel("Participants (%)")


def draw_deterioration(figure: FigureBase, tables: Tables, parameter: str) -> None:
    """The share that has deteriorated, under both estimands, with those at risk and the ratio of hazards."""
    axes = figure.subplots(1, 2, sharey=True)
    last = int(tables.events.DAY.max())
    ticks = MaxNLocator(nbins=5, integer=True, steps=[1, 2, 3, 6, 10]).tick_values(0, last / 30.4375)
    months = [month for month in ticks if month * 30.4375 <= last]
    titles = {COMPETING: "Death is a competing event", COMPOSITE: "Death is an event"}
    for axis, (estimand, title) in zip(axes, titles.items(), strict=True):
        for place, arm in enumerate(tables.export.arms):
            _draw_curve(axis, tables, (estimand, parameter, arm), last)
            of_arm = _select(tables.events, (estimand, parameter, arm))
            at_risk = [int((of_arm.DAY >= max(1, month * 30.4375)).sum()) for month in months]
            said = {
                "fontsize": 6.5,
                "color": tables.look(arm)["color"],
                "transform": axis.get_xaxis_transform(),
            }
            axis.text(-0.06 * last, -0.33 - 0.075 * place, arm, ha="right", **said)
            for month, count in zip(months, at_risk, strict=True):
                axis.text(month * 30.4375, -0.33 - 0.075 * place, str(count), ha="center", **said)
        axis.set(title=title, ylim=(0, 100), xlim=(0, last))
        axis.set_xticks([month * 30.4375 for month in months], [f"{month:g}" for month in months])
        axis.set_xlabel("Months from randomisation")
        axis.text(
            -0.06 * last, -0.255, "At risk", ha="right", fontsize=6.5, transform=axis.get_xaxis_transform()
        )
        ratios = tables.hazards[(tables.hazards.ESTIMAND == estimand) & (tables.hazards.PARAMCD == parameter)]
        words = [
            f"HR {r.TRTP} {r.HR:.2f} (95 % CI {r.LOWER:.2f} to {r.UPPER:.2f})"
            for r in ratios.dropna().itertuples()
        ]
        axis.text(0.97, 0.04, "\n".join(words), transform=axis.transAxes, ha="right", fontsize=7)
    axes[0].set_ylabel("Deteriorated (%)")
    axes[1].set_ylabel("Deteriorated or died (%)")
    axes[0].legend(loc="upper left")


def _select(table: pd.DataFrame, key: tuple[str, str, str]) -> pd.DataFrame:
    estimand, parameter, arm = key
    return table[(table.ESTIMAND == estimand) & (table.PARAMCD == parameter) & (table.TRTP == arm)]


def _draw_curve(axis: Axes, tables: Tables, key: tuple[str, str, str], last: int) -> None:
    curve, events = _select(tables.curves, key), _select(tables.events, key)
    days = np.concatenate([[0], curve.DAY, [min(last, events.DAY.max())]])
    share = np.concatenate([[0.0], curve.SHARE, curve.SHARE.tail(1)]) * 100
    look = dict(tables.look(key[2])) | {"marker": None}
    axis.step(days, share, where="post", **look)
