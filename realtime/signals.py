"""Receive saved rows, derive their events, append them in the same transaction, publish them.

The receivers compare the instance with the state it was loaded with. So a plain ``save()`` in any
code emits the events of exactly what changed, and saving again emits none. `runs.events.changes`
decides which events a change means; a new model of a run's records is added to its `OF_RECORDS`.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from crews import batches
from crews.checked_writes import Write
from crews.models import Crew
from crews.tracking import TrackedModel
from realtime import log
from realtime.log import publish, streams
from runs.events import changes
from runs.events.kinds import Event
from runs.models import (
    AgentExecution,
    ModelCall,
    Run,
    StaleAttempt,
    TaskExecution,
    ToolExecution,
)
from runs.models.model_call import answered
from runs.models.report import Report
from runs.models.report_queryset import recorder
from runs.reporting.signals import error_reported


@receiver(post_save, sender=Run)
def run_saved(instance: Run, created: bool, update_fields=None, **kwargs) -> None:
    changed = instance.changed(update_fields)
    if "attempt" in changed:
        log.begin(_attempt(instance))
    started = ()
    if "status" in changed and instance.is_over:
        started = instance.task_executions.values_list("agent_id", "status")
    _emit(changes.of_run(instance, changed, created=created, tasks=started), run=instance)


@receiver(post_save, sender=TaskExecution)
def task_saved(instance: TaskExecution, created: bool, update_fields=None, **kwargs) -> None:
    changed = instance.changed(update_fields)
    if not created and "status" not in changed:
        return
    others: list[str] = []
    if not instance.run.is_reported:  # the agents of a reported run have their own records
        of_agent = instance.run.task_executions.filter(agent_id=instance.agent_id)
        others = list(of_agent.exclude(pk=instance.pk).values_list("status", flat=True))
    _emit(changes.of_task(instance, changed, created=created, others=others), run=instance.run)


@receiver(post_save, sender=AgentExecution)
def agent_saved(instance: AgentExecution, created: bool, **kwargs) -> None:
    at_work = {"agent_id": instance.agent_id, "status": AgentExecution.Status.RUNNING}
    same = AgentExecution.objects.lock(run_id=instance.run_id, **at_work)
    others = [agent.status for agent in same if agent != instance]
    _emit(changes.of_agent(instance, created=created, others=others), run=instance.run)


def record_saved(
    sender: type[TrackedModel],
    instance: TrackedModel,
    created: bool,
    update_fields=None,
    **kwargs,
) -> None:
    of_record = changes.OF_RECORDS[sender]
    events = of_record(instance, instance.changed(update_fields), created=created)
    _emit(events, run=instance.run)


for model in changes.OF_RECORDS:
    post_save.connect(record_saved, sender=model)


@receiver(error_reported)
def reported_error(sender: type[Run], run: Run, error: dict[str, str], **kwargs) -> None:
    _emit(changes.of_error(run, error), run=run)


@receiver(post_save, sender=ToolExecution)
def tool_saved(instance: ToolExecution, created: bool, update_fields=None, **kwargs) -> None:
    events = changes.of_tool(instance, instance.changed(update_fields), created=created)
    _emit(events, run=instance.task_execution.run)


@receiver(answered)
def call_answered(sender: type[ModelCall], call: ModelCall, answer: Mapping, **kwargs) -> None:
    _emit(changes.of_answer(call, answer), run=call.run)


@recorder
def record(reports: Sequence[Report], writes: Sequence[Write]) -> None:
    """Append the events of reports of several tools, with the fences of all their attempts."""
    news = [report for report in reports if report.is_event]
    by_stream = defaultdict(list)
    for report in news:
        by_stream[streams.graph(report.crew_id)].append(changes.of_report(report))
    attempts = {log.Attempt(streams.run(report.run_id), report.attempt) for report in news}
    _append(by_stream, by=attempts, after=writes)


@receiver(post_save, sender=Crew)
def crew_saved(instance: Crew, created: bool, update_fields=None, **kwargs) -> None:
    _emit(changes.of_crew(instance, instance.changed(update_fields), created=created))


@receiver(post_delete, sender=Run)
def run_deleted(instance: Run, **kwargs) -> None:
    log.delete(streams.run(instance.pk))


@receiver(post_delete, sender=Crew)
def crew_deleted(instance: Crew, **kwargs) -> None:
    log.delete(streams.graph(instance.pk), streams.mission(instance.pk))


def _emit(events: Sequence[Event], *, run: Run | None = None) -> None:
    """Append and publish ``events`` of one stream, with the fence of the ``run``'s attempt."""
    if events:
        _append({streams.of(events[0]): events}, by={_attempt(run)} if run else ())


def _append(
    events: Mapping[str, Sequence[Event]],
    *,
    by: Collection[log.Attempt],
    after: Sequence[Write] = (),
) -> None:
    if batch := batches.current():
        batch.get_part(_Appended).add(events, by)
    else:
        _append_now(events, by=by, after=after)


class _Appended:
    """The events of a batch, appended at its end in the order in which they were emitted."""

    def __init__(self) -> None:
        self._events: defaultdict[str, list[Event]] = defaultdict(list)
        self._by: set[log.Attempt] = set()

    def add(self, events: Mapping[str, Sequence[Event]], by: Collection[log.Attempt]) -> None:
        for stream, of_stream in events.items():
            self._events[stream] += of_stream
        self._by |= {*by}

    def write(self) -> None:
        if self._events:
            _append_now(self._events, by=self._by)


def _append_now(
    events: Mapping[str, Sequence[Event]],
    *,
    by: Collection[log.Attempt],
    after: Sequence[Write] = (),
) -> None:
    try:
        logged = log.append_all(events, by=by, after=after)
    except log.StaleWriter as refused:
        raise StaleAttempt(f"The run was taken away: {refused}") from refused
    for stream, entries in logged.items():
        publish.on_commit(stream, entries)


def _attempt(run: Run) -> log.Attempt:
    return log.Attempt(streams.run(run.event_ids["run_id"]), run.own_attempt)
