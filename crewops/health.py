"""Whether the deployment is alive, and whether it is ready to carry out runs."""

import logging
from collections.abc import Callable

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from runs.models import Worker

TIMEOUT_S = 1.0  # for Redis to answer

logger = logging.getLogger(__name__)


class NotReady(Exception):
    """A part is missing; the message says what to do."""


@never_cache
@require_safe
def alive(request: HttpRequest) -> JsonResponse:
    """200 as long as this process answers at all."""
    return JsonResponse({"status": "alive"})


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 when database, Redis and a worker can be reached, else 503.

    ``{"status": "ready" | "not ready", "parts": {"database": {"ok": bool, "message"?: what to do}, ...}}``
    """
    checks = {"database": _database, "redis": _redis, "worker": _worker}
    parts = {name: _state(check) for name, check in checks.items()}
    is_ready = all(part["ok"] for part in parts.values())
    return JsonResponse(
        {"status": "ready" if is_ready else "not ready", "parts": parts},
        status=200 if is_ready else 503,
    )


def _state(check: Callable[[], None]) -> dict[str, bool | str]:
    try:
        check()
    except NotReady as missing:
        logger.warning("Not ready: %s (%s)", missing, missing.__cause__)
        return {"ok": False, "message": str(missing)}
    return {"ok": True}


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
    except redis.RedisError as error:
        raise NotReady("Redis does not answer. Start it, or correct REDIS_URL.") from error


def _worker() -> None:
    try:
        is_alive = Worker.objects.alive().exists()
    except DatabaseError as error:
        raise NotReady(
            "The workers' heartbeats cannot be read. Is the database up, and was "
            "`python manage.py migrate` run?"
        ) from error
    if not is_alive:
        raise NotReady(
            "No worker is alive, so runs wait. Start one: `celery -A crewops worker`. "
            "One that runs must use the same DATABASE_URL."
        )
