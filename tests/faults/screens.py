"""What is on a phone's screen and in its memory, as scripts of the test's own read it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from app.domain.instruments.responses import OPEN
from tests.faults.forms import MARK

STAY = "Your answers are not kept on this phone"
BREACH = "kept on the phone:"
"""How the console tells what must not have been stored."""

# The phone's clock goes with the world's, and its long waits are short: a test has no 20 seconds.
PHONE = """(() => {
  const Real = Date, every = window.setInterval, put = Storage.prototype.setItem;
  const shown = () => Real.now() + (window.ahead || 0);
  window.Date = class extends Real {
    constructor(...told) { if (told.length) { super(...told); } else { super(shown()); } }
    static now() { return shown(); }
  };
  window.setInterval = (act, ms, ...more) => every(act, ms >= 10000 ? 500 : ms, ...more);
  window.clicks = 0;
  window.addEventListener('click', () => { window.clicks += 1; }, true);
  Storage.prototype.setItem = function (key, value) {
    if (%s.test(key + value)) { console.error('%s ' + key + ' ' + value); }
    return put.call(this, key, value);
  };
})()"""
# The world's moment may only go forward, so the greatest of all that was set is the last.
AHEAD = "window.ahead = Math.max(window.ahead === undefined ? {ms} : window.ahead, {ms})"
SCREEN = """() => {
  const one = (found) => document.querySelector(found);
  const seen = (what) => !!what && what.getClientRects().length > 0 && !what.classList.contains('vh');
  const on = one('section.on'), main = on || document, net = one('#net'), outbox = {};
  const place = location.pathname, has = (found) => !!one(found), left = one('#unsent');
  try { Object.keys(localStorage).filter((key) => /^ob:/.test(key)).forEach((key) => {
    outbox[key] = JSON.parse(localStorage[key]); }); } catch (refused) { /* a page of the browser's own */ }
  return {
    kind: /done$/.test(place) ? 'done' : has('#f') ? 'form' : has('[name=who]') ? 'begin'
      : has('main [name=pin]') ? 'pin' : /^.home/.test(place) ? 'home' : has('#main') ? 'other' : 'none',
    at: on ? on.id : '', heading: (main.querySelector('h1') || {}).textContent || '',
    net: ((net || left || {}).textContent || '').trim(),
    warned: seen(net) && !!net.textContent.trim() || seen(left) && /^Answers not sent/.test(left.textContent),
    login: seen(one('#login')),
    login_beside: !!one('#login a[target=_blank]'),
    receipt: (/Receipt ([\\w\u00a0]+)/.exec((document.body || {}).innerText) || ['', ''])[1]
      .replace(/\u00a0/g, ''),
    blank: /without a connection/.test((one('#main > .info') || {}).textContent),
    outbox: outbox, clicks: window.clicks || 0, born: performance.timeOrigin,
  };
}"""
# What stands in a list is told by its name there; what is not ticked counts as not answered.
CHECKED = """() => [].slice.call(document.querySelectorAll('#f section[id^=s-]')).map((section) => {
  const form = document.getElementById('f'), told = section.dataset;
  const box = form.elements[told.box || 'tick_' + section.id.slice(2)], own = box && !told.box;
  if (told.list) {
    const none = form.querySelector('#none').checked, done = form.querySelector('#done').checked;
    return [section.querySelector('h1').textContent, none || done, +done];
  }
  if (box && (told.tick || !box.checked)) {
    return [box.nextElementSibling.textContent, !!told.tick && box.checked, 1];
  }
  const on = section.querySelector('[type=radio]:checked'), blank = section.querySelector('[type=checkbox]');
  const typed = section.querySelector('input:not([type])'), words = typed ? typed.value.trim() : '';
  return [section.querySelector('h1').textContent, !!(on || words || blank && blank.checked || own),
    on ? +on.value : words || (own && !(blank && blank.checked) ? OPEN : null)];
})""".replace("OPEN", str(OPEN))
TURN = "new Promise((done) => setTimeout(done, 50))"
"""A while of the page's own: what the page heard before is done when this is over."""
REVIEWED = """() => [].slice.call(document.querySelectorAll('#rows > div')).map((row) =>
  [row.querySelector('dt').textContent.replace(/^\\d+\\. /, ''), row.querySelector('dd').textContent])"""
# Of each page that the worker keeps: how many answers stand in it, and its revision.
CACHED = """async () => {
  const found = [];
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) {
      const words = await (await cache.match(request)).text();
      const page = new DOMParser().parseFromString(words, 'text/html');
      const typed = [].slice.call(page.querySelectorAll('section input:not([type])'));
      const revision = page.querySelector('[name=revision]');
      found.push([new URL(request.url).pathname, words,
        page.querySelectorAll('[checked]').length + typed.filter((each) => each.getAttribute('value')).length,
        revision ? revision.value : '0']);
    }
  }
  return found;
}"""
ACTIVE = """!!navigator.serviceWorker && navigator.serviceWorker.getRegistration().then(
  (found) => !!(found && found.active && found.active.state === "activated"))"""
# A page that was on its way while the worker came is not its own, but the next one is.


def phone_script(*, keeps: bool) -> str:
    """What makes a browser the test's phone, and tells of what must not be stored."""
    return PHONE % (f"/{MARK}/" if keeps else f"/^ob:|{MARK}/", BREACH)


@dataclass(frozen=True, slots=True)
class Screen:
    """What the participant sees, and what their phone holds."""

    kind: str = "none"
    at: str = ""
    heading: str = ""
    net: str = ""
    warned: bool = False
    login: bool = False
    login_beside: bool = False
    """Whether the way to the PIN leaves this page open."""
    receipt: str = ""
    blank: bool = False
    """A form from the worker: it knows only what this phone could not send."""
    outbox: dict[str, Any] = field(default_factory=dict)
    clicks: int = 0
    """What this page was tapped so far."""
    born: float = 0
    """When this page began, by which it is told from the next one."""

    @property
    def reviews(self) -> bool:
        return self.at == "review"

    def signs(self) -> set[str]:
        """The signs of the items whose answers are in the outbox; what is not ticked or open is none."""
        last = {event[2]: event[3] for box in self.outbox.values() for event in box["q"]}
        return {sign for sign, value in last.items() if value is None or value >= 0}

    def list_answers(self) -> Iterator[tuple[str, int]]:
        """The answers in the outbox, each by its sender and number."""
        for key, box in self.outbox.items():
            for event in box["q"]:
                yield key.rsplit(":", 1)[1], event[0]
