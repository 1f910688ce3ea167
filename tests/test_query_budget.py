"""Every GET route, and every page of the admin, on a database of 20,000 runs.

None asks more queries than its budget, nor one that reads a table that grows: what a page costs
follows what it shows, not what there is.
"""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from crews.models import Agent, Task
from crews.tests.test_admin import ROWS as ADMIN_VIEWS
from runs.models import Worker
from tests.large_database import Grown, add_big_run, grow
from tests.plans import queries
from tests.query_budget import (
    ADMIN_BUDGET,
    BUDGET,
    OF_SUPERUSERS,
    admin_pages,
    client_for,
    complete,
    pages,
)
from tests.shared_records import shared_records
from tests.test_access import MATRIX

RUNS = 20_000
MOST = 15
MOST_DELETING = 22
LARGEST = 300_000  # bytes of an answer, before it is compressed
GET = [route for route, method in MATRIX if method == "GET"]


@pytest.fixture(scope="module")
def grown(django_db_setup, django_db_blocker) -> Iterator[Grown]:
    """Filled once for the module, in a transaction that is rolled back."""
    with shared_records(django_db_blocker):
        filled = grow(RUNS, crews=2, tasks=2, events=1)
        complete(filled)
        yield filled


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
        found.append(f"{path}: {len(asked)} queries, of at most {most}:\n{asked.as_text()}")
    return found


def test_every_get_route_has_a_budget_and_none_is_above_what_is_allowed():
    missing = sorted(set(GET) - set(BUDGET))
    assert not missing, (
        f"{missing}: add the most queries of each to BUDGET in tests/query_budget.py"
    )
    assert set(BUDGET) == set(GET)
    # A deletion page counts the rows of each table that go with the record, one query a table.
    deleting = {name for name in ADMIN_BUDGET if name.endswith("_delete")}
    others = [most for name, most in ADMIN_BUDGET.items() if name not in deleting]
    assert max([*BUDGET.values(), *others]) <= MOST
    assert max(ADMIN_BUDGET[name] for name in deleting) <= MOST_DELETING


@pytest.mark.django_db
def test_no_route_asks_more_than_its_budget_nor_reads_what_grows(grown):
    found = []
    for name, path in pages(grown).items():
        Worker.objects.beat("w")  # else the site is not ready
        found += faults(client_for(path, grown), path, BUDGET.get(name, MOST))
    assert not found, "\n".join(found)


@pytest.mark.django_db
@pytest.mark.parametrize("is_superuser", [True, False], ids=["superuser", "admin"])
def test_no_page_of_the_admin_asks_more_than_its_budget_nor_reads_what_grows(grown, is_superuser):
    grown.admin.is_superuser = is_superuser
    grown.admin.save()
    client = client_for("", grown)
    found = []
    for name, path in admin_pages(grown).items():
        found += faults(client, path, ADMIN_BUDGET[name.partition("?")[0]])
    assert not found, "\n".join(found)


@pytest.mark.django_db
def test_the_admin_page_of_a_big_run_shows_a_page_of_its_tasks(grown):
    run = add_big_run(grown, agents=3, tasks=100, tools=20)
    client = client_for("", grown)
    path = reverse("admin:runs_run_change", args=[run.pk])
    assert faults(client, path, ADMIN_BUDGET["runs_run_change"]) == []
    shown = client.get(path).content.decode()
    tool, task = run.task_executions.earliest("order").tool_executions.all()[:6], "task_execution="
    links = [reverse("admin:runs_toolexecution_change", args=[call.pk]) for call in tool]
    assert [link in shown for link in links] == [True] * 5 + [False]
    assert shown.count(task) == 20
    assert "?task_executions-page=2" in shown
    of_task = f"{reverse('admin:runs_toolexecution_changelist')}?{task}{tool[0].task_execution_id}"
    assert of_task in shown
    assert client.get(of_task).context["cl"].result_count == 20


@pytest.mark.django_db
def test_a_page_of_one_record_asks_no_more_for_more_rows(grown):
    client = client_for("", grown)
    for number in range(10):
        member = User.objects.create_user(f"member-{number}")
        grown.organization.memberships.create(user=member, role="viewer")
        Task.objects.create(
            crew_id=grown.crew, agent=Agent.objects.filter(crew=grown.crew)[0], name=f"T {number}"
        )
    pages = admin_pages(grown)
    for name in ("crews_crew_change", "crews_organization_change"):
        client.get(pages[name])  # what a process asks once
        with queries() as asked:
            client.get(pages[name])
        assert len(asked) <= ADMIN_BUDGET[name], asked.as_text()


def test_every_list_of_the_admin_has_a_budget():
    lists = {view for view in ADMIN_VIEWS if view.endswith("_changelist")}
    assert lists - OF_SUPERUSERS == {n for n in ADMIN_BUDGET if n.endswith("_changelist")}
