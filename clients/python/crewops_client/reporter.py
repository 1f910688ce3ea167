"""The reporter of a process takes its events. It handles forks and the end of the program."""

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
from .value_snapshot import Long

ITEM = 400  # approximate bytes of an event without long texts
RESERVE = 2_000  # events; above the limit, only ends are taken, up to this many


class Reporter:
    """Reporting never raises, never waits, and holds no lock while it calls other code."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.notices = Notices()
        self.runs: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()
        self._retired = False  # another reporter takes the new runs
        self.off = settings.disabled
        if not self.off and (problem := settings.problem):
            self.off = True
            self.notices.log_once("off", f"{problem}: nothing is reported")
        self._limit = settings.memory_limit * 3 // 8 // ITEM
        self._long_limit = settings.memory_limit // 4
        self._begin()
        _reporters.add(self)

    def _begin(self) -> None:
        """Set the initial state. A forked child does it again: it has no threads.

        The child must not use the objects of its parent's threads.
        """
        self.pid = os.getpid()
        self.prefix = f"{os.urandom(5).hex()}-"
        self.numbers = itertools.count(1)
        self._start_lock = threading.Lock()
        self._started = self._closed = False
        self._long = 0  # approximate characters of the long texts on the queue
        try:
            self._sender = Sender(
                self.settings, self.prefix, self.notices, self._stop, self._opened
            )
        except ValueError as error:  # a port that is not a number, for example
            self.off = True
            self.notices.log_once("off", f"CREWOPS_URL is not valid ({error}): nothing is reported")
            self._sender = Sender(Settings(), self.prefix, self.notices, self._stop, self._opened)
        self._queue = self._sender.queue

    def forked(self) -> None:
        for run in self._all():
            run.forked()
        self._sender.forget()
        _left_by_forks.append(self._sender)
        self._begin()

    def emit(
        self, run: str, kind: str, fields: dict[str, Any], event_id: str | None = None
    ) -> None:
        """Take an event of the run. `fields` must be plain values that do not change later."""
        if self.off:
            return
        number = next(self.numbers) if event_id is None else event_id
        waiting = self._queue.qsize()
        if waiting >= self._limit and (kind not in ENDS or waiting >= self._limit + RESERVE):
            lost = self._sender.lost
            lost[run] = lost.get(run, 0) + 1
            return
        if type(params := fields.get("params")) is Long and not self.room_for(params.size):
            # The call is more important than its parameters.
            fields = {name: value for name, value in fields.items() if name != "params"}
        self._queue.put((run, kind, time.time(), number, fields))
        if not self._started:
            self._start()

    def room_for(self, length: int) -> bool:
        """Return whether the queue has room for `length` more characters, and reserve the room."""
        # A caller that has just reported a short event finds it on the queue.
        if self._sender.emptied or self._queue.qsize() == 0:
            self._sender.emptied, self._long = False, 0
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
            return  # another thread, or the one that this signal handler interrupts, starts it
        try:
            if not self._started:
                self._sender.start()
                self._started = True
                self._flush_when_a_worker_process_ends()
        except RuntimeError as error:  # no more threads, or the interpreter ends
            self.notices.log_once("thread", f"no thread can be started ({error}): nothing is sent")
        finally:
            self._start_lock.release()

    def _flush_when_a_worker_process_ends(self) -> None:
        """Register `close` with `multiprocessing`, which ends its children without `atexit`."""
        process = sys.modules.get("multiprocessing.process")
        if process is not None and process.parent_process() is not None:
            from multiprocessing.util import Finalize

            Finalize(None, self.close, exitpriority=100)

    def _stop(self, run: str) -> None:
        found = self.runs.get(run)
        if found is not None:
            found.controls.stop()

    def _opened(self, run: str, run_id: str) -> None:
        """Follow the run, because the server has sent its own id of the run."""
        found = self.runs.get(run)
        if found is not None and found.takes_controls:
            found.follower.start(run_id)

    def can_follow(self, by_adapter: bool = False) -> bool:
        """Return whether one more run may be followed in this process, if an adapter opens it."""
        if self.off or not self.settings.controls or not follow.possible():
            return False
        open = [run for run in self._all() if run.takes_controls and not run.follower.over.is_set()]
        is_full = by_adapter and sum(run.by_adapter for run in open) >= follow.OF_ADAPTERS_AT_MOST
        return not is_full and len(open) < follow.FOLLOWED_AT_MOST

    def _all(self) -> list[Any]:
        # The list of references is made in one step: other threads may begin runs meanwhile.
        return [run for each in self.runs.valuerefs() if (run := each()) is not None]

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until the server has taken all events so far. Return False if it has not in time."""
        timeout = self.settings.flush_s if timeout is None else timeout
        if self._closed:
            outbox = self._sender.outbox
            ended = self._started and self._sender.closed.wait(timeout)
            return ended and outbox.gone >= outbox.added
        return self.begin_flush().wait(timeout)

    def begin_flush(self) -> threading.Event:
        """Return an event that is set when the server has taken all events so far."""
        flush = Flush()
        if self.off or not self._started:
            flush.done.set()
        else:
            self._sender.urgent = True
            self._queue.put(flush)
        return flush.done

    @property
    def refusal(self) -> str:
        """Why the server's last answer refused the key or the address, or an empty text."""
        return self._sender.health.refusal

    def retire(self) -> None:
        """Close now, or when the last run ends: another reporter takes the new runs."""
        self._retired = True
        if not self._is_used():
            self.close()

    def run_ended(self) -> None:
        """Begin to close after the last run of a retired reporter. Does not wait."""
        if self._retired and not self._is_used():
            self._begin_to_close(self.settings.flush_s)

    def _is_used(self) -> bool:
        return any(not run.has_ended for run in self._all())

    def close(self, limit: float | None = None) -> None:
        """Send the remaining events, or leave them on disk for the next process. Waits for it."""
        if self.off or self.pid != os.getpid():
            return
        limit = self.settings.flush_s if limit is None else limit
        for run in [] if self._closed else self._all():
            with contextlib.suppress(Exception):
                run.abandoned()
        self._begin_to_close(limit)
        if self._started:
            # The sender itself observes the limit. The extra 0.5 s is for a disk that hangs.
            self._sender.closed.wait(limit + 0.5)

    def _begin_to_close(self, limit: float) -> None:
        if not (self._closed or self.off):
            self._closed = True
            self._sender.urgent = True
            self._queue.put(Close(limit))


# Never finalized, because threads that the child does not have may hold their locks.
_left_by_forks: list[Sender] = []
_reporters: "weakref.WeakSet[Reporter]" = weakref.WeakSet()
_current: Reporter | None = None
_lock = threading.Lock()


def current() -> Reporter:
    """Return the reporter of this process. The first call makes it from the environment."""
    global _current
    if _current is None:
        with _lock:
            if _current is None:
                _current = Reporter(from_environment())
    return _current


def use(settings: Settings) -> Reporter:
    """Replace the reporter, and return the new one. The old one still serves its open runs."""
    global _current
    with _lock:
        before, _current = _current, Reporter(settings)
    if before is not None:
        before.retire()
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
