"""Parsing instrument.toml into an Instrument; whatever is invalid is refused with its place in the file."""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from app.domain.instruments.definition import (
    CdiscCode,
    Comparison,
    Condition,
    Direction,
    Instrument,
    Item,
    ItemKind,
    Recall,
    ResponseOptions,
    RowDirection,
    Scale,
    ScaleKind,
)
from app.domain.instruments.reserved_codes import is_reserved
from app.domain.instruments.scoring.registry import ALGORITHM_NAMES, NO_ALGORITHM, find_algorithm
from app.domain.toml_section import TomlSection, read_toml

LONGEST_TEXT = 200
LARGEST = 10_000
LARGEST_NUMBER = 999
ITEM_CODE = (r"[a-z][a-z0-9_]{0,31}", "a lower-case code such as q1 or chest_pain, at most 32 long")
SCALE_CODE = (r"[A-Z][A-Z0-9]{0,7}", "an upper-case code such as QL2, at most 8 long")
VERSION = (r"(?=.{1,20}\Z)[0-9]+(\.[0-9]+)*", "numbers with dots such as 3.0, at most 20 long")
BOUNDS = {
    ItemKind.CHOICE: (0, 20),
    ItemKind.SCALE: (0, 100),
    ItemKind.DECIMAL: (0, LARGEST),
    ItemKind.TEXT: (1, LONGEST_TEXT),
}


def parse_instrument(toml: str, file: str) -> Instrument:
    """The instrument that the text of an instrument.toml defines.

    Raises BadDefinition with file, key, value and what is allowed. `sha256` is that of
    the text as UTF-8, so it must be read without changing line ends.
    """
    root = read_toml(toml, file)
    recalls = _recalls(root)
    labels = _label_sets(root)
    items = _items(root, labels, recalls)
    algorithm = root.read_choice("algorithm", ALGORITHM_NAMES)
    scales = _scales(root, items, algorithm)
    _check_short_codes(root, items, scales)
    instrument = Instrument(
        id=root.read_code("id", r"[a-z][a-z0-9-]{1,31}", "a lower-case name such as qlq-c30"),
        version=root.read_code("version", *VERSION),
        name=root.read_line("name"),
        licensed=root.read_flag("licensed"),
        algorithm=algorithm,
        cdisc=_cdisc(root),
        items=items,
        scales=scales,
        recalls=recalls,
        labels=labels,
        sha256=hashlib.sha256(toml.encode()).hexdigest(),
        draft=root.read_flag("draft", False),
    )
    root.refuse_unknown()
    return instrument


def _cdisc(section: TomlSection) -> CdiscCode | None:
    if not section.has("cdisc"):
        return None
    code = section.read_section("cdisc")
    return CdiscCode(
        testcd=code.read_code("testcd", r"[A-Z][A-Z0-9]{0,7}", "a CDISC short code, at most 8 long"),
        ncit=code.read_code("ncit", r"C[0-9]+", "an NCI Thesaurus code such as C161674"),
    )


def _recalls(root: TomlSection) -> tuple[Recall, ...]:
    if not root.has("recalls"):
        return ()
    below = root.read_section("recalls")
    interval = (r"-P[0-9]{1,5}[DWMY]", "a look back such as -P1W, of at most five digits")
    return tuple(Recall(name, below.read_code(name, *interval)) for name in below.list_names())


def _label_sets(root: TomlSection) -> tuple[ResponseOptions, ...]:
    sets = root.read_section("labels")
    return tuple(_label_set(name, sets.read_section(name)) for name in sets.list_names())


def _label_set(name: str, section: TomlSection) -> ResponseOptions:
    kind = ItemKind(section.read_choice("kind", list(ItemKind)))
    least, most = BOUNDS[kind]
    low = section.read_integer("low", least, most)
    high = section.read_integer("high", low + (kind is not ItemKind.TEXT), most)
    numbered = kind in (ItemKind.CHOICE, ItemKind.SCALE)
    named = section.read_integers("named", low, high) if numbered else ()
    if len(set(named)) != len(named):
        section.refuse("named", named, "each value once")
    if kind is ItemKind.CHOICE and len(named) != high - low + 1:
        section.refuse("named", named, f"every value from {low} to {high}, for a choice shows words only")
    decimals = section.read_integer("decimals", 1, 3) if kind is ItemKind.DECIMAL else 0
    return ResponseOptions(name, kind, low, high, decimals, named, _row_direction(section, kind))


def _row_direction(section: TomlSection, kind: ItemKind) -> RowDirection:
    if kind is not ItemKind.SCALE:
        return RowDirection.LEFT_TO_RIGHT
    return RowDirection(section.read_choice("direction", list(RowDirection), RowDirection.LEFT_TO_RIGHT))


def _items(
    root: TomlSection, labels: Iterable[ResponseOptions], recalls: Iterable[Recall]
) -> tuple[Item, ...]:
    ways = {way.code: way for way in labels}
    periods = [recall.code for recall in recalls]
    items: dict[str, Item] = {}
    for section in root.read_sections("items"):
        item = _item(section, ways, periods, items)
        items[item.code] = item
    if not items:
        root.refuse("items", [], "at least one item")
    unused = sorted(ways.keys() - {item.labels for item in items.values()})
    if unused:
        root.refuse("labels", unused, "only label sets that an item uses")
    return tuple(items.values())


def _item(
    section: TomlSection,
    ways: Mapping[str, ResponseOptions],
    periods: Collection[str],
    earlier: Mapping[str, Item],
) -> Item:
    code = section.read_code("code", *ITEM_CODE)
    if code in earlier:
        section.refuse("code", code, "each item code once")
    if is_reserved(code):
        section.refuse("code", code, "another code: this one is the name of a field that is no answer")
    way = ways[section.read_choice("labels", ways.keys())]
    condition = _condition(section, earlier)
    number = _number(section, condition, earlier)
    skippable = section.read_flag("skippable", True)
    box = _box(section, code, condition, earlier)
    return Item(
        code=code,
        number=number,
        kind=way.kind,
        low=way.low,
        high=way.high,
        decimals=way.decimals,
        labels=way.code,
        recall=section.read_choice("recall", periods) if section.has("recall") else None,
        cdisc=_cdisc(section),
        skippable=skippable,
        condition=condition,
        urgent=_urgent(section, code, way),
        direction=way.direction,
        lists=_lists(section, way, condition, skippable, earlier),
        box=box,
        tick=_tick(section, way, listed=box == code, skippable=skippable),
    )


def _lists(
    section: TomlSection,
    way: ResponseOptions,
    condition: Condition | None,
    skippable: bool,
    earlier: Mapping[str, Item],
) -> bool:
    """Whether the item is answered by a list, which is asked of everybody, and in full."""
    if not section.read_flag("list", False):
        return False
    plain = way.kind is ItemKind.CHOICE and (way.low, way.high) == (0, 1) and condition is None
    if not plain or skippable or any(item.lists for item in earlier.values()):
        section.refuse("list", True, "one item: a choice of 0 and 1, without a condition, skippable = false")
    return True


def _number(section: TomlSection, condition: Condition | None, earlier: Mapping[str, Item]) -> int:
    """The question's number, which a later part of it, one that depends on an earlier one, repeats."""
    number = section.read_integer("number", 1, LARGEST_NUMBER)
    last = max((item.number for item in earlier.values()), default=0)
    part = condition is not None and earlier[condition.item].number == number and section.has("cdisc")
    if number < last or (number == last and not part):
        section.refuse(
            "number",
            number,
            f"more than {last}; only a part with a code of its own and a condition repeats it",
        )
    return number


def _box(section: TomlSection, code: str, condition: Condition | None, earlier: Mapping[str, Item]) -> str:
    """The item whose tick decides whether this one is asked: itself, or one that is answered by its tick."""
    if condition is None:
        return ""
    on = earlier[condition.item]
    ticked = 1 if on.lists else on.tick
    if ticked is None:
        return ""
    if (condition.op, condition.value) != (Comparison.EQUAL, ticked):
        section.refuse("condition", condition.value, f"== {ticked}, which is what a tick says")
    return code if on.lists else on.code


def _tick(section: TomlSection, way: ResponseOptions, *, listed: bool, skippable: bool) -> int | None:
    """The answer that a tick alone gives; None where something is asked after it."""
    if not section.has("tick"):
        return None
    if not listed or skippable or way.kind is not ItemKind.CHOICE:
        section.refuse("tick", way.code, "on a choice in a list, with skippable = false")
    return section.read_integer("tick", way.low, way.high)


def _condition(section: TomlSection, earlier: Mapping[str, Item]) -> Condition | None:
    if not section.has("condition"):
        return None
    below = section.read_section("condition")
    numeric = [code for code, item in earlier.items() if not item.free_text]
    on = earlier[below.read_choice("item", numeric)]
    return _comparison(below, on.code, on.low, on.high)


def _urgent(section: TomlSection, code: str, way: ResponseOptions) -> Condition | None:
    if not section.has("urgent"):
        return None
    if way.kind is ItemKind.TEXT:
        section.refuse("urgent", way.code, "not on an item answered in words")
    return _comparison(section.read_section("urgent"), code, way.low, way.high)


def _comparison(section: TomlSection, item: str, low: int, high: int) -> Condition:
    op = Comparison(section.read_choice("op", list(Comparison)))
    return Condition(item, op, section.read_integer("value", low, high))


def _scales(root: TomlSection, items: Iterable[Item], algorithm: str) -> tuple[Scale, ...]:
    known = {item.code: item for item in items}
    scales: dict[str, Scale] = {}
    for section in root.read_sections("scales", ()):
        scale = _scale(section, known, scales)
        if scale.code in scales:
            section.refuse("code", scale.code, "each scale code once")
        scales[scale.code] = scale
    if bool(scales) is (algorithm == NO_ALGORITHM):
        root.refuse("algorithm", algorithm, f'"{NO_ALGORITHM}" exactly when there are no scales')
    for index, scale in enumerate(scales.values()):
        for part in scale.parts:
            _check_part(root, f"scales[{index}].parts", scale, scales[part], algorithm)
    return tuple(scales.values())


def _check_part(root: TomlSection, key: str, scale: Scale, part: Scale, algorithm: str) -> None:
    """The algorithm says from where to where a score goes; a summary takes just such scores."""
    least, most = find_algorithm(algorithm).score_range(part)
    if (scale.low, scale.high) != (least, most):
        root.refuse(key, part.code, f"scales that score from low = {scale.low} to high = {scale.high}")


def _scale(section: TomlSection, items: Mapping[str, Item], earlier: Mapping[str, Scale]) -> Scale:
    kind = ScaleKind(section.read_choice("kind", list(ScaleKind)))
    low, high = section.read_integer("low", 0, LARGEST), section.read_integer("high", 1, LARGEST)
    if low >= high:
        section.refuse("high", high, f"more than low = {low}")
    summary = kind is ScaleKind.SUMMARY
    parts = _members(section, "parts", [c for c, s in earlier.items() if not s.parts]) if summary else ()
    codes = () if summary else _items_of_scale(section, items, low, high)
    members = parts or codes
    return Scale(
        code=section.read_code("code", *SCALE_CODE),
        name=section.read_code("name", *SCALE_CODE),
        kind=kind,
        items=codes,
        parts=parts,
        reversed=frozenset(_members(section, "reversed", members, ())),
        minimum=section.read_integer("minimum", 1, len(members)),
        low=low,
        high=high,
        better=Direction(section.read_choice("better", list(Direction))),
        cdisc=_cdisc(section),
    )


def _items_of_scale(section: TomlSection, items: Mapping[str, Item], low: int, high: int) -> tuple[str, ...]:
    codes = _members(section, "items", items.keys())
    for code in codes:
        item = items[code]
        if item.kind not in (ItemKind.CHOICE, ItemKind.SCALE) or (item.low, item.high) != (low, high):
            section.refuse("items", code, f"items that take whole numbers from {low} to {high}")
    return codes


def _check_short_codes(root: TomlSection, items: Iterable[Item], scales: Iterable[Scale]) -> None:
    """A code of CDISC means one item or one scale: by it alone a dataset tells them apart."""
    known: set[str] = set()
    named = (("items", [item.cdisc for item in items]), ("scales", [scale.cdisc for scale in scales]))
    for key, codes in named:
        for index, code in enumerate(codes):
            if code and code.testcd in known:
                root.refuse(f"{key}[{index}].cdisc.testcd", code.testcd, "each short code once")
            known |= {code.testcd} if code else set()


def _members(
    section: TomlSection, key: str, allowed: Collection[str], default: tuple[str, ...] | None = None
) -> tuple[str, ...]:
    codes = section.read_texts(key, default)
    for code, times in Counter(codes).items():
        if code not in allowed or times > 1:
            section.refuse(key, code, "each once, of: " + ", ".join(allowed))
    if not codes and default is None:
        section.refuse(key, [], "at least one of: " + ", ".join(allowed))
    return codes
