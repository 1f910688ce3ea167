"""API errors as problem details (RFC 9457), with a message that a person understands.

``{"type": "about:blank", "title": "Not Found", "status": 404, "code": "not_found",
"detail": "..."}`` as ``application/problem+json``. For invalid input it also has
``"errors": [{"attr": field or null, "code": "required", "detail": "..."}]``.
"""

from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import HttpResponse, JsonResponse
from drf_standardized_errors.formatter import ExceptionFormatter
from drf_standardized_errors.handler import ExceptionHandler
from drf_standardized_errors.types import Error, ErrorResponse
from rest_framework import exceptions, serializers
from rest_framework.settings import api_settings

from crewops.api.throttling import refuses_failed
from crews.outages import is_outage
from crews.token_authentication import EXPLANATIONS
from crews.tracking import InvalidState

MEDIA_TYPE = "application/problem+json"

# Messages that say what happened and what to do, where the libraries' messages do not help.
MESSAGES = {
    "not_authenticated": (
        "Sign in first: send the header `Authorization: Bearer <access token>`. "
        "POST /api/token/ with username and password gives a token; "
        "an API key from the Connect page is sent in the same header."
    ),
    "token_not_valid": (
        "The token is malformed, has expired or is of the wrong kind. "
        "Get fresh ones with POST /api/token/refresh/ or POST /api/token/."
    ),
    "no_active_account": (
        "The username or the password is wrong, or the account is deactivated. "
        "After many tries, wait a while."
    ),
    "throttled": "Too many calls. Wait as many seconds as the header `Retry-After` says.",
    "user_inactive": "The account is deactivated. Ask an administrator to activate it.",
    "user_not_found": "The account of this token does not exist any more.",
    "password_changed": "The password was changed after the token was made. Sign in again.",
    "not_found": "There is nothing here, or you may not see it. Check the address and the id.",
    "unsupported_media_type": (
        "Send the body as JSON, with the header `Content-Type: application/json`."
    ),
    "error": "Something went wrong on the server. The server's log says what.",
}


def problem(status: int, *, code: str, detail: str) -> dict[str, Any]:
    """Return the members of a problem. ``code`` is for programs, ``detail`` for people."""
    title = HTTPStatus(status).phrase
    return {
        "type": "about:blank",
        "title": title,
        "status": int(status),
        "code": code,
        "detail": detail,
    }


class Conflict(exceptions.APIException):
    status_code = HTTPStatus.CONFLICT
    default_code = "conflict"


class TooLarge(exceptions.APIException):
    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"
    default_detail = "The body of the request is too large."


class Unavailable(exceptions.APIException):
    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_code = "unavailable"
    default_detail = "The database does not answer. Try again in a moment."


class Handler(ExceptionHandler):
    """Turns exceptions into problems, whatever media type the client accepts."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if throttled := refuses_failed(self.context["request"], self.context["view"]):
            return throttled
        if isinstance(exc, InvalidState):
            return Conflict(str(exc))
        if isinstance(exc, RequestDataTooBig):
            return TooLarge()
        if isinstance(exc, SuspiciousOperation):
            return exceptions.ParseError()
        if is_outage(exc):
            return Unavailable()
        return super().convert_known_exceptions(exc)

    def get_response(self, exc: exceptions.APIException, data: dict) -> HttpResponse:
        return JsonResponse(
            data,
            status=exc.status_code,
            headers=self.get_headers(exc),
            content_type=MEDIA_TYPE,
            json_dumps_params={"ensure_ascii": False},
        )


class Formatter(ExceptionFormatter):
    def format_error_response(self, error_response: ErrorResponse) -> dict[str, Any]:
        errors = [_named(error) for error in error_response.errors]
        body = problem(
            self.exc.status_code,
            code="invalid" if self._is_validation else errors[0]["code"],
            detail=" ".join(map(_sentence, errors)),
        )
        return body | ({"errors": errors} if self._is_validation else {})

    def get_errors(self) -> list[Error]:
        if self._is_validation:
            return super().get_errors()
        code, detail = self.exc.get_codes(), self.exc.detail
        if isinstance(detail, dict):  # simplejwt's exceptions: both and more in a dict
            code, detail = str(detail["code"]), detail["detail"]
        is_own = getattr(self.exc, "is_explained", False) or str(detail) in EXPLANATIONS
        if is_own:  # more specific than MESSAGES
            return [Error(code, str(detail), None)]
        return [Error(code, MESSAGES.get(code, str(detail)), None)]

    @property
    def _is_validation(self) -> bool:
        return isinstance(self.exc, exceptions.ValidationError)


class FieldErrorSerializer(serializers.Serializer):
    attr = serializers.CharField(
        allow_null=True, help_text="The field or parameter; null: the whole input."
    )
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemSerializer(serializers.Serializer):
    """Problem details, RFC 9457."""

    type = serializers.CharField(default="about:blank")
    title = serializers.CharField(help_text="The name of the status.")
    status = serializers.IntegerField(help_text="The HTTP status.")
    code = serializers.CharField(help_text="For programs: what went wrong.")
    detail = serializers.CharField(help_text="For people: what went wrong and what to do.")
    errors = FieldErrorSerializer(
        many=True, required=False, help_text="Each fault of a refused input."
    )


def _named(error: Error) -> dict[str, str | None]:
    attr = None if error.attr == api_settings.NON_FIELD_ERRORS_KEY else error.attr
    return {"attr": attr, "code": error.code, "detail": error.detail}


def _sentence(error: dict[str, str | None]) -> str:
    return f"{error['attr']}: {error['detail']}" if error["attr"] else str(error["detail"])
