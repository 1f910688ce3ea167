"""Publishes committed events on Redis. Redis makes delivery fast; the log makes it reliable.

So no error of Redis reaches the caller. A Redis that is down or hangs costs a writer at most 50 ms
once a second.
"""

import json
import time
from collections.abc import Sequence
from functools import partial

from django.conf import settings
from django.db import transaction

from realtime import metrics
from realtime.log import Entry
from realtime.log.quick_redis import quick_redis

# The Redis channel of samples of commits, from which web processes know how long commit and Redis
# take: at most one per second and process.
COMMITS = f"{settings.REDIS_PREFIX}asgi:commits"
COMMIT_SAMPLE_S = 1.0

_sampled_at = float("-inf")  # seconds, monotonic


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
    if quick.run(*commands) is None:
        metrics.PUBLISH_FAILURES.inc()


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
