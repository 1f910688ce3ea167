"""Replays of recorded calls on the adapters of Pydantic AI, Google ADK and the OpenAI Agents SDK.

Where a user has asked for a control, one asks again. What waits in a pause is awaited.
"""

import asyncio
import contextlib
import contextvars
import inspect
from types import SimpleNamespace
from typing import Any

import pytest

from crewops_client.adapters import google_adk, openai_agents, openai_agents_approvals, pydantic_ai
from crewops_client.controls import Cancelled
from sdk import recorded
from sdk.steering import User


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
        elif step[0] == "control":
            getattr(User(), step[1][0])()
        elif step[0] == "return":
            results[step[1]].set_result(recorded.revived(step[2]))
        else:
            error = recorded.revived(step[2])
            results[step[1]].set_exception(
                asyncio.CancelledError() if type(error).__name__ == "CancelledError" else error
            )
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if step[0] == "begin":  # a gate may wait first
            while step[2] not in contexts and not tasks[step[2]].done():
                await asyncio.sleep(0.001)
    await asyncio.gather(*tasks.values(), return_exceptions=True)


async def replay_callbacks(calls: list, plugin: google_adk.CrewOps) -> list[Any]:
    """In a task that ends as the recorded one did. Returns what the callbacks answer for tools."""
    answers, raised = [], None
    for name, args, given in calls:
        if name == "control":
            getattr(User(), args[0])()
            continue
        given = recorded.revived(given)
        raised = given.pop("raised", None)
        with contextlib.suppress(Cancelled):
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


class Spans:
    """Replays spans and hooks of the OpenAI Agents SDK, and what was raised while they ran."""

    def __init__(self, processor: openai_agents.CrewOps, monkeypatch: pytest.MonkeyPatch) -> None:
        self._processor = processor
        self._monkeypatch = monkeypatch
        self._errors: dict[str, BaseException] = {}
        self._spans: dict[str, Any] = {}
        self.refusals: list[Any] = []
        monkeypatch.setattr(openai_agents, "soon", lambda call, span: None)  # it is recorded

    async def replay(self, calls: list[Any]) -> None:
        for name, args, about in calls:
            if name == "control":
                getattr(User(), args[0])()
            elif name == "decide":
                await self._decide(args)
            elif not name.startswith("on_trace"):
                current = self._spans.get(about["current"])
                self._monkeypatch.setattr(
                    openai_agents, "get_current_span", lambda current=current: current
                )
                given = [self._same(name, value, current) for value in recorded.revived(args)]
                with contextlib.suppress(Cancelled):
                    await self._call(name, given, about["raised"])

    def _same(self, name: str, value: Any, current: Any) -> Any:
        """Return the span that this is a later state of. The SDK has one object of each span."""
        if name == "on_tool_start":
            current.span_data.input = value.tool_arguments
        if not hasattr(value, "span_id"):
            return value
        span = self._spans.setdefault(value.span_id, value)
        vars(span.span_data).update(vars(value.span_data))
        span.error = value.error
        return span

    async def _call(self, name: str, args: list[Any], error: Any) -> None:
        try:
            if error is not None:  # the same error in several callbacks is one object
                raise self._errors.setdefault(repr(error), recorded.revived(error))
        except BaseException:
            result = self._begin(name, args)
        else:
            result = self._begin(name, args)
        if inspect.iscoroutine(result):
            self.refusals += [refusal] if (refusal := await result) else []

    def _begin(self, name: str, args: list[Any]) -> Any:
        if name != "approval":
            return getattr(self._processor, name)(*args)
        openai_agents.get_current_span().span_data.input = args[1]
        own = SimpleNamespace(tool_name=args[0], tool_arguments=args[1])
        return self._processor.approval.guardrail_function(SimpleNamespace(context=own))

    async def _decide(self, items: list[Any]) -> None:
        def reject(item: Any, rejection_message: str) -> None:
            self.refusals.append(rejection_message)

        state = SimpleNamespace(approve=lambda item: None, reject=reject)
        calls = [
            SimpleNamespace(
                name=name,
                raw_item=SimpleNamespace(arguments=arguments),
                agent=SimpleNamespace(name="Orion"),
            )
            for name, arguments in items
        ]
        result = SimpleNamespace(interruptions=calls, to_state=lambda: state)
        assert await openai_agents_approvals.decide(result) is state
