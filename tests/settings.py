"""The project's settings over a private directory, so that tests touch no data of the checkout.

``DATABASE_URL`` chooses the database the suite runs on; it is the one variable taken over. With
``POSTGRES_PER_PROCESS`` each process of pytest-xdist has a PostgreSQL of its own.
"""

import os
import shutil
import signal
import tempfile
from atexit import register

from tests import postgres

# A suite that runs in the background ignores SIGINT, and so would every process the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

for name in (
    *("REDIS_URL", "SECRET_KEY", "SECRETS_KEYS", "ALLOWED_HOSTS", "ALLOWED_ORIGINS"),
    *("DEBUG", "PORT"),
):
    os.environ.pop(name, None)
os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="crewops-tests-")
os.environ["METRICS_TOKEN"] = "metrics-token-of-the-tests"
register(shutil.rmtree, os.environ["VAR_DIR"], ignore_errors=True)
if "POSTGRES_PER_PROCESS" in os.environ and "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["DATABASE_URL"] = postgres.of_this_process()

from django.contrib.auth.hashers import PBKDF2PasswordHasher  # noqa: E402

from crewops.settings import *  # noqa: E402, F403
from crewops.settings import DATABASES, INSTALLED_APPS, VAR_DIR  # noqa: E402

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, as in production: threads and processes share it.
    DATABASES["default"]["TEST"] = {"NAME": VAR_DIR / "test.sqlite3"}
# Threads of this process would keep a connection, which tests without a database may not touch.
DATABASES["default"]["CONN_MAX_AGE"] = 0
INSTALLED_APPS = [*INSTALLED_APPS, "tests"]  # for its command
# The whole suite is one address, and few users.
API_CALLS_PER_MINUTE = API_CALLS_PER_MINUTE_ANONYMOUS = SIGN_INS_PER_MINUTE = 100_000
PASSWORD_HASHERS = ["tests.settings.QuickHasher"]


class QuickHasher(PBKDF2PasswordHasher):
    """One iteration. The live servers of the tests know the algorithm and check it as it is."""

    iterations = 1
