"""Words and status of the refusals about data cuts and datasets."""

from collections.abc import Mapping

from app.i18n.marking import N_
from app.web.pages.refusal_message import RefusalMessage, absent, conflict, invalid

DATASET_REFUSALS: Mapping[str, RefusalMessage] = {
    "unknown_cut": absent("unknown-cut"),
    "cut_exists": conflict(
        N_("There is a cut %(cut)s already, made for another purpose. Please choose another name."), "exists"
    ),
    "cuts_reversed": invalid(N_("The cut %(cut)s is not older than the other one.")),
    "unknown_format": invalid(N_("%(format)s is no format of datasets. Allowed: %(allowed)s.")),
    "clock_in_doubt": conflict(
        N_("The server's clock is in doubt. A cut can be made once an operator has confirmed it.")
    ),
}
