"""HTML as a tree, so that tests ask a page and not its text."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
)
_LOOSE = frozenset({"p", "dd", "dt", "li", "option", "td", "th", "tr"})


@dataclass(slots=True)
class Element:
    """One element; attributes without a value read as ""."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list["Element | str"] = field(default_factory=list)

    def __getitem__(self, name: str) -> str:
        return self.attributes[name]

    def get(self, name: str) -> str | None:
        return self.attributes.get(name)

    @property
    def text(self) -> str:
        """The words in it, with single spaces."""
        parts = (each if isinstance(each, str) else each.text for each in self.children)
        return " ".join(" ".join(parts).split())

    def all(self, tag: str, **values: str) -> list["Element"]:
        """Every element below with this tag and these attributes (`class_` is `class`)."""
        attributes = {name.rstrip("_"): value for name, value in values.items()}
        return [
            each
            for each in self.walk()
            if each.tag == tag and all(each.get(name) == value for name, value in attributes.items())
        ]

    def one(self, tag: str, **attributes: str) -> "Element":
        """The only such element."""
        elements = self.all(tag, **attributes)
        assert len(elements) == 1, f"{len(elements)} of {tag} {attributes}"
        return elements[0]

    def walk(self) -> Iterator["Element"]:
        for each in self.children:
            if isinstance(each, Element):
                yield each
                yield from each.walk()


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Element("")
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        while self.open[-1].tag != tag:
            assert self.open[-1].tag in _LOOSE, f"</{tag}> closes <{self.open[-1].tag}>"
            self.open.pop()
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def parse_page(html: str) -> Element:
    """The page as a tree; fails for elements that are not closed in order."""
    parser = _Parser()
    parser.feed(html)
    parser.close()
    return parser.root
