"""``flush`` for the tests that commit: it empties the audit trail, too, which the database refuses.

On PostgreSQL it locks no table, as TRUNCATE does: the tests' live processes go on reading, and of two
who wait for each other's tables the database would end one.
"""

from graphlib import TopologicalSorter
from typing import Any
from unittest import mock

from django.apps import apps
from django.core.management.commands import flush
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from crews.audit.protection import unprotected


class Command(flush.Command):
    def handle(self, **options: Any) -> None:
        connection = connections[options["database"]]
        if connection.vendor == "postgresql":
            statements = _delete(connection)
            with mock.patch.object(connection.ops, "sql_flush", return_value=statements):
                super().handle(**options)
        else:
            with unprotected(connection):
                super().handle(**options)


def _delete(connection: BaseDatabaseWrapper) -> list[str]:
    """Statements for one transaction that ask no trigger, neither the trail's nor those of foreign keys.

    What is referred to goes first: who adds a reference meanwhile has done so before the rows that refer
    are looked for, or cannot any more.
    """
    models = [
        m for m in apps.get_models(include_auto_created=True) if m._meta.can_migrate(connection)
    ]
    refers_to = {
        model: {field.related_model for field in model._meta.concrete_fields} - {model, None}
        for model in models
    }
    return [
        "SET LOCAL session_replication_role = replica",
        *(
            f"DELETE FROM {connection.ops.quote_name(model._meta.db_table)}"
            for model in TopologicalSorter(refers_to).static_order()
        ),
    ]
