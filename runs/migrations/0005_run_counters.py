"""Columns that lists read instead of the plan and the tasks, and the indexes of the lists.

Processes of the version before go on meanwhile: the columns have defaults in the database, the rows
are filled in batches, the indexes are built without a lock that stops writers. So nothing is in one
transaction, and each step can be repeated.
"""

from django.db import migrations, models

from runs.counters import recount

COLUMNS = {
    "crew_name": "varchar(100) NOT NULL DEFAULT ''",
    "tasks_planned": "integer NOT NULL DEFAULT 0 CHECK (tasks_planned >= 0)",
    "tasks_ended": "integer NOT NULL DEFAULT 0 CHECK (tasks_ended >= 0)",
}
INDEXES = {
    "run": [
        models.Index(fields=["-created_at", "-id"], name="run_newest"),
        models.Index(fields=["crew", "-created_at", "-id"], name="run_of_crew"),
        models.Index(fields=["status", "-created_at", "-id"], name="run_of_status"),
    ],
    "toolexecution": [
        models.Index(fields=["-started_at", "-id"], name="tool_newest"),
        models.Index(fields=["status", "-started_at", "-id"], name="tool_of_status"),
        models.Index(fields=["tool", "-started_at", "-id"], name="tool_of_kind"),
    ],
}
OLD_INDEX = models.Index(fields=["crew", "-created_at"], name="runs_run_crew_id_44d84c_idx")


def add_columns(apps, schema_editor):
    """ADD COLUMN as it is: Django would copy SQLite's table once for each of them."""
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        found = connection.introspection.get_table_description(cursor, "runs_run")
        for name in COLUMNS.keys() - {column.name for column in found}:
            cursor.execute(f"ALTER TABLE runs_run ADD COLUMN {name} {COLUMNS[name]}")


def drop_columns(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        for name in COLUMNS:
            cursor.execute(f"ALTER TABLE runs_run DROP COLUMN {name}")


def fill(apps, schema_editor):
    recount(schema_editor.connection.alias)


def build_indexes(apps, schema_editor):
    for model, indexes in INDEXES.items():
        for index in indexes:
            _drop(schema_editor, index)  # what a broken attempt has left cannot be used
            _build(schema_editor, apps.get_model("runs", model), index)
    _drop(schema_editor, OLD_INDEX)


def drop_indexes(apps, schema_editor):
    _drop(schema_editor, OLD_INDEX)
    _build(schema_editor, apps.get_model("runs", "run"), OLD_INDEX)
    for indexes in INDEXES.values():
        for index in indexes:
            _drop(schema_editor, index)


def _build(schema_editor, model, index):
    schema_editor.execute(index.create_sql(model, schema_editor, **_concurrently(schema_editor)))


def _drop(schema_editor, index):
    how = "CONCURRENTLY" if _concurrently(schema_editor) else ""
    schema_editor.execute(f"DROP INDEX {how} IF EXISTS {schema_editor.quote_name(index.name)}")


def _concurrently(schema_editor):
    return {"concurrently": True} if schema_editor.connection.vendor == "postgresql" else {}


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("runs", "0005_idempotency_key_of_a_user")]

    operations = [
        migrations.SeparateDatabaseAndState(
            [migrations.RunPython(add_columns, drop_columns)],
            [
                migrations.AddField(
                    model_name="run",
                    name="crew_name",
                    field=models.CharField(
                        db_default="", default="", editable=False, max_length=100
                    ),
                ),
                migrations.AddField(
                    model_name="run",
                    name="tasks_planned",
                    field=models.PositiveIntegerField(db_default=0, default=0, editable=False),
                ),
                migrations.AddField(
                    model_name="run",
                    name="tasks_ended",
                    field=models.PositiveIntegerField(db_default=0, default=0, editable=False),
                ),
            ],
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.SeparateDatabaseAndState(
            [migrations.RunPython(build_indexes, drop_indexes)],
            [
                migrations.RemoveIndex(model_name="run", name=OLD_INDEX.name),
                *(
                    migrations.AddIndex(model_name=model, index=index)
                    for model, indexes in INDEXES.items()
                    for index in indexes
                ),
            ],
        ),
    ]
