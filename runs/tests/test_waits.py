"""Why a run waits: its position, the limit it waits for, and who may set limits."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crews.models import AuditEntry
from runs.execution.waits import Waits
from runs.models import Run
from runs.tests.scene import client_of, get, page_of
from runs.tests.test_run_queue import limit, queue, start

pytestmark = pytest.mark.usefixtures("worker_alive")


class TestWaits:
    def test_a_place_in_the_queue_is_that_of_the_turns(self, acme, second, globex):
        runs = queue(acme.crew, 3) + queue(second, 2) + queue(acme.crew, 1)
        queue(globex.crew, 5)
        start(3)
        waits = Waits()
        waiting = [run for run in runs if waits.of(Run.objects.get(pk=run.pk))]
        place = {run.pk: waits.of(run).position for run in waiting}
        limit(globex.organization, 1)  # full, so the others start one after the other
        assert [place[run.pk] for run in start(10)] == list(range(1, len(waiting) + 1))

    def test_say_which_limit_is_reached(self, acme, globex):
        limit(acme.crew, 1)
        runs = queue(acme.crew, 4)
        start(1)
        assert str(Waits().of(runs[3])) == (
            "third in Acme's queue, waits for a free place: 1 of 1 runs of the crew are active"
        )
        limit(acme.crew, None)
        limit(acme.organization, 1)
        assert Waits().of(runs[1]).limit == "1 of 1 runs of Acme are active"
        limit(acme.organization, None)
        assert str(Waits().of(runs[1])) == "first in Acme's queue, waits for a worker"

    def test_are_on_the_run_page_for_members_alone(self, acme):
        limit(acme.crew, 1)
        runs = queue(acme.crew, 3)
        start(1)
        runs[2].share(True)
        page = page_of(acme.viewer, runs[2])
        expected = "It is second in Acme&#x27;s queue; 1 of 1 runs of the crew are active."
        assert expected in page
        shared = page_of(None, runs[2])
        assert "Waiting for a free place." in shared
        assert "in Acme&#x27;s queue" not in shared

    def test_are_in_the_list_and_in_the_api_for_two_queries(self, acme, api):
        queue(acme.crew, 1)
        with CaptureQueriesContext(connection) as one:
            get(acme.viewer, "/runs/")
        queue(acme.crew, 6)
        with CaptureQueriesContext(connection) as seven:
            listed = get(acme.viewer, "/runs/").content.decode()
        assert len(seven) == len(one)
        assert "seventh in Acme&#x27;s queue, waits for a worker" in listed
        answer = api(acme.viewer).get("/api/runs/").json()["results"]
        assert [run["queue_position"] for run in answer] == [7, 6, 5, 4, 3, 2, 1]
        assert answer[0]["wait"] == "seventh in Acme's queue, waits for a worker"
        start(7)
        first = api(acme.viewer).get("/api/runs/").json()["results"][0]
        assert (first["queue_position"], first["wait"]) == (None, "")


class TestWhoSets:
    @pytest.mark.parametrize(("who", "saved"), [("admin", None), ("superuser", 3)])
    def test_an_organization_does_not_raise_its_own_limit(
        self, acme, superuser, who, saved, people
    ):
        page = f"/admin/crews/organization/{acme.organization.pk}/change/"
        form = {"name": "Acme", "slug": "acme", "max_active_runs": 3}
        for inline in ("TOTAL_FORMS", "INITIAL_FORMS"):
            form[f"memberships-{inline}"] = 0
        answer = client_of(people[who]).post(page, form)
        assert answer.status_code == 302, answer.context["errors"]
        acme.organization.refresh_from_db()
        assert acme.organization.max_active_runs == saved

    def test_a_change_is_in_the_audit_trail(self, acme):
        limit(acme.crew, 3)
        assert "max_active_runs" in str(AuditEntry.objects.latest("pk").changes)
