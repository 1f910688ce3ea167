"""``POST /v1/traces``: spans of OpenTelemetry, as OTLP over HTTP has it."""

import json
import logging

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.views import APIView

from crewops.api.reports import Bytes, ReportLimit, busy_in_outages
from crews.key_holder import KeyHolder
from realtime.metrics import ingesting
from runs.reporting.otlp import body
from runs.reporting.otlp.trace_request import receive

NO_KEY = (
    "Spans are sent with an API key that has the scope `report`: "
    "OTEL_EXPORTER_OTLP_HEADERS=Authorization=Bearer%20crewops_... "
    "Make one on the Connect page."
)
NO_TLS = "Send spans to https://: this server takes no API keys over plain HTTP."

logger = logging.getLogger(__name__)


class TracesView(APIView):
    """Accepts spans in protobuf and JSON, also gzipped. Answers in the format of the request."""

    key_scopes = {"POST": "report"}
    parser_classes = (Bytes,)
    throttle_classes = (ReportLimit,)
    schema = None  # described by OTLP, not by our OpenAPI

    def post(self, request: Request) -> HttpResponse:
        if not isinstance(request.user, KeyHolder):
            raise PermissionDenied(NO_KEY)
        # Not redirected as other pages are: an exporter would lose the spans without a message.
        if settings.SECURE_SSL_REDIRECT and not request.is_secure():
            raise PermissionDenied(NO_TLS)
        received = timezone.now()
        kind = body.media_type(request.content_type or "")
        encoding = request.headers.get("Content-Encoding", "")
        key = request.user.key
        with_text = key.organization.keeps_model_text
        spans, unusable = body.spans_in(
            request.data or b"", kind=kind, encoding=encoding, with_text=with_text
        )
        with busy_in_outages(), ingesting(key.organization_id, "traces") as ingest:
            result = receive(key, spans, received)
            ingest(max(len(spans) - result.rejected, 0))
        if unusable:
            result.reject(len(unusable), unusable[0])
        if result.rejected:  # exporters do not show this to their users
            logger.warning("%d spans were rejected. %s", result.rejected, result.message)
        content = body.answer(kind, rejected=result.rejected, message=result.message)
        return HttpResponse(content, content_type=kind)

    def handle_exception(self, exc: Exception) -> HttpResponse:
        """A problem, as the rest of the API has it. OTLP has it in the request's own format."""
        response = super().handle_exception(exc)
        kind = (self.request.content_type or "").partition(";")[0].strip().lower()
        if kind in (body.JSON, body.PROTOBUF):
            response.content = body.refusal(kind, json.loads(response.content))
            response["Content-Type"] = kind
        return response
