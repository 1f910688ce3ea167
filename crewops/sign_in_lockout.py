"""Limits password guessing: after some wrong passwords a user name is locked at that address.

The lock lasts for a while. It applies to every sign-in that uses
`django.contrib.auth.authenticate`: on the site's page and by the API. A locked user gets the same
response as after a wrong password.
"""

from typing import Any

from axes.backends import AxesStandaloneBackend
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from crewops import redis_rate_limit
from realtime.sockets.addresses import counted

NAME_LENGTH = 150  # characters; no user has a longer name


class SignInLimit(AxesStandaloneBackend):
    """Must be first in ``AUTHENTICATION_BACKENDS``: it refuses before the password is checked."""

    def authenticate(self, request: HttpRequest | None, *args: Any, **credentials: Any) -> None:
        if request is None:
            return  # a command calls this without a request
        if redis_rate_limit.count(f"sign-in {address_of(request)}") > settings.SIGN_INS_PER_MINUTE:
            raise PermissionDenied  # also applies to a client that tries many names
        super().authenticate(request, *args, **credentials)


def address_of(request: HttpRequest) -> str:
    """The client's address, which the server took from the connection or from a trusted proxy."""
    return counted(request.META.get("REMOTE_ADDR"))


def name_tried(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """The user name of the attempt, in a form that every database can store."""
    return str((credentials or {}).get("username", "")).replace("\0", "")[:NAME_LENGTH]
