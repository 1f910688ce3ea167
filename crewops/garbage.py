"""Python's garbage collector, kept from holding up a process that serves thousands of sockets.

A full collection looks at every object there is: 320 ms with 5,000 sockets open, in which nothing is
sent. So what has outlived one is left out of the next (``gc.freeze``), and each costs only what has
come since. Frozen objects still go when their last reference does, as a closed socket's do; what
refers to itself goes with a collection of everything, once in ``EVERYTHING_S`` seconds at most.
"""

import gc
import time
from typing import Any

EVERYTHING_S = 3600.0
FULL = 2  # the generation of a full collection

_everything_at = time.monotonic()


def settle() -> None:
    """To be called when all is loaded, which stays."""
    gc.collect()
    gc.freeze()
    if _on_collection not in gc.callbacks:
        gc.callbacks.append(_on_collection)


def _on_collection(phase: str, info: dict[str, Any]) -> None:
    global _everything_at
    if info["generation"] != FULL:
        return
    if phase == "stop":
        gc.freeze()
    elif time.monotonic() > _everything_at + EVERYTHING_S:
        _everything_at = time.monotonic()
        gc.unfreeze()
