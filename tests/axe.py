"""axe in a page of ours: sent once to each browser context, and telling only what is wrong.

`Axe.run` of axe-playwright-python sends half a megabyte of script with every call; a page is audited
more than once, and that script was most of what an audit cost.
"""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

COLOURS = ("color-contrast", "link-in-text-block")
"""The rules whose result depends on the colour scheme."""

# A page has few colours, and axe reads them anew for each element and rule: a quarter of an audit.
_COLOURS_ONCE = """{
  const colour = axe.commons.color.Color.prototype, read = colour.parseString, known = new Map();
  colour.parseString = function (words) {
    if (!known.has(words)) {
      read.call(this, words);
      known.set(words, {r: this.r, g: this.g, b: this.b, alpha: this.alpha});
    }
    return Object.assign(this, known.get(words));
  };
}"""
PLAIN: str = Axe().axe_script
QUICK = f"{PLAIN}\n{_COLOURS_ONCE}"
"""Finds the same with less work."""
_SCRIPT = f"window.loadAxe = () => {{\n{QUICK}\n}};"
"""Stands in every document of a context that was audited once; the browser has parsed it by then."""
_AUDIT = """async (rules) => {
  if (!window.axe) {
    if (!window.loadAxe) { return null; }
    window.loadAxe();
  }
  const options = {resultTypes: ['violations']};
  if (rules.length) { options.runOnly = {type: 'rule', values: rules}; }
  const found = await axe.run(document, options);
  return found.violations.map((rule) => [rule.id, rule.nodes[0].html]);
}"""


def find_violations(tab: Page, rules: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Every violation, best practices with them, as rule and first element; `rules` are all if empty."""
    violations: Any = tab.evaluate(_AUDIT, list(rules))
    if violations is None:
        tab.context.add_init_script(_SCRIPT)
        tab.evaluate(_SCRIPT)
        violations = tab.evaluate(_AUDIT, list(rules))
    return [(rule, element) for rule, element in violations]
