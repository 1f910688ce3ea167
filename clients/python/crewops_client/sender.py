"""One thread encodes events and makes batches. A second one posts them and waits for the answers.

Both are daemon threads and never use the host's objects. They exchange items over queues whose
`put` is one C call. A signal handler or a finalizer that interrupts it may report, too.
"""

import json
import logging
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

from . import encoding
from .notices import Notices
from .outbox import Outbox
from .server_backoff import ServerBackoff
from .settings import Settings
from .transport import Response, Transport

BATCH_EVENTS = 200  # events that are sent without waiting for more
AT_ONCE = 5_000  # the most events encoded in one step
BEATS = 100  # in one call
OPEN = "open"  # pseudo kind: this process beats for the run from now on
ENDS = frozenset({"tool_end", "llm_end", "task_end", "agent_end", "done", OPEN})


class Flush:
    """A request to set `done` when the server has taken all events that were put before it."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.goal = 0


class Close:
    """A request to end the sender within `limit` seconds."""

    def __init__(self, limit: float) -> None:
        self.at = time.monotonic() + limit


class Sender:
    def __init__(
        self,
        settings: Settings,
        prefix: str,
        notices: Notices,
        on_stop: Callable[[str], None],
        on_opened: Callable[[str, str], None],
    ) -> None:
        self.queue: SimpleQueue[Any] = SimpleQueue()
        self.lost: dict[str, int] = {}  # events, by run
        self.urgent = False  # a caller waits
        self.emptied = False  # the queue was empty; the reporter takes it back
        self.closed = threading.Event()
        self.outbox = Outbox(settings, notices)
        self._settings = settings
        self._prefix = prefix
        self._notices = notices
        self._on_stop = on_stop
        self._on_opened = on_opened
        self.health = ServerBackoff(settings, notices)
        self._transport = Transport(settings)
        self._posts: SimpleQueue[list[bytes] | None] = SimpleQueue()
        self._posted_at: float | None = None
        self._beats: dict[str, tuple[float, int]] = {}  # run: next time, and events to send before
        self._flushes: list[Flush] = []
        self._close: Close | None = None

    def start(self) -> None:
        for target, name in ((self._post, "crewops-http"), (self._work, "crewops-sender")):
            threading.Thread(target=target, name=name, daemon=True).start()

    def forget(self) -> None:
        """Close a forked child's copies of its parent's descriptors."""
        self.outbox.forget()
        self._transport.forget()

    def _post(self) -> None:
        while (lines := self._posts.get()) is not None:
            self.queue.put(self._transport.post(lines))
        self._transport.close()

    def _work(self) -> None:
        while not self.closed.is_set():
            try:
                self.outbox.find()
                self.step(self._wait())
            except Exception as error:
                text = f"internal error, events may be missing: {type(error).__name__}: {error}"
                self._notices.log_once("internal", text, logging.ERROR)
                time.sleep(0.1)
        self._posts.put(None)

    def _wait(self) -> list[Any]:
        """Return the items of the queue, or none when other work is due."""
        try:
            items = [self.queue.get(timeout=self._time_to_next())]
        except Empty:
            return []
        if type(items[0]) is tuple:
            until = time.monotonic() + self._settings.batch_s
            while (
                time.monotonic() < until and self.queue.qsize() < BATCH_EVENTS and not self.urgent
            ):
                time.sleep(0.01)
        for _ in range(AT_ONCE):
            try:
                items.append(self.queue.get_nowait())
            except Empty:
                self.emptied = True
                break
        return items

    def _time_to_next(self) -> float | None:
        now, again_at = time.monotonic(), self.health.again_at
        due = []
        if self._posted_at is None:
            due = [max(when, again_at) for when, _ in self._beats.values()]
            if self.outbox.waiting or self.outbox.batch:
                due.append(again_at)
        if self.outbox.in_memory:
            due.append(now + self._settings.batch_s)  # to check whether to write to disk
        if self._close is not None:
            due.append(now + self._settings.batch_s)
        return max(0.0, min(due) - now) if due else None

    def step(self, items: list[Any]) -> None:
        events: list[encoding.Item] = []
        for item in items:
            if type(item) is tuple:
                events.append(item)
            else:
                self._encode(events)
                events = []
                self._control(item)
        self._encode(events)
        if self.lost and not self.outbox.full:
            self._report_losses()
        now = time.monotonic()
        since = self.health.failing_since or self._posted_at
        if since is not None and now - since >= self._settings.away_s:
            self.outbox.to_disk()
        if self._posted_at is None and now >= self.health.again_at:
            self._send(now)
        for flush in [each for each in self._flushes if self.outbox.gone >= each.goal]:
            self._flushes.remove(flush)
            flush.done.set()
        self.urgent = bool(self._flushes or self._close)
        if self._close is not None:
            self._end(self._close, now)

    def _control(self, item: Any) -> None:
        if isinstance(item, Response):
            self._answered(item)
        elif isinstance(item, Flush):
            item.goal = self.outbox.added
            self._flushes.append(item)
        elif isinstance(item, Close):
            self._close = item

    def _encode(self, items: list[encoding.Item]) -> None:
        lines: list[bytes] = []
        for item in encoding.merged(items):
            run, kind = item[0], item[1]
            if kind == OPEN:
                self._beats[run] = (0.0, self.outbox.added + len(lines))
                continue
            if kind == "done":
                self._beats.pop(run, None)
            if self.outbox.full and not self.outbox.to_disk() and kind not in ENDS:
                self.lost[run] = self.lost.get(run, 0) + 1
                continue
            lines.append(encoding.encode(item, self._prefix))
            if len(lines) >= BATCH_EVENTS:
                self.outbox.add(lines)
                lines = []
        self.outbox.add(lines)

    def _report_losses(self) -> None:
        """Report in each run how many of its events were lost."""
        lost, self.lost = self.lost, {}
        self._notices.log_once("lost", f"{sum(lost.values())} events were lost: too many at once")
        at = time.time()
        for run, count in lost.items():
            message = f"The reporter lost {count} events of this run: too many at once."
            fields = {"message": message, "reason": "events_lost"}
            item = (run, "error", at, f"{self._prefix}lost-{at:.6f}", fields)
            self.outbox.add([encoding.encode(item, self._prefix)])

    def _send(self, now: float) -> None:
        batch = self.outbox.next_batch()
        sent = self.outbox.gone + len(batch)
        due = [run for run, (when, first) in self._beats.items() if when <= now and first <= sent]
        beats = []
        for run in due[:BEATS]:
            self._beats[run] = (now + self._settings.beat_s, 0)
            beats.append(json.dumps({"type": "beat", "run": run}).encode() + b"\n")
        if batch or beats:
            self._posted_at = now
            self._posts.put([*batch, *beats])

    def _answered(self, answer: Response) -> None:
        self._posted_at = None
        if answer.is_accepted:
            self.health.taken(answer.body, len(self.outbox.batch), own=self.outbox.batch_is_own)
            self.outbox.acknowledge()
            stop = answer.body.get("stop")
            for run in stop if isinstance(stop, list) else []:
                self._on_stop(str(run))
            opened = answer.body.get("runs")
            for run, run_id in opened.items() if isinstance(opened, dict) else ():
                self._on_opened(run, str(run_id))
        elif not answer.is_content_rejected:
            self.health.failed(answer)
        elif not self.outbox.halve(answer.status == 413) and self.outbox.batch:
            text = f"an event was refused (HTTP {answer.status} {answer.detail}) and is lost"
            self._notices.log_once(f"rejected {answer.status}", text, logging.ERROR)
            self.outbox.acknowledge()

    def _is_away(self, now: float) -> bool:
        """Return whether no answer is expected soon. A server that only restarts is waited for: a
        run whose end stays on disk would end as `reporter_lost`.
        """
        since = self.health.failing_since
        if since is None:
            return False
        was_away = self.outbox.left_behind  # for programs that have ended before
        return was_away or bool(self.health.refusal) or now - since >= self._settings.flush_s

    def _end(self, close: Close, now: float) -> None:
        """End if all is sent, or is on disk while the server is away, or the time is up."""
        quiet = self.queue.empty()
        safe = quiet and self._is_away(now) and self.outbox.to_disk()
        if not ((quiet and self.outbox.empty) or safe or now >= close.at):
            return
        self.outbox.to_disk()
        self.outbox.close()
        if self.outbox.dropped:
            text = (
                f"{self.outbox.dropped} events were lost: the program ended before they were sent"
            )
            self._notices.log_once("dropped", text)
        if self.health.rejected > 1:
            self._notices.log_once("in all", f"{self.health.rejected} events were rejected in all")
        self.closed.set()
