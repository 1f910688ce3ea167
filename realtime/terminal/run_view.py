"""A run as a tree: agents, their tasks, the tools of each."""

from typing import Any

from rich.console import Group
from rich.text import Text
from rich.tree import Tree

from realtime.terminal.approvals import Approvals
from realtime.terminal.drawing import (
    approval_line,
    budget_line,
    call_line,
    control_line,
    decision_line,
    handoff_line,
    mark,
    plain,
    seconds,
    tool_line,
    usage_line,
    word,
)
from runs.events.run_state import RunState
from runs.events.state import CrewState

HANDOFFS_SHOWN = 5
CONTROLS_SHOWN = 5
BUDGETS_SHOWN = 5


class RunView:
    """Drawn from the run's stream. Its tools come from its crew's graph stream, if followed.

    ``starts``: how often the run's stream has begun, which may be after the run's first event.
    """

    def __init__(self) -> None:
        self.run = RunState()
        self.approvals = Approvals(self.run)
        self.starts = 0
        self._crew = CrewState()

    @property
    def more_streams(self) -> list[str]:
        """The crew's graph stream has the run's tools. It is known from the first event on."""
        return [f"graph/{self.run.crew_id}"] if self.run.crew_id else []

    def feed(self, frame: dict[str, Any]) -> None:
        """Apply a frame of either stream."""
        stream = frame.get("stream") or ""
        if stream.startswith("run:") and frame["type"] in ("hello", "reset"):
            self.run.run_id = stream.removeprefix("run:")
            self.starts += frame["type"] == "reset" or not self.starts
        self.run.apply(frame)
        run_id = self.run.run_id
        if frame.get("run_id") == run_id or stream == f"run:{run_id}":
            self.approvals.feed(frame)
        self._crew.apply(frame)

    def render(self) -> Group:
        """The current tree."""
        tree = Tree(self._title())
        for agent_id, agent in self.run.agents.items():
            name = plain(agent.get("name", agent_id))
            role = Text(plain(agent.get("role", "")), style="dim")
            label = Text.assemble(self._mark(agent, agent_id), f" {name} ", role)
            if parent := agent.get("parent_agent_id"):
                label.append(f" called by {plain(self._name(parent))}", style="dim")
            branch = tree.add(label)
            for call in self._crew.model_calls_of(agent_id):
                if call["run_id"] == self.run.run_id:
                    branch.add(call_line(call))
            for asked in self.run.approvals.values():
                if asked["agent_id"] == agent_id:
                    branch.add(approval_line(asked))
            for task_id, task in self.run.tasks.items():
                if task["agent_id"] == agent_id:
                    self._add_task(branch, task_id, task)
        errors = [Text(f"✗ {plain(error, 200)}", style="red") for error in self.run.errors]
        controls = list(self.run.controls.values())[-CONTROLS_SHOWN:]
        asked = [control_line(control) for control in controls]
        alerts = list(self.run.budgets.values())[-BUDGETS_SHOWN:]
        asked += [budget_line(alert) for alert in alerts]
        asked += [decision_line(one, self._name) for one in self.approvals.decided]
        return Group(tree, *self._handoffs(), *asked, *self._usage(), *errors)

    def _handoffs(self) -> list[Text]:
        own = [one for one in self._crew.model.handoffs if one["run_id"] == self.run.run_id]
        return [handoff_line(one, self._name) for one in own[-HANDOFFS_SHOWN:]]

    def _usage(self) -> list[Text]:
        usage = self._crew.model.usage.get(self.run.run_id)
        return [usage_line(usage)] if usage else []

    def _name(self, agent_id: str) -> str:
        return self.run.agents.get(agent_id, {}).get("name", agent_id)

    def _title(self) -> Text:
        title = Text.assemble((plain(self.run.crew), "bold"), f" run {plain(self.run.run_id)} ")
        if self.run.is_over:
            took = f" in {seconds(self.run.duration_s)}"
            return title.append_text(word(self.run.status)).append(took)
        return title.append_text(word("paused") if self.run.paused else mark("running"))

    def _mark(self, one: dict[str, Any], agent_id: str) -> Text:
        """Return the mark of an agent or its task: paused in a pause, unless a call continues."""
        status = one.get("status", "")
        is_paused = status == "running" and self.run.paused and not self._goes_on(agent_id)
        return mark("paused" if is_paused else status)

    def _goes_on(self, agent_id: str) -> bool:
        """Whether a tool or model call of the agent runs that no pause has stopped."""
        calls = self._crew.calls_of(agent_id)
        running = [c for c in calls if c["status"] == "running" and not self._crew.is_stopped(c)]
        going_on = [*running, *self._crew.model_calls_of(agent_id)]
        return any(call["run_id"] == self.run.run_id for call in going_on)

    def _add_task(self, branch: Tree, task_id: str, task: dict[str, Any]) -> None:
        took = Text(f" {seconds(task.get('duration_s'))}", style="dim")
        sign = self._mark(task, task["agent_id"])
        label = Text.assemble(sign, f" {plain(task.get('name', ''))}", took)
        twig = branch.add(label)
        for call in self._crew.executions.values():
            if call["run_id"] == self.run.run_id and self._task_of(call) == task_id:
                twig.add(tool_line(call, is_stopped=self._crew.is_stopped(call)))

    def _task_of(self, call: dict[str, Any]) -> str | None:
        """The task of a tool call: the last that its agent started before."""
        before = [
            (task["started_at"], task_id)
            for task_id, task in self.run.tasks.items()
            if task["agent_id"] == call["agent_id"]
            and task.get("started_at", "~") <= call["started_at"]
        ]
        return max(before)[1] if before else None
