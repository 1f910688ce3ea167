"""The real executor and helpers of a run, stopped before each of their calls of the database and at
each wait.

So a rule of the state machine may happen between any two of them, as when other processes act.
"""

from collections.abc import Callable
from contextlib import nullcontext
from contextvars import copy_context
from functools import partial
from itertools import count
from types import SimpleNamespace
from typing import Any

import greenlet
import pytest
from django.conf import settings

from runs import tools
from runs.execution import emitter, executor, gate, helper_task, helper_wakeup, pausing, steps
from runs.execution.lease import Lease
from runs.models import Run, TaskExecution
from runs.tools.script import Script


def hold(*_: Any) -> None:
    """Let the rules go on, until the machine lets this worker take its next step."""
    greenlet.getcurrent().parent.switch()


def held(work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    hold()
    return work(*args, **kwargs)


class Waits:
    """A `RunEvents` without Redis."""

    def __init__(self, *_: Any) -> None:
        self.wait = hold

    def __enter__(self) -> "Waits":
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass


class SteppedLease(Lease):
    """A lease without its thread: a rule looks instead."""

    def __enter__(self) -> "SteppedLease":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._over.set()

    @property
    def task(self) -> TaskExecution | None:
        """The task that a helper carries out."""
        return None if self._over.is_set() else self._task

    def look(self) -> None:
        if not self._over.is_set() and not self._lost.is_set():
            self._read_controls()
            self._renewed_at -= settings.RUN_HEARTBEAT_S
            self._renew_if_due()


class Process:
    """A process of the worker. It holds the run or helps with it."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.lease: SteppedLease | None = None
        self._greenlet = greenlet.greenlet(work)
        self._greenlet.gr_context = copy_context()

    @property
    def is_current(self) -> bool:
        return self._greenlet is greenlet.getcurrent()

    @property
    def is_over(self) -> bool:
        return self._greenlet.dead

    def step(self) -> None:
        if not self.is_over:
            self._greenlet.switch()

    def look(self) -> None:
        """What the lease's thread does now and then."""
        if self.lease and not self.is_over:
            self.lease.look()

    def kill(self) -> None:
        self._greenlet.throw()


class Worker:
    """Carries out ``run``. ``entered``, ``left``: what is called when the body of a tool is entered
    and when it ends by itself.
    """

    def __init__(
        self, run: Run, entered: Callable[[str], None], left: Callable[[str], None]
    ) -> None:
        self.outcome: tools.Status | None = None  # how the next tool that is open ends
        self.calls: list[list[Any]] = []  # for help, as their arguments
        self._entered, self._left = entered, left
        self._patch = pytest.MonkeyPatch()
        for module in (helper_wakeup, emitter, executor, gate, helper_task, pausing, steps):
            self._patch.setattr(module, "retry_on_outage", held)
        for module in (executor, gate):
            self._patch.setattr(module, "RunEvents", Waits)
        for module in (executor, helper_task):
            self._patch.setattr(module, "Lease", self._make_lease)
        clock = SimpleNamespace(sleep=hold, monotonic=partial(next, count()))
        for module in (emitter, pausing):
            self._patch.setattr(module, "time", clock)
        self._patch.setattr(helper_wakeup, "current_app", SimpleNamespace(send_task=self._called))
        self._patch.setattr(helper_wakeup.broker, "producer", lambda: nullcontext())
        self._patch.setattr(Script, "run", self._body)
        self._processes = [Process(partial(executor.execute, run))]
        self.process = self._processes[0]  # that takes the next step

    def step(self) -> None:
        self.process.step()

    def look(self) -> None:
        self.process.look()

    def answer(self, which: int, *, stays: bool) -> None:
        """Let a process answer a call for help. If the message ``stays``, another may, too."""
        if self.calls:
            args = self.calls[which % len(self.calls)]
            self._processes.append(Process(partial(helper_task.help_run.run, *args)))
            if not stays:
                self.calls.remove(args)

    def turn_to(self, which: int) -> None:
        """Choose the process that takes the next step: the holder of the run or a helper."""
        if alive := [process for process in self._processes if not process.is_over]:
            self.process = alive[which % len(alive)]

    @property
    def helpers(self) -> list[Process]:
        """Those that carry out a task."""
        return [process for process in self._processes if process.lease and process.lease.task]

    def attend(self) -> None:
        """A step of each process, with which it follows controls."""
        for process in self._processes:
            process.look()
            process.step()

    def rest(self) -> None:
        """A step towards the end, for a run that nobody holds up any more."""
        self.outcome = tools.Status.SUCCESS
        self.attend()

    def close(self) -> None:
        for process in self._processes:
            process.kill()
        self._patch.undo()

    def _make_lease(self, run: Run, task: TaskExecution | None = None) -> SteppedLease:
        process = next(process for process in self._processes if process.is_current)
        process.lease = SteppedLease(run, task)
        return process.lease

    def _called(self, name: str, args: list[Any], **options: Any) -> None:
        self.calls.append(args)

    def _body(self, params: Any, workspace: Any, emitter: tools.Emitter) -> tools.Outcome:
        """The tool: it stops for a pause as `runs.tools.process` does."""
        self._entered(params["code"])
        is_stopped = False
        while True:
            hold()
            emitter.progress(output="a line\n")
            if emitter.cancelled():
                return tools.Outcome(tools.Status.ERROR, message="Cancelled.")
            if emitter.pause.requested():
                is_stopped = True
                emitter.pause.report(True)
            elif emitter.pause.report(False):
                is_stopped = False
            if self.outcome and not is_stopped:
                self._left(params["code"])
                status, self.outcome = self.outcome, None
                return tools.Outcome(status)
