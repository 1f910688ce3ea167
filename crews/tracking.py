"""Models that report every saved change: they remember the state they were loaded with."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any, ClassVar, NoReturn, Self

from django.db import models, transaction
from django.db.models.base import ModelState

from crews import batches
from crews.scoping import OwnedModel, ScopedQuerySet
from crews.text import storable

TEXT_FIELDS = (models.CharField, models.TextField, models.JSONField)


class InvalidState(Exception):
    """A change of state that the record's present state does not allow.

    The message says which change and why.
    """


class TrackedQuerySet(ScopedQuerySet):
    """Refuses calls that would change rows without ``post_save``: every change must be noticed."""

    def update(self, **kwargs: Any) -> int:
        if kwargs and self.model.UNREPORTED.issuperset(kwargs):
            return super().update(**kwargs)
        self._refuse("update()")

    def bulk_create(self, *args: Any, **kwargs: Any) -> NoReturn:
        self._refuse("bulk_create()")

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        self._refuse("bulk_update()")

    def find(self, pk: Any) -> Any:
        """Return the row with this key, or ``None``: in a batch, only an attached row."""
        if batch := batches.current():
            return batch.get(self.model, pk)
        return self.filter(pk=pk).first()

    def lock(self, **values: Any) -> list[Any]:
        """Lock and return the rows with these values."""
        if batch := batches.current():
            return batch.lock(self, **values)
        return list(self.select_for_update().filter(**values))

    def _refuse(self, call: str) -> NoReturn:
        raise TypeError(
            f"{self.model.__name__}: {call} sends no signals, so nobody would see the change. "
            "Call a method of the model that makes this change, or save() each instance."
        )


class TrackedModel(OwnedModel):
    """Keeps ``loaded``: the field values last read from or written to the database, by attname."""

    loaded: dict[str, Any]

    # Fields that no event reports. Deleting the record that they point at sets them to null with
    # update().
    UNREPORTED: ClassVar[frozenset[str]] = frozenset()
    # Large fields that never change once they are saved: locked() does not read them again.
    FROZEN: ClassVar[frozenset[str]] = frozenset()

    class Meta(OwnedModel.Meta):
        abstract = True
        # Look-ups through relations must not offer update() either.
        base_manager_name = "objects"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.loaded = {}

    @classmethod
    def made(cls, **values: Any) -> Self:
        """Return what ``cls(**values)`` does, in a fifth of the time and without signals.

        A related record is given by the name of its relation.
        """
        made = cls.__new__(cls)
        constants, functions, relations = _defaults(cls)
        own = made.__dict__
        own |= constants
        made._state, made.loaded = ModelState(), {}
        for name, value in values.items():
            if attname := relations.get(name):
                made._state.fields_cache[name] = value
                own[attname] = value and value.pk
            elif name in constants:
                own[name] = value
            else:
                raise TypeError(f"{cls.__name__} has no field {name}.")
        for name, default in functions.items():
            if name not in values:
                own[name] = default()
        return made

    @classmethod
    def from_db(cls, db: str | None, field_names: Any, values: Any) -> Self:
        instance = super().from_db(db, field_names, values)
        instance._remember()
        return instance

    def refresh_from_db(self, using: Any = None, fields: Any = None, **kwargs: Any) -> None:
        super().refresh_from_db(using, fields, **kwargs)
        self._remember(fields)

    def save(self, *args: Any, **kwargs: Any) -> None:
        fields = kwargs.get("update_fields")
        self._make_storable(fields)
        if batch := batches.current():
            batch.save(self, fields)
        else:
            # The writes of post_save receivers and this save are one change: both or neither.
            with transaction.atomic(savepoint=False):
                super().save(*args, **kwargs)  # receivers of post_save compare with `loaded`
        self._remember(fields)

    def changed(self, update_fields: Any = None) -> set[str]:
        """Names of the fields whose saved value differs from the loaded one.

        For receivers of ``post_save``.
        """
        own, loaded = self.__dict__, self.loaded
        names = _names(type(self), _named(update_fields))
        if not loaded:
            return {name for name, attname in names if own.get(attname) is not None}
        return {
            name
            for name, attname in names
            if loaded.get(attname) != (own[attname] if attname in own else getattr(self, attname))
        }

    @contextmanager
    def locked(self) -> Iterator[None]:
        """A transaction that holds this row's lock. It refreshes the instance first.

        A batch holds the locks of its rows already.
        Relations stay cached, because no method moves a row to another parent.
        """
        if (batch := batches.current()) and batch.is_attached(self):
            yield
            return
        own = [
            field.attname
            for field in self._meta.concrete_fields
            if not field.is_relation and field.name not in self.FROZEN
        ]
        with transaction.atomic():
            self.refresh_from_db(
                fields=own,
                from_queryset=type(self)._base_manager.unscoped().select_for_update(),
            )
            yield

    def _make_storable(self, update_fields: Any) -> None:
        """Make the text of a tool or a person storable, so that the save does not fail."""
        own = self.__dict__
        for attname in _texts(type(self), _named(update_fields)):
            if own.get(attname):
                own[attname] = storable(own[attname])

    def _remember(self, update_fields: Any = None) -> None:
        own = self.__dict__
        names = _names(type(self), _named(update_fields))
        # A field that is missing is deferred.
        self.loaded |= {attname: own[attname] for _, attname in names if attname in own}


def _named(update_fields: Any) -> frozenset[str] | None:
    return None if update_fields is None else frozenset(update_fields)


@cache
def _defaults(
    model: type[models.Model],
) -> tuple[dict[str, Any], dict[str, Callable[[], Any]], dict[str, str]]:
    """The default of each field by attname: values, and functions whose field has ``None`` there.
    Then the attname of each relation, by its name.
    """
    constants, functions, relations = {}, {}, {}
    for field in model._meta.concrete_fields:
        if field.has_default() and callable(field.default):
            constants[field.attname], functions[field.attname] = None, field.default
        else:
            constants[field.attname] = field.get_default()
        if field.is_relation:
            relations[field.name] = field.attname
    return constants, functions, relations


@lru_cache(maxsize=1024)
def _names(
    model: type[models.Model], update_fields: frozenset[str] | None
) -> tuple[tuple[str, str], ...]:
    """The name and the attname of each of these fields; of all fields if ``None``."""
    return tuple(
        (field.name, field.attname)
        for field in model._meta.concrete_fields
        if update_fields is None or update_fields & {field.name, field.attname}
    )


@lru_cache(maxsize=1024)
def _texts(model: type[models.Model], update_fields: frozenset[str] | None) -> tuple[str, ...]:
    """The attnames of those that hold text."""
    return tuple(
        attname
        for name, attname in _names(model, update_fields)
        if isinstance(model._meta.get_field(name), TEXT_FIELDS)
    )
