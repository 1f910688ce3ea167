"""Language, time and logs."""

from django.core.exceptions import ImproperlyConfigured

from crewops.settings.environment import DEBUG, env

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = ["crewops.formats"]
USE_I18N = False
USE_TZ = True

LOG_FORMAT = env.str("LOG_FORMAT", default="line" if DEBUG else "json")
if LOG_FORMAT not in ("line", "json"):
    raise ImproperlyConfigured(f"LOG_FORMAT is {LOG_FORMAT!r}. Set it to json or line.")
LOGGING_CONFIG = "crewops.logs.configure"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "crewops.logs.LineFormatter"},
        "json": {"()": "crewops.logs.json_formatter"},
    },
    "handlers": {LOG_FORMAT: {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": [LOG_FORMAT], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        # Below warnings uvicorn logs each socket with its query string, and websockets each header.
        "uvicorn.error": {"level": "WARNING"},
        "django": {"handlers": []},
        # `runserver` would log each request once more, in a form of its own and with its query.
        "django.server": {"handlers": [], "level": "WARNING", "propagate": True},
    },
}
