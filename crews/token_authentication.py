"""Checks tokens of unknown clients, in one way for the API and the sockets."""

import time
from typing import TypeVar

from django.contrib.auth.models import AbstractBaseUser
from jwt import ImmatureSignatureError
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import ExpiredTokenError, InvalidToken, TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, Token
from structlog.contextvars import bind_contextvars

TOKEN_LIMIT = 8 * 1024  # characters; ours are below 500
ID_DIGITS = 18  # below the maximum of a database column
INVALID = "The token is invalid or has expired."
TOO_LONG = f"The token is too long: at most {TOKEN_LIMIT} characters."
# Fits into the reason of a close frame, 123 bytes. The browser client knows its first four words.
NOT_YET_VALID = (
    "The token is not valid yet: its issuer's clock is ahead of this server's. Set "
    "both clocks right."
)
EXPLANATIONS = (TOO_LONG, NOT_YET_VALID)

T = TypeVar("T", bound=Token)


class Explained(TokenError):
    """The message explains the fault to the client. It is one of ``EXPLANATIONS``."""


def read(kind: type[T], text: str | bytes) -> T:
    """Parse and verify a token. Raises ``TokenError``, whatever is wrong with it."""
    if len(text) > TOKEN_LIMIT:
        raise Explained(TOO_LONG)
    try:
        token = kind(text)
        # The library's leeway applies to every time claim. Here an expired token ends at its
        # expiry: only an open socket gets a grace period (REALTIME_TOKEN_GRACE_S).
        if token["exp"] <= time.time():
            raise ExpiredTokenError("Token is expired")
        return token
    except TokenError as error:
        if _is_immature(error):
            raise Explained(NOT_YET_VALID) from error  # by more than the clocks may differ
        raise
    except Exception as error:
        # JSON nested too deeply, an algorithm that is a list, an expiry that is infinite: the
        # library does not catch these errors, and some of them need no valid signature.
        raise TokenError(INVALID) from error


def _is_immature(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, ImmatureSignatureError):
        error = error.__cause__
    return error is not None


def user_id_in(token: Token) -> int:
    """The id of the user that ``token`` names; the user may be deleted.

    Raises ``InvalidToken`` if it names none.
    """
    claim = token.get(api_settings.USER_ID_CLAIM)
    # The database would accept `true`, 1.5 or " 1" as a number, and fail on a list or on 30 digits.
    if not isinstance(claim, str) or not claim.isascii() or not claim.isdigit():
        raise InvalidToken("The token names no user.")
    if len(claim) > ID_DIGITS:
        raise InvalidToken("The token names no user.")
    return int(claim)


class AccessTokenAuthentication(JWTAuthentication):
    """simplejwt's, but a bad token is always refused and never causes another error."""

    def get_validated_token(self, raw_token: str | bytes) -> Token:
        try:
            return read(AccessToken, raw_token)
        except TokenError as error:
            raise InvalidToken(str(error)) from error

    def get_user(self, validated_token: Token) -> AbstractBaseUser:
        user_id_in(validated_token)
        user = super().get_user(validated_token)
        bind_contextvars(user_id=user.pk)
        return user
