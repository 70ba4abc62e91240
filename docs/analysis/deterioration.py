"""Time to deterioration under two named estimands, its curves, and the ratio of hazards."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from export_folder import POINTS, ExportFolder

COMPETING, COMPOSITE = "DEATH COMPETES", "DEATH IS AN EVENT"
"""While alive, with death as a competing event; and deterioration-free survival."""
CENSORED, DETERIORATED, DIED = 0, 1, 2
LARGEST = 10.0
"""A log hazard ratio beyond which there is none: whoever deteriorates tells the arm."""


def list_events(export: ExportFolder, parameter: str) -> pd.DataFrame:
    """Day and kind of everybody's event under both estimands: of the population with an arm and a baseline.

    Day 1 is the randomisation. Deteriorated: the first score in its window that is worse than the baseline
    by so many points, whatever treatment is given by then. Without one, death; without that, censored on the
    day of the last score, or on day 1.
    """
    rows = export.analysed[export.analysed.PARAMCD == parameter]
    people = rows[rows.ABLFL == "Y"].set_index("USUBJID").TRTP
    later = rows[rows.CHG.notna()]
    worse = -later.CHG if export.parameters.BETTER[parameter] == "HIGHER" else later.CHG
    deteriorated = later[worse >= POINTS].groupby("USUBJID").ADY.min()
    last = later.groupby("USUBJID").ADY.max()
    deaths = export.deaths
    table = []
    for person, arm in people.items():
        day, event = last.get(person, 1), CENSORED
        if person in deteriorated:
            day, event = deteriorated[person], DETERIORATED
        elif person in deaths:
            day, event = deaths[person], DIED
        table.append((COMPETING, parameter, person, arm, int(day), event))
        table.append((COMPOSITE, parameter, person, arm, int(day), min(event, DETERIORATED)))
    events = pd.DataFrame(table, columns=["ESTIMAND", "PARAMCD", "USUBJID", "TRTP", "DAY", "EVENT"])
    return events.sort_values(["ESTIMAND", "USUBJID"], kind="stable", ignore_index=True)


def estimate_curves(events: pd.DataFrame) -> pd.DataFrame:
    """The share that has deteriorated by each day of an event, by estimand and arm.

    Aalen and Johansen's estimator; without competing events it is one less Kaplan and Meier's.
    """
    rows = [
        (*key, day, at_risk, share)
        for key, group in events.groupby(["ESTIMAND", "PARAMCD", "TRTP"])
        for day, at_risk, share in _incidence(group)
    ]
    return pd.DataFrame(rows, columns=["ESTIMAND", "PARAMCD", "TRTP", "DAY", "ATRISK", "SHARE"])


def _incidence(group: pd.DataFrame) -> Iterator[tuple[int, int, float]]:
    days, events = group.DAY.to_numpy(), group.EVENT.to_numpy()
    free, share = 1.0, 0.0
    for day in np.unique(days[events != CENSORED]):
        at_risk, now = int((days >= day).sum()), events[days == day]
        share += free * int((now == DETERIORATED).sum()) / at_risk
        free *= 1 - int((now != CENSORED).sum()) / at_risk
        yield int(day), at_risk, share


def estimate_hazards(events: pd.DataFrame, control: str) -> pd.DataFrame:
    """The ratio of hazards of deterioration (of the composite) against the control, by Cox with Efron's ties.

    Where death competes it is the cause-specific one: whoever died leaves those at risk. There is none while
    nobody of one of the arms has deteriorated, or the estimate runs off (`LARGEST`).
    """
    rows = []
    for (estimand, parameter), group in events.groupby(["ESTIMAND", "PARAMCD"]):
        for arm in sorted(set(group.TRTP) - {control}):
            pair = group[group.TRTP.isin([arm, control])]
            log_ratio, error = _cox(
                pair.DAY.to_numpy(),
                (pair.EVENT == DETERIORATED).to_numpy(),
                (pair.TRTP == arm).to_numpy(float),
            )
            bounds = np.exp([log_ratio - 1.959964 * error, log_ratio + 1.959964 * error])
            rows.append((estimand, parameter, arm, log_ratio, error, np.exp(log_ratio), *bounds))
    names = "ESTIMAND PARAMCD TRTP LOGHR SE HR LOWER UPPER".split()
    return pd.DataFrame(rows, columns=names)


def _cox(days: np.ndarray, events: np.ndarray, arm: np.ndarray) -> tuple[float, float]:
    """Newton's steps of Cox's partial likelihood with one variable: its estimate and standard error."""
    if not (events & (arm == 0)).any() or not (events & (arm == 1)).any():
        return np.nan, np.nan
    estimate, information = 0.0, 1.0
    for _step in range(50):
        slope = information = 0.0
        weight = np.exp(estimate * arm)
        for day in np.unique(days[events]):
            risk, tied = days >= day, (days == day) & events
            count = int(tied.sum())
            slope += arm[tied].sum()
            for place in range(count):
                share = place / count
                whole = weight[risk].sum() - share * weight[tied].sum()
                mean = ((weight * arm)[risk].sum() - share * (weight * arm)[tied].sum()) / whole
                slope -= mean
                information += mean * (1 - mean)
        estimate += slope / information
        if abs(estimate) > LARGEST:
            return np.nan, np.nan
        if abs(slope / information) < 1e-10:
            break
    return float(estimate), float(information**-0.5)
