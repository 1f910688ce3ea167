"""Traces and their runs: how a run begins with its first span, and when it may end."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from crews.models import ApiKey
from crews.text import storable
from runs.models import ReportedRun, Run, Trace, TraceSpan
from runs.reporting.calls import OLDEST, take
from runs.reporting.otlp import events, kept
from runs.reporting.otlp.batch import Result, item_of
from runs.reporting.otlp.dialects import CONVERSATION, Kind
from runs.reporting.otlp.placing import Node
from runs.reporting.otlp.spans import Span

GRACE = timedelta(seconds=2)  # past a root span, for children that arrive after it
LONG_GRACE = timedelta(seconds=60)  # the same, while a span that others name is missing

NAMED = ("workflow", "agent")  # kinds of spans that may name the run

Read = tuple[Span, Kind]


def open_trace(
    key: ApiKey, trace_id: str, read: list[Read], received: datetime, result: Result
) -> Trace | None:
    """Create the trace, and its run unless it continues a conversation whose run is open."""
    organization = key.organization_id
    conversation = next((text for span, _ in read if (text := span.text(*CONVERSATION))), "")
    conversation = storable(conversation[:200])
    run = trace_id
    if conversation:
        same = Trace.objects.filter(organization=organization, conversation=conversation)
        # Not the next turn of a chat, whose run is about to end.
        open_ones = same.filter(run__run__status=Run.Status.RUNNING, root_ended=False)
        run = open_ones.order_by("-pk").values_list("run__key", flat=True).first() or trace_id
    if run == trace_id:
        first = next(span for span, kind in read if kind)
        begun = min(span.start for span, _ in read)
        name = name_of(events.node_of(span, kind) for span, kind in read if kind in NAMED)
        boot = events.boot(run, crew=events.crew_of(first), name=name, at=begun)
        answer = take(key, [item_of(0, boot)], received)
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


def name_of(nodes: Iterable[Node]) -> str:
    """Return the name of the run: its first workflow, else its first agent, if one has come."""
    tops = [node for node in nodes if node.kind in NAMED]
    first = min(tops, key=lambda node: (NAMED.index(node.kind), node.start), default=None)
    return storable(first.name[:100]) if first else ""


def call_run(reported: ReportedRun, name: str) -> None:
    """Give the run the name that its spans say. Spans that name it may come last."""
    if name and name != reported.name:
        reported.name = name
        reported.save(update_fields=["name"])


def begin_earlier(reported: ReportedRun, start: float, received: datetime) -> None:
    """Let the run begin with its earliest span, which may arrive last."""
    began = max(start - reported.clock_ahead_s, (received - OLDEST).timestamp())
    began_at = datetime.fromtimestamp(began, UTC)
    if began_at < reported.run.started_at:
        reported.run.started_at = began_at
        later = Run.objects.filter(pk=reported.pk, started_at__gt=began_at)
        models.QuerySet.update(later, started_at=began_at)


def set_lease(reported: ReportedRun) -> None:
    """Let the run end soon once its roots have ended.

    No span says that a trace is complete: it may come from several processes. Its root ends last,
    but children of the root may still arrive. A root that waits for an approval is not the end.
    """
    roots = {trace: Node(**node) for trace, node in kept.ROOTS.rows(run=reported.pk)}
    if not roots or max(roots.values(), key=lambda node: node.end).status == "waiting":
        return
    if reported.traces.exclude(pk__in=roots).exists():
        return
    spans = TraceSpan.objects.filter(trace__run=reported.pk)
    parents = TraceSpan.objects.filter(trace=OuterRef("trace"), span_id=OuterRef("parent_id"))
    is_missing = spans.filter(~Q(parent_id=""), ~Exists(parents)).exists()
    running = Run.objects.filter(pk=reported.pk, status=Run.Status.RUNNING)
    grace = LONG_GRACE if is_missing else GRACE
    models.QuerySet.update(running, lease_until=Now() + grace)
