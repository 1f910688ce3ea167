"""Forms of the run pages."""

from datetime import UTC, datetime, time
from typing import Any

from django import forms
from django.db.models import QuerySet

from crews.models import Crew
from runs.models import Approval, Control, Run
from runs.models.approval import NOTE_LIMIT
from runs.models.control import CONTROL_TEXT_LIMIT


class RunRequestForm(forms.Form):
    """The button that starts a run."""

    idempotency_key = forms.CharField(max_length=200, required=False)


class RetryForm(RunRequestForm):
    """The buttons that repeat an ended run. ``from_failed=on`` continues from its failed task."""

    from_failed = forms.BooleanField(required=False)


class MessageField(forms.CharField):
    """A text whose line ends count as one character, as in the browser's ``maxlength``.

    A browser sends each as two.
    """

    def to_python(self, value: Any) -> str:
        return super().to_python(value).replace("\r\n", "\n")


class ControlForm(forms.Form):
    """The buttons Pause, Resume, Cancel and Message."""

    action = forms.ChoiceField(choices=Control.Action.choices)
    text = MessageField(max_length=CONTROL_TEXT_LIMIT, required=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if data.get("action") == Control.Action.MESSAGE and not data.get("text"):
            self.add_error("text", "Write the message.")
        if data.get("action") != Control.Action.MESSAGE:
            data["text"] = ""
        return data


class ShareForm(forms.Form):
    """``public=on`` shares the run. Any other value ends the sharing, which is harmless."""

    public = forms.BooleanField(required=False)


class DecisionForm(forms.Form):
    """The buttons that approve or deny a tool call. ``seen`` is the digest of what they show."""

    decision = forms.ChoiceField(choices=[("approve", "Approve"), ("deny", "Deny")])
    seen = forms.CharField(max_length=64)
    note = forms.CharField(max_length=NOTE_LIMIT, required=False)
    back = forms.RegexField(r"^[\w=&%.:~-]*$", required=False)  # the query of the list


class _OfCrew(forms.Form):
    """Filters a list by crew. An invalid choice is ignored, and its error is shown."""

    crew = forms.ModelChoiceField(
        Crew.objects.none(),
        required=False,
        empty_label="All crews",
        widget=forms.Select({"class": "form-select", "aria-label": "Crew"}),
        error_messages={"invalid_choice": "There is no such crew that you can see."},
    )

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["crew"].queryset = Crew.objects.visible_to(user)


class RunFilterForm(_OfCrew):
    """Filters a list of runs."""

    status = forms.ChoiceField(
        choices=[("", "Every status"), *Run.Status.choices],
        required=False,
        widget=forms.Select({"class": "form-select", "aria-label": "Status"}),
        error_messages={"invalid_choice": "A run is never “%(value)s”."},
    )
    until = forms.DateField(
        required=False,
        widget=forms.DateInput({"type": "date", "class": "form-control"}, format="%Y-%m-%d"),
        error_messages={"invalid": "Until: give a day such as 2026-01-31."},
    )

    def filter(self, runs: QuerySet[Run]) -> QuerySet[Run]:
        """Return those of ``runs`` that match; ``until`` is a day in UTC, that day included."""
        self.is_valid()
        chosen = {name: value for name, value in self.cleaned_data.items() if value}
        if day := chosen.pop("until", None):
            chosen["created_at__lte"] = datetime.combine(day, time.max, UTC)
        return runs.filter(**chosen)


class ApprovalFilterForm(_OfCrew):
    """Filters a list of approvals. Without a choice it shows those that wait."""

    EVERY = "all"
    status = forms.ChoiceField(
        choices=[*Approval.Status.choices, (EVERY, "Every status")],
        required=False,
        widget=forms.Select({"class": "form-select", "aria-label": "Status"}),
        error_messages={"invalid_choice": "An approval is never “%(value)s”."},
    )

    def filter(self, approvals: QuerySet[Approval]) -> QuerySet[Approval]:
        self.is_valid()
        status = self.cleaned_data.get("status") or Approval.Status.PENDING
        if status != self.EVERY:
            approvals = approvals.filter(status=status)
        if crew := self.cleaned_data.get("crew"):
            approvals = approvals.filter(run__crew=crew)
        return approvals
