"""The audit trail records changes of runs, whichever way they are made, but no event of a run."""

import subprocess
import sys

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crews.models import AuditEntry
from runs.execution import reaper
from runs.models import Run
from runs.tests.scene import client_of, work
from tests.admin import url
from tests.live import PROJECT, environment


def run_entries() -> list[tuple[str, str, str]]:
    entries = AuditEntry.objects.filter(kind__startswith="run.").order_by("pk")
    return list(entries.values_list("kind", "actor_name", "way"))


def test_pages_record_who_started_cancelled_and_shared(acme):
    crew, operator = acme.crew, client_of(acme.operator)
    operator.post(f"/crews/{crew.pk}/runs/", {"idempotency_key": "a"})
    operator.post(f"/crews/{crew.pk}/runs/", {"idempotency_key": "a"})
    run = Run.objects.get()
    operator.post(f"/runs/{run.pk}/cancel/")
    operator.post(f"/runs/{run.pk}/cancel/")
    for public in ("on", "on", ""):
        client_of(acme.admin).post(f"/runs/{run.pk}/share/", {"public": public})
    assert run_entries() == [
        ("run.started", "acme-operator", "page"),
        ("run.cancelled", "acme-operator", "page"),
        ("run.shared", "acme-admin", "page"),
        ("run.unshared", "acme-admin", "page"),
    ]
    entry = AuditEntry.objects.filter(object_id=run.pk).first()
    assert (entry.object_type, entry.object_name) == ("runs.run", str(run))
    assert (entry.organization_id, entry.organization_name) == (acme.organization.pk, "Acme")


def test_the_api_records_the_user_of_the_token(acme, api):
    response = api(acme.operator).post(f"/api/crews/{acme.crew.pk}/runs/")
    api(acme.admin).post(f"/api/runs/{response.json()['id']}/cancel/")
    assert run_entries() == [
        ("run.started", "acme-operator", "api"),
        ("run.cancelled", "acme-admin", "api"),
    ]


def test_a_token_counts_more_than_the_session_beside_it(acme, api):
    client = api(acme.operator)
    client.force_login(acme.admin)
    client.post(f"/api/crews/{acme.crew.pk}/runs/")
    assert run_entries() == [("run.started", "acme-operator", "api")]


def test_the_admin_records_who_pressed_the_button(acme, superuser):
    client = client_of(superuser)
    client.post(url("crews_crew_start_run", acme.crew.pk), {"_form_submitted": "on"})
    run = Run.objects.get()
    client.post(url("runs_run_cancel", run.pk), {"_form_submitted": "on"})
    client.post(url("runs_run_delete", run.pk), {"post": "yes"})
    assert run_entries() == [
        ("run.started", "root", "admin"),
        ("run.cancelled", "root", "admin"),
        ("run.deleted", "root", "admin"),
    ]


@pytest.mark.django_db(transaction=True)
def test_commands_record_the_account_of_the_machine_and_the_command(acme):
    command = [sys.executable, "manage.py", "run_crew", str(acme.crew.pk)]
    subprocess.run(command, cwd=PROJECT, env=environment(), check=True, capture_output=True)
    ((kind, name, way),) = run_entries()
    assert (kind, way) == ("run.started", "command")
    assert name.endswith(": manage.py run_crew")
    assert str(acme.crew.pk) not in name


@pytest.mark.django_db(transaction=True)
def test_a_shell_is_no_way_around(acme):
    code = f"from runs.models import Run; Run.objects.get(pk='{acme.start_run().pk}').share(True)"
    command = [sys.executable, "manage.py", "shell", "--command", code]
    subprocess.run(command, cwd=PROJECT, env=environment(), check=True, capture_output=True)
    kind, name, way = run_entries()[-1]
    assert (kind, way, name.rpartition(": ")[2]) == ("run.shared", "command", "manage.py shell")


def test_plain_saves_are_recorded_as_changes_by_the_system(acme, worker_alive):
    run = acme.start_run()
    run.is_public = True
    run.save()
    run.status, run.lease_until, run.ended_at = "cancelled", None, run.started_at
    run.save()
    assert [(kind, way) for kind, _, way in run_entries()] == [
        ("run.started", "system"), ("run.shared", "system"), ("run.cancelled", "system"),
    ]  # fmt: skip
    assert {entry.actor_id for entry in AuditEntry.objects.all()} == {None}


@pytest.mark.parametrize("person", ["viewer", "outsider", "anonymous"])
def test_a_refused_request_is_not_recorded(acme, people, person):
    run = acme.start_run()
    before = run_entries()
    client = client_of(people[person])
    for path in (
        f"/crews/{acme.crew.pk}/runs/", f"/runs/{run.pk}/cancel/", f"/runs/{run.pk}/share/",
        f"/api/crews/{acme.crew.pk}/runs/", f"/api/runs/{run.pk}/cancel/",
    ):  # fmt: skip
        assert client.post(path, {"public": "on", "idempotency_key": "a"}).status_code >= 302
    assert run_entries() == before


def test_a_repeated_run_is_recorded_with_its_parent(acme, worker_alive):
    first = acme.start_run()
    first.finish("failed")
    again = first.run_again(user=acme.operator)
    entry = AuditEntry.objects.filter(object_id=again.pk).get()
    assert entry.kind == "run.retried"
    assert entry.changes == {"parent": [None, str(first)]}


def test_cancelling_a_running_run_is_recorded_once(acme, worker_alive):
    run = acme.start_run()
    run.cancel()
    run.finish("cancelled", reason="cancelled")
    assert [kind for kind, _, _ in run_entries()] == ["run.started", "run.cancelled"]


def test_reports_of_tools_and_the_run_of_work_cost_the_trail_nothing(acme, worker_alive):
    run = acme.start_run()
    with CaptureQueriesContext(connection) as queries:
        tool = work(run, output="hello")
        tool.report(message="half", progress=0.5)
        tool.end("success", exit_code=0)
        tool.task_execution.finish("succeeded")
        run.finish("succeeded")
        reaper.sweep()
    assert len(queries) > 10
    assert not [query for query in queries if AuditEntry._meta.db_table in query["sql"]]
    with CaptureQueriesContext(connection) as queries:
        run.share(True)
    assert [query for query in queries if AuditEntry._meta.db_table in query["sql"]]
