"""Maps the events of one run to AG-UI events: the same events always give the same result.

The client's verifier (``@ag-ui/client``) decides what is valid: one RUN_STARTED first, nothing open
at RUN_FINISHED, nothing after it. The run's two streams may be mixed in any way, and events may be
missing, because old ones are pruned. So agents are started at their first event, whatever it is.
"""

from datetime import datetime
from typing import Any

import msgspec

from realtime.agui.client_history import ClientHistory
from realtime.agui.interrupts import interrupt_of
from realtime.agui.model_calls import ModelCalls
from realtime.agui.state import delta, snapshot
from realtime.agui.tool_calls import ToolCalls
from runs.events.kinds import KINDS
from runs.events.run_state import RunState

AguiEvent = dict[str, Any]

VERSION = "1.0"  # of the protocol
# Sent as they are, with ``crewops.`` before their name: kinds without a method below, and these.
ALSO_AS_CUSTOM = ("llm_end", "approval_requested", "approval_decided")


class AguiRun:
    """The state of the mapping of one run.

    ``apply`` maps an event; ``done`` gives nothing yet, because events of tools may follow it on
    the other stream. ``end`` then ends the run. ``interrupt`` ends it while calls wait for
    approval, and ``resume`` continues it. ``texts``: whether the texts of models are sent.
    ``known``: the parts of the run that the client has already.
    """

    def __init__(self, run_id: str, crew_id: str, *, texts: bool = True) -> None:
        self.state = RunState(run_id=run_id, crew_id=crew_id)
        self.done: dict[str, Any] | None = None
        self.texts = texts
        self.known = ClientHistory()
        self.answered: set[str] = set()  # approvals that need no interrupt
        self._run = {"threadId": crew_id, "runId": run_id}
        self._begun = False
        self._agents: dict[str, str] = {}  # the subagentRunId of each open agent
        self._started: dict[str, str] = {}  # the newest of each agent, in this response
        self._invocations: dict[str, int] = {}
        self._steps: dict[str, tuple[str, str]] = {}  # name and owner of each open task
        self._tools = ToolCalls(self._emit)
        self._calls = ModelCalls(self._emit)
        self._waiting: dict[str, dict[str, Any]] = {}  # events of the approvals that wait
        self._out: list[AguiEvent] = []
        self._common: AguiEvent = {}

    @property
    def pending(self) -> bool:
        """Whether a call waits for an approval that has no answer yet."""
        return not self._waiting.keys() <= self.answered

    def apply(self, frame: dict[str, Any]) -> list[AguiEvent]:
        """Map an event of the run's stream, or an event of the run on its crew's graph stream."""
        kind = frame["type"]
        if kind == "done":
            self.done = frame
        else:
            self._at(frame)
            patch = delta(self.state, frame) if KINDS[kind].stream == "run" else []
            is_late_boot = self._begun and kind == "boot"
            self._begin(patch)
            if is_late_boot:  # another host's clock is ahead
                self._emit("STATE_SNAPSHOT", snapshot=snapshot(self.state))
            if handle := getattr(self, f"_on_{kind}", None):
                handle(frame)
            if kind in ALSO_AS_CUSTOM or not (handle or kind == "boot"):
                self._emit("CUSTOM", name=f"crewops.{kind}", value=frame)
        return self._taken()

    def end(self) -> list[AguiEvent]:
        """End the run after ``done`` and all events of its tools."""
        frame = self.done
        if frame is None:
            raise ValueError("The run has not ended.")
        self._at(frame)
        self._begin(delta(self.state, frame))
        status = frame["status"]
        self._tools.end()
        self._close_inner()
        for agent_id in tuple(self._agents):
            self._close_agent(agent_id, status)
        usage = self._calls.usage()
        if status == "failed":
            reason = frame.get("reason", "") or "failed"
            errors = self.state.errors
            message = errors[-1] if errors else f"The run failed: {reason}."
            self._emit("RUN_ERROR", message=message, code=reason, usage=usage)
        else:
            result = {"status": status, "duration_s": frame["duration_s"]}
            outcome = {"type": "cancelled" if status == "cancelled" else "success"}
            self._emit("RUN_FINISHED", **self._run, result=result, outcome=outcome, usage=usage)
        return self._taken()

    def interrupt(self, suffix: str) -> list[AguiEvent]:
        """End this response because calls wait. ``suffix`` becomes part of each interrupt's id."""
        interrupts = [
            interrupt_of(asked, self._agents.get(asked["agent_id"]), suffix)
            for asked in self._waiting.values()
        ]
        self._close_inner()
        for agent_id, owner in self._agents.items():
            ids = [each["id"] for each in interrupts if each["metadata"]["agent_id"] == agent_id]
            suspended = {"type": "suspended"} | ({"interruptIds": ids} if ids else {})
            self._emit("SUBAGENT_FINISHED", subagentRunId=owner, outcome=suspended)
        outcome = {"type": "interrupt", "interrupts": interrupts}
        self._emit("RUN_FINISHED", **self._run, outcome=outcome, usage=self._calls.usage())
        return self._taken()

    def resume(self, run_id: str, answered: set[str]) -> list[AguiEvent]:
        """Continue after an interrupt as the run ``run_id``. ``answered``: the named approvals.

        All events before the interrupt must have been mapped. Their AG-UI events were sent already.
        """
        self._calls.close()
        self._calls.usage()
        self._out = []
        self.answered = answered
        self._run = {"threadId": self.state.crew_id, "runId": run_id}
        self._begun = False
        self._begin([])
        agents, self._agents, self._started = self._agents, {}, {}
        for agent_id, owner in agents.items():
            self._open_agent(agent_id, owner)
        for name, owner in self._steps.values():
            self._emit("STEP_STARTED", stepName=name, subagentRunId=owner)
        return self._taken()

    def _begin(self, patch: list[dict[str, Any]]) -> None:
        if not self._begun:
            self._begun = True
            own = self.state.run_id
            parent = own if self._run["runId"] != own else None
            self._emit("RUN_STARTED", **self._run, parentRunId=parent, protocolVersion=VERSION)
            self._emit("STATE_SNAPSHOT", snapshot=snapshot(self.state))
        elif patch:
            self._emit("STATE_DELTA", delta=patch)

    def _on_agent_start(self, frame: dict[str, Any]) -> None:
        self._owner(frame["agent_id"])

    def _on_agent_end(self, frame: dict[str, Any]) -> None:
        if frame["agent_id"] in self._agents:
            self._close_agent(frame["agent_id"], frame["status"])

    def _on_task_start(self, frame: dict[str, Any]) -> None:
        if frame["task_id"] not in self._steps:
            step = (f"{frame['name']} [{frame['task_id']}]", self._owner(frame["agent_id"]))
            self._steps[frame["task_id"]] = step
            self._emit("STEP_STARTED", stepName=step[0], subagentRunId=step[1])

    def _on_task_end(self, frame: dict[str, Any]) -> None:
        if step := self._steps.pop(frame["task_id"], None):
            self._emit("STEP_FINISHED", stepName=step[0], subagentRunId=step[1])

    def _on_approval_requested(self, frame: dict[str, Any]) -> None:
        self._owner(frame["agent_id"])
        self._waiting[frame["approval_id"]] = frame

    def _on_approval_decided(self, frame: dict[str, Any]) -> None:
        self._waiting.pop(frame["approval_id"], None)

    def _on_tool_start(self, frame: dict[str, Any]) -> None:
        self._tools.start(frame, self._owner(frame["agent_id"]))

    def _on_tool_progress(self, frame: dict[str, Any]) -> None:
        self._know_tool(frame)
        self._tools.progress(frame)

    def _on_tool_end(self, frame: dict[str, Any]) -> None:
        self._know_tool(frame)
        self._tools.finish(frame)

    def _know_tool(self, frame: dict[str, Any]) -> None:
        if frame["execution_id"] not in self._tools.open:  # its start was not received
            self._tools.start(frame, self._owner(frame["agent_id"]))

    def _on_llm_start(self, frame: dict[str, Any]) -> None:
        self._calls.start(frame, self._owner(frame["agent_id"]))

    def _on_llm_progress(self, frame: dict[str, Any]) -> None:
        if frame["call_id"] not in self._calls.open:
            self._calls.know(frame, self._owner(frame["agent_id"]))
        self._calls.progress(frame, texts=self.texts)

    def _on_llm_end(self, frame: dict[str, Any]) -> None:
        self._calls.finish(frame)

    def _owner(self, agent_id: str) -> str:
        """The subagentRunId of the agent, which is started if it is not open."""
        if agent_id not in self._agents:
            number = self._invocations[agent_id] = self._invocations.get(agent_id, 0) + 1
            self._open_agent(agent_id, f"{self.state.run_id}:{agent_id}:{number}")
        return self._agents[agent_id]

    def _open_agent(self, agent_id: str, owner: str) -> None:
        known = self.state.agents.get(agent_id, {})
        self._emit(
            "SUBAGENT_STARTED",
            subagentRunId=owner,
            name=known.get("name") or agent_id,
            description=known.get("role") or None,
            parentSubagentRunId=self._started.get(known.get("parent_agent_id", "")),
        )
        self._agents[agent_id] = self._started[agent_id] = owner

    def _close_agent(self, agent_id: str, status: str) -> None:
        owner = self._agents.pop(agent_id)
        if status == "succeeded":
            self._emit("SUBAGENT_FINISHED", subagentRunId=owner, outcome={"type": "success"})
        else:
            said = "The agent failed." if status == "failed" else "The agent was cancelled."
            self._emit("SUBAGENT_ERROR", subagentRunId=owner, message=said, code=status)

    def _close_inner(self) -> None:
        """End the open model calls and steps of agents. Tools keep their results."""
        self._calls.close()
        for name, owner in self._steps.values():
            self._emit("STEP_FINISHED", stepName=name, subagentRunId=owner)

    def _at(self, frame: dict[str, Any]) -> None:
        at_ms = round(datetime.fromisoformat(frame["timestamp"]).timestamp() * 1000)
        place = {"stream": KINDS[frame["type"]].stream, "seq": frame.get("seq")}
        self._common = {"timestamp": at_ms, "metadata": {"crewops": place}}

    def _emit(self, type: str, **fields: Any) -> None:
        given = {name: value for name, value in fields.items() if value is not None}
        if event := self.known.new_part({"type": type, **self._common, **given}):
            self._out.append(event)

    def _taken(self) -> list[AguiEvent]:
        out, self._out = self._out, []
        return out


def failure(code: str, message: str) -> AguiEvent:
    """Return the event that ends a response which cannot continue, whatever was sent before."""
    return {"type": "RUN_ERROR", "code": code, "message": message}


def encoded(events: list[AguiEvent]) -> list[str]:
    """The JSON of each event."""
    return [msgspec.json.encode(event).decode() for event in events]
