"""Google ADK: hold the calls of a run while it is paused, and end it after a cancel."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .common import callback
from .google_adk_entries import Entry

if TYPE_CHECKING:
    from .google_adk import CrewOps


async def at_start(entry: Entry | None) -> None:
    """Wait while the run is paused. Raises `Cancelled` if a user has cancelled it.

    ADK ends the invocation with a RuntimeError that it raises from `Cancelled`.
    """
    if entry is not None:
        await entry.run.at_async_start()


def waiting_callback(method: Callable[..., None]) -> Callable[..., Any]:
    """Return `method` like `callback`, as the start of an agent or a model call, which may wait."""
    begin = callback(method)

    @functools.wraps(method)
    async def call(self: "CrewOps", **given: Any) -> None:
        await at_start(self.invocation(given["callback_context"]))
        await begin(self, **given)

    return call
