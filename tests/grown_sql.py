"""Rows that SQL makes from their number ``n``, and the expressions of their columns.

An expression is SQL of the database that the tests run on, in which ``n`` counts from 1.
"""

import json
from typing import Any
from uuid import UUID

from django.db import connection, models

SCATTER = 2654435761  # ids do not come in the order of time, as real ones do not


def insert(model: type[models.Model], rows: int, **columns: str | None) -> None:
    """``rows`` rows numbered ``n``; a column without an expression gets the field's default."""
    values = {}
    for field in model._meta.concrete_fields:
        if field.column in columns:
            values[field.column] = columns[field.column]
        else:
            values[field.column] = _json_or_literal(field, field.get_default())
    values = {column: sql for column, sql in values.items() if sql is not None}
    names = ", ".join(map(connection.ops.quote_name, values))
    insert_into(f"{model._meta.db_table} ({names})", rows, ", ".join(values.values()))


def insert_into(table: str, rows: int, select: str) -> None:
    """``table``: its name, with the columns in brackets."""
    series, with_series = f"generate_series(1, {rows}) AS series(n)", ""
    if connection.vendor == "sqlite":
        series = "series"
        with_series = f"""WITH RECURSIVE series(n) AS
            (VALUES (1) UNION ALL SELECT n + 1 FROM series WHERE n < {rows})"""
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} {with_series} SELECT {select} FROM {series}")


def _json_or_literal(field: models.Field, value: Any) -> str:
    return as_json(value) if isinstance(field, models.JSONField) else literal(value)


def as_json(value: Any) -> str:
    text = literal(json.dumps(value))
    return f"{text}::jsonb" if connection.vendor == "postgresql" else text


def literal(value: Any) -> str:
    """A constant as SQL. Only values of tests come here."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).upper() if connection.vendor == "postgresql" else str(int(value))
    if isinstance(value, UUID):
        value = str(value) if connection.vendor == "postgresql" else value.hex
    if isinstance(value, int | float):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def id_of(kind: int, number: str) -> str:
    if connection.vendor == "postgresql":
        first = f"lpad(to_hex(({number})::bigint * {SCATTER} % {2**32}), 8, '0')"
        last = f"lpad(to_hex(({number})::bigint), 16, '0')"
        return f"({first} || '{kind:08x}' || {last})::uuid"
    scattered = f"({number}) * {SCATTER} % {2**32}"
    return f"(printf('%08x', {scattered}) || '{kind:08x}' || printf('%016x', {number}))"


def dashed(id: str) -> str:
    if connection.vendor == "postgresql":
        return f"{id}::text"
    parts = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
    return "||'-'||".join(f"substr({id}, {start}, {length})" for start, length in parts)


def ago(seconds: str) -> str:
    if connection.vendor == "postgresql":
        return f"(now() - ({seconds}) * interval '1 second')"
    return f"strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || ({seconds}) || ' seconds')"
