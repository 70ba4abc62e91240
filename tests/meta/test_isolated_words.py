"""What people typed never runs into our own words: it stands in `<bdi>`, whichever way its letters run."""

import re
from collections.abc import Iterator

from jinja2 import Environment, nodes

from tests.meta.sources import ROOT

TEMPLATES = ROOT / "app" / "templates"
SENTENCES = {"_", "ngettext", "pgettext", "npgettext"}
TYPED = {
    "note",
    "lost",
    "recorded_by",
    "signer",
    "reader",
    "first_by",
    "second_by",
    "proposed_by",
    "decided_by",
}
"""Values of pages that are words or names of people, wherever they are shown."""
PLACES = {"words", "reason"}
"""Places of our sentences that take what somebody wrote."""
OURS = {"words": {"clinic/scale_words.html"}}
"""Values of such a name that are words of ours, by template."""
SAFE = re.compile(r"""<bdi[^>]*>$|<textarea[^>]*>$|="[^"<>]*$""")
"""After which a value is isolated, or stands in an attribute or a field of its own."""


def parsed() -> Iterator[tuple[str, nodes.Template]]:
    environment = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    for path in sorted(TEMPLATES.rglob("*.html")):
        yield path.relative_to(TEMPLATES).as_posix(), environment.parse(path.read_text("utf-8"))


def is_typed(value: nodes.Expr) -> bool:
    """A value as the page has it, of one of the names under which typed words go."""
    return isinstance(value, nodes.Getattr) and value.attr in TYPED


def list_open_sentences(name: str, template: nodes.Template) -> Iterator[str]:
    """Where one of our sentences takes typed words that are not isolated."""
    for call in template.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name in SENTENCES:
            for each in call.kwargs:
                raw = isinstance(each.value, nodes.Getattr | nodes.Getitem | nodes.Filter)
                if is_typed(each.value) or (
                    each.key in PLACES and raw and name not in OURS.get(each.key, ())
                ):
                    yield f"{name}:{call.lineno} {each.key}"


def list_open_values(name: str, template: nodes.Template) -> Iterator[str]:
    """Where typed words stand beside something else without an element of their own."""
    for output in template.find_all(nodes.Output):
        before = ""
        for each in output.nodes:
            if is_typed(each) and not SAFE.search(before):
                yield f"{name}:{each.lineno} {before[-20:]!r}"
            before = each.data if isinstance(each, nodes.TemplateData) else ""


def test_sentences_take_typed_words_isolated() -> None:
    assert [each for name, template in parsed() for each in list_open_sentences(name, template)] == []


def test_typed_words_have_an_element_of_their_own() -> None:
    assert [each for name, template in parsed() for each in list_open_values(name, template)] == []


def test_the_rules_find_what_they_are_for() -> None:
    words = '{{ _("You wrote: %(words)s", words=page.reason) }} · {{ page.note }} <bdi>{{ page.note }}</bdi>'
    template = Environment(extensions=["jinja2.ext.i18n"], autoescape=True).parse(words)
    assert list(list_open_sentences("a.html", template)) == ["a.html:1 words"]
    assert list(list_open_values("a.html", template)) == ["a.html:1 ' · '"]
