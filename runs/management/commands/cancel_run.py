"""``manage.py cancel_run``: cancels a run, and with ``--wait`` follows it to its end."""

import time
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from runs.models import Run

POLL_S = 0.25


class Command(BaseCommand):
    help = "Cancels RUN. One that waits ends at once, one at work when its tool has been stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("run", metavar="RUN", help="id, as run_crew prints it")
        parser.add_argument("--wait", action="store_true", help="wait until the run has ended")

    def handle(self, *args: Any, run: str, wait: bool, **options: Any) -> None:
        found = find_run(run)
        if found.is_over:
            raise CommandError(f"Run {found.pk} has ended already: {found.status}.")
        control = found.cancel()
        if control and control.status == control.Status.REFUSED:
            raise CommandError(control.detail)
        if not found.is_over:
            self.stdout.write(f"Run {found.pk} is cancelled, its worker stops within seconds.")
        while wait and not found.is_over:
            time.sleep(POLL_S)
            found.refresh_from_db()
        if found.is_over:
            self.stdout.write(f"Run {found.pk} has ended: {found.status}.")


def find_run(text: str) -> Run:
    """Return the run with this id. Raises ``CommandError``."""
    try:
        return Run.objects.get(pk=UUID(text))
    except ValueError:
        raise CommandError(f"{text!r} is no id of a run. Write it as run_crew prints it.") from None
    except Run.DoesNotExist:
        raise CommandError(f"There is no run {text}.") from None
