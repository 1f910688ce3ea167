"""How many queries each GET may ask, the user's session included. What is missing here fails."""

import re
from typing import Any

from django.db.models import QuerySet
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from crews.models import ApiKey, ApprovalRule, AuditEntry, Secret
from runs.models import ModelCall, Worker
from runs.notifications.models import Delivery, Target
from runs.schedules.models import Schedule
from tests.large_database import Grown

# fmt: off
BUDGET = {
    "api/crews/": 4,
    "api/crews/<id:pk>/": 4,
    "api/crews/<id:pk>/events/": 4,
    "api/crews/<id:pk>/budget/": 2,
    "api/crews/<id:pk>/usage/": 3,
    "api/crews/<id:pk>/schedule/": 4,
    "api/organizations/<slug:slug>/audit/": 4,
    "api/organizations/<slug:slug>/api-keys/": 4,
    "api/organizations/<slug:slug>/api-keys/<id:pk>/": 4,
    "api/organizations/<slug:slug>/approval-rules/": 4,
    "api/organizations/<slug:slug>/approval-rules/<id:pk>/": 4,
    "api/organizations/<slug:slug>/secrets/": 4,
    "api/organizations/<slug:slug>/secrets/<slug:name>/": 4,
    "api/organizations/<slug:slug>/notifications/": 4,
    "api/organizations/<slug:slug>/notifications/<id:pk>/": 4,
    "api/organizations/<slug:slug>/notifications/<id:pk>/deliveries/": 6,
    "api/approvals/": 2,
    "api/approvals/<id:pk>/": 2,
    "api/runs/": 2,
    "api/runs/<id:pk>/": 4,
    "api/runs/<id:pk>/budget/": 2,
    "api/runs/<id:pk>/controls/": 3,
    "api/runs/<id:pk>/events/": 4,
    "api/runs/<id:pk>/model-calls/": 3,
    "api/search/": 6,
    "api/tool-executions/<id:pk>/output/": 3,
    "api/schema/": 0,
    "api/docs/": 0,
    "api/": 0,
    "v1/metrics": 2,
    "v1/logs": 2,
    "v1/": 2,
    "sse/": 2,
    "agui/": 2,
    "favicon.ico": 2,
    "healthz": 2,
    "metrics": 2,
    "readyz": 5,
    "login/": 2,
    "crews/new/": 10,
    "crews/<id:pk>/edit/": 12,
    "crews/<id:pk>/file/": 10,
    "crews/<id:pk>/crew.yaml": 8,
    "crews/new/file/": 6,
    "account/": 7,
    "connect/": 8,
    "connect/<id:pk>/first-run/": 6,
    "notifications/": 10,
    "notifications/<id:pk>/": 12,
    "": 11,
    "monitoring/": 8,
    "monitoring/history/": 5,
    "crews/<id:pk>/": 15,
    "crews/<id:pk>/approval-rules/": 9,
    "crews/<id:pk>/schedule/": 8,
    "approvals/": 7,
    "approvals/pending/": 3,
    "approvals/<id:pk>/": 7,
    "search/": 9,
    "runs/": 6,
    "runs/progress/": 2,
    "runs/<id:pk>/": 13,
    "runs/<id:pk>/live/": 11,
    "runs/<id:pk>/recording/": 9,
    "runs/<id:pk>/moment/": 10,
    "runs/<id:pk>/compare/": 15,
    "runs/<id:pk>/tools/<id:execution_id>/output/": 6,
    "runs/<id:pk>/calls/<id:call_id>/input/": 6,
    "runs/<id:pk>/calls/<id:call_id>/output/": 6,
}
# A page of one record asks once for each inline, and once who may do what with it.
ADMIN_BUDGET = {
    "crews_organization_changelist": 6,
    "crews_organization_change": 8,
    "crews_organization_delete": 22,
    "crews_membership_changelist": 7,
    "crews_crew_changelist": 7,
    "crews_crew_change": 15,
    "crews_crew_delete": 18,
    "crews_secret_changelist": 7,
    "crews_approvalrule_changelist": 7,
    "crews_apikey_changelist": 7,
    "schedules_schedule_changelist": 7,
    "schedules_schedule_change": 13,
    "crews_auditentry_changelist": 8,
    "crews_auditentry_change": 8,
    "runs_run_changelist": 8,
    "runs_run_change": 13,
    "runs_modelcall_changelist": 8,
    "runs_toolexecution_changelist": 8,
    "runs_toolexecution_change": 8,
}
# fmt: on
OF_SUPERUSERS = {"auth_user_changelist", "axes_accessattempt_changelist"}  # nothing that grows
ADMIN_QUERIES = {
    "runs_run_changelist": ("?q=crew", "?q=ae032420", "?status__exact=failed", "?p=10"),
    "runs_toolexecution_changelist": ("?q=5c064840", "?tool=script", "?status__exact=error"),
    "crews_auditentry_changelist": ("?q=somebody", "?kind__exact=run.started", "?person=none"),
}
QUERIES = (
    *("api/approvals/?status=pending", "api/approvals/?crew={crew}", "approvals/?crew={crew}"),
    *("approvals/?status=denied", "approvals/?status=all"),
    *("api/runs/?status=failed", "api/runs/?crew={crew}", "runs/?status=failed"),
    *("api/search/?q=hello", "api/search/?q=hello&crew={crew}", "api/search/?status=failed"),
    *("api/search/?q=%22word+1%22", "api/search/?q=rare", "api/search/?q=hello&until=2020-01-01"),
    *("search/?q=hello", "search/?q=rare&crew={crew}"),
    *("api/search/?q=nowhere", "api/search/?q=hel&kind=run&since=2020-01-01"),
    *("runs/{run}/?at={now}", "runs/{run}/live/?at={now}"),
)
MATCHES_ANY = dict.fromkeys(("api/", "v1/", "sse/", "agui/"), "nowhere/")


def complete(grown: Grown) -> None:
    """Add what ``grow`` leaves out and a route of the budget needs."""
    Worker.objects.beat("w")
    secret = Secret(organization=grown.organization, name="deploy", host="github.com")
    secret.store("a value", by=grown.admin)
    rule = ApprovalRule(organization=grown.organization, crew_id=grown.crew, tool="script")
    rule.save()
    Schedule.objects.create(crew_id=grown.crew, expression="@daily")
    ApiKey.objects.issue(organization=grown.organization, name="a program", scopes=["watch"])
    call = ModelCall(run_id=grown.newest_run, agent_id="orion", started_at=timezone.now())
    QuerySet.bulk_create(QuerySet(ModelCall), [call])
    target = Target(organization=grown.organization, name="ops", service="webhook", kinds=[])
    target.keep("https://example.com/")
    target.save()
    Delivery.objects.queue("test:1", {"title": "A test"}, [target])


def pages(grown: Grown) -> dict[str, str]:
    """``{route: path}`` of the budget's routes and of lists with filters, of the newest records."""
    key = ApiKey.objects.get(organization=grown.organization).pk
    ids = {
        "crews": grown.crew, "runs": grown.newest_run, "tools": grown.newest_tool,
        "tool-executions": grown.newest_tool, "organizations": grown.organization.slug,
        "secrets": "deploy", "api-keys": key, "connect": key, "approvals": grown.newest_approval,
        "approval-rules": ApprovalRule.objects.get(organization=grown.organization).pk,
        "calls": ModelCall.objects.get(run=grown.newest_run).pk,
        "notifications": Target.objects.get(organization=grown.organization).pk,
    }  # fmt: skip
    found = {
        route: re.sub(r"([\w-]+)/<(?:id|slug):\w+>", lambda m: f"{m[1]}/{ids[m[1]]}", route)
        + MATCHES_ANY.get(route, "")
        for route in BUDGET
    }
    of = {
        "crew": grown.crew,
        "run": grown.newest_run,
        "now": f"{timezone.now():%Y-%m-%dT%H:%M:%SZ}",
    }
    found |= {query: query.format(**of) for query in QUERIES}
    return {name: f"/{path}" for name, path in found.items()}


def admin_pages(grown: Grown) -> dict[str, str]:
    """``{view: path}`` of the admin's lists, with filters and without, and of the newest
    records.
    """
    entry = AuditEntry.objects.unscoped().order_by("-id").values_list("pk", flat=True)[0]
    records: dict[str, Any] = {
        "crews_crew": grown.crew, "runs_run": grown.newest_run, "crews_auditentry": entry,
        "schedules_schedule": Schedule.objects.get(crew=grown.crew).pk,
        "runs_toolexecution": grown.newest_tool, "crews_organization": grown.organization.pk,
    }  # fmt: skip
    found = {}
    for view in ADMIN_BUDGET:
        model, _, kind = view.rpartition("_")
        of = [] if kind == "changelist" else [records[model]]
        path = reverse(f"admin:{view}", args=of)
        found[view] = path
        found |= {view + query: path + query for query in ADMIN_QUERIES.get(view, ())}
    return found


def client_for(path: str, grown: Grown) -> Client:
    """The admin of the organization, as a program for the API and as a browser for all else."""
    if path.startswith("/api/"):
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(grown.admin)}")
        return client
    client = Client()
    client.force_login(grown.admin)
    return client
