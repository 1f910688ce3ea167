"""Who opens a socket: a token in the subprotocol, a bearer token, or the session of our own pages."""

from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.http import HttpRequest
from rest_framework.exceptions import AuthenticationFailed

from crews.sessions import SessionStore
from crews.tokens import INVALID, AccessTokenAuthentication

SUBPROTOCOL = "token"


class Refused(Exception):
    """The credentials do not hold."""


class ForeignOrigin(Exception):
    """The page that opens the socket is none of ours."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A user, and what that hangs on: a token's expiry, seconds since the epoch, or a session."""

    user: AbstractBaseUser | AnonymousUser
    expires_at: float | None = None
    session_key: str | None = None


NOBODY = Identity(AnonymousUser())


def identify(scope: dict[str, Any]) -> Identity:
    """The identity behind a handshake; queries the database.

    Raises ``ForeignOrigin`` for an ``Origin`` off the allow-list, ``Refused`` for credentials that
    are there and do not hold. Without any it is ``NOBODY``, who may still watch a shared run.
    """
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    origins = [value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"]
    if any(origin not in settings.ALLOWED_ORIGINS for origin in origins):
        raise ForeignOrigin
    if (token := _token(scope, headers)) is not None:
        return of_token(token)
    if not origins:
        return NOBODY  # a cookie counts only from a page that says which it is
    return _of_session(headers.get(b"cookie", ""))


def of_token(token: str) -> Identity:
    """The identity of an access token, checked as the API checks it. Raises ``Refused``."""
    authentication = AccessTokenAuthentication()
    try:
        valid = authentication.get_validated_token(token.encode(errors="replace"))
        return Identity(authentication.get_user(valid), float(valid["exp"]))
    except AuthenticationFailed as error:
        # simplejwt says a refresh token, an unknown or a deactivated user with this, too.
        raise Refused(INVALID) from error


def selected_subprotocol(scope: dict[str, Any]) -> str | None:
    """What the server selects: the literal ``token`` where it was offered, never the JWT."""
    return SUBPROTOCOL if SUBPROTOCOL in scope.get("subprotocols", ()) else None


def _token(scope: dict[str, Any], headers: dict[bytes, str]) -> str | None:
    offered = scope.get("subprotocols", ())
    if SUBPROTOCOL in offered:
        return next((protocol for protocol in offered if protocol != SUBPROTOCOL), "")
    scheme, _, credentials = headers.get(b"authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else None


def _of_session(cookie_header: str) -> Identity:
    try:
        cookie = SimpleCookie(cookie_header).get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        return NOBODY
    if cookie is None:
        return NOBODY
    request = HttpRequest()
    request.session = SessionStore(cookie.value)
    user = get_user(request)
    return NOBODY if user.is_anonymous else Identity(user, session_key=request.session.session_key)
