"""Why the log numbers its events itself: ids of an autoincrement column can be missed."""

import pytest
from django.db import connection

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite lets one writer in at a time"),
]


def test_a_reader_after_the_last_autoincrement_id_misses_a_row():
    """Such a column gives an id before the commit: a larger one can be visible first."""
    early = connection.copy()
    with connection.cursor() as reader:
        reader.execute("CREATE TABLE numbered_rows (id bigserial PRIMARY KEY)")
        try:
            early.set_autocommit(False)
            with early.cursor() as writer:
                writer.execute("INSERT INTO numbered_rows DEFAULT VALUES")
            reader.execute("INSERT INTO numbered_rows DEFAULT VALUES RETURNING id")
            (last,) = reader.fetchone()
            early.commit()
            reader.execute("SELECT count(*) FROM numbered_rows WHERE id > %s", [last])
            assert reader.fetchone() == (0,)
            reader.execute("SELECT count(*) FROM numbered_rows")
            assert reader.fetchone() == (2,)
        finally:
            early.close()
            reader.execute("DROP TABLE numbered_rows")
