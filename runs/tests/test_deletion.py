"""What people delete: out of every list at once, its rows removed in the background."""

import threading
from contextlib import nullcontext

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from conftest import Tenant
from crews import deletion
from crews.models import Agent, AuditEntry, Crew, Membership, Organization, Secret
from crews.tracking import InvalidState
from realtime.delivery import access_check, grants
from realtime.log import pruning, streams
from realtime.models import Event, Stream
from runs.execution import removal, retention
from runs.models import OutputChunk, Run, TaskExecution, ToolExecution
from runs.tests.scene import work
from tests.admin import url

ASKED = {"post": "yes"}


@pytest.fixture
def root(db) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def ended(tenant: Tenant) -> Run:
    run = tenant.start_run()
    work(run, output="hello")
    run.finish("succeeded")
    return run


def audited(kind: str) -> list[tuple[str, str]]:
    entries = AuditEntry.objects.filter(kind=kind).order_by("id")
    return list(entries.values_list("object_name", "actor_name"))


def test_a_deleted_run_leaves_every_list_at_once_and_its_rows_later(acme, root, client):
    kept, run = ended(acme), ended(acme)
    run.share(True)
    assert Client().get(run.get_absolute_url()).status_code == 200
    client.force_login(acme.admin)
    answer = root.post(url("runs_run_delete", run.pk), ASKED, follow=True)
    assert "removed in the background" in answer.content.decode()
    assert Run.objects.filter(pk=run.pk).exists()
    for path in ("/runs/", "/api/runs/", f"/crews/{acme.crew.pk}/", url("runs_run_changelist")):
        for asks in (root, client):
            page = asks.get(path).content.decode()
            assert str(run.pk) not in page, path
    for path in (f"/api/runs/{run.pk}/", run.get_absolute_url(), f"/api/runs/{run.pk}/events/"):
        assert [asks.get(path).status_code for asks in (root, client)] == [404, 404]
    assert Client().get(run.get_absolute_url()).status_code == 302  # to sign in
    assert access_check._watched_runs({run.pk, kept.pk}).keys() == {kept.pk}
    removal.remove_deleted(removal.no_throttle)
    assert set(Run.objects.all()) == {kept}
    assert ToolExecution.objects.count() == TaskExecution.objects.count() == 1
    assert not Stream.objects.filter(name=streams.run(run.pk)).exists()
    assert audited("run.deleted") == [(str(run), "root")]


def test_selected_runs_are_deleted_and_those_under_way_are_not(acme, root):
    runs = [ended(acme) for _ in range(3)]
    form = {"action": "delete_selected", "_selected_action": [r.pk for r in runs], **ASKED}
    root.post(url("runs_run_changelist"), form)
    assert not Run.objects.not_deleted().exists()
    assert sorted(audited("run.deleted")) == sorted((str(run), "root") for run in runs)
    under_way = acme.start_run()
    assert removal.delete([under_way.pk, runs[0].pk]) == 0


def test_a_retry_keeps_no_link_to_a_deleted_run_and_the_key_is_free_again(acme):
    run = Run.objects.request(crew=acme.crew, user=acme.operator, idempotency_key="one")
    run.cancel()
    retry = run.run_again(user=acme.operator)
    removal.delete([run.pk])
    retry.refresh_from_db()
    assert retry.parent is None
    assert Run.objects.request(crew=acme.crew, user=acme.operator, idempotency_key="one") != run


def test_a_deleted_crew_leaves_every_list_at_once_and_its_rows_later(acme, globex, root, client):
    run, other = ended(acme), ended(globex)
    crew, slug = acme.crew, acme.crew.slug
    client.force_login(acme.admin)
    assert root.post(url("crews_crew_delete", crew.pk), ASKED).status_code == 302
    for asks in (root, client):
        for path in ("/", "/api/crews/", "/api/runs/", "/runs/", url("crews_crew_changelist")):
            page = asks.get(path).content.decode()
            assert str(crew.pk) not in page, path
            assert str(run.pk) not in page, path
        assert asks.get(crew.get_absolute_url()).status_code == 404
        assert asks.get(run.get_absolute_url()).status_code == 404
        lists = (url("runs_run_changelist"), url("runs_toolexecution_changelist"))
        assert [str(run.pk) in asks.get(path).content.decode() for path in lists] == [False] * 2
    assert crew.pk not in grants.grants([acme.admin.pk])[acme.admin.pk].crews
    assert access_check._watched_runs({run.pk}) == {}
    again = Crew.objects.create(organization=acme.organization, name="Again", slug=slug)
    removal.remove_deleted(removal.no_throttle)
    assert set(Crew.objects.all()) == {again, globex.crew}
    assert set(Run.objects.all()) == {other}
    assert set(OutputChunk.objects.values_list("execution__task_execution__run", flat=True)) == {
        other.pk
    }
    assert set(Agent.objects.values_list("crew", flat=True)) == {globex.crew.pk}
    gone = (streams.run(run.pk), streams.graph(crew.pk), streams.mission(crew.pk))
    assert not Stream.objects.filter(name__in=gone).exists()
    assert audited("crew.deleted") == [(crew.name, "root")]
    assert audited("run.deleted") == []  # they went with it


def test_a_deleted_organization_is_gone_at_once_with_its_members_and_secrets(acme, globex, root):
    ended(acme)
    acme.keep_secret()
    path = url("crews_organization_delete", acme.organization.pk)
    assert root.post(path, ASKED).status_code == 302
    assert not Membership.objects.filter(organization=acme.organization).exists()
    assert not Secret.objects.exists()
    page = root.get(url("crews_organization_changelist")).content.decode()
    assert globex.organization.name in page
    assert f">{acme.organization.name}<" not in page
    assert list(Crew.objects.not_deleted()) == [globex.crew]
    removal.remove_deleted(removal.no_throttle)
    assert list(Organization.objects.all()) == [globex.organization]
    assert audited("organization.deleted") == [("Acme", "root")]
    assert [who for _, who in audited("crew.deleted")] == ["root"]


def test_a_crew_made_while_its_organization_is_deleted_goes_with_it(acme):
    deletion.delete_organization(acme.organization)
    Crew.objects.create(organization=acme.organization, name="Late", slug="late")
    removal.remove_deleted(removal.no_throttle)
    removal.remove_deleted(removal.no_throttle)
    removal.remove_deleted(removal.no_throttle)
    assert not Organization.objects.exists()
    assert not Crew.objects.exists()


def test_nobody_can_take_the_slug_of_a_deletion_to_come(acme, globex):
    for record in (globex.organization, acme.crew):
        for taken in (f"deleted-{record.pk}", f"~{record.pk}"):
            with pytest.raises(ValidationError) if "~" in taken else nullcontext():
                type(record)._meta.get_field("slug").clean(taken, None)
    for owner, model in ((globex.organization, Organization), (acme.crew, Crew)):
        values = {"organization": acme.organization} if model is Crew else {}
        model.objects.create(name="Taken", slug=f"deleted-{owner.pk}", **values)
    deletion.delete_organization(globex.organization)
    deletion.delete_crew(acme.crew)
    assert Organization.objects.get(pk=globex.organization.pk).deleted_at
    assert Crew.objects.get(pk=acme.crew.pk).deleted_at


@pytest.mark.parametrize("model", ["crew", "organization"])
def test_a_crew_with_a_run_that_waits_is_not_deleted(acme, root, model):
    """No worker lives, so the crew says offline and not busy: the page offers to delete it."""
    run = Run.objects.request(crew=acme.crew, user=acme.operator)
    path = url(f"crews_{model}_delete", getattr(acme, model).pk)
    answer = root.post(path, ASKED, follow=True)
    assert "Cancel it, then delete." in answer.content.decode()
    assert Crew.objects.not_deleted().filter(pk=acme.crew.pk).exists()
    selected = {"action": "delete_selected", "_selected_action": getattr(acme, model).pk, **ASKED}
    root.post(url(f"crews_{model}_changelist"), selected)
    assert Crew.objects.not_deleted().filter(pk=acme.crew.pk).exists()
    for kind in ("crew.deleted", "organization.deleted", "member.removed"):
        assert audited(kind) == []
    run.cancel()
    assert root.post(path, ASKED).status_code == 302
    assert not Crew.objects.not_deleted().exists()


def test_no_run_is_asked_of_a_deleted_crew(acme):
    deletion.delete_crew(acme.crew)
    with pytest.raises(InvalidState):
        Run.objects.request(crew=acme.crew, user=acme.operator)


def test_deleting_a_crew_asks_as_much_with_many_runs_as_with_one(acme, globex, root):
    ended(acme)
    for _ in range(10):
        ended(globex)
    asked = []
    for tenant in (acme, globex):
        with CaptureQueriesContext(connection) as queries:
            root.post(url("crews_crew_delete", tenant.crew.pk), ASKED)
        asked.append(len(queries))
    assert asked[1] <= asked[0]


def test_the_events_of_a_deleted_crew_go_in_batches(acme, monkeypatch):
    run = ended(acme)
    graph = Event.objects.filter(stream_id=streams.graph(run.crew_id)).count()
    assert graph > 2
    monkeypatch.setattr(pruning, "BATCH", 1)
    pauses: list[float] = []
    pruning.empty(streams.graph(run.crew_id), throttle=pauses.append)
    assert len(pauses) == graph - 1
    pruning.empty("graph:of nobody", throttle=pauses.append)


def test_what_is_deleted_is_removed_soon_and_not_only_once_an_hour(monkeypatch):
    removed, done = [], threading.Event()

    def remove(throttle: removal.Throttle) -> None:
        removed.append(throttle)
        if len(removed) == 2:
            done.set()
            raise retention.Stopped

    monkeypatch.setattr(retention, "clean", lambda throttle: None)
    monkeypatch.setattr(retention.RetentionThread, "interval_s", 0.001)
    monkeypatch.setattr(removal, "remove_deleted", remove)
    thread = retention.RetentionThread()
    thread.start()
    assert done.wait(60)
    thread.stop()
    assert len(removed) == 2
