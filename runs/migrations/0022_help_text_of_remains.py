"""The help text of ``Run.remains`` names the module that writes it. Without SQL."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("runs", "0021_seen_event_checks"),
    ]

    operations = [
        migrations.AlterField(
            model_name="run",
            name="remains",
            field=models.JSONField(
                default=list,
                editable=False,
                help_text="What tools made in the workspace: see runs.execution.clones.",
            ),
        ),
    ]
