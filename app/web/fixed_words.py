"""Words that never vary are put into a template when it is compiled, for each language its own.

Asking the catalogue for every word of every row took about a third of the time of a long list.
"""

from gettext import NullTranslations

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.visitor import NodeTransformer

POLICY = "daybook.words"
"""Where an environment keeps its catalogue for its compiler."""


class FixedWords(CodeGenerator):
    """Compiles templates of an environment whose policy names its catalogue."""

    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:  # noqa: N802 - jinja2's name
        words: NullTranslations = self.environment.policies[POLICY]
        super().visit_Template(_Folding(words).visit(node), frame)


class _Folding(NodeTransformer):
    """Replaces `_("…")` without variables by what it says."""

    def __init__(self, words: NullTranslations) -> None:
        self.words = words

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802 - jinja2's name
        self.generic_visit(node)
        match node:
            case nodes.Call(
                node=nodes.Name(name="_" | "gettext"),
                args=[nodes.Const(value=str(sentence))],
                kwargs=[],
                dyn_args=None,
                dyn_kwargs=None,
            ):
                told = nodes.Const(self.words.gettext(sentence) % {}, lineno=node.lineno)
                return nodes.MarkSafe(told, lineno=node.lineno)
        return node
