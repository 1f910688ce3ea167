"""Nothing of the code relies on a database session: behind a pooler the next transaction may be in
another.

What a session keeps is a cursor outside a transaction, a setting, an advisory lock, a prepared
statement, a temporary table or a LISTEN. `make test-pgbouncer` shows the same on a real pooler.
"""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.live import PROJECT

# Each opens a named cursor on PostgreSQL, or, as server-side cursors are disabled, reads everything
# into memory where one asked for a few rows at a time. Read in pages by a key instead.
CURSORS = {"iterator", "aiterator", "chunked_cursor", "create_named_cursor"}
SESSION_SQL = re.compile(
    r"\s*(SET\s+(SESSION\b|(?!TRANSACTION\b|LOCAL\b)\w+\s*(=|TO\b))|LISTEN\b|UNLISTEN\b"
    r"|PREPARE\b|DEALLOCATE\b|DISCARD\b|DECLARE\b|CREATE\s+TEMP|LOAD\s)"
    r"|.*pg_(try_)?advisory_(lock|unlock)",
    re.DOTALL,
)


def session_uses(source: str) -> Iterator[tuple[int, str]]:
    """Line and name of what would rely on a session."""
    tree = ast.parse(source)
    strings = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    later_parts = {part for string in strings for part in string.values[1:]}
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=name)) if name in CURSORS:
                yield node.lineno, name
            case ast.Call(func=ast.Attribute(attr="cursor"), args=args, keywords=keywords):
                if args or any(keyword.arg == "name" for keyword in keywords):
                    yield node.lineno, "cursor"
            # A later part is no statement, such as the SET of an UPDATE whose table is a variable.
            case ast.Constant(value=str(text)) if node not in later_parts:
                if SESSION_SQL.match(text):
                    yield node.lineno, text.split()[0]


def test_no_code_relies_on_a_session():
    found = []
    for app in ("crewops", "crews", "runs", "realtime"):
        for path in (PROJECT / app).rglob("*.py"):
            if "tests" not in path.relative_to(PROJECT).parts:
                found += [(str(path), *use) for use in session_uses(path.read_text())]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "for run in Run.objects.iterator(chunk_size=100): pass",
        "async def f():\n async for run in Run.objects.aiterator(): pass",
        "connection.chunked_cursor()",
        "connection.connection.cursor('name')",
        "connection.connection.cursor(name='name')",
        "cursor.execute('SET statement_timeout = 1000')",
        "cursor.execute(f'SET statement_timeout = {ms}')",
        "cursor.execute('SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY')",
        "cursor.execute('SELECT pg_advisory_lock(1)')",
        "cursor.execute('LISTEN runs')",
        "cursor.execute('CREATE TEMPORARY TABLE t (a int)')",
    ],
)
def test_what_relies_on_a_session_is_found(source):
    assert list(session_uses(source))


@pytest.mark.parametrize(
    "source",
    [
        "with connection.cursor() as cursor: pass",
        "cursor.execute('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ')",
        "cursor.execute('SET LOCAL statement_timeout = 1000')",
        "cursor.execute('SELECT pg_advisory_xact_lock(1)')",
        "text = 'Set DATABASE_URL to a PostgreSQL.'",
        "cursor.execute(f'UPDATE {table} SET floor = %s')",
    ],
)
def test_what_ends_with_its_transaction_is_allowed(source):
    assert list(session_uses(source)) == []
