"""Code that reads rows without scoping them to an organization gets an error while the request of a
user is answered, and no rows. For a socket see `test_scope_check_of_sockets`.
"""

import uuid
from collections.abc import Iterator
from copy import deepcopy

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from django.utils import timezone
from rest_framework.test import APIClient
from rest_framework.views import APIView

from conftest import Tenant, make_tenant
from crews.models import AuditEntry, Crew, Organization
from crews.scoping import ScopedQuerySet, UnscopedQuery, enforcing_scope
from realtime.models import MetricSample
from runs.models import Approval, ModelCall, ReportedRun, Run, TaskExecution, ToolExecution
from runs.reporting.event_parsing import event_of
from runs.reporting.report_body import Item
from runs.reporting.report_request import apply_events
from runs.schedules.models import Schedule
from runs.search.tests.scene import end_tool, index
from tests.shared_records import shared_records

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
    "joined": lambda rows: list(rows | rows.unscoped()),
    "deletion": lambda rows: rows.filter(pk=None).delete(),
}


@pytest.fixture(scope="module")
def made(django_db_setup, django_db_blocker) -> Iterator[tuple[Tenant, Tenant]]:
    """The two organizations, in a transaction that is never committed."""
    with shared_records(django_db_blocker):
        yield filled("acme"), filled("globex")


@pytest.fixture
def two(made, db) -> tuple[Tenant, Tenant]:
    return deepcopy(made)


def filled(slug: str) -> Tenant:
    """An organization with a row of every model."""
    tenant = make_tenant(slug)
    tenant.keep_secret()
    key, _ = tenant.issue_key("report")
    about = {"agent_id": "orion", "call_id": "c", "provider": "p", "model": "m"}
    events = [
        {"type": "boot", "crew": tenant.crew.slug},
        {"type": "agent_start", "agent_id": "orion"},
        {"type": "llm_start", **about},
        {"type": "handoff", "from_agent_id": "orion", "to_agent_id": "vega"},
    ]
    items = [
        Item(number, None, event_of(event | {"run": "r", "id": f"{number}"}), None)
        for number, event in enumerate(events)
    ]
    assert apply_events(key, items, timezone.now()).accepted == len(events)
    reported = ReportedRun.objects.get(organization=tenant.organization)
    trace = reported.traces.create(organization=tenant.organization, trace_id="a" * 32)
    trace.spans.create(span_id="b" * 16, received_at=timezone.now(), node={})
    tenant.notify().tries.create(number=1, duration_s=0.1)
    run = tenant.start_run()
    task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    tool = ToolExecution.objects.start(task_execution=task, tool="script", params={})
    tool.report(output="some output")
    call = {"agent_id": "orion", "at": timezone.now()}
    ModelCall.objects.start(run=run, id=uuid.uuid4(), **call).keep("input", "some text")
    tenant.crew.approval_rules.create(organization=tenant.organization)
    schedule = Schedule.objects.create(crew=tenant.crew, expression="@daily")
    schedule.fires.create(due_at=timezone.now(), outcome="skipped")
    asked = {"agent_id": "orion", "tool": "script", "params": {}, "expires_after_s": 3600}
    Approval.objects.request(id=uuid.uuid4(), run=run, **asked)
    run.cancel()
    about = {"period": "run", "measure": "usd", "level": "warning", "limit": 5, "used": 4}
    run.budget_alerts.create(since=run.created_at, **about)
    about = {"at": timezone.now(), "seconds": 10, "figures": {}}
    MetricSample.objects.create(organization=tenant.organization, **about)
    end_tool(tenant, "some output")
    index()
    return tenant


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
def test_the_two_organizations_have_a_row_of_every_model(two, model):
    owners = {organization_of(row) for row in model._default_manager.all()}
    missing = {tenant.organization.pk for tenant in two} - owners
    assert not missing, f"{model.__name__}: make a row in filled() of tests/test_scope_check.py"


@pytest.mark.parametrize("model", OWNED)
def test_rows_that_were_not_reached_are_not_read(two, model):
    for name, read in READS.items():
        if name == "deletion" and model is AuditEntry:
            continue  # refused to everybody
        with enforcing_scope(), pytest.raises(UnscopedQuery, match=model.__name__):
            read(model._default_manager.all())
        read(model._default_manager.all())  # where nobody is answered


@pytest.mark.parametrize("model", OWNED)
@pytest.mark.parametrize("scope", ["visible_to", "operable_by", "managed_by"])
def test_rows_that_were_reached_are_the_users(two, superuser, model, scope):
    acme, globex = two
    rows = getattr(model._default_manager, scope)
    with enforcing_scope():
        own = {organization_of(row) for row in rows(acme.admin)}
        everybodys = {organization_of(row) for row in rows(superuser)}
        assert not rows(User(is_active=False)).exists()
    assert own == {acme.organization.pk}
    assert everybodys >= {acme.organization.pk, globex.organization.pk}


def test_relations_of_a_record_are_reached_with_it(two):
    acme, _ = two
    with enforcing_scope():
        crew = Crew.objects.visible_to(acme.viewer).get()
        assert (
            crew.runs.filter(origin="worker").first().task_executions.first().run.crew.organization
            == acme.organization
        )
        assert (
            Crew.objects.visible_to(acme.viewer).prefetch_related("tasks__agent").get().tasks.all()
        )
        crew.refresh_from_db()
        crew.full_clean()
        with pytest.raises(UnscopedQuery):
            Run.objects.filter(crew=crew).get()


def careless_page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(Crew.objects.get(slug="crew", organization__slug="globex").name)


class CarelessView(APIView):
    def get(self, request: HttpRequest) -> HttpResponse:
        return careless_page(request)


urlpatterns = [path("page/", careless_page), path("api/", CarelessView.as_view())]


@pytest.mark.parametrize("forgot", [True, False], ids=["forgot", "control: no check"])
@pytest.mark.parametrize("address", ["/page/", "/api/"])
def test_a_view_that_forgets_shows_nothing(two, settings, address, forgot):
    settings.ROOT_URLCONF = __name__
    if not forgot:
        settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "audit_actor" not in name]
    acme, globex = two
    client = APIClient() if address == "/api/" else Client()
    client.raise_request_exception = False
    client.force_login(acme.viewer)
    response = client.get(address)
    assert response.status_code == (500 if forgot else 200)
    assert (globex.crew.name in response.content.decode()) == (not forgot)
