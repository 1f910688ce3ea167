"""How much of us one user, one address or everybody together may take."""

from django.core.exceptions import ImproperlyConfigured

from crewops.settings.environment import env

SOCKETS_PER_USER = env.int("SOCKETS_PER_USER", default=20)
SOCKETS_PER_ADDRESS = env.int("SOCKETS_PER_ADDRESS", default=100)
SOCKETS_PER_PROCESS = env.int("SOCKETS_PER_PROCESS", default=10_000)  # of one web process
# Proxies, as addresses or networks, whose X-Forwarded-For and X-Forwarded-Proto are believed.
TRUSTED_PROXIES = env.list("TRUSTED_PROXIES", default=["127.0.0.1", "::1"])
if "*" in TRUSTED_PROXIES:
    raise ImproperlyConfigured(
        "TRUSTED_PROXIES: '*' would let every client choose its own address. Name the proxies."
    )
