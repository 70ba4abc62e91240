"""`docs/analysis/qlq-c30-scales.csv`: the scales of the QLQ-C30 as arguments of admiral's `compute_scale`.

`python -m tests.analysis.scale_list` writes it anew from the instrument and its terms.
"""

import csv
import io

from app.domain.instruments.definition import ScaleKind
from tests.meta.sources import ROOT
from tests.scenarios.people import library

FILE = ROOT / "docs" / "analysis" / "qlq-c30-scales.csv"
_NAMES = (
    "PARAMCD PARAM PARAMN PARCAT2 QSTESTCD items source_low source_high target_low target_high"
    " flip_direction min_n better"
).split()


def spell_scales() -> str:
    """The file's text: one line for each scale that is made of items."""
    instrument, terms = library().get_instrument("qlq-c30", "3.0"), library().terms["qlq-c30", "3.0"]
    text = io.StringIO()
    write = csv.writer(text, lineterminator="\n").writerow
    write(_NAMES)
    for number, scale in enumerate(instrument.scales, 1):
        items = [terms.item_code(instrument.by_code[code]) for code in scale.items]
        if items:
            name = terms.scale_name(scale)
            own = (
                terms.name_parameter(scale),
                name,
                number,
                terms.name_group(scale),
                terms.scale_code(scale),
            )
            turned = str(scale.kind is ScaleKind.FUNCTIONAL).upper()
            bounds = (scale.low, scale.high, 0, 100)
            write((*own, " ".join(items), *bounds, turned, scale.minimum, scale.better.value.upper()))
    return text.getvalue()


if __name__ == "__main__":
    FILE.write_text(spell_scales(), "utf-8")
