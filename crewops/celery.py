"""The Celery application. Its messages are doorbells: the truth about a run is in the database."""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crewops.settings")

app = Celery("crewops")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_djangos_logging(**kwargs: Any) -> None:
    """With a receiver Celery leaves logging as the settings have made it."""
