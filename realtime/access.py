"""Taking access away from open sockets: who may see what, asked again once a second.

One pass of five queries at most answers for every socket of the process, whatever changed the
database: the API, the admin, a shell. It needs no Redis.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Iterable
from contextvars import Context
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.db import Error as DatabaseError
from django.utils import timezone

from crews.models import Crew, Membership
from realtime.threads import in_thread
from runs.models import Run

RECHECK_S = 1.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Grant:
    """What one user may see now. ``credential`` changes with the password; a ``member`` belongs to an
    organization, be it one without crews.
    """

    active: bool
    credential: str
    member: bool
    crews: frozenset[UUID]


NOTHING = Grant(active=False, credential="", member=False, crews=frozenset())


class Watcher(Protocol):
    """A socket whose access is looked at again and again."""

    user_id: int | None
    run_id: UUID | None
    session_key: str | None  # of the session that it was opened with
    expires_at: float | None  # of its token, seconds since the epoch

    def expired(self) -> None:
        """Its token has expired and was not replaced in time."""

    def access_checked(self, grant: Grant, *, shared: bool | None, signed_out: bool) -> None:
        """``grant`` of its user; ``shared``: whether its run may be watched by anyone, ``None`` where that
        is gone; ``signed_out``: whether its session has ended.
        """


def grants(user_ids: Iterable[int]) -> dict[int, Grant]:
    """What each of the users may see, in three queries."""
    users = get_user_model().objects.filter(pk__in=user_ids)
    users = users.values_list("pk", "is_active", "password", "is_superuser", named=True)
    organizations = defaultdict(set)
    for user_id, organization_id in Membership.objects.filter(user__in=user_ids).values_list(
        "user", "organization"
    ):
        organizations[user_id].add(organization_id)
    crews = Crew.objects.all()
    if not any(user.is_superuser for user in users):
        crews = crews.filter(organization__in=set().union(*organizations.values()))
    of_organization = defaultdict(set)
    for crew_id, organization_id in crews.values_list("pk", "organization"):
        of_organization[organization_id].add(crew_id)
    return {
        user.pk: Grant(
            active=user.is_active,
            credential=user.password,
            member=user.is_superuser or user.pk in organizations,
            crews=frozenset().union(
                *(
                    of_organization[organization]
                    for organization in (
                        of_organization if user.is_superuser else organizations[user.pk]
                    )
                )
            ),
        )
        for user in users
    }


class AccessCheck:
    """Asks for all watchers of this event loop, every ``RECHECK_S`` seconds while there are any.

    A grant that is as it was is handed on as the same object.
    """

    def __init__(self) -> None:
        self._watchers: set[Watcher] = set()
        self._granted: dict[int, Grant] = {}
        self._task: asyncio.Task[None] | None = None

    def add(self, watcher: Watcher) -> None:
        self._watchers.add(watcher)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="access check", context=Context())

    def discard(self, watcher: Watcher) -> None:
        self._watchers.discard(watcher)

    async def close(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while self._watchers:
            await asyncio.sleep(RECHECK_S)
            self._look_for_expired()
            try:
                await self._check()
            except DatabaseError as error:
                logger.warning("Access could not be checked (%s)", error)

    def _look_for_expired(self) -> None:
        latest = time.time() - settings.REALTIME_TOKEN_GRACE_S
        for watcher in tuple(self._watchers):
            if watcher.expires_at is not None and watcher.expires_at < latest:
                watcher.expired()

    async def _check(self) -> None:
        watchers = tuple(self._watchers)
        sessions = {w.session_key for w in watchers if w.session_key is not None}
        granted, runs, alive = await in_thread(
            _ask,
            {w.user_id for w in watchers if w.user_id is not None},
            {w.run_id for w in watchers if w.run_id is not None},
            sessions,
        )
        self._granted = {
            user_id: before if (before := self._granted.get(user_id)) == grant else grant
            for user_id, grant in granted.items()
        }
        ended = sessions - alive
        for watcher in watchers:
            if watcher in self._watchers:
                watcher.access_checked(
                    self._granted.get(watcher.user_id, NOTHING),
                    shared=watcher.run_id is not None and runs.get(watcher.run_id),
                    signed_out=watcher.session_key in ended,
                )


def _ask(
    user_ids: set[int], run_ids: set[UUID], sessions: set[str]
) -> tuple[dict[int, Grant], dict[UUID, bool], set[str]]:
    runs = Run.objects.filter(pk__in=run_ids).values_list("pk", "is_public")
    alive = Session.objects.filter(pk__in=sessions, expire_date__gt=timezone.now())
    return grants(user_ids), dict(runs), set(alive.values_list("pk", flat=True))
