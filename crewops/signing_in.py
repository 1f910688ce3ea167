"""Guessing passwords: after some wrong ones a user name is locked at that address for a while.

It holds for every way in that asks `django.contrib.auth.authenticate`: the site's page, the admin's,
the API. Who is locked gets the answer of a wrong password.
"""

from typing import Any

from axes.backends import AxesStandaloneBackend
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from crewops import rate
from realtime.addresses import counted

NAME_LENGTH = 150  # characters; no user has a longer name


class SignInLimit(AxesStandaloneBackend):
    """The first of ``AUTHENTICATION_BACKENDS``: refuses before a password is looked at."""

    def authenticate(self, request: HttpRequest | None, *args: Any, **credentials: Any) -> None:
        if request is None:
            return  # a command asks without one
        if rate.count(f"sign-in {address_of(request)}") > settings.SIGN_INS_PER_MINUTE:
            raise PermissionDenied  # also from one who tries many names
        super().authenticate(request, *args, **credentials)


def address_of(request: HttpRequest) -> str:
    """The client's address; the server took it from the connection or from a trusted proxy."""
    return counted(request.META.get("REMOTE_ADDR"))


def name_tried(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """The user name, in a form that every database can hold."""
    return str((credentials or {}).get("username", "")).replace("\0", "")[:NAME_LENGTH]
