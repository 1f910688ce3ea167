"""One run over HTTP: its fields, cancelling it, the output of its tools."""

import pytest

from runs.models import TaskExecution, ToolExecution


def test_a_run_lists_the_executions_of_its_tools(acme, api, django_assert_max_num_queries):
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
