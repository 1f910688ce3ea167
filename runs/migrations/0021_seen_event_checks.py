"""Ids of events are stored without an index that repeats the unique one, and without a foreign key."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("runs", "0020_approval_held")]

    operations = [
        migrations.AlterField(
            model_name="seenevent",
            name="run",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="seen_events",
                to="runs.run",
            ),
        ),
    ]
