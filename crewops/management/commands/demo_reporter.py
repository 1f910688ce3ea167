"""``manage.py demo_reporter``: runs the demo program, which reports to the running server."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from crewops import demo_reporter
from crews.demo.content import REPORTED_CREW
from crews.demo.reported import demo_crews
from crews.models import Crew


class Command(BaseCommand):
    help = (
        "Runs the demo program: three agents with a scripted model, in plain Python, that report "
        f"the crew {REPORTED_CREW.name} of the demo. It needs no model and no key, and takes half "
        "a minute."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", default="", help="of the server, if it is not the running one")
        parser.add_argument("--pace", default="1", help="1 takes about 35 s, 0 no time")

    def handle(self, *args: Any, url: str, pace: str, **options: Any) -> None:
        crew = demo_crews(Crew.objects.select_related("organization")).first()
        if crew is None:
            raise CommandError("The demo is missing. Create it with: manage.py seed_demo")
        try:
            program = demo_reporter.start(crew, "--pace", pace, url=url)
        except demo_reporter.AlreadyRunning as running:
            raise CommandError(str(running)) from running
        try:
            status = program.wait()
        except KeyboardInterrupt:  # the terminal has sent it to the program, too
            status = program.wait()
        if status:
            sys.exit(status)
