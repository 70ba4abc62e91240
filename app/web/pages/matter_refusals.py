"""Words and status of the refusals about open matters: status, sentence, slug of the problem type."""

from collections.abc import Mapping

from app.i18n.marking import N_

MATTER_REFUSALS: Mapping[str, tuple[int, str, str]] = {
    "unknown_matter": (404, "", "unknown-matter"),
    "matter_closed": (
        409,
        N_("This is settled already, or it is not open any more. Nothing was recorded."),
        "not-acceptable",
    ),
    "unknown_decision": (422, N_("Please choose one of the decisions."), "validation"),
    "accepted_by_investigators": (
        403,
        N_("Only an investigator of the site can accept them. You can reject them."),
        "forbidden",
    ),
    "not_acceptable": (
        409,
        N_("These answers can't become the form's answers. They can only be rejected."),
        "not-acceptable",
    ),
}
"""They join the table of all refusals."""
