"""From saved and deleted records to entries, in the same transaction, by whatever way they came.

What an edit changes is found by reading the row again, under its lock: an instance may have been
loaded long before, and would not know whose change it undoes.
"""

from typing import Any

from django.contrib.auth.hashers import identify_hasher
from django.db import transaction
from django.db.models import Model, QuerySet
from django.db.models.signals import post_save, pre_delete, pre_save

from crews.audit.watched import WATCHED, Watched, organization_of, shown, values_of
from crews.models import AuditEntry
from crews.models.audit_entry import Kind
from crews.scoping import answering
from crews.tracking import TrackedModel

Changes = dict[str, tuple[Any, Any]]


def connect() -> None:
    """Called once, when the apps are ready."""
    for model in WATCHED:
        pre_save.connect(_about_to_save, sender=model)
        post_save.connect(_saved, sender=model)
        pre_delete.connect(_about_to_delete, sender=model)
        if not issubclass(model, TrackedModel):  # one saves in a transaction already
            model.save = transaction.atomic(savepoint=False)(model.save)


def _about_to_save(
    sender: type[Model], instance: Model, raw: bool, update_fields: Any, **kwargs: Any
) -> None:
    instance._audited_before = None
    if instance._state.adding or raw or not _fields(WATCHED[sender], update_fields):
        return
    rows = sender._base_manager.select_for_update()
    with answering(False):  # the record is there already
        instance._audited_before = rows.filter(pk=instance.pk).first()


def _saved(
    sender: type[Model],
    instance: Model,
    created: bool,
    raw: bool,
    update_fields: Any,
    **kwargs: Any,
) -> None:
    watched = WATCHED[sender]
    fields = _fields(watched, update_fields)
    if raw or not fields:
        return
    before, instance._audited_before = instance._audited_before, None
    if before and "password" in fields and _is_only_hashed_anew(before, instance):
        fields = tuple(name for name in fields if name != "password")
    tell(fields, before, instance, created=created)


def tell(
    fields: tuple[str, ...], before: Model | None, after: Model, *, created: bool = False
) -> None:
    """Record what differs in ``fields`` between two states of a record, in one entry or several."""
    watched = WATCHED[type(after)]
    changes = _changes(fields, before, after)
    switched = {name: changes.pop(name) for name in watched.switches if name in changes}
    if created:
        _record(watched.created, after, changes)
    elif changes:
        _record(watched.edited, after, changes)
    for name, change in switched.items():
        if before or _begins_unlike_others(watched, after, name):
            on, off = watched.switches[name]
            told = {} if name in watched.hidden else {name: change}
            _record(on if getattr(after, name) else off, after, told)


def _about_to_delete(sender: type[Model], instance: Model, origin: Any, **kwargs: Any) -> None:
    watched = WATCHED[sender]
    if not goes_with(watched.goes_with, origin):
        fields = tuple(name for name in watched.fields if name not in watched.hidden)
        gone = {name: (shown(instance, name), None) for name in fields}
        _record(watched.deleted, instance, gone)


def goes_with(owners: tuple[type[Model], ...], origin: Model | QuerySet | None) -> bool:
    """Whether one of ``owners`` is being deleted, ``origin`` being where the deletion began."""
    began = origin.model if isinstance(origin, QuerySet) else type(origin)
    return began in owners


def _fields(watched: Watched, update_fields: Any) -> tuple[str, ...]:
    if update_fields is None:
        return watched.fields
    return tuple(name for name in watched.fields if {name, f"{name}_id"} & set(update_fields))


def _begins_unlike_others(watched: Watched, record: Model, name: str) -> bool:
    """A new record tells of a switch where it is not as usual: a superuser, a crew at rest."""
    usual = record._meta.get_field(name).default
    return name not in watched.hidden and getattr(record, name) != usual


def _changes(fields: tuple[str, ...], before: Model | None, after: Model) -> Changes:
    old = values_of(before, fields) if before else {}
    changed = [name for name, new in values_of(after, fields).items() if old.get(name) != new]
    return {name: _change(name, before, after) for name in changed}


def _change(name: str, before: Model | None, after: Model) -> tuple[Any, Any]:
    old, new = before and shown(before, name), shown(after, name)
    return (old, f"{new} (other parameters)" if name == "steps" and old == new else new)


def _is_only_hashed_anew(before: Any, after: Any) -> bool:
    """Signing in brings a password's hash up to date; the password stays the same."""
    if after._password is not None or not before.has_usable_password():
        return False
    try:
        return identify_hasher(before.password).must_update(before.password)
    except ValueError:  # a hash of an algorithm that is gone
        return False


def _record(kind: Kind, instance: Model, changes: Changes) -> None:
    crew = getattr(instance, "crew", None)
    AuditEntry.objects.record(
        kind,
        about=instance,
        name=f"{instance} of {crew}" if crew else "",
        organization=organization_of(instance, WATCHED[type(instance)]),
        changes=changes,
    )
