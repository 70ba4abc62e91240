"""What a patient's visit leaves behind, asks from others, and shows in titles and headers."""

import json
import re

import pytest
from playwright.sync_api import BrowserContext, Response, Route, expect

from tests.faces.gallery import gallery
from tests.journeys.patients import Patient, answer_last_two, choose_option, speak_chinese, tap_next

TELLING = (
    "cancer tumour tumor lung nsclc oncolog chemo radio sbrt eortc qlq hospital ward patient disease "
    "癌 肿瘤 肺 化疗 放疗 医院 病房 病人 患者 疾病"
).split()
"""Words that would tell over a shoulder, in the list of open pages, or in a message's preview."""
PATHS = ("/home", "/sent", "/settings", "/help", "/code", "/about")
READ_STORAGE = "JSON.stringify(Object.assign({}, localStorage, sessionStorage))"
REMAINS = """async () => JSON.stringify([Object.assign({}, localStorage), Object.assign({}, sessionStorage),
  'caches' in window ? await caches.keys() : [],
  indexedDB.databases ? (await indexedDB.databases()).map(base => base.name) : []])"""


@pytest.mark.req("PRI-05", "SEC-02")
@pytest.mark.parametrize("lang", ["en", "zh_CN"])
def test_a_whole_visit_leaves_nothing_asks_nobody_else_and_tells_nothing(
    context: BrowserContext, patient: Patient, lang: str
) -> None:
    answers: list[Response] = []
    titles: set[str] = set()
    tab = patient.nearly_done(context)

    def note(answer: Response) -> None:
        answers.append(answer)

    context.on("response", note)
    if lang == "zh_CN":
        speak_chinese(tab)
    titles.add(tab.title())
    answer_last_two(tab)
    titles.add(tab.title())
    tap_next(tab)
    tab.wait_for_url("**/done")
    titles.add(tab.title())
    for path in PATHS:
        tab.goto(patient.url + path)
        titles.add(tab.title())
    local, session, caches, bases = json.loads(tab.evaluate(REMAINS))
    assert (local, session, bases) == ({}, {}, [])
    assert caches in ([], ["blank"])  # forms and a page of nobody, once home was opened (OFF-06)
    assert {re.sub(r"(//[^/]+).*", r"\1", each.url) for each in answers} == {patient.url}
    assert [title for title in titles for word in TELLING if word in title.lower()] == []
    for answer in answers:
        headers = answer.all_headers()
        assert "unsafe" not in headers["content-security-policy"], answer.url
        assert "default-src 'none'" in headers["content-security-policy"], answer.url
        if "/static/" not in answer.url and not answer.url.endswith("/sw.js"):  # the same script for all
            assert headers["cache-control"] == "no-store", answer.url
            assert headers["referrer-policy"] == "same-origin", answer.url


@pytest.mark.req("CAP-13", "OFF-03")
def test_free_text_is_never_stored_on_the_phone(context: BrowserContext) -> None:
    with gallery() as url:
        tab = context.new_page()
        tab.goto(f"{url}/form/en/diary?at=other")
        context.set_offline(True)
        tab.fill("#s-other input[name=other]", "burning feet")
        tab.locator("#s-other input[name=other]").blur()
        expect(tab.locator("#net")).to_contain_text("stay connected")
        assert "burning" not in tab.evaluate(
            "JSON.stringify(Object.assign({}, localStorage, sessionStorage))"
        )


@pytest.mark.req("OFF-03")
def test_what_waits_on_the_phone_tells_nothing_and_goes_when_it_arrives(
    context: BrowserContext, patient: Patient
) -> None:
    tab = patient.nearly_done(context)
    context.route("**/answers", lambda route: route.abort())
    choose_option(tab, 3)
    expect(tab.locator("#net")).to_contain_text("No connection")
    waiting = tab.evaluate(READ_STORAGE)
    for telling in ("q29", "qlq", "Quality", "0571-", "past week", patient.person.subject):
        assert telling.lower() not in waiting.lower()
    context.unroute("**/answers")
    tap_next(tab)
    choose_option(tab, 3)
    expect(tab.locator("#net")).not_to_contain_text("No connection")
    assert patient.events()[28:] == [("q29", 4), ("q30", 4)]
    assert tab.evaluate("localStorage.length + sessionStorage.length") == 0


@pytest.mark.req("OFF-03")
def test_log_out_waits_for_a_delivery_under_way_and_leaves_nothing(
    context: BrowserContext, patient: Patient
) -> None:
    tab = patient.nearly_done(context)
    context.set_offline(True)
    choose_option(tab, 1)
    expect(tab.locator("#net")).to_contain_text("kept on this phone")
    tab.close()
    context.set_offline(False)
    routes: list[Route] = []

    def hold(route: Route) -> None:
        routes.append(route)

    context.route("**/late", hold)
    tab = context.new_page()
    tab.goto(f"{patient.url}/settings/leave")
    tab.locator("footer button").click()
    assert len(routes) == 1
    routes[0].continue_()
    tab.wait_for_url(f"{patient.url}/")
    assert json.loads(tab.evaluate(READ_STORAGE)) == {}
    assert len(patient.events()) == 29
