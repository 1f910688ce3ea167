"""The project's settings with a queue that delivers again what takes longer than four seconds."""

from celery.signals import task_received

from crewops.settings import *  # noqa: F403
from crewops.settings import CELERY_BROKER_TRANSPORT_OPTIONS

RECEIVED = "A message was received."

CELERY_TASK_ACKS_LATE = True  # else a message is gone as soon as a worker has it
CELERY_BROKER_TRANSPORT_OPTIONS = CELERY_BROKER_TRANSPORT_OPTIONS | {
    "visibility_timeout": 4,  # seconds
    "unacked_restore_interval": 1,  # seconds
    "unacked_restore_throttle": 1,  # look each time, not each tenth
}


@task_received.connect
def report(**kwargs) -> None:
    print(RECEIVED, flush=True)
