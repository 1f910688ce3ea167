"""API keys in HTTP requests: authentication, and the calls that a key's scopes allow.

Which keys are valid, and their last use: `crews.models.api_key`.
"""

from typing import Any

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, MethodNotAllowed, PermissionDenied
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from structlog.contextvars import bind_contextvars

from crews.key_holder import KeyHolder
from crews.models import ApiKey
from crews.models.api_key import START

READING = {"GET": "watch", "HEAD": "watch"}  # for a view that has no ``key_scopes``
INVALID = (
    "The API key is unknown, revoked or expired. Make a new one on the Connect page, "
    "or with `manage.py issue_api_key`."
)
NO_KEYS = "API keys cannot do this. Sign in as a user, or send a user's access token."


class ApiKeyAuthentication(BaseAuthentication):
    """``Authorization: Bearer crewops_...``. The next class gets any other bearer token."""

    def authenticate(self, request: Request) -> tuple[KeyHolder, ApiKey] | None:
        scheme, _, text = get_authorization_header(request).partition(b" ")
        text = text.strip().decode("latin-1")
        if scheme.lower() != b"bearer" or not text.startswith(START):
            return None
        key = ApiKey.objects.of_text(text)
        if key is None:
            raise AuthenticationFailed(INVALID, code="api_key_not_valid")
        ApiKey.objects.note_use([key])
        bind_contextvars(api_key=key.prefix)
        return KeyHolder(key), key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class IsAllowed(IsAuthenticated):
    """Allows signed-in users, and API keys whose scope allows the call.

    ``key_scopes`` of a view gives the scope that each method needs. A method that is not in it is
    only for users. The view's QuerySets decide whose records the call reaches.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if isinstance(request.user, KeyHolder):
            if request.method not in view.allowed_methods:
                raise MethodNotAllowed(request.method)
            check_scope(request.user.key, getattr(view, "key_scopes", READING).get(request.method))
        return super().has_permission(request, view)


def check_scope(key: ApiKey, scope: str | None) -> None:
    """Raise ``PermissionDenied`` unless the key has the scope. No key has the scope ``None``."""
    if scope is None:
        raise PermissionDenied(NO_KEYS)
    if not key.allows(scope):
        raise PermissionDenied(
            f"This call needs an API key with the scope `{scope}`; this one has "
            f"{', '.join(f'`{had}`' for had in key.scopes)}. Make another on the Connect page."
        )


def requester(request: Request) -> dict[str, Any]:
    """The user or API key that requests a run, as arguments of ``Run.objects.request``."""
    if isinstance(request.user, KeyHolder):
        return {"user": None, "api_key": request.user.key}
    return {"user": request.user}
