"""The form of a crew in the admin. It does not overwrite what another user has saved meanwhile."""

from typing import Any

from django.core.exceptions import ValidationError
from django.forms import CharField, HiddenInput, ModelForm

from crews.audit.watched import WATCHED, values_of
from crews.digests import digest
from crews.models import Crew

STALE = (
    "The crew has been saved since you opened this page, by somebody else or in another tab. What "
    "you entered is below and is not saved. Open the page again in another tab and enter it there."
)


class CrewForm(ModelForm):
    def clean_max_parallel(self) -> int:
        return self.cleaned_data["max_parallel"] or 1


class CrewChangeForm(CrewForm):
    """``seen``: the digest of the crew when the page was opened."""

    seen = CharField(required=False, widget=HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["seen"].initial = digest_of(self.instance)

    def clean(self) -> None:
        """Refuse a stale form. The crew stays locked until the admin's transaction ends."""
        super().clean()
        with self.instance.locked():
            if self.cleaned_data.get("seen") != digest_of(self.instance):
                raise ValidationError(STALE, code="stale")


def digest_of(crew: Crew) -> str:
    """The digest of all that the page edits, with the rows of agents and tasks."""
    rows = [crew, *crew.agents.order_by("pk"), *crew.tasks.order_by("pk")]
    return digest([(row.pk, values_of(row, WATCHED[type(row)].fields)) for row in rows])
