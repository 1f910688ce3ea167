"""The one object of a process that takes events, and its life: forks, the end of the program."""

import atexit
import contextlib
import itertools
import logging
import os
import sys
import threading
import time
import weakref
from typing import Any

from . import follow
from .notices import Notices
from .sender import ENDS, Close, Flush, Sender
from .settings import Settings, from_environment

ITEM = 400  # bytes, about, of an event without long texts
RESERVE = 2_000  # events; ends are taken when nothing else is any more


class Reporter:
    """Never raises, never waits, keeps no lock while it calls anything."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.notices = Notices()
        self.runs: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()
        self.off = settings.disabled
        if not self.off and (problem := settings.problem):
            self.off = True
            self.notices.say("off", f"{problem}: nothing is reported")
        self._limit = settings.memory_limit * 3 // 8 // ITEM
        self._long_limit = settings.memory_limit // 4
        self._begin()
        _reporters.add(self)

    def _begin(self) -> None:
        """As new: also in a forked child, which has no threads and must not touch its parent's."""
        self.pid = os.getpid()
        self.prefix = f"{os.urandom(5).hex()}-"
        self.numbers = itertools.count(1)
        self._start_lock = threading.Lock()
        self._started = self._closed = False
        self._long = 0  # characters in long texts on the queue, about
        try:
            self._sender = Sender(
                self.settings, self.prefix, self.notices, self._stop, self._opened
            )
        except ValueError as error:  # a port that is no number, for example
            self.off = True
            self.notices.say("off", f"CREWOPS_URL is not valid ({error}): nothing is reported")
            self._sender = Sender(Settings(), self.prefix, self.notices, self._stop, self._opened)
        self._queue = self._sender.queue

    def forked(self) -> None:
        for run in self._all():
            run.follower.forget()
        self._sender.forget()
        _left_by_forks.append(self._sender)
        self._begin()

    def emit(
        self, run: str, kind: str, fields: dict[str, Any], event_id: str | None = None
    ) -> None:
        """Take an event of the run. `fields` must be plain values that nobody changes."""
        if self.off:
            return
        number = next(self.numbers) if event_id is None else event_id
        waiting = self._queue.qsize()
        if waiting >= self._limit and (kind not in ENDS or waiting >= self._limit + RESERVE):
            lost = self._sender.lost
            lost[run] = lost.get(run, 0) + 1
            return
        self._queue.put((run, kind, time.time(), number, fields))
        if not self._started:
            self._start()

    def room_for(self, length: int) -> bool:
        """Whether a text of `length` characters may go on the queue, too."""
        if self._queue.qsize() == 0:
            self._long = 0
        if self._long + length > self._long_limit:
            return False
        self._long += length
        return True

    def lose(self, run: str) -> None:
        if not self.off:
            lost = self._sender.lost
            lost[run] = lost.get(run, 0) + 1

    def _start(self) -> None:
        if self._closed or not self._start_lock.acquire(blocking=False):
            return  # another thread, or the one that this signal handler interrupts, does it
        try:
            if not self._started:
                self._sender.start()
                self._started = True
                self._flush_when_a_worker_process_ends()
        except RuntimeError as error:  # no more threads, or the interpreter ends
            self.notices.say("thread", f"no thread can be started ({error}): nothing is sent")
        finally:
            self._start_lock.release()

    def _flush_when_a_worker_process_ends(self) -> None:
        """`multiprocessing` ends its children without `atexit`."""
        process = sys.modules.get("multiprocessing.process")
        if process is not None and process.parent_process() is not None:
            from multiprocessing.util import Finalize

            Finalize(None, self.close, exitpriority=100)

    def _stop(self, run: str) -> None:
        found = self.runs.get(run)
        if found is not None:
            found.controls.stop()

    def _opened(self, run: str, run_id: str) -> None:
        """The server has sent its own id of the run."""
        found = self.runs.get(run)
        if found is not None and found.takes_controls:
            found.follower.start(run_id)

    def can_follow(self) -> bool:
        """Whether one more run may be followed in this process."""
        if self.off or not self.settings.controls or not follow.possible():
            return False
        followed = sum(run.takes_controls and not run.follower.over.is_set() for run in self._all())
        return followed < follow.FOLLOWED_AT_MOST

    def _all(self) -> list[Any]:
        return list(self.runs.values())

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until the server has taken all so far; false when it did not in time."""
        if self.off or not self._started or self._closed:
            return not self._closed
        flush = Flush()
        self._sender.urgent = True
        self._queue.put(flush)
        return flush.done.wait(self.settings.flush_s if timeout is None else timeout)

    def close(self, limit: float | None = None) -> None:
        """Send what is left, or leave it on disk for the next process."""
        if self._closed or self.off or self.pid != os.getpid():
            return
        for run in list(self.runs.values()):
            with contextlib.suppress(Exception):
                run.abandoned()
        self._closed = True
        limit = self.settings.flush_s if limit is None else limit
        self._sender.urgent = True
        self._queue.put(Close(limit))
        if self._started:
            # The sender itself keeps the limit; the rest is for a disk that hangs.
            self._sender.closed.wait(limit + 0.5)


# Never finalized: their locks may have been held by threads that a child does not have.
_left_by_forks: list[Sender] = []
_reporters: "weakref.WeakSet[Reporter]" = weakref.WeakSet()
_current: Reporter | None = None
_lock = threading.Lock()


def current() -> Reporter:
    """The reporter of this process, made from the environment at the first call."""
    global _current
    if _current is None:
        with _lock:
            if _current is None:
                _current = Reporter(from_environment())
    return _current


def use(settings: Settings) -> Reporter:
    """Replace the reporter; what the one before holds is still sent."""
    global _current
    with _lock:
        before, _current = _current, Reporter(settings)
    if before is not None:
        before.close()
    return _current


def _in_forked_child() -> None:
    global _lock
    _lock = threading.Lock()
    for reporter in list(_reporters):
        try:
            reporter.forked()
        except Exception:
            reporter.off = True
            logging.getLogger("crewops_client").exception("crewops: off in this forked process")


def _at_exit() -> None:
    for reporter in list(_reporters):
        reporter.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_forked_child)
atexit.register(_at_exit)
