"""The parts of the project: applications, pages, static files and the HTTP API."""

import sys
from uuid import UUID

from whitenoise.compress import Compressor

from crewops import __version__
from crewops.settings.environment import BASE_DIR, DEBUG, env

INSTALLED_APPS = [
    # daphne replaces `runserver`; all other processes would import Twisted and not use it.
    *(["daphne"] if "runserver" in sys.argv[1:2] else []),
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "crewops.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "channels",
    "csp",
    "django_filters",
    "rest_framework",
    "rest_framework_simplejwt",
    "rest_framework_simplejwt.token_blacklist",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "crews",
    "runs",
    "runs.schedules",
    "runs.notifications",
    "runs.search",
    "realtime",
    "crewops.apps.CrewOpsConfig",
]

MIDDLEWARE = [
    "crewops.compression.Compression",
    "corsheaders.middleware.CorsMiddleware",  # before any that may respond, also with a 304
    "crewops.api.headers.ApiHeaders",  # before any middleware that may respond with a page
    "django.middleware.security.SecurityMiddleware",
    "crewops.static_files.StaticFilesMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "crewops.host_check.HostCheck",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "crewops.request_context.UserContext",
    "crewops.audit_actor.audit_actor",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "crewops.error_pages.OwnNotFound",
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
                "runs.pages.context_processors.workers",
                "runs.pages.context_processors.approvals",
                "runs.pages.context_processors.monitoring",
            ],
        },
    },
]

# Static files, including the front-end packages

STATIC_URL = "static/"
STATIC_ROOT = env.directory("STATIC_ROOT", BASE_DIR / "staticfiles")
NODE_MODULES = BASE_DIR / "node_modules"
FRONT_END = {  # directory below NODE_MODULES: the prefix it is served under
    "@tabler/core/dist/css": "vendor/tabler/css",
    "bootstrap-icons/font": "vendor/icons",
    "idiomorph/dist": "vendor/idiomorph",
    "uplot/dist": "vendor/uplot",
    "@xterm/headless/lib-headless": "vendor/xterm",
}
STATICFILES_DIRS = [
    (prefix, NODE_MODULES / directory)
    for directory, prefix in FRONT_END.items()
    if (NODE_MODULES / directory).is_dir()
]
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_MAX_AGE = 0  # seconds, for an address without the current version
# Source maps are half of all text, and only developer tools request them.
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = (*Compressor.SKIP_COMPRESS_EXTENSIONS, "map")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "crewops.static_files.VersionedStaticFilesStorage"},
}

# The HTTP API and its schema

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "crews.api_key_authentication.ApiKeyAuthentication",
        "crews.token_authentication.AccessTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["crews.api_key_authentication.IsAllowed"],
    "DEFAULT_THROTTLE_CLASSES": ["crewops.api.throttling.CallLimit"],
    "DEFAULT_PARSER_CLASSES": ["crewops.api.bodies.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_FILTER_BACKENDS": ["crewops.api.filters.QueryFilter"],
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
CREWOPS_VERSION = __version__  # for the page Account and the description of the API
SPECTACULAR_SETTINGS = {
    "TITLE": "CrewOps",
    "DESCRIPTION": "Mission control for crews of AI agents.",
    "VERSION": CREWOPS_VERSION,
    "SERVERS": [{"url": "/", "description": "The site that serves this description."}],
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "crewops.api.schema.type_nullable",
    ],
    "SERVE_AUTHENTICATION": [],
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "PATH_CONVERTER_OVERRIDES": {"id": UUID},
    "ENUM_NAME_OVERRIDES": {
        "CrewStatus": "crews.models.Crew.Status",
        "RunOrigin": "runs.models.Run.Origin",
        "RunStatus": "runs.models.Run.Status",
        "ToolStatus": "runs.models.ToolExecution.Status",
    },
}
