"""From an empty production site to its first run: the steps and the advice that a person gets."""

import fcntl
import re

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from conftest import PASSWORD
from crews.models import Crew, Organization
from realtime.management.commands import watch
from realtime.terminal import address
from runs.models import Run


@pytest.fixture
def production(settings):
    settings.DEBUG = False
    settings.ALLOWED_ORIGINS = ["https://crewops.example.com"]


def button(client: Client) -> str:
    """Where the page of a site without crews leads."""
    page = client.get("/").content.decode()
    assert "seed_demo" not in page
    return re.search(r'<a class="btn btn-primary" href="(/[^"]+)">', page)[1]


def form(client: Client, path: str) -> dict[str, str]:
    """What a browser would send back of the form at ``path``, unchanged."""
    page = client.get(path)
    assert page.status_code == 200
    admin_form = page.context["adminform"].form
    data = {
        name: admin_form.get_initial_for_field(f, name) for name, f in admin_form.fields.items()
    }
    for inline in page.context["inline_admin_formsets"]:
        management = inline.formset.management_form
        data |= {management.add_prefix(name): value for name, value in management.initial.items()}
    return {name: getattr(v, "pk", v) for name, v in data.items() if v is not None}


def test_a_person_gets_from_an_empty_site_to_a_run(db, production, client, superuser):
    client.login(username=superuser.username, password=PASSWORD)
    first = button(client)
    assert first == "/admin/crews/organization/add/"
    saved = client.post(first, form(client, first) | {"name": "Acme", "slug": "acme"})
    acme = Organization.objects.get(slug="acme")
    assert saved.headers["Location"] == f"/admin/crews/crew/add/?organization={acme.pk}"
    assert button(client) == "/crews/new/"

    crew_form = form(client, saved.headers["Location"])
    assert str(crew_form["organization"]) == str(acme.pk)
    named = {"name": "Release", "slug": "release"}
    agent = {
        "agents-TOTAL_FORMS": "1",
        "agents-0-name": "Orion",
        "agents-0-slug": "orion",
        "agents-0-order": "0",
    }
    saved = client.post("/admin/crews/crew/add/", crew_form | named | agent)
    crew = Crew.objects.get(slug="release")
    assert saved.headers["Location"] == f"/admin/crews/crew/{crew.pk}/change/"
    assert [agent.name for agent in crew.agents.all()] == ["Orion"]
    assert "Release" in client.get("/").content.decode()


def advice(*command: str) -> str:
    with pytest.raises(CommandError) as refused:
        call_command(*command)
    return str(refused.value)


def test_commands_advise_what_can_be_done(db, production, superuser):
    for command in (("run_crew", "demo"), ("watch", "graph", "demo", "--user=root")):
        text = advice(*command)
        assert "Sign in to https://crewops.example.com as root" in text
        assert "seed_demo" not in text
    superuser.delete()
    assert "Run manage.py createsuperuser, then sign in" in advice("run_crew", "demo")
    assert "seed_demo" not in advice("watch", "mission", "--user=nobody")
    assert not Run.objects.exists()


def test_in_development_the_demo_is_advised(db, settings):
    settings.DEBUG = True
    assert advice("run_crew", "demo").endswith("manage.py seed_demo")
    assert "seed_demo" in advice("watch", "mission", "--user=nobody")


@pytest.mark.parametrize(
    ("host", "said"),
    [("127.0.0.1", "localhost"), ("0.0.0.0", "localhost"), ("10.0.0.7", "10.0.0.7")],
)
def test_the_stack_that_runs_is_found(tmp_path, host, said):
    assert address.running(tmp_path) is None
    address.note(tmp_path, host, 8331)
    with (tmp_path / address.LOCK).open("a") as lock:
        assert address.running(tmp_path) is None, "it has ended"
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert address.running(tmp_path) == f"{said}:8331"


def test_watch_calls_the_stack_that_runs(db, settings, superuser, tmp_path, monkeypatch):
    called = []

    class Watching:
        def __init__(self, url: str, *_: object) -> None:
            called.append(url)
            raise KeyboardInterrupt

    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(watch, "Watching", Watching)
    address.note(tmp_path, "127.0.0.1", 8331)
    with (tmp_path / address.LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for more in ((), ("--url=ws://elsewhere:1/",)):
            with pytest.raises(KeyboardInterrupt):
                call_command("watch", "mission", "--user=root", *more)
    with pytest.raises(KeyboardInterrupt):
        call_command("watch", "mission", "--user=root")
    assert called == [
        "ws://localhost:8331",
        "ws://elsewhere:1",
        f"ws://localhost:{settings.PORT}",
    ]
