import uuid
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import models
from django.dispatch import Signal
from django.utils import timezone

from crews import batches
from crews.text import storable
from crews.tracking import InvalidState, TrackedModel, TrackedQuerySet
from runs.models.call_text import CallText
from runs.models.run import Run
from runs.models.timespan import TimeSpan
from runs.models.usage import EndedCalls, add_to_totals

MESSAGE_LIMIT = 500  # characters
TEXT_AT_MOST = 1024 * 1024  # characters of the input or the output of a call
TOKENS = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")


answered = Signal()  # call, answer: {first_token_s?, output?}


class ModelCallQuerySet(TrackedQuerySet):
    organization_path = "run__crew__organization"
    deletable = ("run__", "run__crew__")
    is_large_table = True

    def start(
        self,
        *,
        run: Run,
        id: uuid.UUID,
        at: datetime,
        ending: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> "ModelCall":
        """Start a call of a running run. If a call with the same ``id`` exists, it is returned.

        ``ending``: the arguments of `ModelCall.end` for a call that has ended already. Raises
        ``InvalidState`` if the run is not running.
        """
        with run.locked():
            if begun := self.find(id):
                return begun
            if run.status != Run.Status.RUNNING:
                raise InvalidState(f"Run {run.pk} is {run.status}; it starts no model call.")
            made = self.model.made(run=run, id=id, started_at=at, **fields)
            if ending:
                made._end(**ending)
            made.save(force_insert=True)
            if ending:
                made._count()
            return made

    def open(self) -> "ModelCallQuerySet":
        return self.filter(status=self.model.Status.RUNNING)

    def cancel_all(self, run: Run, message: str, *, at: datetime | None = None, **of: Any) -> None:
        """Cancel the open calls of ``run`` with these values, in a few statements.

        The caller holds the lock of the run.
        """
        if batches.current():
            return self._cancel(run, message, at, of)
        with batches.batched() as batch:
            batch.attach([run])
            calls = self.filter(run=run, status=self.model.Status.RUNNING, **of)
            for call in batch.attach(calls.select_for_update()):
                call.run = run
            self._cancel(run, message, at, of)

    def _cancel(self, run: Run, message: str, at: datetime | None, of: dict[str, Any]) -> None:
        calls = self.lock(run_id=run.pk, status=self.model.Status.RUNNING, **of)
        for call in sorted(calls, key=lambda call: (call.started_at, call.pk)):
            call.end(ModelCall.Status.CANCELLED, message=message, at=at)


class ModelCall(TrackedModel, TimeSpan):
    """One call of a language model by an agent of a run. Create, answer and end emit ``llm_start``,
    ``llm_progress`` and ``llm_end``. An unknown number is null. Its text is in `CallText`.
    """

    class Status(models.TextChoices):
        RUNNING = "running", "Running"
        SUCCESS = "success", "Success"
        ERROR = "error", "Error"
        CANCELLED = "cancelled", "Cancelled"

    class CostSource(models.TextChoices):
        REPORTED = "reported", "Reported"
        COMPUTED = "computed", "Computed from the price list"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.ForeignKey(
        "runs.Run", on_delete=models.CASCADE, related_name="calls", db_index=False
    )
    task_execution = models.ForeignKey(
        "runs.TaskExecution",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="calls",
    )
    agent_id = models.SlugField(max_length=50, db_index=False)
    provider = models.CharField(max_length=100, blank=True)
    model = models.CharField(max_length=100, blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.RUNNING)
    message = models.CharField(max_length=MESSAGE_LIMIT, blank=True)
    input_tokens = models.BigIntegerField(null=True, blank=True)
    output_tokens = models.BigIntegerField(null=True, blank=True)
    cached_tokens = models.BigIntegerField(null=True, blank=True)  # of the input
    reasoning_tokens = models.BigIntegerField(null=True, blank=True)  # of the output
    first_token_s = models.FloatField(null=True, blank=True)
    finish_reason = models.CharField(max_length=100, blank=True)
    cost_usd = models.DecimalField(max_digits=24, decimal_places=10, null=True, blank=True)
    cost_source = models.CharField(max_length=10, choices=CostSource, blank=True)

    # Characters of text that are stored.
    input_length = models.PositiveIntegerField(default=0, db_default=0)
    output_length = models.PositiveIntegerField(default=0, db_default=0)

    objects = ModelCallQuerySet.as_manager()

    class Meta(TrackedModel.Meta):
        abstract = False
        ordering = ["started_at", "id"]
        indexes = [
            models.Index(fields=["run", "-started_at", "-id"], name="model_call_of_run"),
            models.Index(
                fields=["run"], condition=models.Q(status="running"), name="model_call_open"
            ),
            models.Index(fields=["-started_at", "-id"], name="model_call_newest"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status="running", ended_at=None)
                | models.Q(status__in=["success", "error", "cancelled"], ended_at__isnull=False),
                name="model_call_end_matches_status",
            ),
            models.CheckConstraint(
                condition=models.Q(cost_usd=None, cost_source="")
                | models.Q(cost_usd__isnull=False, cost_source__in=["reported", "computed"]),
                name="model_call_cost_has_source",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} ({self.status})"

    @property
    def usage_is_known(self) -> bool:
        return self.input_tokens is not None and self.output_tokens is not None

    def answer(self, output: str = "", *, at: datetime | None = None) -> None:
        """Record that the model answers, and store ``output``, the next piece of its answer.

        The first ``at`` gives the time to the first token. Without ``at`` that time is unknown.
        """
        answer: dict[str, Any] = {}
        if at is not None and self.first_token_s is None:
            self.first_token_s = max((at - self.started_at).total_seconds(), 0.0)
            self.save(update_fields=["first_token_s"])
            answer["first_token_s"] = self.first_token_s
        if output := self.keep(CallText.Part.OUTPUT, output):
            answer["output"] = output
        if answer:
            answered.send(ModelCall, call=self, answer=answer)

    def keep(self, part: str, text: str) -> str:
        """Store the next piece of text, and return it. Text above the limit is cut off."""
        field = f"{part}_length"
        offset = getattr(self, field)
        text = storable(text[: TEXT_AT_MOST - offset])
        if text:
            piece = CallText(call=self, part=part, offset=offset, text=text)
            if batch := batches.current():
                batch.add(piece)
            else:
                piece.save()
            setattr(self, field, offset + len(text))
            self.save(update_fields=[field])
        return text

    def end(self, status: str, **ending: Any) -> None:
        """End the call and add it to its run's totals. An ended call keeps its first ending.

        ``ending``: ``message``, ``at`` (the time of the end), ``tokens`` by the names of `TOKENS`,
        ``cost_usd`` with ``cost_source``, ``first_token_s``, ``finish_reason`` and ``model``, where
        they are known.
        """
        with batches.atomic():
            Run.objects.lock_row(self.run_id)
            with self.locked():
                if self.status != self.Status.RUNNING:
                    return
                self.save(update_fields=self._end(status, **ending))
                self._count()

    def _end(
        self,
        status: str,
        *,
        message: str = "",
        at: datetime | None = None,
        tokens: Mapping[str, int | None] | None = None,
        cost_usd: Decimal | None = None,
        cost_source: str = "",
        **fields: Any,
    ) -> list[str]:
        """Set the ending. Returns the names of the fields that it sets."""
        if status not in ENDINGS:
            raise InvalidState(f"A model call cannot end as {status!r}.")
        self.status, self.message = status, message[:MESSAGE_LIMIT]
        for name in TOKENS:
            setattr(self, name, (tokens or {}).get(name))
        for name, value in fields.items():
            setattr(self, name, value)
        self.cost_usd, self.cost_source = cost_usd, cost_source
        self.ended_at = max(at or timezone.now(), self.started_at)
        costs = ("cost_usd", "cost_source")
        return ["status", "message", *TOKENS, *costs, "ended_at", *fields]

    def _count(self) -> None:
        """Add the ended call to the totals of its run."""
        if batch := batches.current():
            batch.get_part(EndedCalls).add(self)
        else:
            add_to_totals(self.run_id, [self])


ENDINGS = {*ModelCall.Status.values} - {ModelCall.Status.RUNNING}
