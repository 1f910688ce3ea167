"""The demo program: a real process reports a crew, started from the pages or with a command."""

import fcntl
import io
import stat

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from crewops import demo_reporter
from crews.models import ApiKey, Crew, Membership, Organization
from runs.models import Run, ToolExecution
from tests.live import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def support(acme, settings) -> Crew:
    """The demo's crew, in the organization that the suite's people belong to."""
    settings.DEBUG = True
    return Crew.objects.create(organization=acme.organization, slug="support", name="Support desk")


@pytest.fixture
def held():
    """The lock that a running program holds."""
    directory = demo_reporter.directory()
    with (directory / "reporter.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def client_of(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_the_command_reports_a_whole_run_to_the_server(support, web):
    call_command("demo_reporter", url=web.origin, pace="0")
    run = Run.objects.get(crew=support)
    assert (run.status, run.origin) == ("succeeded", "reported")
    assert {agent["name"] for agent in run.plan["agents"]} == {"Iris", "Milo", "Juno"}
    assert {a.slug: a.role for a in support.agents.all()} == {
        "iris": "Triage", "milo": "Researcher", "juno": "Writer",
    }  # fmt: skip
    failed = ToolExecution.objects.get(task_execution__run=run, status="error")
    assert (failed.tool, failed.exit_code) == ("sql", 1)
    assert failed.task_execution.status == "succeeded"  # the second query has worked
    assert ToolExecution.objects.filter(task_execution__run=run, output_length=0).count() == 0
    # The key is kept for the next run, readable by this user only, and issued again when revoked.
    file = demo_reporter.directory() / "reporter_key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    call_command("demo_reporter", url=web.origin, pace="0")
    key = ApiKey.objects.get(name="Demo program")
    assert key.scopes == ["report"]
    key.revoke()
    call_command("demo_reporter", url=web.origin, pace="0")
    assert ApiKey.objects.filter(name="Demo program").count() == 2
    assert Run.objects.filter(crew=support, status="succeeded").count() == 3


def test_cancelling_its_run_ends_it(support, web):
    program = demo_reporter.start(support, "--pace", "0.5", url=web.origin)
    eventually(lambda: ToolExecution.objects.filter(task_execution__run__crew=support).exists(), 30)
    run = Run.objects.get(crew=support)
    run.cancel()
    assert program.wait(60) == 0
    run.refresh_from_db()
    assert run.status == "cancelled"
    assert not run.agent_executions.filter(status="running").exists()


def test_an_operator_starts_it_from_the_pages_and_is_led_to_the_crew(
    support, acme, web, monkeypatch
):
    start = demo_reporter.start
    monkeypatch.setattr(
        demo_reporter, "start", lambda crew: start(crew, "--pace", "0", url=web.origin)
    )
    for path in ("/", support.get_absolute_url(), "/connect/"):
        assert 'action="/demo/start/"' in client_of(acme.operator).get(path).content.decode()
    answer = client_of(acme.operator).post("/demo/start/")
    assert answer.headers["Location"] == support.get_absolute_url()
    eventually(lambda: Run.objects.filter(crew=support, status="succeeded").exists(), 30)


def test_who_only_watches_may_not_start_it_and_sees_no_button(support, acme, held):
    for path in ("/", support.get_absolute_url(), "/connect/"):
        assert "demo/start" not in client_of(acme.viewer).get(path).content.decode()
    assert client_of(acme.viewer).post("/demo/start/").status_code == 403


def test_others_and_sites_without_the_demo_have_none(support, acme, globex, settings, held):
    assert client_of(globex.admin).post("/demo/start/").status_code == 404
    settings.DEBUG = False
    for path in ("/", support.get_absolute_url(), "/connect/"):
        assert "demo/start" not in client_of(acme.admin).get(path).content.decode()
    assert client_of(acme.admin).post("/demo/start/").status_code == 404


def test_one_at_a_time(support, acme, held):
    page = client_of(acme.operator).post("/demo/start/", follow=True).content.decode()
    assert "The demo program is running already." in page
    with pytest.raises(CommandError, match="running already"):
        call_command("demo_reporter")


def test_without_the_demo_the_command_says_how_to_create_it(db):
    assert not Membership.objects.exists()
    assert not Organization.objects.exists()
    with pytest.raises(CommandError, match="seed_demo"):
        call_command("demo_reporter", stderr=io.StringIO())
