"""The editor with what no form sends, what no field can show, and too much of everything."""

import re

import pytest
from django.urls import reverse

from runs.editor.draft import MAX_PARTS
from runs.tests.editor.form_reader import FormReader
from runs.tests.editor.test_editing import steps_of

pytestmark = pytest.mark.django_db


def test_what_no_field_can_show_is_kept_and_shown(acme, editor_of):
    step = {"tool": "pytest", "params": {"args": ["<b>\nx"]}}
    acme.give_steps(step)
    editor = editor_of(acme.admin, reverse("crew-edit", args=[acme.crew.pk]))
    assert "Only the YAML can change it." in editor.page
    assert "&lt;b&gt;" in editor.page
    assert "<b>" not in editor.page
    editor.press("save", tasks__0__steps__0__params__path="tests")
    assert steps_of(acme.crew) == [
        {"tool": "pytest", "params": {"path": "tests", **step["params"]}}
    ]


def test_a_tool_that_is_gone_can_be_deleted_from_a_task(acme, editor_of, monkeypatch):
    from runs.tools import REGISTRY

    monkeypatch.delitem(REGISTRY, "script")
    editor = editor_of(acme.admin, reverse("crew-edit", args=[acme.crew.pk]))
    assert editor.press("save").status_code == 400
    assert "There is no tool" in editor.page
    editor.press("delete:tasks-0-steps-0")
    editor.press("add-step:0:pytest")
    editor.press("delete:tasks-1")
    assert editor.press("save").status_code == 302
    assert steps_of(acme.crew) == [{"tool": "pytest", "params": {}}]


def test_a_crew_that_is_too_large_for_the_page_is_edited_as_yaml(acme, editor_of):
    there = 2 + 2 + 2
    for number in range(MAX_PARTS - there):
        acme.crew.agents.create(name=f"A {number}", slug=f"a-{number}")
    path = reverse("crew-edit", args=[acme.crew.pk])
    editor = editor_of(acme.admin, path)
    assert editor.response.status_code == 200
    editor.press("add-agent")
    assert "more than 120 agents, tasks and steps" in editor.page
    values = editor.form.values | {f"agents-{MAX_PARTS}-name": ["x"], "action": ["save"]}
    assert editor.client.post(path, values).status_code == 400
    acme.crew.agents.create(name="One more", slug="more")
    assert editor.client.get(path).url == reverse("crew-file", args=[acme.crew.pk])


@pytest.mark.parametrize("rest", ["[" * 100_000, "{", "\x00", '{"a": "\\ud800"}', "[1]"])
def test_a_form_that_was_tampered_with_is_refused(acme, editor, rest):
    name = "tasks-0-steps-0-rest"
    values = editor.form.values | {name: [rest], "action": ["save"]}
    assert editor.client.post(editor.path, values).status_code in (302, 400)


@pytest.mark.parametrize(
    "action", ["up:tasks-9", "copy:tasks-9-steps-0", "add-step:9:script", "add-step:0:rm", "x", ""]
)
def test_an_action_that_is_not_possible_keeps_the_form(acme, editor, action):
    values = editor.form.values | {"name": ["Mine"], "action": [action]}
    response = editor.client.post(editor.path, values)
    assert response.status_code == 200
    assert 'value="Mine"' in response.content.decode()


def test_hostile_names_are_shown_as_text(acme, editor):
    hostile = '"><script>alert(1)</script>'
    editor.press("add-task", name=hostile, agents__0__name=hostile, tasks__0__name=hostile)
    assert "<script>alert" not in editor.page
    assert editor.form.values["name"] == [hostile]


@pytest.mark.parametrize("key", ["+" + "9" * 5000, "+٣", "+-1", "+", "+999999999"])
def test_an_agent_is_added_beside_an_odd_key(acme, editor, key):
    values = editor.form.values | {"agents-0-key": [key], "action": ["add-agent"]}
    response = editor.client.post(editor.path, values)
    assert response.status_code == 200
    keys = [
        texts[0]
        for name, texts in FormReader(response.content.decode()).values.items()
        if name.startswith("agents-") and name.endswith("-key")
    ]
    assert len(keys) == len({*keys}) == 3


@pytest.mark.parametrize(
    "params", [{"args": ["--maxfail", 1]}, {"path": 2024}, {"args": ["-k", 1.5], "directory": 1}]
)
def test_a_crew_with_numbers_that_were_stored_for_text_is_edited(acme, editor_of, params):
    acme.give_steps({"tool": "pytest", "params": params})
    editor = editor_of(acme.admin, reverse("crew-edit", args=[acme.crew.pk]))
    assert editor.press("save", name="Renamed").status_code == 302
    acme.crew.refresh_from_db()
    assert acme.crew.name == "Renamed"


def test_a_fault_of_what_no_field_shows_leads_to_its_step(acme, editor_of):
    acme.give_steps({"tool": "pytest", "params": {"args": ["<b>\nx"], "path": "tests"}})
    editor = editor_of(acme.admin, reverse("crew-edit", args=[acme.crew.pk]))
    rest = '{"args": ["a", {}], "more": 1}'
    values = editor.form.values | {"tasks-0-steps-0-rest": [rest], "action": ["save"]}
    page = editor.client.post(editor.path, values).content.decode()
    summary, _, rest_of_page = page.partition('id="agents"')
    targets = re.findall(r'class="alert-link" href="#([^"]+)"', summary)
    assert targets
    assert {*targets} == {"tasks-0-steps-0"}
    assert 'id="tasks-0-steps-0"' in rest_of_page
    beside = rest_of_page.partition('id="tasks-0-steps-0"')[2]
    assert "This is text. Write it in quotes." in beside.partition("</li>")[0]
