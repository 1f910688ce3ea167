"""``GET /api/search/``"""

from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from django.db.models import QuerySet

from conftest import Tenant
from runs.models import ToolExecution
from runs.search import results
from runs.search.tests.scene import end_tool, index
from runs.tests.scene import fail

pytestmark = pytest.mark.django_db


def test_a_hit_says_what_it_is_and_where(acme: Tenant, api):
    run = acme.start_run()
    tool = fail(run)
    index()
    answer = api(acme.viewer).get("/api/search/", {"q": "traceback", "kind": "tool"})
    assert answer.status_code == 200
    (hit,) = answer.json()["results"]
    place = hit.pop("page")
    assert hit.pop("ended_at").startswith("20")
    snippet = hit.pop("snippet")
    assert {"text": "Traceback", "is_match": True} in snippet
    assert hit == {
        "kind": "tool", "id": str(tool.pk), "run_id": str(run.pk), "crew_id": str(acme.crew.pk),
        "crew": acme.crew.name, "run_status": "failed", "status": "failed", "name": "script",
        "task": "Orion works", "agent_id": "orion",
    }  # fmt: skip
    assert place.endswith(f"/runs/{run.pk}/?at={tool.pk}#tool-{tool.pk}")
    assert answer.json()["next"] is None


def test_pages_follow_each_other(acme: Tenant, api, monkeypatch):
    monkeypatch.setattr(results, "PAGE_SIZE", 2)
    run = acme.start_run()
    tools = [end_tool(acme, "hello", run=run) for _ in range(5)]
    index()
    client, path, ids = api(acme.viewer), "/api/search/?q=hello", []
    while path:
        answer = client.get(path).json()
        ids += [hit["id"] for hit in answer["results"]]
        path = answer["next"] and "{0.path}?{0.query}".format(urlsplit(answer["next"]))
    assert ids == [str(tool.pk) for tool in reversed(tools)]


@pytest.mark.parametrize(
    ("query", "name", "part"),
    [
        ({"q": "x" * 201}, "q", "at most 200 characters"),
        ({"q": "??"}, "q", "at least one letter or digit"),
        ({"q": "a\x00"}, "q", "Null characters"),
        ({"crew": "00000000-0000-4000-8000-000000000000"}, "crew", "no crew with this id"),
        ({"crew": "x"}, "crew", "is not a valid UUID"),
        ({"kind": "x"}, "kind", "x is no kind. Choose one of: run, tool, model_call."),
        ({"status": "x"}, "status", "x is no status. Choose one of: succeeded, failed, cancelled."),
        ({"since": "yesterday"}, "since", "Give a day such as"),
        ({"since": "9999-12-31T23:59:59-23:00"}, "since", "Give a day such as"),
        ({"until": "9999-12-31"}, "until", "Give a day such as"),
        ({"until": "0001-01-01T00:00:00+23:00"}, "until", "Give a day such as"),
        ({"cursor": "x"}, "cursor", "Take the cursor from the next of a page."),
        ({"cursor": str(2**63)}, "cursor", "Take the cursor from the next of a page."),
        ({"cursor": "-1"}, "cursor", "Take the cursor from the next of a page."),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(acme: Tenant, api, query, name, part):
    answer = api(acme.viewer).get("/api/search/", query)
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["attr"] == name
    assert part in error["detail"]


def test_a_crew_of_another_organization_is_refused_like_one_that_does_not_exist(
    acme: Tenant, globex: Tenant, api
):
    theirs, none = (
        api(acme.viewer).get("/api/search/", {"crew": pk}).json()
        for pk in (globex.crew.pk, "00000000-0000-4000-8000-000000000000")
    )
    assert theirs == none


@pytest.mark.parametrize(
    ("since", "until", "is_found"),
    [
        ("2026-03-01", "2026-03-01", True),
        ("2026-03-01T12:00:00Z", "", True),
        ("2026-03-01T12:00:00.001Z", "", False),
        ("", "2026-03-01T12:00:00Z", False),
        ("2026-03-02", "", False),
        ("", "2026-02-28", False),
        ("1900-01-01", "9000-01-01", True),
    ],
)
def test_days_and_times_limit_what_is_found(acme: Tenant, api, since, until, is_found):
    tool = end_tool(acme, "hello")
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    QuerySet.update(ToolExecution.objects.filter(pk=tool.pk), ended_at=noon, started_at=noon)
    index()
    answer = api(acme.viewer).get("/api/search/", {"since": since, "until": until}).json()
    assert bool(answer["results"]) == is_found
