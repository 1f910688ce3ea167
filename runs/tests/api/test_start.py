"""Starting runs over HTTP, and starting each only once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, models

from conftest import HELLO
from runs.models import Run


def test_an_operator_starts_a_run(acme, api, runs_url):
    client = api(acme.operator)
    response = client.post(runs_url)
    assert response.status_code == 201
    run = Run.objects.get()
    body = response.json()
    assert body == {
        "id": str(run.pk),
        "crew_id": str(acme.crew.pk),
        "crew": "Acme crew",
        "name": None,
        "key": None,
        "status": "queued",
        "reason": "",
        "message": "",
        "cancel_requested": False,
        "pause_requested": False,
        "paused_at": None,
        "is_public": False,
        "started_by": "acme-operator",
        "created_at": body["created_at"],
        "started_at": None,
        "ended_at": None,
        "duration_s": 0.0,
        "tools_tier": "",
        "origin": "worker",
        "parent_id": None,
        "retry": "",
        "trigger": "",
        "queue_position": 1,
        "wait": "first in Acme's queue, waits for a worker",
        "usage": body["usage"],
        "agents": run.plan["agents"],
        "tasks": body["tasks"],
        "carried": [],
    }
    assert [(task["name"], task["status"]) for task in body["tasks"]] == [
        ("Orion works", "pending"),
        ("Vega works", "pending"),
    ]
    assert client.get(response.headers["Location"]).json() == body


def test_a_viewer_is_refused_with_the_role_that_may_start_runs(acme, api, runs_url):
    response = api(acme.viewer).post(runs_url)
    assert response.status_code == 403
    assert "role of operator" in response.json()["detail"]
    assert not Run.objects.exists()


@pytest.mark.parametrize("fault", ["deactivated", "no task"])
def test_a_crew_that_cannot_run_says_why(acme, api, runs_url, fault):
    if fault == "deactivated":
        acme.crew.is_active = False
        acme.crew.save()
    else:
        acme.crew.tasks.all().delete()
    response = api(acme.operator).post(runs_url)
    assert response.status_code == 409
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert (problem["title"], problem["code"]) == ("Conflict", "conflict")
    assert fault in problem["detail"]


class TestIdempotency:
    def test_the_same_key_answers_with_the_same_run(self, acme, api, runs_url):
        first, again = (
            api(acme.operator).post(runs_url, headers={"Idempotency-Key": "k-1"}) for _ in range(2)
        )
        assert (first.status_code, again.status_code) == (201, 201)
        assert first.json()["id"] == again.json()["id"]

    def test_another_key_or_user_or_none_starts_another(self, acme, api, runs_url):
        for user, key in [(acme.operator, "a"), (acme.operator, "b"), (acme.admin, "a")]:
            api(user).post(runs_url, headers={"Idempotency-Key": key})
        api(acme.operator).post(runs_url)
        api(acme.operator).post(runs_url)
        assert Run.objects.count() == 5

    def test_the_same_key_for_another_crew_is_refused(self, acme, api, runs_url):
        other = acme.crew.organization.crews.create(name="Other", slug="other")
        agent = other.agents.create(name="A", slug="a")
        other.tasks.create(name="t", agent=agent, steps=HELLO)
        headers = {"Idempotency-Key": "k-1"}
        client, path = api(acme.operator), f"/api/crews/{other.pk}/runs/"
        assert client.post(runs_url, headers=headers).status_code == 201
        refused = client.post(path, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
        assert "Use a new one" in refused.json()["detail"]
        assert Run.objects.count() == 1
        assert (
            api(acme.admin).post(path, headers=headers).status_code == 201
        )  # a key is a user's own

    def test_given_for_two_crews_at_once_it_starts_one_run(self, acme, api, runs_url, monkeypatch):
        """The other request was committed after this one looked for it."""
        other = acme.crew.organization.crews.create(name="Other", slug="other")
        other.runs.create(started_by=acme.operator, idempotency_key="k-1", plan=acme.crew.plan())
        first = models.QuerySet.first
        monkeypatch.setattr(
            models.QuerySet, "first", lambda rows: None if rows.model is Run else first(rows)
        )
        headers = {"Idempotency-Key": "k-1"}
        assert api(acme.operator).post(runs_url, headers=headers).status_code == 409
        assert Run.objects.count() == 1

    def test_a_key_of_200_characters_is_heeded(self, acme, api, runs_url):
        for _ in range(2):
            api(acme.operator).post(runs_url, headers={"Idempotency-Key": "k" * 200})
        assert Run.objects.count() == 1

    @pytest.mark.parametrize("key", ["", "k" * 201, "a b", "schlüssel", "\x00"])
    def test_an_unusable_key_starts_nothing(self, acme, api, runs_url, key):
        response = api(acme.operator).post(runs_url, headers={"Idempotency-Key": key})
        assert response.status_code == 400
        assert response.json()["errors"][0]["attr"] == "Idempotency-Key"
        assert not Run.objects.exists()

    def test_a_viewer_learns_nothing_from_a_bad_key(self, acme, api, runs_url):
        response = api(acme.viewer).post(runs_url, headers={"Idempotency-Key": ""})
        assert response.status_code == 403

    @pytest.mark.django_db(transaction=True)
    def test_fifty_at_once_start_one_run(self, acme, api, runs_url):
        def post(number):
            try:
                headers = {"Idempotency-Key": "once"}
                return api(acme.operator).post(runs_url, headers=headers)
            finally:
                connection.close()

        with ThreadPoolExecutor(50) as pool:
            responses = list(pool.map(post, range(50)))
        assert {response.status_code for response in responses} == {201}
        assert {response.json()["id"] for response in responses} == {str(Run.objects.get().pk)}
