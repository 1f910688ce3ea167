"""What the project is put together from."""

import sys

from crewops.settings.environment import BASE_DIR

INSTALLED_APPS = [
    # It replaces `runserver`; all other processes would import Twisted and not use it.
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
    "realtime",
    "crewops.apps.CrewOpsConfig",
]

MIDDLEWARE = [
    "crewops.compression.Compression",
    "crewops.api.headers.ApiHeaders",  # before anything that may answer with a page
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "crewops.request_context.UserContext",
    "crewops.acting.acting",
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
                "runs.context_processors.workers",
            ],
        },
    },
]
