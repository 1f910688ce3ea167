"""``flush`` for the tests that commit: it empties the audit trail, too, which the database refuses.

On PostgreSQL it locks no table, as TRUNCATE does: the tests' live processes go on reading, and of
two who wait for each other's tables the database would end one.

Content types and permissions stay: they are the same for all tests, and to make them anew takes
longer than most tests do.
"""

from functools import cache, partial
from graphlib import TopologicalSorter
from typing import Any
from unittest import mock

from django.apps import apps
from django.core.management.commands import flush
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from crews.audit_protection import unprotected

KEPT = {"auth_permission", "django_content_type"}


class Command(flush.Command):
    def handle(self, **options: Any) -> None:
        connection = connections[options["database"]]
        options["inhibit_post_migrate"] = True  # it would make what is kept
        with mock.patch.object(connection.ops, "sql_flush", partial(_statements, connection)):
            if connection.vendor == "postgresql":
                super().handle(**options)
            else:
                with unprotected(connection):
                    super().handle(**options)


def _statements(
    connection: BaseDatabaseWrapper, style: Any, tables: list[str], **options: Any
) -> list[str]:
    if connection.vendor == "postgresql":
        return _delete(connection)
    kept = [table for table in tables if table not in KEPT]
    return type(connection.ops).sql_flush(connection.ops, style, kept, **options)


@cache
def _delete(connection: BaseDatabaseWrapper) -> list[str]:
    """Statements for one transaction that ask no trigger, neither the trail's nor those of foreign
    keys. They are sent at once: to send sixty one by one takes longer than to delete the rows.

    What is referred to goes first: who adds a reference meanwhile has done so before the rows that
    refer are looked for, or cannot any more.
    """
    models = [
        m for m in apps.get_models(include_auto_created=True) if m._meta.can_migrate(connection)
    ]
    refers_to = {
        model: {field.related_model for field in model._meta.concrete_fields} - {model, None}
        for model in models
    }
    deletions = [
        f"DELETE FROM {connection.ops.quote_name(model._meta.db_table)}"
        for model in TopologicalSorter(refers_to).static_order()
        if model._meta.db_table not in KEPT
    ]
    return ["; ".join(["SET LOCAL session_replication_role = replica", *deletions])]
