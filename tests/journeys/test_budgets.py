"""What a patient's phone has to fetch: bytes and requests, never times (they depend on the machine)."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import BrowserContext, Page, Request, Route, expect

from app.patient.forms.pages import RunnerKind
from tests.faces import page_samples as samples
from tests.journeys.patients import Patient, answer_last_two, choose_option, tap_next
from tests.page_time import STEP_MS

FORM = 12_000
"""Bytes of the QLQ-C30's document with its style and script, as they travel."""
WHOLE_FORM = 12_000
"""Bytes of every body that is received from opening the QLQ-C30 to the thanks."""
HOME = 3_000
SAVE = 400
RUNNER = 4_550
"""Bytes of the runner after gzip; a little more than it measures now."""
STYLE = 5_000


@dataclass
class Traffic:
    """Requests of a browser in their order."""

    requests: list[Request] = field(default_factory=list)

    def paths(self) -> list[str]:
        return ["/" + each.url.split("/", 3)[3] for each in self.requests]

    def received(self) -> list[int]:
        """Bytes of each body as it travelled."""
        return [each.sizes()["responseBodySize"] for each in self.requests]


@contextmanager
def traffic(context: BrowserContext) -> Iterator[Traffic]:
    seen = Traffic()

    def note(request: Request) -> None:
        seen.requests.append(request)

    context.on("requestfinished", note)
    yield seen
    context.remove_listener("requestfinished", note)


def in_language(tab: Page, patient: Patient, lang: str) -> None:
    if lang != "en":
        tab.goto(f"{patient.url}/settings")
        tab.locator(f"main button[value={lang}]").tap()
        tab.wait_for_selector("html[lang=zh-Hans]")


@pytest.mark.parametrize("lang", ["en", "zh_CN"])
def test_a_form_is_usable_after_one_request_of_few_bytes(
    context: BrowserContext, patient: Patient, lang: str
) -> None:
    tab = patient.bind(context)
    patient.begin(tab)
    in_language(tab, patient, lang)
    with traffic(context) as seen:
        tab.goto(patient.form(), wait_until="networkidle")
        choose_option(tab, 1)
        tap_next(tab)
        expect(tab.locator("#s-q2")).to_be_visible()
    opened, *later = zip(seen.paths(), seen.received(), strict=True)
    assert opened[0] == patient.form().removeprefix(patient.url)
    assert opened[1] <= FORM
    assert [path for path, _ in later if not path.endswith("/answers")] == []


def test_a_save_in_the_background_brings_almost_nothing_down(
    context: BrowserContext, patient: Patient
) -> None:
    tab = patient.nearly_done(context)
    with tab.expect_response("**/answers") as answered:
        choose_option(tab, 1)
    sizes = answered.value.request.sizes()
    assert answered.value.status == 204
    assert sizes["responseBodySize"] == 0
    assert sizes["responseHeadersSize"] <= SAVE


def test_the_next_question_waits_for_no_answer_of_the_server(
    context: BrowserContext, patient: Patient
) -> None:
    tab = patient.nearly_done(context)
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        waiting.append(route)

    context.route("**/answers", hold)
    answer_last_two(tab)
    assert waiting
    assert len(patient.events()) == 28
    waiting[0].abort()


def test_sending_is_one_request(context: BrowserContext, patient: Patient) -> None:
    tab = patient.nearly_done(context)
    answer_last_two(tab)
    requests: list[str] = []

    def note(request: Request) -> None:
        requests.append(f"{request.method} {request.url.rsplit('/', 1)[1]}")

    context.on("request", note)
    tap_next(tab)
    expect(tab.locator("h1:visible")).to_have_text("Thank you. Your answers are saved.")
    tab.wait_for_load_state("networkidle")
    assert requests == ["POST submit"]


def test_the_whole_qlq_c30_receives_few_bytes(context: BrowserContext, patient: Patient) -> None:
    tab = patient.bind(context)
    patient.begin(tab)
    in_language(tab, patient, "zh_CN")
    context.clock.install()
    with traffic(context) as seen:
        tab.goto(patient.form())
        for number in range(1, 32):
            context.clock.run_for(STEP_MS)
            if number <= 30:
                expect(tab.locator(f"#s-q{number}")).to_be_visible()
                choose_option(tab, 1)
            tab.locator("#next").tap()
        expect(tab.locator("#review")).to_be_hidden()
        expect(tab.locator("h1:visible")).to_be_focused()
        tab.wait_for_load_state("networkidle")
    assert patient.response().answers["q30"] == 2
    own = [size for path, size in zip(seen.paths(), seen.received(), strict=True) if "/static/" not in path]
    assert sum(own) <= WHOLE_FORM


@pytest.mark.parametrize("lang", ["en", "zh_CN"])
def test_home_is_one_small_request_and_a_cached_stylesheet(
    context: BrowserContext, patient: Patient, lang: str
) -> None:
    patient.randomise()
    tab = patient.bind(context)
    in_language(tab, patient, lang)
    tab.goto(f"{patient.url}/home", wait_until="networkidle")
    with traffic(context) as seen:
        tab.goto(f"{patient.url}/home", wait_until="networkidle")
    fetched = [each for each in seen.requests if each.sizes()["responseBodySize"] > 0]
    (page,) = [each for each in fetched if "/static/" not in each.url]
    assert page.sizes()["responseBodySize"] <= HOME
    assert {each.resource_type for each in seen.requests} <= {
        *("document", "stylesheet", "script"),
        "fetch",  # the worker's, which asks for the page itself
    }


def test_scripts_and_styles_stay_small() -> None:
    inlined = samples.assets()
    assert len(gzip.compress(inlined.runners[RunnerKind.choice].encode(), 9)) <= RUNNER
    assert len(gzip.compress(inlined.css.encode(), 9)) <= STYLE // 2
    whole = (samples.STATIC / "css" / "daybook.css").read_bytes()
    assert len(gzip.compress(whole, 9)) <= STYLE
