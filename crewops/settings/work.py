"""Celery, leases and workspaces: how runs are carried out."""

from pathlib import Path

from crewops.settings.data import REDIS_PREFIX
from crewops.settings.environment import VAR_DIR, env

CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "runs"
CELERY_TASK_ACKS_LATE = False  # the message is a doorbell; the reaper rings again when one is lost
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONCURRENCY = env.int("WORKER_CONCURRENCY", default=4)  # runs at once per worker
# Of those that are running; 0: no limit. An organization or a crew may have a limit of its own.
MAX_ACTIVE_RUNS_PER_ORGANIZATION = env.int("MAX_ACTIVE_RUNS_PER_ORGANIZATION", default=0)
MAX_ACTIVE_RUNS_PER_CREW = env.int("MAX_ACTIVE_RUNS_PER_CREW", default=0)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 5,  # seconds
    "socket_connect_timeout": 5,  # seconds
    "global_keyprefix": REDIS_PREFIX,
}

CREWS_STEPS_VALIDATOR = "runs.tools.validate_steps"
CREWS_STEPS_REDACTOR = "runs.api.steps.redacted"
CREWS_SECRETS_VALIDATOR = "runs.credentials.validate"
RUN_LEASE_S = env.float("RUN_LEASE_S", default=30.0)
RUN_HEARTBEAT_S = env.float("RUN_HEARTBEAT_S", default=10.0)
WORKER_HEARTBEAT_S = env.float("WORKER_HEARTBEAT_S", default=5.0)
WORKER_ALIVE_S = env.float("WORKER_ALIVE_S", default=20.0)  # without a heartbeat: not alive
REAPER_INTERVAL_S = env.float("REAPER_INTERVAL_S", default=5.0)

WORKSPACES_DIR = Path(env.str("WORKSPACES_DIR", default=str(VAR_DIR / "workspaces")))
RUNS_RETENTION_DAYS = env.float("RUNS_RETENTION_DAYS", default=0.0)  # 0: for ever
WORKSPACE_RETENTION_H = env.float("WORKSPACE_RETENTION_H", default=24.0)
