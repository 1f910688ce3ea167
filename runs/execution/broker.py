"""Connections to the broker on which a message is sent without making the sender wait."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from celery import current_app
from kombu import Producer
from kombu.exceptions import LimitExceeded, OperationalError
from kombu.pools import ProducerPool

# Limit for connecting to the broker and for its answer. A user or a run waits for the request, and
# no message is the only one, so there is no retry here.
TIMEOUT_S = 0.25
PRODUCERS = 10  # threads that send at once, each with a connection of its own

NotSent = (OperationalError, LimitExceeded)


@contextmanager
def producer() -> Iterator[Producer]:
    """A producer for one message. Raises one of `NotSent` if the broker does not take it."""
    with _producers(os.getpid()).acquire(block=True, timeout=TIMEOUT_S) as producer:
        yield producer


@cache
def _producers(pid: int) -> ProducerPool:
    """The connections of this process. They cannot be shared with a parent process, and those of
    a worker have longer timeouts.
    """
    options = {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S, "max_retries": 0}
    return ProducerPool(
        connections=current_app.connection_for_write(transport_options=options).Pool(PRODUCERS),
        limit=PRODUCERS,
    )
