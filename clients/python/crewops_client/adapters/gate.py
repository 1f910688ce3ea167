"""Functions that the approval gates of all adapters share: ask the server, and wait."""

from collections.abc import Mapping
from typing import Any

from ..approvals import Denied, Question
from ..controls import Cancelled, in_event_loop
from ..scope import Scope

NO_RUN = (
    "The approval cannot be requested, because the call is not in a run: "
    "use the adapter, or `with crewops.run(...)`."
)
LOOP = "A call in the thread of an event loop cannot wait for approval: use the async form."


def question(scope: Scope | None, tool: str, params: Mapping[str, Any] | None) -> Question:
    """Return the question whether a call of this tool may begin. The server's rules decide.

    Wait for its answer before you begin the call. Raises RuntimeError outside of a run.
    """
    if scope is None:
        raise RuntimeError(NO_RUN)
    return scope.run.gate(scope, tool, params)


def wait(scope: Scope | None, tool: str, params: Mapping[str, Any] | None) -> None:
    """Wait in this thread until the call may begin, also if the run was paused meanwhile.

    Raises `Denied` if it must not, and `Cancelled` if the run was cancelled. Raises RuntimeError in
    the thread of an event loop, which must not be blocked, and outside of a run.
    """
    if in_event_loop():
        raise RuntimeError(LOOP)
    question(scope, tool, params).wait()
    if scope is not None:
        scope.run.at_start()


async def wait_async(scope: Scope | None, tool: str, params: Mapping[str, Any] | None) -> None:
    """Wait like `wait`, in async code: only this call waits, not the event loop."""
    await question(scope, tool, params).wait_async()
    if scope is not None:
        await scope.run.at_async_start()


def reason(tool: str, error: Exception) -> str:
    """Return why a call must not begin, as the model reads it."""
    if isinstance(error, Denied):
        return str(error)
    if isinstance(error, Cancelled):
        return f"{tool}: {error}"
    return f"{tool}: The approval could not be requested: {type(error).__name__}: {error}"
