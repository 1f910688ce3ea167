"""Saves that are written together: one statement per table and kind of change, at the end of a
block.

Inside ``batched()`` a `TrackedModel` sends its signals when it is saved, as it always does. So the
same receivers derive the same events in the same order. The rows are written when the block ends,
in the same transaction. Until then they are only in memory: inside the block, code reads the rows
that are attached to the batch, with ``get`` and ``select``, and not the database.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, Protocol

from django.db import DEFAULT_DB_ALIAS, models, transaction
from django.db.models.signals import post_save, pre_save

from crews.checked_writes import Write, insert, update

Model = type[models.Model]


class Part(Protocol):
    """Something else that is written at the end, after the rows."""

    def write(self) -> None: ...


class WriteBatch:
    """The rows that a transaction has locked and read, or made, and the changes to them."""

    def __init__(self) -> None:
        self.changes = 0  # made so far
        self._alias = DEFAULT_DB_ALIAS
        self.complete: set[Model] = set()  # models whose running rows are all attached
        self._attached: dict[Model, dict[Any, models.Model]] = {}
        self._new: dict[Model, list[models.Model]] = {}
        self._changed: dict[Model, dict[Any, set[str]]] = {}
        self._parts: dict[Callable[[], Part], Part] = {}

    def attach(self, rows: Iterable[models.Model]) -> list[Any]:
        """Attach ``rows``, which the caller has locked."""
        attached = list(rows)
        for row in attached:
            self._attached.setdefault(type(row), {})[row.pk] = row
        return attached

    def is_attached(self, row: models.Model) -> bool:
        return self.get(type(row), row.pk) is row

    def get(self, model: Model, pk: Any) -> Any:
        """Return the attached row, or ``None``."""
        return self._attached.get(model, {}).get(pk)

    def lock(self, rows: models.QuerySet, **values: Any) -> list[Any]:
        """Return the rows with these values. Others than the attached are locked and read."""
        model = rows.model
        if model not in self.complete:
            unknown = rows.select_for_update().filter(**values)
            self.attach(unknown.exclude(pk__in=[*self._attached.get(model, ())]))
        return self.select(model, **values)

    def count_attached(self, model: Model) -> int:
        """Return how many rows are attached."""
        return len(self._attached.get(model, ()))

    def select(self, model: Model, **values: Any) -> list[Any]:
        """Return the attached rows with these values."""
        return [
            row
            for row in self._attached.get(model, {}).values()
            if all(getattr(row, name) == value for name, value in values.items())
        ]

    def save(self, row: models.Model, update_fields: Iterable[str] | None) -> None:
        """Send the signals of a save. Write the row at the end."""
        model, created = type(row), row._state.adding
        named = None if update_fields is None else frozenset(update_fields)
        about = {"instance": row, "raw": False, "using": self._alias, "update_fields": named}
        pre_save.send(model, **about)
        if created:
            self.add(row)
            if row.pk is not None:  # otherwise the database sets it, and no code looks for the row
                self.attach([row])
        else:
            self.mark_changed(row, update_fields)
        post_save.send(model, created=created, **about)

    def add(self, row: models.Model) -> None:
        """Insert the row at the end."""
        self.changes += 1
        self._new.setdefault(type(row), []).append(row)
        row._state.adding = False

    def mark_changed(self, row: models.Model, update_fields: Iterable[str] | None) -> None:
        """Write these fields of an attached row at the end. A new row is written as a whole."""
        if update_fields is None or not self.is_attached(row):
            raise TypeError(f"{row!r}: a batch saves named fields of attached rows.")
        self.changes += 1
        self._changed.setdefault(type(row), {}).setdefault(row.pk, set()).update(update_fields)

    def get_part(self, make: Callable[[], Any]) -> Any:
        """Return the batch's only part of this kind."""
        if make not in self._parts:
            self._parts[make] = make()
        return self._parts[make]

    def write(self) -> None:
        new = {row.pk for rows in self._new.values() for row in rows}
        for model, fields in self._changed.items():
            rows = [self._attached[model][pk] for pk in fields if pk not in new]
            names = sorted(set().union(*(fields[row.pk] for row in rows)))
            for statement in _updates(model, rows, names):
                statement.execute()
        for model, made in self._new.items():
            insert(model, made)
        for part in self._parts.values():
            part.write()


_current: ContextVar[WriteBatch | None] = ContextVar("batch", default=None)


def current() -> WriteBatch | None:
    """The batch of the block that is running, or ``None``."""
    return _current.get()


@contextmanager
def batched() -> Iterator[WriteBatch]:
    """A transaction whose saves are written together at its end, or not at all."""
    with transaction.atomic():
        batch = WriteBatch()
        token = _current.set(batch)
        try:
            yield batch
        finally:
            _current.reset(token)
        batch.write()


def atomic() -> AbstractContextManager[None]:
    """A transaction or savepoint. A batch needs none: it has written nothing yet."""
    return nullcontext() if current() else transaction.atomic()


def _updates(model: Model, rows: list[Any], names: list[str]) -> Iterator[Write]:
    """Yield statements that write these fields of the rows."""
    fields = [model._meta.pk, *(model._meta.get_field(name) for name in names)]
    at_once = 900 // len(fields)  # SQLite accepts at least 999 parameters
    for start in range(0, len(rows), at_once):
        yield update(model, fields, rows[start : start + at_once])
