"""Controls in a program: where it waits, what it answers, and that nothing else changes."""

import asyncio
import builtins
import contextlib
import multiprocessing
import sys
import threading
import time
from collections.abc import Callable

import pytest

import crewops_client as crewops
from crewops_client import follow
from crewops_client.reporter import Reporter
from sdk.report_server import ReportServer


class Asks:
    """Hands events to a run as its follower does."""

    def __init__(self, run: crewops.Run) -> None:
        self.run = run
        self.number = 0

    def __call__(self, action: str, text: str = "") -> str:
        self.number += 1
        id = f"c{self.number}"
        event = {"control_id": id, "action": action, "by": "mia", "text": text}
        self.again(event)
        return id

    def again(self, event: dict) -> None:
        for handler in self.run.follower._handlers["control_requested"]:
            handler({"type": "control_requested", **event})


@pytest.fixture
def run(reporter: Reporter) -> crewops.Run:
    return crewops.run("release-crew", key="n1").start()


@pytest.fixture
def ask(run: crewops.Run) -> Asks:
    return Asks(run)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class Thread:
    """Does something in a thread, and keeps what came of it."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.error: BaseException | None = None
        self._work = work
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:
            self.error = error

    @property
    def waits(self) -> bool:
        return self._thread.is_alive()

    def end(self) -> None:
        self._thread.join(20)
        assert not self._thread.is_alive()


def answers(server: ReportServer, id: str) -> list[tuple]:
    return [
        (event["type"].partition("_")[2], event.get("status"))
        for event in server.events
        if event.get("control_id") == id
    ]


def test_a_boot_says_what_the_program_takes(run, server):
    (boot,) = server.wait_for("boot")
    assert boot["controls"] == ["cancel", "pause", "message"]


def test_controls_can_be_switched_off(make, monkeypatch, server):
    monkeypatch.setattr("crewops_client.reporter._current", make(controls=False))
    run = crewops.run("release-crew").start()
    (boot,) = server.wait_for("boot")
    assert "controls" not in boot
    run.controls.stop()
    with run.tool("still"):
        pass


def test_without_the_package_for_sockets_only_a_cancel_is_heard(reporter, server, monkeypatch):
    monkeypatch.setattr(follow.importlib.util, "find_spec", lambda name: None)
    crewops.run("release-crew").start()
    (boot,) = server.wait_for("boot")
    assert "controls" not in boot


def test_a_program_follows_a_limited_number_of_runs(reporter, monkeypatch):
    monkeypatch.setattr(follow, "FOLLOWED_AT_MOST", 2)
    runs = [crewops.run("release-crew") for _ in range(3)]
    assert [run.takes_controls for run in runs] == [True, True, False]
    runs[0].start().end()
    assert crewops.run("release-crew").takes_controls


@pytest.mark.parametrize("begin", ["tool", "llm", "agent", "checkpoint", "decorated"])
def test_a_paused_run_begins_nothing_until_it_is_resumed(run, ask, server, begin):
    @crewops.tool
    def decorated() -> None:
        entered.set()

    def work() -> None:
        if begin == "checkpoint":
            run.checkpoint()
        elif begin == "decorated":
            with run:
                decorated()
        else:
            with getattr(run, begin)(*("openai", "gpt")[: 2 if begin == "llm" else 1]):
                entered.set()

    entered = threading.Event()
    pause = ask("pause")
    server.wait(lambda: answers(server, pause) == [("acknowledged", None)])
    thread = Thread(work)
    server.wait(lambda: answers(server, pause)[1:] == [("applied", "applied")])
    assert thread.waits
    assert not entered.is_set()
    assert not {"tool_start", "llm_start", "agent_start"} & {*server.kinds()}
    resume = ask("resume")
    thread.end()
    assert thread.error is None
    assert entered.is_set() or begin == "checkpoint"
    server.wait(lambda: len(answers(server, resume)) == 2)
    assert answers(server, resume) == [("acknowledged", None), ("applied", "applied")]


def test_a_pause_that_nobody_reached_is_never_reported_as_applied(run, ask, server):
    pause = ask("pause")
    ask("resume")
    run.checkpoint()
    assert run.flush(10)
    assert answers(server, pause) == [("acknowledged", None)]


def test_a_second_pause_is_applied_where_the_program_still_waits(run, ask, server):
    ask("pause")
    thread = Thread(run.checkpoint)
    server.wait_for("control_applied")
    run.controls._go.clear()  # before the thread has noticed the resume
    second = ask("pause")
    server.wait(lambda: answers(server, second)[-1:] == [("applied", "applied")])
    ask("resume")
    thread.end()


def test_a_pause_at_once_after_a_resume_keeps_the_program_waiting(run, ask, server):
    ask("pause")
    thread = Thread(run.checkpoint)
    server.wait_for("control_applied")
    ask("resume")
    second = ask("pause")
    server.wait(lambda: answers(server, second)[-1:] == [("applied", "applied")])
    assert thread.waits
    ask("resume")
    thread.end()


def test_a_cancel_ends_what_waits_and_all_that_would_begin(run, ask, server):
    ask("pause")
    thread = Thread(run.checkpoint)
    server.wait_for("control_applied")
    cancel = ask("cancel")
    thread.end()
    assert isinstance(thread.error, crewops.Cancelled)
    for begin in (run.checkpoint, lambda: run.tool("x"), lambda: run.agent("a")):
        with pytest.raises(crewops.Cancelled):
            begin()
    with pytest.raises(crewops.Cancelled), run:
        run.llm("openai", "gpt")
    (done,) = server.wait_for("done")
    assert done["status"] == "cancelled"
    assert answers(server, cancel) == [("acknowledged", None)]  # the end of the run answers it


def test_messages_are_answered_when_the_program_takes_them(run, ask, server):
    assert list(run.messages()) == []
    first, second = ask("message", "be quick"), ask("message", "and kind")
    assert run.flush(10)
    assert answers(server, first) == [("acknowledged", None)]
    messages = iter(run.messages())
    message = next(messages)
    assert (str(message), message.by) == ("be quick", "mia")
    assert run.flush(10)
    assert answers(server, first)[1:] == [("applied", "applied")]
    assert len(answers(server, second)) == 1
    assert [str(each) for each in messages] == ["and kind"]
    assert run.messages().get(0.01) is None


def test_a_message_can_be_waited_for(run, ask):
    got: list[object] = []
    thread = Thread(lambda: got.append(run.messages().get()))
    ask("message", "hello")
    thread.end()
    assert str(got[0]) == "hello"
    waits = Thread(lambda: got.append(run.messages().get()))
    run.follower.over.set()
    run.controls._lost()
    waits.end()
    assert got[1] is None


def test_messages_that_nobody_takes_are_limited(run, ask, server, monkeypatch):
    monkeypatch.setattr("crewops_client.controls.MESSAGES_KEPT", 1)
    ask("message", "a")
    second = ask("message", "b")
    assert run.flush(10)
    assert answers(server, second)[-1] == ("applied", "refused")


def test_what_is_received_twice_is_done_once(run, ask, server):
    id = ask("message", "a")
    ask.again({"control_id": id, "action": "message", "by": "mia", "text": "a"})
    assert [str(message) for message in run.messages()] == ["a"]


def test_an_unknown_control_is_refused(run, ask, server):
    id = ask("explode")
    assert run.flush(10)
    assert answers(server, id)[-1] == ("applied", "refused")


def test_a_program_that_nothing_reaches_any_more_does_not_wait(run, ask):
    ask("pause")
    thread = Thread(run.checkpoint)
    until(lambda: run.controls._waiting == 1)
    run.controls._lost()
    thread.end()
    assert thread.error is None


async def test_async_code_waits_without_holding_the_loop(run, ask, server):
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.001)

    async def work() -> str:
        async with run.tool("slow"):
            return "entered"

    counting = asyncio.create_task(count())
    pause = ask("pause")
    working = asyncio.create_task(work())
    before = turns
    while not answers(server, pause)[1:]:
        await asyncio.sleep(0.005)
    assert turns > before
    assert not working.done()
    ask("resume")
    assert await working == "entered"
    counting.cancel()


async def test_async_code_is_cancelled_where_it_waits(run, ask, server):
    async def work() -> None:
        async with run.tool("slow"):
            pytest.fail("entered")

    ask("pause")
    working = asyncio.create_task(work())
    await asyncio.sleep(0.02)
    ask("cancel")
    with pytest.raises(crewops.Cancelled):
        await working
    (ended,) = server.wait_for("tool_end")
    assert ended["status"] == "cancelled"


async def test_sync_code_in_an_event_loop_never_waits(run, ask):
    ask("pause")
    with run.tool("in a loop"):  # it would hold every other task
        pass


async def test_async_code_takes_messages(run, ask):
    getting = asyncio.create_task(run.messages().aget(20))
    await asyncio.sleep(0.01)
    ask("message", "hello")
    assert str(await getting) == "hello"
    assert await run.messages().aget(0) is None


async def test_async_code_does_not_wait_for_messages_of_a_cancelled_run(run, ask):
    getting = asyncio.create_task(run.messages().aget())
    await asyncio.sleep(0.01)
    ask("message", "hello")
    assert str(await getting) == "hello"
    getting = asyncio.create_task(run.messages().aget())
    await asyncio.sleep(0.01)
    ask("cancel")
    assert await asyncio.wait_for(getting, 20) is None


@pytest.mark.parametrize(
    ("other", "status"), [(None, "cancelled"), (ValueError("it broke"), "failed")]
)
async def test_a_cancel_in_a_group_of_tasks(run, ask, server, other, status):
    async def work() -> None:
        with run.tool("first"):
            pass
        ask("cancel")
        await run.acheckpoint()

    async def fail() -> None:
        if other:
            raise other

    with contextlib.suppress(builtins.BaseExceptionGroup):
        async with run.agent("orion"), asyncio.TaskGroup() as group:
            group.create_task(work())
            group.create_task(fail())
    (ended,) = server.wait_for("agent_end")
    assert ended["status"] == status


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_a_forked_child_never_waits(run, ask):
    ask("pause")
    context = multiprocessing.get_context("fork")
    child = context.Process(target=run.checkpoint)
    child.start()
    child.join(20)
    assert child.exitcode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_a_forked_child_does_not_wait_after_its_first_event(run, ask):
    def work() -> None:
        run.error("first")
        with run.tool("second"):
            assert run.messages().get(0) is None

    ask("pause")
    child = multiprocessing.get_context("fork").Process(target=work, daemon=True)
    with run.controls._lock:  # as another thread may at this moment
        child.start()
    child.join(20)
    assert child.exitcode == 0


def test_a_follower_that_a_handler_disturbs_goes_on(run, caplog):
    got: list[int] = []
    follower = run.follower
    follower.listen("done", lambda event: 1 // 0)
    follower.listen("done", lambda event: got.append(event["seq"]))
    follower._take({"type": "done", "seq": 7})
    assert (got, follower._seq) == ([7], 7)
    assert "was not handled" in caplog.text


def test_a_follower_goes_on_after_the_last_event_and_from_the_start_after_a_reset(run):
    follower = run.follower
    assert follower._address("r").endswith("/ws/runs/r")
    follower._take({"type": "hello", "epoch": "e", "head": 9})
    follower._take({"type": "boot", "seq": 1})
    assert follower._address("r").endswith("/ws/runs/r?since=1&epoch=e")
    follower._take({"type": "reset", "epoch": "f", "head": 3})
    assert follower._address("r").endswith("/ws/runs/r")
