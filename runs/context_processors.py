"""What every page may show of the runs."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from runs.models import Worker


def workers(request: HttpRequest) -> dict[str, Any]:
    """``worker_alive``: whether any worker can carry out a run; asked for only where it is shown."""
    return {"worker_alive": SimpleLazyObject(Worker.objects.alive().exists)}
