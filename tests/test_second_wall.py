"""Whoever forgets to ask whose rows they are gets an error where somebody is being answered, and no rows."""

import pytest
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connections, models
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from rest_framework.test import APIClient
from rest_framework.views import APIView
from rest_framework_simplejwt.tokens import AccessToken

from conftest import Tenant, make_tenant
from crews.models import AuditEntry, Crew, Organization
from crews.scoping import ScopedQuerySet, Unscoped, answering
from realtime.access import Grant, WatchedRun
from realtime.close_codes import CloseCode
from realtime.consumers import RunConsumer
from realtime.consumers.socket import Admission
from runs.models import Run, TaskExecution, ToolExecution

OWNED = [m for m in apps.get_models() if isinstance(m._default_manager.all(), ScopedQuerySet)]
READS = {
    "all": list,
    "one": lambda rows: rows.first(),
    "values": lambda rows: list(rows.values()),
    "count": lambda rows: rows.count(),
    "exists": lambda rows: rows.exists(),
    "iterator": lambda rows: list(rows.iterator()),
    "aggregate": lambda rows: rows.aggregate(n=models.Count("pk")),
    "many": lambda rows: rows.in_bulk(),
    "contains": lambda rows: rows.contains(rows.model(pk=rows.model._meta.pk.get_default() or 1)),
    "plan": lambda rows: rows.explain(),
    "SQL": lambda rows: list(rows.raw(f"SELECT * FROM {rows.model._meta.db_table}")),
    "joined": lambda rows: list(rows | rows.whoever_asks()),
    "deletion": lambda rows: rows.filter(pk=None).delete(),
}


@pytest.fixture
def two(acme: Tenant, globex: Tenant) -> tuple[Tenant, Tenant]:
    """Organizations with a row of every model."""
    for tenant in (acme, globex):
        tenant.keep_secret()
        run = tenant.start_run()
        task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
        tool = ToolExecution.objects.start(task_execution=task, tool="script", params={})
        tool.report(output="some output")
    return acme, globex


def leads_to_an_organization(model: type[models.Model]) -> bool:
    ways = [field.related_model for field in model._meta.concrete_fields if field.is_relation]
    return model is Organization or any(leads_to_an_organization(way) for way in ways)


def organization_of(record: models.Model) -> int:
    way = type(record)._default_manager.all().organization_path.replace("__", ".")
    for name in way.split("."):
        record = getattr(record, name)
    return getattr(record, "pk", record)


def test_every_model_with_a_way_to_an_organization_is_owned():
    led = {model for model in apps.get_models() if leads_to_an_organization(model)}
    assert {*OWNED} == led | {AuditEntry}  # whose entries outlive what they are about
    assert len(led) > 8


@pytest.mark.parametrize("model", OWNED)
def test_rows_that_were_not_reached_are_not_read(two, model):
    for name, read in READS.items():
        if name == "deletion" and model is AuditEntry:
            continue  # refused to everybody
        with answering(), pytest.raises(Unscoped, match=model.__name__):
            read(model._default_manager.all())
        read(model._default_manager.all())  # where nobody is answered


@pytest.mark.parametrize("model", OWNED)
@pytest.mark.parametrize("scope", ["visible_to", "operable_by", "managed_by"])
def test_rows_that_were_reached_are_the_users(two, superuser, model, scope):
    acme, globex = two
    rows = getattr(model._default_manager, scope)
    with answering():
        own = {organization_of(row) for row in rows(acme.admin)}
        everybodys = {organization_of(row) for row in rows(superuser)}
        assert not rows(User(is_active=False)).exists()
    assert own == {acme.organization.pk}
    assert everybodys >= {acme.organization.pk, globex.organization.pk}


def test_relations_of_a_record_are_reached_with_it(two):
    acme, _ = two
    with answering():
        crew = Crew.objects.visible_to(acme.viewer).get()
        assert crew.runs.get().task_executions.first().run.crew.organization == acme.organization
        assert (
            Crew.objects.visible_to(acme.viewer).prefetch_related("tasks__agent").get().tasks.all()
        )
        crew.refresh_from_db()
        crew.full_clean()
        with pytest.raises(Unscoped):
            Run.objects.filter(crew=crew).get()


def careless_page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(Crew.objects.get(slug="crew", organization__slug="globex").name)


class CarelessView(APIView):
    def get(self, request: HttpRequest) -> HttpResponse:
        return careless_page(request)


urlpatterns = [path("page/", careless_page), path("api/", CarelessView.as_view())]


@pytest.mark.parametrize("forgot", [True, False], ids=["forgot", "control: no wall"])
@pytest.mark.parametrize("address", ["/page/", "/api/"])
def test_a_view_that_forgets_shows_nothing(two, settings, address, forgot):
    settings.ROOT_URLCONF = __name__
    if not forgot:
        settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "acting" not in name]
    acme, globex = two
    client = APIClient() if address == "/api/" else Client()
    client.raise_request_exception = False
    client.force_login(acme.viewer)
    response = client.get(address)
    assert response.status_code == (500 if forgot else 200)
    assert (globex.crew.name in response.content.decode()) == (not forgot)


class Careless(RunConsumer):
    """Looks its run up by itself, and not in what its user may see."""

    def admit(self, grant: Grant, run: WatchedRun | None) -> Admission:
        Run.objects.get()
        return super().admit(grant, run)


@pytest.fixture
def stage(transactional_db, monkeypatch) -> tuple[Tenant, Run]:
    # The consumers of this process query on threads, whose connections would outlive the test.
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)
    tenant = make_tenant("acme")
    return tenant, tenant.start_run()


@pytest.mark.parametrize("consumer", [Careless, RunConsumer])
async def test_a_socket_that_reads_rows_itself_is_closed(stage, consumer):
    acme, run = stage
    token = str(AccessToken.for_user(acme.viewer))
    socket = WebsocketCommunicator(consumer.as_asgi(), "/ws", subprotocols=["token", token])
    socket.scope["url_route"] = {"args": (), "kwargs": {"run_id": str(run.pk)}}
    assert (await socket.connect(timeout=5))[0]
    answer = await socket.receive_output(timeout=5)
    if consumer is Careless:
        assert (answer["type"], answer["code"]) == ("websocket.close", CloseCode.SERVER_ERROR)
    else:
        assert '"hello"' in answer["text"]
    await socket.disconnect()
    await get_channel_layer().flush()
