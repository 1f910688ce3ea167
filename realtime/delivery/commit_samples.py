"""The hops of an event up to this process, in samples: commit, publish, receive.

A process that commits publishes two messages for a sample. The first comes with the events. The
second comes after Redis has answered: only then the process knows how long publishing took.
Clocks of two machines may differ, so a time between them that would be negative counts as 0.
"""

import json
import math
import time

from realtime import latency, metrics

PENDING = 1000  # samples whose second message is awaited; beyond it the oldest is dropped


class CommitSamples:
    """Receives the samples of all processes. Its methods raise ``ValueError``."""

    def __init__(self) -> None:
        # By stream and time of the commit: when the first message was received.
        self._received: dict[tuple[str, float], float] = {}

    def receive_commit(self, data: bytes) -> None:
        """Take the first message of a sample."""
        now = time.time()
        match json.loads(data):
            case {
                "stream": str(stream),
                "committed": int() | float() as committed,
                "commit_s": int() | float() as commit_s,
            } if math.isfinite(committed) and 0 <= commit_s <= latency.LONGEST_S:
                metrics.observe_hop("commit", stream, commit_s)
                metrics.observe_hop("hub", stream, _bounded(now - committed))
                self._received[stream, committed] = now
                if len(self._received) > PENDING:
                    del self._received[next(iter(self._received))]
            case _:
                raise ValueError("not a sample of a commit")

    def receive_answer(self, data: bytes) -> None:
        """Take the second message of a sample."""
        match json.loads(data):
            case {
                "stream": str(stream),
                "committed": int() | float() as committed,
                "publish_s": int() | float() as publish_s,
            } if math.isfinite(committed) and 0 <= publish_s <= latency.LONGEST_S:
                metrics.observe_hop("publish", stream, publish_s)
                # Without it, this process had no connection to Redis when the events came.
                if received := self._received.pop((stream, committed), None):
                    answered = committed + publish_s
                    metrics.observe_hop("receive", stream, _bounded(received - answered))
            case _:
                raise ValueError("not a sample of an answer of Redis")


def _bounded(seconds: float) -> float:
    return min(max(0.0, seconds), latency.LONGEST_S)
