"""Settings, all of them from the environment, with defaults that work on a developer's machine.

With ``DEBUG`` off nothing is guessed: what is missing stops the start and says what to set.
`.env.example` lists every variable.
"""

import os
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import environ
from csp.constants import NONCE, NONE, SELF, UNSAFE_INLINE
from django.core.exceptions import ImproperlyConfigured

from crewops.admin_look import UNFOLD  # noqa: F401  a setting
from crewops.redis import default_redis_url

BASE_DIR = Path(__file__).resolve().parent.parent

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


# -- Who may talk to us -------------------------------------------------------------------------

SECRET_KEY = required(
    "SECRET_KEY",
    "development-only-key-never-used-with-debug-off-0123456789",
    "a long random text, the same for every process of the deployment.",
)
ALLOWED_HOSTS = required(
    "ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]", "host names, comma-separated: crewops.example.com"
).split(",")
# Exact scheme, host and port of every page that may open our sockets or post our forms.
ALLOWED_ORIGINS = required(
    "ALLOWED_ORIGINS",
    f"http://localhost:{PORT},http://127.0.0.1:{PORT}",
    "origins with scheme, comma-separated: https://crewops.example.com",
).split(",")
for origin in ALLOWED_ORIGINS:
    if urlsplit(origin).scheme not in ("http", "https") or not urlsplit(origin).netloc:
        raise ImproperlyConfigured(
            f"ALLOWED_ORIGINS: {origin!r} is no origin. Write scheme://host[:port], comma-separated."
        )
CSRF_TRUSTED_ORIGINS = ALLOWED_ORIGINS

# -- Applications -------------------------------------------------------------------------------

INSTALLED_APPS = [
    "daphne",
    "unfold.apps.BasicAppConfig",
    "crewops.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "csp",
    "django_filters",
    "rest_framework",
    "rest_framework_simplejwt",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "crews",
    "runs",
    "realtime",
    "crewops.apps.CrewOpsConfig",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "crewops.urls"
ASGI_APPLICATION = "crewops.asgi.application"
WSGI_APPLICATION = None

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "runs.context_processors.workers",
            ],
        },
    },
]

# -- Data ---------------------------------------------------------------------------------------

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
    DATABASES["default"]["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=60)  # seconds
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_IS_PRIVATE = not env.str("REDIS_URL", default="")
REDIS_URL = default_redis_url(VAR_DIR) if REDIS_IS_PRIVATE else env.str("REDIS_URL")

# -- Real time ----------------------------------------------------------------------------------

CHANNEL_LAYERS = {
    "default": {"BACKEND": "realtime.layers.StreamLayer", "CONFIG": {"hosts": [REDIS_URL]}}
}
REALTIME_HEARTBEAT_S = env.float("REALTIME_HEARTBEAT_S", default=45.0)
REALTIME_SWEEP_S = env.float("REALTIME_SWEEP_S", default=1.0)
# An expired token is answered 4401 between its expiry and this much later.
REALTIME_TOKEN_GRACE_S = env.float("REALTIME_TOKEN_GRACE_S", default=15.0)

# -- The work -----------------------------------------------------------------------------------

CELERY_BROKER_URL = (
    REDIS_URL.replace("unix://", "redis+socket://", 1)
    if REDIS_URL.startswith("unix://")
    else REDIS_URL
)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "runs"
CELERY_TASK_ACKS_LATE = False  # the message is a doorbell; the reaper rings again when one is lost
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONCURRENCY = env.int("WORKER_CONCURRENCY", default=4)  # runs at once per worker
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_timeout": 5, "socket_connect_timeout": 5}  # seconds

CREWS_STEPS_VALIDATOR = "runs.tools.validate_steps"
CREWS_STEPS_REDACTOR = "runs.api.steps.redacted"
RUN_LEASE_S = env.float("RUN_LEASE_S", default=30.0)
RUN_HEARTBEAT_S = env.float("RUN_HEARTBEAT_S", default=10.0)
WORKER_HEARTBEAT_S = env.float("WORKER_HEARTBEAT_S", default=5.0)
WORKER_ALIVE_S = env.float("WORKER_ALIVE_S", default=20.0)  # without a heartbeat: not alive
REAPER_INTERVAL_S = env.float("REAPER_INTERVAL_S", default=5.0)

WORKSPACES_DIR = Path(env.str("WORKSPACES_DIR", default=str(VAR_DIR / "workspaces")))
WORKSPACE_RETENTION_H = env.float("WORKSPACE_RETENTION_H", default=24.0)

# -- Signing in ---------------------------------------------------------------------------------

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "dashboard"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator")
]
# Of the accounts that seed_demo makes; with DEBUG off there is none unless it is set.
DEMO_PASSWORD = env.str("DEMO_PASSWORD", default="crewops-demo" if DEBUG else "")
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=env.int("ACCESS_TOKEN_MINUTES", default=15)),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=env.int("REFRESH_TOKEN_DAYS", default=7)),
    "ROTATE_REFRESH_TOKENS": True,
    "CHECK_REVOKE_TOKEN": True,  # a changed password ends every token
    "UPDATE_LAST_LOGIN": True,
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework_simplejwt.authentication.JWTAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["crewops.api.bodies.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "crewops.api.pagination.CursorPagination",
    "DEFAULT_METADATA_CLASS": None,  # the schema describes the API; OPTIONS answers 405
    "DEFAULT_SCHEMA_CLASS": "crewops.api.schema.AutoSchema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "URL_FORMAT_OVERRIDE": None,
}
DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_HANDLER_CLASS": "crewops.api.problems.Handler",
    "EXCEPTION_FORMATTER_CLASS": "crewops.api.problems.Formatter",
    "ENABLE_IN_DEBUG_FOR_UNHANDLED_EXCEPTIONS": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "CrewOps",
    "DESCRIPTION": "Mission control for crews of AI agents.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {
        "CrewStatus": "crews.models.Crew.Status",
        "RunStatus": "runs.models.Run.Status",
        "ToolStatus": "runs.models.ToolExecution.Status",
    },
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024  # bytes of a request's body, files apart

# -- Browsers -----------------------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(BASE_DIR / "staticfiles")))
NODE_MODULES = BASE_DIR / "node_modules"
FRONT_END = {  # directory below NODE_MODULES: the prefix it is served under
    "@tabler/core/dist/css": "vendor/tabler/css",
    "bootstrap-icons/font": "vendor/icons",
    "cytoscape/dist": "vendor/cytoscape",
    "@dagrejs/dagre/dist": "vendor/dagre",
}
STATICFILES_DIRS = [
    (prefix, NODE_MODULES / directory)
    for directory, prefix in FRONT_END.items()
    if (NODE_MODULES / directory).is_dir()
]
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = DEBUG
# Modules import each other by their plain names, so names carry no hash. A browser asks each time
# whether its copy is fresh, and so never mixes the modules of two versions.
WHITENOISE_MAX_AGE = 0  # seconds
if not DEBUG:
    STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
    }

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, UNSAFE_INLINE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
SESSION_COOKIE_HTTPONLY = True
# The proxy in front ends TLS and says so here.
SECURE_PROXY_SSL_HEADER = None if DEBUG else ("HTTP_X_FORWARDED_PROTO", "https")

# -- Language, time, logs -----------------------------------------------------------------------

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

# -- Tools --------------------------------------------------------------------------------------

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
# Without user namespaces tools are hardly kept apart; with this they do not run then.
TOOLS_REQUIRE_SANDBOX = env.bool("TOOLS_REQUIRE_SANDBOX", default=False)
# A worker that is root, without user namespaces and in a directory other users may not enter, runs
# its tools as root, without a limit of processes; or not at all.
TOOLS_ALLOW_UNBOXED_ROOT = env.bool("TOOLS_ALLOW_UNBOXED_ROOT", default=DEBUG)
TOOLS_READABLE_PATHS = env.list("TOOLS_READABLE_PATHS", default=[])  # for tools, besides the system
TOOLS_ALLOW_NETWORK = env.bool("TOOLS_ALLOW_NETWORK", default=False)  # may steps ask for it
TOOLS_PYTHON = env.str("TOOLS_PYTHON", default="")  # the interpreter of tools; empty: our own
# What git_clone may reach. "*" allows every host with a public address.
TOOLS_GIT_ALLOWED_SCHEMES = env.list("TOOLS_GIT_ALLOWED_SCHEMES", default=["https"])
TOOLS_GIT_ALLOWED_HOSTS = env.list(
    "TOOLS_GIT_ALLOWED_HOSTS",
    default=["github.com", "gitlab.com", "bitbucket.org", "codeberg.org"],
)
# Hosts of the list above, by name, that may have a private address.
TOOLS_GIT_PRIVATE_HOSTS = env.list("TOOLS_GIT_PRIVATE_HOSTS", default=[])
# Repositories on this machine may be cloned from below this directory; empty: none.
TOOLS_GIT_LOCAL_ROOT = env.str("TOOLS_GIT_LOCAL_ROOT", default=str(VAR_DIR) if DEBUG else "")
