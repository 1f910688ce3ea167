"""A call of `POST /v1/traces`: its spans, trace by trace, into the log.

Children arrive before their parents, as a span is sent when it has ended. A call whose agent is not
known yet is held until the agent's span arrives. The end of an agent is held for `GRACE`: its
children may arrive after it, and they can decide how it ended.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

from django.db import transaction

from crews.checked_writes import insert_values
from crews.models import ApiKey
from crews.scoping import unscoped
from crews.text import storable
from runs.models import Trace, TraceSpan
from runs.reporting.otlp import events, span_queries
from runs.reporting.otlp.batch import EventBatch, SpanResult
from runs.reporting.otlp.dialects import Kind, kind_of
from runs.reporting.otlp.span_queries import SpanRow
from runs.reporting.otlp.span_tree import (
    DEPTH,
    Children,
    DuplicateSpan,
    Node,
    ParentMissing,
    agent_above,
    agent_of_call,
    children_of,
    outcome,
    within,
)
from runs.reporting.otlp.spans import Span
from runs.reporting.otlp.traces import (
    GRACE,
    Read,
    begin_earlier,
    name_of,
    open_trace,
    set_lease,
    set_run_name,
)

SPANS_KEPT = 20_000  # of a trace, while its run is open
HELD_AT_MOST = 1_000  # calls of a trace that wait for their agent

PLACE, END = TraceSpan.Waits.PLACE, TraceSpan.Waits.END


def receive(key: ApiKey, spans: Sequence[Span], received: datetime) -> SpanResult:
    """Apply the spans of a call that ``key`` authenticated. Harmless when repeated."""
    result = SpanResult()
    by_trace: dict[str, list[Read]] = {}
    for span in spans:
        by_trace.setdefault(span.trace_id, []).append((span, kind_of(span)))
    # Everything that is read or written below is reached from the key's organization.
    with unscoped():
        traces = span_queries.KNOWN.rows(organization=key.organization_id, ids=by_trace)
        known = {trace.trace_id: trace for trace in traces}
        for trace_id, read in by_trace.items():
            _apply_trace(key, trace_id, known.get(trace_id), read, received, result)
    return result


def _apply_trace(
    key: ApiKey,
    trace_id: str,
    trace: Trace | None,
    read: list[Read],
    received: datetime,
    result: SpanResult,
) -> None:
    """Apply the spans of one trace. A trace without any agent, tool or model is no run."""
    if trace is None:
        if not any(kind for _, kind in read):
            return
        trace = open_trace(key, trace_id, read, received, result)
        if trace is None:
            return
    if trace.run.run.is_over:  # only earlier events are accepted again: their ids are the same
        batch = EventBatch()
        for span, kind in read:
            if kind in ("tool", "model"):
                node = events.node_of(span, kind)
                batch.add(span.span_id, events.call(trace.run.key, trace_id, span, node))
        batch.apply(key, received, result)
        return
    begin_earlier(trace.run, min(span.start for span, _ in read), received)
    _Spans(key, trace, received, result).apply(read)
    set_lease(trace.run)


class _Spans:
    """The spans of one trace in one call."""

    def __init__(self, key: ApiKey, trace: Trace, received: datetime, result: SpanResult) -> None:
        self._key = key
        self._trace = trace
        self._run = trace.run.key
        self._received = received
        self._result = result
        self._batch = EventBatch()
        self._nodes: dict[str, Node] = {}
        self._is_full = trace.spans_kept >= SPANS_KEPT
        self._waiting_is_full = False  # no more spans may wait

    def apply(self, read: list[Read]) -> None:
        waiting = span_queries.WAITING.rows(trace=self._trace.pk)
        self._waiting_is_full = len(waiting) >= HELD_AT_MOST
        self._nodes = {row.span_id: Node(**row.node) for row in waiting}
        self._nodes |= {span.span_id: events.node_of(span, kind) for span, kind in read}
        if not self._trace.run.name:
            set_run_name(self._trace.run, name_of(self._nodes.values()))
        self._load_ancestors()
        rows = [self._row(span, kind) for span, kind in read]
        self._keep(rows)
        released = [*self._release_calls(waiting), *filter(self._release_agent, waiting)]
        self._batch.apply(self._key, self._received, self._result)
        if not self._batch.events and any(row.waits for row in rows):
            self._trace.run.renew()  # events do so
        if released:
            released.sort(key=lambda row: row.pk)
            TraceSpan.objects.bulk_update(released, ["waits", "held"], batch_size=500)

    def _load_ancestors(self) -> None:
        asked: set[str] = set()
        for _ in range(DEPTH):
            parents = {node.parent_id for node in self._nodes.values() if node.parent_id}
            unknown = parents - self._nodes.keys() - asked
            if not unknown:
                return
            asked |= unknown
            for span_id, node in span_queries.NODES.rows(trace=self._trace.pk, ids=unknown):
                self._nodes[span_id] = Node(**node)

    def _row(self, span: Span, kind: Kind) -> SpanRow:
        """Add the span's events to the batch, or hold them. Return the data kept of the span."""
        node = self._nodes[span.span_id]
        waits, held = "", None
        if kind == "agent":
            self._batch.add(span.span_id, events.agent_begun(self._run, node.name, node.start))
            if self._is_full:
                self._end_agent(node, self._children_here)
                self._call_agent(node)
            else:
                waits = END
        elif kind in ("tool", "model", "mcp"):
            with_text = self._key.organization.keeps_model_text
            call = events.call(self._run, self._trace.trace_id, span, node, with_text=with_text)
            try:
                self._batch.add_call(span.span_id, call, agent_of_call(node, self._nodes))
            except DuplicateSpan:
                pass
            except ParentMissing:
                if self._waiting_is_full:
                    self._batch.add_call(span.span_id, call, "")
                else:
                    waits, held = PLACE, storable(call)
        trace = self._trace.pk
        about = (trace, span.span_id, span.parent_id, waits, self._received)
        return SpanRow(*about, node, held)

    def _keep(self, rows: list[SpanRow]) -> None:
        """Store the rows that are new. Above the limit only those that wait, and the root."""
        # In the same order in every process, since rows that exist are locked.
        rows = sorted(rows, key=lambda row: row.span_id)
        if self._is_full:
            rows = [row for row in rows if row.waits or not row.parent_id]
        root_ended = any(
            not row.parent_id and row.node.status not in ("", "waiting") for row in rows
        )
        with transaction.atomic():
            if rows:
                insert_values(TraceSpan, span_queries.FIELDS, rows, ignore_conflicts=True)
            span_queries.COUNT.execute(trace=self._trace.pk, more=len(rows), root_ended=root_ended)

    def _release_calls(self, waiting: list[TraceSpan]) -> list[TraceSpan]:
        """Add to the batch the calls that waited for their agent, and need not any more."""
        agents: dict[int, str | None] = {}
        for row in waiting:
            node = self._nodes[row.span_id]
            if row.waits == PLACE and node.kind != "agent":
                try:
                    agents[row.pk] = agent_of_call(node, self._nodes)
                except DuplicateSpan:
                    agents[row.pk] = None
                except ParentMissing:
                    continue
        if not agents:
            return []
        held = dict(TraceSpan.objects.filter(pk__in=agents).values_list("pk", "held"))
        released = [row for row in waiting if row.pk in agents]
        for row in released:
            if (agent := agents[row.pk]) is not None:
                self._batch.add_call(row.span_id, held[row.pk], agent)
            row.waits, row.held = "", None
        return released

    def _release_agent(self, row: TraceSpan) -> bool:
        """Add to the batch the events that an agent's span held back. Returns whether it had any.

        First its end, after the grace; then which agent called it, once that is known.
        """
        node = self._nodes[row.span_id]
        if node.kind != "agent":
            return False
        is_ending = row.waits == END
        if is_ending:
            if self._received - row.received_at < GRACE:
                return False
            self._end_agent(node, self._children)
        is_called = self._call_agent(node)
        row.waits = "" if is_called or self._waiting_is_full else PLACE
        row.held = None
        return is_ending or is_called

    def _end_agent(self, node: Node, children: Children) -> None:
        ending = outcome(node, within(node, children))
        made = events.agent_ended(self._run, self._trace.trace_id, node, ending)
        self._batch.add(node.span_id, made)

    def _call_agent(self, node: Node) -> bool:
        """Report which agent called the agent ``node``, once that is known."""
        try:
            above = agent_above(node, self._nodes)
        except ParentMissing:
            return False
        made = events.agent_called(self._run, self._trace.trace_id, node, above)
        self._batch.add(node.span_id, made)
        return True

    @cached_property
    def _children_here(self) -> Children:
        """Of the spans of this call, and of those that wait."""
        return children_of(self._nodes)

    @cached_property
    def _children(self) -> Children:
        """Of every span of the trace. Read once in a call, when an agent ends."""
        for span_id, node in self._trace.spans.values_list("span_id", "node"):
            self._nodes.setdefault(span_id, Node(**node))
        return children_of(self._nodes)
