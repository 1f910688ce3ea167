"""The controls that users send to a run on the server: pause, resume, cancel, message."""

import asyncio
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .runs import Run

TAKEN = ("cancel", "pause", "message")
OF_ADAPTERS = ("cancel", "pause")  # an adapter's own run: no code of it reads messages
MESSAGES_KEPT = 1_000
POLL_S = 0.05  # between two checks of async code that waits
LOOK_S = 0.5  # between two checks whether a message can still arrive


class Cancelled(Exception):
    """A user has cancelled the run. Let it leave the `with` block: the run ends as cancelled."""


@dataclass(frozen=True)
class Message:
    """A text from a user who watches the run."""

    text: str
    by: str = ""
    control_id: str = ""

    def __str__(self) -> str:
        return self.text


class Controls:
    """The controls of one run.

    The follower's thread calls the handlers. The program calls the other methods.
    """

    def __init__(self, run: "Run") -> None:
        self._run = run
        self._lock = threading.Lock()
        self._go = threading.Event()
        self._go.set()
        self.unable = ""  # why the program cannot pause or cancel, if it cannot
        self._pause = ""  # the pause that no thread or task has waited for yet
        self._waiting = 0  # threads and tasks that wait
        self._seen: set[str] = set()
        self._messages: deque[Message] = deque()
        self._arrived = threading.Condition(self._lock)

    def listen(self) -> None:
        follower = self._run.follower
        follower.listen("control_requested", self._requested)
        follower.at_end(self._lost)

    def stop(self) -> None:
        """Mark the run as cancelled, and wake the threads that wait."""
        self._run.stop_requested = True
        self._go.set()
        with self._lock:
            self._arrived.notify_all()

    @property
    def paused(self) -> bool:
        """Whether the next checkpoint waits."""
        return not self._go.is_set() and not self._run.stop_requested

    def checkpoint(self) -> None:
        if self.paused:
            self._begin_to_wait()
            try:
                while not self._may_leave():
                    self._go.wait()
            except BaseException:
                self._leave()
                raise
        if self._run.stop_requested:
            raise Cancelled("The run was cancelled on the server.")

    async def acheckpoint(self) -> None:
        if self.paused:
            self._begin_to_wait()
            try:
                while not self._may_leave():
                    await asyncio.sleep(POLL_S)
            except BaseException:
                self._leave()
                raise
        if self._run.stop_requested:
            raise Cancelled("The run was cancelled on the server.")

    def at_start(self) -> None:
        """Run the checkpoint of a tool, an agent or a model call that begins."""
        if self._run.stop_requested or (self.paused and not in_event_loop()):
            self.checkpoint()

    def take(self) -> Message | None:
        """Return the oldest message that was not taken yet, or None."""
        with self._lock:
            message = self._messages.popleft() if self._messages else None
        if message is not None:
            self._answer(message.control_id)
        return message

    def wait_for_message(self, timeout: float | None) -> Message | None:
        until = None if timeout is None else time.monotonic() + timeout
        with self._lock:
            while not self._messages and not self.is_over:
                left = None if until is None else until - time.monotonic()
                if left is not None and left <= 0:
                    break
                # The end of the run in another thread notifies nobody.
                self._arrived.wait(LOOK_S if left is None else min(left, LOOK_S))
        return self.take()

    @property
    def is_over(self) -> bool:
        """Whether no message can arrive any more."""
        return self._run.stop_requested or self._run.follower.over.is_set()

    def _begin_to_wait(self) -> None:
        with self._lock:
            self._waiting += 1
            pause, self._pause = self._pause, ""
        if pause:
            self._answer(pause)

    def _may_leave(self) -> bool:
        """Return whether the run continues. The caller then no longer counts as waiting.

        A pause that arrives before this call still applies: the caller continues to wait.
        """
        with self._lock:
            if self.paused:
                return False
            self._waiting -= 1
            return True

    def _leave(self) -> None:
        with self._lock:
            self._waiting -= 1

    def _requested(self, event: dict[str, Any]) -> None:
        id, action = event["control_id"], event["action"]
        if id in self._seen:
            return
        self._seen.add(id)
        self._run.emit("control_acknowledged", {"control_id": id})
        if self.unable and action in OF_ADAPTERS:
            self._answer(id, "refused", self.unable)
        elif action == "pause":
            with self._lock:
                waits = self._waiting > 0
                self._pause = "" if waits else id
                self._go.clear()
            if waits:
                self._answer(id)
        elif action == "resume":
            with self._lock:
                self._pause = ""
            self._go.set()
            self._answer(id)
        elif action == "cancel":
            self.stop()  # answered by the end of the run
        elif action == "message":
            with self._lock:
                kept = len(self._messages) < MESSAGES_KEPT
                if kept:
                    self._messages.append(Message(event.get("text", ""), event["by"], id))
                    self._arrived.notify_all()
            if not kept:
                self._answer(id, "refused", "The program does not read its messages.")
        else:
            self._answer(id, "refused", f"This version does not know the control {action}.")

    def _lost(self) -> None:
        """Resume the run: no control can arrive any more, so no user could resume it."""
        self._go.set()
        with self._lock:
            self._arrived.notify_all()

    def _answer(self, id: str, status: str = "applied", detail: str = "") -> None:
        fields = {"control_id": id, "status": status}
        self._run.emit("control_applied", {**fields, "detail": detail} if detail else fields)


class Messages:
    """The messages of a run.

    Iteration takes the messages that have arrived, and ends when there is none.
    """

    def __init__(self, controls: Controls) -> None:
        self._controls = controls

    def __iter__(self) -> Iterator[Message]:
        while (message := self._controls.take()) is not None:
            yield message

    def get(self, timeout: float | None = None) -> Message | None:
        """Wait for a message. Return None if none comes in time, or none can come any more."""
        return self._controls.wait_for_message(timeout)

    async def aget(self, timeout: float | None = None) -> Message | None:
        """Wait for a message in async code. Return None if none comes in time, or none can come."""
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            is_late = until is not None and time.monotonic() >= until
            is_last = is_late or self._controls.is_over
            message = self._controls.take()
            if message is not None or is_last:
                return message
            await asyncio.sleep(POLL_S)


def in_event_loop() -> bool:
    """Return whether this thread runs an event loop, which must not be blocked."""
    loops = sys.modules.get("asyncio")
    return loops is not None and loops._get_running_loop() is not None
