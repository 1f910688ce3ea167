"""Threads of a worker's main process, which also forks the processes that carry out runs."""

import os
import threading


def lock_between_forks() -> threading.Lock:
    """Return a lock that is held during each fork of this process.

    A thread holds it while it uses the database: a process that is forked at such a moment would
    inherit locks that are never released.
    """
    lock = threading.Lock()
    os.register_at_fork(
        before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release
    )
    return lock
