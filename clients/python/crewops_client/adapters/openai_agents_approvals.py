"""Tools of the OpenAI Agents SDK that need approval: a person decides about them in CrewOps."""

import asyncio
from typing import Any

from .. import context
from ..approvals import Denied
from ..runs import Run
from .common import arguments_of


async def decide(result: Any) -> Any:
    """Ask about each call that `result` was interrupted for, and return the state to run next.

    All are asked about at once. A denied call is rejected with who denied it and why, which the
    model reads. Within ``crewops.run`` only. Raises `Cancelled` if the run was cancelled meanwhile.

        with crewops.run("release-crew"):
            result = await Runner.run(agent, "Deploy it")
            while result.interruptions:
                result = await Runner.run(agent, await decide(result))
    """
    run = context.current_run()
    if run is None:
        raise RuntimeError("Nobody can be asked here: use decide() within `with crewops.run(...)`.")
    state, items = result.to_state(), list(result.interruptions)
    refusals = await asyncio.gather(*(_refusal(run, item) for item in items))
    for item, refusal in zip(items, refusals, strict=True):
        if refusal is None:
            state.approve(item)
        else:
            state.reject(item, rejection_message=refusal)
    return state


async def _refusal(run: Run, item: Any) -> str | None:
    """Why the call must not begin."""
    try:
        await run.arequire_approval(
            item.name or "unknown", _shown(item.raw_item), agent_id=item.agent.name
        )
    except Denied as denied:
        return str(denied)
    return None


def _shown(call: Any) -> dict[str, Any]:
    """The arguments of the call; of one that has none, such as of a shell, the whole call."""
    is_plain = isinstance(call, dict)
    given = arguments_of(call.get("arguments") if is_plain else getattr(call, "arguments", None))
    if given is not None:
        return given
    return dict(call) if is_plain else dict(call.model_dump(mode="json"))
