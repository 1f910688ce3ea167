from django.conf import settings
from django.db import migrations, models
from django.db.models import Exists, OuterRef


def keep_the_first(apps, schema_editor):
    """Until now a user could give one key to several crews: the first run keeps it."""
    runs = apps.get_model('runs', 'Run').objects.using(schema_editor.connection.alias)
    same = runs.filter(
        started_by=OuterRef('started_by'), idempotency_key=OuterRef('idempotency_key')
    )
    earlier = same.filter(created_at__lt=OuterRef('created_at')) | same.filter(
        created_at=OuterRef('created_at'), pk__lt=OuterRef('pk')
    )
    keyed = runs.filter(idempotency_key__isnull=False, started_by__isnull=False)
    repeated = list(keyed.filter(Exists(earlier)).values_list('pk', flat=True))
    for start in range(0, len(repeated), 500):
        runs.filter(pk__in=repeated[start : start + 500]).update(idempotency_key=None)


class Migration(migrations.Migration):

    dependencies = [
        ('runs', '0004_remains_of_tasks'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunPython(keep_the_first, migrations.RunPython.noop, elidable=True),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.UniqueConstraint(
                fields=('started_by', 'idempotency_key'), name='run_of_a_users_key'
            ),
        ),
        migrations.RemoveConstraint(model_name='run', name='run_idempotent'),
    ]
