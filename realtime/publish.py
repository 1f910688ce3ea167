"""Publishing committed events on Redis. Redis makes delivery fast; the log makes it certain.

So nothing here ever raises into the caller, and a Redis that is down or hangs costs a writer 50 ms
once a second at most.
"""

from collections.abc import Sequence
from functools import partial

from django.db import transaction
from redis.client import Pipeline

from realtime import metrics
from realtime.log import Entry
from realtime.quick_redis import quick_redis


def on_commit(stream: str, entries: Sequence[Entry]) -> None:
    """Publish ``entries`` once the transaction has committed; a rollback publishes nothing."""
    if entries:
        transaction.on_commit(partial(_publish, stream, entries))


def _publish(stream: str, entries: Sequence[Entry]) -> None:
    """One ``PUBLISH`` an event, the batch in one round trip."""
    metrics.EVENTS.labels(stream.partition(":")[0]).inc(len(entries))
    quick = quick_redis()
    if quick.is_open:
        metrics.PUBLISH_SKIPPED.inc(len(entries))
        return

    def fill(pipeline: Pipeline) -> None:
        for entry in entries:
            pipeline.publish(stream, entry.text)

    if quick.run(fill) is None:
        metrics.PUBLISH_FAILURES.inc()
