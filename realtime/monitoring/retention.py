"""Prunes the samples together with other old data, also where no scheduler runs."""

from typing import Any

from django.dispatch import receiver

from realtime.monitoring import samples
from runs.execution.retention import cleaning


@receiver(cleaning)
def prune(**kwargs: Any) -> None:
    samples.prune()
