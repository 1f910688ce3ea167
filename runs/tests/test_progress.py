"""How far runs are, as the dashboard asks for it."""

import pytest

from realtime.tests.pages.scene import get
from runs.models import TaskExecution

pytestmark = pytest.mark.django_db
PATH = "/runs/progress/"


def test_returns_status_and_ended_tasks_of_each(acme):
    queued, running = acme.start_run(), acme.start_run()
    task = TaskExecution.objects.start(run=running, task=running.plan["tasks"][0])
    task.finish("succeeded")
    answer = get(acme.viewer, PATH, data={"run": [queued.pk, running.pk]}).json()
    assert sorted(answer["runs"], key=lambda run: run["tasks_ended"]) == [
        {"run_id": str(queued.pk), "status": queued.status, "wait_reason": "", "tasks_ended": 0},
        {"run_id": str(running.pk), "status": "running", "wait_reason": "", "tasks_ended": 1},
    ]


def test_returns_nothing_of_another_organizations_run(acme, globex):
    runs = [acme.start_run(), globex.start_run()]
    answer = get(acme.viewer, PATH, data={"run": [run.pk for run in runs]}).json()
    assert [run["run_id"] for run in answer["runs"]] == [str(runs[0].pk)]


def test_is_bounded_and_refuses_what_is_no_id(acme):
    assert get(acme.viewer, PATH).json() == {"runs": []}
    runs = [acme.start_run() for _ in range(21)]
    answer = get(acme.viewer, PATH, data={"run": [run.pk for run in runs]}).json()
    assert len(answer["runs"]) == 20
    assert get(acme.viewer, PATH, data={"run": "x"}).status_code == 400
