"""Responses for unknown URLs below ``/api/``."""

from typing import NoReturn

from django.urls import resolve
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView


class MissingSlash(NotFound):
    default_code = "missing_slash"


class TracesOnly(NotFound):
    default_detail = (
        "CrewOps takes traces only. Switch the others off in your program: "
        "OTEL_METRICS_EXPORTER=none OTEL_LOGS_EXPORTER=none"
    )
    is_explained = True


class NotFoundView(APIView):
    """Responds like a missing object, or with a hint if only the last slash is missing."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    schema = None

    def initial(self, request: Request, *args: object, **kwargs: object) -> NoReturn:
        path = request.path_info
        if not path.endswith("/") and resolve(path + "/").func.cls is not type(self):
            raise MissingSlash(f"Addresses end with a slash: {path}/")
        raise NotFound


class TracesOnlyView(NotFoundView):
    """Responds to the other signals of OpenTelemetry."""

    def initial(self, request: Request, *args: object, **kwargs: object) -> NoReturn:
        raise TracesOnly
