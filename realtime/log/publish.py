"""Publishes committed events on Redis. Redis makes delivery fast; the log makes it reliable.

So no error of Redis reaches the caller. A Redis that is down or hangs costs a writer at most 50 ms
once a second.
"""

import json
import logging
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import redis
from django.conf import settings
from django.db import transaction

from realtime import latency, metrics
from realtime.log import Entry
from realtime.redis_circuit_breaker import quick_redis

# The Redis channels of samples of commits, from which web processes know how long commit and Redis
# take: at most one per second and process. See `realtime.delivery.commit_samples`.
COMMITS = f"{settings.REDIS_PREFIX}asgi:commits"
ANSWERS = f"{settings.REDIS_PREFIX}asgi:answers"
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
    """One ``PUBLISH`` for each event, all in one round trip. A sample costs a second one."""
    metrics.EVENTS.labels(stream.partition(":")[0]).inc(len(entries))
    quick = quick_redis()
    if quick.is_open:
        metrics.PUBLISH_SKIPPED.inc(len(entries))
        return
    sample = _sample(stream, entries)
    began = time.perf_counter()
    commands = [("PUBLISH", stream, entry.text) for entry in entries]
    if sample:
        commands.insert(0, ("PUBLISH", COMMITS, json.dumps(sample)))
    replies = quick.run(*commands)
    if replies is None:
        metrics.PUBLISH_FAILURES.inc()
    elif isinstance(replies[-1], redis.ResponseError):  # all are for one channel
        metrics.PUBLISH_FAILURES.inc()
        _log_refusal(stream, replies[-1])
    elif sample:
        publish_s = min(time.perf_counter() - began, latency.LONGEST_S)
        answer = {"stream": stream, "committed": sample["committed"], "publish_s": publish_s}
        quick.run(("PUBLISH", ANSWERS, json.dumps(answer)))


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


def _sample(stream: str, entries: Sequence[Entry]) -> dict[str, Any] | None:
    """When the newest event was committed, if a sample is due."""
    global _sampled_at
    now = time.monotonic()
    if now - _sampled_at < COMMIT_SAMPLE_S:
        return None
    _sampled_at = now
    committed = time.time()
    commit_s = metrics.age_of(entries[-1].text, committed)
    if commit_s is None:
        return None
    return {"stream": stream, "committed": committed, "commit_s": commit_s}
