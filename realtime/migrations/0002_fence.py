import django.db.models.deletion
from django.db import migrations, models


def fence_runs_that_exist(apps, schema_editor):
    Run, Fence, Stream = (
        apps.get_model("runs", "Run"),
        apps.get_model("realtime", "Fence"),
        apps.get_model("realtime", "Stream"),
    )
    known = set(Stream.objects.filter(name__startswith="run:").values_list("name", flat=True))
    runs = Run.objects.values_list("pk", "attempt")
    Fence.objects.bulk_create(
        [
            Fence(stream_id=f"run:{pk}", attempt=attempt)
            for pk, attempt in runs
            if f"run:{pk}" in known
        ],
        batch_size=1000,
    )


class Migration(migrations.Migration):
    dependencies = [
        ("realtime", "0001_initial"),
        ("runs", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Fence",
            fields=[
                (
                    "stream",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        serialize=False,
                        to="realtime.stream",
                    ),
                ),
                ("attempt", models.PositiveIntegerField()),
            ],
        ),
        migrations.RunPython(fence_runs_that_exist, migrations.RunPython.noop),
    ]
