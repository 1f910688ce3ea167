"""``flush`` for the tests that commit: it empties the audit trail, too, which the database refuses."""

from typing import Any

from django.core.management.commands import flush
from django.db import connections

from crews.audit.protection import unprotected


class Command(flush.Command):
    def handle(self, **options: Any) -> None:
        with unprotected(connections[options["database"]]):
            super().handle(**options)
