"""The environment, read once: what every other module of settings asks."""

from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent.parent

env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")

DEBUG = env.bool("DEBUG", default=True)
HOST = env.str("HOST", default="127.0.0.1")  # the address `make run` listens on
PORT = env.int("PORT", default=8000)
WEB_CONCURRENCY = env.int("WEB_CONCURRENCY", default=1)  # web processes
VAR_DIR = Path(env.str("VAR_DIR", default=str(BASE_DIR / "var")))
VAR_DIR.mkdir(parents=True, exist_ok=True)


def required(name: str, development: str, hint: str) -> str:
    """The variable; in development a default, in production an error that says what to set."""
    if DEBUG:
        return env.str(name, default=development)
    value = env.str(name, default="")
    if not value:
        raise ImproperlyConfigured(f"{name} is not set. With DEBUG off, set {name}: {hint}")
    return value
