"""The parts of stylesheet and runner that travel inside the form document, and their CSP hashes.

The stylesheet is shrunk here once at start-up; the runner comes with short names already (runner.min.js).
"""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from string import ascii_lowercase

from markupsafe import Markup

from app.web.middleware.headers import CSP

MARK = "document.documentElement.className+=' js'"
_PROPERTY = re.compile(r"--[a-z-]+(?=[:)])")
APP_PART, DARK_PART, DESK_PART = "/* == app pages == */", "/* == dark == */", "/* == desk == */"


@dataclass(frozen=True, slots=True)
class FormAssets:
    """Texts to inline and the sources that a Content-Security-Policy must allow for them.

    `css` is always light; `css_auto` also knows the dark look (a plan's `appearance = "auto"`). `list_runner`
    is the runner of a form that has a list; the others do not carry what it takes.
    """

    mark: Markup
    css: Markup
    css_auto: Markup
    runner: Markup
    list_runner: Markup
    script_sources: tuple[str, ...]
    style_sources: tuple[str, ...]


def load_form_assets(stylesheet: str, runner: str, list_runner: str) -> FormAssets:
    """Take the question part of our own stylesheet and the runners; none of them holds data of anybody."""
    css = _small_css(stylesheet.split(APP_PART, maxsplit=1)[0])
    dark = _small_css(stylesheet.split(DARK_PART)[1].split(DESK_PART, maxsplit=1)[0])
    names = _short_names(css + dark)
    css = _PROPERTY.sub(lambda found: names[found[0]], css)
    auto = css + _PROPERTY.sub(lambda found: names[found[0]], dark)
    return FormAssets(
        mark=Markup(MARK),  # noqa: S704 our own constant
        css=Markup(css),  # noqa: S704 our own file
        css_auto=Markup(auto),  # noqa: S704 our own file
        runner=Markup(runner),  # noqa: S704 our own file
        list_runner=Markup(list_runner),  # noqa: S704 our own file
        script_sources=(csp_source(MARK), csp_source(runner), csp_source(list_runner)),
        style_sources=(csp_source(css), csp_source(auto)),
    )


def form_policy(assets: FormAssets) -> str:
    """The Content-Security-Policy of a form document: the usual one, and these inline parts."""
    scripts = "script-src 'self' " + " ".join(assets.script_sources)
    styles = "style-src 'self' " + " ".join(assets.style_sources)
    return CSP.replace("script-src 'self'", scripts).replace("style-src 'self'", styles)


def csp_source(text: str) -> str:
    """The `'sha256-…'` source expression of an inline element's exact text."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _short_names(css: str) -> Mapping[str, str]:
    """Names of one letter or two for the stylesheet's own properties: they are named a hundred times."""
    counted = Counter(_PROPERTY.findall(css))
    short = (f"--{first}{second}" for first in ("", *ascii_lowercase) for second in ascii_lowercase)
    return {name: next(short) for name, _ in counted.most_common()}


def _small_css(css: str) -> str:
    bare = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    tight = re.sub(r"\s*([{};,>])\s*", r"\1", re.sub(r"\s+", " ", bare))
    return re.sub(r":\s+", ":", tight).replace(";}", "}").strip()
