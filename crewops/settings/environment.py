"""Reads the environment. Holds what every process needs first: logs, metrics and keys."""

import logging
import os
from base64 import urlsafe_b64decode
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

from crewops.settings.env_reader import Variables

BASE_DIR = Path(__file__).resolve().parent.parent.parent

environ.Env.read_env(BASE_DIR / ".env")  # what the environment has counts more
env = Variables(BASE_DIR)

# An empty variable is off: it must not switch on what only development may have.
DEBUG = env.bool("DEBUG", default=not env.is_empty("DEBUG"))
# Starts everything. On a production site `make run` would make the demo's accounts.
START_COMMAND = "make run" if DEBUG else "make serve"
HOST = env.str("HOST", default="127.0.0.1")  # the address `make run` listens on
PORT = env.int("PORT", default=8000)
WEB_CONCURRENCY = env.int("WEB_CONCURRENCY", default=1)  # web processes
VAR_DIR = env.directory("VAR_DIR", BASE_DIR / "var")
VAR_DIR.mkdir(parents=True, exist_ok=True)


# What production needs, and what to set it to.
REQUIRED = {
    "SECRET_KEY": "a long random text, the same for every process of the deployment. "
    "Make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(50))'",
    "ALLOWED_HOSTS": "host names, comma-separated: crewops.example.com",
    "ALLOWED_ORIGINS": "origins with scheme, comma-separated: https://crewops.example.com",
}


def required(name: str, development: str) -> str:
    """Return the variable, one of ``REQUIRED``. In development it has a default.

    Raises ``ImproperlyConfigured``, which names everything that is missing in production.
    """
    if DEBUG:
        return env.str(name, default=development)
    missing = [other for other in REQUIRED if not env.str(other, default="")]
    if missing:
        lines = (
            f"{other} is not set. With DEBUG off, set {other}: {REQUIRED[other]}"
            for other in missing
        )
        raise ImproperlyConfigured("\n".join(lines))
    return env.str(name)


# Language, time and logs

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = ["crewops.formats"]
USE_I18N = False
USE_TZ = True

LOG_FORMAT = env.str("LOG_FORMAT", default="line" if DEBUG else "json")
if LOG_FORMAT not in ("line", "json"):
    raise ImproperlyConfigured(f"LOG_FORMAT is {LOG_FORMAT!r}. Set it to json or line.")
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO").strip().upper()
if LOG_LEVEL not in logging.getLevelNamesMapping():
    raise ImproperlyConfigured(
        f"LOG_LEVEL is {LOG_LEVEL!r}. Set it to DEBUG, INFO, WARNING, ERROR or CRITICAL."
    )
LOGGING_CONFIG = "crewops.logs.configure"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "crewops.logs.LineFormatter"},
        "json": {"()": "crewops.logs.json_formatter"},
    },
    "filters": {"refusals": {"()": "crewops.logs.Refusals"}},
    "handlers": {
        LOG_FORMAT: {
            "class": "logging.StreamHandler",
            "formatter": LOG_FORMAT,
            "filters": ["refusals"],
        }
    },
    "root": {"handlers": [LOG_FORMAT], "level": LOG_LEVEL},
    "loggers": {
        # Below WARNING uvicorn logs each socket with its query string, and websockets each header.
        "uvicorn.error": {"level": "WARNING"},
        "django": {"handlers": []},
        # `runserver` would log each request a second time, in its own format and with its query.
        "django.server": {"handlers": [], "level": "WARNING", "propagate": True},
    },
}

# Metrics

# Prometheus sends it as `Authorization: Bearer`. If it is empty, there is no /metrics.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
# All processes of a machine share it, so that any web process can report for all.
METRICS_DIR = env.directory("METRICS_DIR", VAR_DIR / "metrics")
METRICS_DIR.mkdir(parents=True, exist_ok=True)
# prometheus_client reads it at its first import, which is after the settings.
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(METRICS_DIR)

# The keys that encrypt the secrets of organizations

KEY_BYTES = 32
MAKE_A_KEY = (
    "python3 -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'"
)


def checked(keys: list[str]) -> list[str]:
    """Return the keys. An invalid key stops the start.

    The error gives the position of the key, never its text.
    """
    for number, key in enumerate(keys, start=1):
        try:
            size = len(urlsafe_b64decode(key))
        except ValueError:
            size = 0
        if size != KEY_BYTES:
            raise ImproperlyConfigured(
                f"SECRETS_KEYS: entry {number} is no key. Make one with: {MAKE_A_KEY}"
            )
    return keys


# The first key encrypts, every key decrypts. Empty: a key derived from SECRET_KEY.
SECRETS_KEYS = checked(env.entries("SECRETS_KEYS"))
