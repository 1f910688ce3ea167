import django_filters
from rest_framework.request import Request

from crews.models import Crew
from crews.scoping import ScopedQuerySet
from runs.models import Run


def _crews(request: Request) -> ScopedQuerySet:
    return Crew.objects.visible_to(request.user)


class RunFilter(django_filters.FilterSet):
    """``?crew=<id>``, and ``?status=<status>``, which may be given several times."""

    crew = django_filters.ModelChoiceFilter(
        queryset=_crews,
        label="Runs of this crew.",
        # Of a foreign crew as of a missing one.
        error_messages={"invalid_choice": "There is no crew with this id that you can see."},
    )
    status = django_filters.MultipleChoiceFilter(
        choices=Run.Status.choices,
        label="Runs in this state, or in one of these.",
        error_messages={
            "invalid_choice": f"%(value)s is no status. Choose of: {', '.join(Run.Status.values)}."
        },
    )

    class Meta:
        model = Run
        fields = ["crew", "status"]
