"""``POST /api/report/claude-code/``: the hooks of Claude Code."""

from django.db import InterfaceError, OperationalError
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from crewops.api.reports import ReportLimit, busy, require_key
from runs.reporting.sources.claude_code.runs import receive


class HookSerializer(serializers.Serializer):
    """The payload of a hook, as Claude Code sends it. Each hook has more fields."""

    session_id = serializers.CharField(max_length=200)
    hook_event_name = serializers.CharField()


class NothingSerializer(serializers.Serializer):
    """An empty object. Claude Code takes fields of an answer as decisions, so there are none."""


class ClaudeCodeView(APIView):
    """Accepts a hook of Claude Code. The answer never decides anything for Claude Code."""

    key_scopes = {"POST": "report"}
    throttle_classes = (ReportLimit,)

    @extend_schema(
        request=HookSerializer,
        parameters=[
            OpenApiParameter("crew", description="Its slug; else the project's directory decides.")
        ],
        responses={
            200: NothingSerializer,
            400: OpenApiResponse(description="No hook, or no such crew."),
            403: OpenApiResponse(description="Not sent with an API key that has `report`."),
            413: OpenApiResponse(description="More than 1 MiB."),
            415: OpenApiResponse(description="No JSON."),
        },
    )
    def post(self, request: Request) -> Response:
        require_key(request)
        received = timezone.now()
        try:
            receive(request.user.key, request.data, request.query_params.get("crew"), received)
        except (OperationalError, InterfaceError) as error:
            raise busy() from error
        return Response({})
