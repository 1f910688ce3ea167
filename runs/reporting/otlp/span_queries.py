"""The queries for traces and the spans that are kept of them, made once."""

from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import (
    BigIntegerField,
    BooleanField,
    F,
    IntegerField,
    Q,
    TextField,
    UUIDField,
)

from crews.compiled_queries import AnyOf, BindList, BindParam, Select, Update
from runs.models import Trace, TraceSpan
from runs.reporting.otlp.span_tree import Node


class SpanRow(NamedTuple):
    """The data kept of a new span: the values of a `TraceSpan`."""

    trace_id: int
    span_id: str
    parent_id: str
    waits: str
    received_at: datetime
    node: Node
    held: list[dict[str, Any]] | None


FIELDS = [TraceSpan._meta.get_field(name) for name in SpanRow._fields]
TRACE, IDS = BindParam("trace", BigIntegerField()), BindList("ids", TextField())

KNOWN = Select(
    lambda: (
        Trace.objects.filter(
            AnyOf(F("trace_id"), IDS), organization=BindParam("organization", BigIntegerField())
        )
        .select_related("run__run")
        .defer("run__run__plan")
    )
)
WAITING = Select(
    lambda: TraceSpan.objects.filter(trace=TRACE).exclude(waits="").defer("held").order_by("pk")
)
NODES = Select(
    lambda: TraceSpan.objects.filter(AnyOf(F("span_id"), IDS), trace=TRACE).values_list(
        "span_id", "node"
    )
)
ROOTED = Select(
    lambda: TraceSpan.objects.filter(
        trace__run=BindParam("run", UUIDField()), parent_id=""
    ).values_list("trace")
)
COUNT = Update(
    lambda: (
        Trace.objects.filter(pk=TRACE),
        {
            "spans_kept": F("spans_kept") + BindParam("more", IntegerField()),
            # Another process may have noted it since the trace was read.
            "root_ended": Q(root_ended=True) | Q(BindParam("root_ended", BooleanField())),
        },
    )
)
