"""The editor: which tasks come after which, and how many run at once."""

import pytest
from django.urls import reverse

from crews.models import AuditEntry, Crew

pytestmark = pytest.mark.django_db


def ids(crew: Crew) -> list[str]:
    return [str(task.pk) for task in crew.tasks.all()]


def test_the_order_is_chosen_saved_and_recorded(acme, editor):
    first, second = ids(acme.crew)
    assert editor.form.values["max_parallel"] == ["1"]
    assert "tasks-0-after" not in editor.form.values
    chosen = {"max_parallel": "4", "own_directories": "on"}
    assert editor.press("save", tasks__1__after=first, **chosen).status_code == 302
    crew = Crew.objects.get(pk=acme.crew.pk)
    assert (crew.max_parallel, [task.after for task in crew.tasks.all()]) == (4, [[], [first]])
    entries = AuditEntry.objects.order_by("-id").values_list("kind", "changes")[:2]
    changes = dict(entries)
    assert changes["crew.edited"]["max_parallel"] == [1, 4]
    assert changes["crew.edited"]["own_directories"] == [False, True]
    assert changes["task.edited"]["after"] == ["", "Orion works"]
    assert second not in str(changes)


def test_a_task_that_is_not_stored_yet_can_be_named(acme, editor):
    editor.press("add-task")
    editor.press("add-step:2:pytest", tasks__2__name="Build", tasks__2__agent="vega")
    new = editor.form.values["tasks-2-id"][0]
    editor.press("up:tasks-2", tasks__0__after=new)  # moved, it is still the one that was named
    assert editor.form.values["tasks-0-after"] == [new]
    assert editor.press("save").status_code == 302
    build = acme.crew.tasks.get(name="Build")
    assert acme.crew.tasks.get(name="Orion works").after == [str(build.pk)]


def test_what_is_deleted_is_named_no_more_and_a_copy_names_the_same(acme, editor):
    first, _ = ids(acme.crew)
    editor.press("copy:tasks-1", tasks__1__after=first)
    assert editor.form.values["tasks-2-after"] == [first]
    editor.press("delete:tasks-0")
    assert "tasks-0-after" not in editor.form.values
    assert editor.press("save").status_code == 302
    assert [task.after for task in acme.crew.tasks.all()] == [[], []]


def test_a_circle_is_refused_beside_the_task_and_nothing_is_lost(acme, editor):
    first, second = ids(acme.crew)
    response = editor.press("save", tasks__0__after=second, tasks__1__after=first)
    assert response.status_code == 400
    assert "These tasks wait for each other: " in editor.page
    assert len(editor.form.invalid) == 1
    assert f'href="#{editor.form.invalid[0]}"' in editor.page
    assert editor.form.values["tasks-0-after"] == [second]
    assert [task.after for task in acme.crew.tasks.all()] == [[], []]


@pytest.mark.parametrize(
    ("most", "message"),
    [
        ("0", "greater than or equal to 1"),
        ("33", "less than or equal to 32"),
        ("x", "valid integer"),
    ],
)
def test_how_many_run_at_once_has_limits(editor, most, message):
    assert editor.press("save", max_parallel=most).status_code == 400
    assert editor.form.invalid == ["max_parallel"]
    assert message in editor.page


def test_an_empty_number_is_one(acme, editor):
    assert editor.press("save", max_parallel="").status_code == 302
    assert Crew.objects.get(pk=acme.crew.pk).max_parallel == 1


def test_a_duplicate_has_the_same_order(acme, editor_of):
    first, last = acme.crew.tasks.all()
    first.after = [str(last.pk)]
    first.save()
    editor = editor_of(acme.admin, f"{reverse('crew-new')}?from={acme.crew.pk}")
    assert editor.press("save", name="Second").status_code == 302
    tasks = Crew.objects.get(name="Second").tasks.all()
    assert [task.after for task in tasks] == [[str(tasks[1].pk)], []]
    assert not {str(tasks[1].pk), str(tasks[0].pk)} & {str(first.pk), str(last.pk)}


def test_a_new_name_moves_no_task(acme, editor):
    for task in acme.crew.tasks.all():
        task.order = 0  # so they are sorted by name
        task.save()
    names = [task.name for task in acme.crew.tasks.all()]
    assert names == ["Orion works", "Vega works"]
    assert editor.press("save", tasks__0__name="Zeta works").status_code == 302
    assert [task.name for task in acme.crew.tasks.all()] == ["Zeta works", "Vega works"]
