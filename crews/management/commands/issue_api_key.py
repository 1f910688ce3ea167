"""``manage.py issue_api_key``: creates an API key of an organization, for programs."""

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from crews.models import ApiKey, Organization
from crews.models.api_key import LONGEST_DAYS, Scope


class Command(BaseCommand):
    help = "Prints a new API key of the organization ORG, and nothing else. It is shown this once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("organization", metavar="ORG", help="slug of the organization")
        parser.add_argument(
            "--scopes",
            default="report,watch",
            help=f"separated by commas, of: {', '.join(Scope.values)} (report,watch)",
        )
        parser.add_argument("--days", type=int, metavar="N", help="the key expires after N days")
        parser.add_argument("--name", default="issue_api_key", help="what uses the key")

    def handle(self, *args: Any, organization: str, **options: Any) -> None:
        owner = Organization.objects.not_deleted().filter(slug=organization).first()
        if owner is None:
            kept = Organization.objects.not_deleted().values_list("slug", flat=True)
            known = ", ".join(kept[:20]) or "none"
            raise CommandError(f"There is no organization {organization!r}. There are: {known}.")
        scopes = options["scopes"].split(",")
        if unknown := [scope for scope in scopes if scope not in Scope.values]:
            raise CommandError(
                f"--scopes: {unknown[0]!r} is no scope. Choose among {', '.join(Scope.values)}."
            )
        days = options["days"]
        if days is not None and not 1 <= days <= LONGEST_DAYS:
            raise CommandError(f"--days: give a number from 1 to {LONGEST_DAYS}.")
        try:
            _, text = ApiKey.objects.issue(
                organization=owner,
                name=options["name"],
                scopes=scopes,
                expires_at=days and timezone.now() + timedelta(days=days),
            )
        except ValidationError as refused:
            raise CommandError(" ".join(refused.messages)) from refused
        self.stdout.write(text)
