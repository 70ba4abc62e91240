"""In the datasets of a study a code means one question or one score: no two instruments share any."""

from collections.abc import Iterator, Mapping

from app.domain.datasets.terms import InstrumentTerms, plain_terms
from app.domain.instruments.definition import Instrument
from app.domain.plans.plan import Plan
from app.domain.refusal import BadDefinition

DefinitionKey = tuple[str, str]


def check_dataset_codes(
    plans: Mapping[DefinitionKey, tuple[Plan, str]],
    instruments: Mapping[DefinitionKey, Instrument],
    terms: Mapping[DefinitionKey, InstrumentTerms],
) -> None:
    """Raise BadDefinition for the first code that would stand for two things in the datasets of one study.

    `plans` with their files. All versions of a study's plan count, since its datasets hold answers of all;
    versions of one instrument share their codes.
    """
    meant: dict[tuple[str, str, str], DefinitionKey] = {}
    for plan, file in plans.values():
        for used in plan.instruments:
            instrument = instruments[used.id, used.version]
            named = terms.get((used.id, used.version)) or plain_terms(instrument)
            for kind, code, what in _codes(instrument, named):
                first = meant.setdefault((plan.id, kind, code), (used.id, what))
                if first != (used.id, what):
                    allowed = (
                        f"an instrument whose {kind} {code} is not also that of {' '.join(first).strip()}"
                    )
                    raise BadDefinition(file, "instruments", f"{used.id} {used.version}", allowed)


def _codes(instrument: Instrument, terms: InstrumentTerms) -> Iterator[tuple[str, str, str]]:
    """The kind of each code, the code, and what it means in its instrument."""
    yield "category", terms.category, ""
    for item in instrument.items:
        yield "code of an item", terms.item_code(item), item.code
    for scale in instrument.scales:
        yield "code of a score", terms.name_parameter(scale), scale.code
