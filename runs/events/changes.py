"""Which events a saved record emits. Pure functions of the record and its changed fields.

`realtime.signals` calls them for each record that Django saves, in the same transaction.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from msgspec import UNSET

from crews.models import Crew
from runs.events import kinds
from runs.events.agent_states import agent_has_ended, worst
from runs.events.approval_changes import of_approval
from runs.events.budget_changes import of_budget_alert
from runs.events.kinds import Event, RunEvent
from runs.models import (
    AgentExecution,
    Approval,
    BudgetAlert,
    Control,
    Handoff,
    ModelCall,
    Run,
    TaskExecution,
    ToolExecution,
)
from runs.models.model_call import TOKENS
from runs.models.report import Report


def of_run(
    run: Run, changed: Collection[str], *, created: bool, tasks: Iterable[tuple[str, str]] = ()
) -> list[RunEvent]:
    """``tasks``: agent and status of each task that has started, if the run has just ended."""
    about = run.event_ids
    events: list[RunEvent] = []
    if created:
        events.append(kinds.Boot(**about, **_boot(run.plan)))
    if "status" in changed and run.is_over:
        if not run.is_reported:  # the agents of a reported run end by themselves
            events += _agents_cut_short(run, tasks, about)
        if run.status == Run.Status.FAILED and run.reason != "task_failed":
            reason = run.reason or "failed"
            events.append(kinds.Error(**about, message=run.message or reason, reason=reason))
        ending = {"duration_s": run.duration_s, "reason": run.reason or UNSET}
        events.append(kinds.Done(**about, status=run.status, **ending))
    return events


def of_task(
    task: TaskExecution, changed: Collection[str], *, created: bool, others: Sequence[str]
) -> list[RunEvent]:
    """``others``: statuses of the tasks that the same agent has started before in this run."""
    about = task.run.event_ids
    agent = {"agent_id": task.agent_id}
    named = {"task_id": str(task.task_id), **agent}
    events: list[RunEvent] = []
    if created:
        if not others and not task.run.is_reported:
            events.append(kinds.AgentStart(**about, **agent))
        events.append(kinds.TaskStart(**about, **named, name=task.name))
    if "status" in changed and task.ended_at:
        if task.status == TaskExecution.Status.FAILED and task.message:
            events.append(kinds.Error(**about, message=task.message, reason=task.reason, **named))
        ending = {"status": task.status, "duration_s": task.duration_s}
        events.append(kinds.TaskEnd(**about, **named, **ending))
        if task.run.is_reported:
            return events
        statuses = [*others, task.status]
        planned = sum(entry["agent_id"] == task.agent_id for entry in task.run.plan["tasks"])
        if agent_has_ended(statuses, planned):
            events.append(kinds.AgentEnd(**about, **agent, status=worst(statuses)))
    return events


def of_agent(agent: AgentExecution, *, created: bool, others: Collection[str]) -> list[RunEvent]:
    """``others``: the statuses of the agent's other executions in this run.

    The agent is at work from the start of the first execution to the end of the last.
    """
    about = agent.run.event_ids
    if "running" in others:
        return []
    if created:
        return [kinds.AgentStart(**about, **_identity(agent))]
    if agent.ended_at:
        return [kinds.AgentEnd(**about, agent_id=agent.agent_id, status=agent.status)]
    return []


def of_error(run: Run, error: dict[str, str]) -> list[RunEvent]:
    """An error that a reporter has reported."""
    return [kinds.Error(**run.event_ids, **error)]


def of_control(control: Control, changed: Collection[str], *, created: bool) -> list[RunEvent]:
    about = {**control.run.event_ids, "control_id": str(control.pk)}
    events: list[RunEvent] = []
    if created:
        asked = {"action": control.action, "by": control.by, "text": control.text or UNSET}
        events.append(kinds.ControlRequested(**about, **asked))
    if "acknowledged_at" in changed and control.acknowledged_at:
        events.append(kinds.ControlAcknowledged(**about))
    if "ended_at" in changed and control.ended_at:
        events.append(kinds.ControlApplied(**about, status=control.status, detail=control.detail))
    return events


def of_tool(execution: ToolExecution, changed: Collection[str], *, created: bool) -> list[Event]:
    run = execution.task_execution.run
    about = {
        **run.event_ids,
        "agent_id": execution.agent_id,
        "execution_id": str(execution.pk),
        "tool": execution.tool,
    }
    events: list[Event] = []
    ended = "status" in changed and execution.ended_at is not None
    if created:
        events.append(kinds.ToolStart(**about, params=execution.params))
    elif not ended and {"message", "progress"} & set(changed):
        events.append(_progress(about, execution.message, execution.progress))
    if ended:
        ending = {"duration_s": execution.duration_s, "exit_code": execution.exit_code}
        outcome = {"status": execution.status, "message": execution.message}
        events.append(kinds.ToolEnd(**about, **ending, **outcome))
    return events


def of_answer(call: ModelCall, answer: Mapping[str, Any]) -> list[Event]:
    """``answer``: ``first_token_s``, if the model has just begun, and ``output``, if stored."""
    return [kinds.LlmProgress(**_of_call(call), **answer)]


def of_call(call: ModelCall, changed: Collection[str], *, created: bool) -> list[Event]:
    about = _of_call(call)
    events: list[Event] = []
    if created:
        events.append(kinds.LlmStart(**about, provider=call.provider, model=call.model))
    if "status" in changed and call.ended_at is not None:
        numbers = {name: getattr(call, name) for name in (*TOKENS, "first_token_s")}
        texts = {
            "finish_reason": call.finish_reason,
            "model": call.model if "model" in changed and not created else "",
            "message": call.message,
        }
        cost = UNSET if call.cost_usd is None else float(call.cost_usd)
        known = {name: value for name, value in numbers.items() if value is not None}
        known |= {name: text for name, text in texts.items() if text}
        ending = {"status": call.status, "duration_s": call.duration_s, "cost_usd": cost}
        events.append(kinds.LlmEnd(**about, **ending, **known))
    return events


def of_handoff(handoff: Handoff, changed: Collection[str], *, created: bool) -> list[Event]:
    if not created:
        return []
    event = kinds.Handoff(
        **handoff.run.event_ids,
        from_agent_id=handoff.from_agent_id,
        to_agent_id=handoff.to_agent_id,
        message=handoff.message or UNSET,
    )
    return [event]


# Of each model whose events follow from the saved record alone, the function that returns them.
# `realtime.signals` calls it as ``of_record(record, changed, created=...)``.
OF_RECORDS: dict[type[Any], Callable[..., Sequence[Event]]] = {
    Approval: of_approval,
    BudgetAlert: of_budget_alert,
    Control: of_control,
    Handoff: of_handoff,
    ModelCall: of_call,
}


def of_report(report: Report) -> kinds.ToolProgress:
    about = {
        "crew_id": report.crew_id,
        "run_id": report.run_id,
        "agent_id": report.agent_id,
        "execution_id": report.execution_id,
        "tool": report.tool,
    }
    return _progress(about, report.message, report.progress, report.output)


def of_crew(crew: Crew, changed: Collection[str], *, created: bool) -> list[kinds.Signal]:
    before = crew.loaded.get("activity") if crew.loaded.get("is_active") else "offline"
    moved = {"activity", "is_active"} & set(changed) and crew.status != before
    if not created and not moved and "approvals_pending" not in changed:
        return []
    crew_id = str(crew.pk)
    payload = {"status": crew.status, "crewId": crew_id}
    if crew.approvals_pending:
        payload["approvals"] = crew.approvals_pending
    return [kinds.Signal(crew_id=crew_id, payload=payload)]


def _identity(agent: AgentExecution) -> dict[str, str]:
    """Return the fields of ``agent_start``: of those that the run's plan has, the known ones."""
    plan = next((a for a in agent.run.plan["agents"] if a["agent_id"] == agent.agent_id), {})
    named = {name: plan.get(name) for name in ("name", "role", "parent_agent_id")}
    return {"agent_id": agent.agent_id} | {name: text for name, text in named.items() if text}


def _boot(plan: dict) -> dict:
    tasks = [{key: task[key] for key in ("task_id", "name", "agent_id")} for task in plan["tasks"]]
    return {"crew": plan["crew"], "agents": plan["agents"], "tasks": tasks}


def _of_call(call: ModelCall) -> dict[str, str]:
    return {
        **call.run.event_ids,
        "agent_id": call.agent_id,
        "call_id": str(call.pk),
    }


def _progress(
    about: dict[str, str], message: str, progress: float | None, output: str = ""
) -> kinds.ToolProgress:
    share = UNSET if progress is None else progress
    return kinds.ToolProgress(**about, message=message, progress=share, output=output or UNSET)


def _agents_cut_short(
    run: Run, tasks: Iterable[tuple[str, str]], about: dict[str, str]
) -> list[kinds.AgentEnd]:
    """Return an ``agent_end`` for each agent that still had tasks left when the run ended."""
    planned = Counter(task["agent_id"] for task in run.plan["tasks"])
    statuses: dict[str, list[str]] = {}
    for agent_id, status in tasks:
        statuses.setdefault(agent_id, []).append(status)
    return [
        kinds.AgentEnd(**about, agent_id=agent_id, status=worst(ended))
        for agent_id, ended in statuses.items()
        if not agent_has_ended(ended, planned[agent_id])
    ]
