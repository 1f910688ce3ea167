"""``POST /api/report/claude-code/``: the hooks of Claude Code."""

from datetime import datetime
from functools import partial
from typing import Any

from django.db import Error
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from crewops import deferred_response
from crewops.api.reports import ReportLimit, busy_in_outages, require_key
from crews.models import ApiKey
from crews.models.approval_rule import MAX_WAIT_S, MIN_WAIT_S
from realtime.metrics import ingesting
from runs.reporting.approval_requests import ApprovalImpossible
from runs.reporting.sources.claude_code import approval_hook as questions
from runs.reporting.sources.claude_code import control_hook

BUSY = "Nobody can be asked now: the database does not answer. Try again in a minute."


class HookSerializer(serializers.Serializer):
    """The payload of a hook, as Claude Code sends it. Each hook has more fields."""

    session_id = serializers.CharField(max_length=200)
    hook_event_name = serializers.CharField()


class NothingSerializer(serializers.Serializer):
    """An empty object: Claude Code takes fields of an answer as decisions.

    A PermissionRequest with ``approve`` is answered with one, as Claude Code defines it. So is the
    next hook after a user has cancelled the run or sent it a message.
    """


class ClaudeCodeView(APIView):
    """Accepts a hook of Claude Code. With ``?approve=`` a PermissionRequest waits for a person.

    The answer to any other hook decides nothing for Claude Code, unless a user has cancelled the
    run or sent it a message.
    """

    key_scopes = {"POST": "report"}
    throttle_classes = (ReportLimit,)

    @extend_schema(
        request=HookSerializer,
        parameters=[
            OpenApiParameter("crew", description="Its slug; else the project's directory decides."),
            OpenApiParameter(
                "approve",
                {"type": "integer", "minimum": MIN_WAIT_S, "maximum": MAX_WAIT_S},
                description="Seconds: a PermissionRequest asks for approval, and the answer, which "
                "is the decision, comes within them.",
            ),
        ],
        responses={
            200: NothingSerializer,
            400: OpenApiResponse(description="No hook, or no such crew."),
            403: OpenApiResponse(description="Not sent with an API key that has `report`."),
            413: OpenApiResponse(description="More than 1 MiB."),
            415: OpenApiResponse(description="No JSON."),
        },
    )
    def post(self, request: Request) -> HttpResponseBase:
        require_key(request)
        received = timezone.now()
        key, crew = request.user.key, request.query_params.get("crew")
        approve = request.query_params.get("approve")
        expires_after_s = None if approve is None else questions.seconds_in(approve)
        if expires_after_s is not None and questions.is_question(request.data):
            return _ask(key, request.data, crew, expires_after_s, received)
        with busy_in_outages(), ingesting(key.organization_id, "claude_code") as ingest:
            answer = control_hook.answer(key, request.data, crew, received)
            ingest(1)
        return Response(answer)


def _ask(
    key: ApiKey, payload: Any, crew: str | None, expires_after_s: int, received: datetime
) -> HttpResponseBase:
    """Return an answer that waits for the decision, or denies at once.

    It is never an error of the server: Claude Code would ignore it and continue without a decision.
    """
    try:
        free = deferred_response.slots.acquire(key.pk)
    except deferred_response.TooManyDeferred as error:
        return Response(questions.deny(str(error)))
    try:
        approval, tool_id = questions.ask(key, payload, crew, expires_after_s, received)
    except BaseException as error:
        free()
        if isinstance(error, ApprovalImpossible):
            return Response(questions.deny(str(error)))
        if isinstance(error, Error):
            return Response(questions.deny(BUSY))
        raise
    return deferred_response.DeferredResponse(
        approval, partial(questions.decision_of, tool_id), free=free
    )
