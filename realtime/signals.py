"""From saved changes to events: what each ``post_save`` means, appended in the same transaction.

The receivers compare with the state the instance was loaded with, so a plain ``save()`` from
anywhere emits exactly what changed and saving again adds nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence

from django.db import models
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from crews.models import Crew
from realtime import log, publish, streams
from realtime.events import Event
from runs import reports
from runs.models import Run, StaleAttempt, TaskExecution, ToolExecution
from runs.reports import Report


@receiver(post_save, sender=Run)
def run_saved(instance: Run, created: bool, update_fields=None, **kwargs) -> None:
    changed = instance.changed(update_fields)
    if "attempt" in changed:
        log.begin(_attempt(instance))
    events = []
    if created:
        events.append(_run_event(instance, "boot", **_boot(instance.plan)))
    if "status" in changed and instance.is_over:
        events += _agents_left(instance)
        if instance.status == Run.Status.FAILED and instance.reason != "task_failed":
            reason = instance.reason or "failed"
            events.append(
                _run_event(instance, "error", message=instance.message or reason, reason=reason)
            )
        ending = {"status": instance.status, "duration_s": instance.duration_s}
        if instance.reason:
            ending["reason"] = instance.reason
        events.append(_run_event(instance, "done", **ending))
    _emit(streams.run(instance.pk), events, run=instance)


@receiver(post_save, sender=TaskExecution)
def task_saved(instance: TaskExecution, created: bool, update_fields=None, **kwargs) -> None:
    run = instance.run
    task = {"task_id": str(instance.task_id), "agent_id": instance.agent_id}
    events = []
    if created:
        if not _tasks_of_agent(instance).exclude(pk=instance.pk).exists():
            events.append(_run_event(run, "agent_start", agent_id=instance.agent_id))
        events.append(_run_event(run, "task_start", **task, name=instance.name))
    if "status" in instance.changed(update_fields) and instance.ended_at:
        if instance.status == TaskExecution.Status.FAILED and instance.message:
            error = {"message": instance.message, "reason": instance.reason}
            events.append(_run_event(run, "error", **error, **task))
        events.append(
            _run_event(
                run, "task_end", **task, status=instance.status, duration_s=instance.duration_s
            )
        )
        planned = sum(entry["agent_id"] == instance.agent_id for entry in run.plan["tasks"])
        statuses = list(_tasks_of_agent(instance).values_list("status", flat=True))
        if len(statuses) == planned and TaskExecution.Status.RUNNING not in statuses:
            events.append(_agent_end(run, instance.agent_id, statuses))
    _emit(streams.run(run.pk), events, run=run)


@receiver(post_save, sender=ToolExecution)
def tool_saved(instance: ToolExecution, created: bool, update_fields=None, **kwargs) -> None:
    changed = instance.changed(update_fields)
    ended = "status" in changed and instance.ended_at is not None
    reported = not created and not ended and changed & {"message", "progress"}
    events = []
    if created:
        events.append(_tool_event(instance, "tool_start", params=instance.params))
    if reported:
        said = _progress(instance.message, instance.progress)
        events.append(_tool_event(instance, "tool_progress", **said))
    if ended:
        events.append(
            _tool_event(
                instance,
                "tool_end",
                duration_s=instance.duration_s,
                exit_code=instance.exit_code,
                status=instance.status,
                message=instance.message,
            )
        )
    run = instance.task_execution.run
    _emit(streams.graph(run.crew_id), events, run=run)


@receiver(reports.saved)
def tools_reported(reports: Sequence[Report], **kwargs) -> None:
    """What several tools report together: one append a stream, in the name of all their attempts."""
    by_stream = defaultdict(list)
    for report in reports:
        if report.is_event:
            by_stream[streams.graph(report.crew_id)].append(report)
    for stream, told in sorted(by_stream.items()):
        attempts = {log.Attempt(streams.run(report.run_id), report.attempt) for report in told}
        _append(stream, [_reported(report) for report in told], by=attempts)


@receiver(post_save, sender=Crew)
def crew_saved(instance: Crew, created: bool, update_fields=None, **kwargs) -> None:
    before = instance.loaded.get("activity") if instance.loaded.get("is_active") else "offline"
    if created or (
        instance.changed(update_fields) & {"activity", "is_active"} and instance.status != before
    ):
        payload = {"status": instance.status, "crewId": str(instance.pk)}
        event = Event("signal", str(instance.pk), data={"payload": payload})
        _emit(streams.mission(instance.pk), [event])


@receiver(post_delete, sender=Run)
def run_deleted(instance: Run, **kwargs) -> None:
    log.delete(streams.run(instance.pk))


@receiver(post_delete, sender=Crew)
def crew_deleted(instance: Crew, **kwargs) -> None:
    log.delete(streams.graph(instance.pk), streams.mission(instance.pk))


def _emit(stream: str, events: list[Event], *, run: Run | None = None) -> None:
    """Append and publish ``events``; those of a ``run`` in the name of the attempt it is held by."""
    _append(stream, events, by={_attempt(run)} if run else ())


def _append(stream: str, events: list[Event], *, by: Collection[log.Attempt]) -> None:
    try:
        entries = log.append(stream, events, by=by)
    except log.StaleWriter as refused:
        raise StaleAttempt(f"The run was taken away: {refused}") from refused
    publish.on_commit(stream, entries)


def _attempt(run: Run) -> log.Attempt:
    return log.Attempt(streams.run(run.pk), run.own_attempt)


def _run_event(run: Run, type: str, **data) -> Event:
    return Event(type, str(run.crew_id), str(run.pk), data)


def _tool_event(execution: ToolExecution, type: str, **data) -> Event:
    of = {
        "agent_id": execution.agent_id,
        "execution_id": str(execution.pk),
        "tool": execution.tool,
    }
    return _run_event(execution.task_execution.run, type, **of, **data)


def _reported(report: Report) -> Event:
    data = {
        "agent_id": report.agent_id,
        "execution_id": report.execution_id,
        "tool": report.tool,
        **_progress(report.message, report.progress, report.output),
    }
    return Event("tool_progress", report.crew_id, report.run_id, data)


def _boot(plan: dict) -> dict:
    tasks = [{key: task[key] for key in ("task_id", "name", "agent_id")} for task in plan["tasks"]]
    return {"crew": plan["crew"], "agents": plan["agents"], "tasks": tasks}


def _progress(message: str, progress: float | None, output: str = "") -> dict:
    report = {"message": message}
    if progress is not None:
        report["progress"] = progress
    if output:
        report["output"] = output
    return report


def _tasks_of_agent(task: TaskExecution) -> models.QuerySet[TaskExecution]:
    return task.run.task_executions.filter(agent_id=task.agent_id)


def _agents_left(run: Run) -> list[Event]:
    """``agent_end`` for the agents whose tasks the run's end has cut short."""
    planned = Counter(task["agent_id"] for task in run.plan["tasks"])
    statuses = defaultdict(list)
    for agent_id, status in run.task_executions.values_list("agent_id", "status"):
        statuses[agent_id].append(status)
    return [
        _agent_end(run, agent_id, ended)
        for agent_id, ended in statuses.items()
        if len(ended) < planned[agent_id]
    ]


def _agent_end(run: Run, agent_id: str, statuses: list[str]) -> Event:
    worst = next(s for s in ("failed", "cancelled", "succeeded") if s in statuses)
    return _run_event(run, "agent_end", agent_id=agent_id, status=worst)
