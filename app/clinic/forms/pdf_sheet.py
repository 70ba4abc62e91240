"""A printed page as a PDF, by fpdf2 where it is installed (the extra `pdf`) and a font has Chinese letters.

It is made from the page itself, so that both say the same; what a page does not print stands in neither.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from html.parser import HTMLParser
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from app.domain.refusal import Refused

_ENGINE = "fpdf"
FONTS: tuple[tuple[str, int], ...] = (
    ("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", 2),
    ("/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc", 2),
    ("/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc", 2),
    ("/usr/share/fonts/google-noto-sans-cjk-fonts/NotoSansCJK-Regular.ttc", 2),
    ("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc", 0),
    ("/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc", 0),
    ("/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf", 0),
    ("/Library/Fonts/Arial Unicode.ttf", 0),
    ("/System/Library/Fonts/Supplemental/Arial Unicode.ttf", 0),
    ("C:/Windows/Fonts/msyh.ttc", 0),
)
"""Where systems keep a font with Latin and Chinese letters, and its number in a collection."""

_UNPRINTED_TAGS = frozenset({"form", "button", "nav", "script", "svg", "template"})
_UNPRINTED_LOOKS = frozenset({"actions", "vh", "btn", "sum", "unprinted"})
_BLOCKS = frozenset({"h1", "h2", "h3", "p", "li", "tr", "dt", "dd", "caption", "summary", "div", "details"})
_VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})
_SIZES: Mapping[str, float] = {"h1": 16, "h2": 13, "h3": 11.5, "dt": 9}
_TEXT = 10.5
_LINE = 1.45
_POINT = 25.4 / 72


@dataclass(frozen=True, slots=True)
class SheetLine:
    """One paragraph of the page: what it is (the name of its element) and its words."""

    kind: str
    words: str


@dataclass(slots=True)
class _Open:
    tag: str
    hidden: bool


@dataclass(slots=True)
class _Sheet:
    lines: list[SheetLine] = field(default_factory=list)
    kind: str = "p"
    words: list[str] = field(default_factory=list)

    def end_line(self, kind: str = "p") -> None:
        text = " ".join("".join(self.words).split())
        if text:
            self.lines.append(SheetLine(self.kind, text))
        self.kind, self.words = kind, []


class _PageReader(HTMLParser):
    """Reads the printed words of a page, block by block; cells of a table are parted by a bar."""

    def __init__(self) -> None:
        super().__init__()
        self.sheet = _Sheet()
        self._open: list[_Open] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        looks = set((dict(attrs).get("class") or "").split())
        hidden = tag in _UNPRINTED_TAGS or bool(looks & _UNPRINTED_LOOKS) or self._hidden
        if not hidden and tag in _BLOCKS:
            self.sheet.end_line(tag)
        elif not hidden and tag == "br":
            self.sheet.end_line(self.sheet.kind)
        elif not hidden and tag in ("td", "th") and self.sheet.words:
            self.sheet.words.append(" | ")
        if tag not in _VOID:
            self._open.append(_Open(tag, hidden))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop().tag != tag:
            pass  # an element that closes with the one around it
        if tag in _BLOCKS and not self._hidden:
            self.sheet.end_line()

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.sheet.words.append(data)

    @property
    def _hidden(self) -> bool:
        return bool(self._open) and self._open[-1].hidden


def read_printed_lines(html: str) -> tuple[SheetLine, ...]:
    """The words of a page that are printed, in their order."""
    reader = _PageReader()
    reader.feed(html)
    reader.close()
    reader.sheet.end_line()
    return tuple(reader.sheet.lines)


@lru_cache(maxsize=1)
def find_font() -> tuple[str, int] | None:
    """A font of this machine that has Latin and Chinese letters; None where none is known."""
    return next(((path, number) for path, number in FONTS if Path(path).is_file()), None)


def can_make_pdf() -> bool:
    """Whether a PDF can be made here."""
    return find_spec(_ENGINE) is not None and find_font() is not None


def make_pdf(lines: tuple[SheetLine, ...], title: str, footing: str, language: str) -> bytes:
    """The lines as A4 pages with their numbers. Raises Refused("no_pdf") where none can be made."""
    font = find_font()
    if font is None or find_spec(_ENGINE) is None:
        raise Refused("no_pdf")
    sheet = _new_sheet(font, title, language)
    for line in lines:
        size = _SIZES.get(line.kind, _TEXT)
        sheet.set_font("sheet", size=size)
        if line.kind in ("h1", "h2", "h3"):
            sheet.ln(2)
        sheet.multi_cell(0, size * _POINT * _LINE, line.words, align="L", new_x="LMARGIN", new_y="NEXT")
        if line.kind in ("h1", "dd", "p"):
            sheet.ln(1)
    for number, most in _number_pages(sheet):
        _write_footing(sheet, f"{footing} · {number}/{most}")
    return bytes(sheet.output())


def _new_sheet(font: tuple[str, int], title: str, language: str) -> Any:  # noqa: ANN401 - of a library that need not be there
    engine = import_module(_ENGINE)
    sheet = engine.FPDF(format="A4")
    sheet.set_margins(18, 16, 18)
    sheet.set_auto_page_break(True, 18)
    sheet.set_title(title)
    sheet.set_lang(language)
    sheet.set_creator("Daybook")
    path, number = font
    sheet.add_font("sheet", fname=path, collection_font_number=number)
    sheet.add_page()
    return sheet


def _number_pages(sheet: Any) -> Iterator[tuple[int, int]]:  # noqa: ANN401 - as above
    """Each page in turn, made the one that is written on."""
    most = sheet.pages_count
    sheet.set_auto_page_break(False)
    for number in range(1, most + 1):
        sheet.page = number
        yield number, most


def _write_footing(sheet: Any, words: str) -> None:  # noqa: ANN401 - as above
    sheet.set_font("sheet", size=8)
    sheet.set_y(-12)
    sheet.cell(0, 4, words, align="C")
