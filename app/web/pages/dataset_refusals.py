"""Words and status of the refusals about data cuts and datasets."""

from collections.abc import Mapping

from app.i18n.marking import N_
from app.web.pages.refusal_message import RefusalMessage, absent, conflict, gone, invalid

DATASET_REFUSALS: Mapping[str, RefusalMessage] = {
    "unknown_cut": absent("unknown-cut"),
    "cut_exists": conflict(
        N_("There is a cut %(cut)s already, made for another purpose. Please choose another name."), "exists"
    ),
    "cut_of_whole_study": conflict(
        N_("A cut covers the whole study, and your role covers only some of its sites.")
    ),
    "purpose_needed": invalid(N_("Please say what it is for.")),
    "parquet_missing": conflict(
        N_("Parquet needs the package duckdb, which is not installed on this server.")
    ),
    "unknown_dataset": invalid(N_("There is no such dataset. Allowed: %(allowed)s.")),
    "unknown_dataset_here": absent("unknown-dataset"),
    "unknown_export": absent("unknown-export"),
    "unknown_export_file": absent("unknown-export-file"),
    "export_removed": gone(N_("The files of this export were removed. Please request it again.")),
    "exports_off": conflict(N_("This server has no folder for exports.")),
    "export_room": conflict(N_("There was no room left for this export. Please tell the operator.")),
    "too_many_exports": conflict(
        N_("%(count)s exports of yours are not ready yet. Please wait until one of them is.")
    ),
    "recheck_needs_all": conflict(
        N_("Only someone who may see arm, answers, scores and diary can have a cut computed again.")
    ),
    "cuts_reversed": invalid(N_("The cut %(cut)s is not older than the other one.")),
    "unknown_format": invalid(N_("%(format)s is not a format for datasets. Allowed: %(allowed)s.")),
    "clock_in_doubt": conflict(
        N_("The server's clock is in doubt. A cut can be made once an operator has confirmed it.")
    ),
}
