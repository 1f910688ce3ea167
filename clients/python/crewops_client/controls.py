"""The controls that users send to a run on the server: pause, resume, cancel, message."""

import asyncio
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .runs import Run

TAKEN = ("cancel", "pause", "message")
OF_ADAPTERS = ("cancel", "pause")  # an adapter's own run: no code of it reads messages
MESSAGES_KEPT = 1_000
POLL_S = 0.05  # between two checks of async code that waits
RECHECK_S = 0.5  # between two checks of code that waits in a thread
CANCELLED = "The run was cancelled on the server."
PROGRAM_ENDS = "The run is paused, and the program ends."


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
        self._ends: list[Callable[[], bool]] = []
        self._pause = ""  # the pause that no thread or task has waited for yet
        self._waiting = 0  # threads and tasks that wait
        self._seen: set[str] = set()
        self._messages: deque[Message] = deque()
        self._arrived = threading.Condition(self._lock)

    def listen(self) -> None:
        follower = self._run.follower
        follower.listen("control_requested", self._requested)
        follower.at_end(self._lost)

    def at_stop(self, end: Callable[[], bool]) -> None:
        """Call `end` at a cancel. It ends what waits for a person, and returns whether it did."""
        self._ends.append(end)

    def stop(self) -> bool:
        """Cancel the run, however a user's cancel has arrived, and wake the threads that wait.

        Return False if the program cannot: it is `unable`, the run does not wait for a person, and
        no cancel was accepted before.
        """
        self._run.stop_requested |= not self.unable  # first, for what begins to wait meanwhile
        ended = [end() for end in self._ends]
        if not (self._run.stop_requested or any(ended)):
            return False
        self._run.stop_requested = True
        self._go.set()
        with self._lock:
            self._arrived.notify_all()
        return True

    @property
    def paused(self) -> bool:
        """Whether the next checkpoint waits."""
        return not self._go.is_set() and not self._run.stop_requested

    def checkpoint(self) -> None:
        if self.paused:
            self._begin_to_wait()
            try:
                while not self._may_leave():
                    self._go.wait(RECHECK_S)
            except BaseException:
                self._leave()
                raise
        if self._run.stop_requested:
            raise Cancelled(CANCELLED)

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
            raise Cancelled(CANCELLED)

    def at_start(self) -> None:
        """Run the checkpoint of a tool, an agent or a model call that begins."""
        if self._run.stop_requested or (self.paused and not in_event_loop()):
            self.checkpoint()

    def next_message(self) -> Message | None:
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
                self._arrived.wait(RECHECK_S if left is None else min(left, RECHECK_S))
        return self.next_message()

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

        A pause that arrives before this call still applies: the caller continues to wait. Raises
        `Cancelled` if the program ends, which would wait for this thread.
        """
        if self.paused and _program_ends():
            raise Cancelled(PROGRAM_ENDS)
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
        if action == "cancel":
            if not self.stop():  # else the end of the run answers it
                self._answer(id, "refused", self.unable)
        elif self.unable and action == "pause":
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
        while (message := self._controls.next_message()) is not None:
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
            message = self._controls.next_message()
            if message is not None or is_last:
                return message
            await asyncio.sleep(POLL_S)


def in_event_loop() -> bool:
    """Return whether this thread runs an event loop, which must not be blocked."""
    loops = sys.modules.get("asyncio")
    return loops is not None and loops._get_running_loop() is not None


def _program_ends() -> bool:
    """Return whether the main thread has ended, or waits at its end for the threads of pools."""
    return getattr(threading, "_SHUTTING_DOWN", False) or not threading.main_thread().is_alive()
