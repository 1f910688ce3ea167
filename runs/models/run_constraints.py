"""Indexes and constraints of runs: the order of lists, unique keys, times that match the status."""

from django.db import models

INDEXES = [
    models.Index(fields=["-created_at", "-id"], name="run_newest"),
    models.Index(fields=["crew", "-created_at", "-id"], name="run_of_crew"),
    models.Index(fields=["status", "-created_at", "-id"], name="run_of_status"),
    models.Index(fields=["crew", "-ended_at"], name="run_ended_of_crew"),
    models.Index(fields=["status", "lease_until"]),
    models.Index(
        fields=["crew"], name="run_reported_of_crew", condition=models.Q(origin="reported")
    ),
    models.Index(
        fields=["deleted_at"], name="run_deleted", condition=models.Q(deleted_at__isnull=False)
    ),
]
CONSTRAINTS = [
    models.UniqueConstraint(fields=["started_by", "idempotency_key"], name="run_of_a_users_key"),
    models.UniqueConstraint(fields=["api_key", "idempotency_key"], name="run_of_an_api_keys_key"),
    models.CheckConstraint(
        condition=models.Q(status="queued", started_at=None, ended_at=None, lease_until=None)
        | models.Q(
            status="running",
            started_at__isnull=False,
            ended_at=None,
            lease_until__isnull=False,
        )
        | models.Q(
            status__in=["succeeded", "failed", "cancelled"],
            ended_at__isnull=False,
            lease_until=None,
        ),
        name="run_times_match_status",
    ),
]
