"""Codes that no item may have: a form or a file of answers uses those names for something else."""

BLANK_PREFIX = "blank_"
"""Before an item's code: the form field that says the item is left blank."""

TICK_PREFIX = "tick_"
"""Before an item's code: the form field that says the item is ticked in its list."""

FORM_CONTROLS = frozenset(
    "submission_id revision reviewed action lang blank_rest at sent offline events "
    "shown width scale theme".split()
)
"""The fields of a form that are no answers; `app.patient.forms.form_parser` reads them."""

FLAGS_COLUMN = "flags"
"""The column that scoring adds to a file beside the scales, whose codes are upper-case."""

SCRIPT_PROPERTIES = frozenset("closest dataset elements length reset submit".split())
"""What scripts read from a form: an input of this name would stand in front of it."""

RESERVED_CODES = FORM_CONTROLS | SCRIPT_PROPERTIES | {FLAGS_COLUMN}


def is_reserved(code: str) -> bool:
    """Whether an item of this code would be mistaken for something else, so that an answer got lost."""
    marked = {BLANK_PREFIX + code, TICK_PREFIX + code}  # of `rest`, what says that all the rest is left blank
    return (
        code in RESERVED_CODES or code.startswith((BLANK_PREFIX, TICK_PREFIX)) or bool(marked & FORM_CONTROLS)
    )
