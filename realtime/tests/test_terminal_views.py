"""The output of the terminal client."""

import io

import pytest
from rich.console import Console
from rich.text import Text

from realtime.terminal import drawing
from realtime.terminal.approvals import DECIDED_KEPT
from realtime.terminal.graph_view import RUNS_FOLLOWED, GraphView
from realtime.terminal.mission_view import MissionView
from realtime.terminal.run_view import RunView

AT = "2026-01-01T12:00:0{}.000000Z"


class Still:
    """A spinner that looks the same at all times."""

    def render(self, at: float) -> Text:
        return Text("~")


@pytest.fixture(autouse=True)
def still(monkeypatch):
    monkeypatch.setattr(drawing, "_spinner", Still())


def drawn(view: RunView | GraphView | MissionView) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(view.render())
    return console.file.getvalue()


def tool(kind: str, second: int, **fields: object) -> dict:
    of = {"run_id": "r", "crew_id": "c", "agent_id": "orion", "execution_id": "x", "tool": "pytest"}
    return {"type": f"tool_{kind}", "seq": second, "timestamp": AT.format(second)} | of | fields


def event(kind: str, second: int, **fields: object) -> dict:
    of = {"run_id": "r", "crew_id": "c", "seq": second, "timestamp": AT.format(second)}
    return {"type": kind} | of | fields


BOOT = event(
    "boot",
    0,
    crew="Release",
    agents=[{"agent_id": "orion", "name": "Orion", "role": "Scout"}],
    tasks=[
        {"task_id": "1", "name": "Fetch", "agent_id": "orion"},
        {"task_id": "2", "name": "Test", "agent_id": "orion"},
    ],
)


def test_the_run_view_puts_each_tool_under_the_task_it_was_called_in():
    view = RunView()
    view.feed(BOOT)
    assert view.more_streams == ["graph/c"]
    assert "· Fetch" in drawn(view)
    view.feed(event("agent_start", 1, agent_id="orion"))
    view.feed(event("task_start", 1, task_id="1", name="Fetch", agent_id="orion"))
    # The two sockets are not in step: a tool's event can arrive before that of its task.
    view.feed(tool("start", 3, params={}))
    view.feed(tool("progress", 4, message="3 of 9\x1b[2J tests", progress=0.3))
    view.feed(
        event("task_end", 2, task_id="1", agent_id="orion", status="succeeded", duration_s=1.0)
    )
    view.feed(event("task_start", 3, task_id="2", name="Test", agent_id="orion"))
    text = drawn(view)
    assert text.index("✓ Fetch 1.0 s") < text.index("Test") < text.index("pytest")
    assert "3 of 9 [2J tests" in text
    view.feed(tool("end", 5, status="completed_with_errors", duration_s=2.0, exit_code=1))
    view.feed(event("error", 5, message="Some tests failed.", reason="tool_failed"))
    view.feed(event("done", 6, status="failed", duration_s=5.0, reason="task_failed"))
    text = drawn(view)
    assert "✗ pytest 2.0 s" in text
    assert "✗ Some tests failed." in text
    assert "failed in 5.0 s" in text


def test_the_run_view_leaves_out_the_tools_of_other_runs():
    view = RunView()
    view.feed(BOOT)
    view.feed(event("task_start", 1, task_id="1", name="Fetch", agent_id="orion"))
    view.feed(tool("start", 2, run_id="another", params={}))
    assert "pytest" not in drawn(view)


def test_the_graph_view_shows_what_each_agent_has_in_hand():
    view = GraphView(lambda crew_id: {"c": "Release"}[crew_id])
    assert "No agent" in drawn(view)
    agents = [{"agent_id": "orion", "name": "Orion", "role": "Scout", "state": "idle"}]
    snapshot = {"type": "snapshot", "stream": "graph:c", "seq": 1, "agents": agents}
    view.feed(snapshot | {"executions": []})
    assert "Release" in drawn(view)
    assert "idle" in drawn(view)
    view.feed(tool("start", 2, params={}))
    view.feed(tool("progress", 3, message="1 of 2 tests done"))
    assert "1 of 2 tests done" in drawn(view)
    view.feed(tool("end", 4, status="success", duration_s=3.0, exit_code=0))
    assert "✓ pytest 3.0 s" in drawn(view)
    view.feed(snapshot | {"executions": []})
    assert "pytest" not in drawn(view)


CALL = {"agent_id": "orion", "call_id": "k", "provider": "openai", "model": "gpt-5-mini"}


def test_the_run_view_shows_model_calls_handoffs_and_totals():
    view = RunView()
    view.feed(BOOT)
    named = {"name": "Vega", "role": "Tester", "parent_agent_id": "orion"}
    view.feed(event("agent_start", 1, agent_id="vega", **named))
    view.feed(event("llm_start", 2, **CALL))
    view.feed(
        event("llm_start", 2, **CALL | {"run_id": "another", "call_id": "x", "model": "other"})
    )
    view.feed(
        event("handoff", 3, from_agent_id="orion", to_agent_id="vega", message="Go\x1b[2J on")
    )
    text = drawn(view)
    assert "thinking: gpt-5-mini" in text
    assert "other" not in text
    assert "called by Orion" in text
    assert "Orion → Vega Go [2J on" in text
    ended = {"agent_id": "orion", "call_id": "k", "duration_s": 1.0, "status": "success"}
    view.feed(event("llm_end", 4, **ended, input_tokens=1812, output_tokens=94))
    text = drawn(view)
    assert "thinking" not in text
    assert "1 model call · 1,812 tokens in · 94 tokens out · 1 without cost" in text


def test_the_graph_view_shows_an_agent_that_thinks():
    view = GraphView(str)
    view.feed(event("llm_start", 1, **CALL))
    assert "thinking: gpt-5-mini" in drawn(view)


def test_the_mission_view_shows_every_crew():
    names = {"c": "Release", "d": "Rewrite"}
    view = MissionView(names.__getitem__)
    assert "No crew" in drawn(view)
    for crew_id, status in (("d", "busy"), ("c", "offline"), ("c", "available")):
        payload = {"status": status, "crewId": crew_id}
        at = AT.format(1)
        view.feed({"type": "signal", "timestamp": at, "crew_id": crew_id, "payload": payload})
    text = drawn(view)
    assert text.index("Release") < text.index("Rewrite")
    assert "✓ available" in text
    assert "busy" in text
    assert "offline" not in text


def test_the_run_view_starts_afresh_with_its_own_stream_alone():
    view = RunView()
    view.feed(BOOT)
    view.feed(event("task_start", 1, task_id="1", name="Fetch", agent_id="orion"))
    view.feed(tool("start", 2, params={}))
    before = drawn(view)
    assert "Release" in before
    for stream in ("graph:c", "mission:c"):
        view.feed({"type": "reset", "stream": stream, "reason": "pruned", "epoch": "e", "head": 9})
        assert drawn(view) == before
    view.feed({"type": "reset", "stream": "run:r", "reason": "pruned", "epoch": "e", "head": 9})
    assert "Fetch" not in drawn(view)
    assert view.more_streams == ["graph/c"], "or the tools' stream would be followed twice"
    view.feed(BOOT)
    view.feed(event("task_start", 1, task_id="1", name="Fetch", agent_id="orion"))
    assert drawn(view) == before


UNKNOWN = [
    event("agent_message", 3, run_id="another", agent_id="orion", message="x"),
    event("agent_message", 3, agent_id="orion", message="x"),
    event("tool_thought", 3, thought="x"),
    event("done", 3, run_id="another", status="failed", duration_s=1.0),
    event("boot", 3, run_id="another", crew="Other", agents=[], tasks=[]),
    {"type": "weather", "stream": "run:r", "reason": "x"},
    {"type": "weather"},
]


@pytest.mark.parametrize("frame", UNKNOWN, ids=lambda frame: frame["type"])
def test_views_ignore_what_they_do_not_know(frame):
    views = [RunView(), GraphView(str), MissionView(str)]
    for view in views:
        view.feed(BOOT)
        view.feed(event("agent_start", 1, agent_id="orion"))
        view.feed(event("agent_end", 2, agent_id="orion", status="succeeded"))
        before = drawn(view)
        view.feed(frame)
        assert drawn(view) == before


def test_views_leave_out_a_crew_that_is_gone():
    graph, mission = GraphView(str), MissionView(str)
    agents = [{"agent_id": "orion", "name": "Orion", "role": "", "state": "idle"}]
    for crew in ("first", "other"):
        graph.feed(
            {
                "type": "snapshot",
                "stream": f"graph:{crew}",
                "seq": 1,
                "agents": agents,
                "executions": [],
            }
        )
        mission.feed(event("signal", 1, crew_id=crew, payload={"status": "busy"}))
    graph.feed({"type": "gone", "stream": "graph:first"})
    mission.feed({"type": "gone", "stream": "mission:first"})
    for view in (graph, mission):
        assert "first" not in drawn(view)
        assert "other" in drawn(view)


def test_a_run_shows_what_was_asked_of_it():
    view = RunView()
    view.feed(BOOT)
    asked = {"control_id": "a", "action": "pause", "by": "mia"}
    view.feed(event("control_requested", 1, **asked))
    assert "pause by mia: requested" in drawn(view)
    view.feed(event("control_acknowledged", 2, control_id="a"))
    view.feed(event("control_applied", 3, control_id="a", status="applied", detail=""))
    assert "pause by mia: applied" in drawn(view)
    assert "paused" in drawn(view).splitlines()[0]
    view.feed(event("control_requested", 4, control_id="b", action="message", by="mia", text="go"))
    view.feed(event("control_applied", 5, control_id="b", status="refused", detail="It cannot."))
    assert "message “go” by mia: refused It cannot." in drawn(view)


def test_a_run_shows_what_of_its_budgets_is_used():
    view = RunView()
    view.feed(BOOT)
    about = {"alert_id": "a", "period": "run", "measure": "tool_calls", "limit": 10.0}
    view.feed(event("budget_warning", 1, used=8.0, **about))
    assert "budget: the run has used 8 of 10 tool calls" in drawn(view)
    day = {"alert_id": "b", "period": "day", "measure": "usd", "limit": 2.5, "used": 3.25}
    view.feed(event("budget_exceeded", 2, action="cancel", since="2026-01-01T00:00:00Z", **day))
    assert "budget: the crew today has used 3.25 of 2.5 usd" in drawn(view)


def waits(approval_id: str, second: int, **fields: object) -> dict:
    about = {"agent_id": "orion", "tool": "deploy", "expires_at": "later", "admins_only": False}
    about |= {"params": {}, "seen": ""}
    return event("approval_requested", second, approval_id=approval_id, **about | fields)


def decided(approval_id: str, second: int, decision: str, by: str = "", note: str = "") -> dict:
    about = {"approval_id": approval_id, "decision": decision, "by": by, "note": note}
    return event("approval_decided", second, **about)


def test_a_run_shows_the_last_calls_about_which_was_decided():
    view = RunView()
    view.feed(BOOT)
    view.feed(waits("1", 1))
    assert "~ waits for approval: deploy" in drawn(view)
    view.feed(decided("1", 2, "approved", by="anna"))
    text = drawn(view)
    assert "waits for approval" not in text
    assert "✓ deploy of Orion: approved by anna\n" in text
    view.feed(waits("2", 3))
    view.feed(decided("2", 4, "denied", by="anna", note="Not\x1b[2J now."))
    view.feed(waits("3", 5))
    view.feed(decided("3", 6, "expired"))
    view.feed(decided("from before the first event", 7, "expired", note="Its server was lost."))
    text = drawn(view)
    assert "✗ deploy of Orion: denied by anna: Not [2J now.\n" in text
    assert "✗ deploy of Orion: expired\n" in text
    assert "✗ a tool call: expired: Its server was lost.\n" in text
    for number in range(DECIDED_KEPT):
        view.feed(decided(f"{number}", 8, "expired"))
    assert drawn(view).count("✗") == drawn(view).count("expired") == DECIDED_KEPT
    view.feed(decided("1", 9, "approved", by="anna") | {"run_id": "another"})
    assert "anna" not in drawn(view)
    view.feed({"type": "reset", "stream": "run:r", "reason": "pruned", "epoch": "e", "head": 9})
    assert "expired" not in drawn(view)


def held(action: str, second: int, **fields: object) -> list[dict]:
    """A pause or resume, and its answer."""
    asked = event("control_requested", second, control_id=action, action=action, by="ada")
    done = event("control_applied", second, control_id=action, status="applied", detail="")
    return [asked | fields, done | fields]


def test_the_run_view_shows_the_agents_and_tools_of_a_paused_run():
    view = RunView()
    started = {"task_id": "1", "name": "Fetch", "agent_id": "orion"}
    for frame in (
        BOOT,
        event("agent_start", 1, agent_id="orion"),
        event("task_start", 1, **started),
        tool("start", 2, params={}),
    ):
        view.feed(frame)
    for sign, control in (("~", None), ("‖", "pause"), ("~", "resume")):
        for frame in held(control, 3) if control else []:
            view.feed(frame)
        text = drawn(view)
        for line in ("Orion Scout", "Fetch", "pytest"):
            assert f"{sign} {line}" in text


def test_the_run_view_shows_that_a_call_goes_on_while_its_program_is_paused():
    view = RunView()
    named = {"task_id": "1", "name": "Fetch", "agent_id": "orion"}
    view.feed(BOOT | {"agents": [], "tasks": []})
    view.feed(event("agent_start", 1, agent_id="orion", name="Orion", role="Scout"))
    view.feed(event("task_start", 1, **named))
    view.feed(tool("start", 2, params={}))
    for frame in held("pause", 3):
        view.feed(frame)
    assert "‖" not in drawn(view)
    view.feed(tool("end", 4, status="success", duration_s=1.0, exit_code=None))
    text = drawn(view)
    assert "‖ Orion" in text
    assert "‖ Fetch" in text
    assert "✓ pytest" in text


def test_the_graph_view_follows_runs_at_work_and_shows_what_holds_them_up():
    view = GraphView(str)
    assert view.more_streams == []
    view.feed(tool("start", 1, params={}))
    assert view.more_streams == ["runs/r"]
    started = event("task_start", 1, task_id="1", name="Fetch", agent_id="orion")
    for frame in (BOOT, started, *held("pause", 2)):
        view.feed(frame)
    assert "‖ pytest" in drawn(view)
    view.feed(tool("end", 3, status="success", duration_s=1.0, exit_code=0))
    assert "‖ paused" in drawn(view)
    for frame in held("resume", 4):
        view.feed(frame)
    assert "✓ pytest" in drawn(view)
    asked = {"approval_id": "a", "agent_id": "orion", "tool": "deploy", "expires_at": "later"}
    view.feed(event("approval_requested", 5, **asked))
    assert "waits for approval" in drawn(view)


def test_the_graph_view_follows_a_limited_number_of_runs():
    view = GraphView(str)
    for n in range(RUNS_FOLLOWED + 5):
        view.feed(tool("start", 1, run_id=f"r{n}", execution_id=f"x{n}", params={}))
    assert view.more_streams == [f"runs/r{n}" for n in range(RUNS_FOLLOWED)]
