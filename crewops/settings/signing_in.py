"""Passwords, sessions and tokens."""

from datetime import timedelta

from crewops.settings.environment import DEBUG, env, required

SECRET_KEY = required(
    "SECRET_KEY",
    "development-only-key-never-used-with-debug-off-0123456789",
    "a long random text, the same for every process of the deployment.",
)

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
    "BLACKLIST_AFTER_ROTATION": True,
    "CHECK_REVOKE_TOKEN": True,  # a changed password ends every token
    "UPDATE_LAST_LOGIN": True,
}
