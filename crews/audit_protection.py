"""The database itself refuses to change or delete entries, for any user and any language."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "crews_auditentry"
REFUSAL = "Entries of the audit trail can be neither changed nor deleted."

_PROTECT = {
    "sqlite": [
        f"CREATE TRIGGER {TABLE}_{name} BEFORE {event} ON {TABLE} {condition} "
        f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
        for name, event, condition in (
            ("no_update", "UPDATE", ""),
            ("no_delete", "DELETE", ""),
            # REPLACE deletes the old row without firing the trigger above.
            ("no_replace", "INSERT", f"WHEN NEW.id IN (SELECT id FROM {TABLE})"),
        )
    ],
    "postgresql": [
        f"CREATE FUNCTION {TABLE}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE integrity_constraint_violation USING MESSAGE = '{REFUSAL}'; END $$",
        f"CREATE TRIGGER {TABLE}_protected BEFORE UPDATE OR DELETE OR TRUNCATE ON {TABLE} "
        f"EXECUTE FUNCTION {TABLE}_refuse()",
    ],
}
_UNPROTECT = {
    "sqlite": [f"DROP TRIGGER {TABLE}_{name}" for name in ("no_update", "no_delete", "no_replace")],
    "postgresql": [
        f"DROP TRIGGER {TABLE}_protected ON {TABLE}",
        f"DROP FUNCTION {TABLE}_refuse()",
    ],
}


def protect(connection: BaseDatabaseWrapper) -> None:
    """From now on the database refuses UPDATE and DELETE with an ``IntegrityError``."""
    _execute(connection, _PROTECT)


def unprotect(connection: BaseDatabaseWrapper) -> None:
    _execute(connection, _UNPROTECT)


@contextmanager
def unprotected(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Only for the operator, who owns the table.

    It is one transaction, so other connections never see the table unprotected.
    """
    with transaction.atomic(using=connection.alias):
        unprotect(connection)
        yield
        protect(connection)


def _execute(connection: BaseDatabaseWrapper, statements: dict[str, list[str]]) -> None:
    with connection.cursor() as cursor:
        for statement in statements[connection.vendor]:
            cursor.execute(statement)
