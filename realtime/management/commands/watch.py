"""``manage.py watch``: follows a run, a crew's graph or all crews over the real socket."""

import os
import sys
from functools import cache, partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error, connection
from rest_framework_simplejwt.tokens import AccessToken
from rich.console import Console

from crews.management.commands.issue_token import active_user
from crews.models import Crew
from realtime.stream_kinds import STREAM_KINDS
from realtime.terminal import address
from realtime.terminal.api import Api
from realtime.terminal.client import ConnectionFailed
from realtime.terminal.ending import ending_in_order
from realtime.terminal.graph_view import GraphView
from realtime.terminal.keyboard import Keyboard, terminal_of
from realtime.terminal.mission_view import MissionView
from realtime.terminal.requests import Requests, Rights
from realtime.terminal.run_view import RunView
from realtime.terminal.steering import Steering
from realtime.terminal.watching import Watching
from runs.management.commands.run_crew import INTERRUPTED, find_crew
from runs.models import Run


class Command(BaseCommand):
    help = (
        "Draws a run, the graph of a crew (without ID: of every crew) or the mission as USER sees "
        "it; with --json prints every frame on a line. Ends with the run, else with Ctrl-C. A run "
        "in a terminal also takes keys, which a line at the bottom names."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=STREAM_KINDS)
        parser.add_argument(
            "id", nargs="?", metavar="ID", help="of the run; id or slug of the crew"
        )
        parser.add_argument("--user", required=True, help="the user whose access is used")
        parser.add_argument("--since", type=int, metavar="N", help="only events after event N")
        parser.add_argument("--json", action="store_true", help="print frames, one JSON a line")
        parser.add_argument(
            "--url",
            help="where the server is; default: the stack that runs on this VAR_DIR, else "
            f"ws://localhost:{settings.PORT}",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        what, since = options["what"], options["since"]
        path, resumable = _path(what, options["id"])
        if since is not None and (since < 0 or not resumable):
            raise CommandError("--since: give the number of an event, with one run or one crew.")
        active_user(options["user"])
        running = address.running(settings.VAR_DIR) or f"localhost:{settings.PORT}"
        url = (options["url"] or f"ws://{running}").rstrip("/")
        token = partial(_token, options["user"])
        watching = Watching(url, token)
        watching.listen(path, since=since, resumable=resumable)
        try:
            if options["json"]:
                watching.print(self.stdout, self.stderr)
            else:
                with ending_in_order():
                    self._draw(watching, what, Api(url, token), options)
        except ConnectionFailed as refused:
            raise CommandError(f"watch {what}: {refused}") from refused
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)
        except BrokenPipeError:  # the reader, such as head, has closed the pipe
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def _draw(self, watching: Watching, what: str, api: Api, options: dict[str, Any]) -> None:
        """Draw until the end. A run that is drawn in a terminal is controlled by its keys."""
        self.stdout.ending = ""  # else Django adds a line to each drawing
        view, console = _view(what), Console(file=self.stdout)
        terminal = terminal_of(sys.stdin, self.stdout)
        if what != "run" or terminal is None or console.is_dumb_terminal:
            return watching.draw(view, console)
        requests = Requests(api, partial(_rights, options["user"], options["id"]))
        with Keyboard(terminal) as keyboard:
            watching.draw(view, console, Steering(view, keyboard, requests, console))


def _path(what: str, identifier: str | None) -> tuple[str, bool]:
    """The path of the socket, and whether it is one stream, which can be resumed."""
    if what == "mission":
        if identifier:
            raise CommandError("The mission has no ID: it shows every crew.")
        return "mission", False
    if what == "graph":
        if not identifier:
            return "graph", False
        return f"graph/{identifier if _is_uuid(identifier) else find_crew(identifier).pk}", True
    if not identifier or not _is_uuid(identifier):
        raise CommandError(
            "Give the id of a run, as run_crew prints it and its page's address has."
        )
    return f"runs/{identifier}", True


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _view(what: str) -> Any:
    name = cache(_crew_name)
    return {
        "run": RunView,
        "graph": partial(GraphView, name),
        "mission": partial(MissionView, name),
    }[what]()


def _crew_name(crew_id: str) -> str:
    crew = Crew.objects.filter(pk=crew_id).first()
    return crew.name if crew else crew_id


def _token(username: str) -> str:
    """A new access token. Runs in a thread, so it closes the thread's database connection."""
    try:
        return str(AccessToken.for_user(active_user(username)))
    finally:
        connection.close()


def _rights(username: str, run_id: str) -> Rights:
    """What the run takes and the user may do, for the line of keys. The server decides anew.

    May run in a thread, so it closes the thread's database connection.
    """
    try:
        user = active_user(username)
        run = Run.objects.visible_to(user).select_related("reported").defer("plan").get(pk=run_id)
        return Rights(
            run.controls_taken,
            Run.objects.operable_by(user).filter(pk=run_id).exists(),
            Run.objects.managed_by(user).filter(pk=run_id).exists(),
        )
    except (CommandError, Error, Run.DoesNotExist):  # then nothing is offered
        return Rights()
    finally:
        connection.close()
