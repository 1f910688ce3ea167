"""The words and filters of a search, from the address of a page or an API call."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from crews.models import Crew
from crews.scoping import User
from runs.models import Run
from runs.search.models import Document
from runs.search.models.document import LARGEST_ID, first_id
from runs.search.query import QUERY_LIMIT, Query, Unusable

TIME_LIMIT = 40  # characters of a day or a time
END_OF_DAY = timedelta(days=1)


class MomentField(forms.CharField):
    """A day such as 2026-01-31, or a time as ISO 8601 has it; in UTC, if it has no zone.

    Cleaned: the moment; of a day its beginning, or with ``is_end`` the beginning of the next.
    """

    def __init__(self, *, is_end: bool = False, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=TIME_LIMIT, **kwargs)
        self._is_end = is_end

    def clean(self, value: Any) -> datetime | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            moment = datetime.fromisoformat(text)
            if len(text) == len("2026-01-31"):
                moment = datetime.combine(moment.date(), time())
                moment += END_OF_DAY if self._is_end else timedelta()
            if moment.tzinfo is None:
                return moment.replace(tzinfo=UTC)
            return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValidationError(
                "Give a day such as 2026-01-31 or a time such as 2026-01-31T03:00:00Z.",
                code="invalid",
            ) from None


class SearchForm(forms.Form):
    """``q`` and the filters. ``cursor`` is the id after which a page begins."""

    q = forms.CharField(
        required=False,
        widget=forms.TextInput(
            {
                "type": "search",
                "class": "form-control",
                "aria-label": "Search for",
                "placeholder": 'Part of an error, a command, a file, "exact words"',
                "maxlength": QUERY_LIMIT,
                "autocomplete": "off",
                "spellcheck": "false",
            }
        ),
    )
    crew = forms.ModelChoiceField(
        Crew.objects.none(),
        required=False,
        empty_label="All crews",
        widget=forms.Select({"class": "form-select", "aria-label": "Crew"}),
        # The same message for another organization's crew and for a missing one.
        error_messages={"invalid_choice": "There is no crew with this id that you can see."},
    )
    run = forms.ModelChoiceField(
        Run.objects.none(),
        required=False,
        widget=forms.HiddenInput,
        error_messages={"invalid_choice": "There is no run with this id that you can see."},
    )
    kind = forms.ChoiceField(
        choices=[("", "Everything"), *Document.Kind.choices],
        required=False,
        widget=forms.Select({"class": "form-select", "aria-label": "Kind"}),
        error_messages={
            "invalid_choice": "%(value)s is no kind. Choose one of: "
            f"{', '.join(Document.Kind.values)}."
        },
    )
    status = forms.ChoiceField(
        choices=[("", "Every status"), *Document.Outcome.choices],
        required=False,
        widget=forms.Select({"class": "form-select", "aria-label": "Status"}),
        error_messages={
            "invalid_choice": "%(value)s is no status. Choose one of: "
            f"{', '.join(Document.Outcome.values)}."
        },
    )
    since = MomentField(
        widget=forms.DateInput(
            {"type": "date", "class": "form-control", "aria-label": "From (UTC)"}
        )
    )
    until = MomentField(
        is_end=True,
        widget=forms.DateInput({"type": "date", "class": "form-control", "aria-label": "To (UTC)"}),
    )
    cursor = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=LARGEST_ID,
        error_messages=dict.fromkeys(
            ("invalid", "min_value", "max_value"), "Take the cursor from the next of a page."
        ),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["crew"].queryset = Crew.objects.visible_to(user)
        self.fields["run"].queryset = Run.objects.visible_to(user).for_lists()

    def clean_q(self) -> Query:
        try:
            return Query.parse(self.cleaned_data["q"])
        except Unusable as error:
            raise ValidationError(str(error), code="invalid") from error

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked for."""
        names = (name for name in self.fields if name != "cursor")
        return not any(self.data.get(name, "").strip() for name in names)

    @property
    def first(self) -> int | None:
        """The smallest id that is in question."""
        since = self.cleaned_data["since"]
        return since and first_id(since)

    @property
    def beyond(self) -> int | None:
        """The id at which a page ends to look: every result has a smaller one."""
        until = self.cleaned_data["until"]
        ends = [first_id(until)] if until else []
        if (cursor := self.cleaned_data["cursor"]) is not None:
            ends.append(cursor)
        return min(ends, default=None)
