"""Entries stay as they were written: against the ORM, SQL, the admin, and deletion of what they
name.
"""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, models, transaction
from django.utils import timezone

from crews.audit_protection import REFUSAL, TABLE, unprotected
from crews.models import AuditEntry, Organization
from tests.admin import clients, url

STATEMENTS = {
    "update": f"UPDATE {TABLE} SET actor_name = 'somebody else'",
    "delete": f"DELETE FROM {TABLE}",
    "upsert": f"INSERT INTO {TABLE} SELECT * FROM {TABLE} WHERE true "
    "ON CONFLICT (id) DO UPDATE SET actor_name = 'somebody else'",
}
if connection.vendor == "sqlite":
    columns = [field.column for field in AuditEntry._meta.fields]
    replaced = ["'somebody else'" if name == "actor_name" else name for name in columns]
    STATEMENTS["replace"] = (
        f"REPLACE INTO {TABLE} ({', '.join(columns)}) SELECT {', '.join(replaced)} FROM {TABLE}"
    )
else:
    STATEMENTS["truncate"] = f"TRUNCATE {TABLE}"


def trail() -> list[dict]:
    return list(AuditEntry.objects.order_by("pk").values())


def execute(statement: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.rowcount


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_database_refuses(acme, statement):
    before = trail()
    assert before
    with pytest.raises(IntegrityError, match=REFUSAL), transaction.atomic():
        execute(STATEMENTS[statement])
    assert trail() == before


@pytest.mark.parametrize("statement", STATEMENTS)
def test_without_the_protection_the_same_statements_work(acme, statement):
    before = trail()
    with unprotected(connection):
        execute(STATEMENTS[statement])
    assert trail() != before


@pytest.mark.parametrize(
    "write",
    [
        lambda entry: AuditEntry.objects.update(actor_name="somebody else"),
        lambda entry: AuditEntry.objects.all().delete(),
        lambda entry: AuditEntry.objects.bulk_update([entry], ["actor_name"]),
        lambda entry: AuditEntry._base_manager.update(actor_name="somebody else"),
        lambda entry: entry.save(),
        lambda entry: entry.delete(),
    ],
)
def test_the_orm_says_so_beforehand(acme, write):
    before = trail()
    entry = AuditEntry.objects.first()
    entry.actor_name = "somebody else"
    with pytest.raises(TypeError, match=REFUSAL):
        write(entry)
    assert trail() == before


@pytest.mark.parametrize("write", ["update", "delete"])
def test_what_goes_around_our_methods_meets_the_database(acme, write):
    arguments = {"actor_name": "somebody else"} if write == "update" else {}
    with pytest.raises(IntegrityError, match=REFUSAL), transaction.atomic():
        getattr(models.QuerySet, write)(AuditEntry.objects.all(), **arguments)
    with pytest.raises(IntegrityError), transaction.atomic():
        AuditEntry.objects.bulk_create(
            [AuditEntry(pk=AuditEntry.objects.first().pk, kind="run.started", way="page")],
            update_conflicts=True, update_fields=["kind"], unique_fields=["id"],
        )  # fmt: skip


def test_flush_is_refused(acme):
    from django.core.management.commands.flush import Command

    with pytest.raises(CommandError), transaction.atomic():
        call_command(Command(), interactive=False, verbosity=0)
    assert Organization.objects.exists()


@pytest.mark.parametrize("person", ["superuser", "admin", "outsider", "civilian"])
def test_the_admin_changes_and_deletes_nothing(acme, globex, superuser, person):
    client = clients(acme, globex, superuser)[person]
    before = trail()
    entry = before[0]["id"]
    selected = {"action": "delete_selected", "_selected_action": str(entry), "post": "yes"}
    for path, form in (
        (url("crews_auditentry_change", entry), {"actor_name": "somebody else"}),
        (url("crews_auditentry_delete", entry), {"post": "yes"}),
        (url("crews_auditentry_add"), {"kind": "run.started", "way": "page"}),
        (url("crews_auditentry_changelist"), selected),
    ):
        client.post(path, form)
    assert trail()[: len(before)] == before
    assert AuditEntry.objects.filter(kind="run.started").count() == 0


@pytest.mark.parametrize("gone", ["user", "crew", "organization"])
def test_deleting_what_is_named_takes_nothing_away(acme, superuser, worker_alive, gone):
    acme.start_run().finish("succeeded")
    acme.operator.save()
    before = trail()
    {"user": acme.operator, "crew": acme.crew, "organization": acme.organization}[gone].delete()
    assert trail()[: len(before)] == before
    entries = AuditEntry.objects.filter(organization_id=before[1]["organization_id"])
    assert entries.filter(organization_name="Acme", kind="run.started").exists()


# -- prune_audit ----------------------------------------------------------------------------------


def grow_old(days: int) -> None:
    """All but the newest entry; nothing but the protect's breaking lets a test do so."""
    entries = AuditEntry.objects.exclude(pk=AuditEntry.objects.first().pk)
    past = timezone.now() - timedelta(days=days)
    with unprotected(connection):
        models.QuerySet.update(entries, created_at=past)


def test_the_operator_removes_old_entries_and_the_trail_records_it(acme, capsys):
    newest = AuditEntry.objects.first()
    grow_old(days=31)
    call_command("prune_audit", "--older-than=30")
    pruned, left = AuditEntry.objects.all()
    assert left.pk == newest.pk
    assert pruned.kind == "trail.pruned"
    assert pruned.object_name.startswith(capsys.readouterr().out.split()[0])
    with pytest.raises(IntegrityError), transaction.atomic():
        execute(STATEMENTS["delete"])  # protected again


def test_younger_entries_stay(acme):
    grow_old(days=29)
    before = trail()
    call_command("prune_audit", "--older-than=30")
    assert trail()[: len(before)] == before


@pytest.mark.parametrize("days", ["0", "-1", "36501"])
def test_an_age_that_is_none_is_refused(acme, days):
    with pytest.raises(CommandError, match="--older-than: give a number of days"):
        call_command("prune_audit", f"--older-than={days}")
