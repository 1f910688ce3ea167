"""Applying a description: what changes, what stays, who did it, and what is refused."""

import pytest

from crews.models import AuditEntry, Crew
from runs.crew_files.applying import Stale, apply
from runs.crew_files.checking import check
from runs.crew_files.faults import InvalidDescription
from runs.crew_files.writing import describe, digest

pytestmark = pytest.mark.django_db
STEP = {"tool": "script", "params": {"interpreter": "bash", "code": "true"}}
CLONE = {"tool": "git_clone", "params": {"url": "https://github.com/a/b", "credential": "deploy"}}


@pytest.fixture
def description(acme):
    return describe(acme.crew)


def task(name: str, agent: str = "orion", *steps: dict) -> dict:
    rest = {"after": [], "continue_on_error": False, "steps": [*steps] or [STEP]}
    return {"name": name, "agent": agent, **rest}


def applied(acme, description, **options):
    crew = Crew.objects.get(pk=acme.crew.pk)
    return apply(check(description), crew, acme.organization, **options)


def kinds(tail: int) -> list[str]:
    return [*AuditEntry.objects.order_by("-id").values_list("kind", flat=True)[:tail]][::-1]


def test_a_new_crew_is_created_with_everything(acme, description):
    description |= {"slug": "other", "name": "Other", "max_active_runs": 2}
    found = apply(check(description), None, acme.organization)
    assert found.is_new
    crew = Crew.objects.get(organization=acme.organization, slug="other")
    assert describe(crew) == description
    assert "+  - slug: orion" in found.diff
    assert apply(check(description), crew, acme.organization).diff == ""


def test_what_differs_is_changed_and_each_change_is_recorded(acme, description):
    orion, vega = acme.crew.agents.all()
    first, second = acme.crew.tasks.all()
    before = AuditEntry.objects.count()
    description["name"] = "Renamed"
    description["agents"] = [
        {"slug": "orion", "name": "Orion II", "role": "Scout"},
        {"slug": "lyra", "name": "Lyra", "role": ""},
    ]
    description["tasks"] = [task("Orion works", "lyra"), task("New", "orion")]
    found = applied(acme, description)
    assert describe(Crew.objects.get(pk=acme.crew.pk)) == description
    assert "-name: Acme crew\n+name: Renamed" in found.diff
    assert acme.crew.agents.all()[0].pk == orion.pk
    assert not acme.crew.agents.filter(pk=vega.pk).exists()
    assert acme.crew.tasks.all()[0].pk == first.pk
    assert not acme.crew.tasks.filter(pk=second.pk).exists()
    expected = ["crew.edited", "agent.edited", "agent.created", "task.edited", "task.created"]
    assert kinds(AuditEntry.objects.count() - before) == [
        *expected,
        "task.deleted",
        "agent.deleted",
    ]


def test_moving_tasks_keeps_them(acme, description):
    first, second = acme.crew.tasks.all()
    description["tasks"].reverse()
    found = applied(acme, description)
    assert [each.pk for each in acme.crew.tasks.all()] == [second.pk, first.pk]
    assert found.diff
    assert applied(acme, description).diff == ""


def test_tasks_with_one_name_are_kept_apart(acme, description):
    description["tasks"] = [task("Same"), task("Same", "vega"), task("Same", "orion", STEP, STEP)]
    applied(acme, description)
    keys = [each.pk for each in acme.crew.tasks.all()]
    assert applied(acme, description).diff == ""
    del description["tasks"][2]
    applied(acme, description)
    assert [each.pk for each in acme.crew.tasks.all()] == keys[:2]


def test_an_id_keeps_a_task_that_has_another_name(acme, description):
    first, second = acme.crew.tasks.all()
    description["tasks"] = [task("Second"), task("Added"), task("First")]
    applied(acme, description, task_ids=[str(second.pk), "", str(first.pk)])
    found = [(each.name, each.pk) for each in acme.crew.tasks.all()]
    assert found[0] == ("Second", second.pk)
    assert found[2] == ("First", first.pk)


def test_an_id_of_another_crew_is_a_new_task(acme, globex, description):
    foreign = globex.crew.tasks.first()
    applied(acme, description, task_ids=[str(foreign.pk), str(foreign.pk)])
    assert foreign.name == type(foreign).objects.get(pk=foreign.pk).name
    assert acme.crew.tasks.count() == 2
    assert globex.crew.tasks.count() == 2


def test_a_dry_run_shows_the_difference_and_changes_nothing(acme, description):
    entries = AuditEntry.objects.count()
    description["name"] = "Renamed"
    description["tasks"] = []
    found = applied(acme, description, dry_run=True)
    assert "+name: Renamed" in found.diff
    assert Crew.objects.get(pk=acme.crew.pk).name == "Acme crew"
    assert acme.crew.tasks.count() == 2
    assert AuditEntry.objects.count() == entries
    new = apply(check(description | {"slug": "new"}), None, acme.organization, dry_run=True)
    assert new.crew is None
    assert not Crew.objects.filter(slug="new").exists()


def test_nothing_is_changed_where_one_part_is_refused(acme, description):
    description["name"] = "Renamed"
    description["tasks"] = [task("A"), task("B", "orion", STEP, CLONE)]
    with pytest.raises(InvalidDescription, match="has no secret 'deploy'") as refused:
        applied(acme, description)
    assert refused.value.faults[0].place == "tasks[1].steps[1].params.credential"
    assert Crew.objects.get(pk=acme.crew.pk).name == "Acme crew"
    acme.keep_secret(name="deploy")
    applied(acme, description)
    assert acme.crew.tasks.count() == 2


def test_a_secret_of_another_organization_is_missing(acme, globex, description):
    globex.keep_secret(name="deploy")
    description["tasks"] = [task("A", "orion", CLONE)]
    with pytest.raises(InvalidDescription, match="has no secret"):
        applied(acme, description)


def test_a_slug_that_is_taken_is_refused(acme, description):
    with pytest.raises(InvalidDescription, match="slug") as refused:
        apply(check(description), None, acme.organization)
    assert "has a crew with this slug already" in str(refused.value)


@pytest.mark.parametrize("key", ["slug", "organization"])
def test_a_description_of_another_crew_is_refused(acme, globex, description, key):
    with pytest.raises(
        InvalidDescription, match=f"{key}: A crew keeps its slug and its organization"
    ):
        applied(acme, description | {key: "globex"})


def test_a_crew_that_has_changed_since_it_was_seen_stays(acme, description):
    seen = digest(description)
    applied(acme, description | {"name": "Theirs"})
    with pytest.raises(Stale) as refused:
        applied(acme, description | {"name": "Mine"}, seen=seen)
    assert refused.value.current["name"] == "Theirs"
    assert Crew.objects.get(pk=acme.crew.pk).name == "Theirs"


def test_an_active_run_keeps_its_plan(acme, description):
    run = acme.start_run()
    plan = run.plan
    applied(acme, description | {"tasks": []})
    run.refresh_from_db()
    assert run.plan == plan


def test_two_at_once_who_create_the_same_crew(acme, description, monkeypatch):
    # The other one comes after the check.
    monkeypatch.setattr(Crew, "validate_constraints", lambda *args, **kwargs: None)
    with pytest.raises(InvalidDescription, match="Somebody else has just taken this name or slug"):
        apply(check(description), None, acme.organization)
    assert Crew.objects.filter(organization=acme.organization).count() == 1
