"""Forms for API keys, for the Connect page and the admin."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from crews.models import Organization
from crews.models.api_key import LONGEST_DAYS, Scope
from crews.scoping import User


class ApiKeyForm(forms.Form):
    """A new key of an organization that ``user`` manages."""

    organization = forms.ModelChoiceField(
        Organization.objects.none(),
        to_field_name="slug",
        empty_label=None,
        error_messages={"invalid_choice": "Choose an organization that you manage."},
    )
    name = forms.CharField(max_length=100)
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, initial=["report", "watch"], widget=forms.CheckboxSelectMultiple
    )
    days = forms.IntegerField(min_value=1, max_value=LONGEST_DAYS, required=False)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["organization"].queryset = Organization.objects.managed_by(user)

    @property
    def expires_at(self) -> datetime | None:
        days = self.cleaned_data["days"]
        return days and timezone.now() + timedelta(days=days)
