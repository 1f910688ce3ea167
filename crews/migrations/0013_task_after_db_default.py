"""The database knows the default of ``after``: an old web process does not write that column."""

import crews.models.task
from django.db import migrations, models
from django.db.models import JSONField, Value


class Migration(migrations.Migration):

    dependencies = [
        ('crews', '0012_own_directories'),
    ]

    operations = [
        migrations.AlterField(
            model_name='task',
            name='after',
            field=models.JSONField(blank=True, db_default=Value([], JSONField()), default=list, help_text='The task begins when these have succeeded. None: it waits for no other.', validators=[crews.models.task.validate_after]),
        ),
    ]
