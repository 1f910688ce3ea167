"""``/api/runs/{id}/controls/``: asks a run to pause, resume or stop, and sends it messages."""

from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from crews.api.choices import ChoiceField
from crews.lookups import record_or_404
from runs.api.views import VIEWER_REFUSED, operable
from runs.execution import controls
from runs.models import Control, Run
from runs.models.control import CONTROL_TEXT_LIMIT


class ControlSerializer(serializers.ModelSerializer):
    control_id = serializers.UUIDField(source="id", read_only=True)
    run_id = serializers.UUIDField(read_only=True)

    class Meta:
        model = Control
        fields = read_only_fields = [
            "control_id", "run_id", "action", "text", "by", "status", "detail", "requested_at",
            "acknowledged_at", "ended_at",
        ]  # fmt: skip


class AskSerializer(serializers.Serializer):
    """A request to control a run. Only the action ``message`` has a ``text``."""

    action = ChoiceField(Control.Action.choices)
    text = serializers.CharField(
        max_length=CONTROL_TEXT_LIMIT,
        required=False,
        default="",
        allow_blank=True,
        help_text="A message.",
    )

    def validate(self, data: dict[str, str]) -> dict[str, str]:
        if data["action"] == Control.Action.MESSAGE and not data["text"]:
            raise serializers.ValidationError({"text": ["A message needs a text."]})
        if data["action"] != Control.Action.MESSAGE and data["text"]:
            raise serializers.ValidationError({"text": ["Only a message has a text."]})
        return data


class ControlsView(generics.ListAPIView):
    """The controls of a run, newest first."""

    key_scopes = {"GET": "watch", "HEAD": "watch", "POST": "operate"}
    queryset = Control.objects.none()
    serializer_class = ControlSerializer
    ordering = ("-requested_at", "-id")

    def get_queryset(self) -> QuerySet[Control]:
        runs = Run.objects.visible_to(self.request.user).select_related("crew").defer("plan")
        run = record_or_404(runs, self.kwargs["pk"])
        return run.controls.all()

    @extend_schema(
        request=AskSerializer,
        responses={
            202: ControlSerializer,
            400: OpenApiResponse(description="No such action, or a text that does not fit it."),
            403: VIEWER_REFUSED,
            409: OpenApiResponse(description="The run has ended, is cancelled or is not paused."),
        },
    )
    def post(self, request: Request, pk: UUID) -> Response:
        """Requests a control. If the same one is pending or in effect, that one is returned."""
        run = operable(Run.objects.select_related("crew").defer("plan"), request, pk)
        body = AskSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        control = controls.ask(run, **body.validated_data)
        return Response(self.get_serializer(control).data, status=status.HTTP_202_ACCEPTED)
