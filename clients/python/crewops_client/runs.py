"""A run. The event `boot` opens it, and the event `done` ends it."""

import contextlib
import json
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import context
from .approvals import Question
from .controls import Controls, Messages
from .encoding import identifier
from .follow import Follower
from .reporter import Reporter
from .scope import Scope, outcome, text_of
from .sender import OPEN

BOOT = "boot"  # the id of every `boot`: each process of a run sends one, and the server takes one


class Run(Scope):
    """A run, as a sync and async context manager. Without `with` call `start` and `end`."""

    __slots__ = (
        "_before_end",
        "_fields",
        "_owner",
        "_pid",
        "_started",
        "by_adapter",
        "capture_text",
        "controls",
        "crew",
        "follower",
        "key",
        "name",
        "reporter",
        "stop_requested",
        "takes_controls",
    )

    def __init__(
        self,
        reporter: Reporter,
        crew: str,
        name: str | None = None,
        *,
        key: str | None = None,
        origin: str = "python",
        agent_id: str | None = None,
        task_id: str | None = None,
        owner: bool = True,
        capture_text: bool | None = None,
        controls: Sequence[str] = (),
        by_adapter: bool = False,
    ) -> None:
        super().__init__(self, agent_id, task_id)
        self.reporter = reporter
        self.crew = str(crew)
        self.name = name
        self.key = identifier(key) if key else uuid.uuid4().hex
        # Whether the text of model calls is sent.
        self.capture_text = reporter.settings.capture_text if capture_text is None else capture_text
        self.stop_requested = False  # a user has cancelled the run on the server
        self._fields: dict[str, Any] = {"crew": self.crew, "origin": origin}
        if name:
            self._fields["name"] = str(name)
        self.follower = Follower(reporter.settings, reporter.notices)
        self.controls = Controls(self)
        self.by_adapter = by_adapter
        # Only the process that opens the run follows it: a forked child does not have the thread.
        self.takes_controls = owner and bool(controls) and reporter.can_follow(by_adapter)
        if self.takes_controls:
            self._fields["controls"] = list(controls)
            self.controls.listen()
        else:
            self.follower.stop()  # nothing can arrive, so nothing waits for it
            if by_adapter:  # of these only a cancel arrives: in the answers to the events
                self._fields["controls"] = [each for each in controls if each == "cancel"]
        self._before_end: list[Callable[[], None]] = []
        self._owner = owner
        self._pid = reporter.pid
        self._started = False
        reporter.runs[self.key] = self
        if not owner:
            self.start()

    def start(self) -> "Run":
        if not self._started:
            self._started = True
            self.reporter.emit(self.key, BOOT, self._fields, BOOT)
            if self._owner:
                self.reporter.emit(self.key, OPEN, {})
        return self

    def emit(self, kind: str, fields: dict[str, Any]) -> None:
        if self._pid != self.reporter.pid:  # forked: events of this process may arrive first
            self._pid = self.reporter.pid
            self._owner = False
            self.reporter.emit(self.key, BOOT, self._fields, BOOT)
        elif not self._started:
            self.start()
        self.reporter.emit(self.key, kind, fields)

    def forked(self) -> None:
        """Take no controls in a forked child.

        The child has no thread that could receive a resume or release an inherited lock.
        """
        self.follower.forget()
        self.follower = Follower(self.reporter.settings, self.reporter.notices)
        self.follower.stop()
        self.controls = Controls(self)

    def before_end(self, call: Callable[[], None]) -> None:
        """Call `call` once when the `with` block ends, however often it was given. For adapters."""
        if call not in self._before_end:
            self._before_end.append(call)

    def end(
        self, status: str = "succeeded", *, message: str | None = None, reason: str | None = None
    ) -> None:
        """End the run, as the end of the `with` block does. Only the process that began it can."""
        if self._ended or not self._owner or self._pid != self.reporter.pid:
            return
        self._ended = True
        self.follower.stop()
        fields = {"status": status, "message": message, "reason": reason}
        self.emit("done", {key: value for key, value in fields.items() if value is not None})
        self.reporter.run_ended()

    def abandoned(self) -> None:
        """End the run as failed: the program ends and has not ended the run."""
        if self._started:
            message = "The program ended before the run."
            self.end("failed", reason="reporter_exited", message=message)

    def checkpoint(self) -> None:
        """Wait while a user has paused the run. Raises `Cancelled` if a user has cancelled it.

        Tools, agents and model calls do this when they begin. Call it in long work between them.
        """
        if self._is_here:
            self.controls.checkpoint()

    async def acheckpoint(self) -> None:
        """Do the same as `checkpoint` in async code: other tasks continue meanwhile."""
        if self._is_here:
            await self.controls.acheckpoint()

    def messages(self) -> Messages:
        """Return the messages of users to the run. ``for message in run.messages(): …`` takes those
        that have arrived, and ``run.messages().get(10)`` waits for one."""
        return Messages(self.controls)

    def at_start(self) -> None:
        """Run the checkpoint of a tool, an agent or a model call of this run that begins."""
        if self.reporter.settings.controls and self._is_here:
            self.controls.at_start()

    async def at_async_start(self) -> None:
        if self.reporter.settings.controls:
            await self.acheckpoint()

    def question(
        self, place: Scope, tool: str, params: Mapping[str, Any] | None, always: bool
    ) -> Question | None:
        """Return the question to ask before the call begins, or None if none is needed."""
        if always:
            return Question(self, self._call(tool, params, place.agent_id, place.task_id), True)
        return self.gate(place, tool, params) if self.reporter.settings.approvals else None

    def gate(self, place: Scope, tool: str, params: Mapping[str, Any] | None) -> Question:
        """Return the question about a call that only approval rules of the server may stop.

        Without usable settings the server cannot be asked, so the call is denied.
        """
        always = self.reporter.off and not self.reporter.settings.disabled
        return Question(self, self._call(tool, params, place.agent_id, place.task_id), always)

    def require_approval(
        self, tool: str, params: Mapping[str, Any] | None = None, /, *, agent_id: str | None = None
    ) -> None:
        """Wait until a person has approved a call that other code runs, such as a framework.

        Use it before the call begins, for example first in the tool's own function. Raises
        `Denied`, and `Cancelled` if the run was cancelled.
        """
        Question(self, self._asked(tool, params, agent_id), always=True).wait()

    async def arequire_approval(
        self, tool: str, params: Mapping[str, Any] | None = None, /, *, agent_id: str | None = None
    ) -> None:
        """Do the same as `require_approval` in async code."""
        await Question(self, self._asked(tool, params, agent_id), always=True).wait_async()

    def _asked(
        self, tool: str, params: Mapping[str, Any] | None, agent_id: str | None
    ) -> dict[str, Any]:
        here = context.current()
        here = here if here is not None and here.run is self else self
        if agent_id is not None and identifier(agent_id) != here.agent_id:
            return self._call(tool, params, identifier(agent_id), None)
        return self._call(tool, params, here.agent_id, here.task_id)

    @staticmethod
    def _call(
        tool: str, params: Mapping[str, Any] | None, agent_id: str | None, task_id: str | None
    ) -> dict[str, Any]:
        place = {"agent_id": agent_id, "task_id": task_id}
        return {"tool": str(tool), "params": dict(params or {}), **place}

    @property
    def _is_here(self) -> bool:
        """Whether this process can receive controls. A child that was forked in the run cannot."""
        return self._pid == self.reporter.pid

    def env(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment for a subprocess that reports to this run, in this scope."""
        here = context.current()
        here = here if here is not None and here.run is self else self
        named = {
            "run": self.key,
            "crew": self.crew,
            "name": self.name,
            "agent": here.agent_id,
            "task": here.task_id,
            "capture_text": self.capture_text or None,
        }
        text = json.dumps({key: value for key, value in named.items() if value is not None})
        return {**(os.environ if base is None else base), context.VARIABLE: text}

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until the server has taken all events so far. Return False if it has not in time."""
        return self.reporter.flush(timeout)

    def __enter__(self) -> "Run":
        self.start()
        return super().__enter__()

    async def __aenter__(self) -> "Run":
        return self.__enter__()

    def _leave(self, error: BaseException | None) -> None:
        for call in self._before_end:
            with contextlib.suppress(Exception):
                call()
        status = outcome(error)
        self.end(status, message=text_of(error) if error and status != "succeeded" else None)
