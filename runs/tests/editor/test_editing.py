"""The editor: what the form shows, sends back, stores and refuses."""

import pytest
from django.urls import reverse

from crews.models import Agent, AuditEntry, Crew
from runs.crew_files.writing import describe, text_of
from runs.schedules.models import Schedule

pytestmark = pytest.mark.django_db
SCRIPT = {"tool": "script", "params": {"interpreter": "bash", "code": "echo hello"}}


def steps_of(crew, task=0):
    return list(crew.tasks.all())[task].steps


def test_saving_an_untouched_form_changes_nothing(acme, editor_of):
    acme.keep_secret(name="deploy")
    clone = {"url": "https://github.com/a/b", "credential": "deploy", "depth": 3}
    code = "\n\n  if true; then\n\techo '</textarea>&amp;\"é'\n  fi  \n\n"
    acme.give_steps(
        {"tool": "git_clone", "params": clone},
        {"tool": "pytest", "params": {"args": ["-k", " not slow", "-v"], "network": False}},
        {"tool": "script", "params": {"interpreter": "python", "code": code}},
        {"tool": "script", "params": {"interpreter": "bash", "code": "echo\r\necho"}},
        {"tool": "pytest", "params": {"args": ["two\nlines"]}},
    )
    acme.crew.max_active_runs = 3
    acme.crew.save()
    crew = Crew.objects.get(pk=acme.crew.pk)
    before = text_of(describe(crew))
    editor = editor_of(acme.admin, reverse("crew-edit", args=[crew.pk]))
    entries = AuditEntry.objects.count()
    assert editor.press("save").status_code == 302
    assert text_of(describe(Crew.objects.get(pk=crew.pk))) == before
    assert AuditEntry.objects.count() == entries


def test_everything_that_is_written_is_saved_and_recorded(acme, editor):
    tasks = [task.pk for task in acme.crew.tasks.all()]
    saved = editor.press(
        "save",
        name="Renamed",
        description="What it does",
        max_active_runs="2",
        agents__0__name="Orion II",
        agents__0__role="Scout",
        tasks__0__name="Search",
        tasks__0__agent="vega",
        tasks__0__on_failure="continue",
        tasks__0__steps__0__params__code="echo 1\r\necho 2\r\n",
    )
    assert saved.url == acme.crew.get_absolute_url()
    crew = Crew.objects.get(pk=acme.crew.pk)
    assert (crew.name, crew.description, crew.max_active_runs) == ("Renamed", "What it does", 2)
    agent = crew.agents.all()[0]
    assert (agent.slug, agent.name, agent.role) == ("orion", "Orion II", "Scout")
    task = crew.tasks.all()[0]
    assert (task.pk, task.name, task.agent.slug) == (tasks[0], "Search", "vega")
    assert task.continue_on_error
    assert task.steps[0]["params"]["code"] == "echo 1\necho 2\n"
    kinds = AuditEntry.objects.order_by("-id").values_list("kind", "actor_name", "way")[:3]
    expected = {"crew.edited", "agent.edited", "task.edited"}
    assert {*kinds} == {(kind, "acme-admin", "page") for kind in expected}


def test_parts_are_added_without_being_stored_before_saving(acme, editor):
    editor.press("add-agent")
    assert editor.form.focus == "agents-2-name"
    editor.press("add-task", agents__2__name="Lyra", agents__2__role="Reporter")
    assert editor.form.focus == "tasks-2-name"
    new = editor.form.values["agents-2-key"][0]
    editor.press("add-step:2:git_clone", tasks__2__name="Report", tasks__2__agent=new)
    editor.press("add-step:2:script", tasks__2__steps__0__params__url="https://github.com/a/b")
    assert (acme.crew.agents.count(), acme.crew.tasks.count()) == (2, 2)
    saved = editor.press(
        "save",
        tasks__2__steps__1__params__interpreter="python",
        tasks__2__steps__1__params__code="print()",
        tasks__2__steps__1__params__network="",
    )
    assert saved.status_code == 302
    assert acme.crew.agents.get(slug="lyra").role == "Reporter"
    task = acme.crew.tasks.get(name="Report")
    assert task.agent.slug == "lyra"
    assert task.steps == [
        {"tool": "git_clone", "params": {"url": "https://github.com/a/b"}},
        {"tool": "script", "params": {"interpreter": "python", "code": "print()"}},
    ]


def test_parts_are_moved_and_the_focus_goes_with_them(acme, editor):
    assert "up:tasks-0" in editor.form.disabled
    assert "down:tasks-1" in editor.form.disabled
    editor.press("down:tasks-0", tasks__0__name="First")
    assert editor.form.focus == "tasks-1-up"
    assert editor.form.values["tasks-1-name"] == ["First"]
    editor.press("up:agents-1")
    assert editor.form.focus == "agents-0-down"
    editor.press("save")
    assert [task.name for task in acme.crew.tasks.all()] == ["Vega works", "First"]
    assert [agent.slug for agent in acme.crew.agents.all()] == ["vega", "orion"]


def test_tasks_and_steps_are_duplicated_and_deleted(acme, editor):
    editor.press("copy:tasks-0")
    editor.press("add-step:0:script")
    editor.press("up:tasks-0-steps-1", tasks__0__steps__1__params__code="first")
    assert editor.form.focus == "tasks-0-steps-0-down"
    editor.press("copy:tasks-0-steps-0", tasks__0__steps__0__params__interpreter="bash")
    editor.press("delete:tasks-2")
    assert editor.form.focus == "tasks-1-delete"
    editor.press("delete:tasks-1-steps-0")
    assert editor.form.focus == "add-tasks-1-steps"
    assert editor.press("save").status_code == 400
    assert "A task needs at least one step." in editor.page
    editor.press("add-step:1:pytest")
    assert editor.press("save").status_code == 302
    assert [task.name for task in acme.crew.tasks.all()] == ["Orion works", "Copy of Orion works"]
    first = {"tool": "script", "params": {"interpreter": "bash", "code": "first"}}
    assert steps_of(acme.crew) == [first, first, SCRIPT]
    assert steps_of(acme.crew, 1) == [{"tool": "pytest", "params": {}}]


def test_an_agent_with_tasks_goes_only_when_they_have_another(acme, editor):
    editor.press("delete:agents-0")
    refused = editor.press("save")
    assert refused.status_code == 400
    assert editor.form.invalid == ["tasks-0-agent"]
    assert "The crew has no such agent. It has: vega." in editor.page
    assert acme.crew.agents.count() == 2
    editor.press("save", tasks__0__agent="vega")
    assert list(acme.crew.agents.values_list("slug", flat=True)) == ["vega"]
    assert acme.crew.tasks.count() == 2


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"name": ""}, "name", "This field may not be blank."),
        ({"name": "x" * 101}, "name", "no more than 100 characters"),
        ({"max_active_runs": "0"}, "max_active_runs", "greater than or equal to 1"),
        ({"max_active_runs": "many"}, "max_active_runs", "A valid integer is required."),
        ({"agents__1__name": " "}, "agents-1-name", "This field may not be blank."),
        ({"tasks__1__name": ""}, "tasks-1-name", "This field may not be blank."),
        ({"tasks__1__agent": "other"}, "tasks-1-agent", "The crew has no such agent."),
        ({"tasks__0__steps__0__params__code": ""}, "tasks-0-steps-0-params-code", "is required"),
        (
            {"tasks__0__steps__0__params__directory": "../up"},
            "tasks-0-steps-0-params-directory",
            "Write a relative path that stays inside the workspace",
        ),
    ],
)
def test_a_fault_stands_beside_its_field_and_nothing_is_lost(acme, editor, changes, field, message):
    before = text_of(describe(acme.crew))
    response = editor.press("save", description="What I wrote", **changes)
    assert response.status_code == 400
    assert editor.form.invalid == [field]
    assert editor.form.focus == "faults"
    assert f'<a class="alert-link" href="#{field}">' in editor.page
    error = editor.page.split(f'id="{field}_error">', 1)[1].split("</div>", 1)[0]
    assert message in error
    assert editor.form.values["description"] == ["What I wrote"]
    written = next(iter(changes.values())).strip()
    assert editor.form.values[field] == [written] or field == "tasks-1-agent"
    assert text_of(describe(Crew.objects.get(pk=acme.crew.pk))) == before


def test_a_secret_is_chosen_from_those_of_the_organization(acme, globex, editor_of):
    acme.keep_secret(name="deploy")
    globex.keep_secret(name="foreign")
    clone = {"tool": "git_clone", "params": {"url": "https://gitlab.com/a/b"}}
    acme.give_steps(clone)
    editor = editor_of(acme.admin, reverse("crew-edit", args=[acme.crew.pk]))
    assert '<option value="deploy">deploy (for github.com)</option>' in editor.page
    assert "foreign" not in editor.page
    editor.press("save", tasks__0__steps__0__params__credential="deploy")
    assert "The secret deploy is for github.com, and is not sent to gitlab.com." in editor.page
    assert editor.form.invalid == ["tasks-0-steps-0-params-credential"]
    editor.press("save", tasks__0__steps__0__params__credential="foreign")
    assert "The organization has no secret" in editor.page


def test_somebody_else_who_saved_meanwhile_loses_nothing_and_neither_do_i(acme, editor):
    task = acme.crew.tasks.all()[0]
    task.name = "Their name"
    task.save()
    response = editor.press("save", tasks__1__name="My name")
    assert response.status_code == 409
    assert "Somebody else has saved this crew" in editor.page
    assert "-  - name: Their name" in editor.page
    assert "+  - name: My name" in editor.page
    assert editor.form.values["tasks-1-name"] == ["My name"]
    assert [task.name for task in acme.crew.tasks.all()] == ["Their name", "Vega works"]
    editor.press("save", tasks__0__name="Their name")
    assert [task.name for task in acme.crew.tasks.all()] == ["Their name", "My name"]


def test_names_of_agents_may_be_the_same(acme, editor):
    for index in (2, 3):
        editor.press("add-agent")
        editor.form.values[f"agents-{index}-name"] = ["Orion"]
    editor.press("save")
    found = Agent.objects.filter(crew=acme.crew, name="Orion").values_list("slug", flat=True)
    assert list(found) == ["orion", "orion-2", "orion-3"]


def test_rules_and_schedule_of_other_pages_stay_and_are_no_conflict(acme, editor):
    acme.crew.approval_rules.create(organization=acme.organization, tool="script")
    Schedule.objects.put(acme.crew, by=None, expression="@daily")
    editor.press("add-task")  # the form is sent on
    editor.press("delete:tasks-2")
    assert editor.press("save", name="Renamed").status_code == 302
    crew = Crew.objects.get(pk=acme.crew.pk)
    assert crew.name == "Renamed"
    assert crew.approval_rules.get().tool == "script"
    assert crew.schedule.expression == "@daily"
