"""Ends the run of a trace. No span says that a trace is complete: time does.

Without a root span the run ends as any other whose reporter is silent (`REPORTED_IDLE_S`).
"""

from datetime import UTC, datetime
from uuid import uuid5

from django.db import models
from django.utils import timezone

from crews.models import ApiKey
from crews.scoping import unscoped
from runs.models import AgentExecution, ReportedRun, Run, TaskExecution, TraceSpan
from runs.reporting.agents import slug_of
from runs.reporting.otlp import events
from runs.reporting.otlp.batch import EventBatch
from runs.reporting.otlp.dialects import Ending
from runs.reporting.otlp.span_tree import (
    DuplicateSpan,
    Node,
    ParentMissing,
    agent_above,
    agent_of_call,
    children_of,
    outcome,
    roots_of,
    within,
)
from runs.reporting.otlp.traces import name_of, set_run_name


def end(run: Run) -> bool:
    """End a run whose lease has expired as its spans say. Harmless when repeated.

    Returns whether it has ended. It has not if it has no spans, or if a root span is missing: then
    the program has probably ended without sending it. Nor if spans have come meanwhile.
    """
    with unscoped():
        if not Run.objects.lease_expired().filter(pk=run.pk).exists():
            return False  # renewed since the sweep has read it
        reported = ReportedRun.objects.get(pk=run.pk)
        if not reported.traces.exists():
            return False
        rows = list(TraceSpan.objects.filter(trace__run=reported).select_related("trace"))
        run_spans = _RunSpans(reported, rows)
        key = run.api_key or ApiKey(organization=run.crew.organization)
        run_spans.release()
        if run_spans.has_roots:
            run_spans.finish()
        run_spans.batch.apply(key, timezone.now())
        if run_spans.has_roots:
            run_spans.correct_times()
        running = Run.objects.filter(pk=run.pk, status=Run.Status.RUNNING)
        spans = TraceSpan.objects.filter(trace__run=reported)
        is_open = running.exists()
        if is_open and spans.count() > len(rows):
            return False
        if is_open:  # the events above renewed the lease, which has expired all the same
            models.QuerySet.update(running, lease_until=run.lease_until)
        spans.delete()
        return not is_open


class _RunSpans:
    """All spans of a run."""

    def __init__(self, reported: ReportedRun, rows: list[TraceSpan]) -> None:
        self._reported = reported
        self._run = reported.key
        self._rows = rows
        self.batch = EventBatch()
        by_trace: dict[int, dict[str, Node]] = {}
        for row in rows:
            by_trace.setdefault(row.trace_id, {})[row.span_id] = Node(**row.node)
        self._nodes = by_trace
        self._children = {trace: children_of(nodes) for trace, nodes in by_trace.items()}
        self._roots = [roots_of(nodes) for nodes in by_trace.values()]
        self._agents: dict[str, list[Node]] = {}  # the spans of each agent and of its calls

    @property
    def has_roots(self) -> bool:
        """Whether the root of each trace has ended."""
        return bool(self._roots) and all(self._roots)

    def release(self) -> None:
        """Add the calls that wait for their agent, if the spans that have arrived determine it."""
        for row in self._rows:
            nodes = self._nodes[row.trace_id]
            node = nodes[row.span_id]
            trace_id = row.trace.trace_id
            if node.kind == "agent":
                self._agents.setdefault(node.name, []).append(node)
                ending = outcome(node, within(node, self._children[row.trace_id]))
                made = events.agent_ended(self._run, trace_id, node, ending)
                self.batch.add(row.span_id, made)
                made = events.agent_called(self._run, trace_id, node, _above(node, nodes))
                self.batch.add(row.span_id, made)
                continue
            if node.kind not in ("tool", "model", "mcp"):
                continue
            try:
                agent = agent_of_call(node, nodes)
            except DuplicateSpan:
                continue
            except ParentMissing:
                agent = ""
            if agent:
                self._agents.setdefault(agent, []).append(node)
            if row.held is not None:
                self.batch.add_call(row.span_id, row.held, agent)

    def finish(self) -> None:
        """The run ends with its last root, and as that ended."""
        every = [node for nodes in self._nodes.values() for node in nodes.values()]
        set_run_name(self._reported, name_of(every))
        last = max((node for roots in self._roots for node in roots), key=lambda node: node.end)
        of_run = Ending(last.status, last.message) if last.status else outcome(Node(""), every)
        agents = {}
        for agent, nodes in self._agents.items():
            spans = [node for node in nodes if node.kind == "agent"]
            final = max(spans or nodes, key=lambda node: node.end)
            if final.kind == "agent":
                ending = outcome(final, self._below(final))
            else:
                ending = outcome(Node(""), nodes)
            agents[agent] = (ending, max(node.end for node in nodes))
        self.batch.add("", events.run_ended(self._run, agents, of_run, last.end))

    def _below(self, node: Node) -> list[Node]:
        nodes = self._nodes.items()
        trace = next(trace for trace, each in nodes if each.get(node.span_id) is node)
        return within(node, self._children[trace])

    def correct_times(self) -> None:
        """Give agents and tasks the times of their spans, in whatever order these came."""
        for agent, nodes in self._agents.items():
            began = self._at(min(node.start for node in nodes))
            task_id = uuid5(self._reported.pk, f"task {events.task_of(agent)}")
            tasks = TaskExecution.objects.filter(run=self._reported.pk, task_id=task_id)
            models.QuerySet.update(tasks, started_at=began)
            spans = [node for node in nodes if node.kind == "agent"]
            spans.sort(key=lambda node: (node.start, node.end))
            own = AgentExecution.objects.filter(run=self._reported.pk, agent_id=slug_of(agent))
            executions = list(own.order_by("started_at", "pk"))
            if not spans:
                models.QuerySet.update(own, started_at=began)
            elif len(spans) == len(executions):
                for execution, node in zip(executions, spans, strict=True):
                    execution.started_at = self._at(node.start)
                    execution.ended_at = self._at(node.end)
                    execution.status = _status(outcome(node, self._below(node)))
                fields = ["started_at", "ended_at", "status"]
                models.QuerySet(AgentExecution).bulk_update(executions, fields)

    def _at(self, time: float) -> datetime:
        return datetime.fromtimestamp(max(time - self._reported.clock_ahead_s, 0.0), UTC)


def _status(ending: Ending) -> str:
    return "cancelled" if ending.status == "waiting" else ending.status


def _above(node: Node, nodes: dict[str, Node]) -> str:
    try:
        return agent_above(node, nodes)
    except ParentMissing:
        return ""
