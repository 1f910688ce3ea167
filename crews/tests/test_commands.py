"""The command seed_demo."""

import io
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from crews.demo import repository
from crews.demo.content import PARCELS
from crews.models import Agent, Crew, Membership, Organization, Task


@pytest.fixture(autouse=True)
def development(settings):
    settings.DEBUG = True  # pytest turns it off


def run(command: str, *args: object, **options: object) -> str:
    out = io.StringIO()
    call_command(command, *args, stdout=out, **options)
    return out.getvalue()


def seed() -> dict:
    return json.loads(run("seed_demo", json=True))


def git(path: str | Path, *arguments: str) -> str:
    command = ["git", "-C", str(path), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def everything() -> list:
    """Every row the demo consists of."""
    models = (User, Organization, Membership, Crew, Agent, Task)
    return [list(model.objects.order_by("pk").values()) for model in models]


def test_the_demo_is_what_it_says(db, client):
    demo = seed()
    assert {user["username"]: user["role"] for user in demo["users"]} == {
        "admin": "superuser",
        "acme-admin": "admin",
        "acme-operator": "operator",
        "acme-viewer": "viewer",
        "globex-admin": "admin",
    }
    for user in demo["users"]:
        assert client.login(username=user["username"], password=demo["password"])
    assert User.objects.get(is_superuser=True).username == "admin"
    acme, globex = demo["organizations"]
    assert (acme["slug"], globex["slug"]) == ("acme", "globex")
    assert acme["crews"][0]["agents"] == ["orion", "vega", "lyra"]
    for organization in demo["organizations"]:
        for listed in organization["crews"]:
            crew = Crew.objects.get(pk=listed["id"], slug=listed["slug"])
            assert crew.organization_id == organization["id"]
            tools = [task.steps[0]["tool"] for task in crew.tasks.all()]
            if listed["slug"] == "support":  # a program reports its agents
                assert tools == listed["agents"] == listed["tasks"] == []
                continue
            if listed["slug"] == "checks":  # three checks at once
                first, *checks, _ = map(str, crew.tasks.values_list("pk", flat=True))
                after = list(crew.tasks.values_list("after", flat=True))
                assert (crew.max_parallel, after) == (3, [[], *[[first]] * 3, checks])
                assert tools == ["git_clone", "pytest", *["script"] * 3]
                continue
            assert crew.max_parallel == 1
            assert tools == ["git_clone", "pytest", "script"]
            assert crew.tasks.first().steps[0]["params"]["url"] == organization["repository"]
        assert len(git(organization["repository"], "log", "--format=%h").split()) >= 4


def test_it_also_prints_text_for_people(db):
    output = run("seed_demo")
    demo = seed()
    assert f"with password {demo['password']}" in output
    for part in ["acme-viewer", "superuser", "globex", demo["organizations"][1]["crews"][0]["id"]]:
        assert part in output


def test_a_second_time_changes_nothing(db):
    first = seed()
    rows, refs = everything(), git(first["organizations"][0]["repository"], "show-ref")
    assert seed() == first
    assert everything() == rows
    assert git(first["organizations"][0]["repository"], "show-ref") == refs


def test_a_second_time_hashes_no_password(db, monkeypatch):
    seed()
    monkeypatch.setattr(User, "check_password", lambda *_: pytest.fail("hashed again"))
    seed()


def test_a_password_that_was_changed_is_set_again(db):
    seed()
    viewer = User.objects.get(username="acme-viewer")
    viewer.set_password("another password")
    viewer.save()
    seed()
    assert User.objects.get(username="acme-viewer").check_password("crewops-demo")


def test_what_is_missing_comes_back(db):
    demo = seed()
    path = Path(demo["organizations"][0]["repository"])
    refs = git(path, "show-ref")
    Crew.objects.get(slug="demo").agents.first().delete()
    Membership.objects.filter(user__username="acme-viewer").delete()
    User.objects.get(username="globex-admin").delete()
    shutil.rmtree(path)
    again = seed()
    assert [user["username"] for user in again["users"]] == [u["username"] for u in demo["users"]]
    assert Crew.objects.get(slug="demo").tasks.count() == 3
    assert Membership.objects.filter(role="viewer", user__username="acme-viewer").exists()
    assert git(path, "show-ref") == refs


def test_a_broken_repository_is_made_anew_and_one_that_was_worked_on_is_kept(db):
    path = Path(seed()["organizations"][1]["repository"])
    (path / "turbines" / "mine.py").write_text("")
    git(path, "add", ".")
    identity = ["-c", "user.name=Me", "-c", "user.email=me@example.com"]
    git(path, *identity, "commit", "--quiet", "--message=Mine")
    seed()
    assert "Mine" in git(path, "log", "--format=%s")
    shutil.rmtree(path / ".git" / "objects")
    seed()
    log = git(path, "log", "--format=%s")
    assert "Read sensors at a steady pace" in log
    assert "Mine" not in log


def test_edits_are_kept_but_for_an_address_that_leads_nowhere(db):
    seed()
    suite = Crew.objects.filter(slug="flaky").first().tasks.get(name="Run the test suite")
    suite.continue_on_error = True
    suite.save()
    lost, edited = Task.objects.filter(name="Fetch the sources", crew__slug__in=("demo", "flaky"))
    lost.steps[0]["params"]["url"] = "/nowhere/parcels"
    lost.save()
    edited.steps[0]["params"]["depth"] = 1
    edited.save()
    path = seed()["organizations"][0]["repository"]
    for task in (lost, edited):
        task.refresh_from_db()
        assert task.steps[0]["params"]["url"] == path
    assert edited.steps[0]["params"]["depth"] == 1
    assert Task.objects.filter(continue_on_error=True).count() == 1


def test_another_password_is_the_one_that_works(db, settings, client):
    seed()
    settings.DEMO_PASSWORD = "another good one"
    assert seed()["password"] == "another good one"
    assert client.login(username="acme-viewer", password="another good one")
    assert not client.login(username="acme-viewer", password="crewops-demo")


def test_a_production_site_gets_no_demo_by_accident(db, settings):
    settings.DEBUG, settings.DEMO_PASSWORD = False, ""
    with pytest.raises(CommandError, match="DEBUG is off"):
        run("seed_demo")
    with pytest.raises(CommandError, match="set DEMO_PASSWORD"):
        run("seed_demo", force=True)
    assert not User.objects.exists()
    settings.DEMO_PASSWORD = "chosen by the operator"
    run("seed_demo", force=True)
    assert User.objects.filter(username="admin").exists()


def test_a_password_too_short_is_refused(db, settings):
    settings.DEMO_PASSWORD = "short"
    with pytest.raises(CommandError, match="DEMO_PASSWORD: This password is too short"):
        run("seed_demo")


def test_where_clones_of_local_repositories_are_refused_it_says_so(db, settings):
    settings.TOOLS_GIT_LOCAL_ROOT = ""
    with pytest.raises(CommandError, match="TOOLS_GIT_LOCAL_ROOT"):
        run("seed_demo")
    assert not Organization.objects.exists()


def test_without_git_it_says_what_to_do(db, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(CommandError, match="Install git"):
        run("seed_demo")


def test_a_history_does_not_depend_on_the_configuration_of_git(tmp_path, monkeypatch):
    repository.ensure(PARCELS, tmp_path / "plain")
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "pre-commit").write_text("#!/bin/sh\nexit 1\n")
    (hooks / "pre-commit").chmod(0o755)
    (tmp_path / "gitconfig").write_text(
        f"[core]\nhooksPath = {hooks}\n[commit]\ngpgSign = true\n[user]\nname = Me\n"
        "[init]\ndefaultBranch = trunk\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2001-01-01T00:00:00Z")
    repository.ensure(PARCELS, tmp_path / "configured")
    monkeypatch.undo()
    assert git(tmp_path / "configured", "show-ref") == git(tmp_path / "plain", "show-ref")
    assert "refs/heads/rewrite" in git(tmp_path / "plain", "show-ref")
