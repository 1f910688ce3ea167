"""Starting, watching and cancelling runs over HTTP."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.utils import timezone

from runs.models import Run, TaskExecution, ToolExecution
from runs.tests.scene import fail, fail_late
from runs.workspaces import workspace_of


@pytest.fixture
def runs_url(acme) -> str:
    return f"/api/crews/{acme.crew.pk}/runs/"


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
        "status": "queued",
        "reason": "",
        "message": "",
        "cancel_requested": False,
        "is_public": False,
        "started_by": "acme-operator",
        "created_at": body["created_at"],
        "started_at": None,
        "ended_at": None,
        "duration_s": 0.0,
        "tools_tier": "",
        "parent_id": None,
        "retry": "",
        "agents": run.plan["agents"],
        "tasks": body["tasks"],
        "carried": [],
    }
    assert [(task["name"], task["status"]) for task in body["tasks"]] == [
        ("Orion works", "pending"),
        ("Vega works", "pending"),
    ]
    assert client.get(response.headers["Location"]).json() == body


def test_a_viewer_is_told_who_may_start_runs(acme, api, runs_url):
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


class TestList:
    def listed(self, client, **query):
        response = client.get("/api/runs/", query)
        assert response.status_code == 200, response.content
        return [run["id"] for run in response.json()["results"]]

    def test_newest_first_and_only_the_own(self, acme, globex, superuser, api):
        old, new = acme.start_run(), acme.start_run()
        foreign = globex.start_run()
        assert self.listed(api(acme.viewer)) == [str(new.pk), str(old.pk)]
        assert self.listed(api(globex.viewer)) == [str(foreign.pk)]
        assert len(self.listed(api(superuser))) == 3

    def test_a_shared_run_of_another_organization_is_not_listed(self, acme, globex, api):
        globex.start_run().share(True)
        assert self.listed(api(acme.admin)) == []

    def test_by_crew_and_by_status(self, acme, api):
        ended, running = acme.start_run(), acme.start_run()
        ended.finish("failed")
        client = api(acme.viewer)
        assert len(self.listed(client, crew=acme.crew.pk)) == 2
        assert self.listed(client, status="failed") == [str(ended.pk)]
        assert self.listed(client, status="running") == [str(running.pk)]
        assert len(self.listed(client, status=["failed", "running"])) == 2
        assert self.listed(client, crew=acme.crew.pk, status="queued") == []

    def test_a_foreign_crew_is_refused_exactly_like_a_missing_one(self, acme, globex, api):
        client = api(acme.viewer)
        foreign = client.get("/api/runs/", {"crew": globex.crew.pk})
        missing = client.get("/api/runs/", {"crew": uuid.uuid4()})
        assert (foreign.status_code, foreign.content) == (400, missing.content)
        assert foreign.json()["errors"][0]["attr"] == "crew"
        assert api(globex.viewer).get("/api/runs/", {"crew": globex.crew.pk}).status_code == 200

    @pytest.mark.parametrize(
        "query", [{"crew": "mine"}, {"crew": "\x00"}, {"status": "done"}, {"status": ""}]
    )
    def test_a_filter_that_means_nothing_is_refused(self, acme, api, query):
        response = api(acme.viewer).get("/api/runs/", query)
        assert response.status_code == 400
        assert response.json()["errors"][0]["attr"] in query

    def test_pages_follow_each_other_while_runs_are_added(self, acme, api, monkeypatch):
        # Half of them at the same instant, as a clock that stands still would have it.
        now = timezone.now()
        monkeypatch.setattr(timezone, "now", lambda: now)
        runs = [Run.objects.create(crew=acme.crew) for _ in range(4)]
        monkeypatch.undo()
        runs += [Run.objects.create(crew=acme.crew) for _ in range(4)]
        client, url, seen = api(acme.viewer), "/api/runs/?page_size=3", []
        while url:
            page = client.get(url).json()
            seen += [run["id"] for run in page["results"]]
            url = page["next"]
            Run.objects.create(crew=acme.crew)
        assert len(seen) == len(set(seen))
        assert set(seen) == {str(run.pk) for run in runs}

    def test_the_number_of_queries_does_not_grow(self, acme, api, django_assert_max_num_queries):
        for _ in range(5):
            acme.start_run()
        with django_assert_max_num_queries(2):  # the user, the runs
            assert len(self.listed(api(acme.viewer))) == 5


def test_a_run_tells_what_its_tools_have_done(acme, api, django_assert_max_num_queries):
    run = acme.start_run()
    task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    tool = ToolExecution.objects.start(task_execution=task, tool="script", params={"n": 1})
    tool.report(message="half", progress=0.5, output="hello\n")
    tool.end("error", exit_code=2)
    task.finish("failed", reason="tool_failed", message="script failed")
    client = api(acme.viewer)
    with django_assert_max_num_queries(4):  # the user, the run, its tasks, their tools
        body = client.get(f"/api/runs/{run.pk}/").json()
    first, second = body["tasks"]
    assert (first["status"], first["reason"], first["message"]) == (
        "failed", "tool_failed", "script failed",
    )  # fmt: skip
    assert (second["status"], second["started_at"], second["tool_executions"]) == (
        "pending", None, [],
    )  # fmt: skip
    (shown,) = first["tool_executions"]
    expected = {
        "execution_id": str(tool.pk),
        "tool": "script",
        "params": {"n": 1},
        "status": "error",
        "message": "half",
        "progress": 0.5,
        "exit_code": 2,
        "output_length": 6,
    }
    assert expected.items() <= shown.items()
    assert client.get(shown["output_url"]).content == b"hello\n"


def test_cancelling_is_accepted_and_repeating_it_harmless(acme, api, runs_url):
    client = api(acme.operator)
    queued = client.post(runs_url).json()["id"]
    running = str(acme.start_run().pk)
    for _ in range(2):
        response = client.post(f"/api/runs/{queued}/cancel/")
        assert (response.status_code, response.json()["status"]) == (202, "cancelled")
        response = client.post(f"/api/runs/{running}/cancel/")
        assert (response.status_code, response.json()["cancel_requested"]) == (202, True)


def test_a_viewer_cancels_nothing(acme, api):
    run = acme.start_run()
    assert api(acme.viewer).post(f"/api/runs/{run.pk}/cancel/").status_code == 403
    run.refresh_from_db()
    assert not run.cancel_requested


class TestOutput:
    @pytest.fixture
    def tool(self, acme):
        run = acme.start_run()
        task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
        return ToolExecution.objects.start(task_execution=task, tool="script", params={})

    def test_the_whole_output_is_text_as_it_was_written(self, acme, api, tool):
        for text in ("<script>alert(1)</script>\n", "two\r\n", "drei ✓ \x1b[1m"):
            tool.report(output=text)
        response = api(acme.viewer).get(f"/api/tool-executions/{tool.pk}/output/")
        assert response.content.decode() == tool.output
        assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert response.headers["X-Content-Type-Options"] == "nosniff"

    def test_a_tool_that_wrote_nothing_has_empty_output(self, acme, api, tool):
        response = api(acme.viewer).get(f"/api/tool-executions/{tool.pk}/output/")
        assert (response.status_code, response.content) == (200, b"")

    @pytest.mark.parametrize("accept", ["text/plain", "application/json", "image/png"])
    def test_a_refusal_is_a_problem_whatever_is_accepted(self, globex, api, tool, accept):
        client = api(globex.admin)
        response = client.get(f"/api/tool-executions/{tool.pk}/output/", headers={"Accept": accept})
        assert response.status_code == (406 if accept == "image/png" else 404)
        assert response.headers["Content-Type"] == "application/problem+json"
        assert response.json()["status"] == response.status_code


def test_a_shared_run_opens_nothing_of_the_api(acme, globex, api):
    run = acme.start_run()
    run.share(True)
    for user, expected in ((None, 401), (globex.admin, 404), (acme.viewer, 200)):
        assert api(user).get(f"/api/runs/{run.pk}/").status_code == expected
        assert api(user).get(f"/api/runs/{run.pk}/events/").status_code == expected


class TestRetry:
    @pytest.fixture
    def ended(self, acme) -> Run:
        run = acme.start_run()
        fail(run)
        workspace_of(run).mkdir(parents=True)
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

    def test_what_was_done_before_is_told(self, acme, api):
        ended = acme.start_run()
        fail_late(ended)
        workspace_of(ended).mkdir(parents=True)
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
        assert workspace_of(ended).is_dir()
