from datetime import timedelta
from typing import Self

from django.db import connection, models, transaction
from django.db.models.functions import Now

from crews.scoping import OwnedModel, ScopedQuerySet

ADD_ALL = """INSERT INTO search_indexjob (run_id, due_at, is_backlog)
    SELECT id, created_at, %s FROM runs_run
    WHERE NOT EXISTS (SELECT 1 FROM search_indexjob WHERE run_id = runs_run.id)"""


class IndexJobQuerySet(ScopedQuerySet):
    organization_path = "run__crew__organization"
    deletable = ("run__", "run__crew__")

    def due(self) -> Self:
        """Those to look at now, the longest waiting first."""
        return self.filter(is_backlog=False, due_at__lte=Now()).order_by("due_at")

    def backlog(self) -> Self:
        """Runs from before there was an index, the newest first."""
        return self.filter(is_backlog=True).order_by("-due_at")

    def postpone(self, jobs: "list[IndexJob]", seconds: float) -> None:
        """Look at these again in so many seconds."""
        with transaction.atomic():
            due_at = Now() + timedelta(seconds=seconds)
            self._free(jobs).update(due_at=due_at, is_backlog=False)

    def close(self, jobs: "list[IndexJob]") -> None:
        """Delete the jobs: these runs are fully indexed."""
        with transaction.atomic():
            self._free(jobs).delete()

    def _free(self, jobs: "list[IndexJob]") -> Self:
        """Those that no other transaction has locked: the removal of runs need not wait for us."""
        rows = self.filter(pk__in=[job.pk for job in jobs])
        return self.filter(
            pk__in=list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True))
        )

    def add_all(self) -> int:
        """Let every run be looked at again. Returns for how many that is new."""
        with connection.cursor() as cursor:
            cursor.execute(ADD_ALL, [True])
            return cursor.rowcount


class IndexJob(OwnedModel):
    """A run with parts that may not be indexed yet. The job is deleted when all are indexed."""

    run = models.OneToOneField(
        "runs.Run", on_delete=models.CASCADE, primary_key=True, related_name="index_job"
    )
    due_at = models.DateTimeField()  # when to look at it next; of the backlog: when it was created
    is_backlog = models.BooleanField(default=False)

    objects = IndexJobQuerySet.as_manager()

    class Meta:
        ordering = ["due_at"]
        indexes = [models.Index(fields=["is_backlog", "due_at"], name="index_job_due")]

    def __str__(self) -> str:
        return f"{self.run_id} at {self.due_at:%F %T}"
