"""How much of its budgets a run, and a crew's day, has used."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crews.lookups import record_or_404
from crews.models import Crew
from crews.models.budget import AtLimit, Measure, Period
from runs.execution import budget_amounts, budget_starts
from runs.models import BudgetAlert, Run
from runs.models.budget_alert import WARNED_FROM_TEXT


class AmountSerializer(serializers.Serializer):
    """One limit. Tokens and calls are whole numbers, minutes and USD may have decimals."""

    measure = serializers.ChoiceField(Measure.choices)
    limit = serializers.FloatField()
    used = serializers.FloatField(allow_null=True, help_text="`null`: nobody has reported it.")
    level = serializers.ChoiceField(
        BudgetAlert.Level.choices,
        allow_blank=True,
        help_text=f"`warning` from {WARNED_FROM_TEXT} of the limit, `exceeded` above all of it, "
        "else empty.",
    )
    calls_left_out = serializers.IntegerField(
        source="left_out", help_text="Model calls that have not reported it."
    )


class RunBudgetSerializer(serializers.Serializer):
    """The limits of each run of the crew, as they are now."""

    run_id = serializers.UUIDField()
    crew_id = serializers.UUIDField()
    at_limit = serializers.ChoiceField(
        AtLimit.choices, help_text="What happens to a run that exceeds a limit."
    )
    limits = AmountSerializer(many=True, help_text="Empty: no limit.")


class CrewBudgetSerializer(serializers.Serializer):
    """The limits of the crew's day, as they are now."""

    crew_id = serializers.UUIDField()
    since = serializers.DateTimeField(help_text="When the crew's day began.")
    zone = serializers.CharField(help_text="The day begins at midnight there.")
    at_limit = serializers.ChoiceField(
        AtLimit.choices, help_text="What active runs are asked if more is used."
    )
    new_run = serializers.CharField(
        help_text="For a person: why a run that is requested now does not begin. Empty: it does."
    )
    limits = AmountSerializer(many=True, help_text="Empty: no limit.")


class RunBudgetView(generics.GenericAPIView):
    """How much the run has used of the limits of each run. Members only."""

    serializer_class = RunBudgetSerializer
    filter_backends = ()

    def get(self, request: Request, pk: UUID) -> Response:
        runs = Run.objects.visible_to(request.user).select_related("crew").defer("plan")
        run = record_or_404(runs, pk)
        [limits] = budget_amounts.amounts_of_runs([run], run.crew, timezone.now())
        about: dict[str, Any] = {"run_id": run.pk, "crew_id": run.crew_id}
        about |= {"at_limit": run.crew.at_limit(Period.RUN), "limits": limits}
        return Response(self.get_serializer(about).data)


class CrewBudgetView(generics.GenericAPIView):
    """How much all runs of the crew have used of the limits of its day. Members only."""

    serializer_class = CrewBudgetSerializer
    filter_backends = ()

    def get(self, request: Request, pk: UUID) -> Response:
        crew = record_or_404(Crew.objects.visible_to(request.user), pk)
        now = timezone.now()
        limits = budget_amounts.amounts_of_day(crew, now)
        about: dict[str, Any] = {"crew_id": crew.pk, "since": crew.day_start(now)}
        about |= {"zone": crew.budget_zone, "at_limit": crew.at_limit(Period.DAY)}
        about |= {"limits": limits, "new_run": budget_starts.start_refusal_reason(crew, limits)}
        return Response(self.get_serializer(about).data)
