"""``manage.py index_search``: indexes now what the scheduler would index soon."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from runs.search import indexing
from runs.search.models import IndexJob


class Command(BaseCommand):
    help = (
        "Indexes for the search what has ended, and runs from before there was an index. The "
        "scheduler (reap_runs --loop) does the same in the background."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--all",
            action="store_true",
            help="look at every run, as after restoring only a part of the database",
        )

    def handle(self, *args: Any, all: bool, **options: Any) -> None:
        if all:
            self.stdout.write(f"Runs to look at: {IndexJob.objects.unscoped().add_all()}.")
        self.stdout.write(f"Documents made: {indexing.index_due()}.")
