"""Who opens a socket: a token in the subprotocol, a bearer token, or the session of our own pages."""

from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest
from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken
from rest_framework_simplejwt.utils import get_md5_hash_password

from crews.sessions import SessionStore
from crews.tokens import INVALID, Explained, read, user_id_in
from realtime.access import Grant
from realtime.threads import in_thread

SUBPROTOCOL = "token"


class Refused(Exception):
    """The credentials do not hold."""


class ForeignOrigin(Exception):
    """The page that opens the socket is none of ours."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a handshake names, and what that hangs on: a token's expiry, seconds since the epoch, or a
    session; and the password it was made under. Whether there still is such a user `believe` tells.
    """

    user_id: int | None = None
    credential: str | None = None
    expires_at: float | None = None
    session_key: str | None = None

    def believe(self, grant: Grant) -> None:
        """Raises ``Refused`` unless ``grant`` is of an active user whose password is still that one."""
        if self.user_id is not None and not (grant.active and grant.credential == self.credential):
            raise Refused(INVALID)


NOBODY = Identity()


async def identify(scope: dict[str, Any]) -> Identity:
    """The identity behind a handshake, still to be believed.

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
    return await in_thread(_of_session, headers.get(b"cookie", ""))


def of_token(token: str) -> Identity:
    """The identity of an access token, read as the API reads it. Raises ``Refused``."""
    try:
        valid = read(AccessToken, token.encode(errors="replace"))
        credential = valid.get(api_settings.REVOKE_TOKEN_CLAIM)
        return Identity(user_id_in(valid), credential, float(valid["exp"]))
    except Explained as error:
        raise Refused(str(error)) from error
    except (TokenError, AuthenticationFailed) as error:
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
    if user.is_anonymous:
        return NOBODY
    credential = get_md5_hash_password(user.password)
    return Identity(user.pk, credential, session_key=request.session.session_key)
