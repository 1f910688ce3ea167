"""``manage.py export_crew``: writes a crew as YAML."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from runs.crew_files.writing import describe, text_of
from runs.management.commands.run_crew import find_crew


class Command(BaseCommand):
    help = "Prints CREW as YAML, which `manage.py apply` accepts."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("crew", metavar="CREW", help="id, slug or organization/slug")

    def handle(self, *args: Any, crew: str, **options: Any) -> None:
        self.stdout.write(text_of(describe(find_crew(crew))), ending="")
