"""The question runner in a real browser against a small real server: steps, review, sending."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, expect

from app.patient.forms import pages as p
from app.patient.forms.form_parser import _presentation
from app.patient.forms.pages import RunnerKind
from tests.faces import page_samples as samples
from tests.faces.phones import Desk, Phone, answer_last_two, phone_with
from tests.page_time import forward_clock, take_turns, wait_until
from tests.servers import serve_application
from tests.tools import tool

tool("js_rewrites")  # which the next one imports
BUILDER = tool("build_runner")


@pytest.fixture
def phone(chromium: Browser) -> Iterator[Phone]:
    """The QLQ-C30 answered up to the 28th question."""
    answers = {f"q{number}": 2 for number in range(1, 29)}
    yield from phone_with(chromium, samples.form(samples.QLQ, "en", answers))


@pytest.fixture
def diary(chromium: Browser) -> Iterator[Phone]:
    yield from phone_with(chromium, samples.form(samples.DIARY))


@pytest.mark.req("CAP-06", "CAP-19")
def test_resumes_reviews_and_sends_everything_once(phone: Phone) -> None:
    assert phone.page.title() == "Question 29 of 30 - Quality of life"
    answer_last_two(phone)
    assert phone.question == "Check your answers"
    assert phone.page.locator("#rows > div").count() == 30
    phone.next()
    phone.page.wait_for_url("**/done")
    assert [(event["item"], event["value"]) for event in phone.desk.events] == [("q29", 5), ("q30", 7)]
    assert len(phone.desk.submissions) == 1
    submission = phone.desk.submissions[0]
    assert submission["reviewed"] == "1"
    assert {name: submission[name] for name in ("q1", "q29", "q30")} == {"q1": "2", "q29": "5", "q30": "7"}


@pytest.mark.req("CAP-05", "CAP-07")
def test_a_blank_answer_needs_confirmation(phone: Phone) -> None:
    phone.next()
    phone.next()
    assert phone.page.title().startswith("Question 29")
    assert "You have not answered" in phone.page.inner_text("#ask")
    phone.page.click("#leave")
    assert phone.page.title().startswith("Question 30")
    wait_until(phone.page, lambda: bool(phone.desk.events))
    take_turns(phone.page)
    assert [(event["item"], event["value"]) for event in phone.desk.events] == [("q29", None)]


@pytest.mark.parametrize(
    ("form_page", "words"),
    [
        (samples.form(samples.QLQ, "en", {"q1": 2}, missing=("q2", "q3")), "You have not answered"),
        (samples.form(samples.DIARY, "en", {"any_symptom": 1}, invalid=("temperature",)), "Enter a number"),
    ],
)
def test_a_form_submitted_before_the_runner_loaded_names_its_gaps(
    chromium: Browser, form_page: p.FormPage, words: str
) -> None:
    """Next may be tapped at the first paint; the button then sends the form, and the server gives it back."""
    for phone in phone_with(chromium, form_page):
        expect(phone.page.locator("#ask")).to_contain_text(words)
        expect(phone.page.locator("#ask")).to_be_visible()
        assert phone.page.locator(".q.on").get_attribute("data-bad") == ""


@pytest.mark.req("CAP-06")
def test_choosing_stays_and_browser_back_returns(phone: Phone) -> None:
    phone.choose(3)
    assert phone.page.title().startswith("Question 29")
    phone.next()
    assert phone.page.evaluate("document.activeElement.tagName") == "H1"
    phone.page.go_back()
    expect(phone.page).to_have_title("Question 29 of 30 - Quality of life")
    assert phone.page.locator(".q.on :checked").get_attribute("value") == "4"


def test_a_double_tap_does_not_run_ahead(phone: Phone) -> None:
    phone.choose(3)
    forward_clock(phone.page)
    phone.page.dblclick("#next")
    assert phone.page.title().startswith("Question 30")
    assert not phone.page.is_visible("#ask")


def test_change_from_the_review_returns_to_it(phone: Phone) -> None:
    answer_last_two(phone)
    phone.page.click("#rows a >> nth=4")
    assert phone.page.title().startswith("Question 5 ")
    phone.choose(3)
    phone.next()
    phone.page.wait_for_selector("#review", state="visible")
    assert "Severe" in phone.page.inner_text("#rows > div >> nth=4")


def test_no_symptoms_is_a_whole_diary(diary: Phone) -> None:
    diary.choose(0)
    diary.next()
    assert diary.question == "Check your answers"
    assert diary.page.locator("#rows > div").count() == 1


def test_conditions_decide_and_an_urgent_answer_shows_the_number(chromium: Browser) -> None:
    page = samples.form(samples.DIARY, "en", {"any_symptom": 1})
    for phone in phone_with(chromium, page):
        while not phone.page.is_visible("#s-temperature"):
            phone.choose(1)
            phone.next()
        phone.page.fill(".q.on input", "98")
        phone.next()
        assert "between 34.0 and 43.0, for example 38.5" in phone.page.inner_text("#ask")
        phone.page.fill(".q.on input", "38,5")
        phone.page.dispatch_event(".q.on input", "change")
        assert "0571\u20110000\u00a00000" in phone.page.inner_text("#urgent")
        phone.expect_saved(385)


@pytest.mark.req("CAP-20")
def test_without_fetch_the_long_form_stands(chromium: Browser) -> None:
    desk = Desk(samples.form())
    with serve_application(desk.app()) as url:
        context = chromium.new_context(viewport={"width": 360, "height": 740})
        context.add_init_script("delete window.fetch")
        tab = context.new_page()
        tab.goto(f"{url}/f/x")
        assert tab.locator("fieldset:visible").count() == 30
        assert tab.get_by_role("button", name="Save and finish later").is_visible()
        assert not tab.is_visible("#next")
        context.close()


def test_the_keyboard_alone_is_enough(phone: Phone) -> None:
    phone.page.focus(".q.on input")
    phone.page.keyboard.press("Space")
    phone.page.keyboard.press("ArrowRight")
    forward_clock(phone.page)
    phone.page.keyboard.press("Enter")
    expect(phone.page).to_have_title("Question 30 of 30 - Quality of life")
    wait_until(phone.page, lambda: len(phone.desk.events) == 2)
    assert [event["value"] for event in phone.desk.events] == [1, 2]


@pytest.mark.req("CAP-20")
def test_without_script_the_form_goes_to_the_review(chromium: Browser) -> None:
    desk = Desk(samples.form(samples.QLQ, "en", {"q1": 3, "q2": None}))
    with serve_application(desk.app()) as url:
        context = chromium.new_context(viewport={"width": 320, "height": 640}, java_script_enabled=False)
        tab = context.new_page()
        tab.goto(f"{url}/f/x")
        tab.click('input[name="q30"][value="7"] + span')
        tab.get_by_role("button", name="Send my answers").click()
        expect(tab.get_by_role("heading", name="Thanks")).to_be_visible()
        context.close()
    submission = desk.submissions[0]
    assert {name: submission.get(name) for name in ("q1", "q2", "blank_q2", "q30")} == {
        "q1": "3",
        "q2": None,
        "blank_q2": "1",
        "q30": "7",
    }
    assert not {"action", "lang"} & set(submission)
    assert "reviewed" not in submission


@pytest.mark.req("CAP-20")
def test_what_travels_is_the_runner_and_old_browsers_can_read_it() -> None:
    for kind in RunnerKind:
        built = BUILDER.build(kind)
        assert BUILDER.output_path(kind).read_text(encoding="utf-8") == built, (
            "run `python .tools/build_runner.py`"
        )
    assert set(BUILDER.RUNNERS) == set(RunnerKind)


def test_the_builder_leaves_out_what_a_flag_decides() -> None:
    source = (
        "function once() { return TYPED ? all() : 1; } function all() { return all(LIST); }"
        "if (TYPED && once()) { all(); } if (!TYPED || all()) { once(); } f(g || LIST && all());"
    )
    built = BUILDER.minify(source, {"TYPED": False, "LIST": False})
    assert built == "(function(e,c,d){1,f(g)})(document,window)"
    built = BUILDER.minify(source, {"TYPED": True, "LIST": False})
    assert built == "(function(h,d,e){c()&&c(),c()&&c(),f(g);function c(){return c(!1)}})(document,window)"


def test_the_builder_makes_variables_of_the_state_and_numbers_of_constants() -> None:
    source = "var LIMIT = 5; var state = { size: 1, last: undefined }; state.last = state.size > LIMIT;"
    assert BUILDER.minify(source) == "(function(g,e,f){var c=1,d;d=c>5})(document,window)"


@pytest.mark.parametrize(
    ("source", "built"),
    [
        ("f(function (x) { if (x) { return 1; } return 2; });", "f(function(a){return a?1:2})"),
        (
            "f(function (x) { if (!x) { return; } b(); if (c) { d(); e(); } else { g(); } });",
            "f(function(a){a&&(b(),c?(d(),e()):g())})",
        ),
        ("function only(x) { g(x); } f(only);", "f(function(a){g(a)})"),
        ("function only(x) { var y = x; f(y); } g(); only(1 + 2);", "g();var d=1+2,c=d;f(c)"),
        (
            "function twice(x) { return x * 2; } f(function (n) { return twice(n) + 1; });",
            "f(function(a){return a*2+1})",
        ),
        (
            "function only(x) { g(x); f(x); } h(function (x) { only(x); });",
            "h(function(a){var b=a;g(b),f(b)})",
        ),
        ("function alias(x) { return g(x); } f(alias, alias);", "f(g,g)"),
        (
            "var state = { size: 1 }; function size() { return state.size; } f(size(), size());",
            "var c=1;f(c,c)",
        ),
        (
            "var state = { size: 1 }; function size() { return state.size; } f(size, size, size());",
            "var d=1;f(c,c,d);function c(){return d}",
        ),
        ("f({ seq: 1, records: [] }.seq);", "f({s:1,q:[]}.s)"),
        (
            "function early() { if (a) { return 1; } b(); } early();",
            "c();function c(){if(a)return 1;b()}",
        ),
        (
            "f((a + b) * c, a + (b * c), (a, b), a ? (b ? c : d) : e, !(a && b), (a || b) && c);",
            "f((a+b)*c,a+b*c,(a,b),a?b?c:d:e,!(a&&b),(a||b)&&c)",
        ),
        ("({ a: 1 }).b(); (function () { f(); })();", "({a:1}).b(),function(){f()}()"),
    ],
)
def test_the_builder_writes_the_same_in_fewer_bytes(source: str, built: str) -> None:
    assert BUILDER.minify(source).partition("{")[2].removesuffix("})(document,window)") == built


@pytest.mark.parametrize(
    "use", ["f(state);", "state['size'] = 2;", "f(function (state) { return 1; });", "state.none = 2;"]
)
def test_the_builder_refuses_a_state_that_is_more_than_its_members(use: str) -> None:
    with pytest.raises(ValueError, match=r"`state\.member`"):
        BUILDER.minify(f"var state = {{ size: 1 }}; {use}")


@pytest.mark.req("CAP-16")
def test_how_the_form_was_shown_goes_along(diary: Phone) -> None:
    diary.choose(0)
    diary.next()
    diary.next()
    diary.page.wait_for_url("**/done")
    submission = diary.desk.submissions[0]
    assert submission["shown"] == "360,flex,rgb(22, 33, 31)"
    assert _presentation(submission) == {"layout": "single", "width": 360, "scale": "row", "theme": "light"}
    stacked = _presentation({"shown": "320,grid,rgb(237, 243, 241)"})
    assert stacked == {"layout": "single", "width": 320, "scale": "list", "theme": "dark"}
    assert "scale" not in _presentation({"shown": "320,,rgb(0, 0, 0)"})
    assert "offline" not in submission


VOICES = """
window.said = [];
Object.defineProperty(window, 'speechSynthesis', { value: {
  getVoices: function () {
    var isOwn = window.name !== 'none';
    var all = [['cloud', 'en-US', false], ['Chinese', 'zh-CN', true], ['own', 'en_GB', isOwn]];
    return all.map(function (each) {
      return { name: each[0], lang: each[1], localService: each[2] };
    });
  },
  speak: function (words) { said.push([words.voice.name, words.text]); },
  cancel: function () { said.push('quiet'); }
} });
window.SpeechSynthesisUtterance = function (text) { this.text = text; };
"""
"""Headless Chromium has no voice: one is put where a browser would ask the phone for it."""


def test_a_question_is_read_out_only_by_a_voice_of_the_phone_itself(chromium: Browser) -> None:
    for phone in phone_with(chromium, replace(samples.form(), aloud=True)):
        phone.page.wait_for_load_state()
        button = phone.page.locator(".q.on .lang button")
        assert (phone.page.evaluate("speechSynthesis.getVoices().length"), button.count()) == (0, 0)
        phone.context.add_init_script(VOICES)
        phone.page.evaluate(
            "window.name = 'none'"
        )  # English by somebody's server alone, the phone's own is Chinese
        phone.page.reload()
        phone.page.wait_for_load_state()
        assert (phone.page.evaluate("speechSynthesis.getVoices().length"), button.count()) == (3, 0)
        phone.page.evaluate("window.name = ''")
        phone.page.reload()
        expect(button).to_have_text("Read aloud")
        button.click()
        (_, (voice, said)) = phone.page.evaluate("said")
        assert (voice, said.split("\n")[0]) == ("own", phone.question)
        assert said.split("\n")[1:] == phone.page.locator(".q.on .o:not(.no-js)").all_inner_texts()
        assert button.inner_text() == "Stop reading"
        button.click()
        assert (phone.page.evaluate("said.pop()"), button.inner_text()) == ("quiet", "Read aloud")
        button.click()
        phone.choose(1)
        phone.next()
        assert phone.page.evaluate("said.pop()") == "quiet"
        assert phone.page.locator("button", has_text="Stop reading").count() == 0
