"""No handler of a signal takes a lock, ours or the tests': the main thread may hold it just
then.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import PROJECT

OURS = ("crewops", "crews", "runs", "realtime", "tests", "benchmarks", "conftest.py", "manage.py")
# Each of these takes a lock that is not reentrant, or is refused while it is at work already.
LOCKING = {
    *(
        "set",
        "clear",
        "wait",
        "acquire",
        "notify",
        "notify_all",
        "put",
        "put_nowait",
        "get",
        "join",
    ),
    *(
        "print",
        "flush",
        "debug",
        "info",
        "warning",
        "error",
        "exception",
        "critical",
        "log",
        "warn",
    ),
}


def handlers(tree: ast.Module) -> Iterator[tuple[int, ast.AST]]:
    """``(line, the code)`` of each function that the module gives to ``signal.signal``."""
    functions = {
        node.name: node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    for call in ast.walk(tree):
        if not (isinstance(call, ast.Call) and len(call.args) == 2):
            continue
        if ast.unparse(call.func) not in ("signal.signal", "signal"):
            continue
        handler = call.args[1]
        name = ast.unparse(handler).rpartition(".")[2]
        yield call.lineno, functions.get(name, handler)


def locking_calls(code: ast.AST) -> list[str]:
    calls = (node for node in ast.walk(code) if isinstance(node, ast.Call))
    return [
        ast.unparse(call) for call in calls if ast.unparse(call.func).rpartition(".")[2] in LOCKING
    ]


def files() -> Iterator[Path]:
    for name in OURS:
        path = PROJECT / name
        yield from [path] if path.is_file() else sorted(path.rglob("*.py"))


def test_no_handler_of_ours_takes_a_lock():
    seen, wrong = 0, []
    for path in files():
        for line, code in handlers(ast.parse(path.read_text())):
            seen += 1
            wrong += [f"{path.relative_to(PROJECT)}:{line}: {call}" for call in locking_calls(code)]
    assert seen >= 6
    assert wrong == []


@pytest.mark.parametrize(
    ("source", "calls"),
    [
        ("signal.signal(15, lambda *_: over.set())", ["over.set()"]),
        ("def end(*_):\n    print('over')\nsignal.signal(15, end)", ["print('over')"]),
        ("class A:\n def b(self, *_):\n  log.info('x')\n def c(self):\n  signal.signal(1, self.b)",
         ["log.info('x')"]),
        ("def end(*_):\n    os.write(1, b'x')\nsignal.signal(15, end)", []),
    ],
)  # fmt: skip
def test_a_lock_in_a_handler_is_found(source, calls):
    ((_, code),) = handlers(ast.parse(source))
    assert locking_calls(code) == calls
