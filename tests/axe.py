"""axe in a page of ours: injected once for each document, and telling only what is wrong.

`Axe.run` of axe-playwright-python sends half a megabyte of script with every call; a page is audited
more than once, and that script was most of what an audit cost.
"""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

COLOURS = ("color-contrast", "link-in-text-block")
"""The rules whose result depends on the colour scheme."""

_SCRIPT: str = Axe().axe_script
_AUDIT = """async (rules) => {
  const options = {resultTypes: ['violations']};
  if (rules.length) { options.runOnly = {type: 'rule', values: rules}; }
  const found = await axe.run(document, options);
  return found.violations.map((rule) => [rule.id, rule.nodes[0].html]);
}"""


def audit(tab: Page, rules: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Every violation, best practices with them, as rule and first element; `rules` are all if empty."""
    if not tab.evaluate("'axe' in window"):
        tab.evaluate(_SCRIPT)
    return [(rule, element) for rule, element in tab.evaluate(_AUDIT, list(rules))]
