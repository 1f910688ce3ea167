"""The database and Redis."""

import re
from urllib.parse import unquote

from django.core.exceptions import ImproperlyConfigured

from crewops import redis_url
from crewops.redis import default_redis_url
from crewops.settings.environment import VAR_DIR, env

DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'crewops.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        # A write transaction takes the lock when it begins, so it never fails half-way.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,  # seconds to wait for another writer
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
else:
    # A directory of a unix socket is written %2Fvar%2Frun in a URL.
    DATABASES["default"]["HOST"] = unquote(DATABASES["default"]["HOST"])
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    # Behind a pooler that shares server connections between transactions, such a cursor could be
    # another client's. Django opens them for `.iterator()`, also in its own forms.
    DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = True
    # A process that is frozen or lost inside a transaction would keep its locks, and others waiting.
    if idle_s := env.int("DATABASE_IDLE_IN_TRANSACTION_S", default=10):
        DATABASES["default"].setdefault("OPTIONS", {}).setdefault(
            "options", f"-c idle_in_transaction_session_timeout={idle_s}s"
        )
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
# Begins every key and channel but those of the events, which are part of the wire contract.
REDIS_PREFIX = env.str("REDIS_PREFIX", default="crewops:")
if not re.fullmatch(r"[A-Za-z0-9:._-]{0,50}", REDIS_PREFIX):
    raise ImproperlyConfigured("REDIS_PREFIX: take at most 50 letters, digits, : . _ and -.")
