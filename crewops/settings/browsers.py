"""What a browser may do with us, and from where it may talk to us."""

from urllib.parse import urlsplit

from csp.constants import NONCE, NONE, SELF, UNSAFE_INLINE
from django.core.exceptions import ImproperlyConfigured

from crewops.settings.environment import DEBUG, PORT, env, required

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
# What a page of ours may ask a browser for: to copy, and nothing else.
PERMISSIONS_POLICY = {
    feature: []
    for feature in ("camera", "display-capture", "geolocation", "microphone", "payment", "usb")
} | {"clipboard-write": "self"}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
# Sockets ask the database whether the session that opened them is still there.
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
SESSION_COOKIE_HTTPONLY = True
# The proxy in front ends TLS; of those in TRUSTED_PROXIES the server believes X-Forwarded-Proto.
SECURE_SSL_REDIRECT = env.bool("HTTPS_REDIRECT", default=not DEBUG)
SECURE_REDIRECT_EXEMPT = ["^healthz$", "^readyz$", "^metrics$"]  # asked from inside
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", default=0 if DEBUG else 30 * 24 * 3600)
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("HSTS_INCLUDE_SUBDOMAINS", default=False)
SECURE_HSTS_PRELOAD = env.bool("HSTS_PRELOAD", default=False)
# security.W005 and W021 ask for the last two, which are the domain owner's to decide; axes' own
# middleware (axes.W002) would answer a locked sign-in unlike a wrong password.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021", "axes.W002"]
