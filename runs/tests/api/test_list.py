"""The list of runs over HTTP: whose, in which order, filtered, page by page."""

import uuid

import pytest
from django.utils import timezone

from runs.models import Run
from runs.tests.reporting.conftest import Program


class TestList:
    def listed(self, client, **query):
        response = client.get("/api/runs/", query)
        assert response.status_code == 200, response.content
        return [run["id"] for run in response.json()["results"]]

    def test_each_is_as_it_is_alone(self, acme, api):
        queued = Run.objects.create(crew=acme.crew)
        running, shared, failed = (acme.start_run() for _ in range(3))
        shared.share(True)
        shared.cancel()
        failed.finish("failed", reason="task_failed", message="Failed: a")
        again = failed.run_again(user=acme.operator)
        client = api(acme.viewer)
        listed = {run["id"]: run for run in client.get("/api/runs/").json()["results"]}
        assert len(listed) == 5
        for run in (queued, running, shared, failed, again):
            alone = client.get(f"/api/runs/{run.pk}/").json()
            summary = listed[str(run.pk)]
            assert summary.keys() == alone.keys() - {"agents", "tasks", "carried", "usage"}
            for name in summary.keys() - {"duration_s"}:
                assert summary[name] == alone[name], name
            assert abs(summary["duration_s"] - alone["duration_s"]) < 5
        assert listed[str(failed.pk)]["duration_s"] == failed.duration_s

    def test_a_reported_run_is_found_by_the_key_of_its_program(self, acme, globex, api):
        boot = {"id": "boot", "type": "boot", "crew": "release-crew", "name": "Nightly"}
        for tenant, key in ((acme, "n-1"), (acme, "n-2"), (globex, "n-1")):
            Program(tenant.issue_key("report")[1]).send({**boot, "run": key})
        acme.start_run()
        client = api(acme.viewer)
        (run,) = client.get("/api/runs/", {"key": "n-1"}).json()["results"]
        assert (run["name"], run["key"], run["origin"]) == ("Nightly", "n-1", "reported")
        alone = client.get(f"/api/runs/{run['id']}/").json()
        assert (alone["name"], alone["key"]) == ("Nightly", "n-1")
        assert self.listed(client, key="none") == []

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
