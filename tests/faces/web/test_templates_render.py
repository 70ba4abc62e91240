"""Every patient template shows its page: strict variables, sound HTML, small enough, nothing inline."""

import gzip
import re
from dataclasses import fields, replace
from html.parser import HTMLParser
from importlib import import_module
from inspect import getmembers, isclass
from math import ceil
from pkgutil import walk_packages
from typing import cast

import pytest

import app.patient
from app.definitions.library import load_library
from app.i18n.languages import LANGUAGE_CODES
from app.patient.forms.assets import csp_source, kind_of_form, policy_of_page
from app.patient.forms.pages import DonePage, FormPage, RunnerKind
from app.patient.forms.questions import build_questions
from app.patient.own_diary import CalendarPage
from app.web.middleware.compression import compress_body
from app.web.pages.rendering import TEMPLATES, Page, Pages
from tests.compiled_templates import shipped_pages
from tests.faces import page_samples as samples
from tests.markup import parse_page

CODES = ("en", "zh_CN")
VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())


class Outline(HTMLParser):
    """Reads a document, refusing tags that do not nest, and keeps what the tests ask about."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def pages() -> Pages:
    return shipped_pages()


def shown(pages: Pages, page: Page, code: str) -> str:
    return pages.render_document(page, samples.frame(code))


def page_classes() -> list[type[Page]]:
    names = [module.name for module in walk_packages(app.patient.__path__, "app.patient.")]
    classes = [kind for name in names for _, kind in getmembers(import_module(name), isclass)]
    kinds = [
        kind for kind in classes if hasattr(kind, "template") and kind.__module__.startswith("app.patient")
    ]
    return cast("list[type[Page]]", list(dict.fromkeys(kinds)))


def test_every_page_class_has_a_sample() -> None:
    assert {type(page) for page in samples.every_page("en")} >= set(page_classes())


@pytest.mark.parametrize("code", CODES)
def test_every_page_nests_and_has_one_title_a_language_and_no_id_twice(pages: Pages, code: str) -> None:
    for page in samples.every_page(code):
        outline = Outline(shown(pages, page, code))
        ids = [str(attrs["id"]) for _, attrs in outline.tags if "id" in attrs]
        assert len(ids) == len(set(ids)), page
        assert outline.all("html")[0]["lang"] == samples.TAGS[code]
        assert len(outline.all("title")) == 1
        assert outline.all("h1"), page


@pytest.mark.parametrize("code", CODES)
@pytest.mark.req("SEC-02")
def test_nothing_is_inline_but_the_hashed_parts(pages: Pages, code: str) -> None:
    for page in samples.every_page(code):
        for tag, attrs in Outline(shown(pages, page, code)).tags:
            assert "style" not in attrs, (page, tag)
            assert not [name for name in attrs if name.startswith("on")], (page, tag)


@pytest.mark.req("PRI-05")
def test_no_page_points_at_another_host(pages: Pages) -> None:
    for page in samples.every_page("en"):
        for tag, attrs in Outline(shown(pages, page, "en")).tags:
            for name in ("href", "src", "action"):
                assert re.match(r"/|#|tel:", attrs.get(name) or "/"), (page, tag, attrs)


@pytest.mark.parametrize("code", CODES)
def test_help_language_and_banner_stand_on_every_page(pages: Pages, code: str) -> None:
    for page in samples.every_page(code):
        html = shown(pages, page, code)
        outline = Outline(html)
        assert "/help" in [a.get("href") for a in outline.all("a")]
        assert "/language" in [f.get("action") for f in outline.all("form")]
        assert 'class="demo"' in html


@pytest.mark.parametrize("code", CODES)
def test_a_telephone_number_is_shown_in_one_piece_and_dialled_as_it_is(pages: Pages, code: str) -> None:
    """Hyphens and blanks that break would tear a number apart; `tel:` has neither of them."""
    for page in samples.every_page(code):
        html = shown(pages, page, code)
        assert not re.search(r"0571[- ]|0000 0000", html), page
        assert not re.search(r'href="tel:[^"]*[^0-9+"]', html), page


@pytest.mark.parametrize("kind", page_classes(), ids=lambda kind: kind.__name__)
def test_template_variables_are_the_page_fields(kind: type[Page]) -> None:
    source = (TEMPLATES / kind.template).read_text(encoding="utf-8")
    used = set(re.findall(r"\bpage\.(\w+)", source))
    assert used == {field.name for field in fields(kind)}  # type: ignore[arg-type]  # every Page is a dataclass


@pytest.mark.req("CAP-05")
def test_a_fresh_form_has_nothing_chosen(pages: Pages) -> None:
    for named in (samples.QLQ, samples.DIARY):
        inputs = Outline(shown(pages, samples.form(named), "en")).all("input")
        assert inputs
        assert not [attrs for attrs in inputs if "checked" in attrs]


@pytest.mark.req("CAP-04")
def test_recall_stands_with_each_item_it_governs(pages: Pages) -> None:
    html = shown(pages, samples.form(samples.QLQ), "en")
    sections = re.findall(r'id="s-(q\d+)".*?</section>', html, flags=re.DOTALL)
    recalled = re.findall(r'id="s-(q\d+)"(?:(?!</section>).)*class="recall"', html, flags=re.DOTALL)
    assert len(sections) == 30
    assert recalled == [f"q{number}" for number in range(6, 31)]


def test_known_answers_come_back(pages: Pages) -> None:
    answers = {"any_symptom": 1, "fatigue": None, "temperature": 385, "pain": 4}
    inputs = Outline(shown(pages, samples.form(samples.DIARY, "en", answers), "en")).all("input")
    checked = {(attrs["name"], attrs["value"]) for attrs in inputs if "checked" in attrs}
    assert checked == {("any_symptom", "1"), ("blank_fatigue", "1"), ("pain", "4")}
    assert [attrs["value"] for attrs in inputs if attrs["name"] == "temperature"] == ["38.5"]


@pytest.mark.req("SEC-08")
def test_an_instrument_text_is_escaped(pages: Pages) -> None:
    page = DonePage("<script>alert(1)</script>", "", "")
    html = shown(pages, page, "en")
    assert "<script>alert" not in html
    assert "&lt;script&gt;" in html


@pytest.mark.req("SEC-02")
@pytest.mark.parametrize("named", [samples.QLQ, samples.DIARY, samples.LISTED])
def test_hashes_allow_exactly_the_inlined_texts(pages: Pages, named: tuple[str, str]) -> None:
    page = samples.form(named)
    html, policy = shown(pages, page, "en"), policy_of_page(page)["Content-Security-Policy"]
    inlined = re.findall(r"<(?:script|style)>(.*?)</", html, flags=re.DOTALL)
    assert re.findall(r"'sha256-[^']+'", policy) == [csp_source(inlined[each]) for each in (1, 2, 0)]
    assert "color-scheme:dark" not in inlined[0]
    assert "color-scheme:dark" in samples.assets().build_parts(page.questions, dark=True).css


def test_a_form_carries_what_it_has_a_use_for() -> None:
    """The runner of each kind, and the parts of the stylesheet that not every form needs."""
    library, assets, kinds = (
        load_library(samples.ROOT / "questionnaires", LANGUAGE_CODES),
        samples.assets(),
        {},
    )
    english = replace(samples.frame("en"), demo=False)
    plain, large, arabic = (
        assets.for_reader(frame)
        for frame in (english, replace(english, size="large"), replace(english, dir="rtl"))
    )
    for instrument in library.instruments.values():
        questions = build_questions(instrument, library.get_text(instrument, "en"), {})
        parts = assets.build_parts(questions, dark=False)
        kinds[instrument.id, instrument.version] = parts.kind
        assert parts.runner == assets.runners[parts.kind]
        assert ("input:not([type])" in parts.css) is (parts.kind is not RunnerKind.choice)
        assert (".row.long" in parts.css) is any(len(each.choices) > 7 for each in questions)
        assert plain.build_parts(questions, dark=False) == parts
        for needed, reader in (("html.large{", large), ("[dir=rtl]", arabic)):
            styles = parts.css, reader.build_parts(questions, dark=False).css
            assert [needed in css for css in styles] == [False, True]
    assert kinds[samples.QLQ] == RunnerKind.choice
    assert kinds[samples.DIARY] == RunnerKind.full
    assert kinds[samples.LISTED] == RunnerKind.all  # what else there was is told in words
    qlq = samples.form(samples.QLQ).questions
    first = qlq[0]
    for other in (
        replace(first, urgent_if="q1,4,4"),
        replace(first, ask_if="q1,1,1"),
        replace(first, kind="decimal"),
        replace(first, kind="text"),
    ):
        assert kind_of_form([*qlq, other]) is RunnerKind.full
    listed = [each for each in samples.form(samples.LISTED).questions if each.kind != "text"]
    assert kind_of_form(listed) is RunnerKind.list
    assert kind_of_form([*listed, replace(first, ask_if="pain,5,10")]) is RunnerKind.all


def stated_weights() -> dict[str, list[str]]:
    """The table of bytes in the manual, by document: brotli, gzip, and the runner in it."""
    manual = (samples.ROOT / "docs" / "manual" / "performance.md").read_text("utf-8")
    rows = (line.strip(" |").split(" | ") for line in manual.splitlines() if line.startswith("  | "))
    return {name: weights for name, *weights in rows}


def in_kilobytes(most: int, stated: str) -> str:
    """As the manual says it: the largest, rounded up, beside the limit that stands there."""
    weight = ceil(most / 100) / 10
    limit = stated.partition(" (limit ")[2].rstrip(")")
    assert not limit or weight <= float(limit), stated
    return f"{weight} kB (limit {limit})" if limit else f"{weight} kB"


ALL_LIMITS, RUNNER_LIMIT = ["8.6", "9.0", "4.5"], ["", "", "4.5"]
"""Kilobytes of a form document by brotli and by gzip, and of the runner in it: what the manual promises."""
WITHOUT_WORDS = ("other",)
"""What the plan of the demonstration leaves out of the diary: its free text."""


def as_submitted(
    pages: Pages, named: tuple[str, str], code: str, leave_out: tuple[str, ...]
) -> tuple[str, FormPage]:
    """The document of a participant, in a study that is no demonstration."""
    questions = build_questions(*samples.instrument(named, code), {}, leave_out)
    parts = samples.assets().build_parts(questions, dark=False)
    helper = "self" if named == samples.LISTED else ""  # a form that begins with a list says who fills it in
    page = replace(samples.form(named, code), questions=questions, parts=parts, day=samples.DAY)
    page = replace(
        page, helper=helper, form_url="/f/4Xk9vT3qLw2RbY7m", submit_url="/f/4Xk9vT3qLw2RbY7m/submit"
    )
    return pages.render_document(page, replace(samples.frame(code), demo=False)), page


@pytest.mark.parametrize(
    ("name", "named", "leave_out", "limits"),
    [
        ("QLQ-C30, 30 items", samples.QLQ, (), ALL_LIMITS),
        ("QLQ-LC13", ("qlq-lc13", "1.0"), (), ALL_LIMITS),
        ("Health in five lines", ("health-five", "1.0"), (), ALL_LIMITS),
        ("diary 1.1, which begins with a list", samples.LISTED, WITHOUT_WORDS, ALL_LIMITS),
        ("diary 1.1 with its free text", samples.LISTED, (), RUNNER_LIMIT),
        ("diary 1.0", samples.DIARY, WITHOUT_WORDS, RUNNER_LIMIT),
        ("PRO-CTCAE, 103 questions", ("pro-ctcae", "1.0"), (), RUNNER_LIMIT),
    ],
)
def test_the_manual_says_what_a_form_document_weighs(
    pages: Pages, name: str, named: tuple[str, str], leave_out: tuple[str, ...], limits: list[str]
) -> None:
    stated = stated_weights()[name]
    documents = [as_submitted(pages, named, code, leave_out) for code in CODES]
    bodies = [html.encode() for html, _ in documents]
    heaviest = [max(len(compress_body(each, coding)) for each in bodies) for coding in ("br", "gzip")]
    heaviest.append(len(compress_body(documents[0][1].parts.runner.encode(), "br")))
    assert stated == [in_kilobytes(*each) for each in zip(heaviest, stated, strict=True)], heaviest
    assert [each.partition(" (limit ")[2].rstrip(")") for each in stated] == limits


@pytest.mark.parametrize("named", [samples.LISTED, samples.DIARY, samples.QLQ])
def test_brotli_sees_the_letters_wherever_they_stand(pages: Pages, named: tuple[str, str]) -> None:
    """It looks at samples of a document: none of the Chinese in them must not cost what it did, 220 bytes."""
    html, _ = as_submitted(pages, named, "zh_CN", WITHOUT_WORDS)
    head, body = html.split("<body>")
    weights = [
        len(compress_body(f"{head}<body>{' ' * moved}{body}".encode(), "br")) for moved in range(0, 4096, 512)
    ]
    assert max(weights) - min(weights) < 80


RUNNER_WORDS = {
    "POSITION": "Question # of ##",
    "OF_MOST": " of #",
    "LEFT_BLANK": "Left blank",
    "CHANGE": "Change",
    "SEND": "Send my answers",
    "KEPT": "No connection. Your answers are kept on this phone and will be sent later. You can carry on.",
    "UNSENT": "No connection. Your answers are kept on this phone. "
    "Open this page again when you have a connection.",
    "NOT_KEPT": "Your answers are not kept on this phone. Please stay connected until you have sent them.",
    "ALL_SENT": "All answers sent",
    "SENDING": "Sending …",
    "ONE_BLANK": "# question left blank",
    "BLANKS": "# questions left blank",
    "UNANSWERED": "You have not answered this question.",
    "NO_NUMBER": "Enter a number between 34.0 and 43.0, for example 38.5.",
}


def test_the_words_of_the_runner_stand_where_it_reads_them(pages: Pages) -> None:
    """Its source gives a name to the place of each."""
    source = (samples.STATIC / "js" / "runner" / "form.js").read_text("utf-8")
    (declared,) = re.findall(r"^var (POSITION = .*?);$", source, re.DOTALL | re.MULTILINE)
    names = [
        name for name, _ in sorted(re.findall(r"(\w+) = (\d+)", declared), key=lambda each: int(each[1]))
    ]
    english, chinese = (
        str(Outline(as_submitted(pages, samples.LISTED, code, WITHOUT_WORDS)[0]).all("form")[1]["data-words"])
        for code in CODES
    )
    assert dict(zip(names, english.split("|"), strict=True)) == RUNNER_WORDS
    assert len(chinese.split("|")) == len(names)


def test_the_manual_says_what_home_weighs(pages: Pages) -> None:
    homes = [shown(pages, samples.home("due", "open", "in_progress", answered=3), code) for code in CODES]
    (_, stated, _) = stated_weights()["home"]
    assert stated == in_kilobytes(max(len(compress_body(each.encode(), "gzip")) for each in homes), stated)


def test_a_table_whose_cells_name_themselves_is_stacked_on_a_phone() -> None:
    looks = set()
    for path in (samples.ROOT / "app" / "templates").rglob("*.html"):
        for table in re.findall(
            r"{% call table\((?:.*?)%}.*?{% endcall %}", path.read_text("utf-8"), re.DOTALL
        ):
            stacked = 'look="cards' in table
            assert ("data-label=" in table or "(work_rows" in table) is stacked, path.name
            looks.add(stacked)
    assert looks == {True, False}


def test_a_block_of_the_desk_imports_its_macros_itself() -> None:
    """A copy and a fragment render one block alone, without what stands before it."""
    within = re.compile(r"{% (block|macro) .*?{% end\1 %}", re.DOTALL)
    sources = {file: file.read_text("utf-8") for file in (TEMPLATES / "clinic").rglob("*.html")}
    pages = {file: source for file, source in sources.items() if "{% extends" in source}
    assert len(pages) > 50
    outside = {file.name: re.findall(r"{% (?:from|import) .*", within.sub("", pages[file])) for file in pages}
    assert {name: imports for name, imports in outside.items() if imports} == {}


def test_each_time_at_the_desk_tells_its_zone() -> None:
    """In words, or on hovering and on paper.

    What a participant takes home, or a simulated one lives by, knows one clock; a span tells it once.
    """
    theirs = {"sheet.html", "answers.html", "simulator.html"}
    for path in (samples.ROOT / "app" / "templates" / "clinic").rglob("*.html"):
        bare = re.findall(r"\|(?:clock|local_time)\b", path.read_text("utf-8"))
        assert not bare or path.name in theirs, path.name


@pytest.mark.parametrize(("name", "limit"), [("daybook", 3_700), ("desk", 2_600)])
def test_a_stylesheet_stays_small(name: str, limit: int) -> None:
    """A patient's phone fetches the first alone."""
    css = (samples.STATIC / "css" / f"{name}.css").read_bytes()
    assert len(gzip.compress(css, 9)) <= limit


def test_the_calendar_explains_the_signs_that_stand_in_it(pages: Pages) -> None:
    page = samples.calendars()[-2]
    assert isinstance(page, CalendarPage)
    for states, explained in (
        (
            {"sent", "missed", "open", "excused", "later", ""},
            "✓ sent · ○ can be filled in · – not filled in · · not needed",
        ),
        ({"sent", ""}, "✓ sent"),
    ):
        weeks = tuple(
            replace(week, days=tuple(day for day in week.days if day.state in states)) for week in page.weeks
        )
        legend = (
            parse_page(pages.render_document(replace(page, weeks=weeks), samples.frame("en")))
            .one("p", class_="hint")
            .text
        )
        assert legend.startswith(explained)
        assert legend.endswith("… opens later") is ("later" in states)


def test_review_without_script_carries_every_answer(pages: Pages) -> None:
    inputs = Outline(shown(pages, samples.review(), "en")).all("input")
    fields = {str(attrs["name"]): attrs["value"] for attrs in inputs}
    assert fields["q1"] == "2"
    assert fields["blank_q2"] == "1"
    assert fields["reviewed"] == "1"
    assert "q2" not in fields
