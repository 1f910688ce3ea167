"""The index by which a day's budget finds the runs of a crew that ended since.

It is built without a lock that stops writers, so not in a transaction; it can be repeated.
"""

from django.db import migrations, models

INDEX = models.Index(fields=["crew", "-ended_at"], name="run_ended_of_crew")


def build(apps, schema_editor):
    drop(apps, schema_editor)  # what a broken attempt has left cannot be used
    how = {"concurrently": True} if _is_postgres(schema_editor) else {}
    schema_editor.execute(INDEX.create_sql(apps.get_model("runs", "run"), schema_editor, **how))


def drop(apps, schema_editor):
    how = "CONCURRENTLY" if _is_postgres(schema_editor) else ""
    schema_editor.execute(f"DROP INDEX {how} IF EXISTS {schema_editor.quote_name(INDEX.name)}")


def _is_postgres(schema_editor):
    return schema_editor.connection.vendor == "postgresql"


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("runs", "0017_budget_alerts")]

    operations = [
        migrations.SeparateDatabaseAndState(
            [migrations.RunPython(build, drop)],
            [migrations.AddIndex(model_name="run", index=INDEX)],
        ),
    ]
