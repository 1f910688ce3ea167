"""Every page of the admin that adds or changes a record is filled in and saved, with a worker
alive.
"""

import json
import uuid
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import RequestFactory

from conftest import HELLO, PASSWORD
from crews.models import Crew
from runs.models import Run
from tests.admin import World, clients, url

AGENTS = {"agents-TOTAL_FORMS": 3} | {
    f"agents-{number}-{name}": value
    for number, agent in enumerate(("Orion", "Vega", "Lyra"))
    for name, value in {"name": agent, "slug": agent.lower(), "order": number}.items()
}
# What a person fills in, by model; the other fields keep what the page proposes.
ADDED = {
    "crews.organization": {"name": "New", "slug": "new"},
    "crews.membership": {"role": "viewer"},
    "crews.crew": {"name": "New", "slug": "new", "is_active": "on", **AGENTS},
    "crews.secret": {"name": "new", "host": "example.com", "value": "a value of ours"},
    "crews.approvalrule": {"tool": "script", "expires_after_s": 60},
    "schedules.schedule": {"expression": "0 2 * * *"},
    "auth.user": {"username": "new", "password1": PASSWORD, "password2": PASSWORD},
}


@pytest.fixture
def world(acme, worker_alive) -> World:
    return World(acme)


@pytest.fixture
def client(acme, globex, superuser):
    return clients(acme, globex, superuser)["superuser"]


def sent(response) -> dict[str, Any]:
    """What a browser sends for the page as it is served."""
    assert response.status_code == 200
    formsets = [inline.formset for inline in response.context["inline_admin_formsets"]]
    forms = [response.context["adminform"].form, *(formset.management_form for formset in formsets)]
    forms += [form for formset in formsets for form in formset.initial_forms]
    values = {field.html_name: field.value() for form in forms for field in form}
    chosen = {f.html_name for form in forms for f in form if hasattr(f.field, "choices")}
    return {
        name: json.dumps(value) if isinstance(value, list | dict) and name not in chosen else value
        for name, value in values.items()
        if value is not None and value is not False
    }


def test_every_model_that_can_be_added_is_added_here(superuser):
    request = RequestFactory().get("/")
    request.user = superuser
    offered = admin.site._registry.items()
    assert {m._meta.label_lower for m, its in offered if its.has_add_permission(request)} == set(
        ADDED
    )


@pytest.mark.parametrize("label", ADDED)
def test_a_record_is_added_while_a_worker_is_alive(world, globex, client, label):
    model = apps.get_model(label)
    path = url(f"{label.replace('.', '_')}_add")
    form = sent(client.get(path)) | ADDED[label]
    form |= {"organization": world.tenant.organization.pk, "user": globex.viewer.pk}
    if label == "schedules.schedule":  # a crew has one at most
        form["crew"] = globex.crew.pk
    before = model._default_manager.count()
    response = client.post(path, form)
    assert response.status_code == 302, response.context["errors"]
    assert model._default_manager.count() == before + 1


def test_a_new_crew_is_available_and_has_its_agents(world, client):
    path = url("crews_crew_add")
    form = sent(client.get(path)) | ADDED["crews.crew"]
    client.post(path, form | {"organization": world.tenant.organization.pk})
    crew = Crew.objects.get(slug="new")
    assert crew.status == "available"
    assert [agent.slug for agent in crew.agents.all()] == ["orion", "vega", "lyra"]

    path = url("crews_crew_change", crew.pk)
    form = sent(client.get(path)) | {"tasks-TOTAL_FORMS": 2}
    for number, agent in enumerate(crew.agents.all()[:2]):
        task = {"name": f"Task {number}", "agent": agent.pk, "order": number}
        task |= {"steps": json.dumps(HELLO)}
        form |= {f"tasks-{number}-{name}": value for name, value in task.items()}
    assert client.post(path, form).status_code == 302
    assert [task.name for task in crew.tasks.all()] == ["Task 0", "Task 1"]


@pytest.mark.parametrize("model", admin.site._registry, ids=lambda model: model._meta.label_lower)
def test_a_record_is_saved_as_it_stands_while_a_worker_is_alive(world, client, model):
    label = model._meta.label_lower
    path = url(f"{label.replace('.', '_')}_change", world.records[label].pk)
    page = client.get(path)
    form = sent(page) | ({"value": "a value of ours"} if label == "crews.secret" else {})
    request = RequestFactory().get("/")
    request.user = User.objects.get(username="root")
    can_be_changed = admin.site.get_model_admin(model).has_change_permission(request)
    assert client.post(path, form).status_code == (302 if can_be_changed else 403)


def test_rows_without_a_place_come_after_the_others_as_they_stand(world, client):
    crew = world.tenant.crew
    path = url("crews_crew_change", crew.pk)
    page = client.get(path)
    assert "Left empty: after the others." in page.content.decode()
    form = sent(page) | {"agents-TOTAL_FORMS": 5}
    for number, name in enumerate(("Lyra", "Rigel", "Mira"), start=2):
        form |= {f"agents-{number}-name": name, f"agents-{number}-slug": name.lower()}
        form |= {f"agents-{number}-order": ""}
    assert client.post(path, form).status_code == 302
    assert [(agent.slug, agent.order) for agent in crew.agents.all()] == [
        ("orion", 0), ("vega", 1), ("lyra", 2), ("rigel", 3), ("mira", 4),
    ]  # fmt: skip


def test_a_row_whose_place_is_emptied_comes_after_the_others(world, client):
    crew = world.tenant.crew
    path = url("crews_crew_change", crew.pk)
    form = sent(client.get(path)) | {"agents-0-order": "", "agents-TOTAL_FORMS": 3}
    form |= {"agents-2-name": "Lyra", "agents-2-slug": "lyra", "agents-2-order": 7}
    assert client.post(path, form).status_code == 302
    assert [(agent.slug, agent.order) for agent in crew.agents.all()] == [
        ("vega", 1), ("lyra", 7), ("orion", 8),
    ]  # fmt: skip
    form = sent(client.get(path)) | {"tasks-0-order": ""}
    assert client.post(path, form).status_code == 302
    assert [task.name for task in crew.tasks.all()] == ["Vega works", "Orion works"]


def test_as_many_records_as_a_list_can_select_are_deleted(world, client):
    world.run.finish("succeeded")
    selected = [str(world.run.pk), *(str(uuid.uuid4()) for _ in range(1_150))]
    form = {"action": "delete_selected", "_selected_action": selected, "post": "yes"}
    assert client.post(url("runs_run_changelist"), form).status_code == 302
    assert not Run.objects.not_deleted().filter(pk=world.run.pk).exists()
