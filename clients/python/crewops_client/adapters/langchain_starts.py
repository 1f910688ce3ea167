"""The methods of LangChain's handler that are called when a call begins.

The call waits there while its run is paused. After a cancel they raise `Cancelled`. The handler has
`raise_error` set, so the exception leaves `invoke`, and the call does not begin.
"""

import asyncio
from collections.abc import Callable
from functools import partial
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
    meanwhile, and loses its exception. So it is one only while a run with async code is paused.
    """

    def __init__(self, report: Callable[..., None]) -> None:
        self.report = quiet(report)

    def __get__(self, handler: "CrewOps | None", owner: type | None = None) -> Any:
        if handler is None:
            return self
        if in_event_loop() and self._is_coroutine(handler, asyncio.get_running_loop()):
            return partial(self._begin_in_loop, asyncio.get_running_loop(), handler)
        return partial(self._begin, handler)

    def _is_coroutine(self, handler: "CrewOps", loop: Any) -> bool:
        roots = tuple(handler.roots)  # other threads may add some meanwhile
        return any(root.run.controls.paused and loop in root.loops for root in roots)

    def _begin(self, handler: "CrewOps", *given: Any, **about: Any) -> None:
        if (run := self._run_of(handler, about)) is not None:
            run.at_start()
        self.report(handler, *given, **about)

    async def _begin_in_loop(
        self, loop: Any, handler: "CrewOps", *given: Any, **about: Any
    ) -> None:
        is_awaited = asyncio.get_running_loop() is loop
        if is_awaited and (run := self._run_of(handler, about)) is not None:
            await run.at_async_start()
        self.report(handler, *given, **about)

    @quiet
    def _run_of(self, handler: "CrewOps", about: dict[str, Any]) -> Run | None:
        """Return the run of the call, or None if the call neither waits nor ends for it."""
        entry = handler.entry_of(about.get("parent_run_id"))
        if entry is None:
            return context.current_run()
        run = entry.scope.run
        return run if run.stop_requested or entry.root.can_wait else None


class ChainStart(Start):
    """The method for chains. It also finds out which event loops await the handler."""

    def _is_coroutine(self, handler: "CrewOps", loop: Any) -> bool:
        return True

    async def _begin_in_loop(
        self, loop: Any, handler: "CrewOps", *given: Any, **about: Any
    ) -> None:
        if asyncio.get_running_loop() is loop:
            about["awaited_in"] = loop
        await super()._begin_in_loop(loop, handler, *given, **about)
