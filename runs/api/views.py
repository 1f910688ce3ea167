from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import generics, renderers, status
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from structlog.contextvars import bind_contextvars

from crews.api_key_authentication import requester
from crews.lookups import record_or_404
from crews.models import Crew
from crews.scoping import ScopedQuerySet
from runs.api import idempotency_header
from runs.api.filters import RunFilter
from runs.api.serializers import RetrySerializer, RunDetailSerializer, RunSerializer
from runs.api.summaries import summaries, summary
from runs.execution.waits import Waits
from runs.models import Run, ToolExecution

VIEWER_REFUSED = OpenApiResponse(
    description="Your role in the organization is viewer, or the API key lacks the scope `operate`."
)
OPERATING = {"POST": "operate"}  # the scope that an API key needs


class PlainTextRenderer(renderers.StaticHTMLRenderer):
    media_type = "text/plain"
    format = "txt"


class RunListView(generics.ListAPIView):
    """The runs you can see, newest first."""

    serializer_class = RunSerializer
    filterset_class = RunFilter
    ordering = ("-created_at", "-id")

    def get_queryset(self) -> QuerySet[Run]:
        return summaries(Run.objects.visible_to(self.request.user))

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        waits = Waits()
        return self.get_paginated_response([summary(row, waits) for row in page])


class _RunDetail(generics.GenericAPIView):
    serializer_class = RunDetailSerializer
    filter_backends = ()

    def get_queryset(self) -> QuerySet[Run]:
        return (
            Run.objects.visible_to(self.request.user)
            .select_related("started_by", "crew", "reported")
            .prefetch_related("task_executions__tool_executions")
        )

    def get_object(self) -> Run:
        run = super().get_object()
        bind_contextvars(**run.log_ids)
        return run


class RunView(_RunDetail, generics.RetrieveAPIView):
    """One run with its tasks and their tool calls."""


class RunCancelView(_RunDetail):
    """Ends a queued run at once, or asks the worker of a running run to stop.

    An ended run stays as it is.
    """

    key_scopes = OPERATING

    @extend_schema(request=None, responses={202: RunDetailSerializer, 403: VIEWER_REFUSED})
    def post(self, request: Request, pk: UUID) -> Response:
        run = operable(Run.objects, request, pk)
        run.cancel()
        return Response(
            self.get_serializer(self.get_object()).data, status=status.HTTP_202_ACCEPTED
        )


class RunRequestView(generics.GenericAPIView):
    """Starts a run of the crew. A request with the same key returns 201 with the same run."""

    key_scopes = OPERATING

    queryset = Run.objects.none()
    serializer_class = RunDetailSerializer
    filter_backends = ()

    @extend_schema(
        request=None,
        parameters=[idempotency_header.PARAMETER],
        responses={
            201: RunDetailSerializer,
            400: OpenApiResponse(description="The Idempotency-Key cannot be used."),
            403: VIEWER_REFUSED,
            409: OpenApiResponse(
                description="The crew is deactivated, has no task or has used up its budget of the "
                "day; the Idempotency-Key was used for another run."
            ),
        },
    )
    def post(self, request: Request, pk: UUID) -> Response:
        crew = operable(Crew.objects, request, pk)
        run = Run.objects.request(
            crew=crew, **requester(request), idempotency_key=idempotency_header.key_of(request)
        )
        return _created(self, request, run)


class RunRetryView(_RunDetail):
    """Runs an ended run again: all of the crew's tasks, or the run's own tasks from the first that
    failed. The latter continues in the run's workspace. If the workspace is gone, the retry starts
    over and says so.
    """

    key_scopes = OPERATING

    @extend_schema(
        request=RetrySerializer,
        parameters=[idempotency_header.PARAMETER],
        responses={
            201: RunDetailSerializer,
            400: OpenApiResponse(description="The body or the Idempotency-Key cannot be used."),
            403: VIEWER_REFUSED,
            409: OpenApiResponse(
                description="The run is under way, or no task of it failed; "
                "the crew is deactivated, has no task or has used up its budget of the day; "
                "the Idempotency-Key was used for another run."
            ),
        },
    )
    def post(self, request: Request, pk: UUID) -> Response:
        run = operable(Run.objects, request, pk)
        body = RetrySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        retry = run.run_again(
            **requester(request),
            from_failed=body.validated_data["from"] == "failed_task",
            idempotency_key=idempotency_header.key_of(request),
        )
        return _created(self, request, retry)


class ToolOutputView(generics.GenericAPIView):
    """The whole output of a tool so far: stdout and stderr in the order written, no secrets."""

    renderer_classes = (PlainTextRenderer, renderers.JSONRenderer)
    filter_backends = ()

    def get_queryset(self) -> QuerySet[ToolExecution]:
        return ToolExecution.objects.visible_to(self.request.user)

    @extend_schema(responses={(200, "text/plain"): OpenApiTypes.STR})
    def get(self, request: Request, pk: UUID) -> HttpResponse:
        return HttpResponse(
            self.get_object().output,
            content_type="text/plain; charset=utf-8",
            # No browser may interpret the output of a tool as a page or a script.
            headers={"X-Content-Type-Options": "nosniff"},
        )


def _created(view: generics.GenericAPIView, request: Request, run: Run) -> Response:
    return Response(
        view.get_serializer(run).data,
        status=status.HTTP_201_CREATED,
        headers={"Location": reverse("api-run", args=[run.pk], request=request)},
    )


def operable(queryset: ScopedQuerySet, request: Request, pk: UUID):
    """Return the object if the user may operate it. 404 if it is not visible, 403 for a viewer."""
    found = record_or_404(queryset.visible_to(request.user), pk)
    if not queryset.operable_by(request.user).filter(pk=pk).exists():
        raise PermissionDenied(
            "You may watch this crew but not start or cancel its runs. "
            "Ask an admin of the organization for the role of operator."
        )
    return found
