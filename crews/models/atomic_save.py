from typing import Any

from django.db import models, transaction


class AtomicSave(models.Model):
    """Saves in a transaction: the record and its audit entry are stored together, or neither."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        with transaction.atomic(savepoint=False):
            super().save(*args, **kwargs)
