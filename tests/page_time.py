"""Time as a page sees it: its clock moved on without waiting, and turns in which it does what is due.

A wait in milliseconds is too long on a fast machine and too short on a slow one. A page's own timer
comes when the page has got round to it, however slow the machine is.
"""

import time
from collections.abc import Callable

from playwright.sync_api import Page

STEP_MS = 430
"""Next is ignored for 400 ms after a step, by the page's clock."""
TURN = "new Promise((done) => setTimeout(done, 20))"
GUARD_SECONDS = 120.0
"""Only against hanging."""

_FORWARD = """(ms) => {
  if (window.ahead === undefined) {
    const Real = Date;
    window.ahead = 0;
    window.Date = class extends Real {
      constructor(...moment) {
        if (moment.length) { super(...moment); } else { super(Real.now() + window.ahead); }
      }
      static now() { return Real.now() + window.ahead; }
    };
  }
  window.ahead += ms;
}"""


def forward_clock(tab: Page, ms: int = STEP_MS) -> None:
    """Let the page's clock show that so much time has passed; its timers stay where they are."""
    take_turns(tab, 1)  # what was just tapped has happened
    tab.evaluate(_FORWARD, ms)


def take_turns(tab: Page, times: int = 5) -> None:
    """Let the page do what is due; for showing that something does not happen."""
    for _ in range(times):
        tab.evaluate(TURN)


def wait_until(tab: Page, is_true: Callable[[], bool]) -> None:
    """Wait for what the page brings about elsewhere; raises TimeoutError when it never does."""
    until = time.monotonic() + GUARD_SECONDS
    while not is_true():
        if time.monotonic() > until:
            raise TimeoutError("the page never did what was expected")
        take_turns(tab, 1)
