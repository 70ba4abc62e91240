"""Measures a whole QLQ-C30 in Chromium on a slow connection and a slow processor.

Slow 3G is what Chromium's own tools called so for years: 2,000 ms from a request to the first byte of its
answer, 400 kbit/s either way. The processor is four times slower than the machine's.
"""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

from playwright.sync_api import Browser, Page, Request

from bench.figures import Figure, at_most, milliseconds, p95
from bench.grown import BegunForm, add_begun_forms
from bench.load import fetch, request
from bench.run import Run
from bench.serving import RunningServer
from bench.trial import open_trial
from tests.servers import launch_chromium

ITEMS = 30
SLOW_3G = {"latency": 2000, "downloadThroughput": 50_000, "uploadThroughput": 50_000}
"""Milliseconds, and bytes a second."""
SLOWER = 4
_STEP_MS = 420  # Next is ignored for 400 ms after a step, on purpose
# A question is usable when it is painted and the runner listens. Next counts from the tap to the paint.
_WATCH = """(() => {
  window.seen = {usable: 0, busy: 0, steps: []};
  const painted = (then) => requestAnimationFrame(() => setTimeout(then, 0));
  new PerformanceObserver((list) => list.getEntries().forEach((entry) => {
    if (!seen.usable) { seen.busy += entry.duration; }
  })).observe({type: 'longtask', buffered: true});
  const look = () => {
    if (!document.querySelector('section.on')) { return requestAnimationFrame(look); }
    painted(() => { seen.usable = performance.now(); });
  };
  requestAnimationFrame(look);
  addEventListener('click', (event) => {
    if (event.target.id === 'next') { painted(() => seen.steps.push(performance.now() - event.timeStamp)); }
  }, true);
})()"""


@dataclass(slots=True)
class Walk:
    """Timings of one participant filling in the form, in milliseconds."""

    usable: float = 0
    busy: float = 0
    requests: int = 0
    steps: list[float] = field(default_factory=list)
    thanks: float = 0
    bodies: int = 0
    headers: int = 0

    @property
    def waiting(self) -> float:
        """All the time in which the participant can do nothing but wait."""
        return self.usable + sum(self.steps) + self.thanks


def phone(run: Run) -> Iterator[Figure]:
    """Measure three walks; a tiny run walks once, over the last three questions, unthrottled."""
    tiny = run.scale.tiny
    with (
        launch_chromium() as browser,
        open_trial(run.cluster, 1) as trial,
        run.serve(trial.url, "http") as server,
    ):
        forms = add_begun_forms(trial, 3)[: 1 if tiny else 3]
        if tiny:
            _answer_most(server, forms[0])
        walks = [_walk(browser, server, form, slow=not tiny) for form in forms]
    yield from _figures(walks)


def _figures(walks: Sequence[Walk]) -> Iterator[Figure]:
    steps = [step for walk in walks for step in walk.steps]
    bodies = median(walk.bodies for walk in walks) / 1000
    received = bodies + median(walk.headers for walk in walks) / 1000
    yield at_most("phone: first usable question", median(walk.usable for walk in walks), 2500, milliseconds)
    yield at_most("phone: ... requests until then", max(walk.requests for walk in walks), 1, str)
    yield at_most("phone: ... long tasks until then", median(walk.busy for walk in walks), 300, milliseconds)
    yield at_most("phone: next question, p95", p95(steps), 100, milliseconds)
    yield at_most("phone: from Send to the thanks", median(walk.thanks for walk in walks), 2600, milliseconds)
    yield at_most("phone: waiting, whole form", median(walk.waiting for walk in walks), 6000, milliseconds)
    yield at_most("phone: bodies received, whole form", bodies, 12, "{:.1f} kB".format)
    yield Figure("phone: ... with the headers", f"{received:.1f} kB")


def _walk(browser: Browser, server: RunningServer, form: BegunForm, *, slow: bool) -> Walk:
    """Fill in the form from the tap on its link to the thanks, in a browser without a cache."""
    walk, url = Walk(), f"http://127.0.0.1:{server.port}"
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True, locale="en-GB")
    context.add_cookies([{"name": "device", "value": form.cookie, "url": url}])
    context.add_init_script(_WATCH)
    context.set_default_timeout(60_000)
    tab = context.new_page()
    sent: list[Request] = []

    # Playwright sets attributes on the callback, which a bound built-in method does not allow.
    def record_request(request: Request) -> None:
        sent.append(request)

    context.on("request", record_request)
    if slow:
        session = context.new_cdp_session(tab)
        session.send("Network.emulateNetworkConditions", {"offline": False, **SLOW_3G})
        session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    tab.goto(f"{url}/f/{form.slot}", wait_until="commit")
    while not tab.evaluate("() => window.seen.usable"):  # the page's policy forbids the driver to wait inside
        tab.wait_for_timeout(20)
    walk.requests = len(sent)
    _answer(tab, walk)
    tab.wait_for_timeout(3000 if slow else 100)  # what was saved in the background counts too
    sizes = [each.sizes() for each in sent if each.response()]
    walk.bodies = sum(size["responseBodySize"] for size in sizes)
    walk.headers = sum(size["responseHeadersSize"] for size in sizes)
    context.close()
    return walk


def _answer(tab: Page, walk: Walk) -> None:
    """Answer every open question, read the review, and send."""
    while tab.locator("section.on").get_attribute("id") != "review":
        tab.locator("section.on label.o:not(.no-js)").nth(1).tap()
        tab.wait_for_timeout(_STEP_MS)
        tab.locator("#next").tap()
    tab.wait_for_timeout(_STEP_MS)
    timings = tab.evaluate("window.seen")
    walk.usable, walk.busy, walk.steps = timings["usable"], timings["busy"], timings["steps"]
    began = time.perf_counter()
    tab.locator("#next").tap()
    tab.get_by_role("heading", name="Thank you").wait_for()
    walk.thanks = (time.perf_counter() - began) * 1000


def _answer_most(server: RunningServer, form: BegunForm) -> None:
    """Save the answers of all but three questions beforehand."""
    given = [{"seq": n, "base": 0, "item": f"q{n}", "value": 1} for n in range(1, ITEMS - 2)]
    events = [event | {"at": "2026-03-02T09:30:00.000+08:00"} for event in given]
    headers = {"Cookie": f"device={form.cookie}", "Accept": "application/json"}
    body = json.dumps({"client": "before", "events": events}).encode()
    fetch(server, request("POST", f"/f/{form.slot}/answers", headers, body))
