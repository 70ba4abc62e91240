"""Words and status of the refusals about data cuts and datasets."""

from collections.abc import Mapping

from app.i18n.marking import N_
from app.web.pages.refusal_message import RefusalMessage, make_absent, make_conflict, make_gone, make_invalid

DATASET_REFUSALS: Mapping[str, RefusalMessage] = {
    "unknown_cut": make_absent("unknown-cut"),
    "cut_exists": make_conflict(
        N_("There is a cut %(cut)s already, made for another purpose. Please choose another name."), "exists"
    ),
    "cut_of_whole_study": make_conflict(
        N_("A cut covers the whole study, and your role covers only some of its sites.")
    ),
    "purpose_needed": make_invalid(N_("Please say what it is for.")),
    "parquet_missing": make_conflict(
        N_("Parquet needs the package duckdb, which is not installed on this server.")
    ),
    "unknown_dataset": make_invalid(N_("There is no such dataset. Allowed: %(allowed)s.")),
    "unknown_dataset_here": make_absent("unknown-dataset"),
    "unknown_export": make_absent("unknown-export"),
    "unknown_export_file": make_absent("unknown-export-file"),
    "export_removed": make_gone(N_("The files of this export were removed. Please request it again.")),
    "exports_off": make_conflict(N_("This server has no folder for exports.")),
    "export_room": make_conflict(N_("There was no room left for this export. Please tell the operator.")),
    "too_many_exports": make_conflict(
        N_("%(count)s exports of yours are not ready yet. Please wait until one of them is.")
    ),
    "recheck_needs_all": make_conflict(
        N_("Only someone who may see arm, answers, scores and diary can have a cut computed again.")
    ),
    "cuts_reversed": make_invalid(N_("The cut %(cut)s is not older than the other one.")),
    "unknown_format": make_invalid(N_("%(format)s is not a format for datasets. Allowed: %(allowed)s.")),
    "clock_in_doubt": make_conflict(
        N_("The server's clock is in doubt. A cut can be made once an operator has confirmed it.")
    ),
}
