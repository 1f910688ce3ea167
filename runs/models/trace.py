from django.db import models

from crews.scoping import OwnedModel, ScopedQuerySet
from runs.models.reported_run import KEY_LIMIT


class TraceQuerySet(ScopedQuerySet):
    organization_path = "run__organization"


class Trace(OwnedModel):
    """An OpenTelemetry trace that is shown as a reported run, or as a part of one."""

    run = models.ForeignKey("runs.ReportedRun", on_delete=models.CASCADE, related_name="traces")
    organization = models.ForeignKey(
        "crews.Organization", on_delete=models.CASCADE, related_name="+"
    )
    trace_id = models.CharField(max_length=32)
    conversation = models.CharField(max_length=KEY_LIMIT, blank=True)
    spans_kept = models.PositiveIntegerField(default=0)
    # The span without a parent has ended, and its own status says that it waits for nothing.
    root_ended = models.BooleanField(default=False)

    objects = TraceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "trace_id"], name="trace_unique"),
        ]
        indexes = [
            models.Index(
                fields=["organization", "conversation"],
                condition=~models.Q(conversation=""),
                name="trace_conversation",
            ),
        ]

    def __str__(self) -> str:
        return self.trace_id


class TraceSpanQuerySet(ScopedQuerySet):
    organization_path = "trace__run__organization"


class TraceSpan(OwnedModel):
    """The data kept of a span while its run is open: parents arrive after their children."""

    class Waits(models.TextChoices):
        """The condition that a span waits for before it is shown."""

        PLACE = "place", "Its agent's span"
        END = "end", "The spans below it"

    trace = models.ForeignKey(Trace, on_delete=models.CASCADE, related_name="spans", db_index=False)
    span_id = models.CharField(max_length=16)
    parent_id = models.CharField(max_length=16, blank=True)
    waits = models.CharField(max_length=5, choices=Waits, blank=True)
    received_at = models.DateTimeField()
    node = models.JSONField()  # see runs.reporting.otlp.span_tree.Node
    held = models.JSONField(null=True)  # the events of a call that waits for its place

    objects = TraceSpanQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["trace", "span_id"], name="trace_span_once"),
        ]
        indexes = [
            models.Index(fields=["trace"], condition=~models.Q(waits=""), name="trace_span_waits"),
            models.Index(fields=["trace"], condition=models.Q(parent_id=""), name="trace_roots"),
        ]

    def __str__(self) -> str:
        return self.span_id
