"""``manage.py reencrypt_secrets``: encrypts all sealed values with the first of ``SECRETS_KEYS``.

These are the values of secrets, and the addresses and keys of notification targets.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from crews.models.sealed import sealed_records
from crews.sealing import Unreadable


class Command(BaseCommand):
    help = (
        "Encrypts every secret, and the address and the key of every notification target, with the "
        "first of SECRETS_KEYS, so that the keys behind it can be removed. Names those that no key "
        "opens, and then exits 1. Harmless while runs go on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="change nothing, only name what no key opens"
        )

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        done, lost = 0, []
        for record in sealed_records():
            try:
                record.resealed() if dry_run else record.reseal()
                done += 1
            except Unreadable:
                lost.append(record.sealed_name)
        self.stdout.write(f"{'Readable' if dry_run else 'Encrypted with the first key'}: {done}.")
        if lost:
            raise CommandError(
                f"No key opens these: {', '.join(lost)}. Put their key back into SECRETS_KEYS, "
                "or have an admin of the organization enter the values anew. The owner of a "
                "personal notification target enters its address anew."
            )
