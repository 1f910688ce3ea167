"""What a program says becomes the events of docs/reporting.md."""

import asyncio
import contextlib
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal

import pytest

import crewops_client as crewops
from crewops_client import calls
from crewops_client.reporter import Reporter
from sdk.report_server import ReportServer


def fields(event: dict, *without: str) -> dict:
    return {key: event[key] for key in event if key not in {"id", "run", "at", "type", *without}}


def test_a_whole_run(reporter: Reporter, server: ReportServer):
    with (
        crewops.run("release-crew", name="Nightly", key="n1") as run,
        run.agent("orion", name="Orion", role="Scout") as orion,
        orion.task("Fetch", task_id="t1"),
    ):
        with orion.tool("git_clone", url="https://x/y", depth=1) as tool:
            tool.progress(0.4, "receiving objects")
            tool.output("a")
            tool.output(b"\xc3")
            tool.output(b"\xa9")
            tool.end(exit_code=0)
        with orion.llm("openai", "gpt-5-mini", input="secret") as call:
            call.output("secret")
            call.usage(input=812, output=94, cost_usd=Decimal("0.25"))
        orion.handoff("lyra")
    assert run.flush(10)
    assert server.kinds() == [
        *["boot", "agent_start", "task_start", "tool_start", "tool_progress", "tool_progress"],
        *["tool_end", "llm_start", "llm_progress", "llm_end", "handoff"],
        *["task_end", "agent_end", "done"],
    ]
    assert {event["run"] for event in server.events} == {"n1"}
    assert len({event["id"] for event in server.events}) == len(server.events)
    boot, agent, task, start, progress, output, end, llm, first, llm_end, handoff = server.events[
        :11
    ]
    named = {"crew": "release-crew", "name": "Nightly", "origin": "python"}
    assert fields(boot) == named | {"controls": ["cancel", "pause", "message"]}
    assert fields(agent, "instance") == {"agent_id": "orion", "name": "Orion", "role": "Scout"}
    assert fields(task) == {"task_id": "t1", "name": "Fetch", "agent_id": "orion"}
    here = {"agent_id": "orion", "task_id": "t1"}
    assert fields(start, "execution_id") == {
        "tool": "git_clone",
        "params": {"url": "https://x/y", "depth": 1},
        **here,
    }
    tool_id = {"execution_id": start["execution_id"]}
    assert fields(progress) == {**tool_id, "progress": 0.4, "message": "receiving objects"}
    assert fields(output) == {**tool_id, "output": "aé"}
    assert fields(end, "duration_s") == {**tool_id, "status": "success", "exit_code": 0}
    call_id = {"call_id": llm["call_id"]}
    assert fields(llm) == {**call_id, "provider": "openai", "model": "gpt-5-mini", **here}
    assert fields(first) == call_id  # its text is not captured
    usage = {"input_tokens": 812, "output_tokens": 94, "cost_usd": 0.25}
    assert fields(llm_end, "duration_s", "first_token_s") == {
        **call_id,
        "status": "success",
        **usage,
    }
    assert fields(handoff) == {"from_agent_id": "orion", "to_agent_id": "lyra"}


def test_texts_of_models_are_sent_where_capture_is_on(reporter: Reporter, server: ReportServer):
    reporter.settings = replace(reporter.settings, capture_text=True)
    with crewops.run("c") as run, run.llm("openai", "gpt", input={"prompt": "hi"}) as call:
        call.output("hel")
        call.output("lo")
        call.result("ignored: it came in pieces")
    run.flush(10)
    assert server.of("llm_start")[0]["input"] == '{"prompt": "hi"}'
    assert "".join(event["output"] for event in server.of("llm_progress")) == "hello"
    assert "output" not in server.of("llm_end")[0]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (3.5, "3.5"),
        (10**10, "10000000000"),
        ({"a": [1]}, '{"a": [1]}'),
        (False, "false"),
    ],
)
def test_output_that_is_no_text_is_sent_as_json(
    reporter: Reporter, server: ReportServer, value, shown
):
    with crewops.run("c", capture_text=True) as run:
        with run.tool("x") as tool:
            assert tool.output(value)
        with run.llm("openai", "gpt") as call:
            call.output(value)
    run.flush(10)
    sent = [server.of("tool_progress"), server.of("llm_progress")]
    assert ["".join(each.get("output", "") for each in pieces) for pieces in sent] == [shown] * 2


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_are_output(reporter: Reporter, server: ReportServer, kind):
    with crewops.run("c") as run, run.tool("x") as tool:
        tool.output(kind("é".encode()))
    run.flush(10)
    assert [event["output"] for event in server.of("tool_progress")] == ["é"]


def test_text_is_captured_for_one_run_and_for_those_that_join_it(
    reporter: Reporter, server: ReportServer, monkeypatch
):
    with crewops.run("c") as quiet, quiet.llm("openai", "gpt", input="secret") as call:
        call.input("secret")
        call.output("secret")
    long = "line\n" * 4_000
    with crewops.run("c", capture_text=True) as run, run.llm("openai", "gpt", input=long) as call:
        call.result("whole")
    monkeypatch.setenv("CREWOPS_RUN", run.env()["CREWOPS_RUN"])
    with crewops.run("c") as joined, joined.llm("openai", "gpt") as call:
        call.input("more")
    run.flush(10)
    assert "secret" not in str(server.events)
    inputs = [event["input"] for event in server.of("llm_progress") if "input" in event]
    assert "".join(inputs) == f"{long}more"
    assert max(map(len, inputs)) <= 8_000
    ends = [event.get("output") for event in server.of("llm_end")]
    assert ends == [None, "whole", None]
    assert "first_token_s" not in server.of("llm_end")[1]


def test_text_of_a_call_is_bounded(reporter: Reporter, server: ReportServer, monkeypatch):
    monkeypatch.setattr(calls, "ALL_TEXT", 10)
    with crewops.run("c", capture_text=True) as run, run.llm("openai", "gpt") as call:
        for _ in range(3):
            call.input("1234")
            call.output("abcd")
    run.flush(10)
    sent = {
        part: "".join(event.get(part, "") for event in server.of("llm_progress"))
        for part in ("input", "output")
    }
    assert sent == {"input": "1234123412", "output": "abcdabcdab"}


@pytest.mark.parametrize(
    ("error", "run_status", "tool_status", "message"),
    [
        (ValueError("no such page"), "failed", "error", "ValueError: no such page"),
        (asyncio.CancelledError(), "cancelled", "cancelled", "CancelledError"),
        (KeyboardInterrupt(), "cancelled", "cancelled", "KeyboardInterrupt"),
        (SystemExit(0), "succeeded", "success", None),
        (SystemExit(3), "failed", "error", "SystemExit: 3"),
    ],
)
def test_an_exception_ends_all_it_leaves(
    reporter: Reporter, server: ReportServer, error, run_status, tool_status, message
):
    def work():
        with crewops.run("c") as run, run.agent("a") as a, a.task("t"), a.tool("x"):
            raise error

    with pytest.raises(type(error)):
        work()
    reporter.flush(10)
    ends = [event for event in server.events if "status" in event]
    assert [event["status"] for event in ends] == [tool_status, *[run_status] * 3]
    assert ends[-1].get("message") == message


def test_an_agent_within_another_is_its_sub_agent(reporter: Reporter, server: ReportServer):
    with crewops.run("c") as run, run.agent("chief"), run.agent("scout"):
        crewops.current().tool("look").end()
    run.flush(10)
    chief, scout = server.of("agent_start")
    assert "parent_agent_id" not in chief
    assert scout["parent_agent_id"] == "chief"
    assert server.of("tool_start")[0]["agent_id"] == "scout"


def test_the_same_agent_twice_at_once(reporter: Reporter, server: ReportServer):
    with crewops.run("c") as run:
        one, two = run.agent("a"), run.agent("a")
        one.end()
        two.end("failed")
        two.end()
    run.flush(10)
    started = [event["instance"] for event in server.of("agent_start")]
    assert len(set(started)) == 2
    assert [event["instance"] for event in server.of("agent_end")] == started


def test_a_stop_reaches_the_run(reporter: Reporter, server: ReportServer):
    server.stop = ["n1"]
    with crewops.run("c", key="n1") as run:
        assert not run.stop_requested
        run.error("something")
        assert run.flush(10)
        assert run.stop_requested
        with pytest.raises(crewops.Cancelled):
            run.tool("never")
    assert "tool_start" not in server.kinds()


async def test_tasks_of_asyncio_keep_their_place(reporter: Reporter, server: ReportServer):
    both = asyncio.Barrier(2) if hasattr(asyncio, "Barrier") else None

    async def work(agent_id: str):
        async with crewops.current_run().agent(agent_id):
            if both:
                await both.wait()
            async with crewops.current().tool(f"of-{agent_id}"):
                pass

    async with crewops.run("c") as run:
        await asyncio.gather(work("a"), work("b"))
    assert await asyncio.to_thread(run.flush, 10)
    tools = {event["tool"]: event["agent_id"] for event in server.of("tool_start")}
    assert tools == {"of-a": "a", "of-b": "b"}


def test_threads_keep_their_place_where_the_context_is_copied(
    reporter: Reporter, server: ReportServer
):
    barrier = threading.Barrier(2)

    @crewops.tool
    def look(at: str):
        barrier.wait(10)

    with crewops.run("c") as run, run.agent("a"), ThreadPoolExecutor(2) as pool:
        copied = crewops.copy_context(look)
        for each in [pool.submit(copied, "x"), pool.submit(copied, "y")]:
            each.result()
        barrier = threading.Barrier(1)
        pool.submit(look, "elsewhere").result()  # not in the run: only called
    run.flush(10)
    started = server.of("tool_start")
    assert {event["params"]["at"] for event in started} == {"x", "y"}
    assert {event["agent_id"] for event in started} == {"a"}


CHILD = """
import crewops_client as crewops
with crewops.run("ignored") as run, run.tool("in-child"):
    pass
"""


def test_a_subprocess_joins_the_run_and_does_not_end_it(
    reporter: Reporter, server: ReportServer, tmp_path
):
    settings = reporter.settings
    own = {"CREWOPS_URL": settings.url, "CREWOPS_API_KEY": settings.api_key}
    with crewops.run("c", key="n1") as run, run.agent("a") as a, a.task("t") as task:
        environment = run.env() | own | {"CREWOPS_SPOOL_DIR": str(tmp_path)}
        environment["PYTHONPATH"] = ":".join(sys.path)
        subprocess.run([sys.executable, "-c", CHILD], env=environment, check=True)
        server.wait_for("tool_end")
        assert server.of("done") == []
    run.flush(10)
    assert server.of("tool_start")[0]["agent_id"] == "a"
    assert server.of("tool_start")[0]["task_id"] == task.task_id
    assert {event["run"] for event in server.events} == {"n1"}
    assert len(server.of("boot")) == 1
    assert len(server.of("done")) == 1


@pytest.mark.parametrize("text", ["n1", "[]", '{"run": "x"}'])
def test_a_broken_variable_is_named_and_harmless(
    reporter: Reporter, server: ReportServer, monkeypatch, caplog, text
):
    monkeypatch.setenv("CREWOPS_RUN", text)
    with crewops.run("c") as run:
        pass
    run.flush(10)
    assert server.kinds() == ["boot", "done"]
    assert caplog.text.count("CREWOPS_RUN is not what") == 1


def test_left_in_another_context_than_entered(reporter: Reporter, server: ReportServer):
    async def items():
        with crewops.current().tool("stream"):
            yield 1

    async def work():
        with crewops.run("c") as run:
            generator = items()
            await asyncio.create_task(anext(generator))
            with contextlib.suppress(StopAsyncIteration):
                await anext(generator)
        return run

    asyncio.run(work()).flush(10)
    assert server.of("tool_end")[0]["status"] == "success"


def test_what_a_framework_raises_from_a_cancellation_is_one(reporter: Reporter, server):
    with pytest.raises(RuntimeError), crewops.run("release-crew"):
        try:
            raise crewops.Cancelled("The run was cancelled on the server.")
        except crewops.Cancelled as error:
            raise RuntimeError("Error in a plugin") from error
    server.wait_for("done")
    assert server.of("done")[0]["status"] == "cancelled"
