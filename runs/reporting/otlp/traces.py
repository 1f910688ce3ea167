"""Traces and their runs: how a run begins with its first span, and when it may end."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from crews.models import ApiKey
from crews.text import storable
from runs.models import ReportedRun, Run, Trace, TraceSpan
from runs.reporting.otlp import events, span_queries
from runs.reporting.otlp.attribute_names import CONVERSATION
from runs.reporting.otlp.batch import SpanResult, item_of
from runs.reporting.otlp.dialects import Kind
from runs.reporting.otlp.span_tree import Node, ending_of_roots, missing_in, roots_of
from runs.reporting.otlp.spans import Span
from runs.reporting.report_request import apply_events
from runs.reporting.reported_times import start_of_run

# Past a root span, for children that arrive after it. Another process may send its last spans up to
# 5 s later: so often exporters send.
GRACE = timedelta(seconds=7)
LONG_GRACE = timedelta(seconds=60)  # the same, while a span that others name is missing

NAMED = ("workflow", "agent")  # kinds of spans that may name the run

Read = tuple[Span, Kind]


def open_trace(
    key: ApiKey, trace_id: str, read: list[Read], received: datetime, result: SpanResult
) -> Trace | None:
    """Create the trace, and its run unless it continues one that was interrupted."""
    organization = key.organization_id
    crew = events.crew_of(next(span for span, kind in read if kind))
    conversation = next((text for span, _ in read if (text := span.text(*CONVERSATION))), "")
    conversation = storable(conversation[:200])
    run = trace_id
    if conversation:
        own = {"organization": organization, "run__run__crew__slug": crew}
        run = _run_to_continue(trace_id, conversation=conversation, **own) or trace_id
    if run == trace_id:
        begun = min(span.start for span, _ in read)
        name = name_of(events.node_of(span, kind) for span, kind in read if kind in NAMED)
        boot = events.boot(run, crew=crew, name=name, at=begun)
        answer = apply_events(key, [item_of(0, boot)], received)
        if answer.rejected:
            relevant = sum(1 for _, kind in read if kind)
            result.reject(relevant, answer.rejected[0]["detail"])
            return None
    reported = ReportedRun.objects.get(organization=organization, key=run)
    trace, _ = Trace.objects.get_or_create(
        organization_id=organization,
        trace_id=trace_id,
        defaults={"run": reported, "conversation": conversation},
    )
    return trace


def _run_to_continue(trace_id: str, **of: Any) -> str | None:
    """The key of the open run that waits for an answer. A chat's next turn is a run of its own."""
    waiting = TraceSpan.objects.filter(trace=OuterRef("pk"), node__status="waiting")
    later = Trace.objects.filter(run=OuterRef("run"), pk__gt=OuterRef("pk"))
    is_continued = Exists(later.exclude(trace_id=trace_id))
    found = Trace.objects.filter(Exists(waiting), ~is_continued, root_ended=False, **of)
    found = found.filter(run__run__status=Run.Status.RUNNING).select_related("run")
    for trace in found.order_by("-pk"):
        roots = roots_of(_spans_without_parent([trace.pk])[trace.pk])
        if roots and _waits(trace.pk, roots):
            return trace.run.key
    return None


def _spans_without_parent(traces: Collection[int]) -> dict[int, dict[str, Node]]:
    """The spans of each of the traces whose parents have not arrived, by their ids."""
    parents = TraceSpan.objects.filter(trace=OuterRef("trace"), span_id=OuterRef("parent_id"))
    rows = TraceSpan.objects.filter(~Exists(parents), trace__in=traces)
    tops: dict[int, dict[str, Node]] = {trace: {} for trace in traces}
    for trace, span_id, node in rows.values_list("trace", "span_id", "node"):
        tops[trace][span_id] = Node(**node)
    return tops


def _waits(trace: int, roots: Sequence[Node]) -> bool:
    """Whether the last of the roots ended to wait for an answer."""
    spans = TraceSpan.objects.filter(trace=trace)
    if not spans.filter(node__status="waiting").exists():
        return False
    nodes = {span_id: Node(**node) for span_id, node in spans.values_list("span_id", "node")}
    return ending_of_roots(roots, nodes).status == "waiting"


def name_of(nodes: Iterable[Node]) -> str:
    """Return the name of the run: its first workflow, else its first agent, if one has come."""
    tops = [node for node in nodes if node.kind in NAMED]
    first = min(tops, key=lambda node: (NAMED.index(node.kind), node.start), default=None)
    return storable(first.name[:100]) if first else ""


def set_run_name(reported: ReportedRun, name: str) -> None:
    """Give the run the name that its spans say. Spans that name it may come last."""
    if name and name != reported.name:
        reported.name = name
        reported.save(update_fields=["name"])


def begin_earlier(reported: ReportedRun, start: float, received: datetime) -> None:
    """Let the run begin with its earliest span, which may arrive last."""
    began_at = start_of_run(start - reported.clock_ahead_s, received)
    if began_at < reported.run.started_at:
        reported.run.started_at = began_at
        later = Run.objects.filter(pk=reported.pk, started_at__gt=began_at)
        models.QuerySet.update(later, started_at=began_at)


def set_lease(reported: ReportedRun) -> None:
    """Let the run end soon once its roots have ended.

    No span says that a trace is complete: it may come from several processes. Its root ends last,
    but children of the root may still arrive. A root that waits for an approval is not the end.
    """
    rooted = {trace for (trace,) in span_queries.ROOTED.rows(run=reported.pk)}
    if not rooted or reported.traces.exclude(pk__in=rooted).exists():
        return
    tops = _spans_without_parent(rooted)
    roots = {trace: roots_of(nodes) for trace, nodes in tops.items()}
    last = max(roots, key=lambda trace: max(root.end for root in roots[trace]))
    if _waits(last, roots[last]):
        return
    grace = LONG_GRACE if any(map(missing_in, tops.values())) else GRACE
    running = Run.objects.filter(pk=reported.pk, status=Run.Status.RUNNING)
    models.QuerySet.update(running, lease_until=Now() + grace)
