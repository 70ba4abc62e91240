"""Pages: a frozen dataclass names its template and carries plain values; a test compares the two."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import ClassVar, Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from app.i18n import formats
from app.i18n.catalogues import Catalogues
from app.i18n.languages import LANGUAGES, Language
from app.web.dependencies import get_language
from app.web.pages.code_words import translate_code_words
from app.web.pages.page_frame import PageFrame, base_frame
from app.web.pages.template_translation import POLICY, CompiledTranslations, call_plainly

TEMPLATES = Path(__file__).parents[2] / "templates"
REMEMBERED = 1000
"""How many rows `remembered(macro, *values)` shows again as they were, in each language: whoever deals with
one row of a list comes back to the others. An imported macro reads its values alone, and they are the key."""
REMEMBERED_PARTS = 64
"""The same of `remembered_part`, for large parts of a page."""
REMEMBERED_SIGNS = 4096
"""The same of `remembered_sign`, for what pages about anybody share: a cell of a chart, a day in words."""


class Page(Protocol):
    """What a page must tell: which template shows it."""

    template: ClassVar[str]


@dataclass(frozen=True, slots=True)
class Pages:
    """One environment per language: words are bound once, never looked up per request."""

    environments: Mapping[str, Environment]
    catalogues: Catalogues

    @classmethod
    def load(
        cls,
        catalogues: Catalogues,
        templates: Path = TEMPLATES,
        languages: Sequence[Language] = LANGUAGES,
    ) -> "Pages":
        """Environments for every language; templates are compiled when first shown."""
        return cls(
            {known.code: _environment(known, catalogues, templates) for known in languages}, catalogues
        )

    def translate(self, sentence: str, frame: PageFrame) -> str:
        """A marked sentence in the reader's language."""
        return str(self.catalogues.by_code[frame.code].gettext(sentence))

    def render_document(self, page: Page, frame: PageFrame) -> str:
        """Render the whole document of a page."""
        template = self.environments[frame.code].get_template(page.template)
        return template.render(page=page, frame=frame)

    def render_blocks(self, page: Page, frame: PageFrame, *blocks: str) -> str:
        """Some named blocks of the page's template; macros must be imported inside each."""
        template = self.environments[frame.code].get_template(page.template)
        context = template.new_context({"page": page, "frame": frame})
        return "".join("".join(template.blocks[block](context)) for block in blocks)


def render_page(
    request: Request,
    page: Page,
    status: int = 200,
    frame: PageFrame | None = None,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """Render a page as a response; without a frame in the language that the browser asks for."""
    pages: Pages = request.app.state.pages
    return HTMLResponse(pages.render_document(page, frame or frame_for(request)), status, headers)


def render_blocks(request: Request, page: Page, *blocks: str, frame: PageFrame | None = None) -> HTMLResponse:
    """A fragment of the page for a script: some named blocks of its template."""
    pages: Pages = request.app.state.pages
    shown = frame or frame_for(request)
    return HTMLResponse(pages.render_blocks(page, shown, *blocks))


def frame_for(request: Request, stored: str | None = None) -> PageFrame:
    """The frame in the reader's language; `stored` is the language kept for a known person."""
    return base_frame(request).in_language(get_language(request, stored))


@lru_cache(maxsize=4096)
def mark_dated_clock(at: datetime, zone: str, language: Language) -> Markup:
    """A short moment whose offset is read on hovering, and on paper; `format_moment` has it in words."""
    said, offset = formats.format_dated_clock(at, zone, language), formats.format_offset(at, zone)
    return Markup('<time title="UTC{}">{}</time>').format(offset, said)


def _environment(spoken: Language, catalogues: Catalogues, templates: Path) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    environment.policies["ext.i18n.trimmed"] = True
    words = catalogues.get_translations(spoken)
    environment.policies[POLICY] = words
    environment.code_generator_class = CompiledTranslations
    environment.install_gettext_translations(words, newstyle=True)  # type: ignore[attr-defined]  # set by i18n
    environment.globals.update(translate_code_words(words.gettext))
    environment.globals["remembered"] = lru_cache(REMEMBERED)(call_plainly)
    environment.globals["remembered_part"] = lru_cache(REMEMBERED_PARTS)(call_plainly)
    environment.globals["remembered_sign"] = lru_cache(REMEMBERED_SIGNS)(call_plainly)
    environment.filters["day"] = partial(formats.format_day, language=spoken)
    environment.filters["short_day"] = partial(formats.format_short_day, language=spoken)
    environment.filters["stated"] = partial(formats.format_stated, language=spoken)
    environment.filters["moment"] = partial(formats.format_moment, language=spoken)
    environment.filters["local_time"] = partial(formats.format_local_time, language=spoken)
    environment.filters["clock"] = partial(formats.format_clock, language=spoken)
    environment.filters["receipt"] = formats.format_receipt
    environment.filters["dated_clock"] = partial(mark_dated_clock, language=spoken)
    environment.filters["number"] = partial(formats.format_number, language=spoken)
    return environment
