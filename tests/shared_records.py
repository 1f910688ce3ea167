"""Records that are made once for all tests of a file."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from pytest_django import DjangoDbBlocker


@contextmanager
def shared_records(blocker: DjangoDbBlocker) -> Iterator[None]:
    """For a fixture of a module: what is stored meanwhile is never committed."""
    with blocker.unblock(), transaction.atomic():
        if connection.vendor == "postgresql":  # on a busy machine a test may take long
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        yield
        transaction.set_rollback(True)
