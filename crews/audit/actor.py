"""Who acts: known to the models without being handed through every call."""

import os
import pwd
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from django.db import models
from django.http import HttpRequest

COMMANDS = ("manage.py", "django-admin")

# The request and not its user: a token is looked at inside the view, long after the middleware.
_request: ContextVar[HttpRequest | None] = ContextVar("acting through", default=None)


class Way(models.TextChoices):
    PAGE = "page", "Page"
    API = "api", "API"
    ADMIN = "admin", "Administration"
    COMMAND = "command", "Command"
    SYSTEM = "system", "System"


@dataclass(frozen=True, slots=True)
class Actor:
    """A user, or without ``user_id`` nobody who signed in: a process, then named by ``name``."""

    way: Way
    name: str = ""
    user_id: int | None = None
    address: str = ""


@contextmanager
def acting_through(request: HttpRequest) -> Iterator[None]:
    """Whatever is done inside, in this task or thread alone, is done by the request's user."""
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)


def current_actor() -> Actor:
    """Who acts now: the user of the request being answered, else this process."""
    request = _request.get()
    return _process() if request is None else actor_of(request)


def actor_of(request: HttpRequest, user: Any = None) -> Actor:
    """``user``, or who has signed in by now, through ``request``."""
    user = user or getattr(request, "user", None)
    way, address = _way(request), _address(request)
    if user is None or not user.is_authenticated:
        return Actor(way, address=address)
    return Actor(way, user.get_username(), user.pk, address)


def _way(request: HttpRequest) -> Way:
    route = request.resolver_match
    if route and "admin" in route.namespaces:
        return Way.ADMIN
    return Way.API if route and hasattr(route.func, "cls") else Way.PAGE  # DRF's views have a cls


def _address(request: HttpRequest) -> str:
    address = request.META.get("REMOTE_ADDR", "")  # a proxy's header may have been put there
    try:
        return str(ip_address(address))
    except ValueError:
        return ""


@cache
def _process() -> Actor:
    """The program with its user on this machine; without arguments, which may hold secrets."""
    path = Path(sys.argv[0])
    program = path.parent.name if path.name == "__main__.py" else path.name
    if program in COMMANDS and len(sys.argv) > 1:
        return Actor(Way.COMMAND, f"{_account()}: {program} {sys.argv[1]}")
    return Actor(Way.SYSTEM, f"{_account()}: {program}")


def _account() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # as in a container that runs under any number
        return f"uid {os.getuid()}"
