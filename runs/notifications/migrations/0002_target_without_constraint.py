"""The database does not check the target of a delivery, so its deletion fails no run's end."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("notifications", "0001_targets_and_deliveries")]

    operations = [
        migrations.AlterField(
            model_name="delivery",
            name="target",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="deliveries",
                to="notifications.target",
            ),
        ),
    ]
