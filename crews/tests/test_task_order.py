"""Tasks that processes of an older version save, which know nothing of their order."""

from uuid import uuid4

import pytest
from django.db import connection

from crews.models import Task

pytestmark = pytest.mark.django_db


def test_a_task_saved_without_the_field_comes_after_no_other(acme):
    """While an upgrade goes on, its old web processes write all columns that they know."""
    old = acme.crew.tasks.first()
    name = connection.ops.quote_name
    known = [field for field in Task._meta.concrete_fields if field.name not in ("id", "after")]
    columns = ", ".join(name(field.column) for field in known)
    new = uuid4()
    values = [Task._meta.pk.get_db_prep_value(pk, connection) for pk in (new, old.pk)]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO crews_task (id, {columns}) SELECT %s, {columns} FROM crews_task "
            "WHERE id = %s",
            values,
        )
    assert Task.objects.unscoped().get(pk=new).after == []
