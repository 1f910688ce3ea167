"""Statements that write a known number of rows, or fail as a whole."""

from collections.abc import Callable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BinaryField, Field, JSONField, Model
from django.db.models.expressions import DatabaseDefault

PARAMETERS = 20_000  # of a statement, where the database has no limit of its own
PLAIN = {str, int, float, type(None)}  # types that every column takes as they are, but JSON
# The same for columns of PostgreSQL that are given as JSON.
PLAIN_JSON = PLAIN | {bool, UUID, datetime}

Convert = Callable[[Field, Sequence[Any], BaseDatabaseWrapper], Sequence[Any]]  # of a column


class Incomplete(Exception):
    """A row is missing, or not as the statement expects it."""


class Write(NamedTuple):
    """An SQL statement that returns each row it writes, and the expected number of these rows."""

    sql: str
    parameters: Sequence[Any]
    rows: int

    def execute(self) -> None:
        """Execute in the caller's transaction. The caller must roll it back after `Incomplete`."""
        with connection.cursor() as cursor:
            cursor.execute(self.sql, self.parameters)
            if len(cursor.fetchall()) != self.rows:
                raise Incomplete(f"Not each of {self.rows} rows could be written.")


def insert(model: type[Model], rows: Sequence[Model]) -> None:
    """Insert new rows, in few statements and without signals. Their keys are not read back.

    Django's ``bulk_create`` does the same and takes twice the time: it looks for expressions in
    every value. These rows have none, and no fields that a save sets (``auto_now``).
    """
    made = [field for field in model._meta.concrete_fields if not _is_given(field, rows)]
    values = attrgetter(*(field.attname for field in made))
    insert_values(model, made, list(map(values, rows)))


def insert_values(
    model: type[Model],
    fields: Sequence[Field],
    rows: Sequence[Sequence[Any]],
    *,
    ignore_conflicts: bool = False,
    returning: Field | None = None,
) -> list[Any]:
    """Insert rows with these values of ``fields``, without making instances.

    Returns ``returning`` of each row that was inserted.
    """
    columns = ", ".join(f'"{field.column}"' for field in fields)
    into = f"INSERT INTO {model._meta.db_table} ({columns})"
    end = " ON CONFLICT DO NOTHING" if ignore_conflicts else ""
    if returning:
        end += f' RETURNING "{returning.column}"'
    db = connections[DEFAULT_DB_ALIAS]  # each look at `connection` takes microseconds
    returned: list[Any] = []
    at_once = (db.features.max_query_params or PARAMETERS) // len(fields)
    for start in range(0, len(rows), at_once):
        part = rows[start : start + at_once]
        with db.cursor() as cursor:
            if db.vendor == "postgresql":
                given = f"SELECT {columns} FROM {_recordset(model)}"
                cursor.execute(f"{into} {given}{end}", [_as_json(fields, part, db)])
            elif returning:
                places = ", ".join([_place(fields)] * len(part))
                values = [
                    value for row in _converted(_for_sqlite, fields, part, db) for value in row
                ]
                cursor.execute(f"{into} VALUES {places}{end}", values)
            else:  # parsed once, and short: Django searches the text of each statement
                cursor.executemany(
                    f"{into} VALUES {_place(fields)}{end}",
                    _converted(_for_sqlite, fields, part, db),
                )
            if returning:
                returned += [value for (value,) in cursor.fetchall()]
    return returned


def _place(fields: Sequence[Field]) -> str:
    return f"({', '.join(['%s'] * len(fields))})"


def _converted(
    convert: Convert,
    fields: Sequence[Field],
    rows: Sequence[Sequence[Any]],
    db: BaseDatabaseWrapper,
) -> list[Sequence[Any]]:
    """The rows, each column converted: for SQLite as parameters, for PostgreSQL as JSON."""
    columns = [
        convert(field, values, db)
        for field, values in zip(fields, zip(*rows, strict=True), strict=True)
    ]
    return list(zip(*columns, strict=True))


def _for_sqlite(field: Field, values: Sequence[Any], db: BaseDatabaseWrapper) -> Sequence[Any]:
    if isinstance(field, JSONField):
        return [value if value is None else msgspec.json.encode(value).decode() for value in values]
    kinds = {*map(type, values)}
    if kinds <= PLAIN:
        return values
    if kinds <= {UUID, type(None)}:
        return [value and value.hex for value in values]
    if kinds <= {datetime, type(None)}:  # many rows have the same time
        made = {value: db.ops.adapt_datetimefield_value(value) for value in {*values}}
        return [made[value] for value in values]
    return [
        value if type(value) in PLAIN else field.get_db_prep_save(value, db) for value in values
    ]


def _recordset(model: type[Model]) -> str:
    """The rows of a parameter that `_as_json` makes.

    So a statement has one parameter, however many rows. With one parameter for each value, most of
    the time went into their quoting here and into the parsing of the statement in PostgreSQL.
    """
    return f"json_populate_recordset(CAST(NULL AS {model._meta.db_table}), %s)"


def _as_json(
    fields: Sequence[Field], rows: Sequence[Sequence[Any]], db: BaseDatabaseWrapper
) -> str:
    """The rows as JSON objects by the names of columns, for PostgreSQL."""
    names = [field.column for field in fields]
    converted = _converted(_for_json, fields, rows, db)
    made = [dict(zip(names, row, strict=True)) for row in converted]
    return msgspec.json.encode(made).decode()


def _for_json(field: Field, values: Sequence[Any], db: BaseDatabaseWrapper) -> Sequence[Any]:
    if isinstance(field, JSONField):
        return values
    if isinstance(field, BinaryField):
        return [value if value is None else rf"\x{bytes(value).hex()}" for value in values]
    return [
        value if type(value) in PLAIN_JSON else field.get_db_prep_save(value, db)
        for value in values
    ]


def _is_given(field: Field, rows: Sequence[Model]) -> bool:
    """Whether the database gives the value: a number as the key, or a default."""
    if field.primary_key:
        return rows[0].pk is None
    return isinstance(getattr(rows[0], field.attname), DatabaseDefault)


def update(model: type[Model], fields: Sequence[Field], rows: Sequence[Model]) -> Write:
    """Update each of ``rows`` to its values of ``fields``; the first is the primary key."""
    db = connections[DEFAULT_DB_ALIAS]
    table, columns = model._meta.db_table, [field.column for field in fields]
    values = [[getattr(row, field.attname) for field in fields] for row in rows]
    if db.vendor == "postgresql":
        changes = ", ".join(f'"{column}" = given."{column}"' for column in columns[1:])
        given, parameters = _recordset(model), [_as_json(fields, values, db)]
        key = columns[0]
    else:
        changes = ", ".join(
            f'"{column}" = given.column{number}' for number, column in enumerate(columns[1:], 2)
        )
        given, key = f"(VALUES {', '.join([_place(fields)] * len(rows))})", "column1"
        converted = _converted(_for_sqlite, fields, values, db)
        parameters = [value for row in converted for value in row]
    return Write(
        f"UPDATE {table} SET {changes} FROM {given} AS given "
        f"WHERE {table}.{columns[0]} = given.{key} RETURNING {table}.{columns[0]}",
        parameters,
        len(rows),
    )
