"""OpenAI Agents SDK: a person decides in CrewOps about tool calls.

Tools that need approval in the SDK: `decide`. Approval rules of the server: `guardrail`.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from .. import context, controls
from ..approvals import Denied
from ..runs import Run
from . import gate
from .common import arguments_of
from .openai_agents_controls import Cancelled
from .openai_agents_open_spans import Entry

try:
    from agents import ToolGuardrailFunctionOutput, ToolInputGuardrail
except ImportError:  # tests replay recorded sequences without it
    from types import SimpleNamespace as ToolInputGuardrail  # type: ignore[assignment]

    class ToolGuardrailFunctionOutput:  # type: ignore[no-redef]
        allow = staticmethod(lambda: None)
        reject_content = staticmethod(str)


def guardrail(here: Callable[[], Entry | None], ready: Callable[[Entry], None]) -> Any:
    """Return a guardrail that asks the server before a tool begins, and rejects a denied call.

    The model reads who denied the call and why. `here` returns the entry of the call's span.
    `ready` is called with it when the call may begin.
    """

    async def ask(data: Any) -> Any:
        entry, own = here(), data.context
        if entry is not None:
            entry.waits = True
        scope = context.current() if entry is None else entry.scope
        try:
            await gate.wait_async(scope, own.tool_name, arguments_of(own.tool_arguments))
        except controls.Cancelled as error:
            raise Cancelled(*error.args) from None
        except Exception as error:
            text = gate.reason(own.tool_name, error)
            return ToolGuardrailFunctionOutput.reject_content(text)
        if entry is not None:
            entry.waits = False
            ready(entry)
        return ToolGuardrailFunctionOutput.allow()

    return ToolInputGuardrail(guardrail_function=ask, name="crewops")


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
