from typing import Any

from django.core.management.base import BaseCommand

from runs.counters import recount


class Command(BaseCommand):
    help = (
        "Corrects the columns of runs that repeat what their plans and tasks say. "
        "Run it once after an update during which processes of the version before went on; "
        "it can be repeated at any time."
    )

    def handle(self, **options: Any) -> None:
        self.stdout.write(f"{recount()} runs corrected.")
