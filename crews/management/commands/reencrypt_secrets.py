"""``manage.py reencrypt_secrets``: encrypts every secret with the first of ``SECRETS_KEYS``."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from crews.models import Secret
from crews.sealing import Unreadable, reseal


class Command(BaseCommand):
    help = (
        "Encrypts every secret with the first of SECRETS_KEYS, so that the keys behind it can be "
        "removed. Names those that no key opens, and then exits 1. Harmless while runs go on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="change nothing, only name what no key opens"
        )

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        done, lost = 0, []
        for secret in Secret.objects.select_related("organization"):
            try:
                reseal(secret.sealed) if dry_run else secret.reseal()
                done += 1
            except Unreadable:
                lost.append(f"{secret.organization.slug}/{secret.name}")
        self.stdout.write(f"{'Readable' if dry_run else 'Encrypted with the first key'}: {done}.")
        if lost:
            raise CommandError(
                f"No key opens these: {', '.join(lost)}. Put their key back into SECRETS_KEYS, "
                "or have an admin of the organization enter the values anew."
            )
