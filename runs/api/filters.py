"""Filters of the lists of runs and approvals."""

from typing import Any

import django_filters
from rest_framework.request import Request

from crews.models import Crew, Organization
from crews.scoping import ScopedQuerySet
from runs.models import Approval, ReportedRun, Run


def _crews(request: Request) -> ScopedQuerySet:
    return Crew.objects.visible_to(request.user)


def _of_crew(label: str, **options: Any) -> django_filters.ModelChoiceFilter:
    return django_filters.ModelChoiceFilter(
        queryset=_crews,
        label=label,
        # The same message for another organization's crew and for a missing one.
        error_messages={"invalid_choice": "There is no crew with this id that you can see."},
        **options,
    )


def _no_status(statuses: list[str]) -> dict[str, str]:
    return {"invalid_choice": f"%(value)s is no status. Choose one of: {', '.join(statuses)}."}


class RunFilter(django_filters.FilterSet):
    """``?crew=<id>``, ``?key=<key>``, and ``?status=<status>``, which may be repeated."""

    crew = _of_crew("Runs of this crew.")
    key = django_filters.CharFilter(
        method="with_key", label="The reported run with this key of its program."
    )
    status = django_filters.MultipleChoiceFilter(
        choices=Run.Status.choices,
        distinct=False,  # a column of the run itself repeats no row
        label="Runs in this state, or in one of these.",
        error_messages=_no_status(Run.Status.values),
    )

    class Meta:
        model = Run
        fields = ["crew", "key", "status"]

    def with_key(self, runs: ScopedQuerySet, _: str, key: str) -> ScopedQuerySet:
        # With the organization: the index of keys begins with it.
        organizations = Organization.objects.visible_to(self.request.user)
        reported = ReportedRun.objects.filter(key=key, organization__in=organizations)
        return runs.filter(pk__in=reported.values("run"))


class ApprovalFilter(django_filters.FilterSet):
    """``?crew=<id>`` and ``?status=<status>``."""

    crew = _of_crew("Tool calls of this crew.", field_name="run__crew")
    status = django_filters.ChoiceFilter(
        choices=Approval.Status.choices,
        label="Tool calls in this state.",
        error_messages=_no_status(Approval.Status.values),
    )

    class Meta:
        model = Approval
        fields = ["crew", "status"]
