"""A hand that only knows the keyboard, and that always sees where it is."""

from dataclasses import dataclass

from playwright.sync_api import Locator, Page

from tests.page_time import forward_clock

FARTHEST = 40
"""More Tabs than any page of ours has stops."""

# What is wrong with the place of the focus; "" when it can be seen. An option shows the ring of its input.
# A heading takes the focus by script only, so that it is read out; it is no place to act (WCAG 2.4.7).
LOST = """() => { const at = document.activeElement, named = x => x.outerHTML.slice(0, 90);
  if (!at || at === document.body) { return 'the focus is nowhere'; }
  if (at.matches('h1[tabindex="-1"]')) { return ''; }
  const seen = at.matches('.o input') ? at.nextElementSibling : at, style = getComputedStyle(seen);
  const colour = style.outlineColor.match(/[\\d.]+/g), clear = colour.length > 3 && Number(colour[3]) === 0;
  const outlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 && !clear;
  if (!outlined && !/ 6px/.test(style.boxShadow)) { return 'no ring: ' + named(seen); }
  const box = seen.getBoundingClientRect(), bar = document.querySelector('.bar');
  const over = bar && bar.offsetHeight && !bar.contains(seen);
  const free = over ? bar.getBoundingClientRect().top : innerHeight;
  if (box.width < 2 || box.height < 2) { return 'too small to see: ' + named(seen); }
  if (box.top < 0 || box.left < 0 || box.right > innerWidth) { return 'outside the screen: ' + named(seen); }
  if (box.bottom > free + 1) { return 'below the bar: ' + named(seen); }
  const there = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  return seen.contains(there) || there.contains(seen) ? '' : 'covered: ' + named(seen); }"""
_LOOK = f"found => [found.includes(document.activeElement), ({LOST})()]"


@dataclass
class Keyboard:
    """One tab of a browser, moved through by keys alone."""

    tab: Page

    def press(self, key: str) -> None:
        self.tab.keyboard.press(key)

    def move(self, key: str) -> None:
        """Press a key that moves the focus; where it is must be seen."""
        self.press(key)
        lost = self.tab.evaluate(LOST)
        assert lost == "", f"{key}: {lost}"

    def to(self, goal: Locator, key: str = "Tab") -> None:
        """Move on until the goal has the focus."""
        there, _ = self._look(goal)
        for _ in range(FARTHEST):
            if there:
                return
            self.press(key)
            there, lost = self._look(goal)
            assert lost == "", f"{key}: {lost}"
        raise AssertionError(f"no key leads to {goal}")

    def type_into(self, goal: Locator, words: str) -> None:
        self.to(goal)
        self.tab.keyboard.type(words)

    def enter(self, goal: Locator, leads: str) -> None:
        """Go to what leads to another page, and press Enter there."""
        self.to(goal)
        with self.tab.expect_navigation(url=leads):
            self.press("Enter")

    def pick(self, group: str, downs: int = 0) -> None:
        """Go to a group of options, which Tab enters once, and choose by Space and arrows."""
        self.to(self.tab.locator(f"{group} >> nth=0"))
        self.press("Space")
        for _ in range(downs):
            self.move("ArrowDown")

    def step(self) -> None:
        """Enter is Next."""
        forward_clock(self.tab)
        self.press("Enter")

    @staticmethod
    def _look(goal: Locator) -> tuple[bool, str]:
        """Whether the goal has the focus, and what is wrong with its place; asked at once."""
        there, lost = goal.evaluate_all(_LOOK)
        return bool(there), str(lost)
