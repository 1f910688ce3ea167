"""The real executor of a run, stopped before each of its calls of the database and at each wait.

So a rule of the state machine may happen between any two of them, as when other processes act.
"""

from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from itertools import count
from types import SimpleNamespace
from typing import Any

import greenlet
import pytest
from django.conf import settings

from runs import tools
from runs.execution import emitter, executor, gate, pausing, steps
from runs.execution.lease import Lease
from runs.models import Run
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

    def look(self) -> None:
        if not self._over.is_set() and not self._lost.is_set():
            self._look()
            self._renewed_at -= settings.RUN_HEARTBEAT_S
            self._renew_if_due()


class Worker:
    """Carries out ``run``. ``entered``: what is called when the body of a tool is entered."""

    def __init__(self, run: Run, entered: Callable[[str], None]) -> None:
        self._lease: SteppedLease | None = None
        self.outcome: tools.Status | None = None  # how the tool that is open ends
        self._entered = entered
        self._patch = pytest.MonkeyPatch()
        for module in (emitter, executor, gate, pausing, steps):
            self._patch.setattr(module, "retry_on_outage", held)
        for module in (executor, gate):
            self._patch.setattr(module, "RunEvents", Waits)
        clock = SimpleNamespace(sleep=hold, monotonic=partial(next, count()))
        for module in (emitter, pausing):
            self._patch.setattr(module, "time", clock)
        self._patch.setattr(executor, "Lease", self._make_lease)
        self._patch.setattr(Script, "run", self._body)
        self._greenlet = greenlet.greenlet(partial(executor.execute, run))
        self._greenlet.gr_context = copy_context()

    def step(self) -> None:
        if not self._greenlet.dead:
            self._greenlet.switch()

    def look(self) -> None:
        """What the lease's thread does now and then."""
        if self._lease:
            self._lease.look()

    def attend(self) -> None:
        """A step with which it follows controls."""
        self.look()
        self.step()

    def rest(self) -> None:
        """A step towards the end, for a run that nobody holds up any more."""
        self.outcome = tools.Status.SUCCESS
        self.attend()

    def close(self) -> None:
        self._greenlet.throw()
        self._patch.undo()

    def _make_lease(self, run: Run) -> SteppedLease:
        self._lease = SteppedLease(run)
        return self._lease

    def _body(self, params: Any, workspace: Any, emitter: tools.Emitter) -> tools.Outcome:
        """The tool: it stops for a pause as `runs.tools.process` does."""
        self._entered(params["code"])
        while True:
            hold()
            emitter.progress(output="a line\n")
            if emitter.cancelled():
                return tools.Outcome(tools.Status.ERROR, message="Cancelled.")
            emitter.pause.report(emitter.pause.requested())
            if self.outcome and not emitter.pause.requested():
                status, self.outcome = self.outcome, None
                return tools.Outcome(status)
