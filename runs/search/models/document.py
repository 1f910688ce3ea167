import uuid
from datetime import UTC, datetime, timedelta

from django.contrib.postgres.search import SearchVectorField
from django.db import models

from crews.scoping import OwnedModel, ScopedQuerySet

DOCUMENT_TEXT_LIMIT = 24_000  # characters of a document's text
RANDOM_BITS = 20  # of an id, below its milliseconds
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LARGEST_ID = 2**63 - 1
LATEST_MS = LARGEST_ID >> RANDOM_BITS  # in the year 2248; a later time counts as this


class DocumentQuerySet(ScopedQuerySet):
    organization_path = "organization"
    deletable = ("run__", "run__crew__")
    is_large_table = True


class Document(OwnedModel):
    """The text of a run, a tool call or a model call that has ended, as its page shows it.

    An id begins with the time in milliseconds, so the order of ids is the order of time, in which
    results are listed. On PostgreSQL ``vector`` has the words of the text and of the filters. On
    SQLite they are in the table ``search_words``, an FTS5 index.
    """

    class Kind(models.TextChoices):
        RUN = "run", "Runs"
        TOOL = "tool", "Tool calls"
        MODEL_CALL = "model_call", "Model calls"

    class Outcome(models.TextChoices):
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    id = models.BigIntegerField(primary_key=True, editable=False)
    # Only the run has a constraint in the database: checking it locks that row for a moment when
    # the transaction commits. Locks of several rows could meet those of other transactions.
    organization = models.ForeignKey(
        "crews.Organization",
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    crew = models.ForeignKey(
        "crews.Crew",
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    run = models.ForeignKey("runs.Run", on_delete=models.CASCADE, related_name="documents")
    kind = models.CharField(max_length=10, choices=Kind)
    object_id = models.UUIDField()  # of the run, the tool execution or the model call
    outcome = models.CharField(max_length=10, choices=Outcome)
    ended_at = models.DateTimeField()
    name = models.CharField(max_length=100)  # of the tool, the model or the crew
    task = models.CharField(max_length=100, blank=True)
    agent_id = models.CharField(max_length=50, blank=True)
    text = models.TextField()
    vector = SearchVectorField(null=True, editable=False)  # NULL on SQLite

    objects = DocumentQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "object_id"], name="document_once"),
        ]
        indexes = [
            models.Index(fields=["organization", "-id"], name="document_of_organization"),
            models.Index(fields=["crew", "-id"], name="document_of_crew"),
        ]  # and on PostgreSQL a GIN index of the vector: see the first migration

    def __str__(self) -> str:
        return f"{self.kind} {self.name} {self.object_id}"

    def get_absolute_url(self) -> str:
        """The place on the run's page."""
        page = self.run.get_absolute_url()
        match self.kind:
            case self.Kind.TOOL:
                return f"{page}?at={self.object_id}#tool-{self.object_id}"
            case self.Kind.MODEL_CALL:
                return f"{page}?at={self.object_id}#event-llm_start-{self.object_id}"
        return page


def first_id(moment: datetime) -> int:
    """The smallest id of the millisecond of ``moment``."""
    milliseconds = (moment - EPOCH) // timedelta(milliseconds=1)
    return min(max(milliseconds, 0), LATEST_MS) << RANDOM_BITS


def new_id(moment: datetime) -> int:
    return first_id(moment) + (uuid.uuid4().int & ((1 << RANDOM_BITS) - 1))
