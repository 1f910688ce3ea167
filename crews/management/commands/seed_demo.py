"""``manage.py seed_demo``: creates organizations, people, crews and repositories to try."""

import json
from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from crews.demo.repository import GitFailed
from crews.demo.seed import seed


class Command(BaseCommand):
    help = (
        "Creates the demo organizations acme and globex with users, crews and git repositories, "
        "and the superuser admin. Run again it repairs what is missing, and gives every demo user "
        "the printed password (DEMO_PASSWORD)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument(
            "--force", action="store_true", help="also with DEBUG off, where anyone may sign in"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        password = self._password(force=options["force"])
        try:
            demo = seed(password=password)
        except GitFailed as error:
            raise CommandError(str(error)) from error
        except ValidationError as error:
            raise CommandError(
                f"The demo's tasks are refused: {' '.join(error.messages)}"
            ) from error
        demo["url"] = f"http://localhost:{settings.PORT}"
        if options["json"]:
            self.stdout.write(json.dumps(demo))
        else:
            self._print(demo)

    def _password(self, *, force: bool) -> str:
        if not settings.DEBUG and not force:
            raise CommandError(
                "DEBUG is off, so this may be a production site, and the demo makes a superuser "
                "whose password others know. Set DEMO_PASSWORD to one of your own and repeat with "
                "--force if that is what you want."
            )
        if not settings.DEMO_PASSWORD:
            raise CommandError("With DEBUG off, set DEMO_PASSWORD to a password of your own.")
        try:
            validate_password(settings.DEMO_PASSWORD)
        except ValidationError as error:
            raise CommandError(f"DEMO_PASSWORD: {' '.join(error.messages)}") from error
        return settings.DEMO_PASSWORD

    def _print(self, demo: dict[str, Any]) -> None:
        heading = self.style.MIGRATE_HEADING
        self.stdout.write(heading(f"Sign in at {demo['url']} with password {demo['password']}"))
        for user in demo["users"]:
            place = f"{user['role']} of {user['organization']}"
            self.stdout.write(
                f"  {user['username']:14} {place if user['organization'] else user['role']}"
            )
        for organization in demo["organizations"]:
            self.stdout.write(heading(f"{organization['name']} ({organization['slug']})"))
            self.stdout.write(f"  repository {organization['repository']}")
            for crew in organization["crews"]:
                self.stdout.write(f"  crew {crew['slug']:9} {crew['id']}  {crew['name']}")
