"""``POST /api/report/approvals/``: may this tool call begin?"""

from typing import Any

from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ParseError, Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from crewops import deferred_response
from crewops.api.reports import WAIT_S, ReportLimit, require_key
from crews.models.approval_rule import MAX_WAIT_S, MIN_WAIT_S
from runs.models import Approval
from runs.models.approval_queryset import LOST
from runs.reporting import approval_requests
from runs.reporting.reported_kinds import InvalidEvent

NOT_NEEDED = {"decision": "not_needed", "by": "", "note": "", "detail": "", "again": False}


class TooManyWait(Throttled):
    is_explained = True


class QuestionSerializer(serializers.Serializer):
    """A tool call that has not begun."""

    run = serializers.CharField(max_length=200, help_text="The reporter's key of the run.")
    tool = serializers.CharField()
    agent_id = serializers.CharField(max_length=200, required=False)
    task_id = serializers.CharField(max_length=200, required=False)
    params = serializers.DictField(required=False)
    always = serializers.BooleanField(
        required=False, help_text="A person decides even if no approval rule matches."
    )
    expires_after_s = serializers.IntegerField(
        required=False, min_value=MIN_WAIT_S, max_value=MAX_WAIT_S
    )


class CallDecisionSerializer(serializers.Serializer):
    decision = serializers.ChoiceField(["approved", "denied", "expired", "not_needed"])
    by = serializers.CharField(help_text="A user or an API key.")
    note = serializers.CharField()
    detail = serializers.CharField(help_text="Why the call must not begin, as a sentence.")
    again = serializers.BooleanField(help_text="The server stops or was lost: ask again.")


class AskView(APIView):
    """Asks whether a tool call may begin, before it does.

    If no approval rule of the crew matches, the answer comes at once. Otherwise the call appears on
    the page of approvals, and the answer is the decision.
    """

    key_scopes = {"POST": "report"}
    throttle_classes = (ReportLimit,)

    @extend_schema(
        request=QuestionSerializer,
        responses={
            200: CallDecisionSerializer,
            400: OpenApiResponse(description="Not valid."),
            403: OpenApiResponse(description="Not sent with an API key that has `report`."),
            404: OpenApiResponse(description="The run has had no boot."),
            409: OpenApiResponse(description="Nobody can be asked about the call."),
            429: OpenApiResponse(description="Too many calls wait."),
        },
    )
    def post(self, request: Request) -> HttpResponseBase:
        require_key(request)
        try:
            question = approval_requests.question_of(request.data)
            free = deferred_response.slots.acquire(request.user.key.pk)
        except InvalidEvent as error:
            raise ParseError(error.detail) from error
        except deferred_response.TooManyDeferred as error:
            raise TooManyWait(WAIT_S, str(error)) from error
        try:
            approval = approval_requests.ask(request.user.key, question)
        except BaseException:
            free()
            raise
        if approval is None:
            free()
            return Response(NOT_NEEDED)
        return deferred_response.DeferredResponse(approval, _answer, free=free)


def _answer(approval: Approval | None) -> dict[str, Any]:
    is_gone = approval is not None and approval.note in (deferred_response.STOPPED, LOST)
    return approval_requests.answer_of(approval) | {"again": is_gone}
