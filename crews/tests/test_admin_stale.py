"""An admin's page of a crew does not overwrite what another admin has saved meanwhile."""

from collections.abc import Callable

import pytest
from django.contrib.admin.models import LogEntry

from crews.models import Crew
from crews.tests.test_admin_editing import crew_form, errors
from runs.crew_files.applying import apply
from runs.crew_files.writing import Description, describe
from tests.admin import clients, url

STALE = "The crew has been saved since you opened this page"


def rename(description: Description) -> None:
    description["name"] = "Theirs"


def give_a_limit(description: Description) -> None:
    description["budget_day_tool_calls"] = 7


def change_steps(description: Description) -> None:
    step = {"tool": "script", "params": {"interpreter": "bash", "code": "theirs"}}
    description["tasks"][0]["steps"] = [step]


def move_an_agent(description: Description) -> None:
    description["agents"].reverse()


def delete_a_task(description: Description) -> None:
    del description["tasks"][1]


@pytest.fixture
def admin(acme, globex, superuser):
    return clients(acme, globex, superuser)["admin"]


@pytest.mark.parametrize(
    "change", [rename, give_a_limit, change_steps, move_an_agent, delete_a_task]
)
def test_a_crew_that_another_admin_has_saved_is_not_overwritten(
    acme, admin, change: Callable[[Description], None]
):
    path = url("crews_crew_change", acme.crew.pk)
    seen = admin.get(path).context["adminform"].form["seen"].value()
    mine = {"agents-0-role": "my role", "description": "my words"}
    form = crew_form(acme.crew, **mine) | {"seen": seen}
    theirs = describe(acme.crew)
    change(theirs)
    apply(theirs, acme.crew, acme.organization)

    refused = admin.post(path, form)
    assert STALE in errors(refused)
    assert describe(Crew.objects.get(pk=acme.crew.pk)) == theirs
    assert all(f'value="{typed}"' in refused.content.decode() for typed in mine.values())
    assert STALE in errors(admin.post(path, form))


def test_a_form_that_does_not_say_what_was_seen_is_refused(acme, admin):
    form = crew_form(acme.crew, name="Mine")
    del form["seen"]
    assert STALE in errors(admin.post(url("crews_crew_change", acme.crew.pk), form))


def test_what_only_the_system_changes_refuses_nobody(acme, admin, worker_alive):
    form = crew_form(acme.crew, name="Mine")
    acme.start_run()  # the crew is busy
    assert admin.post(url("crews_crew_change", acme.crew.pk), form).status_code == 302
    acme.crew.refresh_from_db()
    assert (acme.crew.name, acme.crew.status) == ("Mine", "busy")
    assert "seen" not in LogEntry.objects.get().change_message.lower()


def test_who_may_only_look_gets_no_digest(acme, globex, superuser):
    viewer = clients(acme, globex, superuser)["viewer"]
    page = viewer.get(url("crews_crew_change", acme.crew.pk)).content.decode()
    assert acme.crew.name in page
    assert 'name="seen"' not in page
