"""The state of a crew that a sequence of events describes: for terminal, pages and time travel.

``realtime/static/realtime/state/crew_state.js`` does in the browser the same as ``CrewState`` here.
Both are tested with the same sequences, in ``runs/tests/events/vectors.json``.
"""

from typing import Any

from msgspec import Struct, field

from runs.events.agent_states import agent_state
from runs.events.kinds import KINDS
from runs.events.model_state import ModelState
from runs.events.run_state import RunState

EXECUTIONS_KEPT = 200
BEGINNINGS = ("tool_start", "llm_start", "handoff")  # kinds that may be the first of a run
REPORTED = ("message", "progress", "status", "duration_s", "exit_code")  # copied from tool events


class CrewState(Struct):
    """A crew's graph: the activity of its agents, from the graph stream and its runs' streams.

    An agent is waiting while a tool call of it waits for approval, in any run whose stream is
    followed. It is thinking while a model call of it is open, in any run, and working while any of
    its tasks or tools is running. If each of these is held by a pause, it is paused. Otherwise its
    last task counts. As in a snapshot, the state contains the active runs and the newest one. If no
    run stream is followed, the state is that of the snapshot, updated when tools end.
    ``executions``: ``{execution_id: {run_id, agent_id, execution_id, tool, status, started_at,
    ...}}``.
    """

    executions: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, RunState] = field(default_factory=dict)
    model: ModelState = field(default_factory=ModelState)
    # {agent_id: {agent_id, name, role, parent_agent_id?}}
    agents: dict[str, dict[str, Any]] = field(default_factory=dict)
    # {agent_id: state}, used if no run stream is followed
    reported: dict[str, str] = field(default_factory=dict)

    def apply(self, frame: dict[str, Any]) -> None:
        """Apply a frame of the graph stream or of a run's stream. Other frames are ignored."""
        kind = KINDS.get(frame["type"])
        stream = kind.stream if kind else frame.get("stream", "").partition(":")[0]
        if stream == "run":
            self._apply_run(frame)
        elif stream == "graph":
            if kind:  # a client that connects with `since` gets no snapshot
                for name in ("agent_id", "from_agent_id", "to_agent_id"):
                    self._name_agent(frame.get(name))
                if not self._knows(frame["run_id"]) and frame["type"] in BEGINNINGS:
                    self._forget_ended(frame["run_id"])
            self.model.apply(frame)
            match frame["type"]:
                case "snapshot":
                    self._snapshot(frame)
                case "tool_start":
                    self._add(frame)
                case "tool_progress" | "tool_end":
                    self._report(frame)

    def state_of(self, agent_id: str) -> str:
        """``idle``, ``waiting``, ``thinking``, ``working``, ``paused``, ``done`` or ``error``."""
        if any(run.waits(agent_id) for run in self.runs.values()):
            return "waiting"
        if self.model_calls_of(agent_id):
            return "thinking"
        work = [(task["status"], run.paused) for run, task in self._tasks(agent_id)]
        calls = self.calls_of(agent_id)
        work += [("running", self.is_stopped(c)) for c in calls if c["status"] == "running"]
        if work or self.runs:
            return agent_state(work)
        return self.reported.get(agent_id, "idle")

    def task_of(self, agent_id: str) -> str | None:
        """Return the id of the agent's running task, else of its last one."""
        tasks = [task for _, task in self._tasks(agent_id)]
        running = [task for task in tasks if task["status"] == "running"]
        return next((task["task_id"] for task in reversed(running or tasks)), None)

    def tools_of(self, agent_id: str) -> list[dict[str, Any]]:
        """Return the agent's running tools, else the last one that ended."""
        calls = self.calls_of(agent_id)
        return [call for call in calls if call["status"] == "running"] or calls[-1:]

    def calls_of(self, agent_id: str) -> list[dict[str, Any]]:
        """Return the agent's tool calls, oldest first."""
        return [call for call in self.executions.values() if call["agent_id"] == agent_id]

    def is_stopped(self, call: dict[str, Any]) -> bool:
        """Whether the tool call is running and a pause of its run has stopped it."""
        run = self.runs.get(call["run_id"])
        return call["status"] == "running" and run is not None and run.stops_tools

    def model_calls_of(self, agent_id: str) -> list[dict[str, Any]]:
        """Return the agent's open model calls, oldest first."""
        return [call for call in self.model.calls.values() if call["agent_id"] == agent_id]

    def parent_of(self, agent_id: str) -> str | None:
        """Return the agent that has called this one, in the newest run that says so."""
        own = [self.agents, *(run.agents for run in self.runs.values())]
        parents = (agents.get(agent_id, {}).get("parent_agent_id") for agents in reversed(own))
        return next(filter(None, parents), None)

    def _tasks(self, agent_id: str) -> list[tuple[RunState, dict[str, Any]]]:
        """Return the agent's tasks that have started, in the order of their start."""
        tasks = ((run, task) for run in self.runs.values() for task in run.tasks.values())
        own = [(run, task) for run, task in tasks if task["agent_id"] == agent_id]
        started = [(run, task) for run, task in own if "started_at" in task]
        return sorted(started, key=lambda one: one[1]["started_at"])

    def _apply_run(self, frame: dict[str, Any]) -> None:
        run_id = frame["run_id"] if "run_id" in frame else frame["stream"].partition(":")[2]
        if frame["type"] in ("boot", "reset"):
            self._forget_ended(run_id)
            self.runs[run_id] = RunState()
        if run_id in self.runs:
            self.runs[run_id].apply(frame)
        if frame["type"] == "agent_start":
            self._name_agent(frame["agent_id"])
            named = {name: frame[name] for name in ("name", "role") if name in frame}
            self.agents[frame["agent_id"]].update(named)

    def _snapshot(self, frame: dict[str, Any]) -> None:
        self.agents = {agent["agent_id"]: dict(agent) for agent in frame["agents"]}
        self.reported = {agent["agent_id"]: agent["state"] for agent in frame["agents"]}
        self.executions = {call["execution_id"]: dict(call) for call in frame["executions"]}
        self.runs = {run_id: run for run_id, run in self.runs.items() if not run.is_over}

    def _knows(self, run_id: str) -> bool:
        calls = self.executions.values()
        return self.model.knows(run_id) or any(call["run_id"] == run_id for call in calls)

    def _name_agent(self, agent_id: str | None) -> None:
        if agent_id is not None:
            self.agents.setdefault(agent_id, {"agent_id": agent_id, "name": agent_id, "role": ""})

    def _report(self, frame: dict[str, Any]) -> None:
        if frame["type"] == "tool_end":
            state = "done" if frame["status"] == "success" else "error"
            self.reported[frame["agent_id"]] = state
        if frame["execution_id"] not in self.executions:  # its start was not received
            self._add(frame)
        call = self.executions[frame["execution_id"]]
        call.update({name: frame[name] for name in REPORTED if name in frame})
        call["output_length"] += len(frame.get("output", ""))

    def _add(self, frame: dict[str, Any]) -> None:
        call = {"status": "running", "started_at": frame["timestamp"], "output_length": 0}
        self.executions[frame["execution_id"]] = frame | call
        if len(self.executions) > EXECUTIONS_KEPT:
            del self.executions[next(iter(self.executions))]

    def _forget_ended(self, run_id: str) -> None:
        """A run begins: remove ended runs and their tool calls from the state."""
        self.runs = {key: run for key, run in self.runs.items() if not run.is_over}
        running = (c["run_id"] for c in self.executions.values() if c["status"] == "running")
        active = {run_id, *self.runs, *running, *self.model.active}
        self.executions = {k: c for k, c in self.executions.items() if c["run_id"] in active}
        self.model.keep(active)
        self.reported = {}
        for agent in self.agents.values():
            agent.pop("parent_agent_id", None)
