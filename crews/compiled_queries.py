"""Queries that are sent again and again: Django makes their SQL once, and only the values change.

For a query of a few rows Django takes longer to make the SQL than the database to answer.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Field, Lookup, Model, QuerySet, UUIDField, Value
from django.db.models.query import get_related_populators
from django.db.models.sql import UpdateQuery

from crews.scoping import check_reached


class BindParam(Value):
    """Stands in a query for the value of this name, of the type of ``field``."""

    def __init__(self, name: str, field: Field) -> None:
        super().__init__(name, output_field=field)

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        return "%s", [self]

    def prepared(self, value: Any, db: Any) -> Any:
        return self.output_field.get_db_prep_value(value, db)


class BindList(BindParam):
    """The same for any number of texts or UUIDs. Used with `AnyOf`."""

    def prepared(self, value: Iterable[Any], db: Any) -> str:
        """All as one text, so that the SQL does not depend on their number."""
        if isinstance(self.output_field, UUIDField):  # Django takes three times as long
            texts = [str(id) if db.features.has_native_uuid_field else id.hex for id in value]
        else:
            texts = [str(self.output_field.get_db_prep_value(each, db)) for each in value]
        if db.vendor == "sqlite":
            return json.dumps(texts)
        escaped = [text.replace("\\", "\\\\").replace('"', '\\"') for text in texts]
        return "{" + ",".join(f'"{text}"' for text in escaped) + "}"


class AnyOf(Lookup):
    """Whether the left side is one of the values of the `BindList` on the right."""

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        sql, parameters = self.process_lhs(compiler, connection)
        if connection.vendor == "sqlite":
            return f"{sql} IN (SELECT value FROM json_each(%s))", [*parameters, self.rhs]
        type = self.rhs.output_field.db_type(connection)
        return f"{sql} = ANY(CAST(%s AS {type}[]))", [*parameters, self.rhs]


class _Statement(ABC):
    """SQL with parameters, made when it is first executed."""

    def __init__(self) -> None:
        self._model: type[Model]
        self._is_reached = False
        self._sql = ""
        self._parameters: tuple[Any, ...] = ()

    @abstractmethod
    def _compile(self) -> None:
        """Make the SQL and its parameters, and note the QuerySet."""

    def _note(self, queryset: QuerySet) -> None:
        self._model = queryset.model
        self._is_reached = getattr(queryset, "_is_reached", True)

    def _execute(self, values: dict[str, Any]) -> Any:
        if not self._sql:
            self._compile()
        if not self._is_reached:
            check_reached(self._model)
        db = connections[DEFAULT_DB_ALIAS]
        cursor = db.cursor()
        cursor.execute(
            self._sql,
            [
                part.prepared(values[part.value], db) if isinstance(part, BindParam) else part
                for part in self._parameters
            ],
        )
        return cursor


class Select(_Statement):
    """The rows of the QuerySet that ``make`` returns, whose values are `BindParam`s."""

    def __init__(self, make: Callable[[], QuerySet]) -> None:
        super().__init__()
        self._make = make

    def rows(self, **values: Any) -> list[Any]:
        """Instances, or the sequences of values for a QuerySet of ``values_list``."""
        with self._execute(values) as cursor:
            rows = cursor.fetchall()
        db = connections[DEFAULT_DB_ALIAS]
        if self._converters:
            rows = [list(row) for row in rows]
        for place, (converters, expression) in self._converters.items():
            for row in rows:
                for convert in converters:
                    row[place] = convert(row[place], expression, db)
        return rows if self._names is None else [self._instance(row) for row in rows]

    def first(self, **values: Any) -> Any:
        """The first of the rows, or ``None``."""
        return next(iter(self.rows(**values)), None)

    def _instance(self, row: Any) -> Model:
        made = self._model.from_db(DEFAULT_DB_ALIAS, self._names, row[self._own])
        for populator in self._populators:
            populator.populate(row, made)
        return made

    def _compile(self) -> None:
        """As Django's ``ModelIterable`` does for each execution."""
        queryset = self._make()
        compiler = queryset.query.get_compiler(connection=connections[DEFAULT_DB_ALIAS])
        sql, self._parameters = compiler.as_sql()
        self._note(queryset)
        selected = compiler.select[: compiler.col_count]
        self._converters = compiler.get_converters([column[0] for column in selected])
        self._names: list[str] | None = None
        if (of_model := compiler.klass_info) and queryset._fields is None:
            places = of_model["select_fields"]
            self._own = slice(places[0], places[-1] + 1)
            self._names = [column[0].target.attname for column in compiler.select[self._own]]
            self._populators = get_related_populators(of_model, compiler.select, DEFAULT_DB_ALIAS)
        self._sql = sql


class Update(_Statement):
    """An update without signals: ``make`` returns the rows and new values, with `BindParam`s."""

    def __init__(self, make: Callable[[], tuple[QuerySet, dict[str, Any]]]) -> None:
        super().__init__()
        self._make = make

    def execute(self, **values: Any) -> None:
        self._execute(values).close()

    def _compile(self) -> None:
        queryset, changes = self._make()
        query = queryset.query.chain(UpdateQuery)
        query.add_update_values(changes)
        sql, self._parameters = query.get_compiler(
            connection=connections[DEFAULT_DB_ALIAS]
        ).as_sql()
        self._note(queryset)
        self._sql = sql
