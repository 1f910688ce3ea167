"""Forms of targets, for the pages and the API."""

from typing import Any

from django import forms

from crews.models import Crew, Organization
from crews.scoping import User
from runs.notifications import services
from runs.notifications.kinds import CHOICES, Kind
from runs.notifications.models import Target
from runs.notifications.models.target import refusal

DEFAULT_KINDS = [Kind.FAILED, Kind.LOST]
EDITED = ("name", "kinds", "crew", "is_active")
STALE = "Somebody else has saved this target since you opened the page."


class TargetForm(forms.Form):
    """A target with its address. ``key`` is the new key of a webhook, after ``save``."""

    name = forms.CharField(max_length=100)
    kinds = forms.MultipleChoiceField(
        choices=CHOICES,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one."},
    )
    crew = forms.ModelChoiceField(
        Crew.objects.none(),
        required=False,
        empty_label="Every crew",
        error_messages={"invalid_choice": "There is no such crew in the organization."},
    )
    address = forms.CharField(max_length=services.MAX_CHARS)

    key = ""

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def keep(self, target: Target) -> None:
        """Encrypt the address. A refusal becomes the field's error."""
        try:
            self.key = target.keep(self.cleaned_data["address"])
        except services.InvalidAddress as refused:
            self.add_error("address", str(refused))


class NewTargetForm(TargetForm):
    """For one's own use (``whose=me``), or for an organization that one manages."""

    organization = forms.ModelChoiceField(
        Organization.objects.none(),
        to_field_name="slug",
        empty_label=None,
        error_messages={"invalid_choice": "Choose one of your organizations."},
    )
    whose = forms.ChoiceField(choices=[("me", "Only me"), ("organization", "The organization")])
    service = forms.ChoiceField(choices=services.CHOICES)

    field_order = ("organization", "whose", "name", "service", "address", "crew", "kinds")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["organization"].queryset = Organization.objects.visible_to(self.user)
        self.fields["crew"].queryset = Crew.objects.visible_to(self.user)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        organization, crew = cleaned.get("organization"), cleaned.get("crew")
        if organization is None or self.errors:
            return cleaned
        if crew and crew.organization_id != organization.pk:
            self.add_error("crew", "There is no such crew in the organization.")
        owner = self.user if cleaned["whose"] == "me" else None
        managed = Organization.objects.managed_by(self.user).filter(pk=organization.pk)
        if owner is None and not managed.exists():
            self.add_error("whose", "Only admins of the organization set what it sends.")
        elif full := refusal(organization, owner):
            self.add_error(None, full)
        if not self.errors:
            names = ("organization", "name", "service", "crew", "kinds")
            fields = {name: cleaned[name] for name in names}
            self.target = Target(owner=owner, created_by=self.user, **fields)
            self.keep(self.target)
        return cleaned

    def save(self) -> Target:
        self.target.save()
        return self.target


class TargetEditForm(TargetForm):
    """Changes a target. Without an address it keeps the one it has.

    Call ``is_valid`` and ``save`` in one transaction: the former locks the target. ``seen`` is the
    digest of the target as the user has seen it. ``theirs`` is the target that another user has
    saved meanwhile; sent once more, the form replaces it.
    """

    address = forms.CharField(max_length=services.MAX_CHARS, required=False)
    is_active = forms.BooleanField(required=False)

    theirs: Target | None = None

    def __init__(self, *args: Any, target: Target, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.target = target
        self.seen = self.data.get("seen", "") if self.is_bound else target.digest()
        self.fields["crew"].queryset = Crew.objects.visible_to(self.user).filter(
            organization=target.organization_id
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if self.errors:
            return cleaned
        there = Target.objects.unscoped().select_for_update().filter(pk=self.target.pk).first()
        if there is None:
            self.add_error(None, "Somebody else has just deleted this target.")
        elif self.seen != there.digest() and not self._is_saved(there):
            self.theirs, self.seen = there, there.digest()
            self.add_error(None, STALE)
        else:
            for name in Target.SEALED:  # they may have been encrypted with another key meanwhile
                setattr(self.target, name, getattr(there, name))
            if cleaned["address"]:
                self.keep(self.target)
        return cleaned

    def _is_saved(self, there: Target) -> bool:
        """Whether the target is as the form wants it."""
        same = all(getattr(there, name) == self.cleaned_data[name] for name in EDITED)
        return same and not self.cleaned_data["address"]

    def save(self) -> Target:
        for name in EDITED:
            setattr(self.target, name, self.cleaned_data[name])
        self.target.save()
        self.seen = self.target.digest()  # a page with the new key shows the form again
        return self.target
