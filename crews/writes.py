"""Statements that write a known number of rows, or fail as a whole."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Field, JSONField, Model
from django.db.models.expressions import DatabaseDefault

PARAMETERS = 20_000  # of a statement, where the database has no limit of its own
PLAIN = {str, int, float, type(None)}  # types that every column takes as they are, but JSON


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


def insert(model: type[Model], rows: Sequence[Model], *, ignore_conflicts: bool = False) -> None:
    """Insert new rows, in few statements and without signals. Their keys are not read back.

    Django's ``bulk_create`` does the same and takes twice the time: it looks for expressions in
    every value. These rows have none.
    """
    made = [field for field in model._meta.concrete_fields if not _is_given(field, rows)]
    columns = [[field.pre_save(row, add=True) for row in rows] for field in made]
    insert_values(model, made, list(zip(*columns, strict=True)), ignore_conflicts=ignore_conflicts)


def insert_values(
    model: type[Model],
    fields: Sequence[Field],
    rows: Sequence[Sequence[Any]],
    *,
    ignore_conflicts: bool = False,
) -> None:
    """Insert rows with these values of ``fields``, without making instances."""
    columns = ", ".join(f'"{field.column}"' for field in fields)
    place = f"({', '.join(['%s'] * len(fields))})"
    plain = [set() if isinstance(field, JSONField) else PLAIN for field in fields]
    at_once = (connection.features.max_query_params or PARAMETERS) // len(fields)
    for start in range(0, len(rows), at_once):
        part = rows[start : start + at_once]
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {model._meta.db_table} ({columns}) VALUES "
                + ", ".join([place] * len(part))
                + (" ON CONFLICT DO NOTHING" if ignore_conflicts else ""),
                [
                    value if type(value) in as_it_is else field.get_db_prep_save(value, connection)
                    for row in part
                    for field, value, as_it_is in zip(fields, row, plain, strict=True)
                ],
            )


def _is_given(field: Field, rows: Sequence[Model]) -> bool:
    """Whether the database gives the value: a number as the key, or a default."""
    if field.primary_key:
        return rows[0].pk is None
    return isinstance(getattr(rows[0], field.attname), DatabaseDefault)


def update(model: type[Model], fields: Sequence[Field], rows: Sequence[Model]) -> Write:
    """Update each of ``rows`` to its values of ``fields``; the first is the primary key."""
    table, columns = model._meta.db_table, [field.column for field in fields]
    changes = ", ".join(
        f'"{column}" = given.column{number}' for number, column in enumerate(columns[1:], 2)
    )
    return Write(
        f"UPDATE {table} SET {changes} FROM (VALUES {_values(fields, len(rows))}) AS given "
        f"WHERE {table}.{columns[0]} = given.column1 RETURNING {table}.{columns[0]}",
        [
            field.get_db_prep_save(getattr(row, field.attname), connection)
            for row in rows
            for field in fields
        ],
        len(rows),
    )


def _values(fields: Sequence[Field], rows: int) -> str:
    """Placeholders. PostgreSQL needs the types of the columns, which the first row gives."""
    row = f"({', '.join(['%s'] * len(fields))})"
    first = row
    if connection.vendor == "postgresql":
        types = [field.cast_db_type(connection) for field in fields]
        first = f"({', '.join(f'CAST(%s AS {type})' for type in types)})"
    return ", ".join([first, *[row] * (rows - 1)])
