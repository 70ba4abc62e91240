"""The completeness table, the mean change by visit, and every score once more from its answers."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from export_folder import ExportFolder
from scipy import stats

SCALES = Path(__file__).with_name("qlq-c30-scales.csv")


def tabulate_completeness(export: ExportFolder) -> pd.DataFrame:
    """Both rates by arm and visit, counted from ADQS; rule set 1, late forms do not count.

    Expected: no death and no withdrawal before the window closed, which was by the cut. Valid: sent in its
    window, and at least one scale can be scored.
    """
    adqs = export.adqs[export.adqs.AVISIT.isin(export.visits) & (export.adqs.POPFL == "Y")]
    adqs = adqs.assign(SCORED=(adqs.AWINFL == "Y") & adqs.AVAL.notna(), EXPECTED=adqs.EXP1FL == "Y")
    forms = adqs.groupby(["AVISIT", "USUBJID"])[["SCORED", "EXPECTED"]].any().reset_index()
    forms = forms.merge(export.population, on="USUBJID")
    rows = []
    for visit in export.visits:
        for arm in ("ALL", *export.arms):
            here = forms[(forms.AVISIT == visit) & ((arm == "ALL") | (forms.TRTP == arm))]
            people = len(export.population) if arm == "ALL" else int((export.population.TRTP == arm).sum())
            expected, valid = int(here.EXPECTED.sum()), int(here.SCORED.sum())
            both = int((here.EXPECTED & here.SCORED).sum())
            available, completed = _percent(valid, people), _percent(both, expected)
            rows.append((visit, arm, people, expected, valid, both, available, completed))
    names = "VISIT ARMCD NPOP NEXPECT NVALID NVALEXP AVAILPCT COMPLPCT".split()
    return pd.DataFrame(rows, columns=names)


def _percent(part: int, whole: int) -> float:
    """A share in percent to one decimal, halves up, without the error of a binary fraction."""
    return float((2000 * part + whole) // (2 * whole)) / 10 if whole else float("nan")


def compare_with_compl(export: ExportFolder, table: pd.DataFrame) -> tuple[int, int]:
    """How many rows of the table are what COMPL says, and how many there are."""
    compl = export.read("compl").query("RULESET == '1' and LATEFL == 'N'")
    joined = table.merge(compl[table.columns], how="left", on=["VISIT", "ARMCD"], suffixes=("", "_D"))
    figures = [name for name in table.columns if name not in ("VISIT", "ARMCD")]
    equal = [np.isclose(joined[each], joined[f"{each}_D"], equal_nan=True) for each in figures]
    return int(np.all(equal, axis=0).sum()), len(table)


def tabulate_change(export: ExportFolder) -> pd.DataFrame:
    """Mean change from baseline by scale, visit and arm, with its 95 % confidence interval (t)."""
    changes = export.analysed.dropna(subset=["CHG"])
    grouped = changes.groupby(["PARAMCD", "AVISIT", "TRTP"]).CHG
    table = grouped.agg(N="count", MEAN="mean", SD="std").reset_index()
    half = stats.t.ppf(0.975, table.N - 1) * table.SD / np.sqrt(table.N)
    table["LOWER"], table["UPPER"] = table.MEAN - half, table.MEAN + half
    orders = {"PARAMCD": export.parameters.index, "AVISIT": export.visits, "TRTP": export.arms}
    keys = [pd.Categorical(table[name], list(order), ordered=True) for name, order in orders.items()]
    table = table.iloc[np.lexsort([key.codes for key in reversed(keys)])]
    return table.reset_index(drop=True)


def score_again(export: ExportFolder) -> tuple[int, int]:
    """How many scores of ADQS are what the answers in QS give, and how many there are.

    By the arguments of admiral's `compute_scale` in `qlq-c30-scales.csv`, in exact fractions.
    """
    items = export.read("qs").dropna(subset=["QSSTRESN"])
    answers = items[items.QSTESTCD.str.match(r"EOR01(0\d|[12]\d|30)$")]
    by_form = {
        form: dict(zip(rows.QSTESTCD, rows.QSSTRESN, strict=True))
        for form, rows in answers.groupby("QSGRPID")
    }
    scales = {scale.PARAMCD: scale for scale in pd.read_csv(SCALES).itertuples()}
    codes = {name: scale.items.split() for name, scale in scales.items()}
    rows = export.adqs[export.adqs.PARAMCD.isin(scales)].dropna(subset=["AVAL"])
    equal = 0
    for form, name, printed in zip(rows.ASSESSID, rows.PARAMCD, rows.AVAL, strict=True):
        given = [int(by_form[form][code]) for code in codes[name] if code in by_form[form]]
        value = _compute_scale(given, scales[name])
        equal += value is not None and abs(value - Fraction(printed)) <= Fraction(1, 10**9)
    return equal, len(rows)


def _compute_scale(given: list[int], scale: Any) -> Fraction | None:  # noqa: ANN401 - a row of the file
    if len(given) < scale.min_n:
        return None
    low, high = scale.source_low, scale.source_high
    share = Fraction(sum(given) - low * len(given), len(given) * (high - low))
    return 100 * (1 - share if scale.flip_direction else share)
