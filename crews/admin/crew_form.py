"""The form of a crew in the admin. It does not overwrite what another user has saved meanwhile."""

from django.forms import ModelForm

from crews.admin.stale import SeenForm
from crews.audit.watched import WATCHED, values_of
from crews.digests import digest
from crews.models import Crew


class CrewForm(ModelForm):
    def clean_max_parallel(self) -> int:
        return self.cleaned_data["max_parallel"] or 1


class CrewChangeForm(SeenForm, CrewForm):
    def digest(self) -> str:
        return digest_of(self.instance)

    def locked_digest(self) -> str:
        with self.instance.locked():
            return digest_of(self.instance)


def digest_of(crew: Crew) -> str:
    """The digest of all that the page edits, with the rows of agents and tasks."""
    rows = [crew, *crew.agents.order_by("pk"), *crew.tasks.order_by("pk")]
    return digest([(row.pk, values_of(row, WATCHED[type(row)].fields)) for row in rows])
