"""The parts of stylesheet and runner that travel inside the form document, and their CSP hashes.

A form carries what it has a use for: there is a runner for each kind of form, and parts of the stylesheet
for what not every form has. The stylesheet is shrunk here once at start-up; the runners come with short
names already (runner.*.min.js).
"""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from string import ascii_lowercase

from markupsafe import Markup

from app.patient.forms.pages import FormPage, FormParts, Question, RunnerKind
from app.web.middleware.headers import CSP
from app.web.pages.page_frame import PageFrame

MARK = "document.documentElement.className+=' js'"
LONG_ROW = 7
"""A row of more numbers than this becomes a list on a narrow screen (`ui/scale_row.html`)."""
_PROPERTY = re.compile(r"--[a-z-]+(?=[:)])")
_OWN_PROPERTIES = re.compile(r"(?<=:root\{color-scheme:light);([^}]+)")
_PROPERTY_USE = re.compile(r"var\((--[a-z]+)\)")
TYPED_PART, LONG_PART, LARGE_PART = "/* == typed == */", "/* == long rows == */", "/* == large text == */"
RTL_PART, DEMO_PART = "/* == right to left == */", "/* == demonstration == */"
APP_PART = "/* == app pages == */"
DARK_PART, DESK_PART = "/* == dark == */", "/* == desk == */"


@dataclass(frozen=True, slots=True)
class FormAssets:
    """Assets to inline: the parts of the stylesheet, and the runner of each kind of form."""

    mark: Markup
    css: Markup
    typed_css: Markup
    long_css: Markup
    large_css: Markup
    rtl_css: Markup
    demo_css: Markup
    dark_css: Markup
    runners: Mapping[RunnerKind, Markup]

    def for_reader(self, frame: PageFrame) -> "FormAssets":
        """The assets for the reader of this frame: what their size and direction of text need."""
        needed = (
            (frame.size != "", self.large_css),
            (frame.dir != "ltr", self.rtl_css),
            (frame.demo, self.demo_css),
        )
        return replace(self, css=self.css + Markup().join(css for is_needed, css in needed if is_needed))

    def build_parts(self, questions: Collection[Question], *, dark: bool) -> FormParts:
        """What a form of these questions carries; `dark`: it may be dark where the phone is."""
        kind, css = kind_of_form(questions), self.css
        if kind is not RunnerKind.choice:
            css += self.typed_css
        if any(question.kind == "scale" and len(question.choices) > LONG_ROW for question in questions):
            css += self.long_css
        css = css + self.dark_css if dark else _in_one_look(css)
        return FormParts(self.mark, css, self.runners[kind], kind)


def kind_of_form(questions: Collection[Question]) -> RunnerKind:
    """The smallest runner that does all that these questions need."""
    if any(question.ticks for question in questions):
        more = any(question.ask_if or question.kind == "text" for question in questions)
        return RunnerKind.all if more else RunnerKind.list
    if any(
        question.kind in ("decimal", "text") or question.ask_if or question.urgent_if
        for question in questions
    ):
        return RunnerKind.full
    return RunnerKind.choice


def read_form_assets(read: Callable[[str], str]) -> FormAssets:
    """Take the form's parts of our own files, which `read` gives by their names; they hold nobody's data."""
    stylesheet = read("css/daybook.css")
    form, dark = stylesheet.split(APP_PART, maxsplit=1)[0], stylesheet.split(DARK_PART)[1]
    common, rest = form.split(TYPED_PART)
    typed, rest = rest.split(LONG_PART)
    long, rest = rest.split(LARGE_PART)
    large, rest = rest.split(RTL_PART)
    rtl, demo = rest.split(DEMO_PART)
    dark = dark.split(DESK_PART, maxsplit=1)[0]
    parts = [_small_css(part) for part in (common, typed, long, large, rtl, demo, dark)]
    names = _short_names("".join(parts))
    css = [Markup(_PROPERTY.sub(lambda match: names[match[0]], part)) for part in parts]  # noqa: S704 our own file
    return FormAssets(
        mark=Markup(MARK),  # noqa: S704 our own constant
        css=css[0],
        typed_css=css[1],
        long_css=css[2],
        large_css=css[3],
        rtl_css=css[4],
        demo_css=css[5],
        dark_css=css[6],
        runners={kind: Markup(read(f"js/runner.{kind}.min.js")) for kind in RunnerKind},  # noqa: S704 our own files
    )


def form_policy(css: str, *scripts: str) -> str:
    """The Content-Security-Policy of a form document: the usual one, and these inline parts."""
    allowed = " ".join(["script-src 'self'", *map(csp_source, scripts)])
    return CSP.replace("script-src 'self'", allowed).replace(
        "style-src 'self'", f"style-src 'self' {csp_source(css)}"
    )


def policy_of_page(page: FormPage) -> dict[str, str]:
    """The header that allows what is inlined in this page, and nothing else."""
    parts = page.parts
    return {"Content-Security-Policy": form_policy(parts.css, parts.mark, parts.runner)}


def csp_source(text: str) -> str:
    """The `'sha256-…'` source expression of an inline element's exact text."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _short_names(css: str) -> Mapping[str, str]:
    """Names of one letter or two for the stylesheet's own properties: they are named a hundred times."""
    counted = Counter(_PROPERTY.findall(css))
    short = (f"--{first}{second}" for first in ("", *ascii_lowercase) for second in ascii_lowercase)
    return {name: next(short) for name, _ in counted.most_common()}


@lru_cache(maxsize=16)
def _in_one_look(css: Markup) -> Markup:
    """A style with the colours in place of their names, which only a page of two looks has a use for."""
    own = _OWN_PROPERTIES.findall(css)[0]
    colours = dict(part.split(":") for part in own.split(";"))
    plain = _PROPERTY_USE.sub(lambda use: colours[use[1]], _OWN_PROPERTIES.sub("", css))
    return Markup(plain)  # noqa: S704 our own file


def _small_css(css: str) -> str:
    bare = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    tight = re.sub(r"\s*([{};,>!])\s*", r"\1", re.sub(r"\s+", " ", bare))
    tight = re.sub(r" \+ (?=[a-z])", "+", tight)  # between elements; between lengths the blanks are needed
    return re.sub(r":\s+", ":", tight).replace(";}", "}").replace("@media (", "@media(").strip()
