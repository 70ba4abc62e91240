"""Reads the CSV files of one export with the types that its codebook states."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

CONTROL, POINTS = "SOC", 10.0
"""The arm that others are compared with, and the points of a change that count as deterioration."""


def open_export(path: Path, parameters: Sequence[str]) -> "ExportFolder":
    """An export that has what an analysis of these scales needs; ends the program where it has not."""
    for name in ("manifest.json", "codebook.csv", "adqs.csv"):
        if not (path / name).is_file():
            raise SystemExit(f"{path}: no {name} there; `daybook export` writes one with `--format csv`.")
    export = ExportFolder(path)
    if "TRTP" not in export.adqs:
        raise SystemExit("This export holds no arms: ask for one with them.")
    if export.adqs.AVAL.isna().all():
        raise SystemExit("This export holds no scores: ask for one with them.")
    if unknown := sorted(set(parameters) - set(export.parameters.index)):
        raise SystemExit(f"{unknown[0]} is no scale of it: {', '.join(export.parameters.index)} are.")
    return export


@dataclass(frozen=True)
class ExportFolder:
    """A folder that `daybook export` wrote."""

    path: Path

    @cached_property
    def cut(self) -> dict[str, object]:
        """What `manifest.json` says of the cut."""
        said: dict[str, object] = json.loads((self.path / "manifest.json").read_text("utf-8"))
        return said

    @cached_property
    def _types(self) -> dict[tuple[str, str], str]:
        with (self.path / "codebook.csv").open(encoding="utf-8-sig", newline="") as file:
            return {(line["dataset"], line["variable"]): line["type"] for line in csv.DictReader(file)}

    def read(self, name: str) -> pd.DataFrame:
        """A dataset; an empty cell is missing, and `NA` is a word like any other."""
        frame = pd.read_csv(
            self.path / f"{name}.csv", dtype=str, keep_default_na=False, na_values=[""], encoding="utf-8-sig"
        )
        for column in frame.columns:
            kind = self._types[name.upper(), column]
            if kind == "date":
                frame[column] = pd.to_datetime(frame[column], format="%Y-%m-%d")
            elif kind in ("integer", "decimal"):
                frame[column] = pd.to_numeric(frame[column])
        return frame

    @cached_property
    def adqs(self) -> pd.DataFrame:
        """Scores, and a record for each that is missing."""
        return self.read("adqs")

    @cached_property
    def population(self) -> pd.DataFrame:
        """Who is randomised and consented, with their arm: one record each."""
        people = self.read("dm")
        counted = people[people.RFSTDTC.notna() & people.RFICDTC.notna()]
        return counted[["USUBJID", "ARMCD"]].rename(columns={"ARMCD": "TRTP"})

    @cached_property
    def arms(self) -> list[str]:
        """The arms that somebody is in, the control last."""
        return sorted(self.population.TRTP.dropna().unique(), key=lambda arm: (arm == CONTROL, arm))

    @cached_property
    def visits(self) -> list[str]:
        """The planned visits that all of every arm have and that somebody was expected at, in order."""
        compl = self.read("compl").query("RULESET == '1' and LATEFL == 'N' and NVALEXP > 0")
        people = self.population.TRTP.value_counts()
        whole = compl[compl.ARMCD.map(people) == compl.NPOP]
        arms = whole.groupby("VISIT").ARMCD.nunique()
        common = set(arms[arms == len(self.arms)].index)
        return [visit for visit in compl.sort_values("VISITNUM").VISIT.unique() if visit in common]

    @cached_property
    def deaths(self) -> pd.Series:
        """The study day from which each death counts."""
        ice = self.read("ice")
        return ice[(ice.ICECD == "death") & ice.ICEDY.notna()].set_index("USUBJID").ICEDY

    @cached_property
    def parameters(self) -> pd.DataFrame:
        """Code, name and better end of every scale, in the order of the instrument."""
        return self.adqs[["PARAMCD", "PARAM", "BETTER"]].drop_duplicates("PARAMCD").set_index("PARAMCD")

    @cached_property
    def analysed(self) -> pd.DataFrame:
        """Scores in the window of a planned visit, of the population, of visits that all have."""
        adqs = self.adqs
        rows = adqs[(adqs.ANL01FL == "Y") & (adqs.POPFL == "Y") & adqs.TRTP.isin(self.arms)]
        return rows[rows.AVISIT.isin(self.visits)]
