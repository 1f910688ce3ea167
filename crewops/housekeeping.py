"""What the libraries keep and only a command would remove, removed with what else is old."""

from typing import Any

from django.core.management import call_command
from django.dispatch import receiver

from runs.retention import cleaning


@receiver(cleaning)
def clear_expired(**kwargs: Any) -> None:
    """Delete sessions and used refresh tokens that have expired."""
    call_command("clearsessions")
    call_command("flushexpiredtokens")
