"""Decorated functions behave as before and are reported."""

import asyncio
import contextlib

import pytest

import crewops_client as crewops
from crewops_client.reporter import Reporter
from sdk.report_server import ReportServer


class Box:
    @crewops.tool("peek")
    def look(self, at: str, *, times: int = 1) -> dict:
        return {"at": at, "times": times}


@crewops.tool
async def fetch(url: str) -> str:
    await asyncio.sleep(0)
    return f"page of {url}"


@crewops.tool(output=False)
def secret() -> str:
    return "sesame"


@crewops.tool
def count(to: int):
    yield from range(to)
    return "done"


@crewops.tool
async def stream(to: int):
    for number in range(to):
        yield number


@crewops.agent("orion", role="Scout")
@crewops.task
def find_pages():
    return Box().look("door", times=2)


@crewops.tool
def broken():
    raise LookupError("nothing there")


def test_without_a_run_they_are_called_as_they_are():
    async def pages():
        return [item async for item in stream(2)]

    assert find_pages() == {"at": "door", "times": 2}
    assert asyncio.run(fetch("x")) == "page of x"
    assert list(count(2)) == [0, 1]
    assert asyncio.run(pages()) == [0, 1]


def test_they_are_reported_with_arguments_and_result(reporter: Reporter, server: ReportServer):
    with crewops.run("c") as run:
        assert find_pages() == {"at": "door", "times": 2}
        assert secret() == "sesame"
        assert asyncio.run(fetch("x")) == "page of x"
    run.flush(10)
    assert server.of("agent_start")[0]["role"] == "Scout"
    assert server.of("task_start")[0]["name"] == "Find pages"
    peek, hidden, page = server.of("tool_start")
    assert (peek["tool"], peek["params"]) == ("peek", {"at": "door", "times": 2})
    assert peek["task_id"] == server.of("task_start")[0]["task_id"]
    assert page["params"] == {"url": "x"}
    outputs = {event["execution_id"]: event["output"] for event in server.of("tool_progress")}
    assert outputs == {
        peek["execution_id"]: '{"at": "door", "times": 2}',
        page["execution_id"]: "page of x",
    }
    assert hidden["execution_id"] not in outputs


def test_generators_last_until_they_end(reporter: Reporter, server: ReportServer):
    async def pages():
        return [item async for item in stream(2)]

    with crewops.run("c") as run:
        assert list(count(2)) == [0, 1]
        assert asyncio.run(pages()) == [0, 1]
        unfinished = count(5)
        next(unfinished)
        unfinished.close()
    run.flush(10)
    assert [event["status"] for event in server.of("tool_end")] == [
        "success",
        "success",
        "cancelled",
    ]


@crewops.tool
async def echo():
    """Yields what it is sent, and 0 for an exception."""
    given = None
    try:
        while given != "end":
            try:
                given = yield given
            except LookupError:
                given = 0
    finally:
        ended.append(given)


ended: list[object] = []


@pytest.mark.parametrize("in_a_run", [True, False])
def test_async_generators_get_values_and_exceptions(reporter: Reporter, server, in_a_run):
    async def talk():
        one = echo()
        got = [await one.asend(None), await one.asend("a"), await one.athrow(LookupError())]
        with pytest.raises(StopAsyncIteration):
            await one.asend("end")
        closed = echo()
        await closed.asend(None)
        await closed.aclose()
        return got

    ended.clear()
    with crewops.run("c") if in_a_run else contextlib.nullcontext() as run:
        assert asyncio.run(talk()) == [None, "a", 0]
        assert ended == ["end", None]  # the function is closed at once, not when it is collected
    if run:
        run.flush(10)
        assert [end["status"] for end in server.of("tool_end")] == ["success", "cancelled"]


def test_their_exceptions_pass(reporter: Reporter, server: ReportServer):
    with crewops.run("c") as run:
        with pytest.raises(LookupError):
            broken()
        with pytest.raises(TypeError):
            Box().look(nothing="such")
    run.flush(10)
    assert server.of("tool_end")[0]["message"] == "LookupError: nothing there"
    assert server.of("done")[0]["status"] == "succeeded"
