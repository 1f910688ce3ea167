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

from crews.models import Crew
from crews.scoping import ScopedQuerySet
from runs.api import idempotency
from runs.api.filters import RunFilter
from runs.api.serializers import RetrySerializer, RunDetailSerializer, RunSerializer
from runs.api.summaries import summaries, summary
from runs.models import Run, ToolExecution
from runs.waits import Waits

VIEWER_REFUSED = OpenApiResponse(description="Your role in the organization is viewer.")


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
            .select_related("started_by", "crew")
            .prefetch_related("task_executions__tool_executions")
        )

    def get_object(self) -> Run:
        run = super().get_object()
        bind_contextvars(**run.log_ids)
        return run


class RunView(_RunDetail, generics.RetrieveAPIView):
    """One run with its tasks and what their tools have done."""


class RunCancelView(_RunDetail):
    """Ends a queued run at once and asks the worker of a running one to; an ended run stays as it is."""

    @extend_schema(request=None, responses={202: RunDetailSerializer, 403: VIEWER_REFUSED})
    def post(self, request: Request, pk: UUID) -> Response:
        run = _operable(Run.objects, request, pk)
        run.cancel()
        return Response(
            self.get_serializer(self.get_object()).data, status=status.HTTP_202_ACCEPTED
        )


class RunRequestView(generics.GenericAPIView):
    """Starts a run of the crew. A request with the same key answers 201 with the same run."""

    queryset = Run.objects.none()
    serializer_class = RunDetailSerializer
    filter_backends = ()

    @extend_schema(
        request=None,
        parameters=[idempotency.PARAMETER],
        responses={
            201: RunDetailSerializer,
            400: OpenApiResponse(description="The Idempotency-Key cannot be used."),
            403: VIEWER_REFUSED,
            409: OpenApiResponse(
                description="The crew is deactivated or has no task; the Idempotency-Key was used "
                "for another run."
            ),
        },
    )
    def post(self, request: Request, pk: UUID) -> Response:
        crew = _operable(Crew.objects, request, pk)
        run = Run.objects.request(
            crew=crew, user=request.user, idempotency_key=idempotency.key_of(request)
        )
        return _created(self, request, run)


class RunRetryView(_RunDetail):
    """Runs an ended run again: the crew's tasks, or what is left of the run's own from the first that
    failed. That goes on in the run's workspace; where it is gone the retry starts over, and says so.
    """

    @extend_schema(
        request=RetrySerializer,
        parameters=[idempotency.PARAMETER],
        responses={
            201: RunDetailSerializer,
            400: OpenApiResponse(description="The body or the Idempotency-Key cannot be used."),
            403: VIEWER_REFUSED,
            409: OpenApiResponse(
                description="The run is under way, or no task of it failed; the crew is deactivated "
                "or has no task; the Idempotency-Key was used for another run."
            ),
        },
    )
    def post(self, request: Request, pk: UUID) -> Response:
        run = _operable(Run.objects, request, pk)
        body = RetrySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        retry = run.run_again(
            user=request.user,
            from_failed=body.validated_data["from"] == "failed_task",
            idempotency_key=idempotency.key_of(request),
        )
        return _created(self, request, retry)


class ToolOutputView(generics.GenericAPIView):
    """All that a tool has written so far, stdout and stderr as written, without secrets."""

    renderer_classes = (PlainTextRenderer, renderers.JSONRenderer)
    filter_backends = ()

    def get_queryset(self) -> QuerySet[ToolExecution]:
        return ToolExecution.objects.visible_to(self.request.user)

    @extend_schema(responses={(200, "text/plain"): OpenApiTypes.STR})
    def get(self, request: Request, pk: UUID) -> HttpResponse:
        return HttpResponse(
            self.get_object().output,
            content_type="text/plain; charset=utf-8",
            # Whatever a tool prints, no browser takes it for a page or a script.
            headers={"X-Content-Type-Options": "nosniff"},
        )


def _created(view: generics.GenericAPIView, request: Request, run: Run) -> Response:
    return Response(
        view.get_serializer(run).data,
        status=status.HTTP_201_CREATED,
        headers={"Location": reverse("api-run", args=[run.pk], request=request)},
    )


def _operable(queryset: ScopedQuerySet, request: Request, pk: UUID):
    """The object when the user may operate it: 404 when it is not theirs to see, 403 for a viewer."""
    found = generics.get_object_or_404(queryset.visible_to(request.user), pk=pk)
    bind_contextvars(**found.log_ids)
    if not queryset.operable_by(request.user).filter(pk=pk).exists():
        raise PermissionDenied(
            "You may watch this crew but not start or cancel its runs. "
            "Ask an admin of the organization for the role of operator."
        )
    return found
