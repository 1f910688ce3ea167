"""``manage.py prune_audit``: removes old entries of the audit trail and records this there."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, models
from django.utils import timezone

from crews.audit_protection import unprotected
from crews.models import AuditEntry
from crews.models.audit_entry import Kind

LONGEST_D = 36_500


class Command(BaseCommand):
    help = (
        "Deletes entries of the audit trail older than DAYS. It is the one way to, is for the "
        "operator, and needs a database account that owns the table."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--older-than", type=int, required=True, metavar="DAYS")

    def handle(self, *args: Any, older_than: int, **options: Any) -> None:
        if not 1 <= older_than <= LONGEST_D:
            raise CommandError(f"--older-than: give a number of days from 1 to {LONGEST_D}.")
        before = timezone.now() - timedelta(days=older_than)
        old = AuditEntry.objects.filter(created_at__lt=before)
        with unprotected(connection):
            removed, _ = models.QuerySet.delete(old)
            AuditEntry.objects.record(
                Kind.TRAIL_PRUNED,
                name=f"{removed} entries older than {before:%Y-%m-%d}",
            )
        self.stdout.write(f"{removed} entries removed.")
