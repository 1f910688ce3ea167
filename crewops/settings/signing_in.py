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
SESSION_ENGINE = "crews.sessions"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator")
]
AUTHENTICATION_BACKENDS = [
    "crewops.signing_in.SignInLimit",
    "django.contrib.auth.backends.ModelBackend",
]
# So many wrong passwords lock a user name at one address, for so long after the last of them. Never
# the name alone: anybody could lock anybody out.
AXES_FAILURE_LIMIT = env.int("SIGN_IN_FAILURES", default=10)
AXES_COOLOFF_TIME = timedelta(minutes=env.int("SIGN_IN_LOCK_MINUTES", default=15))
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "crewops.signing_in.address_of"
AXES_USERNAME_CALLABLE = "crewops.signing_in.name_tried"
AXES_RESET_ON_SUCCESS = True
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False  # crews.admin has its own
AXES_VERBOSE = False
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
# Of the accounts that seed_demo makes; with DEBUG off there is none unless it is set.
DEMO_PASSWORD = env.str("DEMO_PASSWORD", default="crewops-demo" if DEBUG else "")
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=env.int("ACCESS_TOKEN_MINUTES", default=15)),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=env.int("REFRESH_TOKEN_DAYS", default=7)),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    # How far `iat` and `nbf` of a token may lie ahead of this machine's clock, seconds.
    "LEEWAY": env.float("TOKEN_CLOCK_LEEWAY_S", default=15.0),
    "CHECK_REVOKE_TOKEN": True,  # a changed password ends every token
}
