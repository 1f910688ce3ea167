"""The methods of LangChain's handler that are called when a call begins.

The call waits there while its run is paused. After a cancel they raise `Cancelled`. The handler has
`raise_error` set, so the exception leaves `invoke`, and the call does not begin.
"""

import inspect
import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any

from .. import context
from ..controls import in_event_loop
from ..runs import Run
from .common import quiet

if TYPE_CHECKING:
    from .langchain import CrewOps


class Start:
    """A method of the handler. It waits if the call must wait, and then reports the call.

    LangChain looks at the method before it calls it. If it is a coroutine function, async code
    awaits it. Sync code in the thread of an event loop lets another thread run it, blocks the loop
    meanwhile, and loses its exception. So only a coroutine gets a coroutine function.
    """

    def __init__(self, report: Callable[..., None]) -> None:
        self.report = quiet(report)

    def __get__(self, handler: "CrewOps | None", owner: type | None = None) -> Any:
        if handler is None:
            return self
        is_awaited = in_event_loop() and _is_of_coroutine(sys._getframe(1))
        return partial(self._begin_awaited if is_awaited else self._begin, handler)

    def _begin(self, handler: "CrewOps", *given: Any, **about: Any) -> None:
        if (run := self._run_of(handler, about)) is not None:
            run.at_start()
        self.report(handler, *given, is_awaited=False, **about)

    async def _begin_awaited(self, handler: "CrewOps", *given: Any, **about: Any) -> None:
        if (run := self._run_of(handler, about)) is not None:
            await run.at_async_start()
        self.report(handler, *given, is_awaited=True, **about)

    @quiet
    def _run_of(self, handler: "CrewOps", about: dict[str, Any]) -> Run | None:
        """Return the run of the call, or None if the call neither waits nor ends for it."""
        entry = handler.entry_of(about.get("parent_run_id"))
        if entry is None:
            return context.current_run()
        run = entry.scope.run
        return run if run.stop_requested or entry.root.can_wait else None


def _is_of_coroutine(frame: FrameType | None) -> bool:
    """Return whether the code of this frame, which reads a method, is a coroutine's."""
    while frame is not None and frame.f_code.co_name == "__getattribute__":  # of a subclass
        frame = frame.f_back
    return frame is not None and bool(frame.f_code.co_flags & inspect.CO_COROUTINE)
