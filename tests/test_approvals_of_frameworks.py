"""Tools that a framework carries out, and that wait for approval with the package's help."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import crewops_client as crewops
import pytest
from crewops_client.adapters import (
    crewai_approvals,
    google_adk,
    langchain_approvals,
    openai_agents_approvals,
    pydantic_ai,
)
from django.db import connection

from crews.models import ApprovalRule
from runs.models import Approval
from tests.live import eventually
from tests.test_approvals_of_programs import decide, use

__all__ = ["use"]  # the fixture

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_tool_of_a_framework_waits(use):
    async def whole() -> list[Any]:
        async with crewops.run("release-crew") as run, run.agent("orion"):
            asked = [run.arequire_approval("deploy", {"env": env}) for env in ("test", "prod")]
            return await asyncio.gather(*asked, person(2), return_exceptions=True)

    test, prod, _ = asyncio.run(whole())
    assert test is None
    assert str(prod) == "deploy: Denied by acme-operator: prod"
    assert {approval.agent_id for approval in Approval.objects.all()} == {"orion"}


async def person(count: int) -> None:
    """Approves calls for tests, and denies those for production."""

    def act() -> None:
        eventually(lambda: Approval.objects.pending().count() == count, 20)
        for approval in Approval.objects.select_related("run__crew"):
            env = approval.params["env"]
            decide(approval, "approved" if env == "test" else "denied", env)
        connection.close()

    await asyncio.to_thread(act)


def test_interruptions_of_openai_agents_are_decided(use):
    """With the shapes of 0.24.0; `docs/integrations/openai-agents.md` has the loop around it."""
    decided = {}
    state = SimpleNamespace(
        approve=lambda item: decided.update({item.raw_item.call_id: "approved"}),
        reject=lambda item, rejection_message: decided.update(
            {item.raw_item.call_id: rejection_message}
        ),
    )

    def interruption(call_id: str, env: str) -> SimpleNamespace:
        call = SimpleNamespace(name="deploy", call_id=call_id, arguments=json.dumps({"env": env}))
        return SimpleNamespace(name="deploy", raw_item=call, agent=SimpleNamespace(name="Orion"))

    items = [interruption("c1", "prod"), interruption("c2", "test")]
    result = SimpleNamespace(interruptions=items, to_state=lambda: state)

    async def whole() -> Any:
        async with crewops.run("release-crew"):
            returned, _ = await asyncio.gather(openai_agents_approvals.decide(result), person(2))
            return returned

    assert asyncio.run(whole()) is state
    assert decided == {"c1": "deploy: Denied by acme-operator: prod", "c2": "approved"}
    assert Approval.objects.first().agent_id == "Orion"


def test_outside_of_a_run_nobody_can_be_asked(use):
    with pytest.raises(RuntimeError, match=r"crewops\.run"):
        asyncio.run(openai_agents_approvals.decide(SimpleNamespace(interruptions=[])))


class LangChain:
    """A call of a tool with the shapes of 1.5.2, that the replayed cases of the package have."""

    def __init__(self) -> None:
        self.gate = langchain_approvals.Approvals()

    async def call(self, tool: str, args: dict[str, Any], body: Any) -> Any:
        call = {"name": tool, "args": args, "id": "c1"}
        request = SimpleNamespace(tool_call=call, runtime=SimpleNamespace(config={}))
        result = await self.gate.awrap_tool_call(request, body)
        return getattr(result, "content", result)


class PydanticAI:
    """The same of 2.68.0."""

    def __init__(self) -> None:
        self.capability = pydantic_ai.CrewOps("release-crew", approvals=True)

    async def call(self, tool: str, args: dict[str, Any], body: Any) -> Any:
        call = SimpleNamespace(tool_name=tool)
        given = {"call": call, "tool_def": None, "args": args, "handler": body}
        return await self.capability.wrap_tool_execute(None, **given)


class GoogleADK:
    """The same of 2.13.0."""

    def __init__(self) -> None:
        self.plugin = google_adk.CrewOps("release-crew", approvals=True)

    async def call(self, tool: str, args: dict[str, Any], body: Any) -> Any:
        id = f"{tool} {args}"
        session = SimpleNamespace(id=id)
        invocation = SimpleNamespace(session=session, invocation_id=id, app_name="depot")
        await self.plugin.before_run_callback(invocation_context=invocation)
        about = SimpleNamespace(invocation_id=id, function_call_id="c1", agent_name="orion")
        given = {"tool": SimpleNamespace(name=tool), "tool_args": args, "tool_context": about}
        answer = await self.plugin.before_tool_callback(**given)
        return answer["error"] if answer else await body(args)


class CrewAI:
    """The same of 1.15.30, which calls its hooks in threads."""

    def __init__(self) -> None:
        self.hooks = crewai_approvals.Gate(lambda _: None)

    async def call(self, tool: str, args: dict[str, Any], body: Any) -> Any:
        about = SimpleNamespace(tool_name=tool, tool_input=args)
        try:
            await asyncio.to_thread(self.hooks.before_tool, about)
        except crewai_approvals.HookAborted:
            return self.hooks.after_tool(about)
        return await body(args)


@pytest.mark.parametrize("framework", [LangChain, PydanticAI, GoogleADK, CrewAI])
def test_calls_that_a_rule_matches_wait(use, acme, framework):
    ApprovalRule.objects.create(organization=acme.organization, tool="deploy")
    ran = []

    async def whole() -> list[Any]:
        made = framework()

        async def call(tool: str, env: str) -> Any:
            async def body(_: Any) -> str:
                ran.append((tool, env))
                return "done"

            return await made.call(tool, {"env": env}, body)

        async with crewops.run("release-crew") as run, run.agent("orion"):
            given = [("deploy", "prod"), ("deploy", "test"), ("build", "prod")]
            return await asyncio.gather(*(call(*each) for each in given), person(2))

    results = asyncio.run(whole())
    assert results[:3] == ["deploy: Denied by acme-operator: prod", "done", "done"]
    assert sorted(ran) == [("build", "prod"), ("deploy", "test")]
    assert {approval.agent_id for approval in Approval.objects.all()} == {"orion"}
