"""A form that was begun on a phone is opened again there without a connection, in a real browser."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.applications import Clock
from tests.faces.offline import enrol_with_link, offline_app, write_definitions
from tests.faces.participant_browsers import ANSWERS
from tests.journeys.invited import World, activate_in, check_accessible, open_first_question
from tests.journeys.network import Network, network
from tests.journeys.patients import SIZE, tap_next
from tests.page_time import wait_until
from tests.scenarios.people import PIN, START
from tests.servers import free_socket, serve_application, socket_address

READ_CACHE = """async () => {
  const kept = {};
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) {
      const page = await cache.match(request);  // what was thrown away since the keys were read is not there
      if (page) kept[new URL(request.url).pathname] = await page.text();
    }
  }
  return kept;
}"""
SEND_FORM = """async fields => {
  const body = new URLSearchParams(fields), headers = { Accept: 'application/json' };
  return (await fetch(location.pathname + '/submit', { method: 'POST', headers, body })).status;
}"""
"""The runner's sending is tested elsewhere; 27 more answers would only take time here."""
LEFTOVER = """async form => {
  const body = JSON.stringify({ client: 'box', sent: new Date().toISOString(), reviewed: null, kept: [] });
  return (await (await fetch(form + '/late', { method: 'POST', body })).json()).state;
}"""


@dataclass
class Remote(World):
    """A world behind a network that can be cut."""

    network: Network


@pytest.fixture
def world(migrated_sqlite_url: str, tmp_path: Path) -> Iterator[Remote]:
    clock, listener = Clock(START), free_socket()
    url = socket_address(listener)
    app = offline_app(migrated_sqlite_url, clock, write_definitions(tmp_path), DAYBOOK_PUBLIC_URL=url)
    phone = enrol_with_link(app)
    with serve_application(app) as goal, network(listener, goal) as proxy:
        yield Remote(url, clock, phone, proxy)


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    opened = chromium.new_context(viewport=SIZE, has_touch=True, locale="en-GB")
    yield opened
    opened.close()


def read_cache(tab: Page) -> dict[str, str]:
    cached: dict[str, str] = tab.evaluate(READ_CACHE)
    return cached


def until(done: Callable[[], bool], tab: Page) -> None:
    """Wait for what the worker does by itself; the pages' policy forbids Playwright's own way of asking."""
    wait_until(tab, done)


def waits_for(tab: Page, *paths: str) -> None:
    """Until the worker keeps these and nothing else."""
    until(lambda: sorted(read_cache(tab)) == sorted(paths), tab)


def under_way(tab: Page) -> None:
    until(lambda: bool(tab.evaluate("!!navigator.serviceWorker.controller")), tab)


def begun(context: BrowserContext, world: Remote) -> tuple[Page, str, str]:
    """A form that was begun, its address, and the path of the blank one that the worker keeps."""
    tab = context.new_page()
    activate_in(tab, world)
    under_way(tab)
    open_first_question(tab)
    blank = f"{tab.url.removeprefix(world.url)}/blank"
    waits_for(tab, "/offline", blank)
    return tab, tab.url, blank


def gone(tab: Page) -> bool:
    return bool(tab.evaluate("navigator.serviceWorker.getRegistration().then(found => !found)"))


def answer(tab: Page, number: int) -> None:
    tab.click(f".q.on .o:not(.no-js) >> nth={number}")
    tap_next(tab)


def log_out(tab: Page, world: Remote) -> None:
    """Afterwards nothing of the participant is left on the phone."""
    tab.goto(f"{world.url}/settings/leave")
    tab.click("footer button")
    waits_for(tab)
    until(lambda: gone(tab), tab)


@pytest.mark.req("OFF-01", "OFF-03", "OFF-06")
def test_a_begun_form_opens_again_without_a_connection(world: Remote, context: BrowserContext) -> None:
    tab, form, _ = begun(context, world)
    answer(tab, 1)
    expect(tab.locator("#pos")).to_have_text("Question 2 of 30")
    world.network.disconnect()
    context.set_offline(True)
    answer(tab, 2)
    expect(tab.locator("#pos")).to_have_text("Question 3 of 30")
    tab.close()

    tab = context.new_page()
    tab.goto(form)
    assert "Answers you sent earlier are safe" in tab.inner_text("main")
    nobodys = str(read_cache(tab))
    assert world.phone.person.subject not in nobodys
    assert re.findall(r"<input[^>]* checked", nobodys) == []
    tab.goto(f"{world.url}/sent")
    assert tab.inner_text("h1") == "No connection"
    check_accessible(tab)
    tab.click("text=Carry on with my form")
    tab.wait_for_url(form)
    answer(tab, 1)
    expect(tab.locator("#s-q2 [type=radio]").nth(2)).to_be_checked()
    tap_next(tab)
    answer(tab, 3)
    world.network.reconnect()
    context.set_offline(False)
    until(lambda: sorted(world.events()) == [("q1", 2), ("q1", 2), ("q2", 3), ("q3", 4)], tab)
    until(lambda: tab.evaluate("Object.keys(localStorage)") == [], tab)
    tab.click("text=Show all my answers")
    expect(tab.locator("#pos")).to_have_text("Question 4 of 30")


@pytest.mark.req("OFF-03", "OFF-06")
def test_a_submitted_form_does_not_open_offline(world: Remote, context: BrowserContext) -> None:
    tab, form, _ = begun(context, world)
    body = {**ANSWERS, "submission_id": "s1", "reviewed": "1"}
    assert tab.evaluate(SEND_FORM, body) == 200
    waits_for(tab, "/offline")  # the runner stays on its page, and the form must open no more
    tab.goto(f"{form}/done")
    assert world.response().answers["q30"] == 2
    waits_for(tab, "/offline")
    world.clock.forward(minutes=16)
    tab.goto(form)
    waits_for(tab)
    tab.fill("[name=pin]", PIN)
    tab.click("footer button")
    tab.goto(f"{world.url}/home")
    waits_for(tab, "/offline")
    log_out(tab, world)


@pytest.mark.req("OFF-03")
def test_a_leftover_of_a_submitted_form_removes_the_cached_blank(
    world: Remote, context: BrowserContext
) -> None:
    tab, form, blank = begun(context, world)
    assert tab.evaluate(LEFTOVER, form) == "saved"
    waits_for(tab, "/offline", blank)
    other = context.browser.new_context(storage_state=context.storage_state()).new_page()  # type: ignore[union-attr]  # it has one
    other.goto(form)
    assert other.evaluate(SEND_FORM, {**ANSWERS, "submission_id": "s1", "reviewed": "1"}) == 200
    other.context.close()
    assert tab.evaluate(LEFTOVER, form) == "submitted"
    waits_for(tab, "/offline")


@pytest.mark.req("OFF-03")
def test_where_the_study_stops_it_the_phone_forgets(world: Remote, context: BrowserContext) -> None:
    tab = context.new_page()
    activate_in(tab, world)
    under_way(tab)
    waits_for(tab, "/offline")
    library = world.phone.person.installation.library
    plans = {name: replace(plan, opens_offline=False) for name, plan in library.plans.items()}
    object.__setattr__(world.phone.person.installation, "library", replace(library, plans=plans))
    tab.goto(f"{world.url}/home")
    waits_for(tab)
    until(lambda: gone(tab), tab)
    assert "register.js" not in tab.content()


def test_wechat_gets_no_worker(world: Remote, chromium: Browser) -> None:
    with chromium.new_context(viewport=SIZE, user_agent="Mozilla/5.0 MicroMessenger/8.0") as context:
        tab = context.new_page()
        activate_in(tab, world)
        assert "register.js" in tab.content()
        assert gone(tab)
