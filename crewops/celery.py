"""The Celery application. Its messages are doorbells: the truth about a run is in the database."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crewops.settings")

app = Celery("crewops")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
