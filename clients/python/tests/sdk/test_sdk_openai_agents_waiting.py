"""OpenAI Agents SDK: a turn and its agent end after the tools in it that wait for approval."""

from typing import Any

import pytest

import crewops_client as crewops
from crewops_client.adapters import openai_agents, waiting
from sdk.report_server import ReportServer
from sdk.steering import User
from sdk.test_sdk_pauses import agents, assert_paired, span, spans_of

__all__ = ["agents"]  # the fixture

X, Y = '{"what": "x"}', '{"what": "y"}'


@pytest.fixture
def ops() -> openai_agents.CrewOps:
    return openai_agents.CrewOps("release-crew")


def ends(server: ReportServer) -> list[tuple[str, str]]:
    """What ended how, in the order of the events. A tool by its argument, the rest by its kind."""
    tools = {each["execution_id"]: each["params"]["what"] for each in server.of("tool_start")}
    kinds = ("tool_end", "task_end", "agent_end", "done")
    return [
        (tools.get(each.get("execution_id"), each["type"].removesuffix("_end")), each["status"])
        for each in server.events
        if each["type"] in kinds
    ]


def test_a_turn_ends_after_its_approved_tool(reporter, server, agents, ops):
    with crewops.run("release-crew"):
        agents(ops, spans_of("t", (X, None)))
        assert reporter.flush(10)
        assert ends(server) == []
        agents(ops, spans_of("t", (X, "removed"), first=7))
    assert reporter.flush(10)
    done = ("done", "succeeded")
    first = [("x", "success"), ("task", "succeeded"), ("agent", "succeeded")]
    assert ends(server) == [*first, *first[1:], done]
    held = server.of("task_start")[0]["task_id"]
    assert server.of("tool_start")[0]["task_id"] == held == server.of("task_end")[0]["task_id"]
    assert_paired(server)


def test_a_turn_ends_after_all_tools_that_wait_in_it(reporter, server, agents, ops):
    """One is approved. The other was refused, which the next call of the model shows."""
    agents(ops, spans_of("t", (X, None), (Y, None)))
    resumed = spans_of("t", (Y, "removed"), first=7)
    for each in resumed:
        ops.on_span_start(each)
    for each in resumed[:0:-1]:
        ops.on_span_end(each)
    assert reporter.flush(10)
    assert ends(server) == [("y", "success"), ("task", "succeeded")]  # the task of the second turn
    turn = span("Turn", "t-t2", resumed[0].span_id, turn=2)
    model = span("Generation", "t-m", turn.span_id)
    agents(ops, [turn, model])
    assert reporter.flush(10)
    assert ends(server)[2:5] == [("x", "cancelled"), ("task", "succeeded"), ("agent", "succeeded")]
    ops.on_span_end(resumed[0])
    assert reporter.flush(10)
    assert ends(server)[-2:] == [("agent", "succeeded"), ("done", "succeeded")]
    assert_paired(server)


def test_tools_that_nobody_decides_end_with_the_block_of_the_run(reporter, server, agents, ops):
    with crewops.run("release-crew"):
        agents(ops, spans_of("t", (X, None), (Y, None)))
    assert reporter.flush(10)
    kinds = ("y", "x", "task", "agent")  # the later span ends first, by hand
    assert ends(server) == [*((kind, "cancelled") for kind in kinds), ("done", "succeeded")]
    assert server.of("tool_end")[0]["message"] == waiting.ENDED
    assert len(ops._waiting) == 0


def test_a_cancel_while_a_tool_waits_ends_its_turn_and_its_agent(reporter, server, agents, ops):
    with crewops.run("release-crew") as run:
        agents(ops, spans_of("t", (X, None)))
        User().ask("cancel", run)
    assert reporter.flush(10)
    assert [each for each in ends(server) if each[0] != "done"] == [
        ("x", "cancelled"), ("task", "cancelled"), ("agent", "cancelled"),
    ]  # fmt: skip
    assert {each["message"] for each in server.of("tool_end")} == {waiting.CANCELLED}


def test_a_resumed_call_that_fails_ends_what_waited_first(reporter, server, agents, ops):
    agents(ops, spans_of("t", (X, None)))
    resumed = spans_of("t", first=7)
    for each in resumed:
        ops.on_span_start(each)
    try:
        raise ValueError("model is down")
    except ValueError:
        for each in reversed(resumed):
            ops.on_span_end(each)
    assert reporter.flush(10)
    assert ends(server) == [
        ("task", "failed"), ("agent", "failed"),
        ("x", "cancelled"), ("task", "succeeded"), ("agent", "succeeded"), ("done", "failed"),
    ]  # fmt: skip


def test_a_turn_ends_after_its_tool_that_returned_nothing(reporter, server, agents, ops):
    begun = spans_of("t", (X, None))
    for each in begun:
        ops.on_span_start(each)
    for each in begun[:0:-1]:
        ops.on_span_end(each)
    assert reporter.flush(10)
    assert ends(server) == []  # it may wait
    agents(ops, [span("Turn", "t-t2", begun[0].span_id, turn=2)])
    ops.on_span_end(begun[0])
    assert reporter.flush(10)
    kinds = [each["type"] for each in server.events]
    assert kinds.index("task_end") < len(kinds) - 1 - kinds[::-1].index("task_start")
    assert ends(server)[0] == ("x", "success")
    assert_paired(server)


def nested(first: int, inner: str | None, outer: str | None) -> list[Any]:
    """A tool of an agent that is an agent itself, in which a tool waits."""
    own = spans_of("t", (X, outer), first=first)
    of_inner = spans_of("u", (Y, inner), first=first)
    for each in of_inner:
        each.trace_id = "t"
    of_inner[0].parent_id, of_inner[0].span_data.name = own[-1].span_id, "Lyra"
    return [*own, *of_inner]


def test_the_agents_around_a_tool_that_waits_end_after_it(reporter, server, agents, ops):
    with crewops.run("release-crew"):
        agents(ops, nested(0, None, None))
        agents(ops, spans_of("v", ('{"what": "z"}', "removed")))  # another call, which does not
        assert reporter.flush(10)
        assert ends(server) == [("z", "success"), ("task", "succeeded"), ("agent", "succeeded")]
        agents(ops, nested(7, "removed", "asked"))
    assert reporter.flush(10)
    assert {each["status"] for each in server.of("tool_end")} == {"success"}
    order = [each for each, _ in ends(server)[3:]]
    assert order[:3] == ["y", "task", "agent"]
    assert order.index("x") < len(order) - 1 - order[::-1].index("agent")
    of_lyra, of_orion = (
        [each["instance"] for each in server.of("agent_end") if each["agent_id"] == name]
        for name in ("Lyra", "Orion")
    )
    begun = [each["instance"] for each in server.of("agent_start") if each["agent_id"] == "Orion"]
    assert len(of_lyra) == 2
    assert of_orion == [begun[1], begun[0], begun[2]]  # the second is that of the other call
    assert_paired(server)
