"""A run as a tree: agents, their tasks, the tools of each."""

from typing import Any

from rich.console import Group
from rich.text import Text
from rich.tree import Tree

from realtime.terminal.drawing import mark, plain, seconds, tool_line, word
from realtime.terminal.tools import Tools

# Events of a run's stream. A later server may send others, on this stream and on the crew's.
KINDS = {"boot", "agent_start", "agent_end", "task_start", "task_end", "error", "done"}


class RunView:
    """Drawn from the run's own stream; tools come from its crew's graph stream, if at all."""

    def __init__(self) -> None:
        self.tools_of: str | None = None
        self._run_id = ""
        self._tools = Tools()
        self._start_afresh()

    def feed(self, frame: dict[str, Any]) -> None:
        """Take in a frame of either stream."""
        self._tools.feed(frame)
        if frame["type"] == "reset" and frame["stream"].startswith("run:"):
            self._start_afresh()
        elif frame["type"] in KINDS and frame["run_id"] == (self._run_id or frame["run_id"]):
            self.tools_of, self._run_id = frame["crew_id"], frame["run_id"]
            self._take(frame)

    def _start_afresh(self) -> None:
        """Forget what the run's stream said. Its crew and the tools are those of another stream."""
        self._crew = ""
        self._ending: dict[str, Any] | None = None
        self._agents: dict[str, dict[str, Any]] = {}
        self._tasks: dict[str, dict[str, Any]] = {}
        self._errors: list[str] = []

    def _take(self, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "boot":
                self._crew = frame["crew"]
                self._agents = {agent["agent_id"]: dict(agent) for agent in frame["agents"]}
                self._tasks = {task["task_id"]: dict(task) for task in frame["tasks"]}
            case "agent_start":
                self._agent(frame)["status"] = "running"
            case "agent_end":
                self._agent(frame)["status"] = frame["status"]
            case "task_start":
                task = self._tasks.setdefault(frame["task_id"], {"agent_id": frame["agent_id"]})
                task.update(name=frame["name"], status="running", started_at=frame["timestamp"])
            case "task_end":
                task = self._tasks.setdefault(frame["task_id"], {"agent_id": frame["agent_id"]})
                task.update(status=frame["status"], duration_s=frame["duration_s"])
            case "error":
                self._errors.append(frame["message"])
            case "done":
                self._ending = frame

    def render(self) -> Group:
        """The tree as it is now."""
        tree = Tree(self._title())
        for agent_id, agent in self._agents.items():
            name = plain(agent.get("name", agent_id))
            role = Text(plain(agent.get("role", "")), style="dim")
            label = Text.assemble(mark(agent.get("status", "")), f" {name} ", role)
            branch = tree.add(label)
            for task_id, task in self._tasks.items():
                if task["agent_id"] == agent_id:
                    self._add_task(branch, task_id, task)
        errors = [Text(f"✗ {plain(error, 200)}", style="red") for error in self._errors]
        return Group(tree, *errors)

    def _agent(self, frame: dict[str, Any]) -> dict[str, Any]:
        return self._agents.setdefault(frame["agent_id"], {"agent_id": frame["agent_id"]})

    def _title(self) -> Text:
        title = Text.assemble((plain(self._crew), "bold"), f" run {plain(self._run_id)} ")
        if self._ending:
            return title.append_text(word(self._ending["status"])).append(
                f" in {seconds(self._ending['duration_s'])}"
            )
        return title.append_text(mark("running"))

    def _add_task(self, branch: Tree, task_id: str, task: dict[str, Any]) -> None:
        took = Text(f" {seconds(task.get('duration_s'))}", style="dim")
        label = Text.assemble(mark(task.get("status", "")), f" {plain(task.get('name', ''))}", took)
        twig = branch.add(label)
        for call in self._tools.calls.values():
            if call["run_id"] == self._run_id and self._task_of(call) == task_id:
                twig.add(tool_line(call))

    def _task_of(self, call: dict[str, Any]) -> str | None:
        """The task a tool was called in: its agent's last to have started before."""
        before = [
            (task["started_at"], task_id)
            for task_id, task in self._tasks.items()
            if task["agent_id"] == call["agent_id"]
            and task.get("started_at", "~") <= call["started_at"]
        ]
        return max(before)[1] if before else None
