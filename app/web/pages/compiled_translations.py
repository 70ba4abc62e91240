"""Words are put into a template when it is compiled, for each language its own; only what varies is left.

Asking the catalogue for every word of every row took about a third of the time of a long list.
"""

from collections.abc import Sequence
from gettext import NullTranslations

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.visitor import NodeTransformer

POLICY = "daybook.words"
"""Where an environment keeps its catalogue for its compiler."""


class CompiledTranslations(CodeGenerator):
    """Compiles templates of an environment whose policy names its catalogue."""

    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:  # noqa: N802 - jinja2's name
        words: NullTranslations = self.environment.policies[POLICY]
        super().visit_Template(_Folding(words).visit(node), frame)


class _Folding(NodeTransformer):
    """Replaces `_("…")` by what it says, and `_("…", name=value)` by that with the value in its place."""

    def __init__(self, words: NullTranslations) -> None:
        self.words = words

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802 - jinja2's name
        self.generic_visit(node)
        match node:
            case nodes.Call(
                node=nodes.Name(name="_" | "gettext"),
                args=[nodes.Const(value=str(sentence))],
                kwargs=variables,
                dyn_args=None,
                dyn_kwargs=None,
            ):
                return self._translate(sentence, variables, node.lineno)
        return node

    def _translate(self, sentence: str, variables: Sequence[nodes.Keyword], line: int) -> nodes.Expr:
        translation = self.words.gettext(sentence)
        if not variables:
            return nodes.MarkSafe(nodes.Const(translation % {}, lineno=line), lineno=line)
        # Filled in as what is safe already, so that the values are escaped.
        safe = nodes.MarkSafe(nodes.Const(translation, lineno=line), lineno=line)
        pairs = [nodes.Pair(nodes.Const(each.key), each.value, lineno=line) for each in variables]
        return nodes.Mod(safe, nodes.Dict(pairs, lineno=line), lineno=line)
