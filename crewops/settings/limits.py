"""How much of us one user, one address or everybody together may take."""

from django.core.exceptions import ImproperlyConfigured

from crewops.settings.environment import env

HTTP_THREADS = env.int("HTTP_THREADS", default=16)  # requests that one web process answers at once
# A crew page opens up to six sockets, any other page one or two: a dozen crew pages of one user, with room for
# programs. An address may be an office.
SOCKETS_PER_USER = env.int("SOCKETS_PER_USER", default=100)
SOCKETS_PER_ADDRESS = env.int("SOCKETS_PER_ADDRESS", default=500)
SOCKETS_PER_PROCESS = env.int("SOCKETS_PER_PROCESS", default=10_000)  # of one web process
API_CALLS_PER_MINUTE = env.int("API_CALLS_PER_MINUTE", default=1200)  # of one user
API_CALLS_PER_MINUTE_ANONYMOUS = env.int("API_CALLS_PER_MINUTE_ANONYMOUS", default=120)
SIGN_INS_PER_MINUTE = env.int("SIGN_INS_PER_MINUTE", default=60)  # from one address, right or wrong
# Fields of a form. A page of the admin sends one for each record that is selected, some for each row of
# a crew's agents and tasks. Reading so many takes some 10 ms; more could only be meant to cost us time.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000
# Proxies, as addresses or networks, whose X-Forwarded-For and X-Forwarded-Proto are believed.
TRUSTED_PROXIES = env.list("TRUSTED_PROXIES", default=["127.0.0.1", "::1"])
if "*" in TRUSTED_PROXIES:
    raise ImproperlyConfigured(
        "TRUSTED_PROXIES: '*' would let every client choose its own address. Name the proxies."
    )
