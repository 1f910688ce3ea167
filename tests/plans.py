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
    "crews_auditentry",
}  # fmt: skip
READ_AT_MOST = 3_000  # rows of a table that grows, by one query: lists count to 1,000
ALIAS = re.compile(r'"(\w+)"(?: (?:AS )?"?([TUVW]\d+)"?)?')
SCAN = re.compile(r"^SCAN (\w+)( USING (?:COVERING )?INDEX \w+)?")


@dataclass
class Queries:
    """The queries of a request, in order."""

    asked: list[tuple[str, Any]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.asked)

    def scans(self) -> list[str]:
        """What of them reads a table that grows, as a person would want to know it."""
        selects = [(sql, params) for sql, params in self.asked if sql.startswith("SELECT")]
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

    with connection.execute_wrapper(note):
        yield collected


def _postgresql(sql: str, params: Any) -> Iterator[str]:
    """Nodes that have in fact read too many rows."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
        (plan,) = cursor.fetchone()
    plan = json.loads(plan) if isinstance(plan, str) else plan
    for node in _nodes(plan[0]["Plan"]):
        removed = node.get("Rows Removed by Filter", 0) + node.get(
            "Rows Removed by Index Recheck", 0
        )
        read = (node["Actual Rows"] + removed) * node["Actual Loops"]
        if node.get("Relation Name") in GROWING and read > READ_AT_MOST:
            yield f"{node['Node Type']} read {read:,.0f} rows of {node['Relation Name']}"


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
