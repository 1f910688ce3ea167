"""The Celery application. A message only starts work; the database holds the state of a run."""

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
    """Does nothing. If this signal has a receiver, Celery keeps the logging of the settings."""
