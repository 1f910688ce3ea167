"""Audit entries for Django's users. This is the only module that changes a class of Django.

Signals are not enough for users. Django saves a user without a transaction, so the user could be
stored without the audit entry. And ``update()`` and ``bulk_create()`` send no signals. Our own
models save in a transaction and refuse such calls, but code of Django and of libraries may use them
for users.
"""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Model, QuerySet

from crews.audit.receivers import record_changes
from crews.audit.watched import WATCHED


def connect() -> None:
    """Call once, when the apps are ready. Managers of related users inherit the QuerySet, too."""
    users = get_user_model()
    users.save = transaction.atomic(savepoint=False)(users.save)
    type(users._default_manager)._queryset_class = RecordingQuerySet


class RecordingQuerySet(QuerySet):
    """Like Django's, but ``update()``, ``bulk_update()`` and ``bulk_create()`` record entries."""

    def update(self, **kwargs: Any) -> int:
        watched = WATCHED.get(self.model)  # none for the model of a migration
        if not watched or not set(watched.fields) & kwargs.keys():
            return super().update(**kwargs)
        rows = self.model._base_manager.using(self.db)
        with transaction.atomic(using=self.db):
            found = rows.select_for_update().filter(pk__in=self.order_by().values("pk"))
            before = {user.pk: user for user in found}
            # Only rows that are locked and known: other rows may match by now.
            count = QuerySet.update(self.filter(pk__in=before), **kwargs)
            for user in rows.filter(pk__in=before).order_by("pk"):
                record_changes(watched.fields, before[user.pk], user)
        return count

    update.alters_data = True

    def bulk_create(self, objs: Iterable[Model], *args: Any, **kwargs: Any) -> list[Model]:
        if self.model not in WATCHED:
            return super().bulk_create(objs, *args, **kwargs)
        if len(args) > 1 or kwargs.keys() - {"batch_size"}:
            raise TypeError(
                "bulk_create() of users says which it has created only where none of them exists: "
                "leave out ignore_conflicts and update_conflicts, or save() each user."
            )
        with transaction.atomic(using=self.db):
            created = super().bulk_create(objs, *args, **kwargs)
            for user in created:
                record_changes(WATCHED[self.model].fields, None, user, created=True)
        return created
