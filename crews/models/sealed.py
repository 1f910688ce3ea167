"""Records with encrypted values. ``manage.py reencrypt_secrets`` finds them by this base class."""

from collections.abc import Iterator
from typing import ClassVar

from django.apps import apps
from django.db import models
from django.db.models import QuerySet

from crews import sealing


class SealedModel(models.Model):
    """A record of an organization with values that ``sealing.seal`` has encrypted.

    The class has a foreign key ``organization``.
    """

    SEALED: ClassVar[tuple[str, ...]] = ("sealed",)  # the fields; an empty one holds no value

    class Meta:
        abstract = True

    @property
    def sealed_name(self) -> str:
        """How messages of commands name the record: ``organization/name``."""
        return f"{self.organization.slug}/{self}"

    def resealed(self) -> dict[str, str]:
        """The values encrypted with the first key, by field. Raises ``sealing.Unreadable``."""
        return {name: sealing.reseal(value) for name, value in self._stored().items()}

    def reseal(self) -> None:
        """Encrypt the values with the first key. Raises ``sealing.Unreadable``; then none changes.

        Values that were stored meanwhile are already encrypted with that key and stay.
        """
        stored, resealed = self._stored(), self.resealed()
        held = type(self)._default_manager.unscoped().filter(pk=self.pk, **stored)
        QuerySet.update(held, **resealed)

    def _stored(self) -> dict[str, str]:
        return {name: value for name in self.SEALED if (value := getattr(self, name))}


def sealed_records() -> Iterator[SealedModel]:
    """All records of all organizations that hold encrypted values."""
    for model in apps.get_models():
        if issubclass(model, SealedModel):
            yield from model._default_manager.unscoped().select_related("organization")
