"""Users that are changed many at a time, which sends no signals: told all the same.

Our own models refuse such changes; Django's model of users is everybody's, so it takes them.
"""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Model, QuerySet

from crews.audit.receivers import tell
from crews.audit.watched import WATCHED


def connect() -> None:
    """Called once, when the apps are ready. Managers of related users inherit it, too."""
    type(get_user_model()._default_manager)._queryset_class = ToldQuerySet


class ToldQuerySet(QuerySet):
    """As Django's, but ``update()``, ``bulk_update()`` and ``bulk_create()`` leave entries."""

    def update(self, **kwargs: Any) -> int:
        watched = WATCHED.get(self.model)  # none for the model as a migration sees it
        if not watched or not set(watched.fields) & kwargs.keys():
            return super().update(**kwargs)
        rows = self.model._base_manager.using(self.db)
        with transaction.atomic(using=self.db):
            found = rows.select_for_update().filter(pk__in=self.order_by().values("pk"))
            before = {user.pk: user for user in found}
            # Those alone that are locked and known: others may fit by now.
            count = QuerySet.update(self.filter(pk__in=before), **kwargs)
            for user in rows.filter(pk__in=before).order_by("pk"):
                tell(watched.fields, before[user.pk], user)
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
                tell(WATCHED[self.model].fields, None, user, created=True)
        return created
