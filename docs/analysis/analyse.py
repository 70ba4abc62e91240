"""Analyses one export of Daybook: `python docs/analysis/analyse.py EXPORT --to FOLDER`.

Writes completeness.csv, change.csv, events.csv, curves.csv, hazards.csv and model.csv to the folder;
README.md beside this file says what is in them. Needs the extra `analysis`: pip install 'daybook[analysis]'.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd
from deterioration import estimate_curves, estimate_hazards, list_events
from export_folder import CONTROL, open_export
from repeated_measures import estimate_changes
from tables import compare_with_compl, score_again, tabulate_change, tabulate_completeness

MODELLED = ("C30QL2", "C30PF2", "C30FA")
"""The scales that are modelled unless others are asked for."""


def main() -> int:
    """Write every table; 1 where completeness or scores are not what the export says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("export", type=Path, help="the folder that `daybook export` wrote")
    parser.add_argument("--to", type=Path, required=True, help="a folder for the tables")
    parser.add_argument("--model", nargs="+", default=MODELLED, metavar="PARAMCD", help="scales to model")
    asked = parser.parse_args()
    export = open_export(asked.export, asked.model)
    asked.to.mkdir(parents=True, exist_ok=True)
    completeness = tabulate_completeness(export)
    events = pd.concat([list_events(export, parameter) for parameter in export.parameters.index])
    tables = {
        "completeness": completeness,
        "change": tabulate_change(export),
        "events": events,
        "curves": estimate_curves(events),
        "hazards": estimate_hazards(events, CONTROL),
        "model": pd.concat([estimate_changes(export, parameter) for parameter in asked.model]),
    }
    for name, table in tables.items():
        table.to_csv(asked.to / f"{name}.csv", index=False, lineterminator="\n")
    checks = {"scores": score_again(export), "completeness": compare_with_compl(export, completeness)}
    for name, (equal, total) in checks.items():
        print(f"{name}: {equal} of {total} equal")
    return 0 if all(equal == total for equal, total in checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
