"""What surrounds every page: language, banner, links. Templates read it as `frame.*`."""

from dataclasses import dataclass, replace
from typing import ClassVar

from markupsafe import Markup
from starlette.requests import Request

from app.i18n.languages import ENGLISH, LANGUAGES, Language
from app.web.urls import HELP

NO_MARK = Markup()


@dataclass(frozen=True, slots=True)
class PageFrame:
    """The frame of a page; `lang` and `dir` are for HTML, `code` names the catalogue.

    `size` is how large the reader wants text. `static_root` is the hashed address of the static
    files, e.g. `/static/1f2e3d4c`. `page_key` goes along with each act that the page offers.
    `mark` says on a phone of several people whose page it is; the form document has a gap for it.
    `phone` is the site's number, or the installation's where nobody is known; `call_phone` is the
    one that answers at this hour.
    `alert_hours`: within how many hours somebody looks at an answer that alerts; 0: nobody watches.
    """

    layout: ClassVar[str] = "base.html"
    lang: str
    dir: str
    code: str
    demo: bool
    version: str
    static_root: str
    study_name: str = "Daybook"
    phone: str = ""
    call_phone: str = ""
    languages: tuple[tuple[str, str], ...] = tuple((known.code, known.name) for known in LANGUAGES)
    size: str = ""  # "" | "large" | "extra_large"
    home_url: str = "/"
    help_url: str = HELP
    date_order: tuple[str, ...] = ENGLISH.date_order
    page_key: str = ""
    alert_hours: int = 0
    mark: Markup = NO_MARK

    @property
    def css_href(self) -> str:
        return f"{self.static_root}/css/daybook.css"

    @property
    def desk_css_href(self) -> str:
        return f"{self.static_root}/css/desk.css"

    @property
    def passkey_js_href(self) -> str:
        return f"{self.static_root}/js/passkey.js"

    @property
    def htmx_href(self) -> str:
        return f"{self.static_root}/vendor/htmx/htmx.min.js"

    def in_language(self, spoken: Language) -> "PageFrame":
        """This frame in another language."""
        return replace(self, lang=spoken.tag, dir=spoken.dir, code=spoken.code, date_order=spoken.date_order)


def base_frame(request: Request) -> PageFrame:
    """The installation's frame in the source language; faces add the language, study and phone."""
    frame: PageFrame = request.app.state.frame
    return frame
