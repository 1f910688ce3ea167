"""What the run pages take from a browser."""

from typing import Any

from django import forms
from django.db.models import QuerySet

from crews.models import Crew
from runs.models import Run


class RunRequestForm(forms.Form):
    """The button that starts a run."""

    idempotency_key = forms.CharField(max_length=200, required=False)


class RetryForm(RunRequestForm):
    """The buttons that run an ended run again; ``from_failed=on`` goes on from its failed task."""

    from_failed = forms.BooleanField(required=False)


class ShareForm(forms.Form):
    """``public=on`` shares; anything else ends the sharing, which can do no harm."""

    public = forms.BooleanField(required=False)


class RunFilterForm(forms.Form):
    """Narrows a list of runs; a choice that does not exist is ignored, with its error shown."""

    crew = forms.ModelChoiceField(
        Crew.objects.none(),
        required=False,
        empty_label="All crews",
        widget=forms.Select({"class": "form-select", "aria-label": "Crew"}),
        error_messages={"invalid_choice": "There is no such crew that you can see."},
    )
    status = forms.ChoiceField(
        choices=[("", "Every status"), *Run.Status.choices],
        required=False,
        widget=forms.Select({"class": "form-select", "aria-label": "Status"}),
        error_messages={"invalid_choice": "A run is never “%(value)s”."},
    )

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["crew"].queryset = Crew.objects.visible_to(user)

    def filter(self, runs: QuerySet[Run]) -> QuerySet[Run]:
        self.is_valid()
        chosen = {name: value for name, value in self.cleaned_data.items() if value}
        return runs.filter(**chosen)
