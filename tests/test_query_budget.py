"""Every GET route, and every page of the admin, on a database of 20,000 runs.

None asks more queries than its budget, nor one that reads a table that grows: what a page costs follows
what it shows, not what there is.
"""

import re
from collections.abc import Iterator

import pytest
from django.db import transaction
from django.test import Client
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from crews.models import AuditEntry, Secret
from crews.tests.test_admin import ROWS as ADMIN_VIEWS
from runs.models import Worker
from tests.admin import url
from tests.grown import Grown, grow
from tests.plans import queries
from tests.query_budget import ADMIN_BUDGET, ADMIN_QUERIES, BUDGET, OF_SUPERUSERS
from tests.test_access import MATRIX, NOWHERE

RUNS = 20_000
MOST = 15
LARGEST = 200_000  # bytes of an answer, before it is compressed
GET = [route for route, method in MATRIX if method == "GET"]


@pytest.fixture(scope="module")
def grown(django_db_setup, django_db_blocker) -> Iterator[Grown]:
    """Filled once for the module, in a transaction that is rolled back."""
    with django_db_blocker.unblock(), transaction.atomic():
        Worker.objects.beat("w")
        filled = grow(RUNS, crews=2, tasks=2, events=1)
        Secret(organization=filled.organization, name="deploy", host="github.com").store(
            "a value", by=filled.admin
        )
        yield filled
        transaction.set_rollback(True)


def path_of(route: str, grown: Grown) -> str:
    ids = {
        "crews": grown.crew, "runs": grown.newest_run, "tools": grown.newest_tool,
        "tool-executions": grown.newest_tool, "organizations": "grown", "secrets": "deploy",
    }  # fmt: skip
    path = re.sub(r"([\w-]+)/<(?:id|slug):\w+>", lambda m: f"{m[1]}/{ids[m[1]]}", route)
    return f"/{path}{NOWHERE.get(route, '')}"


def client_for(route: str, grown: Grown) -> Client:
    if route.startswith("api/"):
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(grown.admin)}")
        return client
    client = Client()
    client.force_login(grown.admin)
    return client


def faults(client: Client, path: str, most: int) -> list[str]:
    client.get(path)  # what a process asks once
    with queries() as asked:
        response = client.get(path)
    assert response.status_code in (200, 302, 304, 401, 403, 404), (path, response.status_code)
    found = [f"{path}: {scan}" for scan in asked.scans()]
    size = len(response.content)

    if size > LARGEST:
        found.append(f"{path}: {size:,} bytes, of at most {LARGEST:,}")
    if len(asked) > most:
        found.append(f"{path}: {len(asked)} queries, of at most {most}")
    return found


def test_every_get_route_has_a_budget_and_none_is_above_what_is_allowed():
    assert set(BUDGET) == set(GET)
    assert max(BUDGET.values()) <= MOST


@pytest.mark.django_db
def test_no_route_asks_more_than_its_budget_nor_reads_what_grows(grown):
    found = []
    for route in GET:
        found += faults(client_for(route, grown), path_of(route, grown), BUDGET[route])
    for query in ("api/runs/?status=failed", f"api/runs/?crew={grown.crew}", "runs/?status=failed"):
        found += faults(client_for(query, grown), f"/{query}", MOST)
    assert found == []


@pytest.mark.django_db
@pytest.mark.parametrize("is_superuser", [True, False], ids=["superuser", "admin"])
def test_no_page_of_the_admin_asks_more_than_its_budget_nor_reads_what_grows(grown, is_superuser):
    grown.admin.is_superuser = is_superuser
    grown.admin.save()
    client = client_for("", grown)
    entry = AuditEntry.objects.order_by("-id").values_list("pk", flat=True)[0]
    records = {
        "crews_crew": grown.crew, "runs_run": grown.newest_run, "crews_auditentry": entry,
        "runs_toolexecution": grown.newest_tool, "crews_organization": grown.organization.pk,
    }  # fmt: skip
    found = []
    for name, most in ADMIN_BUDGET.items():
        of_one = not name.rpartition("_")[2].startswith("changelist")
        path = url(name, *([records[name.rpartition("_")[0]]] if of_one else []))
        found += faults(client, path, most)
        if not of_one:
            for query in ADMIN_QUERIES.get(name, ()):
                found += faults(client, path + query, most)
    assert found == []


def test_every_list_of_the_admin_has_a_budget():
    lists = {view for view in ADMIN_VIEWS if view.endswith("_changelist")}
    assert lists - OF_SUPERUSERS == {n for n in ADMIN_BUDGET if n.endswith("_changelist")}
