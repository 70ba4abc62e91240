"""A model for repeated measures: any covariance within a person, by restricted maximum likelihood.

The change from baseline depends on the visit, on the arm at each visit, and on the baseline at each visit.
No library of Python fits an unstructured covariance of residuals with missing visits, so this does.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from export_folder import CONTROL, ExportFolder
from scipy.optimize import minimize

Z = 1.959964
FEWEST = 5
"""Changes of each arm that a visit needs to be modelled; a scale needs two such visits."""


@dataclass(frozen=True)
class FittedModel:
    """Coefficients and their covariance, that within a person, and -2 log restricted likelihood."""

    names: list[str]
    coefficients: np.ndarray
    precision: np.ndarray
    within: np.ndarray
    deviance: float

    def estimate(self, weights: dict[str, float]) -> tuple[float, float]:
        """A sum of coefficients, and its standard error."""
        row = np.array([weights.get(name, 0.0) for name in self.names])
        return float(row @ self.coefficients), float(np.sqrt(row @ self.precision @ row))


def select_changes(export: ExportFolder, parameter: str) -> pd.DataFrame:
    """The changes that the model takes: one for each person and visit after the baseline, all present."""
    rows = export.analysed[export.analysed.PARAMCD == parameter].dropna(subset=["CHG", "BASE"])
    counts = rows.groupby(["AVISIT", "TRTP"]).size().unstack(fill_value=0).reindex(columns=export.arms)
    visits = counts.index[(counts >= FEWEST).all(axis="columns")]
    rows = rows[rows.AVISIT.isin(visits if len(visits) > 1 else [])]
    return rows[["USUBJID", "TRTP", "AVISIT", "BASE", "CHG"]].reset_index(drop=True)


def estimate_changes(export: ExportFolder, parameter: str) -> pd.DataFrame:
    """Adjusted mean change by arm and visit, at the mean baseline, and the difference to the control."""
    rows = select_changes(export, parameter)
    visits = [visit for visit in export.visits if visit in set(rows.AVISIT)]
    others = [arm for arm in export.arms if arm != CONTROL]
    table: list[tuple[object, ...]] = []
    fitted = fit(rows, visits, others) if visits else None
    middle = rows.drop_duplicates("USUBJID").BASE.mean()
    for visit in visits if fitted else ():
        control = {f"visit {visit}": 1.0, f"base {visit}": middle}
        table.append((parameter, visit, CONTROL, "MEAN", *fitted.estimate(control)))
        for arm in others:
            effect = {f"arm {arm} {visit}": 1.0}
            table.append((parameter, visit, arm, "MEAN", *fitted.estimate(control | effect)))
            table.append((parameter, visit, arm, "DIFFERENCE", *fitted.estimate(effect)))
    found = pd.DataFrame(table, columns=["PARAMCD", "AVISIT", "TRTP", "KIND", "ESTIMATE", "SE"])
    return found.assign(LOWER=found.ESTIMATE - Z * found.SE, UPPER=found.ESTIMATE + Z * found.SE)


def fit(rows: pd.DataFrame, visits: list[str], others: list[str]) -> FittedModel:
    """Fit CHG ~ visit + base:visit + arm:visit with an unstructured covariance of a person's visits."""
    names = [f"visit {visit}" for visit in visits] + [f"base {visit}" for visit in visits]
    names += [f"arm {arm} {visit}" for arm in others for visit in visits]
    at = np.array([[float(said == visit) for visit in visits] for said in rows.AVISIT])
    design = [at, at * rows.BASE.to_numpy()[:, None]]
    design += [at * (rows.TRTP == arm).to_numpy(float)[:, None] for arm in others]
    unit = float(rows.CHG.std())
    patterns = _group(rows, visits, np.hstack(design), rows.CHG.to_numpy() / unit)
    size = len(visits)
    lower = np.tril_indices(size)
    start = np.eye(size)[lower]
    start[lower[0] == lower[1]] = 0.0
    found = minimize(_deviance, start, (patterns, size), jac=True, method="BFGS", options={"gtol": 1e-7})
    root = _root(found.x, size)
    within = root @ root.T
    coefficients, precision, *_ = _solve(patterns, within)
    return FittedModel(names, unit * coefficients, unit**2 * precision, unit**2 * within, float(found.fun))


Pattern = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Which visits were attended, and of everybody who attended these: the design and the changes."""


def _group(rows: pd.DataFrame, visits: list[str], design: np.ndarray, values: np.ndarray) -> list[Pattern]:
    people: dict[tuple[int, ...], list[list[int]]] = {}
    places = rows.AVISIT.map(visits.index).to_numpy()
    for index in rows.groupby("USUBJID").indices.values():
        ordered = sorted(index, key=lambda row: places[row])
        people.setdefault(tuple(int(places[row]) for row in ordered), []).append(ordered)
    return [
        (np.array(attended), design[np.array(index)], values[np.array(index)])
        for attended, index in people.items()
    ]


def _root(parameters: np.ndarray, size: int) -> np.ndarray:
    """The lower triangle whose square is the covariance; its diagonal is kept as logarithms."""
    root = np.zeros((size, size))
    root[np.tril_indices(size)] = parameters
    root[np.diag_indices(size)] = np.exp(np.diag(root))
    return root


def _solve(
    patterns: list[Pattern], within: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float, list[np.ndarray]]:
    """Generalised least squares: coefficients, their covariance, the log determinant, and each inverse."""
    inverses = [np.linalg.inv(within[np.ix_(attended, attended)]) for attended, *_ in patterns]
    known = sum(
        np.einsum("nti,ts,nsj->ij", x, w, x) for (_, x, _y), w in zip(patterns, inverses, strict=True)
    )
    toward = sum(np.einsum("nti,ts,ns->i", x, w, y) for (_, x, y), w in zip(patterns, inverses, strict=True))
    spread = -sum(len(y) * np.linalg.slogdet(w)[1] for (_, _x, y), w in zip(patterns, inverses, strict=True))
    precision = np.linalg.inv(known)
    return precision @ toward, precision, float(spread), inverses


def _deviance(parameters: np.ndarray, patterns: list[Pattern], size: int) -> tuple[float, np.ndarray]:
    """-2 log restricted likelihood but for a constant, and its slope in each parameter."""
    root = _root(parameters, size)
    coefficients, precision, deviance, inverses = _solve(patterns, root @ root.T)
    deviance -= np.linalg.slogdet(precision)[1]
    slope = np.zeros((size, size))
    for (attended, x, y), inverse in zip(patterns, inverses, strict=True):
        residual = y - x @ coefficients
        deviance += np.einsum("nt,ts,ns->", residual, inverse, residual)
        explained = np.einsum("nti,ij,nsj->ts", x, precision, x) + residual.T @ residual
        slope[np.ix_(attended, attended)] += len(y) * inverse - inverse @ explained @ inverse
    by_root = 2 * slope @ root
    by_root[np.diag_indices(size)] *= np.diag(root)
    return float(deviance), by_root[np.tril_indices(size)]
