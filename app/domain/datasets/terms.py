"""By what codes and names an instrument's items and scores stand in datasets."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.domain.instruments.definition import Instrument, Item, Scale, ScaleKind
from app.domain.refusal import BadDefinition
from app.domain.toml_section import read_toml

MOST_NAME = 40
"""Characters of a test's name (SDTM: QSTEST)."""
_GROUPS = {
    ScaleKind.GLOBAL: "Global Health Status",
    ScaleKind.FUNCTIONAL: "Functional Scales",
    ScaleKind.SYMPTOM: "Symptom Scales",
    ScaleKind.SUMMARY: "Summary Score",
}


@dataclass(frozen=True, slots=True)
class InstrumentTerms:
    """Controlled terms of one instrument version; what has none gets a code made of `prefix` and its number.

    `tests` are names by test code, `parameters` and `names` codes and names of scores by scale.
    """

    category: str
    prefix: str
    tests: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def check_codes(self, instrument: Instrument, file: str) -> None:
        """Raise BadDefinition for the first code that is none of the instrument's."""
        named = [item.cdisc for item in instrument.items] + [scale.cdisc for scale in instrument.scales]
        tests = [term.testcd for term in named if term]
        scales = [scale.code for scale in instrument.scales]
        for key, codes, known in (
            ("tests", self.tests, tests),
            ("parameters", self.parameters, scales),
            ("names", self.names, scales),
        ):
            for code in codes:
                if code not in known:
                    raise BadDefinition(file, f"{key}.{code}", code, f"a code of {instrument.id}")

    def item_code(self, item: Item) -> str:
        """The short code of an item (QSTESTCD)."""
        return item.cdisc.testcd if item.cdisc else f"{self.prefix}{item.number:02d}"

    def item_name(self, item: Item) -> str:
        """The name of an item (QSTEST)."""
        words = item.code.replace("_", " ").capitalize()
        return self.tests.get(self.item_code(item), words)[:MOST_NAME]

    def scale_code(self, scale: Scale) -> str | None:
        """The short code of a score; None for one that no terminology has."""
        return scale.cdisc.testcd if scale.cdisc else None

    def scale_name(self, scale: Scale) -> str:
        """The name of a score (QSTEST, PARAM)."""
        named = self.names.get(scale.code, scale.name)
        return self.tests.get(self.scale_code(scale) or "", named)[:MOST_NAME]

    def name_parameter(self, scale: Scale) -> str:
        """The code of a score as a parameter of an analysis (PARAMCD)."""
        return self.parameters.get(scale.code, f"{self.prefix}{scale.code}")[:8]

    def name_group(self, scale: Scale) -> str:
        """The kind of score (PARCAT2)."""
        return _GROUPS[scale.kind]


def plain_terms(instrument: Instrument) -> InstrumentTerms:
    """Terms of an instrument that no terminology knows: of this project's own."""
    initials = "".join(word[0] for word in instrument.id.split("-") if word).upper()
    named = instrument.name.upper()
    category = named if _fits(named) else instrument.id.upper()
    return InstrumentTerms(category=category, prefix=initials[:5])


def _fits(name: str) -> bool:
    """Whether a name can stand in a transport file: ASCII alone, and as long as a category may be."""
    return len(name) <= MOST_NAME and name.isascii()


def parse_terms(toml: str, file: str) -> tuple[tuple[str, str], InstrumentTerms]:
    """The terms that a TOML text states, and of which instrument version. Raises BadDefinition."""
    root = read_toml(toml, file)
    key = (root.read_line("instrument"), root.read_line("version"))
    category = root.read_line("category")
    if not _fits(category):
        root.refuse("category", category, f"at most {MOST_NAME} characters of ASCII")
    terms = InstrumentTerms(
        category=category,
        prefix=root.read_code("prefix", r"[A-Z][A-Z0-9]{0,5}", "at most six capital letters and digits"),
        tests=root.read_table("tests"),
        parameters=root.read_table("parameters"),
        names=root.read_table("names"),
    )
    root.refuse_unknown()
    return key, terms
