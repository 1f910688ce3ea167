"""Health checks: whether the deployment is alive, and whether it is ready to execute runs."""

import logging
from collections import Counter
from collections.abc import Callable
from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models.functions import Now
from django.http import HttpRequest, JsonResponse
from django.utils.cache import add_never_cache_headers
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from runs.models import Worker
from runs.tools import box

TIMEOUT_S = 1.0  # seconds for Redis to respond
READY_S = 5.0  # for all parts; `crewops.handler` enforces it

logger = logging.getLogger(__name__)


class NotReady(Exception):
    """A part is not ready. The message says what to do; ``details`` are added to the part."""

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.details = details


@csrf_exempt  # there is nothing to protect, and a POST must get a 405
@never_cache
@require_safe
def alive(request: HttpRequest) -> JsonResponse:
    """200 as long as this process responds at all."""
    return JsonResponse({"status": "alive"})


@csrf_exempt
@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 when database, Redis and a worker can be reached, else 503; with ``?quiet`` always 200.

    ``{"status": "ready" | "not ready", "parts": {name: {"ok": bool, "message"?: what to do}}}``

    The parts are ``database``, ``redis``, ``worker`` and ``tools``. ``worker`` has ``heard_s_ago``:
    the seconds since the last heartbeat of any worker. ``tools`` has ``tiers``: ``{tier of the
    tools' box: number of workers alive}``. Its message reports a lesser tier than the sandbox,
    which is a failure only if ``TOOLS_REQUIRE_SANDBOX`` is set.
    """
    # Set by a caller that waits for the start: not ready is no fault then, so it is not logged.
    asks_only = "quiet" in request.GET
    checks = {"database": _database, "redis": _redis, "worker": _worker, "tools": _tools}
    parts = {name: _state(check, quiet=asks_only) for name, check in checks.items()}
    return _answer(parts, quiet=asks_only)


def overdue(*, quiet: bool) -> JsonResponse:
    """The answer of `ready` if its parts do not answer within ``READY_S``.

    Redis has its own limit, so the database is named. A slow look-up of a host name is rarer.
    """
    late = (
        f"No answer within {READY_S:g} s. Usually the database hangs: look at its load and locks."
    )
    if not quiet:
        logger.warning("Not ready: %s", late)
    unknown = {"ok": False, "message": "Not checked in time."}
    parts = {"database": {"ok": False, "message": late}}
    parts |= dict.fromkeys(("redis", "worker", "tools"), unknown)
    response = _answer(parts, quiet=quiet)
    add_never_cache_headers(response)
    return response


def _answer(parts: dict[str, dict[str, Any]], *, quiet: bool) -> JsonResponse:
    is_ready = all(part["ok"] for part in parts.values())
    return JsonResponse(
        {"status": "ready" if is_ready else "not ready", "parts": parts},
        status=200 if is_ready or quiet else 503,
    )


def _state(check: Callable[[], dict[str, Any] | None], *, quiet: bool) -> dict[str, Any]:
    try:
        return {"ok": True, **(check() or {})}
    except NotReady as missing:
        if not quiet:
            logger.warning("Not ready: %s (%s)", missing, missing.__cause__)
        return {"ok": False, "message": str(missing), **missing.details}


def _database() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        raise NotReady(
            "The database does not answer. Start it, or correct DATABASE_URL."
        ) from error


def _redis() -> None:
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
        ) as client:
            client.ping()
    except redis.AuthenticationError as error:
        raise NotReady("Redis refuses the user or the password of REDIS_URL.") from error
    except redis.exceptions.NoPermissionError as error:
        raise NotReady(
            "The Redis user of REDIS_URL lacks rights. `manage.py check --deploy` names them."
        ) from error
    except redis.RedisError as error:
        raise NotReady("Redis does not answer. Start it, or correct REDIS_URL.") from error


def _worker() -> dict[str, Any]:
    try:
        alive = list(Worker.objects.alive().annotate(now=Now()).values_list("last_seen", "now"))
    except DatabaseError as error:
        raise NotReady(
            "The workers' heartbeats cannot be read. Is the database up, and was "
            "`python manage.py migrate` run?"
        ) from error
    if not alive:
        raise NotReady(
            "No worker is alive, so runs wait. Start one: `celery -A crewops worker`. "
            "One that runs must use the same DATABASE_URL."
        )
    return {"heard_s_ago": min((now - seen).total_seconds() for seen, now in alive)}


def _tools() -> dict[str, Any]:
    try:
        tiers = Counter(Worker.objects.alive().values_list("tier", flat=True))
    except DatabaseError as error:
        raise NotReady("The workers cannot be asked how they box their tools.") from error
    lesser = {tier: number for tier, number in tiers.items() if tier != box.SANDBOX}
    if not lesser:
        return {"tiers": tiers}
    message = (
        f"{sum(lesser.values())} of {tiers.total()} workers do not run tools in the sandbox, "
        f"but in the tier {' or '.join(sorted(lesser))}. "
        "`manage.py check` on their machines says why."
    )
    if settings.TOOLS_REQUIRE_SANDBOX:
        raise NotReady(message, tiers=tiers)
    return {"tiers": tiers, "message": message}
