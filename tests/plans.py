"""What a request asks of the database, and whether any of it reads more the more there is."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

GROWING = {
    "runs_run", "runs_taskexecution", "runs_toolexecution", "realtime_event", "realtime_stream",
    "crews_auditentry", "search_document",
}  # fmt: skip
STEPS_AT_MOST = 2_000  # hundreds; to read 20,000 runs and sort them takes 3,500
READ_AT_MOST = 3_000  # rows of a table that grows, by one query: lists count to 1,000
ALIAS = re.compile(r'"(\w+)"(?: (?:AS )?"?([TUVW]\d+)"?)?')
SCAN = re.compile(r"^SCAN (\w+)( USING (?:COVERING )?INDEX \w+)?")


@dataclass
class Queries:
    """The queries of a request, in order."""

    asked: list[tuple[str, Any]] = field(default_factory=list)
    steps: int = 0  # that SQLite's virtual machine took, in hundreds

    def __len__(self) -> int:
        return len(self.asked)

    def as_text(self) -> str:
        """Their SQL, a line each."""
        return "\n".join(sql for sql, _ in self.asked)

    def scans(self) -> list[str]:
        """The queries that read too many rows of a growing table, each with its reason."""
        selects = [(sql, params) for sql, params in self.asked if sql.startswith("SELECT")]
        if self.steps > STEPS_AT_MOST:  # these include sorts, whose size no plan gives
            return [f"SQLite took {self.steps * 100:,} steps"]
        explain = _postgresql if connection.vendor == "postgresql" else _sqlite
        return [f"{why}: {sql[:300]}" for sql, params in selects for why in explain(sql, params)]


@contextmanager
def queries() -> Iterator[Queries]:
    """Collects what is asked inside."""
    collected = Queries()

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.lstrip("(").startswith(("SELECT", "INSERT", "UPDATE", "DELETE")):
            collected.asked.append((sql, params))
        return execute(sql, params, many, context)

    def look() -> None:
        collected.steps += 1

    if connection.vendor == "sqlite":
        connection.ensure_connection()
        connection.connection.set_progress_handler(look, 100)
    with connection.execute_wrapper(note):
        yield collected
    if connection.vendor == "sqlite":
        connection.connection.set_progress_handler(None, 0)


def rows_read(asked: Queries) -> float:
    """Rows that PostgreSQL reads of tables for these queries."""
    return sum(
        read
        for sql, params in asked.asked
        if sql.startswith("SELECT")
        for node, read in _read_by_nodes(sql, params)
        if "Relation Name" in node
    )


def _postgresql(sql: str, params: Any) -> Iterator[str]:
    """Nodes that have in fact read too many rows."""
    for node, read in _read_by_nodes(sql, params):
        if node.get("Relation Name") in GROWING and read > READ_AT_MOST:
            yield f"{node['Node Type']} read {read:,.0f} rows of {node['Relation Name']}"


def _read_by_nodes(sql: str, params: Any) -> Iterator[tuple[dict[str, Any], float]]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
        (plan,) = cursor.fetchone()
    plan = json.loads(plan) if isinstance(plan, str) else plan
    for node in _nodes(plan[0]["Plan"]):
        removed = node.get("Rows Removed by Filter", 0) + node.get(
            "Rows Removed by Index Recheck", 0
        )
        yield node, (node["Actual Rows"] + removed) * node["Actual Loops"]


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _sqlite(sql: str, params: Any) -> Iterator[str]:
    """Scans of the plan, but for those that follow an index and end at a limit."""
    tables = {alias or table: table for table, alias in ALIAS.findall(sql)}
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
        plan = [row[-1] for row in cursor.fetchall()]
    for line in plan:
        scan = SCAN.match(line)
        if scan and tables.get(scan[1]) in GROWING and not (scan[2] and "LIMIT" in sql):
            yield line
