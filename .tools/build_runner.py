"""Build script of the question runner: `python .tools/build_runner.py` writes app/static/js/runner.*.min.js.

There is one for each kind of form (`RUNNERS`), without what such a form has no use for. It joins the sources
in one function, so that nothing of them is global, and minifies them. The parser knows ECMAScript 5 and no
more, so a source that old browsers cannot read is refused here.
"""

import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from calmjs.parse import asttypes as js
from calmjs.parse import es5, rules
from calmjs.parse.handlers.core import token_handler_unobfuscate
from calmjs.parse.handlers.obfuscation import CatchScope, Obfuscator, Scope
from calmjs.parse.lexers.es5 import Lexer
from calmjs.parse.ruletypes import Resolve
from calmjs.parse.unparsers.es5 import Unparser
from calmjs.parse.walkers import Walker

from js_rewrites import is_name, rewrite, shorten

FOLDER = Path(__file__).resolve().parents[1] / "app" / "static" / "js"
SOURCES = ("outbox", "transport", "form", "list")
FLAGS = ("TYPED", "TEXTS", "RULES", "URGENT", "IFS", "LIST")
RUNNERS: dict[str, tuple[str, ...]] = {
    "choice": (),
    "full": ("TYPED", "TEXTS", "RULES", "URGENT", "IFS"),
    "list": ("TYPED", "RULES", "URGENT", "LIST"),
    "all": FLAGS,
}
"""What forms of each kind may have, by the words of the sources; what is not named is left out."""
STATE = "state"
SHORT_MEMBERS = {
    "records": "q",
    "sendPressedAt": "w",
    "seq": "s",
    "base": "b",
    "section": "i",
    "answer": "v",
    "givenAt": "t",
    "sum": "u",
    "offline": "o",
}
"""Members of a box and of a record in memory, which no other program sees under these names."""
GLOBALS = {
    "history",
    "location",
    "scrollBy",
    "scrollTo",
    "getComputedStyle",
    "localStorage",
    "sessionStorage",
    "innerWidth",
}
"""Members of the window that every browser has: written without it. Any other raises where it is missing."""
LOCAL_NAMES = ("a", "b")
"""Not given to what all functions share, so that most parameters of all functions have the same names."""


def main() -> int:
    """Write the minified scripts."""
    for kind in RUNNERS:
        output_path(kind).write_text(build(kind), encoding="utf-8")
    return 0


def output_path(kind: str) -> Path:
    """Where the runner of this kind stands."""
    return FOLDER / f"runner.{kind}.min.js"


def build(kind: str) -> str:
    """The script for forms of this kind as it travels in the page."""
    names = (name for name in SOURCES if name != "list" or "LIST" in RUNNERS[kind])
    sources = (FOLDER / "runner" / f"{name}.js" for name in names)
    source = "\n".join(source.read_text(encoding="utf-8") for source in sources)
    return minify(source, {flag: flag in RUNNERS[kind] for flag in FLAGS})


def minify(source: str, flags: Mapping[str, bool] | None = None) -> str:
    """The statements of a source in one function, with short names and without blanks and comments.

    What depends on one of `flags` is decided here, and functions that nobody calls then are left out.

    Raises ECMASyntaxError for anything newer than ES5, and ValueError for a use of the state that is not
    `state.member` with a declared member.
    """
    return unparse(build_program(source, flags or {}))


def build_program(source: str, flags: Mapping[str, bool]) -> js.Node:
    """The syntax tree of what remains, before its variables are named."""
    program = es5(f"(function (document, window, undefined) {{\n{source}\n}})(document, window);")
    constants = {
        each.identifier.value: each.initializer
        for statement in Walker().filter(program, _declares_constants)
        for each in statement
    }
    rewrite(program, lambda node: None if _declares_constants(node) else node)
    rewrite(program, partial(_fold_flags, flags))
    _drop_unused_functions(program)
    rewrite(program, lambda node: constants.get(node.value, node) if is_name(node) else node)
    rewrite(program, _replace_state_members)
    _drop_getters(program)
    rewrite(program, _shorten_literals)
    shorten(program)
    if any(is_name(node, STATE) for node in Walker().walk(program)):
        raise ValueError(f"`{STATE}` can only be used as `{STATE}.member`")
    return program


def unparse(program: js.Node) -> str:
    """The program as text, with short names."""
    unparser = Unparser(rules=(rules.minify(drop_semi=True), _short_names))
    script = "".join(chunk.text for chunk in unparser(program))
    if f"{STATE}$" in script:
        raise ValueError(f"a `{STATE}.member` is used that is not declared")
    return script


def _fold_flags(flags: Mapping[str, bool], node: js.Node) -> js.Node | None:
    """What remains of a condition in which a flag stands; flags are told as JavaScript's true and false."""
    if is_name(node) and node.value in flags:
        return js.Boolean(str(flags[node.value]).lower())
    if (
        isinstance(node, js.UnaryExpr)
        and node.op == "!"
        and (constant := _constant_value(node.value)) is not None
    ):
        return js.Boolean(str(not constant).lower())
    if isinstance(node, js.GroupingOp) and _constant_value(node.expr) is not None:
        return node.expr
    if isinstance(node, js.BinOp) and node.op in ("&&", "||"):
        return _fold_logical(node)
    if isinstance(node, js.If | js.Conditional) and (constant := _constant_value(node.predicate)) is not None:
        return node.consequent if constant else node.alternative
    return node


def _fold_logical(node: js.Node) -> js.Node:
    """`true && x` and `false || x` are x, `false && x` is false; so are they the other way round."""
    neutral = node.op == "&&"
    for constant, other in ((node.left, node.right), (node.right, node.left)):
        if _constant_value(constant) is not None:
            return other if _constant_value(constant) is neutral else constant
    return node


def _constant_value(node: js.Node) -> bool | None:
    return node.value == "true" if isinstance(node, js.Boolean) else None


def _drop_unused_functions(program: js.Node) -> None:
    """Remove functions that nothing but themselves names, until all are named."""
    while unused := _unused_functions(program):
        rewrite(program, partial(_remove_nodes, unused))


def _drop_getters(program: js.Node) -> None:
    """Write a member of the state where a function is called that only returns it."""
    getters = {node.identifier.value: node for node in Walker().walk(program) if _is_getter(node)}

    def replaced(node: js.Node) -> js.Node:
        called = getters.get(node.identifier.value) if _is_plain_call(node) else None
        return called.elements[0].expr if called else node

    rewrite(program, replaced)
    _drop_unused_functions(program)


def _is_getter(node: js.Node) -> bool:
    if not isinstance(node, js.FuncDecl) or node.parameters or len(node.elements) != 1:
        return False
    only = node.elements[0]
    return isinstance(only, js.Return) and is_name(only.expr) and only.expr.value.startswith(f"{STATE}$")


def _is_plain_call(node: js.Node) -> bool:
    return isinstance(node, js.FunctionCall) and is_name(node.identifier)


def _remove_nodes(dropped: Collection[js.Node], node: js.Node) -> js.Node | None:
    return None if node in dropped else node


def _unused_functions(program: js.Node) -> list[js.Node]:
    mentions = Counter(node.value for node in Walker().walk(program) if is_name(node))
    declared = (node for node in Walker().walk(program) if isinstance(node, js.FuncDecl))
    return [each for each in declared if _count_own_mentions(each) == mentions[each.identifier.value]]


def _count_own_mentions(function: js.Node) -> int:
    """How often a function names itself, once of which is its declaration."""
    return sum(is_name(node, function.identifier.value) for node in Walker().walk(function))


def _declares_constants(node: js.Node) -> bool:
    return isinstance(node, js.VarStatement) and all(each.identifier.value.isupper() for each in node)


def _replace_state_members(node: js.Node) -> js.Node:
    """A variable in place of each member of the state, under a name that no source uses."""
    if isinstance(node, js.DotAccessor) and is_name(node.node, "window") and node.identifier.value in GLOBALS:
        return js.Identifier(node.identifier.value)
    if isinstance(node, js.DotAccessor) and is_name(node.node, STATE):
        return js.Identifier(f"{STATE}${node.identifier.value}")
    if isinstance(node, js.VarStatement) and is_name(node.children()[0].identifier, STATE):
        return js.VarStatement([_declare_member(each) for each in node.children()[0].initializer.properties])
    return node


def _declare_member(member: js.Node) -> js.Node:
    starts_undefined = is_name(member.right, "undefined")
    name = js.Identifier(f"{STATE}${member.left.value}")
    return js.VarDecl(name, None if starts_undefined else member.right)


def _shorten_literals(node: js.Node) -> js.Node:
    """The same in fewer bytes: !0 for true, short members, no braces around a single simple statement."""
    if isinstance(node, js.Boolean):
        node.value = {"true": "!0", "false": "!1"}[node.value]
    if isinstance(node, js.PropIdentifier):
        node.value = SHORT_MEMBERS.get(node.value, node.value)
    return node


def _short_names() -> dict[str, Any]:
    """The rule that names variables: shared ones by how often they are used, local ones in their order.

    calmjs.parse names local ones by their number too. In their order, `function(a,b){` is the beginning of
    most functions, which compresses better.
    """
    names = Obfuscator(reserved_keywords=Lexer.keywords_dict.keys())

    def assign(dispatcher: object, program: js.Node) -> js.Node:
        names.walk(dispatcher, program)
        (shared,) = names.global_scope.children
        for scope in _inner_scopes(shared):
            ranks = range(len(scope.referenced_symbols), 0, -1)
            scope.referenced_symbols = dict(zip(scope.referenced_symbols, ranks, strict=True))
        # A name that counts as used by this function, but not declared by it, is given to none of its own.
        shared.referenced_symbols.update(dict.fromkeys(LOCAL_NAMES, 0))
        names.finalize()
        return program

    return {
        "token_handler": token_handler_unobfuscate,
        "deferrable_handlers": {Resolve: names.resolve},
        "prewalk_hooks": [assign],
    }


def _inner_scopes(scope: Scope) -> Iterator[Scope]:
    """The functions inside this one, without the blocks of `catch`, which count with their function."""
    for child in scope.children:
        if not isinstance(child, CatchScope):
            yield child
        yield from _inner_scopes(child)


if __name__ == "__main__":
    sys.exit(main())
