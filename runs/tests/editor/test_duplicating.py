"""A duplicate of a crew has all that belongs to the crew: no gate is lost."""

import pytest
from django.urls import reverse

from crews.models import ApprovalRule, Crew, Membership
from runs.crew_files.writing import describe
from runs.schedules.models import Schedule
from runs.tests.scene import client_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(acme) -> str:
    return f"{reverse('crew-new')}?from={acme.crew.pk}"


@pytest.fixture
def rule(acme) -> ApprovalRule:
    return ApprovalRule.objects.create(
        organization=acme.organization, crew=acme.crew, tool="script", agent_id="orion",
        params="code=*deploy*", expires_after_s=60, admins_only=True,
    )  # fmt: skip


def saved(editor) -> str:
    """Save the duplicate, and return the page after it."""
    response = editor.press("save")
    assert response.status_code == 302, editor.page
    return editor.client.get(response.url).content.decode()


def test_everything_of_the_crew_is_copied_and_the_schedule_switched_off(
    acme, editor_of, path, rule
):
    crew = Crew.objects.get(pk=acme.crew.pk)
    crew.max_parallel, crew.max_active_runs, crew.own_directories = 3, 2, True
    crew.budget_run_tokens, crew.budget_day_usd, crew.budget_zone = 10, 5, "Asia/Tokyo"
    crew.budget_day_at_limit = "pause"
    crew.save()
    first, last = crew.tasks.all()
    first.after, first.continue_on_error = [str(last.pk)], True
    first.save()
    ApprovalRule.objects.create(organization=acme.organization, crew=crew, is_enabled=False)
    Schedule.objects.put(crew, by=acme.admin, expression="0 2 * * *", overlap="queue")
    page = saved(editor_of(acme.admin, path))
    copy = Crew.objects.get(slug="copy-of-acme-crew")
    of = describe(crew)
    assert len(of["approval_rules"]) == 2
    assert describe(copy) == of | {
        "name": copy.name,
        "slug": copy.slug,
        "schedule": of["schedule"] | {"is_enabled": False},
    }
    assert copy.schedule.created_by == acme.admin
    assert (
        "Copied from Acme crew: 2 approval rules and the schedule, which is switched off." in page
    )
    assert Schedule.objects.get(crew=crew).is_enabled


def test_a_call_of_the_copy_waits_like_one_of_the_crew(acme, editor_of, path, rule):
    assert "Copied from Acme crew: 1 approval rule." in saved(editor_of(acme.admin, path))
    copy = Crew.objects.get(slug="copy-of-acme-crew")
    call = {"agent_id": "orion", "tool": "script", "params": {"code": "make deploy"}}
    (found,) = ApprovalRule.objects.that_match(copy, **call)
    assert (found.crew, found.organization) == (copy, acme.organization)
    assert len(ApprovalRule.objects.that_match(acme.crew, **call)) == 1


def test_a_copied_rule_that_matches_no_step_of_the_copy_gets_a_warning(acme, editor_of, path, rule):
    rule.params = ""
    rule.save()
    ApprovalRule.objects.create(organization=acme.organization, crew=acme.crew, tool="script")
    editor = editor_of(acme.admin, path)
    editor.press("delete:tasks-0")
    page = saved(editor)
    assert not Crew.objects.get(slug="copy-of-acme-crew").tasks.filter(agent__slug="orion").exists()
    assert "script of orion: No step of Copy of Acme crew matches this rule now." in page
    assert page.count("matches this rule now") == 1
    assert rule.warning() == ""


def test_buttons_of_the_form_and_refusals_do_not_lose_the_rules(acme, editor_of, path, rule):
    editor = editor_of(acme.admin, path)
    editor.press("copy:agents-0")
    assert editor.press("save", name="").status_code == 400
    editor.press("save", name="Second")
    assert Crew.objects.get(slug="second").approval_rules.count() == 1


def test_a_rule_that_is_added_while_the_form_is_open_is_copied(acme, editor_of, path):
    editor = editor_of(acme.admin, path)
    ApprovalRule.objects.create(organization=acme.organization, crew=acme.crew)
    assert "Copied from Acme crew: 1 approval rule." in saved(editor)


def test_a_crew_that_has_neither_is_copied_without_a_message(acme, editor_of, path):
    ApprovalRule.objects.create(organization=acme.organization)
    assert "Copied from" not in saved(editor_of(acme.admin, path))
    assert not Crew.objects.get(slug="copy-of-acme-crew").approval_rules.exists()


def test_nothing_is_saved_if_the_crew_is_gone_meanwhile(acme, globex, editor_of, path, rule):
    foreign = f"{reverse('crew-new')}?from={globex.crew.pk}"
    for begun in (foreign, f"{reverse('crew-new')}?from=none"):
        editor = editor_of(acme.admin, path)
        editor.path = begun
        assert editor.press("save").status_code == 400
        assert "its approval rules cannot be copied" in editor.page
    assert not Crew.objects.filter(slug="copy-of-acme-crew").exists()


def test_a_copy_for_another_organization_has_the_rules_and_names_those_left_behind(
    acme, globex, editor_of, path, rule
):
    Membership.objects.create(user=acme.admin, organization=globex.organization, role="admin")
    warning = "rules for every crew of Acme do not apply in Globex"
    editor = editor_of(acme.admin, path)
    editor.form.values["organization"] = ["globex"]
    assert warning not in saved(editor)
    copied = Crew.objects.get(slug="copy-of-acme-crew").approval_rules.get()
    assert copied.organization == globex.organization
    ApprovalRule.objects.create(organization=acme.organization)
    again = editor_of(acme.admin, path)
    again.form.values |= {"organization": ["globex"], "slug": ["again"]}
    assert warning in saved(again)


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_others_cannot_duplicate(acme, path, role):
    response = client_of(getattr(acme, role)).post(path, {"action": "save", "name": "Copy"})
    assert response.status_code == 403
