"""``manage.py control_run``: pauses, resumes or cancels a run, or sends it a message."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from runs.execution import controls
from runs.management.commands.cancel_run import find_run
from runs.models import Control, IllegalMove
from runs.models.control import TEXT_LIMIT

POLL_S = 0.1


class Command(BaseCommand):
    help = "Asks RUN to pause, resume or stop, or sends it a message. Prints what comes of it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("run", metavar="RUN", help="id, as run_crew prints it")
        parser.add_argument("action", choices=Control.Action.values)
        parser.add_argument("--text", default="", help="the message")
        parser.add_argument(
            "--wait", type=float, default=0.0, metavar="SECONDS", help="wait for the answer"
        )

    def handle(
        self, *args: Any, run: str, action: str, text: str, wait: float, **options: Any
    ) -> None:
        if (action == Control.Action.MESSAGE) != bool(text.strip()):
            raise CommandError("A message needs --text, and nothing else has one.")
        if len(text) > TEXT_LIMIT:
            raise CommandError(f"A message has at most {TEXT_LIMIT} characters.")
        found = find_run(run)
        try:
            control = controls.ask(found, action, text)
        except IllegalMove as refusal:
            raise CommandError(str(refusal)) from refusal
        until = time.monotonic() + wait
        while not control.is_over and time.monotonic() < until:
            time.sleep(POLL_S)
            control.refresh_from_db()
        self.stdout.write(f"Run {found.pk}: {action} {control.get_status_display().lower()}.")
        if control.status in (Control.Status.REFUSED, Control.Status.TOO_LATE):
            raise CommandError(control.detail)
