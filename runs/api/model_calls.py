"""The model calls of a run, and the totals of runs and crews."""

from dataclasses import asdict
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crews.lookups import record_or_404
from crews.models import Crew
from runs.models import ModelCall, Run


class UsageSerializer(serializers.Serializer):
    """Totals of ended model calls. `null`: no call has reported it, so it is unknown."""

    model_calls = serializers.IntegerField()
    input_tokens = serializers.IntegerField(allow_null=True)
    output_tokens = serializers.IntegerField(allow_null=True)
    cost_usd = serializers.FloatField(allow_null=True)
    calls_without_usage = serializers.IntegerField(
        help_text="Calls whose counts are not, or not all, in the totals."
    )
    calls_without_cost = serializers.IntegerField(
        help_text="Calls whose cost is not in the totals."
    )


class CrewUsageSerializer(UsageSerializer):
    crew_id = serializers.UUIDField()


class ModelCallSerializer(serializers.ModelSerializer):
    call_id = serializers.UUIDField(source="id", read_only=True)
    task_id = serializers.UUIDField(
        source="task_execution.task_id", read_only=True, default=None, allow_null=True
    )
    duration_s = serializers.FloatField(read_only=True)
    cost_usd = serializers.FloatField(read_only=True, allow_null=True)
    cost_source = serializers.CharField(
        read_only=True, help_text="`reported`, `computed` from a price list, or empty: unknown."
    )

    class Meta:
        model = ModelCall
        fields = read_only_fields = [
            "call_id", "agent_id", "task_id", "provider", "model", "status", "message",
            "started_at", "ended_at", "duration_s", "first_token_s", "input_tokens",
            "output_tokens", "cached_tokens", "reasoning_tokens", "finish_reason", "cost_usd",
            "cost_source",
        ]  # fmt: skip


class ModelCallListView(generics.ListAPIView):
    """The model calls of a run, newest first."""

    queryset = ModelCall.objects.none()
    serializer_class = ModelCallSerializer
    ordering = ("-started_at", "-id")

    def get_queryset(self) -> QuerySet[ModelCall]:
        runs = Run.objects.visible_to(self.request.user).select_related("crew").defer("plan")
        run = record_or_404(runs, self.kwargs["pk"])
        return run.calls.select_related("task_execution")


class CrewUsageView(generics.GenericAPIView):
    """Tokens and cost of all runs of the crew that are stored."""

    serializer_class = CrewUsageSerializer
    filter_backends = ()

    def get(self, request: Request, pk: UUID) -> Response:
        crew = record_or_404(Crew.objects.visible_to(request.user), pk)
        totals = asdict(crew.runs.not_deleted().usage())
        return Response(self.get_serializer({"crew_id": crew.pk} | totals).data)
