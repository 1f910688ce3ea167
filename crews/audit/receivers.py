"""Records entries for saved and deleted records, in the same transaction, from any code.

To find the changes of an edit, the row is read again under its lock. An instance may have been
loaded long before, so it would not show whose change it undoes.
"""

from typing import Any

from django.contrib.auth.hashers import identify_hasher
from django.db.models import Model, QuerySet
from django.db.models.signals import post_save, pre_delete, pre_save

from crews.audit.watched import (
    WATCHED,
    Watched,
    is_left_out,
    organization_of,
    shown,
    values_of,
)
from crews.models import AuditEntry
from crews.models.audit_entry import Kind
from crews.scoping import unscoped

Changes = dict[str, tuple[Any, Any]]


def connect() -> None:
    """Call once, when the apps are ready. Each of the models has to save in a transaction."""
    for model, watched in WATCHED.items():
        watch(model, watched)


def watch(model: type[Model], watched: Watched) -> None:
    """Record the changes of ``model``. Other apps call this for their own models."""
    WATCHED[model] = watched
    pre_save.connect(_about_to_save, sender=model)
    post_save.connect(_saved, sender=model)
    pre_delete.connect(_about_to_delete, sender=model)


def _about_to_save(
    sender: type[Model], instance: Model, raw: bool, update_fields: Any, **kwargs: Any
) -> None:
    instance._audited_before = None
    if instance._state.adding or raw or not _fields(WATCHED[sender], update_fields):
        return
    rows = sender._base_manager.select_for_update()
    with unscoped():  # the record was reached before
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
    record_changes(fields, before, instance, created=created)


def record_changes(
    fields: tuple[str, ...], before: Model | None, after: Model, *, created: bool = False
) -> None:
    """Record the differences in ``fields`` between two states of a record.

    They make one entry or several.
    """
    watched = WATCHED[type(after)]
    changes = _changes(fields, before, after)
    switched = {name: changes.pop(name) for name in watched.switches if name in changes}
    if created:
        kept = {name: change for name, change in changes.items() if not is_left_out(after, name)}
        _record(watched.created, after, kept)
    elif changes:
        _record(watched.edited, after, changes)
    for name, change in switched.items():
        if before or _begins_unlike_others(watched, after, name):
            on, off = watched.switches[name]
            details = {} if name in watched.hidden else {name: change}
            _record(on if getattr(after, name) else off, after, details)


def _about_to_delete(sender: type[Model], instance: Model, origin: Any, **kwargs: Any) -> None:
    # If set, the deletion was recorded at that time, and now the row is removed.
    recorded_at = getattr(instance, "deleted_at", None)
    if not recorded_at and not is_deleted_with(WATCHED[sender].deleted_with, origin):
        record_deletion(instance)


def record_deletion(record: Model) -> None:
    """Record the deletion of a record, with its last values."""
    watched = WATCHED[type(record)]
    visible = (name for name in watched.fields if name not in watched.hidden)
    fields = tuple(name for name in visible if not is_left_out(record, name))
    _record(watched.deleted, record, {name: (shown(record, name), None) for name in fields})


def is_deleted_with(owners: tuple[type[Model], ...], origin: Model | QuerySet | None) -> bool:
    """Whether one of ``owners`` is being deleted; ``origin`` is where the deletion began."""
    began = origin.model if isinstance(origin, QuerySet) else type(origin)
    return began in owners


def _fields(watched: Watched, update_fields: Any) -> tuple[str, ...]:
    if update_fields is None:
        return watched.fields
    return tuple(name for name in watched.fields if {name, f"{name}_id"} & set(update_fields))


def _begins_unlike_others(watched: Watched, record: Model, name: str) -> bool:
    """Whether a new record's switch is not at its default: a superuser, an inactive crew."""
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
    """Whether only the hash changed: signing in updates the hash of an unchanged password."""
    if after._password is not None or not before.has_usable_password():
        return False
    try:
        return identify_hasher(before.password).must_update(before.password)
    except ValueError:  # the hash's algorithm is no longer supported
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
