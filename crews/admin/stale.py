"""A page of the admin does not overwrite what another user has saved since it was opened."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model
from django.forms import CharField, HiddenInput, ModelForm
from django.http import HttpRequest

STALE = (
    "The {record} has been saved since you opened this page, by somebody else or in another tab. "
    "What you entered is below and is not saved. Open the page again in another tab and enter it "
    "there."
)


class SeenForm(ModelForm):
    """``seen``: the digest of the record when the page was opened."""

    seen = CharField(required=False, widget=HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["seen"].initial = self.digest()

    def digest(self) -> str:
        """The digest of all that the page edits, as the form's instance has it."""
        raise NotImplementedError

    def locked_digest(self) -> str:
        """The digest as it is stored. The record stays locked until the transaction ends."""
        raise NotImplementedError

    def clean(self) -> None:
        """Refuse a stale form. The admin's view is one transaction, with the save."""
        super().clean()
        if self.cleaned_data.get("seen") != self.locked_digest():
            name = self._meta.model._meta.verbose_name
            raise ValidationError(STALE.format(record=name), code="stale")


class RefusesStale:
    """For a ``ScopedAdmin``: ``change_form`` is the form of a saved record that the user edits."""

    change_form: type[SeenForm]

    def get_form(
        self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm]:
        if self._is_edited(request, obj):
            kwargs["form"] = self.change_form
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        return [*self.fields, "seen"] if self._is_edited(request, obj) else self.fields

    def _is_edited(self, request: HttpRequest, record: Model | None) -> bool:
        return record is not None and self.has_change_permission(request, record)
