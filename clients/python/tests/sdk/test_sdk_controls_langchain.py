"""Controls of a user in runs of LangChain: recorded with the framework, replayed, and by hand."""

import asyncio
import contextlib
import inspect
import threading
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

import crewops_client as crewops
from crewops_client.adapters import gate, langchain, langchain_approvals
from sdk import recorded
from sdk.steering import User, answers, events_of, open_run, steered

ROOT, NODE, CALL, LATER = (UUID(int=number) for number in range(1, 5))


class Replay:
    """Makes the recorded calls as LangChain does, and notes which raise."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.case = case
        self.handler = langchain.CrewOps("release-crew")
        self.user = User()
        self.raised: list[str] = []

    def in_thread(self) -> None:
        for name, args, given in self.case["calls"]:
            self.call(name, args, given)

    async def in_loop(self) -> None:
        for name, args, given in self.case["calls"]:
            if name == "control" or "sync code" in self.case["case"]:
                self.call(name, args, given)
                continue
            method = getattr(self.handler, name)
            with self.noted(name):
                made = method(*recorded.revived(args), **recorded.revived(given))
                if inspect.iscoroutinefunction(method):
                    await made

    def call(self, name: str, args: list, given: dict) -> None:
        if name == "control":
            getattr(self.user, *args)()
            return
        with self.noted(name):
            getattr(self.handler, name)(*recorded.revived(args), **recorded.revived(given))

    @contextlib.contextmanager
    def noted(self, name: str) -> Any:
        try:
            yield
        except crewops.Cancelled:
            self.raised.append(name)


@pytest.mark.parametrize("case", steered("langchain"), ids=lambda case: case["case"])
def test_recorded_cases(reporter, server, case, caplog):
    replay = Replay(case)
    is_within = case["case"].endswith("within a run")
    cancels = case["case"].startswith("asked to cancel")
    outcome = (
        pytest.raises(crewops.Cancelled) if is_within and cancels else contextlib.nullcontext()
    )
    with outcome, crewops.run("release-crew", name="Outer") if is_within else outcome:
        if "async" in case["case"] or "loop" in case["case"]:
            asyncio.run(replay.in_loop())
        else:
            replay.in_thread()
        if is_within and cancels:
            raise crewops.Cancelled
    assert reporter.flush(10)
    assert events_of(server.events) == events_of(case["events"])
    assert answers(server.events) == answers(case["events"])
    assert bool(replay.raised) is cancels
    assert server.kinds()[-1] == "done"
    assert server.of("done")[0]["status"] == ("cancelled" if cancels else "succeeded")
    assert caplog.text == ""
    assert replay.handler._entries == {}


def begin(handler: langchain.CrewOps, **about: Any) -> None:
    assert handler.on_chain_start(None, None, **{"run_id": ROOT, "name": "graph"} | about) is None


async def begin_in_loop(handler: langchain.CrewOps) -> None:
    await handler.on_chain_start(None, None, run_id=ROOT, name="graph")


async def begin_sync_in_loop(handler: langchain.CrewOps) -> None:
    begin(handler)


def tool(handler: langchain.CrewOps, **about: Any) -> None:
    about = {"run_id": CALL, "parent_run_id": ROOT} | about
    assert handler.on_tool_start({"name": "deploy"}, "", **about) is None


async def awaited_tool(handler: langchain.CrewOps, **about: Any) -> None:
    about = {"run_id": CALL, "parent_run_id": ROOT} | about
    await handler.on_tool_start({"name": "deploy"}, "", **about)


@pytest.mark.parametrize(
    ("start", "taken"),
    [
        (begin, ["cancel", "pause"]),
        (lambda handler: asyncio.run(begin_in_loop(handler)), ["cancel", "pause"]),
        (lambda handler: asyncio.run(begin_sync_in_loop(handler)), ["cancel"]),
    ],
    ids=["thread", "async", "sync in a loop"],
)
def test_a_run_declares_what_its_calls_can_do(reporter, server, start, taken):
    start(langchain.CrewOps("release-crew"))
    assert server.wait_for("boot")[0]["controls"] == taken


def test_a_model_call_alone_takes_no_controls(reporter, server):
    langchain.CrewOps("release-crew").on_chat_model_start(None, [], run_id=CALL)
    assert server.wait_for("boot")[0]["controls"] == []


def test_controls_that_are_switched_off_raise_nothing(make, monkeypatch, server):
    monkeypatch.setattr("crewops_client.reporter._current", make(controls=False))
    handler = langchain.CrewOps("release-crew")
    begin(handler)
    assert server.wait_for("boot")[0]["controls"] == []
    open_run().controls.stop()
    tool(handler)
    server.wait_for("tool_start")


@pytest.mark.parametrize("method", ["on_tool_start", "on_chat_model_start", "on_retriever_start"])
def test_after_a_cancel_no_call_begins_and_what_is_open_ends(reporter, server, method):
    handler = langchain.CrewOps("release-crew")
    begin(handler)
    tool(handler)
    User().cancel()
    with pytest.raises(crewops.Cancelled) as raised:
        getattr(handler, method)({"name": "late"}, "", run_id=LATER, parent_run_id=ROOT)
    handler.on_chain_error(raised.value, run_id=ROOT)
    assert reporter.flush(10)
    kinds = [event["type"] for event in events_of(server.events)]
    assert kinds == ["boot", "tool_start", "tool_end", "done"]
    assert [event["status"] for event in server.events[-2:]] == ["cancelled", "cancelled"]
    assert handler._entries == {}


async def test_after_a_cancel_sync_code_in_a_loop_begins_no_call(reporter):
    handler = langchain.CrewOps("release-crew")
    await begin_sync_in_loop(handler)
    User().cancel()
    with pytest.raises(crewops.Cancelled):
        tool(handler)


async def test_a_paused_call_in_a_loop_waits_and_the_loop_goes_on(reporter, server):
    handler, user = langchain.CrewOps("release-crew"), User()
    await begin_in_loop(handler)
    run = open_run()
    user.ask("pause", run)
    waiting = asyncio.create_task(awaited_tool(handler))
    while answers(server.events).get("pause") != ["control_acknowledged", "applied"]:
        await asyncio.sleep(0.005)  # the task has a turn, too
    assert not waiting.done()
    assert not server.of("tool_start")
    user.ask("resume", run)
    await waiting
    await asyncio.to_thread(server.wait_for, "tool_start")


async def test_a_call_of_another_run_in_the_loop_does_not_wait(reporter, server):
    handler = langchain.CrewOps("release-crew")
    await begin_in_loop(handler)
    User().ask("pause", open_run())
    await handler.on_chain_start(None, None, run_id=NODE, name="other")
    given = {"run_id": CALL, "parent_run_id": NODE}
    await asyncio.wait_for(handler.on_tool_start({"name": "free"}, "", **given), 20)
    await asyncio.to_thread(server.wait_for, "tool_start")


async def test_a_thread_that_a_loop_waits_for_is_not_held(reporter, server):
    """Sync code in a loop runs its tools in threads, and blocks the loop until they end."""
    handler = langchain.CrewOps("release-crew")
    async with crewops.run("release-crew") as run:
        await begin_sync_in_loop(handler)
        User().ask("pause", run)
        thread = threading.Thread(target=tool, args=(handler,))
        thread.start()
        thread.join(20)
        assert not thread.is_alive()
        await asyncio.to_thread(server.wait_for, "tool_start")
        User().ask("resume", run)


async def test_sync_code_in_a_loop_begins_and_ends_as_its_own_run_says(reporter, server):
    """Another run of the handler is paused, and async code awaits that one."""
    handler, user = langchain.CrewOps("release-crew"), User()
    await handler.on_chain_start(None, None, run_id=NODE, name="paused")
    paused = open_run()
    user.ask("pause", paused)
    begin(handler)
    tool(handler)
    await asyncio.to_thread(server.wait_for, "tool_start")
    own = handler.scope_of(ROOT).run
    assert own is not paused
    user.ask("cancel", own)
    for start in (tool, begin):
        with pytest.raises(crewops.Cancelled):
            start(handler, run_id=LATER, parent_run_id=ROOT)


@pytest.mark.parametrize("method", ["on_tool_start", "on_chat_model_start", "on_retriever_start"])
async def test_a_call_of_async_code_that_no_graph_makes_waits(reporter, server, method):
    """``await tool.ainvoke(…)`` within ``async with crewops.run(…)``."""
    handler, user = langchain.CrewOps("release-crew"), User()

    async def call() -> None:
        await getattr(handler, method)({"name": "deploy"}, "", run_id=CALL)

    async with crewops.run("release-crew") as run:
        user.ask("pause", run)
        waiting = asyncio.create_task(call())
        while not run.controls._waiting:
            assert not waiting.done()
            await asyncio.sleep(0.005)
        assert CALL not in handler._entries
        user.ask("resume", run)
        await asyncio.wait_for(waiting, 20)
        assert CALL in handler._entries
        user.ask("cancel", run)
        with pytest.raises(crewops.Cancelled):
            await call()


async def test_a_subclass_that_looks_at_its_methods_gets_the_same(reporter):
    class Proxy(langchain.CrewOps):
        def __getattribute__(self, name: str) -> Any:
            return super().__getattribute__(name)

    def read() -> Any:
        return Proxy("release-crew").on_tool_start

    assert inspect.iscoroutinefunction(Proxy("release-crew").on_tool_start)
    assert not inspect.iscoroutinefunction(read())


def test_a_run_that_waits_for_a_person_is_cancelled_at_once(reporter, server):
    handler = langchain.CrewOps("release-crew")
    interrupt = type("GraphInterrupt", (Exception,), {})()
    about = {"name": "graph", "metadata": {"thread_id": "t1"}}
    handler.on_chain_start(None, None, run_id=ROOT, **about)
    tool(handler)
    handler.on_tool_error(interrupt, run_id=CALL)
    handler.on_chain_error(interrupt, run_id=ROOT)
    User().cancel()
    assert server.wait_for("done")[0]["status"] == "cancelled"
    assert server.of("tool_end")[0]["status"] == "cancelled"


def test_a_call_that_waits_for_approval_ends_with_its_run(reporter, monkeypatch):
    def wait(*_: Any) -> None:
        raise crewops.Cancelled

    monkeypatch.setattr(gate, "wait", wait)
    call = {"name": "deploy", "args": {}, "id": "c1"}
    request = SimpleNamespace(tool_call=call, runtime=SimpleNamespace(config={}))
    with pytest.raises(crewops.Cancelled):
        langchain_approvals.Approvals().wrap_tool_call(request, lambda _: pytest.fail("entered"))
