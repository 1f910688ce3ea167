"""POST and GET /api/runs/{id}/controls/."""

import pytest
from rest_framework.test import APIClient

from runs.models import Control, Run
from runs.models.control import CONTROL_TEXT_LIMIT, report_paused


@pytest.fixture
def run(acme) -> Run:
    return acme.start_run()


@pytest.fixture
def path(run) -> str:
    return f"/api/runs/{run.pk}/controls/"


def test_an_operator_pauses_a_run_and_sees_how_far_it_is(acme, api, run, path):
    client = api(acme.operator)
    response = client.post(path, {"action": "pause"}, format="json")
    body = response.json()
    assert (response.status_code, body["status"], body["by"]) == (202, "requested", "acme-operator")
    again = client.post(path, {"action": "pause"}, format="json")
    assert (again.status_code, again.json()) == (202, body)
    assert client.get(f"/api/runs/{run.pk}/").json()["pause_requested"]
    report_paused(run, True)
    (listed,) = api(acme.viewer).get(path).json()["results"]
    assert (listed["control_id"], listed["status"]) == (body["control_id"], "applied")
    assert client.get(f"/api/runs/{run.pk}/").json()["paused_at"] == listed["ended_at"]
    (row,) = client.get("/api/runs/").json()["results"]
    assert row["paused_at"] == listed["ended_at"]


def test_the_newest_control_is_listed_first(acme, api, path):
    client = api(acme.operator)
    for action in ("pause", "resume", "cancel"):
        client.post(path, {"action": action}, format="json")
    listed = client.get(path).json()["results"]
    assert [control["action"] for control in listed] == ["cancel", "resume", "pause"]


def test_a_key_that_may_operate_is_named(acme, run, path):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {acme.issue_key('operate')[1]}")
    response = client.post(path, {"action": "cancel"}, format="json")
    assert response.status_code == 202
    assert response.json()["by"].startswith("API key a program")


@pytest.mark.parametrize(
    ("person", "status"), [("viewer", 403), ("outsider", 404), ("anonymous", 401)]
)
def test_nobody_else_controls_a_run_not_even_a_shared_one(api, people, run, path, person, status):
    run.share(True)
    response = api(people[person]).post(path, {"action": "cancel"}, format="json")
    assert response.status_code == status
    run.refresh_from_db()
    assert not run.cancel_requested
    assert not Control.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"action": "explode"},
        {"action": ["pause"]},
        {"action": None},
        {"action": "pause", "text": "now"},
        {"action": "message"},
        {"action": "message", "text": "  "},
        {"action": "message", "text": "x" * (CONTROL_TEXT_LIMIT + 1)},
        {"action": "message", "text": "x" * 1_000_000},
        {"action": "message", "text": "nul \0"},
        {"action": "message", "text": {"a": 1}},
        ["pause"],
        "pause",
    ],
    ids=str,
)
def test_what_is_no_control_is_refused_with_the_reason(acme, api, path, body):
    response = api(acme.operator).post(path, body, format="json")
    assert response.status_code == 400
    assert response.json()["errors"][0]["detail"]
    assert not Control.objects.exists()


@pytest.mark.parametrize("action", Control.Action.values)
def test_an_ended_run_takes_no_control(acme, api, run, path, action):
    run.finish("succeeded")
    body = {"action": action} | ({"text": "x"} if action == "message" else {})
    response = api(acme.operator).post(path, body, format="json")
    assert response.status_code == 409
    assert "The run has ended: succeeded." in response.json()["detail"]


def test_what_the_run_cannot_do_is_refused_with_the_reason(acme, api, path):
    body = {"action": "message", "text": "faster"}
    answer = api(acme.operator).post(path, body, format="json")
    assert (answer.status_code, answer.json()["status"]) == (202, "refused")
    assert "read no messages" in answer.json()["detail"]
