"""Rewrites of a JavaScript syntax tree that make the program shorter, for `build_runner.py`.

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
PRECEDENCE = {op: FIRST_OPERATOR + rank for rank, row in enumerate(OPERATORS) for op in row}
UNARY, POSTFIX, MEMBER, WHOLE = range(FIRST_OPERATOR + len(OPERATORS), FIRST_OPERATOR + len(OPERATORS) + 4)
LEFTMOST_CHILD = {
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
            value[:] = [result for child in value if (result := change(child)) is not None]


def walk(node: js.Node) -> Iterator[js.Node]:
    """This node and all below it, in no order."""
    pending = [node]
    while pending:
        each = pending.pop()
        yield each
        for value in vars(each).values():
            if isinstance(value, js.Node):
                pending.append(value)
            elif isinstance(value, list):
                pending.extend(child for child in value if isinstance(child, js.Node))


def is_name(node: js.Node | None, name: str | None = None) -> bool:
    """Whether this is a variable; the names of members are of another type."""
    return (
        isinstance(node, js.Identifier)
        and not isinstance(node, js.PropIdentifier)
        and name in (None, node.value)
    )


def shorten(program: js.Node) -> None:
    """Inline functions that are used once, write statements as expressions, and place parentheses."""
    rewrite(program, lambda node: node.expr if isinstance(node, js.GroupingOp) else node)
    while _drop_alias(program):
        pass
    while _inline(program):
        pass
    rewrite(program, _simplify_node)
    rewrite(program, _add_parentheses)


# Inlining of functions that are used once.


def _drop_alias(program: js.Node) -> bool:
    """Replace a function that only passes its parameters on by what it calls; return whether one was."""
    for function in [node for node in walk(program) if isinstance(node, js.FuncDecl)]:
        only = function.elements[0] if len(function.elements) == 1 else None
        call = only.expr if isinstance(only, js.Return) else None
        if isinstance(call, js.FunctionCall) and is_name(call.identifier):
            passed = [item.value if is_name(item) else None for item in call.args.items]
            if passed == [each.value for each in function.parameters]:
                rewrite(program, partial(_remove_node, function))
                rewrite(program, partial(_rename_variable, function.identifier.value, call.identifier.value))
                return True
    return False


def _inline(program: js.Node) -> bool:
    """Inline functions that are used once; return whether there was one."""
    declared = Counter(_declared_names(program))
    mentions = Counter(node.value for node in walk(program) if is_name(node))
    changed = False
    for function in [node for node in walk(program) if isinstance(node, js.FuncDecl)]:
        name = function.identifier.value
        if mentions[name] == 2 and declared[name] == 1 and _is_free_of_shadows(function, declared):
            changed |= _inline_one(program, function)
    return changed


def _inline_one(program: js.Node, function: js.Node) -> bool:
    replaced: list[js.Node] = []
    nodes = list(walk(program))
    if sum(is_name(node, function.identifier.value) for node in nodes) != 2:
        return False  # what it was given elsewhere names it too now
    callees = [node.identifier for node in nodes if _is_call(node, function.identifier.value)]
    rewrite(program, partial(_inline_calls, function, callees, replaced))
    if replaced:
        rewrite(program, partial(_remove_node, function))
    return bool(replaced)


def _remove_node(removed: js.Node, node: js.Node) -> js.Node | None:
    return None if node is removed else node


def _rename_variable(name: str, other: str, node: js.Node) -> js.Node:
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


def _inline_calls(
    function: js.Node, callees: list[js.Node], replaced: list[js.Node], node: js.Node
) -> js.Node:
    """Replace a use of the function by its body, if the body can stand there."""
    name = function.identifier.value
    result: js.Node | None = None
    if isinstance(node, js.ExprStatement) and _is_call(node.expr, name):
        result = _body_as_statement(function, node.expr)
    elif _is_call(node, name):
        result = _body_as_value(function, node)
    elif (
        is_name(node, name) and node is not function.identifier and all(node is not each for each in callees)
    ):
        result = js.FuncExpr(None, function.parameters, function.elements)
    if result is None:
        return node
    replaced.append(result)
    return result


def _is_call(node: js.Node, name: str) -> bool:
    return isinstance(node, js.FunctionCall) and is_name(node.identifier, name)


def _body_as_statement(function: js.Node, call: js.Node) -> js.Node | None:
    """The body of a function without a `return`, after declarations that assign its arguments."""
    own = [node for each in function.elements for node in _walk_without_functions(each)]
    passed = call.args.items
    if len(passed) != len(function.parameters) or any(
        isinstance(node, js.Return | js.FuncDecl) for node in own
    ):
        return None
    renamed = {
        name: js.Identifier(f"{function.identifier.value}${name}") for name in _declared_names(function)
    }
    block = js.Block(function.elements)
    rewrite(block, lambda node: renamed[node.value] if is_name(node) and node.value in renamed else node)
    # What it is given is named as where it is called, and is not renamed.
    declared = [
        js.VarDecl(renamed[name.value], item) for name, item in zip(function.parameters, passed, strict=True)
    ]
    return js.Block([*([js.VarStatement(declared)] if declared else ()), *block.children()])


def _walk_without_functions(node: js.Node) -> Iterator[js.Node]:
    yield node
    for child in node:
        if not isinstance(child, js.FuncBase):
            yield from _walk_without_functions(child)


def _body_as_value(function: js.Node, call: js.Node) -> js.Node | None:
    """The expression that a function of one `return` returns, with arguments in place of its parameters."""
    passed = {
        parameter.value: item for parameter, item in zip(function.parameters, call.args.items, strict=False)
    }
    if not (len(function.elements) == 1 and isinstance(function.elements[0], js.Return)):
        return None
    if len(passed) != len(function.parameters) or not all(is_name(item) for item in passed.values()):
        return None
    holder = function.elements[0]
    inner = [node for node in walk(holder) if isinstance(node, js.FuncBase)]
    captured = {name.value for each in inner for name in walk(each) if is_name(name)}
    if captured & passed.keys() or {item.value for item in passed.values()} & set(_declared_names(holder)):
        return None
    rewrite(
        holder, lambda node: deepcopy(passed[node.value]) if is_name(node) and node.value in passed else node
    )
    return holder.expr


# Statements.


def _simplify_node(node: js.Node) -> js.Node:
    if isinstance(node, js.FuncBase):
        # Functions are declared before anything runs, wherever they stand; the statements can be joined then.
        node.elements.sort(key=lambda each: isinstance(each, js.FuncDecl))
        node.elements[:] = _join_statements(_drop_early_returns(node.elements))
    elif isinstance(node, js.Block | js.ES5Program):
        children = node.children()
        children[:] = _join_statements(children)
    elif isinstance(node, js.If):
        return _as_expression_statement(node)
    return node


def _drop_early_returns(statements: list[js.Node]) -> list[js.Node]:
    """`if (a) { return; } b();` is `if (!a) { b(); }`, where nothing comes after it."""
    for index, each in enumerate(statements):
        rest = statements[index + 1 :]
        ends = isinstance(each, js.If) and each.alternative is None and _is_bare_return(each.consequent)
        if ends and rest and not any(isinstance(other, js.FuncDecl) for other in rest):
            block = js.Block(_join_statements(_drop_early_returns(rest)))
            inner = _as_expression_statement(js.If(_negate(each.predicate), block))
            return [*statements[:index], inner]
    return statements


def _is_bare_return(node: js.Node) -> bool:
    only = _single_statement(node)
    return isinstance(only, js.Return) and only.expr is None


def _negate(node: js.Node) -> js.Node:
    return node.value if isinstance(node, js.UnaryExpr) and node.op == "!" else js.UnaryExpr("!", node)


def _join_statements(statements: list[js.Node]) -> list[js.Node]:
    result: list[js.Node] = []
    for each in _flatten_blocks(statements):
        before = result[-1] if result else None
        joined = _join_two_statements(before, each) if before is not None else None
        if joined is None:
            result.append(each)
        else:
            result[-1] = joined
    if len(result) < len(statements):
        return _join_statements(result)
    return result


def _flatten_blocks(statements: list[js.Node]) -> Iterator[js.Node]:
    for each in statements:
        if isinstance(each, js.Block):
            yield from _flatten_blocks(each.children())
        elif not isinstance(each, js.EmptyStatement):
            yield each


def _join_two_statements(before: js.Node, each: js.Node) -> js.Node | None:
    """One statement that is equivalent to these two, or None."""
    if isinstance(before, js.VarStatement) and isinstance(each, js.VarStatement):
        return js.VarStatement([*before.children(), *each.children()])
    if isinstance(before, js.ExprStatement):
        if isinstance(each, js.ExprStatement):
            return js.ExprStatement(js.Comma(before.expr, each.expr))
        if isinstance(each, js.Return) and each.expr is not None:
            return js.Return(js.Comma(before.expr, each.expr))
        if isinstance(each, js.If):
            return js.If(js.Comma(before.expr, each.predicate), each.consequent, each.alternative)
    first = (
        _single_statement(before.consequent)
        if isinstance(before, js.If) and before.alternative is None
        else None
    )
    if isinstance(first, js.Return) and isinstance(each, js.Return) and first.expr and each.expr:
        return js.Return(_conditional(before.predicate, first.expr, each.expr))
    return None


def _as_expression_statement(node: js.Node) -> js.Node:
    """`if (a) { b(); c(); }` is `a && (b(), c());`."""
    consequent, alternative = _single_statement(node.consequent), _single_statement(node.alternative)
    if isinstance(consequent, js.ExprStatement):
        if node.alternative is None:
            return js.ExprStatement(_logical_and(node.predicate, consequent.expr))
        if isinstance(alternative, js.ExprStatement):
            return js.ExprStatement(_conditional(node.predicate, consequent.expr, alternative.expr))
    for name, only in (("consequent", consequent), ("alternative", alternative)):
        if isinstance(only, js.ExprStatement | js.Return | js.VarStatement):
            setattr(node, name, only)
    return node


def _logical_and(predicate: js.Node, then: js.Node) -> js.Node:
    if isinstance(predicate, js.Comma):
        return js.Comma(predicate.left, _logical_and(predicate.right, then))
    if isinstance(predicate, js.UnaryExpr) and predicate.op == "!":
        return js.BinOp("||", predicate.value, then)
    return js.BinOp("&&", predicate, then)


def _conditional(predicate: js.Node, then: js.Node, other: js.Node) -> js.Node:
    if isinstance(predicate, js.Comma):
        return js.Comma(predicate.left, _conditional(predicate.right, then, other))
    if isinstance(predicate, js.UnaryExpr) and predicate.op == "!":
        return js.Conditional(predicate.value, other, then)
    return js.Conditional(predicate, then, other)


def _single_statement(node: js.Node | None) -> js.Node | None:
    """The one statement of a block, or the statement itself."""
    if isinstance(node, js.Block):
        return node.children()[0] if len(node.children()) == 1 else None
    return node


# Parentheses.


def _add_parentheses(node: js.Node) -> js.Node:
    """Put parentheses where the precedence of operators would change the meaning."""
    if isinstance(node, js.BinOp):
        own = PRECEDENCE[node.op]
        node.left = _parenthesise(node.left, own)
        node.right = _parenthesise(node.right, own + (node.op not in ("&&", "||")))
    elif isinstance(node, js.Conditional):
        node.predicate = _parenthesise(node.predicate, FIRST_OPERATOR)
        node.consequent = _parenthesise(node.consequent, ASSIGN)
        node.alternative = _parenthesise(node.alternative, ASSIGN)
    elif isinstance(node, js.UnaryExpr):
        node.value = _parenthesise(node.value, UNARY)
    elif isinstance(node, js.Assign):
        node.right = _parenthesise(node.right, ASSIGN)
    elif isinstance(node, js.VarDecl) and node.initializer is not None:
        node.initializer = _parenthesise(node.initializer, ASSIGN)
    elif isinstance(node, js.Array | js.Arguments):
        node.items[:] = [_parenthesise(item, ASSIGN) for item in node.items]
    elif isinstance(node, js.FunctionCall | js.NewExpr):
        node.identifier = _parenthesise(node.identifier, MEMBER)
    elif isinstance(node, js.DotAccessor | js.BracketAccessor):
        node.node = _parenthesise(node.node, MEMBER)
    elif isinstance(node, js.ExprStatement):
        node.expr = _parenthesise_start(node.expr)
    return node


def _parenthesise(node: js.Node, least: int) -> js.Node:
    return js.GroupingOp(node) if _precedence(node) < least else node


def _precedence(node: js.Node) -> int:
    if isinstance(node, js.BinOp):
        return PRECEDENCE[node.op]
    kinds = (
        (js.Comma, COMMA),
        (js.Assign, ASSIGN),
        (js.Conditional, CONDITIONAL),
        (js.PostfixExpr, POSTFIX),
        (js.UnaryExpr, UNARY),
    )
    return next((binds for kind, binds in kinds if isinstance(node, kind)), WHOLE)


def _parenthesise_start(node: js.Node) -> js.Node:
    """A statement that begins with `function` or `{` would be read as a declaration or a block."""
    for kind, slot in LEFTMOST_CHILD.items():
        if isinstance(node, kind):
            setattr(node, slot, _parenthesise_start(getattr(node, slot)))
            return node
    return js.GroupingOp(node) if isinstance(node, js.FuncExpr | js.Object) else node
