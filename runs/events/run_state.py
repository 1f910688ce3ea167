"""The state of one run, according to the events of its stream."""

from typing import Any

from msgspec import Struct, field

from runs.events.kinds import KINDS

IDENTITY = ("name", "role", "parent_agent_id")  # the fields of agent_start that describe an agent


class RunState(Struct):
    """One run.

    ``agents``: ``{agent_id: {agent_id, name?, role?, parent_agent_id?, status}}``, ``status`` ""
    before a first task. ``tasks``: ``{task_id: {task_id, agent_id, name?, status, started_at?,
    duration_s?}}``. ``controls``: ``{control_id: {control_id, action?, by?, text?, status, detail?,
    requested_at?}}``, ``status`` as in `runs.models.control.Control`. ``paused``: whether a pause
    is in effect. ``planned``: whether its ``boot`` has listed tasks. Then a worker carries it out,
    and a pause stops its tools, too. ``status``: ``queued`` until the first task starts,
    ``running``, then the status of ``done``. A run without ``planned`` is reported by a program
    that is at work already: it is never ``queued`` after its ``boot``.
    """

    run_id: str = ""
    crew_id: str = ""
    crew: str = ""
    status: str = "queued"
    reason: str = ""
    duration_s: float | None = None
    agents: dict[str, dict[str, Any]] = field(default_factory=dict)
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    controls: dict[str, dict[str, Any]] = field(default_factory=dict)
    paused: bool = False
    planned: bool = False
    # Tool calls that wait: {approval_id: {approval_id, agent_id, tool, expires_at}}
    approvals: dict[str, dict[str, Any]] = field(default_factory=dict)
    # {alert_id: {alert_id, level, period, measure, limit, used, since?, action?}}, oldest first
    budgets: dict[str, dict[str, Any]] = field(default_factory=dict)

    def apply(self, frame: dict[str, Any]) -> None:
        """Apply an event of the run's stream, or its ``reset``. Other frames are ignored."""
        kind = KINDS.get(frame["type"])
        if frame["type"] == "reset" and frame["stream"].startswith("run:"):
            self._forget()
        elif kind and kind.stream == "run" and self.run_id in ("", frame["run_id"]):
            self.run_id, self.crew_id = frame["run_id"], frame["crew_id"]
            apply = getattr(self, f"_{frame['type']}", None)
            if apply:  # a kind may change nothing here
                apply(frame)

    @property
    def is_over(self) -> bool:
        return self.status not in ("queued", "running")

    def waits(self, agent_id: str) -> bool:
        """Whether a tool call of the agent waits for approval."""
        return any(asked["agent_id"] == agent_id for asked in self.approvals.values())

    @property
    def stops_tools(self) -> bool:
        """Whether its running tools are stopped now. Those of a reporting program continue."""
        return self.paused and self.planned

    def _forget(self) -> None:
        fresh = RunState(run_id=self.run_id, crew_id=self.crew_id)
        for name in self.__struct_fields__:
            setattr(self, name, getattr(fresh, name))

    def _boot(self, frame: dict[str, Any]) -> None:
        self.crew, self.planned = frame["crew"], bool(frame["tasks"])
        self.status = "queued" if self.planned else "running"
        self.agents = {agent["agent_id"]: agent | {"status": ""} for agent in frame["agents"]}
        self.tasks = {task["task_id"]: task | {"status": "pending"} for task in frame["tasks"]}

    def _agent_start(self, frame: dict[str, Any]) -> None:
        given = {name: frame[name] for name in IDENTITY if name in frame}
        self._agent(frame).update(given, status="running")

    def _agent_end(self, frame: dict[str, Any]) -> None:
        self._agent(frame)["status"] = frame["status"]

    def _task_start(self, frame: dict[str, Any]) -> None:
        self.status = "running"
        started = {"name": frame["name"], "started_at": frame["timestamp"]}
        self._task(frame).update(started, status="running")

    def _task_end(self, frame: dict[str, Any]) -> None:
        self._task(frame).update(status=frame["status"], duration_s=frame["duration_s"])

    def _approval_requested(self, frame: dict[str, Any]) -> None:
        kept = ("approval_id", "agent_id", "tool", "expires_at")  # the parameters may be large
        self.approvals[frame["approval_id"]] = {name: frame[name] for name in kept}

    def _approval_decided(self, frame: dict[str, Any]) -> None:
        self.approvals.pop(frame["approval_id"], None)

    def _error(self, frame: dict[str, Any]) -> None:
        self.errors.append(frame["message"])

    def _control_requested(self, frame: dict[str, Any]) -> None:
        given = {name: frame[name] for name in ("action", "by", "text") if name in frame}
        self._control(frame).update(given, requested_at=frame["timestamp"])

    def _control_acknowledged(self, frame: dict[str, Any]) -> None:
        self._control(frame)["status"] = "acknowledged"

    def _control_applied(self, frame: dict[str, Any]) -> None:
        control = self._control(frame)
        control.update(status=frame["status"], detail=frame["detail"])
        if frame["status"] == "applied" and control.get("action") in ("pause", "resume"):
            self.paused = control["action"] == "pause"

    def _budget_warning(self, frame: dict[str, Any]) -> None:
        self._budget(frame, "warning")

    def _budget_exceeded(self, frame: dict[str, Any]) -> None:
        self._budget(frame, "exceeded")

    def _budget(self, frame: dict[str, Any], level: str) -> None:
        kept = ("alert_id", "period", "measure", "limit", "used", "since", "action")
        given = {name: frame[name] for name in kept if name in frame}
        self.budgets[frame["alert_id"]] = given | {"level": level}

    def _done(self, frame: dict[str, Any]) -> None:
        self.status, self.duration_s = frame["status"], frame["duration_s"]
        self.reason = frame.get("reason", "")
        self.paused = False

    def _agent(self, frame: dict[str, Any]) -> dict[str, Any]:
        # The first events of the stream may have been pruned. Then there was no boot.
        agent_id = frame["agent_id"]
        return self.agents.setdefault(agent_id, {"agent_id": agent_id, "status": ""})

    def _control(self, frame: dict[str, Any]) -> dict[str, Any]:
        unknown = {"control_id": frame["control_id"], "status": "requested"}
        return self.controls.setdefault(frame["control_id"], unknown)

    def _task(self, frame: dict[str, Any]) -> dict[str, Any]:
        unknown = {"task_id": frame["task_id"], "agent_id": frame["agent_id"], "status": "pending"}
        return self.tasks.setdefault(frame["task_id"], unknown)
