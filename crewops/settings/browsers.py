"""What a browser may do with us, and from where it may talk to us."""

from urllib.parse import urlsplit

from csp.constants import NONCE, NONE, SELF, UNSAFE_INLINE
from django.core.exceptions import ImproperlyConfigured

from crewops.settings.environment import DEBUG, PORT, required

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
# Sockets ask the database whether the session that opened them is still there.
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
SESSION_COOKIE_HTTPONLY = True
# The proxy in front ends TLS and says so here.
SECURE_PROXY_SSL_HEADER = None if DEBUG else ("HTTP_X_FORWARDED_PROTO", "https")
