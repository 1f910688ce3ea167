"""Replays of recorded calls on the adapters of Pydantic AI and Google ADK."""

import asyncio
import contextvars
from types import SimpleNamespace
from typing import Any

from crewops_client.adapters import google_adk, pydantic_ai
from sdk import recorded


async def replay_wraps(steps: list, capability: pydantic_ai.CrewOps) -> None:
    """Each wrapper runs as a task in the context of the one around it, until its recorded end."""
    contexts = {0: contextvars.copy_context()}
    tasks: dict[int, asyncio.Task] = {}
    results: dict[int, asyncio.Future] = {}

    def begin(method: str, number: int, around: int, given: dict) -> None:
        results[number] = asyncio.get_running_loop().create_future()

        async def handler(*args):
            contexts[number] = contextvars.copy_context()
            return await results[number]

        named = SimpleNamespace(**given)
        about = {
            "wrap_run": {},
            "wrap_tool_execute": {"call": named, "tool_def": None, "args": given.get("args")},
            "wrap_model_request": {"request_context": SimpleNamespace(model=named)},
        }[method]
        call = getattr(capability, method)(SimpleNamespace(agent=named), handler=handler, **about)
        loop = asyncio.get_running_loop()
        tasks[number] = contexts[around].copy().run(loop.create_task, call)

    for step in steps:
        if step[0] == "begin":
            begin(*step[1:])
        elif step[0] == "denied":
            assert tasks[step[1]].result() == step[2]
            assert step[1] not in contexts
        elif step[0] == "return":
            results[step[1]].set_result(recorded.revived(step[2]))
        else:
            error = recorded.revived(step[2])
            results[step[1]].set_exception(
                asyncio.CancelledError() if "Cancelled" in type(error).__name__ else error
            )
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if step[0] == "begin":  # a gate may wait first
            while step[2] not in contexts and not tasks[step[2]].done():
                await asyncio.sleep(0.001)
    await asyncio.gather(*tasks.values(), return_exceptions=True)


async def replay_callbacks(calls: list, plugin: google_adk.CrewOps) -> list[Any]:
    """In a task that ends as the recorded one did. Returns what the callbacks answer for tools."""
    answers = []
    for name, _, given in calls:
        given = recorded.revived(given)
        raised = given.pop("raised", None)
        try:
            if raised is not None:
                raise raised
        except BaseException:
            answers.append(await getattr(plugin, name)(**given))
        else:
            answers.append(await getattr(plugin, name)(**given))
    if raised is not None and type(raised).__name__ == "CancelledError":
        raise asyncio.CancelledError
    return [answer for answer in answers if answer is not None]
