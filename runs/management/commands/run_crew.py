"""``manage.py run_crew``: starts a run of a crew, and with ``--wait`` follows it to its end."""

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from crews import first_steps
from crews.models import Crew
from crews.tracking import InvalidState
from runs.models import Run, TaskExecution, ToolExecution, Worker

POLL_S = 0.25
INTERRUPTED = 130  # exit code of a shell after Ctrl-C


class Command(BaseCommand):
    help = "Starts a run of CREW, or one that repeats RUN, and prints its id."

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("crew", metavar="CREW", nargs="?", help="id, slug or organization/slug")
        what.add_argument("--again", metavar="RUN", type=UUID, help="id of an ended run to repeat")
        parser.add_argument(
            "--from-failed",
            action="store_true",
            help="with --again: go on from its first failed task, in its workspace",
        )
        parser.add_argument(
            "--wait", action="store_true", help="follow the run; exit 0 only if it succeeded"
        )
        parser.add_argument(
            "--timeout",
            type=float,
            metavar="S",
            help="with --wait: give up waiting after S seconds",
        )

    def handle(
        self,
        *args: Any,
        crew: str | None,
        again: UUID | None,
        from_failed: bool,
        wait: bool,
        timeout: float | None,
        **options: Any,
    ) -> None:
        if from_failed and not again:
            raise CommandError("--from-failed: say which run with --again RUN.")
        try:
            if again:
                run = _find_run(again).run_again(from_failed=from_failed)
            else:
                run = Run.objects.request(crew=find_crew(crew))
        except InvalidState as error:
            raise CommandError(str(error)) from error
        self.stdout.write(str(run.pk))
        self.stdout.flush()
        if run.retry == Run.Retry.RESTARTED:
            self._say("The workspace is gone, so the run starts over.", self.style.WARNING)
        if not Worker.objects.alive().exists():
            self._say(
                "No worker is alive, so the run is queued until there is one. "
                "Start one: celery -A crewops worker",
                self.style.WARNING,
            )
        if wait:
            try:
                self._follow(run, timeout)
            except KeyboardInterrupt:
                raise CommandError(f"Run {run.pk} goes on.", returncode=INTERRUPTED) from None

    def _follow(self, run: Run, timeout: float | None) -> None:
        """Print what happens until the run ends. Raises ``CommandError`` unless it succeeds."""
        deadline = time.monotonic() + timeout if timeout is not None else float("inf")
        printed: set[tuple[UUID, str]] = set()
        while True:
            run.refresh_from_db()
            self._print_new(run, printed)
            if run.is_over:
                break
            if time.monotonic() > deadline:
                raise CommandError(f"Run {run.pk} is {run.status} after {timeout:g} s; it goes on.")
            time.sleep(POLL_S)
        ending = f"Run {run.pk} {run.status} after {run.duration_s:.1f} s"
        if run.status != Run.Status.SUCCEEDED:
            raise CommandError(_why(run, ending))
        self._say(f"{ending}.")

    def _print_new(self, run: Run, printed: set[tuple[UUID, str]]) -> None:
        """Print one line for each thing that has happened since the last call."""
        for task in run.task_executions.all():
            if (task.pk, "running") not in printed:
                printed.add((task.pk, "running"))
                self._say(f"{task.agent_id}: {task.name}")
            for tool in task.tool_executions.exclude(status=ToolExecution.Status.RUNNING):
                if (tool.pk, tool.status) not in printed:
                    printed.add((tool.pk, tool.status))
                    self._say(f"  {tool.tool}: {tool.status}, {tool.duration_s:.1f} s")

    def _say(self, text: str, style: Callable[[str], str] = str) -> None:
        self.stderr.write(text, style)
        self.stderr.flush()


def _find_run(pk: UUID) -> Run:
    if run := Run.objects.filter(pk=pk).first():
        return run
    raise CommandError(f"There is no run {pk}.")


def find_crew(text: str) -> Crew:
    """Return the crew with this id, slug or organization/slug.

    Raises ``CommandError`` with the choices.
    """
    crews = Crew.objects.not_deleted().select_related("organization")
    organization, slash, slug = text.rpartition("/")
    try:
        found = list(crews.filter(pk=UUID(text)))
    except ValueError:
        found = list(crews.filter(slug=slug))
        if slash:
            found = [crew for crew in found if crew.organization.slug == organization]
    if len(found) == 1:
        return found[0]
    choices = sorted(f"{crew.organization.slug}/{crew.slug}" for crew in found or crews)
    if found:
        raise CommandError(f"Several crews are called {text!r}. Write one of: {', '.join(choices)}")
    if choices:
        raise CommandError(f"There is no crew {text!r}. There are: {', '.join(choices)}")
    raise CommandError(first_steps.advice())


def _why(run: Run, ending: str) -> str:
    """Return the ending with the reason, the message and the tools that failed."""
    lines = [f"{ending}: {run.reason or 'no reason given'}. {run.message}".rstrip()]
    failed = ToolExecution.objects.filter(
        task_execution__run=run,
        task_execution__status=TaskExecution.Status.FAILED,
        status__in=(ToolExecution.Status.ERROR, ToolExecution.Status.COMPLETED_WITH_ERRORS),
    )
    for tool in failed.select_related("task_execution"):
        exit_code = "no exit code" if tool.exit_code is None else f"exit code {tool.exit_code}"
        task = tool.task_execution
        lines.append(
            f"  {tool.tool} ({task.agent_id}, {task.name}): {tool.status}, {exit_code}. "
            f"{tool.message}"
        )
    return "\n".join(lines)
