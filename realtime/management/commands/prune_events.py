"""``manage.py prune_events``: deletes old events. Clients with an older position get a reset."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from realtime.log import pruning


class Command(BaseCommand):
    help = "Deletes the events older than DAYS days. Runs and their output stay."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--older-than", type=float, required=True, metavar="DAYS", help="0 deletes every event"
        )

    def handle(self, *args: Any, older_than: float, **options: Any) -> None:
        try:
            moment = timezone.now() - timedelta(days=older_than)
        except (OverflowError, ValueError) as error:
            raise CommandError("--older-than: give a number of days.") from error
        if older_than < 0:
            raise CommandError("--older-than: give a number of days, not below 0.")
        pruned = pruning.prune(older_than=moment)
        self.stdout.write(f"Deleted {pruned} event{'' if pruned == 1 else 's'}.")
