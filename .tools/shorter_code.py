"""The same program in fewer bytes: what `build_runner.py` does to a script before it names the variables.

Each function takes a syntax tree of calmjs.parse and changes it in place. What is done is safe for a source
that declares each shared name once, has no `with`, `eval` or `arguments`, and does not compare its functions.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from functools import partial

from calmjs.parse import asttypes as js

Change = Callable[[js.Node], js.Node | None]

OPERATORS = (
    ("||",),
    ("&&",),
    ("|",),
    ("^",),
    ("&",),
    ("==", "!=", "===", "!=="),
    ("<", ">", "<=", ">=", "in", "instanceof"),
    ("<<", ">>", ">>>"),
    ("+", "-"),
    ("*", "/", "%"),
)
"""Between two values, those that bind least first."""
COMMA, ASSIGN, CONDITIONAL, FIRST_OPERATOR = range(4)
BINDS = {op: FIRST_OPERATOR + rank for rank, row in enumerate(OPERATORS) for op in row}
UNARY, POSTFIX, MEMBER, WHOLE = range(FIRST_OPERATOR + len(OPERATORS), FIRST_OPERATOR + len(OPERATORS) + 4)
LEFTMOST = {
    js.Comma: "left",
    js.BinOp: "left",
    js.Assign: "left",
    js.Conditional: "predicate",
    js.FunctionCall: "identifier",
    js.DotAccessor: "node",
    js.BracketAccessor: "node",
    js.PostfixExpr: "value",
}
"""Where the first sign of an expression stands."""


def rewrite(node: js.Node, change: Change) -> None:
    """Replace every node below this one by what `change` makes of it, innermost first; None removes it."""
    for name, value in vars(node).items():
        if isinstance(value, js.Node):
            rewrite(value, change)
            setattr(node, name, change(value))
        elif isinstance(value, list):
            for child in value:
                rewrite(child, change)
            value[:] = [made for child in value if (made := change(child)) is not None]


def walk(node: js.Node) -> Iterator[js.Node]:
    """This node and all below it, in no order."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        yield each
        for value in vars(each).values():
            if isinstance(value, js.Node):
                waiting.append(value)
            elif isinstance(value, list):
                waiting.extend(child for child in value if isinstance(child, js.Node))


def is_name(node: js.Node | None, name: str | None = None) -> bool:
    """Whether this is a variable; the names of members are of another type."""
    return (
        isinstance(node, js.Identifier)
        and not isinstance(node, js.PropIdentifier)
        and name in (None, node.value)
    )


def shorten(program: js.Node) -> None:
    """Write functions that are named once where they are named, and statements as expressions."""
    rewrite(program, lambda node: node.expr if isinstance(node, js.GroupingOp) else node)
    while _drop_alias(program):
        pass
    while _inline(program):
        pass
    rewrite(program, _tidied)
    rewrite(program, _grouped)


# Functions that are named once.


def _drop_alias(program: js.Node) -> bool:
    """Call what a function only passes its parameters on to; returns whether there was one."""
    for function in [node for node in walk(program) if isinstance(node, js.FuncDecl)]:
        only = function.elements[0] if len(function.elements) == 1 else None
        call = only.expr if isinstance(only, js.Return) else None
        if isinstance(call, js.FunctionCall) and is_name(call.identifier):
            given = [item.value if is_name(item) else None for item in call.args.items]
            if given == [each.value for each in function.parameters]:
                rewrite(program, partial(_without, function))
                rewrite(program, partial(_renamed, function.identifier.value, call.identifier.value))
                return True
    return False


def _inline(program: js.Node) -> bool:
    """Write functions that are named once where they are named; returns whether there was one."""
    declared = Counter(_declared_names(program))
    named = Counter(node.value for node in walk(program) if is_name(node))
    found = False
    for function in [node for node in walk(program) if isinstance(node, js.FuncDecl)]:
        name = function.identifier.value
        if named[name] == 2 and declared[name] == 1 and _is_free_of_shadows(function, declared):
            found |= _inline_one(program, function)
    return found


def _inline_one(program: js.Node, function: js.Node) -> bool:
    replaced: list[js.Node] = []
    nodes = list(walk(program))
    if sum(is_name(node, function.identifier.value) for node in nodes) != 2:
        return False  # what it was given elsewhere names it too now
    called = [node.identifier for node in nodes if _is_call(node, function.identifier.value)]
    rewrite(program, partial(_inlined, function, called, replaced))
    if replaced:
        rewrite(program, partial(_without, function))
    return bool(replaced)


def _without(gone: js.Node, node: js.Node) -> js.Node | None:
    return None if node is gone else node


def _renamed(name: str, other: str, node: js.Node) -> js.Node:
    return js.Identifier(other) if is_name(node, name) else node


def _declared_names(node: js.Node) -> Iterator[str]:
    """Names of functions, parameters and variables, each as often as it is declared."""
    for each in walk(node):
        if isinstance(each, js.VarDecl | js.Catch) or (isinstance(each, js.FuncBase) and each.identifier):
            yield each.identifier.value
        if isinstance(each, js.FuncBase):
            yield from (parameter.value for parameter in each.parameters)


def _is_free_of_shadows(function: js.Node, declared: Mapping[str, int]) -> bool:
    """Whether each name that the function takes from outside means the same everywhere."""
    own = set(_declared_names(function))
    outer = {node.value for node in walk(function) if is_name(node)} - own
    return all(declared.get(name, 0) <= 1 for name in outer)


def _inlined(function: js.Node, called: list[js.Node], replaced: list[js.Node], node: js.Node) -> js.Node:
    """The function's own words in place of its name, if they can stand there."""
    name = function.identifier.value
    made: js.Node | None = None
    if isinstance(node, js.ExprStatement) and _is_call(node.expr, name):
        made = _as_statement(function, node.expr)
    elif _is_call(node, name):
        made = _as_value(function, node)
    elif is_name(node, name) and node is not function.identifier and all(node is not each for each in called):
        made = js.FuncExpr(None, function.parameters, function.elements)
    if made is None:
        return node
    replaced.append(made)
    return made


def _is_call(node: js.Node, name: str) -> bool:
    return isinstance(node, js.FunctionCall) and is_name(node.identifier, name)


def _as_statement(function: js.Node, call: js.Node) -> js.Node | None:
    """The body of a function that returns nothing, after what it is given."""
    own = [node for each in function.elements for node in _of_this_function(each)]
    given = call.args.items
    if len(given) != len(function.parameters) or any(
        isinstance(node, js.Return | js.FuncDecl) for node in own
    ):
        return None
    renamed = {
        name: js.Identifier(f"{function.identifier.value}${name}") for name in _declared_names(function)
    }
    block = js.Block(function.elements)
    rewrite(block, lambda node: renamed[node.value] if is_name(node) and node.value in renamed else node)
    # What it is given is named as where it is called, and is not renamed.
    taken = [
        js.VarDecl(renamed[name.value], item) for name, item in zip(function.parameters, given, strict=True)
    ]
    return js.Block([*([js.VarStatement(taken)] if taken else ()), *block.children()])


def _of_this_function(node: js.Node) -> Iterator[js.Node]:
    yield node
    for child in node:
        if not isinstance(child, js.FuncBase):
            yield from _of_this_function(child)


def _as_value(function: js.Node, call: js.Node) -> js.Node | None:
    """What a function of one `return` gives for variables, without a call."""
    given = {
        parameter.value: item for parameter, item in zip(function.parameters, call.args.items, strict=False)
    }
    if not (len(function.elements) == 1 and isinstance(function.elements[0], js.Return)):
        return None
    if len(given) != len(function.parameters) or not all(is_name(item) for item in given.values()):
        return None
    holder = function.elements[0]
    inner = [node for node in walk(holder) if isinstance(node, js.FuncBase)]
    kept = {name.value for each in inner for name in walk(each) if is_name(name)}
    if kept & given.keys() or {item.value for item in given.values()} & set(_declared_names(holder)):
        return None
    rewrite(
        holder, lambda node: deepcopy(given[node.value]) if is_name(node) and node.value in given else node
    )
    return holder.expr


# Statements.


def _tidied(node: js.Node) -> js.Node:
    if isinstance(node, js.FuncBase):
        # Functions are declared before anything runs, wherever they stand; the statements can be joined then.
        node.elements.sort(key=lambda each: isinstance(each, js.FuncDecl))
        node.elements[:] = _joined_statements(_without_early_end(node.elements))
    elif isinstance(node, js.Block | js.ES5Program):
        children = node.children()
        children[:] = _joined_statements(children)
    elif isinstance(node, js.If):
        return _as_expression_statement(node)
    return node


def _without_early_end(statements: list[js.Node]) -> list[js.Node]:
    """`if (a) { return; } b();` is `if (!a) { b(); }`, where nothing comes after it."""
    for index, each in enumerate(statements):
        rest = statements[index + 1 :]
        ends = isinstance(each, js.If) and each.alternative is None and _is_bare_return(each.consequent)
        if ends and rest and not any(isinstance(other, js.FuncDecl) for other in rest):
            block = js.Block(_joined_statements(_without_early_end(rest)))
            inner = _as_expression_statement(js.If(_negated(each.predicate), block))
            return [*statements[:index], inner]
    return statements


def _is_bare_return(node: js.Node) -> bool:
    only = _only(node)
    return isinstance(only, js.Return) and only.expr is None


def _negated(node: js.Node) -> js.Node:
    return node.value if isinstance(node, js.UnaryExpr) and node.op == "!" else js.UnaryExpr("!", node)


def _joined_statements(statements: list[js.Node]) -> list[js.Node]:
    made: list[js.Node] = []
    for each in _flat(statements):
        before = made[-1] if made else None
        joined = _joined_two(before, each) if before is not None else None
        if joined is None:
            made.append(each)
        else:
            made[-1] = joined
    if len(made) < len(statements):
        return _joined_statements(made)
    return made


def _flat(statements: list[js.Node]) -> Iterator[js.Node]:
    for each in statements:
        if isinstance(each, js.Block):
            yield from _flat(each.children())
        elif not isinstance(each, js.EmptyStatement):
            yield each


def _joined_two(before: js.Node, each: js.Node) -> js.Node | None:
    """One statement that does what these two do."""
    if isinstance(before, js.VarStatement) and isinstance(each, js.VarStatement):
        return js.VarStatement([*before.children(), *each.children()])
    if isinstance(before, js.ExprStatement):
        if isinstance(each, js.ExprStatement):
            return js.ExprStatement(js.Comma(before.expr, each.expr))
        if isinstance(each, js.Return) and each.expr is not None:
            return js.Return(js.Comma(before.expr, each.expr))
        if isinstance(each, js.If):
            return js.If(js.Comma(before.expr, each.predicate), each.consequent, each.alternative)
    first = _only(before.consequent) if isinstance(before, js.If) and before.alternative is None else None
    if isinstance(first, js.Return) and isinstance(each, js.Return) and first.expr and each.expr:
        return js.Return(_chosen(before.predicate, first.expr, each.expr))
    return None


def _as_expression_statement(node: js.Node) -> js.Node:
    """`if (a) { b(); c(); }` is `a && (b(), c());`."""
    consequent, alternative = _only(node.consequent), _only(node.alternative)
    if isinstance(consequent, js.ExprStatement):
        if node.alternative is None:
            return js.ExprStatement(_if_so(node.predicate, consequent.expr))
        if isinstance(alternative, js.ExprStatement):
            return js.ExprStatement(_chosen(node.predicate, consequent.expr, alternative.expr))
    for name, only in (("consequent", consequent), ("alternative", alternative)):
        if isinstance(only, js.ExprStatement | js.Return | js.VarStatement):
            setattr(node, name, only)
    return node


def _if_so(predicate: js.Node, then: js.Node) -> js.Node:
    if isinstance(predicate, js.Comma):
        return js.Comma(predicate.left, _if_so(predicate.right, then))
    if isinstance(predicate, js.UnaryExpr) and predicate.op == "!":
        return js.BinOp("||", predicate.value, then)
    return js.BinOp("&&", predicate, then)


def _chosen(predicate: js.Node, then: js.Node, other: js.Node) -> js.Node:
    if isinstance(predicate, js.Comma):
        return js.Comma(predicate.left, _chosen(predicate.right, then, other))
    if isinstance(predicate, js.UnaryExpr) and predicate.op == "!":
        return js.Conditional(predicate.value, other, then)
    return js.Conditional(predicate, then, other)


def _only(node: js.Node | None) -> js.Node | None:
    """The one statement of a block, or the statement itself."""
    if isinstance(node, js.Block):
        return node.children()[0] if len(node.children()) == 1 else None
    return node


# Brackets.


def _grouped(node: js.Node) -> js.Node:
    """Brackets around what would otherwise be read in another way."""
    if isinstance(node, js.BinOp):
        own = BINDS[node.op]
        node.left = _bracketed(node.left, own)
        node.right = _bracketed(node.right, own + (node.op not in ("&&", "||")))
    elif isinstance(node, js.Conditional):
        node.predicate = _bracketed(node.predicate, FIRST_OPERATOR)
        node.consequent = _bracketed(node.consequent, ASSIGN)
        node.alternative = _bracketed(node.alternative, ASSIGN)
    elif isinstance(node, js.UnaryExpr):
        node.value = _bracketed(node.value, UNARY)
    elif isinstance(node, js.Assign):
        node.right = _bracketed(node.right, ASSIGN)
    elif isinstance(node, js.VarDecl) and node.initializer is not None:
        node.initializer = _bracketed(node.initializer, ASSIGN)
    elif isinstance(node, js.Array | js.Arguments):
        node.items[:] = [_bracketed(item, ASSIGN) for item in node.items]
    elif isinstance(node, js.FunctionCall | js.NewExpr):
        node.identifier = _bracketed(node.identifier, MEMBER)
    elif isinstance(node, js.DotAccessor | js.BracketAccessor):
        node.node = _bracketed(node.node, MEMBER)
    elif isinstance(node, js.ExprStatement):
        node.expr = _started(node.expr)
    return node


def _bracketed(node: js.Node, least: int) -> js.Node:
    return js.GroupingOp(node) if _binds(node) < least else node


def _binds(node: js.Node) -> int:
    if isinstance(node, js.BinOp):
        return BINDS[node.op]
    kinds = (
        (js.Comma, COMMA),
        (js.Assign, ASSIGN),
        (js.Conditional, CONDITIONAL),
        (js.PostfixExpr, POSTFIX),
        (js.UnaryExpr, UNARY),
    )
    return next((binds for kind, binds in kinds if isinstance(node, kind)), WHOLE)


def _started(node: js.Node) -> js.Node:
    """A statement that begins with `function` or `{` would be read as a declaration or a block."""
    for kind, slot in LEFTMOST.items():
        if isinstance(node, kind):
            setattr(node, slot, _started(getattr(node, slot)))
            return node
    return js.GroupingOp(node) if isinstance(node, js.FuncExpr | js.Object) else node
