"""The database, Redis, workers, sockets and tools."""

import re
from urllib.parse import unquote

from django.core.exceptions import ImproperlyConfigured

from crewops import redis_url
from crewops.redis import default_redis_url
from crewops.settings.environment import DEBUG, VAR_DIR, env

CONNECT_S = 10  # for PostgreSQL to accept a connection
GONE_S = 20  # after which a connection to a machine that does not answer has failed

if not DEBUG and env.is_empty("DATABASE_URL"):  # not SQLite by mistake
    raise ImproperlyConfigured("DATABASE_URL is empty. Set it, or remove it to use SQLite.")
DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'crewops.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        # A write transaction takes the lock when it begins, so it never fails in the middle.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,  # seconds to wait for another writer
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
else:
    # In a URL the directory of a unix socket is encoded as %2Fvar%2Frun.
    DATABASES["default"]["HOST"] = unquote(DATABASES["default"]["HOST"])
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    # A pooler may share server connections between transactions. A server-side cursor could then be
    # another client's. Django opens such cursors for `.iterator()`, also in its own forms.
    DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = True
    # A database that hangs may accept a connection and say nothing: psycopg itself waits for 130 s.
    # A connection whose server has disappeared would be waited for for a quarter of an hour, or two
    # hours if nothing is sent. The URL may have its own values, such as ``?connect_timeout=``.
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": CONNECT_S,
        "tcp_user_timeout": GONE_S * 1000,
        "keepalives_idle": GONE_S // 2,
        "keepalives_interval": GONE_S // 4,
        "keepalives_count": 2,
        **DATABASES["default"].get("OPTIONS", {}),
    }
    # A process that freezes or is lost inside a transaction would keep its locks, and other
    # processes would wait.
    if idle_s := env.int("DATABASE_IDLE_IN_TRANSACTION_S", default=10):
        DATABASES["default"]["OPTIONS"].setdefault(
            "options", f"-c idle_in_transaction_session_timeout={idle_s}s"
        )
# Not behind a pooler that shares connections and knows nothing of prepared statements.
DATABASE_PREPARED_STATEMENTS = DATABASES["default"]["ENGINE"].endswith("postgresql") and env.bool(
    "DATABASE_PREPARED_STATEMENTS", default=False
)
if DATABASE_PREPARED_STATEMENTS:
    DATABASES["default"]["OPTIONS"]["prepare_threshold"] = 5  # executions before
DATABASES["default"]["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=60)  # seconds
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_IS_PRIVATE = not env.str("REDIS_URL", default="")
try:
    _REDIS = redis_url.read(env.str("REDIS_URL", default="") or default_redis_url(VAR_DIR))
except redis_url.BadRedisURL as error:
    raise ImproperlyConfigured(f"REDIS_URL: {error}.") from None
REDIS_URL = _REDIS.url
CELERY_BROKER_URL = _REDIS.broker_url
if _REDIS.broker_ssl:
    CELERY_BROKER_USE_SSL = _REDIS.broker_ssl
# The prefix of every key and channel except those of events, which are part of the wire contract.
REDIS_PREFIX = env.str("REDIS_PREFIX", default="crewops:")
if not re.fullmatch(r"[A-Za-z0-9:._-]{0,50}", REDIS_PREFIX):
    raise ImproperlyConfigured("REDIS_PREFIX: take at most 50 letters, digits, : . _ and -.")

# Execution of runs: Celery, leases and workspaces

CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "runs"
CELERY_TASK_ACKS_LATE = False  # the reaper sends a lost message again
# A worker takes a message only if it can begin at once. Otherwise messages would wait in a busy
# worker while another one is idle.
CELERY_WORKER_DISABLE_PREFETCH = True
# Each worker also has a queue of its own: calls for help go to the one that has the workspace.
CELERY_WORKER_DIRECT = True
CELERY_WORKER_CONCURRENCY = env.int("WORKER_CONCURRENCY", default=4)  # runs and helpers per worker
# Limits on runs that are running; 0: no limit. An organization or a crew may have its own limit.
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
CREWS_SECRETS_VALIDATOR = "runs.execution.credentials.validate"
# A reported run ends after this many seconds without a report. REPORTED_LEASE_S is for a reporter
# that sends heartbeats, REPORTED_IDLE_S for one that never has.
REPORTED_LEASE_S = env.float("REPORTED_LEASE_S", default=60.0)
REPORTED_IDLE_S = env.float("REPORTED_IDLE_S", default=900.0)
RUN_LEASE_S = env.float("RUN_LEASE_S", default=30.0)
RUN_HEARTBEAT_S = env.float("RUN_HEARTBEAT_S", default=10.0)
WORKER_HEARTBEAT_S = env.float("WORKER_HEARTBEAT_S", default=5.0)
WORKER_ALIVE_S = env.float("WORKER_ALIVE_S", default=20.0)  # without a heartbeat: not alive
REAPER_INTERVAL_S = env.float("REAPER_INTERVAL_S", default=5.0)

WORKSPACES_DIR = env.directory("WORKSPACES_DIR", VAR_DIR / "workspaces")
RUNS_RETENTION_DAYS = env.retention("RUNS_RETENTION_DAYS", default=0.0)  # 0: for ever
WORKSPACE_RETENTION_H = env.retention("WORKSPACE_RETENTION_H", default=24.0)

# The shortest time between two fire times of a schedule, in minutes. Cron knows whole minutes.
SCHEDULES_SHORTEST_MINUTES = env.int("SCHEDULES_SHORTEST_MINUTES", default=5)

# Notifications

# Hosts, as they are written in a target's address, that may have a private address. Webhooks to
# them may use http.
NOTIFICATIONS_PRIVATE_HOSTS = env.entries("NOTIFICATIONS_PRIVATE_HOSTS")
NOTIFICATIONS_PER_HOUR = env.int("NOTIFICATIONS_PER_HOUR", default=60)  # to one target
NOTIFICATIONS_RETENTION_DAYS = env.retention("NOTIFICATIONS_RETENTION_DAYS", default=30.0)  # 0: all

# The channel layer and the sockets

CHANNEL_LAYERS = {
    "default": {"BACKEND": "realtime.delivery.layer.StreamLayer", "CONFIG": {"hosts": [REDIS_URL]}}
}
REALTIME_HEARTBEAT_S = env.float("REALTIME_HEARTBEAT_S", default=45.0)
# Whether sockets may compress frames: docs/threats.md says why that is safe.
REALTIME_COMPRESSION = env.bool("REALTIME_COMPRESSION", default=True)
REALTIME_SWEEP_S = env.float("REALTIME_SWEEP_S", default=1.0)
# An expired token leads to close code 4401 between its expiry and this many seconds later.
REALTIME_TOKEN_GRACE_S = env.float("REALTIME_TOKEN_GRACE_S", default=15.0)
EVENTS_RETENTION_DAYS = env.retention("EVENTS_RETENTION_DAYS", default=0.0)  # 0: for ever

# The tools' box and its limits

TOOLS_TIME_LIMITS_S = env.json("TOOLS_TIME_LIMITS_S", default={})  # {tool name: seconds}
TOOLS_OUTPUT_LIMIT_BYTES = env.int("TOOLS_OUTPUT_LIMIT_BYTES", default=4 * 1024 * 1024)
TOOLS_IDLE_LIMIT_S = env.float("TOOLS_IDLE_LIMIT_S", default=300.0)  # without output
TOOLS_LIMIT_CPU_S = env.int("TOOLS_LIMIT_CPU_S", default=600)  # of one process
TOOLS_LIMIT_MEMORY_BYTES = env.int("TOOLS_LIMIT_MEMORY_BYTES", default=2 * 1024**3)
TOOLS_LIMIT_FILE_BYTES = env.int("TOOLS_LIMIT_FILE_BYTES", default=256 * 1024**2)
TOOLS_LIMIT_OPEN_FILES = env.int("TOOLS_LIMIT_OPEN_FILES", default=1024)
TOOLS_LIMIT_PROCESSES = env.int("TOOLS_LIMIT_PROCESSES", default=128)  # threads count
TOOLS_LIMIT_WORKSPACE_BYTES = env.int("TOOLS_LIMIT_WORKSPACE_BYTES", default=1024**3)
TOOLS_LIMIT_WORKSPACE_FILES = env.int("TOOLS_LIMIT_WORKSPACE_FILES", default=100_000)
# Without user namespaces there is little isolation between tools. With this setting, tools do not
# run there.
TOOLS_REQUIRE_SANDBOX = env.bool("TOOLS_REQUIRE_SANDBOX", default=False)
# For a worker that is root, has no user namespaces and is in a directory that other users may not
# enter: it runs its tools as root, without a limit of processes. If this is off, it does not run
# them.
TOOLS_ALLOW_UNBOXED_ROOT = env.bool("TOOLS_ALLOW_UNBOXED_ROOT", default=DEBUG)
# Outside the sandbox, the tools of other runs can read the secrets that a tool gets. If this is
# off, tools get no secrets there.
TOOLS_ALLOW_UNBOXED_SECRETS = env.bool("TOOLS_ALLOW_UNBOXED_SECRETS", default=DEBUG)
# for tools, in addition to the system's
TOOLS_READABLE_PATHS = env.entries("TOOLS_READABLE_PATHS")
TOOLS_ALLOW_NETWORK = env.bool("TOOLS_ALLOW_NETWORK", default=False)  # whether steps may request it
TOOLS_PYTHON = env.str("TOOLS_PYTHON", default="")  # the interpreter of tools; empty: our own
# The schemes and hosts that git_clone may use. "*" allows every host with a public address.
TOOLS_GIT_ALLOWED_SCHEMES = env.entries("TOOLS_GIT_ALLOWED_SCHEMES", default=["https"])
TOOLS_GIT_ALLOWED_HOSTS = env.entries(
    "TOOLS_GIT_ALLOWED_HOSTS",
    default=["github.com", "gitlab.com", "bitbucket.org", "codeberg.org"],
)
# Hosts of the list above, given by name, that may have a private address.
TOOLS_GIT_PRIVATE_HOSTS = env.entries("TOOLS_GIT_PRIVATE_HOSTS")
# A file of the certificate authorities that git_clone trusts instead of the system's.
TOOLS_GIT_CA_FILE = env.str("TOOLS_GIT_CA_FILE", default="")
# git_clone may clone local repositories below this directory; empty: none.
TOOLS_GIT_LOCAL_ROOT = env.str("TOOLS_GIT_LOCAL_ROOT", default=str(VAR_DIR) if DEBUG else "")
