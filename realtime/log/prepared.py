"""The statement that appends events is planned once for a connection, and not at each execution.

Only on PostgreSQL with ``DATABASE_PREPARED_STATEMENTS=1``: a pooler that gives a connection to
several clients in turn must know of prepared statements. A worker then reports about 1.7 times as
often (docs/performance.md). Django's own option ``server_side_binding`` would do this for every
query. But with it Django 5.2.19 sends an integer of an expression as 32 bits, whatever its size:
``Least(F("input_tokens") + 1, 2**53 - 1)`` is -1, without an error.
"""

from typing import Any

from django.conf import settings
from django.db import connection


def prepared_cursor() -> Any:
    """Like ``connection.cursor()``, for SQL whose text does not change: only its values do."""
    if not settings.DATABASE_PREPARED_STATEMENTS:
        return connection.cursor()
    from django.db.backends.postgresql.base import ServerBindingCursor

    connection.ensure_connection()
    driver = connection.connection
    usual = driver.cursor_factory  # writes the values into the text, which then always differs
    driver.cursor_factory = ServerBindingCursor
    try:
        return connection.cursor()
    finally:
        driver.cursor_factory = usual
