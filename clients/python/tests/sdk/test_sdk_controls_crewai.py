"""Controls of a user in runs of CrewAI: recorded with the framework, replayed, and by hand."""

import asyncio
import contextlib
from types import SimpleNamespace
from typing import Any

import pytest

import crewops_client as crewops
from crewops_client.adapters import (
    crewai,
    crewai_approvals,
    crewai_controls,
    crewai_entries,
    gate,
)
from sdk import recorded
from sdk.steering import User, answers, events_of, open_run, steered


class Place:
    """The ids of the events around a hook."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ids: list[str | None] = [None, None]
        for number, name in enumerate(("get_current_parent_id", "get_enclosing_parent_id")):
            monkeypatch.setattr(crewai_controls, name, lambda number=number: self.ids[number])


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(monkeypatch)


@pytest.mark.parametrize("case", steered("crewai"), ids=lambda case: case["case"])
def test_recorded_cases(reporter, server, case, caplog, place):
    listener, user, raised = crewai.CrewOps("release-crew"), User(), []
    is_within = case["case"].endswith("within a run")
    cancels = case["case"].startswith("asked to cancel")
    leaves = pytest.raises(crewai_controls.HookAborted)
    outcome = leaves if is_within and cancels else contextlib.nullcontext()
    with outcome, crewops.run("release-crew", name="Outer") if is_within else outcome:
        for name, args, given in case["calls"]:
            if name == "control":
                getattr(user, *args)()
            elif name.startswith("before_"):
                place.ids = args
                try:
                    getattr(listener._steering, name)(None)
                except crewai_controls.HookAborted as error:
                    raised.append(error)
            else:
                recorded.replay([[name, args, given]], lambda name: getattr(listener, name))
        if is_within and cancels:
            raise raised[-1]
    assert reporter.flush(10)
    assert events_of(server.events) == events_of(case["events"])
    assert answers(server.events) == answers(case["events"])
    assert bool(raised) is cancels
    assert server.kinds()[-1] == "done"
    assert server.of("done")[0]["status"] == ("cancelled" if cancels else "succeeded")
    assert caplog.text == ""
    assert listener._entries == listener._calls == {}


def kickoff(listener: crewai.CrewOps) -> None:
    about = {"event_id": "crew", "parent_event_id": None, "crew_name": "nightly"}
    listener.on_event(SimpleNamespace(type="crew_kickoff_started", **about))


def tool(listener: crewai.CrewOps, name: str = "deploy") -> None:
    about = {"event_id": "tool", "parent_event_id": "crew", "tool_name": name, "tool_args": {}}
    listener.on_event(SimpleNamespace(type="tool_usage_started", **about))


def test_a_run_declares_what_its_calls_can_do(reporter, server):
    kickoff(crewai.CrewOps("release-crew"))
    assert server.wait_for("boot")[0]["controls"] == ["cancel", "pause"]


def test_a_tool_that_waits_is_shown_when_it_begins(reporter, server, place):
    listener, user = crewai.CrewOps("release-crew"), User()
    kickoff(listener)
    user.pause(lambda: len(server.of("tool_start")))
    tool(listener)
    place.ids = ["tool", "crew"]
    listener._steering.before_tool(None)
    server.wait_for("tool_start")
    server.wait(lambda: answers(server.events).get("resume", [])[-1:] == ["applied"])
    assert not server.of("error")  # of the user, to whom a call would have begun in the pause
    assert answers(server.events)["pause"] == ["control_acknowledged", "applied"]


def test_a_tool_that_an_approval_may_stop_is_not_shown_after_the_pause(reporter, server, place):
    listener, user = crewai.CrewOps("release-crew", approvals=True), User()
    kickoff(listener)
    user.pause()
    tool(listener)
    place.ids = ["tool", "crew"]
    listener._steering.before_tool(None)
    assert reporter.flush(10)
    assert not server.of("tool_start")


def test_a_tool_that_was_approved_in_a_pause_waits(reporter, server, place, monkeypatch):
    listener, user = crewai.CrewOps("release-crew", approvals=True), User()
    monkeypatch.setattr(crewai_approvals, "get_current_parent_id", lambda: "tool")
    asked = SimpleNamespace(wait=lambda: user.pause(lambda: len(server.of("tool_start"))))
    monkeypatch.setattr(gate, "question", lambda *_: asked)
    kickoff(listener)
    tool(listener)
    about = SimpleNamespace(tool_name="deploy", tool_input={})
    listener._gate.before_tool(about)
    server.wait_for("tool_start")
    server.wait(lambda: answers(server.events).get("resume", [])[-1:] == ["applied"])
    assert not server.of("error")  # of the user, to whom a call would have begun in the pause


async def test_a_call_in_an_event_loop_does_not_wait_for_the_bus(reporter, place, monkeypatch):
    listener, flushed = crewai.CrewOps("release-crew", approvals=True), []
    monkeypatch.setattr(crewai, "_flush", lambda: flushed.append(1))
    about = SimpleNamespace(tool_name="deploy", tool_input={})
    listener._steering.before_model(None)
    listener._steering.before_tool(None)
    with pytest.raises(crewai_controls.HookAborted):
        listener._gate.before_tool(about)
    assert not flushed
    await asyncio.to_thread(listener._steering.before_model, None)
    assert flushed


def test_a_call_in_a_run_of_the_program_does_not_wait_for_the_bus(reporter, place, monkeypatch):
    listener = crewai.CrewOps("release-crew")
    monkeypatch.setattr(crewai, "_flush", lambda: pytest.fail("waited"))
    with crewops.run("release-crew"):
        listener._steering.before_model(None)


def test_outside_of_runs_nothing_waits(reporter, place):
    listener = crewai.CrewOps("release-crew")
    listener._steering.before_model(None)
    listener._steering.before_tool(None)


async def test_the_thread_of_an_event_loop_never_waits(reporter, place):
    listener = crewai.CrewOps("release-crew")
    kickoff(listener)
    run = open_run()
    User().ask("pause", run)
    place.ids = ["crew", None]
    listener._steering.before_model(None)
    User().ask("cancel", run)
    with pytest.raises(crewai_controls.HookAborted, match="cancelled"):
        listener._steering.before_model(None)


def test_a_call_in_a_run_of_the_program_is_cancelled_without_an_event(reporter, place):
    listener = crewai.CrewOps("release-crew")
    with crewops.run("release-crew") as run:
        User().ask("cancel", run)
        with pytest.raises(crewai_controls.HookAborted) as raised:
            listener._steering.before_model(None)
    assert isinstance(raised.value.__cause__, crewops.Cancelled)


def test_a_tool_that_is_resumed_before_its_hook_is_shown_at_once(reporter, server, place):
    listener, user = crewai.CrewOps("release-crew"), User()
    kickoff(listener)
    user.ask("pause", open_run())
    tool(listener)
    user.ask("resume", open_run())
    place.ids = ["tool", "crew"]
    listener._steering.before_tool(None)
    server.wait_for("tool_start")


def event(kind: str, started: str | None, parent: str | None, **about: Any) -> SimpleNamespace:
    ids = {"event_id": f"{kind} of {started}", "started_event_id": started}
    return SimpleNamespace(type=kind, parent_event_id=parent, **ids, **about)


def test_a_task_in_another_thread_is_stopped_after_the_end_of_its_crew(reporter, server, place):
    """CrewAI does not wait for it. By hand."""
    listener = crewai.CrewOps("release-crew")
    kickoff(listener)
    for number, role in enumerate(("Scout", "Writer")):
        agent = SimpleNamespace(role=role)
        task = SimpleNamespace(name="Fetch", agent=agent)
        begun = {"parent_event_id": "crew", "event_id": f"task{number}"}
        listener.on_event(SimpleNamespace(type="task_started", task=task, **begun))
        begun = {"parent_event_id": f"task{number}", "event_id": f"agent{number}"}
        listener.on_event(SimpleNamespace(type="agent_execution_started", agent=agent, **begun))
    User().cancel()
    error = crewai_entries.CANCELLED
    listener.on_event(event("task_failed", "agent0", "task0", error=error))
    listener.on_event(event("crew_kickoff_failed", "task0", "crew", error=error))
    place.ids = ["agent1", "task1"]
    with pytest.raises(crewai_controls.HookAborted):
        listener._steering.before_model(None)
    listener.on_event(event("task_failed", "agent1", "task1", error=error))
    assert reporter.flush(10)
    ends = [(each["type"], each.get("status")) for each in server.events if "status" in each]
    assert ends.count(("agent_end", "cancelled")) == ends.count(("task_end", "cancelled")) == 2
    assert ends[-1] == ("done", "cancelled")
    assert server.kinds().count("boot") == 1
    assert listener._entries == {}


@pytest.mark.parametrize("error", ["no such page", f"deploy job 7: {crewai_entries.CANCELLED}"])
def test_a_failure_of_a_run_that_nobody_cancelled_stays_one(reporter, server, error):
    listener = crewai.CrewOps("release-crew")
    kickoff(listener)
    listener.on_event(event("crew_kickoff_failed", "crew", None, error=error))
    assert server.wait_for("done")[0]["status"] == "failed"
    assert listener._entries == {}


def begin(listener: crewai.CrewOps, kind: str, id: str, parent: str | None, **about: Any) -> None:
    ids = {"event_id": id, "parent_event_id": parent}
    listener.on_event(SimpleNamespace(type=f"{kind}_started", **ids, **about))


def test_a_flow_that_goes_on_after_a_cancel_leaves_nothing(reporter, server):
    """It catches HookAborted, so the flow and its methods finish."""
    listener = crewai.CrewOps("release-crew")
    begin(listener, "flow", "flow", None, flow_name="nightly")
    User().cancel()
    error, agent = crewai_entries.CANCELLED, SimpleNamespace(role="Scout")
    for at in ("1", "2"):
        begin(listener, "method_execution", f"method{at}", "flow")
        begin(listener, "crew_kickoff", f"crew{at}", f"method{at}", crew_name="deploy")
        task = SimpleNamespace(name="Fetch", agent=agent)
        begin(listener, "task", f"task{at}", f"crew{at}", task=task)
        begin(listener, "agent_execution", f"agent{at}", f"task{at}", agent=agent)
        listener.on_event(event("task_failed", f"agent{at}", f"task{at}", error=error))
        listener.on_event(event("crew_kickoff_failed", f"task{at}", f"crew{at}", error=error))
        listener.on_event(event("method_execution_finished", f"method{at}", "flow"))
    listener.on_event(event("flow_finished", "flow", None))
    assert reporter.flush(10)
    assert server.kinds().count("boot") == 1
    assert server.of("done")[0]["status"] == "succeeded"
    assert listener._entries == {}


def test_tasks_whose_ends_are_not_reported_are_limited(reporter, monkeypatch):
    monkeypatch.setattr(crewai_entries, "UNFINISHED_KEPT", 2)
    listener = crewai.CrewOps("release-crew")
    for number in range(3):
        kickoff(listener)
        task = SimpleNamespace(name="Fetch", agent=None)
        begin(listener, "task", f"task{number}", "crew", task=task)
        listener.on_event(event("crew_kickoff_completed", "crew", None))
    assert list(listener._entries) == ["task1", "task2"]


def test_the_text_of_a_cancel_is_the_one_that_is_looked_for(reporter):
    with crewops.run("release-crew") as run:
        User().ask("cancel", run)
        with pytest.raises(crewops.Cancelled, match=crewai_entries.CANCELLED):
            run.checkpoint()
