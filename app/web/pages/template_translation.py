"""Compile-time translation of templates: one compiled template per language; only what varies is left.

Asking the catalogue for every word of every row took about a third of the time of a long list, and filling
values into sentences as much again: a sentence that is shown at once is its pieces with the values between.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from gettext import NullTranslations

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.runtime import Macro
from jinja2.visitor import NodeTransformer
from markupsafe import Markup, _escape_inner, escape  # type: ignore[attr-defined]  # not in its __all__

POLICY = "daybook.words"
"""Where an environment keeps its catalogue for its compiler."""
_VALUE = re.compile(r"%\((\w+)\)s")
_OF_CONTEXT = frozenset({"_", "gettext", "ngettext"})
_WIDE_STOPS = tuple("。！？；：，")
"""Signs of Chinese that bring their own distance to what follows."""
_SILENT = (nodes.Assign, nodes.AssignBlock, nodes.FromImport, nodes.Import)
"""What shows nothing where it stands."""
_TRIED = 101
"""Numbers for which a sentence with a number is looked up, to see on what its form depends."""


class CompiledTranslations(CodeGenerator):
    """Compiles templates of an environment whose policy names its catalogue."""

    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:  # noqa: N802 - jinja2's name
        words: NullTranslations = self.environment.policies[POLICY]
        self._tables: dict[str, str] = {}
        self.writeline(f"from {__name__} import call_plainly, escape_value")
        folded = _Folding(words).visit(node)
        _close_up(folded.body, stopped=False)
        super().visit_Template(folded, frame)
        for table, name in self._tables.items():
            self.writeline(f"{name} = {table}")

    def blockvisit(self, body: Iterable[nodes.Node], frame: Frame) -> None:
        """A block's text in one piece: each piece would go through the generators of all blocks around it."""
        if not frame.block_frame or frame.buffer is not None:
            super().blockvisit(body, frame)
            return
        self.buffer(frame)
        super().blockvisit(body, frame)
        self.writeline(f"yield concat({frame.buffer})")

    def _import_common(self, node: nodes.Import | nodes.FromImport, frame: Frame) -> None:
        """A module of macros, made once: no page has globals of its own, for which to make another."""
        if node.with_context:
            super()._import_common(node, frame)
            return
        self.write("environment.get_template(")
        self.visit(node.template, frame)
        self.write(f", {self.name!r})._get_default_module()")

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:  # noqa: N802 - jinja2's name
        """An attribute, which every page is made of; a key of a mapping is written in brackets."""
        self.visit(node.node, frame)
        self.write(f".{node.attr}")

    def visit_Call(self, node: nodes.Call, frame: Frame, forward_caller: bool = False) -> None:  # noqa: N802 - jinja2's name
        """A macro or a method, of which none asks for the context, as forms of words by number do."""
        if isinstance(node.node, nodes.Name) and node.node.name in _OF_CONTEXT:
            super().visit_Call(node, frame, forward_caller)
            return
        self.write("call_plainly(")
        self.visit(node.node, frame)
        self.signature(node, frame, {"caller": "caller"} if forward_caller else None)
        self.write(")")

    def visit_Const(self, node: nodes.Const, frame: Frame) -> None:  # noqa: N802 - jinja2's name
        """A table of codes and their words is made once for the module, and not at each look into it."""
        if isinstance(node.value, dict) and node.value:
            self.write(self._tables.setdefault(repr(node.value), f"table_{len(self._tables)}"))
        else:
            super().visit_Const(node, frame)

    def _output_child_pre(
        self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo
    ) -> None:
        if frame.eval_ctx.autoescape and not frame.eval_ctx.volatile and finalize.src is None:
            self.write("escape_value(")
        else:
            super()._output_child_pre(node, frame, finalize)


def call_plainly(what: Callable[..., object], *values: object, **named: object) -> object:
    """What a macro or method of a page says, without looking at each call whether it takes more than that.

    A macro that is given all that it takes is asked at once: to sort out its values costs as much as it.
    """
    if type(what) is Macro and not what.caller:
        if named and not values and [*named] == [*what.arguments]:
            values, named = tuple(named.values()), {}
        if not named and len(values) == len(what.arguments):
            return Markup(what._func(*values))  # noqa: S704, SLF001 - it escapes as all of its environment do
    return what(*values, **named)


def escape_value(value: object) -> str:
    """A value as it stands in a page; numbers and what is safe already need no look at their characters."""
    if isinstance(value, str) and type(value) is str:
        return _escape_inner(value)
    if isinstance(value, Markup):
        return value
    return str(value) if type(value) is int else escape(value)


@dataclass(frozen=True, slots=True)
class _Sentence:
    """What a call says: with one, with another `number` of something, and the values in it."""

    one: str
    other: str
    number: nodes.Expr
    values: Mapping[str, nodes.Expr]
    line: int

    @property
    def is_one(self) -> nodes.Expr:
        """Whether the number is one."""
        operand = nodes.Operand("eq", nodes.Const(1, lineno=self.line), lineno=self.line)
        return nodes.Compare(self.number, [operand], lineno=self.line)

    def as_value(self, text: str) -> nodes.Expr:
        """One of its forms as a value."""
        if not self.values:
            return nodes.MarkSafe(nodes.Const(text % {}, lineno=self.line), lineno=self.line)
        # Filled in as what is safe already, so that the values are escaped.
        safe = nodes.MarkSafe(nodes.Const(text, lineno=self.line), lineno=self.line)
        pairs = [
            nodes.Pair(nodes.Const(name), value, lineno=self.line) for name, value in self.values.items()
        ]
        return nodes.Mod(safe, nodes.Dict(pairs, lineno=self.line), lineno=self.line)

    def as_output(self, text: str) -> nodes.Output:
        """One of its forms as it is shown: its pieces with the values between."""
        pieces = _VALUE.split(text)  # text and names in turns
        parts: list[nodes.Expr] = [
            self.values[piece] if index % 2 else nodes.TemplateData(piece % {}, lineno=self.line)
            for index, piece in enumerate(pieces)
            if piece
        ]
        return nodes.Output(parts, lineno=self.line)


class _Folding(NodeTransformer):
    """Replaces `_("…")` by what it says, and `_("…", name=value)` by that with the value in its place.

    Likewise `ngettext("…", "…", number)` where the form depends on whether the number is one, or on nothing.
    """

    def __init__(self, words: NullTranslations) -> None:
        self.words = words

    def visit_Output(self, node: nodes.Output) -> Sequence[nodes.Stmt]:  # noqa: N802 - jinja2's name
        shown: list[nodes.Stmt] = []
        for child in node.nodes:
            sentence = self._read(child)
            if sentence is None:
                shown.append(nodes.Output([self.visit(child)], lineno=node.lineno))
            elif sentence.one == sentence.other:
                shown.append(sentence.as_output(sentence.one))
            else:
                one, other = sentence.as_output(sentence.one), sentence.as_output(sentence.other)
                shown.append(nodes.If(sentence.is_one, [one], [], [other], lineno=node.lineno))
        return _join(shown)

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802 - jinja2's name
        sentence = self._read(node)
        if sentence is None:
            return self.generic_visit(node)
        one, other = sentence.as_value(sentence.one), sentence.as_value(sentence.other)
        same = sentence.one == sentence.other
        return one if same else nodes.CondExpr(sentence.is_one, one, other, lineno=node.lineno)

    def _read(self, node: nodes.Expr) -> _Sentence | None:
        """The sentence that this is; None for what is none, or has forms by more than one and other."""
        match node:
            case nodes.Call(
                node=nodes.Name(name="_" | "gettext"),
                args=[nodes.Const(value=str(text))],
                kwargs=variables,
                dyn_args=None,
                dyn_kwargs=None,
            ):
                said = self.words.gettext(text)
                return _Sentence(said, said, nodes.Const(1), self._values(variables), node.lineno)
            case nodes.Call(
                node=nodes.Name(name="ngettext"),
                args=[nodes.Const(value=str(one)), nodes.Const(value=str(other)), counted],
                kwargs=variables,
                dyn_args=None,
                dyn_kwargs=None,
            ):
                forms = [self.words.ngettext(one, other, number) for number in range(_TRIED)]
                if any(form != forms[0] for number, form in enumerate(forms) if number != 1):
                    return None
                number = self.visit(counted)
                values = {"num": number, **self._values(variables)}
                return _Sentence(forms[1], forms[0], number, values, node.lineno)
        return None

    def _values(self, variables: Sequence[nodes.Keyword]) -> Mapping[str, nodes.Expr]:
        return {variable.key: self.visit(variable.value) for variable in variables}


def _join(shown: Sequence[nodes.Stmt]) -> Sequence[nodes.Stmt]:
    """The nodes with outputs that follow each other as one."""
    joined: list[nodes.Stmt] = []
    for node in shown:
        last = joined[-1] if joined else None
        if isinstance(node, nodes.Output) and isinstance(last, nodes.Output):
            last.nodes.extend(node.nodes)
        else:
            joined.append(node)
    return joined


def _close_up(body: Sequence[nodes.Node], *, stopped: bool) -> bool:
    """Drop the blank between sentences where a full-width sign ends one; whether one ends what is shown here.

    `stopped`: what stands before ends with one. What a macro shows is not known, and links keep their blank.
    """
    for node in body:
        if isinstance(node, nodes.Output):
            stopped = _close_output(node, stopped=stopped)
        elif isinstance(node, nodes.If):
            branches = [node.body, *(other.body for other in node.elif_), node.else_]
            ends = [_close_up(branch, stopped=stopped) for branch in branches]
            stopped = all(ends)
        else:
            for name in ("body", "else_"):
                _close_up(getattr(node, name, ()), stopped=False)
            stopped = stopped and isinstance(node, _SILENT)
    return stopped


def _close_output(output: nodes.Output, *, stopped: bool) -> bool:
    for node in output.nodes:
        if not isinstance(node, nodes.TemplateData):
            stopped = False
            continue
        if stopped and node.data == " ":
            node.data = ""
        else:
            stopped = node.data.endswith(_WIDE_STOPS)
    return stopped
