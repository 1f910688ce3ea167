"""Applies a reporter's events to its run, with the methods of the models."""

from datetime import datetime
from typing import Any

from runs.events.agent_states import worst
from runs.execution.redaction import redact
from runs.models import AgentExecution, Run, TaskExecution, ToolExecution
from runs.reporting import reported_kinds as kinds
from runs.reporting.agents import name_of, slug_of
from runs.reporting.model_calls import ModelCalls
from runs.reporting.reported_kinds import InvalidEvent, ReportedEvent
from runs.reporting.signals import error_reported
from runs.reporting.tool_calls import ToolCalls

AGENTS_OF_RUN = 300  # of a run
OPEN_AGENTS_AT_MOST = 1000  # of a run: one agent may work several times at once
TASKS_OF_RUN = 1000  # of a run, because its plan lists them all


class EventApplier(ModelCalls, ToolCalls):
    """Applies events to ``run``, whose row the caller has locked, within ``batch``.

    ``done`` is applied without a batch: the end of a run locks and reads more than its own rows.
    """

    def apply(self, event: ReportedEvent, end: ReportedEvent | None = None) -> None:
        """Apply the event. If it raises ``InvalidEvent`` or ``InvalidState``, nothing is changed.

        ``end``: with the start of a call its end, for which `ends` is true. They are one change.
        """
        if self._run.is_over:
            if not isinstance(event, (*kinds.ENDS, kinds.Done)):
                raise InvalidEvent("run_ended", f"The run has ended as {self._run.status}.")
        elif end is not None:
            getattr(self, f"_{event.type}")(event, end)
        elif not isinstance(event, kinds.Boot):
            getattr(self, f"_{event.type}")(event)

    def _agent_start(self, event: kinds.AgentStart) -> None:
        instance = event.instance or ""
        self._check_opening(slug_of(event.agent_id), instance=instance)
        slug = self._agent(event.agent_id, event.name, event.role, event.parent_agent_id)
        self._open_agent(slug, instance, self._at(event))

    def _agent_end(self, event: kinds.AgentEnd) -> None:
        slug, at = slug_of(event.agent_id), self._at(event)
        own = {"agent_id": slug, "instance": event.instance or ""}
        execution = self._working(**own)
        if execution is None:
            if self._batch.select(AgentExecution, **own):
                return
            if self._run.agent_executions.filter(**own).exists():
                return
            self._check_opening(slug, instance=own["instance"])
            execution = self._open_agent(self._agent(event.agent_id), own["instance"], at)
        if self._batch.select(AgentExecution, agent_id=slug, status="running") == [execution]:
            for task in self._implicit_tasks(slug):
                task.finish(event.status, message=redact(event.message), at=at)
        execution.finish(event.status, at=at)

    def _task_start(self, event: kinds.TaskStart) -> None:
        if self._task(event.task_id) is None:
            self._begin_task(event.task_id, event.agent_id, event.name, self._at(event))

    def _task_end(self, event: kinds.TaskEnd) -> None:
        at = self._at(event)
        task = self._task(event.task_id)
        if task is None:
            began = self._before(at, event.duration_s)
            task = self._begin_task(event.task_id, None, "", began)
        reason = "task_failed" if event.status == "failed" else ""
        ended_at = self._ended(task.started_at, at, event.duration_s)
        task.finish(event.status, reason=reason, message=redact(event.message), at=ended_at)

    def _error(self, event: kinds.Error) -> None:
        error = {"message": redact(event.message), "reason": event.reason}
        if event.agent_id is not None:
            error["agent_id"] = slug_of(event.agent_id)
        if event.task_id is not None:
            error["task_id"] = str(self._id("task", event.task_id))
        error_reported.send(Run, run=self._run, error=error)

    def _control_acknowledged(self, event: kinds.ControlAcknowledged) -> None:
        self._control(event.control_id).acknowledge(at=self._at(event))

    def _control_applied(self, event: kinds.ControlApplied) -> None:
        control, at = self._control(event.control_id), self._at(event)
        control.acknowledge(at=at)
        control.end(event.status, redact(event.detail), at=at)

    def _done(self, event: kinds.Done) -> None:
        reason = event.reason or ("" if event.status == "succeeded" else event.status)
        details = {"reason": reason, "message": redact(event.message)}
        at = self._at(event)
        if event.status == "succeeded" and not self._run.is_over:
            self._end_unreported(at)
        self._run.finish(event.status, **details, at=at)

    def _end_unreported(self, at: datetime) -> None:
        """End the agents that no event has started, and their tasks, unless something is cut off.

        The reporter may not know them, so it cannot end them.
        """
        open_agents = self._run.agent_executions.filter(status="running", instance="")
        for agent in open_agents.filter(agent_id__in=self._run.plan.get("unreported", [])):
            own = {"agent_id": agent.agent_id, "status": "running"}
            tasks = list(self._run.task_executions.filter(**own))
            are_own = {str(task.task_id) for task in tasks} <= self._implicit_ids(agent.agent_id)
            tools = ToolExecution.objects.filter(task_execution__in=tasks, status="running")
            if are_own and not tools.exists() and not self._run.calls.filter(**own).exists():
                for task in tasks:
                    task.run = self._run
                    task.finish("succeeded", at=at)
                ended = self._run.task_executions.filter(agent_id=agent.agent_id)
                agent.finish(worst(set(ended.values_list("status", flat=True))), at=at)

    # Agents and tasks of the run

    def _agent(
        self, agent_id: str | None, name: str = "", role: str = "", parent_id: str | None = None
    ) -> str:
        """Return the agent's slug, and add what is new about the agent to the run's plan."""
        slug = slug_of(agent_id)
        has_parent = parent_id is not None and slug_of(parent_id) != slug
        if has_parent:
            self._check_agents(slug, slug_of(parent_id))
        parent = self._agent(parent_id) if has_parent else ""
        fields = {"name": name_of(name), "role": role, "parent_agent_id": parent}
        given = {field: text for field, text in fields.items() if text}
        agents = self._run.plan["agents"]
        known = next((agent for agent in agents if agent["agent_id"] == slug), None)
        if known is None:
            self._check_agents(slug)
            own = self._run.crew.agents.filter(slug=slug).first()
            shown = {"name": own.name, "role": own.role} if own else {"role": ""}
            entry = {"agent_id": slug, "name": name_of(agent_id or "Run") or slug} | shown | given
            self._save_plan(agents=[*agents, entry])
        elif known | given != known:
            self._save_plan(agents=[a | given if a is known else a for a in agents])
        return slug

    def _open_agent(self, slug: str, instance: str, at: datetime) -> AgentExecution:
        if execution := self._working(agent_id=slug, instance=instance):
            return execution
        return AgentExecution.objects.create(
            run=self._run, agent_id=slug, instance=instance, started_at=at
        )

    def _begin_task(
        self, task_id: str, agent_id: str | None, name: str, at: datetime, **extra: Any
    ) -> TaskExecution:
        self._check_tasks()
        self._check_opening(slug_of(agent_id))
        slug = self._agent(agent_id)
        unreported = self._run.plan.get("unreported", [])
        if not self._working(agent_id=slug):
            self._open_agent(slug, "", at)
            if slug not in unreported:
                unreported = [*unreported, slug]
        entry = {
            "task_id": str(self._id("task", task_id)),
            "name": (name or task_id)[:100],
            "agent_id": slug,
            "continue_on_error": False,
            "steps": [],
            **extra,
        }
        self._save_plan(tasks=[*self._run.plan["tasks"], entry], unreported=unreported)
        task = TaskExecution.objects.start(run=self._run, task=entry, at=at)
        self._tasks[task.task_id] = task
        return task

    def _task_for(self, task_id: str | None, agent_id: str | None, at: datetime) -> TaskExecution:
        """Return the task for a tool call.

        A tool without a task, or with the task of another agent, gets a task named after its agent.
        """
        if task_id is not None:
            task = self._task(task_id) or self._begin_task(task_id, agent_id, "", at)
            is_its = agent_id is None or slug_of(agent_id) == task.agent_id
            if is_its and task.status == TaskExecution.Status.RUNNING:
                return task
            agent_id = task.agent_id if agent_id is None else agent_id
        if open_ones := self._implicit_tasks(slug_of(agent_id)):
            return open_ones[0]
        self._check_tasks()
        self._check_opening(slug_of(agent_id))
        slug = self._agent(agent_id)
        earlier = [task for task in self._run.plan["tasks"] if task.get("of_agent") == slug]
        names = {agent["agent_id"]: agent["name"] for agent in self._run.plan["agents"]}
        id = f"\0agent {slug} {len(earlier)}"  # a reporter's own id has no NUL
        return self._begin_task(id, agent_id, names[slug], at, of_agent=slug)

    # What raises ``InvalidEvent`` comes before the first change: see `transactions.apply`.

    def _check_agents(self, *slugs: str) -> None:
        known = {agent["agent_id"] for agent in self._run.plan["agents"]}
        if (new := {*slugs} - known) and len(known) + len(new) > AGENTS_OF_RUN:
            raise InvalidEvent("limit", f"The run has {AGENTS_OF_RUN} agents.")

    def _check_opening(self, slug: str, **of: str) -> None:
        if not self._working(agent_id=slug, **of):
            self._check_number(AgentExecution, OPEN_AGENTS_AT_MOST, "agents at work")

    def _check_tasks(self) -> None:
        if len(self._run.plan["tasks"]) >= TASKS_OF_RUN:
            raise InvalidEvent("limit", f"The run has {TASKS_OF_RUN} tasks.")

    def _implicit_tasks(self, slug: str) -> list[TaskExecution]:
        ids = self._implicit_ids(slug)
        running = self._batch.select(TaskExecution, agent_id=slug, status="running")
        return sorted(
            (task for task in running if str(task.task_id) in ids), key=lambda task: task.order
        )

    def _implicit_ids(self, slug: str) -> set[str]:
        return {t["task_id"] for t in self._run.plan["tasks"] if t.get("of_agent") == slug}

    def _save_plan(self, **parts: list[Any]) -> None:
        self._run.plan = {**self._run.plan, **parts}
        self._run.tasks_planned = len(self._run.plan["tasks"])
        self._run.save(update_fields=["plan", "tasks_planned"])
