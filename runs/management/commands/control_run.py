"""``manage.py control_run``: pauses, resumes or cancels a run, or sends it a message."""

import time
from contextlib import nullcontext
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from crews.audit_actor import Actor, Way, acting_as
from crews.management.commands.issue_token import active_user
from runs.execution import controls
from runs.management.commands.cancel_run import find_run
from runs.management.commands.run_crew import INTERRUPTED
from runs.models import Control, InvalidState, Run
from runs.models.control import CONTROL_TEXT_LIMIT

POLL_S = 0.1


class Command(BaseCommand):
    help = "Asks RUN to pause, resume or stop, or sends it a message. Prints what comes of it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("run", metavar="RUN", help="id, as run_crew prints it")
        parser.add_argument("action", choices=Control.Action.values)
        parser.add_argument("--text", default="", help="the message")
        parser.add_argument(
            "--wait",
            type=float,
            default=0.0,
            metavar="SECONDS",
            help="wait for the answer; exit 1 if there is none in time",
        )
        parser.add_argument(
            "--user", help="ask as this user, if their role allows it; default: as a command"
        )

    def handle(
        self,
        *args: Any,
        run: str,
        action: str,
        text: str,
        wait: float,
        user: str | None,
        **options: Any,
    ) -> None:
        _check(action, text, wait)
        owner = active_user(user) if user else None
        found = _operable(run, owner) if owner else find_run(run)
        standing = f"The request to run {found.pk} stands."
        try:
            control = _ask(found, action, text, owner)
            _wait(control, wait)
        except KeyboardInterrupt:
            is_pending = found.controls.pending().filter(action=action).exists()
            reason = standing if is_pending else f"Run {found.pk}: no {action} is pending."
            raise CommandError(reason, returncode=INTERRUPTED) from None
        self.stdout.write(f"Run {found.pk}: {action} {control.get_status_display().lower()}.")
        if control.status in (Control.Status.REFUSED, Control.Status.TOO_LATE):
            raise CommandError(control.detail)
        if wait and not control.is_over:
            raise CommandError(f"No answer within {wait:g} s. {standing}")


def _check(action: str, text: str, wait: float) -> None:
    """Raise ``CommandError`` if these do not fit together."""
    is_message = action == Control.Action.MESSAGE
    if is_message and not text.strip():
        raise CommandError("message: give the message with --text TEXT.")
    if text and not is_message:
        raise CommandError(f"{action}: leave out --text. Only a message has one.")
    if len(text) > CONTROL_TEXT_LIMIT:
        raise CommandError(f"--text: a message has at most {CONTROL_TEXT_LIMIT} characters.")
    if not wait >= 0:
        raise CommandError("--wait: give a number of seconds, 0 or more.")


def _operable(run: str, user: Any) -> Run:
    """Return the run if ``user`` may control it. Raises ``CommandError``."""
    found = find_run(run)
    if not Run.objects.visible_to(user).filter(pk=found.pk).exists():
        raise CommandError(f"There is no run {run}.")  # as for an id that no run has
    if not Run.objects.operable_by(user).filter(pk=found.pk).exists():
        raise CommandError(
            f"User {user.get_username()!r} may watch this run but not control it. "
            "Ask an admin of the organization for the role of operator."
        )
    return found


def _ask(run: Run, action: str, text: str, user: Any) -> Control:
    """Ask the run, in the name of ``user`` if there is one. Raises ``CommandError``."""
    by = user and user.get_username()
    with acting_as(Actor(Way.COMMAND, by, user.pk)) if user else nullcontext():
        try:
            return controls.ask(run, action, text, by=by)
        except InvalidState as refusal:
            raise CommandError(str(refusal)) from refusal


def _wait(control: Control, seconds: float) -> None:
    """Wait for the answer, at most so many seconds."""
    until = time.monotonic() + seconds
    while not control.is_over and time.monotonic() < until:
        time.sleep(POLL_S)
        try:
            control.refresh_from_db()
        except Control.DoesNotExist:
            raise CommandError("The run was deleted.") from None
