"""The current actor, known to the models without being passed through every call."""

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

# The request, not its user: a token is checked inside the view, long after the middleware.
_request: ContextVar[HttpRequest | None] = ContextVar("acting through", default=None)
_own: ContextVar["Actor | None"] = ContextVar("acting as", default=None)


class Way(models.TextChoices):
    PAGE = "page", "Page"
    API = "api", "API"
    ADMIN = "admin", "Administration"
    COMMAND = "command", "Command"
    SYSTEM = "system", "System"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it: a user, or (no ``user_id``) an API key or a process, described by ``name``.

    Without ``user_id`` and ``name`` it is an anonymous visitor.
    """

    way: Way
    name: str = ""
    user_id: int | None = None
    address: str = ""


@contextmanager
def acting_through(request: HttpRequest) -> Iterator[None]:
    """Actions inside the block, only in this task or thread, are actions of the request's user."""
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)


@contextmanager
def acting_as(actor: Actor) -> Iterator[None]:
    """Actions inside the block, only in this task or thread, are those of ``actor``.

    For work that no user has requested, such as the runs that a schedule starts.
    """
    token = _own.set(actor)
    try:
        yield
    finally:
        _own.reset(token)


def current_actor() -> Actor:
    """The actor of `acting_as`, else the user of the current request, else this process."""
    if own := _own.get():
        return own
    request = _request.get()
    return _process() if request is None else actor_of(request)


def actor_of(request: HttpRequest, user: Any = None) -> Actor:
    """The actor of ``request``: ``user``, or the user who has signed in by now."""
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
    address = request.META.get("REMOTE_ADDR", "")  # may come from a proxy's header
    try:
        return str(ip_address(address))
    except ValueError:
        return ""


@cache
def _process() -> Actor:
    """The program and its user on this machine. Arguments are left out: they may hold secrets."""
    path = Path(sys.argv[0])
    program = path.parent.name if path.name == "__main__.py" else path.name
    if program in COMMANDS and len(sys.argv) > 1:
        return Actor(Way.COMMAND, f"{_account()}: {program} {sys.argv[1]}")
    return Actor(Way.SYSTEM, f"{_account()}: {program}")


def _account() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # as in a container that runs with any uid
        return f"uid {os.getuid()}"
