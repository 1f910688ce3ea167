from django.db import models

from crews.scoping import OwnedModel, ScopedQuerySet


class MetricSample(OwnedModel):
    """Figures of ``seconds`` seconds from ``at`` on.

    Those without an organization are of everything. An organization without a row had nothing to
    count, if there is a row of everything.
    """

    at = models.DateTimeField()
    seconds = models.PositiveSmallIntegerField()
    organization = models.ForeignKey(
        "crews.Organization",
        on_delete=models.CASCADE,
        null=True,
        related_name="metric_samples",
        db_index=False,  # the index below begins with it
    )
    figures = models.JSONField()  # see `realtime.monitoring.measured`

    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["seconds", "at"]
        constraints = [
            models.UniqueConstraint(
                fields=["seconds", "at", "organization"], name="metric_sample_once"
            ),
            models.UniqueConstraint(
                fields=["seconds", "at"],
                condition=models.Q(organization=None),
                name="metric_sample_of_all_once",
            ),
        ]
        indexes = [models.Index(fields=["organization", "seconds", "at"])]

    def __str__(self) -> str:
        return f"{self.organization or 'everything'}: {self.seconds} s from {self.at:%F %T}"
