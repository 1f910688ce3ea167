"""The guards found in the syntax tree, and the source without each of them.

Everywhere: the scope of a query becomes a weaker one, ``has_..._permission`` becomes ``True``, and
access decorators and redacting calls are removed. In the functions that `guarded.py` names, the
condition of a refusal, or one part of it, becomes ``False`` or ``True``. ``name~word`` selects only
nodes that contain the word, also statements, keywords of a filter, handlers and table entries.
"""

import ast
import re
from collections.abc import Collection, Iterator
from functools import partial
from itertools import accumulate
from typing import NamedTuple

WEAKER = {
    "managed_by": "operable_by",
    "operable_by": "visible_to",
    "visible_to": "unscoped",
    "readable_by": "unscoped",
}
UNWRAPPED = {"login_required", "require_POST", "require_safe", "redact", "redact_params"}
PERMISSION = re.compile(r"has_\w+_permission")
SPAN = ("lineno", "col_offset", "end_lineno", "end_col_offset")
LEAVES = (ast.Raise, ast.Return, ast.Continue, ast.Break)


class Removal(NamedTuple):
    """``lines`` run only in tests which can notice it. ``source`` is the file without the guard."""

    shape: str
    where: str
    text: str  # that is removed or replaced
    lines: range
    source: str


def removals(source: str, functions: str = "") -> Iterator[Removal]:
    """Of the whole file; and in ``functions``, those of its lines."""
    wanted = [name.partition("~")[::2] for name in functions.split()]
    text = source.encode()
    starts = [0, *accumulate(map(len, text.splitlines(keepends=True)))]
    for shape, where, node, without, lines in _found(ast.parse(source), wanted):
        begin = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        old = text[begin:end].decode()
        new = without(old) if callable(without) else without
        first, last = lines or (node.lineno, node.end_lineno)
        after = text[end:]
        if shape == "entry":
            after = re.sub(rb"\A\s*,", b"", after)
        if shape == "decorator":
            begin -= 1  # its @
        if text[begin:end] != new.encode():
            without_it = text[:begin] + new.encode() + after
            yield Removal(shape, where, old, range(first, last + 1), without_it.decode())


def _walk(node: ast.AST, where: str) -> Iterator[tuple[ast.AST, str]]:
    for child in ast.iter_child_nodes(node):
        inner = where
        match child:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                inner = f"{where}.{child.name}".lstrip(".")
            case ast.Assign(targets=[ast.Name(id=name)]) if not where:
                inner = name
        yield child, inner
        yield from _walk(child, inner)


def _found(tree: ast.Module, wanted: Collection[tuple[str, str]]) -> Iterator[tuple]:
    """Shape, where, node, what stands there instead, and the lines, unless they are the node's."""
    for node, where in _walk(tree, ""):
        match node:
            case ast.Call(func=ast.Attribute(attr=name)) if name in WEAKER:
                yield "scope", where, node, partial(_weaker, name), None
            case ast.Constant(value="managed_by" | "operable_by" as name):
                yield "scope", where, node, f'"{WEAKER[name]}"', None
            case ast.Call(func=ast.Name(id=name), args=[_, *_]) if name in UNWRAPPED:
                yield "call", where, node, ast.unparse(node.args[0]), None
        if isinstance(node, ast.FunctionDef):
            lines = node.body[0].lineno, node.end_lineno
            if PERMISSION.fullmatch(node.name):
                yield "permission", where, node.body[0], "return True", lines
            for mark in node.decorator_list:
                if isinstance(mark, ast.Name) and mark.id in UNWRAPPED:
                    yield "decorator", where, mark, "", lines
        for name, word in wanted:
            if name == where.rpartition(".")[2]:
                found = [*_conditions(node, where), *(_statements(node, where) if word else ())]
                yield from (each for each in found if word in ast.unparse(each[2]))


def _conditions(node: ast.AST, where: str) -> Iterator[tuple]:
    match node:
        case ast.If(test=ast.BoolOp(), body=[*_, last]) if isinstance(last, LEAVES):
            yield from _parts(node.test, where)
        case ast.If(test=test, body=[*_, last]) if isinstance(last, LEAVES):
            yield "condition", where, test, "False", None
        case ast.IfExp(test=test):
            yield "condition", where, test, "True", None
        case ast.Return(value=ast.BoolOp() as value):
            yield from _parts(value, where)
        case ast.Return(value=ast.Compare() | ast.UnaryOp(op=ast.Not()) as value):
            yield "condition", where, value, "True", None


def _parts(test: ast.BoolOp, where: str) -> Iterator[tuple]:
    for value in test.values:
        if isinstance(value, ast.BoolOp):
            yield from _parts(value, where)
        else:
            yield "part", where, value, str(isinstance(test.op, ast.And)), None


def _statements(node: ast.AST, where: str) -> Iterator[tuple]:
    match node:
        case ast.Expr(value=ast.Call() | ast.Await()) | ast.AugAssign():
            yield "statement", where, node, "pass", None
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            if any(isinstance(part, ast.Name) and part.id == name for part in ast.walk(value)):
                yield "statement", where, node, "pass", None
        case ast.If(test=test, body=[*_, last]) if not isinstance(last, LEAVES):
            yield "condition", where, test, "False", None
        case ast.Call(func=ast.Attribute(attr="filter"), keywords=keywords):
            for dropped in keywords:
                rest = [keyword for keyword in keywords if keyword is not dropped]
                call = ast.unparse(ast.Call(node.func, node.args, rest))
                yield "filter", where, node, call, None
        case ast.ExceptHandler(type=ast.expr() as kind):
            yield "handler", where, kind, "InterruptedError", None
        case ast.Dict(keys=keys, values=values) if where.isupper():  # a table of the module
            for key, value in zip(keys, values, strict=True):
                span = (key.lineno, key.col_offset, value.end_lineno, value.end_col_offset)
                whole = ast.Dict([key], [value], **dict(zip(SPAN, span, strict=True)))
                yield "entry", where, whole, "", None


def _weaker(name: str, call: str) -> str:
    """Return the call with the weaker scope. ``unscoped()`` takes no user."""
    head, _, tail = call.rpartition(f"{name}(")
    weaker = WEAKER[name]
    return f"{head}unscoped()" if weaker == "unscoped" else f"{head}{weaker}({tail}"
