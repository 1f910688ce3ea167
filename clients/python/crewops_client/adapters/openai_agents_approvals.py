"""OpenAI Agents SDK: a person decides in CrewOps about tool calls that need approval."""

import asyncio
from typing import Any

from .. import context
from ..approvals import Denied
from ..runs import Run
from .common import arguments_of


async def decide(result: Any) -> Any:
    """Ask about each call that `result` was interrupted for, and return the state to run next.

    It asks about all calls at the same time. It rejects a denied call, and the model reads who
    denied it and why. Raises RuntimeError outside of ``crewops.run``, and `Cancelled` if the run
    was cancelled meanwhile.

        with crewops.run("release-crew"):
            result = await Runner.run(agent, "Deploy it")
            while result.interruptions:
                result = await Runner.run(agent, await decide(result))
    """
    run = context.current_run()
    if run is None:
        raise RuntimeError("decide() needs a run: use it within `with crewops.run(...)`.")
    state, items = result.to_state(), list(result.interruptions)
    refusals = await asyncio.gather(*(_refusal(run, item) for item in items))
    for item, refusal in zip(items, refusals, strict=True):
        if refusal is None:
            state.approve(item)
        else:
            state.reject(item, rejection_message=refusal)
    return state


async def _refusal(run: Run, item: Any) -> str | None:
    """Return why the call must not begin, or None if it was approved."""
    try:
        await run.arequire_approval(
            item.name or "unknown", _shown(item.raw_item), agent_id=item.agent.name
        )
    except Denied as denied:
        return str(denied)
    return None


def _shown(call: Any) -> dict[str, Any]:
    """Return the arguments of the call, or the whole call if it has none, like a shell call."""
    is_plain = isinstance(call, dict)
    given = arguments_of(call.get("arguments") if is_plain else getattr(call, "arguments", None))
    if given is not None:
        return given
    return dict(call) if is_plain else dict(call.model_dump(mode="json"))
