"""A phone before a small real server that hands out one form, and keeps what it is sent."""

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from playwright.sync_api import Browser, BrowserContext, Page, StorageState, ViewportSize, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from app.domain.instruments.responses import AnswerValue
from app.patient.forms.assets import policy_of_page
from app.patient.forms.pages import FormPage
from tests.compiled_templates import shipped_pages
from tests.faces import page_samples as samples
from tests.page_time import forward_clock, wait_until
from tests.servers import serve_application

SIZE: ViewportSize = {"width": 360, "height": 740}
RECORD = ("seq", "base", "item", "value", "at", "sum", "offline")
"""What the runner sends of an answer, in its order."""


def name_parts(record: list[object]) -> dict[str, object]:
    """An answer of the runner's, each part by its name."""
    event = dict(zip(RECORD, record, strict=True))
    return {**event, "offline": {0: False, 1: True}[int(str(event["offline"]))]}


@dataclass
class Desk:
    """Serves one form and keeps what it is sent; `save`, `submit` and `late_status` are what it answers.

    `others` are answers that came from elsewhere; they are numbered along with this phone's. While it
    `holds`, no answer to a save goes out.
    """

    page: FormPage
    save: int = 204
    submit: int = 200
    late_status: int = 200
    others: int = 0
    holds: bool = False
    closed: bool = False
    events: list[dict[str, object]] = field(default_factory=list)
    known: set[tuple[str, object]] = field(default_factory=set)
    bodies: list[dict[str, object]] = field(default_factory=list)
    late: list[dict[str, object]] = field(default_factory=list)
    submissions: list[dict[str, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/f/x", self._form),
                Route("/f/x/answers", self._save, methods=["POST"]),
                Route("/f/x/submit", self._submit, methods=["POST"]),
                Route("/f/x/late", self._late, methods=["POST"]),
                Route("/f/x/done", self._done),
                Route("/static/1/js/aloud.js", self._aloud),
            ]
        )

    def _form(self, _request: Request) -> Response:
        if self.closed:
            return HTMLResponse(
                "<!doctype html><html lang=en><title>Closed</title><h1>This form is closed</h1>"
            )
        html = shipped_pages().render_document(self.page, samples.frame("en"))
        return HTMLResponse(html, headers=policy_of_page(self.page))

    async def _save(self, request: Request) -> Response:
        body = json.loads(await request.body())
        body["events"] = [name_parts(record) for record in body["events"]]
        until = time.monotonic() + 20
        while self.holds and time.monotonic() < until:
            await asyncio.sleep(0.005)
        if self.save == 409:
            self.closed = True
            return Response('{"state": "submitted"}', 409)
        if self.save == 204:
            self.bodies.append(body)
            for event in body["events"]:
                self._take(body["client"], event)
        return Response(status_code=self.save, headers={"X-Revision": str(len(self.events) + self.others)})

    def _take(self, client: str, event: dict[str, object]) -> None:
        """Keep an answer once, known by client and number as on the server: a phone may repeat a request."""
        known = (client, event["seq"])
        if known not in self.known:
            self.known.add(known)
            self.events.append(event)

    async def _late(self, request: Request) -> Response:
        self.late.append(json.loads(await request.body()))
        return Response('{"state": "kept"}', self.late_status)

    async def _submit(self, request: Request) -> Response:
        self.submissions.append(dict(parse_qsl((await request.body()).decode())))
        return HTMLResponse('<h1 tabindex="-1">Thanks</h1><footer class="bar"></footer>', self.submit)

    def _aloud(self, _request: Request) -> Response:
        script = (samples.STATIC / "js" / "aloud.js").read_text(encoding="utf-8")
        return Response(script, media_type="text/javascript")

    def _done(self, _request: Request) -> Response:
        return HTMLResponse("<!doctype html><html lang=en><title>Thanks</title><h1>Thanks</h1>")


@dataclass
class Phone:
    """A page at phone size, with the thumb's movements."""

    desk: Desk
    context: BrowserContext
    page: Page
    url: str

    @property
    def question(self) -> str:
        return self.page.inner_text(".q.on h1")

    def choose(self, number: int) -> None:
        self.page.click(f".q.on .o:not(.no-js) >> nth={number}")

    def next(self) -> None:
        forward_clock(self.page)
        self.page.click("#next")

    def expect_saved(self, value: AnswerValue) -> None:
        """The server has this as its last answer, or soon will."""
        wait_until(self.page, lambda: self.desk.events[-1:] != [] and self.desk.events[-1]["value"] == value)

    def expect_values(self, *values: AnswerValue) -> None:
        """The server has these answers in this order, or soon will; never another or one more."""
        wait_until(self.page, lambda: len(self.desk.events) >= len(values))
        assert [event["value"] for event in self.desk.events] == list(values)

    def stored(self) -> dict[str, str]:
        """What the phone keeps, by name."""
        origins = self.context.storage_state()["origins"]
        return {each["name"]: each["value"] for origin in origins for each in origin["localStorage"]}

    def restarted(self, browser: Browser) -> "Phone":
        """The same phone after its tab was killed and it was switched off and on."""
        state: StorageState = self.context.storage_state()
        self.context.close()
        context = browser.new_context(viewport=SIZE, has_touch=True, storage_state=state)
        return open_form_tab(self.desk, context, self.url)


def open_form_tab(desk: Desk, context: BrowserContext, url: str) -> Phone:
    """The form in a new tab; errors of its script fail the test."""
    tab = context.new_page()
    tab.on("pageerror", lambda error: desk.faults.append(str(error)))
    tab.goto(f"{url}/f/x")
    return Phone(desk, context, tab, url)


def phone_with(browser: Browser, page: FormPage, script: str = "") -> Iterator[Phone]:
    """A phone with the form open; `script` runs before any of the page's."""
    desk = Desk(page)
    with serve_application(desk.app()) as url:
        context = browser.new_context(viewport=SIZE, has_touch=True)
        if script:
            context.add_init_script(script)
        phone = open_form_tab(desk, context, url)
        yield phone
        context.close()
        assert desk.faults == []


def expect_line(phone: Phone, words: str) -> None:
    """The one calm line at the top says this."""
    expect(phone.page.locator("#net")).to_contain_text(words)
    expect(phone.page.locator("#net")).to_have_class("warn")


def answer_last_two(phone: Phone) -> None:
    """Answer the last two questions of the QLQ-C30; the review is shown then."""
    phone.choose(4)
    phone.next()
    phone.choose(6)
    phone.next()
