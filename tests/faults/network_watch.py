"""What the network told the phones: which answers were acknowledged, and which attempts failed."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from playwright.sync_api import BrowserContext, ConsoleMessage, Dialog, Request, Response

from tests.faults.screens import BREACH

Key = tuple[str, int]
"""An answer's sender and its number there, by which it is stored once."""
_CARRIERS = ("/answers", "/late")


@dataclass
class Watch:
    """One phone's traffic, read from outside of the page."""

    acknowledged: dict[Key, Any] = field(default_factory=dict)
    judged: dict[Key, Any] = field(default_factory=dict)
    """Taken as late: in the draft, in the response, or kept beside it."""
    failed: dict[Key, Any] = field(default_factory=dict)
    """Of the page that is open now: tried, and not acknowledged."""
    receipts: int = 0
    sending_failed: bool = False
    flying: dict[Request, int] = field(default_factory=dict)
    page: int = 0
    """How many pages were open before: a page does not tell of the attempts of the last one."""
    prompts_to_stay: int = 0
    """How often a page warned somebody who was about to leave it."""
    clients: set[str] = field(default_factory=set)
    """What this phone's pages called themselves."""
    faults: list[str] = field(default_factory=list)

    def attach(self, context: BrowserContext) -> None:
        context.on("request", self._begun)
        context.on("requestfinished", self._ended)
        context.on("requestfailed", self._failed)
        context.on("response", self._answered)
        context.on("dialog", self._on_dialog)
        context.on("console", self._on_console)
        context.on("weberror", lambda error: self.faults.append(f"script error: {error.error}"))

    def forget_page(self) -> None:
        """Another page has no failed attempts yet."""
        self.failed, self.sending_failed = {}, False
        self.page += 1

    @property
    def waits(self) -> bool:
        """Whether this page has asked something and was not answered yet."""
        return self.page in self.flying.values()

    @property
    def unsent(self) -> bool:
        """Whether this page tried to send something and has not been told that it arrived."""
        return bool(self.outstanding) or self.sending_failed

    @property
    def outstanding(self) -> set[Key]:
        """The answers that this page tried to send and has not been told of."""
        return self.failed.keys() - self.acknowledged.keys() - self.judged.keys()

    def _on_dialog(self, dialog: Dialog) -> None:
        self.prompts_to_stay += dialog.type == "beforeunload"
        dialog.accept()

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.text.startswith(BREACH):
            self.faults.append(message.text)

    def _begun(self, request: Request) -> None:
        if request.method != "POST":
            return
        self.flying[request] = self.page
        if request.url.endswith((*_CARRIERS, "/submit")):
            body: Any = request.post_data_json
            self.clients.add(body.get("client") or body["submission_id"])

    def _ended(self, request: Request) -> None:
        self.flying.pop(request, None)

    def _failed(self, request: Request) -> None:
        self._not_taken(request)
        self.flying.pop(request, None)

    def _answered(self, response: Response) -> None:
        request = response.request
        if response.status >= 500 or response.status == 422:
            self.faults.append(f"{request.method} {_path_of(request)} was answered {response.status}")
        if request.method != "POST":
            return
        if response.status >= 400:
            self._not_taken(request)
            self._ended(request)  # nobody reads why, so that the browser does not call it finished
        elif request.url.endswith("/answers"):
            self.acknowledged |= answers_of_request(request)
            self._ended(request)
        elif request.url.endswith("/late"):
            self.judged |= answers_of_request(request)
        elif request.url.endswith("/submit"):
            self.judged |= answers_beside_form(request)
            self.receipts += 1
            self.forget_page()

    def _not_taken(self, request: Request) -> None:
        if self.flying.get(request) != self.page:
            return
        if request.url.endswith(_CARRIERS):
            self.failed |= answers_of_request(request)
        elif request.url.endswith("/submit"):
            self.sending_failed = True


def answers_of_request(request: Request) -> dict[Key, Any]:
    """The answers that a request carries, each by its sender and number."""
    body = request.post_data_json or {}
    carried = [*body.get("events", ()), *body.get("kept", ())]
    return {(body["client"], event[0]): event[3] for event in carried}


def answers_beside_form(request: Request) -> dict[Key, Any]:
    """The answers that a form brought with it, because its page did not wait until they were saved."""
    fields = dict(parse_qsl(request.post_data or ""))
    carried = json.loads(fields.get("events", "[]"))
    return {(fields["submission_id"], event[0]): event[3] for event in carried}


def _path_of(request: Request) -> str:
    return request.url.rsplit("/", 1)[1]
