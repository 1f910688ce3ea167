"""What may be edited in the admin, by whom, and what is refused."""

import json

import pytest
from django.contrib.admin.models import LogEntry
from django.core.exceptions import ValidationError

from conftest import HELLO
from crews.admin.crew_form import digest_of
from crews.admin.steps import StepsField
from crews.models import Agent, ApprovalRule, Crew, Membership, Task
from tests.admin import answer, clients, url


@pytest.fixture
def staff(acme, globex, superuser):
    return clients(acme, globex, superuser)


BUDGET = {
    "budget_run_at_limit": "cancel",
    "budget_day_at_limit": "cancel",
    "budget_zone": "UTC",
}


def crew_form(crew: Crew, **changes: object) -> dict[str, object]:
    """What the browser sends for a crew as it stands, but for ``changes``."""
    form = {"name": crew.name, "slug": crew.slug, "description": "", "is_active": "on"} | BUDGET
    form["seen"] = digest_of(Crew.objects.get(pk=crew.pk))
    for prefix, rows in (("agents", crew.agents.all()), ("tasks", crew.tasks.all())):
        form |= {f"{prefix}-TOTAL_FORMS": len(rows), f"{prefix}-INITIAL_FORMS": len(rows)}
        for number, row in enumerate(rows):
            names = ("name", "slug", "role", "order") if prefix == "agents" else ("name", "order")
            values = {name: getattr(row, name) for name in names} | {"id": row.pk, "crew": crew.pk}
            if prefix == "tasks":
                values |= {"agent": row.agent_id, "steps": json.dumps(row.steps)}
            form |= {f"{prefix}-{number}-{name}": value for name, value in values.items()}
    return form | changes


def errors(response) -> str:
    """All that is refused, on the page's own form and on those of its inlines."""
    assert response.status_code == 200
    formsets = [formset.formset for formset in response.context["inline_admin_formsets"]]
    texts = [str(response.context["adminform"].form.errors)]
    for formset in formsets:
        texts += [str(formset.errors), str(formset.non_form_errors())]
    return " ".join(texts)


def test_an_admin_makes_a_crew_in_the_own_organization_and_then_gives_it_tasks(acme, staff):
    form = {"name": "New", "slug": "new", "is_active": "on", "organization": acme.organization.pk}
    form |= {"agents-TOTAL_FORMS": 1, "agents-INITIAL_FORMS": 0} | BUDGET
    form |= {"agents-0-name": "Rigel", "agents-0-slug": "rigel", "agents-0-order": 0}
    response = staff["admin"].post(url("crews_crew_add"), form)
    crew = Crew.objects.get(slug="new")
    assert response.headers["Location"] == url("crews_crew_change", crew.pk)
    assert [agent.slug for agent in crew.agents.all()] == ["rigel"]

    task = {"tasks-TOTAL_FORMS": 1, "tasks-0-name": "T", "tasks-0-order": 0}
    task |= {"tasks-0-agent": crew.agents.get().pk, "tasks-0-steps": json.dumps(HELLO)}
    staff["admin"].post(url("crews_crew_change", crew.pk), crew_form(crew, **task))
    assert crew.tasks.get().steps == HELLO
    assert LogEntry.objects.filter(object_id=crew.pk).count() == 2


def test_a_crew_of_another_organization_is_neither_made_nor_moved(acme, globex, staff):
    form = {"name": "New", "slug": "new", "organization": globex.organization.pk}
    form |= {"agents-TOTAL_FORMS": 0, "agents-INITIAL_FORMS": 0}
    response = staff["admin"].post(url("crews_crew_add"), form)
    assert "Select a valid choice" in errors(response)
    assert not Crew.objects.filter(slug="new").exists()

    moved = crew_form(acme.crew, organization=globex.organization.pk, name="Renamed")
    staff["superuser"].post(url("crews_crew_change", acme.crew.pk), moved)
    acme.crew.refresh_from_db()
    assert (acme.crew.name, acme.crew.organization) == ("Renamed", acme.organization)


@pytest.mark.parametrize("person", ["operator", "viewer", "outsider", "homeless"])
def test_a_crew_is_edited_by_its_admins_alone(acme, staff, person):
    form = crew_form(acme.crew, name="Renamed")
    response = staff[person].post(url("crews_crew_change", acme.crew.pk), form)
    assert answer(response) == ("gone" if person == "outsider" else "403")
    acme.crew.refresh_from_db()
    assert acme.crew.name == "Acme crew"


def test_an_approval_rule_stays_in_its_organization(acme, globex, staff):
    rule = ApprovalRule.objects.create(organization=acme.organization, tool="script")
    path = url("crews_approvalrule_change", rule.pk)
    form = {"organization": globex.organization.pk, "tool": "git_*", "expires_after_s": 60}
    assert staff["superuser"].post(path, form).status_code == 302
    rule.refresh_from_db()
    assert (rule.tool, rule.organization) == ("git_*", acme.organization)
    form["crew"] = globex.crew.pk
    assert "Choose a crew of the same organization." in errors(staff["superuser"].post(path, form))


def test_a_task_is_given_to_agents_of_its_own_crew_alone(acme, globex, staff):
    foreign = globex.crew.agents.first()
    form = crew_form(acme.crew, **{"tasks-0-agent": foreign.pk})
    response = staff["superuser"].post(url("crews_crew_change", acme.crew.pk), form)
    assert "Select a valid choice" in errors(response)


def test_an_inline_row_of_another_crew_is_not_taken_over(acme, globex, staff):
    foreign = globex.crew.tasks.first()
    form = crew_form(acme.crew, **{"tasks-0-id": foreign.pk, "tasks-0-name": "Stolen"})
    staff["admin"].post(url("crews_crew_change", acme.crew.pk), form)
    assert not Task.objects.filter(name="Stolen").exists()
    assert globex.crew.tasks.first().name == foreign.name


def test_steps_that_no_tool_could_carry_out_are_refused_with_the_validators_words(acme, staff):
    steps = json.dumps([{"tool": "script", "params": {"interpreter": "bash"}}, {"tool": "nope"}])
    form = crew_form(acme.crew, **{"tasks-1-steps": steps})
    response = staff["admin"].post(url("crews_crew_change", acme.crew.pk), form)
    assert "Step 1 (script): code:" in errors(response)
    assert "Step 2: There is no tool" in errors(response)
    assert acme.crew.tasks.last().steps == HELLO


def test_the_steps_field_says_where_text_is_no_json_and_gives_it_back_as_written():
    field = StepsField()
    with pytest.raises(ValidationError, match="in line 2, column 9"):
        field.clean('[\n  "tool": 1]')
    assert field.clean('[{"tool": "x"}]') == [{"tool": "x"}]
    assert field.prepare_value([{"a": "ü"}]) == '[\n  {\n    "a": "ü"\n  }\n]'
    assert field.prepare_value('[\n  "tool": 1]') == '[\n  "tool": 1]'


def test_steps_are_shown_redacted_to_those_who_may_not_edit_them(acme, staff):
    task = acme.crew.tasks.first()
    task.steps = [{"tool": "git_clone", "params": {"url": "https://u:hunter22@github.com/a/b"}}]
    task.save()
    path = url("crews_crew_change", acme.crew.pk)
    assert "hunter22" in staff["admin"].get(path).content.decode()
    for person in ("operator", "viewer"):
        page = staff[person].get(path).content.decode()
        assert "hunter22" not in page
        assert "github.com/a/b" in page


def test_an_agent_with_tasks_is_not_deleted_and_one_without_is(acme, staff):
    path = url("crews_crew_change", acme.crew.pk)
    form = crew_form(acme.crew, **{"agents-1-DELETE": "on", "tasks-1-name": "Changed too"})
    assert "Vega still has tasks: Vega works" in errors(staff["admin"].post(path, form))
    idle = Agent.objects.create(crew=acme.crew, name="Idle", slug="idle", order=2)
    form = crew_form(acme.crew, **{"agents-2-DELETE": "on"})
    assert staff["admin"].post(path, form).status_code == 302
    assert not Agent.objects.filter(pk=idle.pk).exists()


def test_roles_count_at_once(acme, staff):
    path = url("crews_crew_change", acme.crew.pk)
    assert staff["admin"].post(path, crew_form(acme.crew)).status_code == 302
    membership = Membership.objects.get(user=acme.admin)
    membership.role = "viewer"
    membership.save()
    assert staff["admin"].post(path, crew_form(acme.crew)).status_code == 403
    membership.delete()
    assert staff["admin"].get(path).status_code == 403
    assert acme.crew.name not in staff["admin"].get(url("index")).content.decode()


def test_tasks_that_wait_for_each_other_are_refused_by_their_names(acme, staff):
    first, second = acme.crew.tasks.all()
    path = url("crews_crew_change", acme.crew.pk)
    chain = {"tasks-1-after": [str(first.pk)], "max_parallel": 4}
    response = staff["admin"].post(path, crew_form(acme.crew, **chain))
    assert response.status_code == 302
    second.refresh_from_db()
    acme.crew.refresh_from_db()
    assert (second.after, acme.crew.max_parallel) == ([str(first.pk)], 4)
    assert b"Orion works" in staff["viewer"].get(path).content

    circle = chain | {"tasks-0-after": [str(second.pk)]}
    text = errors(staff["admin"].post(path, crew_form(acme.crew, **circle)))
    assert "These tasks wait for each other: " in text
    assert "Orion works → Vega works" in text
    for wrong in (str(first.pk), str(acme.organization.pk)):  # itself, and no task
        own = crew_form(acme.crew, **{"tasks-0-after": [wrong]})
        assert "Select a valid choice" in errors(staff["admin"].post(path, own))
    too_many = crew_form(acme.crew, max_parallel=33)
    assert "less than or equal to 32" in errors(staff["admin"].post(path, too_many))
    staff["admin"].post(path, crew_form(acme.crew, max_parallel=""))
    acme.crew.refresh_from_db()
    assert acme.crew.max_parallel == 1
    first.refresh_from_db()
    assert first.after == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[" * 100_000, "nested too deeply"),
        ("[" * 500 + "]" * 500, "nested too deeply"),
        ("[" * 21 + "]" * 21, "nested too deeply"),
        ("[" * 20 + "]" * 20, "Step 1"),
        ("[" + "1" * 5000 + "]", "A number has too many digits."),
        ("[" + "1" * 4000 + "]", "Step 1"),
        (f'[{{"tool": "script", "params": {{"a": {"1" * 5000}}}}}]', "too many digits"),
    ],
)
def test_odd_numbers_and_nesting_in_steps_are_refused(acme, staff, text, says):
    path = url("crews_crew_change", acme.crew.pk)
    refused = staff["admin"].post(path, crew_form(acme.crew, **{"tasks-0-steps": text}))
    assert says in errors(refused)
    page = "".join(refused.content.decode().replace("&quot;", '"').split())
    assert "".join(text.split()) in page  # it is shown again
