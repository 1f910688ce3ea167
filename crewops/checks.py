"""System checks of the deployment: problems that would appear later, or only to visitors.

Checks that connect to another server run only with ``manage.py check --deploy``.
"""

from pathlib import Path
from typing import Any

import redis
from django.conf import settings
from django.core.checks import CheckMessage, Info, Tags, Warning, register

from crewops import redis_rights

TIMEOUT_S = 2.0  # seconds for Redis to respond
TAG = "crewops"  # the tag of the checks that `manage.py prepare` runs each time
SENTINEL = "realtime/websocket.js"  # this file exists once static files were collected


@register(TAG)
def front_end_packages_are_installed(**kwargs: Any) -> list[CheckMessage]:
    missing = [name for name in settings.FRONT_END if not (settings.NODE_MODULES / name).is_dir()]
    if not missing or not settings.DEBUG:
        return []
    return [
        Warning(
            f"Front-end packages are missing, so pages have no looks: {', '.join(missing)}",
            hint="Run `make run`, or `npm ci --omit=dev` in the project's directory.",
            id="crewops.W001",
        )
    ]


@register(TAG)
def static_files_are_collected(**kwargs: Any) -> list[CheckMessage]:
    if settings.DEBUG or (Path(settings.STATIC_ROOT) / SENTINEL).is_file():
        return []
    return [
        Warning(
            f"With DEBUG off static files are served from {settings.STATIC_ROOT}, which has none.",
            hint="Run `npm ci --omit=dev`, then `python manage.py collectstatic`.",
            id="crewops.W002",
        )
    ]


@register(Tags.database, deploy=True)
def database_takes_several_machines(**kwargs: Any) -> list[CheckMessage]:
    if settings.DATABASES["default"]["ENGINE"] != "django.db.backends.sqlite3":
        return []
    return [
        Warning(
            "SQLite takes one writer at a time, and all processes on one machine.",
            hint="Set DATABASE_URL to a PostgreSQL: postgres://user:password@host/crewops",
            id="crewops.W003",
        )
    ]


@register(deploy=True)
def redis_is_usable(**kwargs: Any) -> list[CheckMessage]:
    if settings.REDIS_IS_PRIVATE:
        return []  # the stack starts it, without users and eviction
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            protocol=2,  # with version 3 a subscription gets no response of its own
        ) as client:
            return [*_rights(client), *_eviction(client)]
    except redis.AuthenticationError as error:
        return [
            Warning(
                f"Redis refuses the user or the password of REDIS_URL: {error}",
                hint="Correct REDIS_URL. Without Redis runs start late and events are slow.",
                id="crewops.W004",
            )
        ]
    except redis.RedisError as error:
        return [
            Warning(
                f"Redis does not answer: {error}",
                hint="Start it, or correct REDIS_URL. "
                "Without it runs start late and events are slow.",
                id="crewops.W004",
            )
        ]


def _rights(client: redis.Redis) -> list[CheckMessage]:
    lacks = redis_rights.missing(client)
    if not lacks:
        return []
    return [
        Warning(
            f"The Redis user of REDIS_URL lacks rights: {' '.join(lacks)}",
            hint=f"As the operator of Redis: ACL SETUSER <name of the user> {' '.join(lacks)}",
            id="crewops.W007",
        )
    ]


def _eviction(client: redis.Redis) -> list[CheckMessage]:
    try:
        policy = client.info("memory")["maxmemory_policy"]
    except redis.exceptions.NoPermissionError:
        return [
            Info(
                "Whether Redis evicts cannot be seen: the user of REDIS_URL may not use INFO.",
                hint="Allow +info, or see to it that maxmemory-policy is noeviction.",
                id="crewops.I001",
            )
        ]
    if policy == "noeviction":
        return []
    return [
        Warning(
            f"Redis forgets the messages to workers when its memory is full (policy {policy}).",
            hint="Give CrewOps a Redis of its own with `maxmemory-policy noeviction`.",
            id="crewops.W005",
        )
    ]


@register(deploy=True)
def retention_is_configured(**kwargs: Any) -> list[CheckMessage]:
    if settings.EVENTS_RETENTION_DAYS or settings.RUNS_RETENTION_DAYS:
        return []
    return [
        Warning(
            "Events and runs are kept for ever, so the database grows until its disk is full.",
            hint="Set EVENTS_RETENTION_DAYS=90, for instance, "
            "and RUNS_RETENTION_DAYS where you may.",
            id="crewops.W006",
        )
    ]
