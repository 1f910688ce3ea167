"""Running an ended run again over HTTP."""

import pytest

from runs.models import Run
from runs.tests.scene import fail, fail_late
from runs.workspaces import workspace_of


class TestRetry:
    @pytest.fixture
    def ended(self, acme) -> Run:
        run = acme.start_run()
        fail(run)
        workspace_of(run.pk).mkdir(parents=True)
        return run

    @pytest.mark.parametrize(
        ("body", "retry"),
        [({}, "again"), ({"from": "start"}, "again"), ({"from": "failed_task"}, "resumed")],
    )
    def test_an_operator_runs_it_again(self, acme, api, ended, body, retry):
        response = api(acme.operator).post(f"/api/runs/{ended.pk}/retry/", body, format="json")
        assert response.status_code == 201
        answer = response.json()
        assert (answer["parent_id"], answer["retry"]) == (str(ended.pk), retry)
        assert (answer["status"], answer["started_by"]) == ("queued", "acme-operator")
        assert api(acme.viewer).get(response.headers["Location"]).json() == answer

    def test_tasks_done_before_are_listed(self, acme, api):
        ended = acme.start_run()
        fail_late(ended)
        workspace_of(ended.pk).mkdir(parents=True)
        response = api(acme.operator).post(
            f"/api/runs/{ended.pk}/retry/", {"from": "failed_task"}, format="json"
        )
        answer = response.json()
        first, second = ended.plan["tasks"]
        assert [task["task_id"] for task in answer["tasks"]] == [second["task_id"]]
        assert answer["carried"] == [
            {"task_id": first["task_id"], "name": "Orion works", "agent_id": "orion"}
        ]

    def test_the_same_key_answers_with_the_same_run(self, acme, api, ended):
        client, headers = api(acme.operator), {"Idempotency-Key": "k"}
        path = f"/api/runs/{ended.pk}/retry/"
        answers = [client.post(path, headers=headers).json()["id"] for _ in range(2)]
        assert answers[0] == answers[1]
        conflict = client.post(f"/api/crews/{acme.crew.pk}/runs/", headers=headers)
        assert conflict.status_code == 409
        assert "another run" in conflict.json()["detail"]

    def test_a_run_under_way_says_why_not(self, acme, api):
        run = acme.start_run()
        response = api(acme.operator).post(f"/api/runs/{run.pk}/retry/")
        assert response.status_code == 409
        assert response.headers["Content-Type"] == "application/problem+json"
        assert "Wait for its end" in response.json()["detail"]

    @pytest.mark.parametrize("body", [{"from": "middle"}, {"from": None}, ["failed_task"], "start"])
    def test_an_unusable_body_starts_nothing(self, acme, api, ended, body):
        response = api(acme.operator).post(f"/api/runs/{ended.pk}/retry/", body, format="json")
        assert response.status_code == 400
        assert Run.objects.count() == 1

    @pytest.mark.parametrize(("person", "status"), [("viewer", 403), ("outsider", 404)])
    def test_nobody_else_runs_it_again(self, acme, globex, api, ended, person, status):
        user = acme.viewer if person == "viewer" else globex.admin
        path = f"/api/runs/{ended.pk}/retry/"
        assert api(user).post(path, {"from": "failed_task"}, format="json").status_code == status
        assert Run.objects.count() == 1
        assert workspace_of(ended.pk).is_dir()
