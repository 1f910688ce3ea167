"""Publishes committed events on Redis. Redis makes delivery fast; the log makes it reliable.

So no error of Redis reaches the caller. A Redis that is down or hangs costs a writer at most 50 ms
once a second.
"""

import json
import logging
import time
from collections.abc import Sequence
from functools import partial

import redis
from django.conf import settings
from django.db import transaction

from realtime import metrics
from realtime.log import Entry
from realtime.redis_circuit_breaker import quick_redis

# The Redis channel of samples of commits, from which web processes know how long commit and Redis
# take: at most one per second and process.
COMMITS = f"{settings.REDIS_PREFIX}asgi:commits"
COMMIT_SAMPLE_S = 1.0
REFUSAL_LOGGED_S = 60.0  # at most one line within this time says that Redis refuses to publish

logger = logging.getLogger(__name__)

_sampled_at = float("-inf")  # seconds, monotonic
_refusal_logged_at = float("-inf")


def on_commit(stream: str, entries: Sequence[Entry]) -> None:
    """Publish ``entries`` once the transaction has committed; a rollback publishes nothing."""
    if entries:
        transaction.on_commit(partial(_publish, stream, entries))


def _publish(stream: str, entries: Sequence[Entry]) -> None:
    """One ``PUBLISH`` for each event, all in one round trip."""
    metrics.EVENTS.labels(stream.partition(":")[0]).inc(len(entries))
    quick = quick_redis()
    if quick.is_open:
        metrics.PUBLISH_SKIPPED.inc(len(entries))
        return
    commands = [*_sample(stream, entries), *(("PUBLISH", stream, e.text) for e in entries)]
    replies = quick.run(*commands)
    if replies is None:
        metrics.PUBLISH_FAILURES.inc()
    elif isinstance(replies[-1], redis.ResponseError):  # all are for one channel
        metrics.PUBLISH_FAILURES.inc()
        _log_refusal(stream, replies[-1])


def _log_refusal(stream: str, error: redis.ResponseError) -> None:
    global _refusal_logged_at
    if time.monotonic() - _refusal_logged_at >= REFUSAL_LOGGED_S:
        _refusal_logged_at = time.monotonic()
        logger.warning(
            "Redis refuses to publish on %s (%s), so events come late. "
            "`manage.py check --deploy` names the missing rights.",
            stream,
            error,
        )


def _sample(stream: str, entries: Sequence[Entry]) -> list[tuple[str, str, str]]:
    """The command that publishes when the newest event was committed, if a sample is due."""
    global _sampled_at
    now = time.monotonic()
    if now - _sampled_at < COMMIT_SAMPLE_S:
        return []
    _sampled_at = now
    committed = time.time()
    commit_s = metrics.age_of(entries[-1].text, committed)
    if commit_s is None:
        return []
    text = json.dumps({"stream": stream, "committed": committed, "commit_s": commit_s})
    return [("PUBLISH", COMMITS, text)]
