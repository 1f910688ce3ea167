"""Language, time and logs."""

import os

from crewops.settings.environment import env

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = ["crewops.formats"]
USE_I18N = False
USE_TZ = True

# Under the process manager all processes share a terminal, so each line names its process.
PROCESS = f"{os.environ.get('SUPERVISOR_PROCESS_NAME', ''):9} ".lstrip()
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "format": f"{{asctime}} {PROCESS}{{levelname:7}} {{name}}: {{message}}",
            "style": "{",
        },
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    # Below warnings uvicorn logs each socket with its query string.
    "loggers": {"uvicorn.error": {"level": "WARNING"}, "django": {"handlers": []}},
}
