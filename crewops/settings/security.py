"""Sign-in, the security policies for browsers, and limits of use."""

from collections.abc import Sequence
from datetime import timedelta
from ipaddress import ip_network
from urllib.parse import urlsplit

from csp.constants import NONCE, NONE, SELF, UNSAFE_INLINE
from django.core.exceptions import ImproperlyConfigured

from crewops.monitor_paths import MONITOR_PATHS
from crewops.settings.environment import DEBUG, PORT, env, required

DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def origin_of(text: str) -> str:
    """The origin as browsers send it: in lower case, without a default port or a slash."""
    try:
        origin = urlsplit(text.strip())
    except ValueError:  # an IPv6 address without its bracket
        origin = urlsplit("")
    is_whole = origin.scheme in DEFAULT_PORTS and origin.netloc and "@" not in origin.netloc
    if not is_whole or origin.path not in ("", "/") or origin.query or origin.fragment:
        raise ImproperlyConfigured(
            f"ALLOWED_ORIGINS: {text.strip()!r} is no origin. Write scheme://host[:port], without "
            "a path, comma-separated."
        )
    host = origin.netloc.lower().removesuffix(DEFAULT_PORTS[origin.scheme])
    return f"{origin.scheme}://{host}"


def networks(proxies: Sequence[str]) -> list[str]:
    """The addresses and networks as uvicorn reads them: 10.1.2.3/8 as 10.0.0.0/8.

    Raises ``ImproperlyConfigured`` for anything else: uvicorn would trust no proxy by that name.
    """
    if "*" in proxies:
        raise ImproperlyConfigured(
            "TRUSTED_PROXIES: '*' would let every client choose its own address. Name the proxies."
        )
    try:
        return [str(ip_network(proxy, strict=False)) for proxy in proxies]
    except ValueError as error:
        raise ImproperlyConfigured(
            f"TRUSTED_PROXIES: {error}. Write addresses or networks, comma-separated."
        ) from None


ALLOWED_HOSTS = [
    host.strip() for host in required("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
]
# Exact scheme, host and port of every page that may open our sockets, call our API or submit our
# forms.
ALLOWED_ORIGINS = [
    origin_of(text)
    for text in required(
        "ALLOWED_ORIGINS", f"http://localhost:{PORT},http://127.0.0.1:{PORT}"
    ).split(",")
]
CSRF_TRUSTED_ORIGINS = ALLOWED_ORIGINS
# Pages of these origins may call the API and read event streams with a token. Without
# CORS_ALLOW_CREDENTIALS, browsers do not let them read an answer to a person's cookie.
CORS_ALLOWED_ORIGINS = ALLOWED_ORIGINS
CORS_URLS_REGEX = r"^/(api|sse|agui)/"
CORS_ALLOW_HEADERS = (
    "authorization", "content-type", "idempotency-key", "if-none-match", "last-event-id",
)  # fmt: skip
CORS_EXPOSE_HEADERS = ("ETag", "Location", "Retry-After")
CORS_PREFLIGHT_MAX_AGE = 3600  # seconds
# Over plain HTTP a browser sends no secure cookie, except to localhost: users could not sign in.
TLS = any(origin.startswith("https://") for origin in ALLOWED_ORIGINS)

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
# Of these browser features our pages may use only writing to the clipboard.
PERMISSIONS_POLICY = {
    feature: []
    for feature in ("camera", "display-capture", "geolocation", "microphone", "payment", "usb")
} | {"clipboard-write": "self"}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = TLS
SESSION_COOKIE_HTTPONLY = True
# The proxy in front terminates TLS. The server trusts the X-Forwarded-Proto of TRUSTED_PROXIES.
SECURE_SSL_REDIRECT = env.bool("HTTPS_REDIRECT", default=TLS)
# The first three are requested from the internal network. The last is refused without TLS.
SECURE_REDIRECT_EXEMPT = [f"^{path[1:]}$" for path in MONITOR_PATHS] + ["^v1/traces/?$"]
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", default=30 * 24 * 3600 if TLS else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("HSTS_INCLUDE_SUBDOMAINS", default=False)
SECURE_HSTS_PRELOAD = env.bool("HSTS_PRELOAD", default=False)
# security.W005 and W021 ask for the last two settings; the owner of the domain decides on them.
# axes.W002 asks for axes' own middleware, whose answer to a locked sign-in would differ from that
# to a wrong password.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021", "axes.W002"]

# Passwords, sessions and tokens

SECRET_KEY = required("SECRET_KEY", "development-only-key-never-used-with-debug-off-0123456789")

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "dashboard"
LOGOUT_REDIRECT_URL = "login"
# In the database: sockets check whether the session that opened them still exists.
SESSION_ENGINE = "crews.sessions"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator")
]
AUTHENTICATION_BACKENDS = [
    "crewops.sign_in_lockout.SignInLimit",
    "django.contrib.auth.backends.ModelBackend",
]
# After this many wrong passwords a user name is locked at one address, for this long after the last
# of them. The name alone is never locked: otherwise an attacker could lock out any user.
AXES_FAILURE_LIMIT = env.int("SIGN_IN_FAILURES", default=10)
AXES_COOLOFF_TIME = timedelta(minutes=env.int("SIGN_IN_LOCK_MINUTES", default=15))
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "crewops.sign_in_lockout.address_of"
AXES_USERNAME_CALLABLE = "crewops.sign_in_lockout.name_tried"
AXES_RESET_ON_SUCCESS = True
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False  # crews.admin has its own
AXES_VERBOSE = False
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
# Password of the accounts that seed_demo makes. With DEBUG off it has no default.
DEMO_PASSWORD = env.str("DEMO_PASSWORD", default="crewops-demo" if DEBUG else "")
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=env.int("ACCESS_TOKEN_MINUTES", default=15)),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=env.int("REFRESH_TOKEN_DAYS", default=7)),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    # How far `iat` and `nbf` of a token may be ahead of this machine's clock, in seconds.
    "LEEWAY": env.float("TOKEN_CLOCK_LEEWAY_S", default=15.0),
    "CHECK_REVOKE_TOKEN": True,  # a changed password ends every token
}

# Limits for one user, for one address and for everybody together

HTTP_THREADS = env.int("HTTP_THREADS", default=16)  # requests that one web process answers at once
# A crew page opens up to six sockets, any other page one or two. The limit of a user allows a dozen
# crew pages and some programs. An address may belong to an office.
SOCKETS_PER_USER = env.int("SOCKETS_PER_USER", default=100)
STREAMS_PER_USER = env.int("STREAMS_PER_USER", default=2000)  # on all their live sockets
SOCKETS_PER_ADDRESS = env.int("SOCKETS_PER_ADDRESS", default=500)
SOCKETS_PER_PROCESS = env.int("SOCKETS_PER_PROCESS", default=10_000)  # of one web process
API_CALLS_PER_MINUTE = env.int("API_CALLS_PER_MINUTE", default=1200)  # of one user
API_CALLS_PER_MINUTE_ANONYMOUS = env.int("API_CALLS_PER_MINUTE_ANONYMOUS", default=120)
REPORT_CALLS_PER_MINUTE = env.int("REPORT_CALLS_PER_MINUTE", default=6000)  # of one API key
SIGN_INS_PER_MINUTE = env.int("SIGN_INS_PER_MINUTE", default=60)  # from one address, right or wrong
# Bytes of a request's body, without files: of a report, too. `/v1/traces` has its own limit.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
# Fields of a form. An admin page sends one for each selected record, and some for each row of a
# crew's agents and tasks. Parsing this many takes some 10 ms. More could only be meant to waste our
# time.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000
# Proxies, as addresses or networks, whose X-Forwarded-For and X-Forwarded-Proto are trusted.
TRUSTED_PROXIES = networks(env.entries("TRUSTED_PROXIES", default=["127.0.0.1", "::1"]))
