"""Identifies the client of a socket or event stream: by a token or API key in the subprotocol or as
bearer token, or by the session of our own pages.
"""

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

from crews.models.api_key import PREFIX_CHARS, START, TEXT, digest_of
from crews.sessions import SessionStore
from crews.token_authentication import INVALID, Explained, read, user_id_in
from realtime.delivery.grants import Grant, Principal
from realtime.delivery.threads import in_thread

SUBPROTOCOL = "token"
MESSAGE_PACK = "crewops.msgpack"  # the subprotocol of `realtime.servers.message_pack`
SAME_SITE = {"same-origin", "none"}  # ``Sec-Fetch-Site``; "none": the person typed the address
KEY_INVALID = "The API key is unknown, revoked or expired. Make a new one on the Connect page."


class InvalidCredentials(Exception):
    """The credentials are not valid."""


class ForeignOrigin(Exception):
    """The page that opens the socket is of a foreign origin."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The user or API key that a handshake names. `verify` checks that it is still valid.

    ``credential`` is a hash of the password hash when the token or session was made.
    ``expires_at`` is the expiry of a token, in seconds since the epoch. ``key_digest`` identifies
    an API key; logs show its ``prefix``.
    """

    user_id: int | None = None
    credential: str | None = None
    expires_at: float | None = None
    session_key: str | None = None
    key_digest: str | None = None
    prefix: str | None = None

    @property
    def principal(self) -> Principal:
        """The key of `AccessCheck` for this identity."""
        return self.user_id if self.key_digest is None else self.key_digest

    def verify(self, grant: Grant) -> None:
        """Raise ``InvalidCredentials`` unless ``grant`` is that of an active user with the same
        password, or of a valid API key.
        """
        if self.key_digest is not None and not grant.active:
            raise InvalidCredentials(KEY_INVALID)
        if self.user_id is not None and not (grant.active and grant.credential == self.credential):
            raise InvalidCredentials(INVALID)


ANONYMOUS = Identity()


async def identify(scope: dict[str, Any]) -> Identity:
    """Return the identity that a handshake names, not yet verified.

    Raises ``ForeignOrigin`` for an ``Origin`` that is not on the allow-list, and
    ``InvalidCredentials``. Without credentials it is ``ANONYMOUS``, who may still watch a shared
    run.
    """
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    origins = [value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"]
    if any(origin not in settings.ALLOWED_ORIGINS for origin in origins):
        raise ForeignOrigin
    if (token := _token(scope, headers)) is not None:
        return of_token(token)
    if not _cookie_counts(scope, headers, has_origin=bool(origins)):
        return ANONYMOUS
    return await in_thread(_of_session, headers.get(b"cookie", ""))


def of_token(token: str) -> Identity:
    """The identity of an access token or API key, read as in the API.

    Raises ``InvalidCredentials``.
    """
    if token.startswith(START):
        if not TEXT.fullmatch(token):
            raise InvalidCredentials(KEY_INVALID)
        return Identity(credential="", key_digest=digest_of(token), prefix=token[:PREFIX_CHARS])
    try:
        valid = read(AccessToken, token.encode(errors="replace"))
        credential = valid.get(api_settings.REVOKE_TOKEN_CLAIM)
        return Identity(user_id_in(valid), credential, float(valid["exp"]))
    except Explained as error:
        raise InvalidCredentials(str(error)) from error
    except (TokenError, AuthenticationFailed) as error:
        raise InvalidCredentials(INVALID) from error


def selected_subprotocol(scope: dict[str, Any]) -> str | None:
    """The offered subprotocol that the server selects, never the JWT."""
    offered = scope.get("subprotocols", ())
    return next((name for name in (MESSAGE_PACK, SUBPROTOCOL) if name in offered), None)


def _cookie_counts(scope: dict[str, Any], headers: dict[bytes, str], *, has_origin: bool) -> bool:
    """Whether the request is one that a page of this site has made, or the person themselves.

    Browsers send an ``Origin`` with every handshake, but not with a ``GET`` to the page's own site.
    """
    if scope["type"] == "websocket":
        return has_origin
    return headers.get(b"sec-fetch-site", "none") in SAME_SITE or has_origin


def _token(scope: dict[str, Any], headers: dict[bytes, str]) -> str | None:
    offered = scope.get("subprotocols", ())
    if SUBPROTOCOL in offered:
        words = (SUBPROTOCOL, MESSAGE_PACK)
        return next((protocol for protocol in offered if protocol not in words), "")
    scheme, _, credentials = headers.get(b"authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else None


def _of_session(cookie_header: str) -> Identity:
    try:
        cookie = SimpleCookie(cookie_header).get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        return ANONYMOUS
    if cookie is None:
        return ANONYMOUS
    request = HttpRequest()
    request.session = SessionStore(cookie.value)
    user = get_user(request)
    if user.is_anonymous:
        return ANONYMOUS
    credential = get_md5_hash_password(user.password)
    return Identity(user.pk, credential, session_key=request.session.session_key)
