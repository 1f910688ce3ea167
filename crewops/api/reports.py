"""``POST /api/report/``."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import Error
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from crewops import redis_rate_limit
from crewops.api.problems import Unavailable
from crewops.api.throttling import CallLimit
from crews.key_holder import KeyHolder
from crews.outages import is_outage
from realtime.metrics import ingesting
from runs.reporting.report_body import items_in
from runs.reporting.report_request import apply_events

WAIT_S = 8  # seconds; the longest Retry-After for a reporter
BUSY_WAIT_S = 2


class Bytes(BaseParser):
    """Returns the body unchanged; `runs.reporting.report_body` parses it into events."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> bytes:
        return stream.read()


class ReportLimit(CallLimit):
    """The limit for reporters. They call often, so they get a short ``Retry-After``."""

    def allow_request(self, request: Request, view: Any) -> bool:
        if not isinstance(request.user, KeyHolder):
            return super().allow_request(request, view)
        request._request.is_counted = True
        calls = redis_rate_limit.count(f"reports {request.user.key.pk}")
        return calls <= settings.REPORT_CALLS_PER_MINUTE

    def wait(self) -> float:
        return min(super().wait(), WAIT_S)


class RejectedSerializer(serializers.Serializer):
    id = serializers.CharField(allow_null=True)
    index = serializers.IntegerField(help_text="The event's place in the call, from 0.")
    code = serializers.CharField()
    detail = serializers.CharField()


class ReportSerializer(serializers.Serializer):
    accepted = serializers.IntegerField()
    duplicates = serializers.IntegerField()
    rejected = RejectedSerializer(many=True)
    stop = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Runs that somebody asks to stop."
    )


class ReportEventSerializer(serializers.Serializer):
    """An event as `docs/reporting.md` defines it. Each kind of event has more fields."""

    id = serializers.CharField(max_length=200)
    run = serializers.CharField(max_length=200)
    type = serializers.CharField()
    at = serializers.CharField(required=False)


class ReportView(APIView):
    """Accepts events of runs that an outside program executes, as JSON or NDJSON, also gzipped."""

    key_scopes = {"POST": "report"}
    parser_classes = (Bytes,)
    throttle_classes = (ReportLimit,)

    @extend_schema(
        request={"application/json": ReportEventSerializer(many=True)},
        responses={
            200: ReportSerializer,
            400: OpenApiResponse(description="Not UTF-8, no JSON or broken gzip."),
            403: OpenApiResponse(description="Not sent with an API key that has `report`."),
            413: OpenApiResponse(description="More than 1,000 events or 1 MiB."),
            415: OpenApiResponse(description="Neither JSON nor NDJSON, or an unknown encoding."),
        },
    )
    def post(self, request: Request) -> Response:
        require_key(request)
        received = timezone.now()
        items = items_in(
            request.data or b"",
            content_type=request.content_type or "",
            encoding=request.headers.get("Content-Encoding", ""),
        )
        with busy_in_outages(), ingesting(request.user.key.organization_id, "report") as ingest:
            taken = apply_events(request.user.key, items, received)
            ingest(taken.accepted)
        return Response(taken.as_json())


def require_key(request: Request) -> None:
    if not isinstance(request.user, KeyHolder):
        raise PermissionDenied(
            "Reports are sent with an API key that has the scope `report`. "
            "Make one on the Connect page."
        )


@contextmanager
def busy_in_outages() -> Iterator[None]:
    """Answer a reporter while the database cannot be reached, with the time to wait."""
    try:
        yield
    except Error as error:
        if not is_outage(error):
            raise
        answer = Unavailable()
        answer.wait = BUSY_WAIT_S
        raise answer from error
