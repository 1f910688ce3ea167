"""Limits the pauses of Python's garbage collector in a process that serves thousands of sockets.

A full collection examines every object: 320 ms with 5,000 open sockets, in which nothing is sent.
So objects that survived one collection are left out of the next (``gc.freeze``), and each
collection costs only what has been created since. A frozen object is still freed when its last
reference goes, as that of a closed socket does. Reference cycles of frozen objects are freed by a
full collection, which runs at most once in ``FULL_COLLECTION_S`` seconds.
"""

import gc
import time
from typing import Any

FULL_COLLECTION_S = 3600.0
FULL = 2  # the generation of a full collection

_full_collection_at = time.monotonic()


def freeze_objects() -> None:
    """Freeze the present objects, which stay. Call this when everything is loaded."""
    gc.collect()
    gc.freeze()
    if _on_collection not in gc.callbacks:
        gc.callbacks.append(_on_collection)


def _on_collection(phase: str, info: dict[str, Any]) -> None:
    global _full_collection_at
    if info["generation"] != FULL:
        return
    if phase == "stop":
        gc.freeze()
    elif time.monotonic() > _full_collection_at + FULL_COLLECTION_S:
        _full_collection_at = time.monotonic()
        gc.unfreeze()
