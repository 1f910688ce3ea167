"""What the approval gates of all adapters share: where to ask, and what a refusal says."""

from collections.abc import Mapping
from typing import Any

from ..approvals import Question
from ..controls import in_event_loop
from ..scope import Scope

NO_RUN = (
    "Nobody can be asked for approval here, because no run is around the call: "
    "use the adapter, or `with crewops.run(...)`."
)
LOOP = "A call in the thread of an event loop cannot wait for approval: use the async form."


def question(scope: Scope | None, tool: str, params: Mapping[str, Any] | None) -> Question:
    """The question whether a call of this tool may begin; the rules of the server decide.

    Wait for it, and begin the call only after that. Raises RuntimeError outside of a run.
    """
    if scope is None:
        raise RuntimeError(NO_RUN)
    return scope.run.gate(scope, tool, params)


def wait(scope: Scope | None, tool: str, params: Mapping[str, Any] | None) -> None:
    """Wait in this thread until the call may begin.

    Raises `Denied`, and `Cancelled` if the run was.

    Raises RuntimeError in the thread of an event loop, which must not stand still.
    """
    if in_event_loop():
        raise RuntimeError(LOOP)
    question(scope, tool, params).wait()


async def wait_async(scope: Scope | None, tool: str, params: Mapping[str, Any] | None) -> None:
    """The same for async code: only this call waits."""
    await question(scope, tool, params).wait_async()
