"""Model calls and totals over HTTP."""

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from runs.models import ModelCall, ReportedRun, Run

pytestmark = pytest.mark.django_db
TOTALS = {"model_calls": 2, "input_tokens": 812, "output_tokens": 94, "cost_usd": 0.5} | {
    "calls_without_usage": 1,
    "calls_without_cost": 1,
}


@pytest.fixture
def run(acme) -> Run:
    """A reported run with two ended calls and an open one."""
    key, _ = acme.issue_key("report")
    now = timezone.now()
    about = {"crew": acme.crew, "api_key": key, "source": "python", "started_at": now}
    run = ReportedRun.objects.open(key="n1", **about).run
    about = {"agent_id": "orion", "provider": "openai", "model": "gpt-5-mini"}
    first, second, _ = (
        ModelCall.objects.start(run=run, id=uuid.uuid4(), at=now + timedelta(seconds=n), **about)
        for n in range(3)
    )
    tokens = {"input_tokens": 812, "output_tokens": 94}
    first.end("success", tokens=tokens, cost_usd=Decimal("0.5"), cost_source="reported")
    second.end("error", message="refused")
    return run


def test_a_run_has_its_totals(acme, api, run):
    client = api(acme.viewer)
    assert client.get(f"/api/runs/{run.pk}/").json()["usage"] == TOTALS


def test_the_calls_of_a_run_are_a_list_in_pages(acme, api, run, django_assert_num_queries):
    client = api(acme.viewer)
    with django_assert_num_queries(3):  # the user, the run, its calls
        body = client.get(f"/api/runs/{run.pk}/model-calls/?page_size=2").json()
    assert [call["status"] for call in body["results"]] == ["running", "error"]
    (oldest,) = client.get(body["next"]).json()["results"]
    assert (oldest["input_tokens"], oldest["cached_tokens"]) == (812, None)
    assert (oldest["cost_usd"], oldest["cost_source"]) == (0.5, "reported")


def test_a_crew_has_the_totals_of_its_runs_in_one_query(acme, api, run):
    totals = api(acme.viewer).get(f"/api/crews/{acme.crew.pk}/usage/").json()
    assert totals == TOTALS | {"crew_id": str(acme.crew.pk)}


def test_nothing_is_known_of_a_crew_without_calls(acme, api):
    totals = api(acme.viewer).get(f"/api/crews/{acme.crew.pk}/usage/").json()
    assert totals["model_calls"] == 0
    assert totals["input_tokens"] is totals["output_tokens"] is totals["cost_usd"] is None


def test_another_organizations_run_and_crew_are_missing(globex, acme, api, run):
    client = api(globex.admin)
    for path in (f"runs/{run.pk}/model-calls/", f"crews/{acme.crew.pk}/usage/"):
        assert client.get(f"/api/{path}").status_code == 404
