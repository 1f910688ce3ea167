"""The run pages: what each person sees, and that what tools print stays text."""

import re
from datetime import datetime
from html import unescape
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import escape

from runs.models import ModelCall, Run, ToolExecution
from runs.tests.scene import client_of, fail, get, page_of, work
from runs.tools.box import TIER_WARNINGS

MOST_QUERIES = 18  # of a page, session and user included
MARKUP = "<script>alert('x')</script>"

pytestmark = pytest.mark.django_db


class TestReading:
    @pytest.mark.parametrize("person", ["admin", "operator", "viewer", "superuser"])
    def test_members_read_the_run_and_its_output(self, acme, people, person):
        run = acme.start_run()
        tool = work(run, output="forty-two")
        page = page_of(people[person], run)
        assert "Running" in page
        assert "Acme crew" in page
        assert "Orion works" in page
        assert "forty-two" in page
        assert f'data-crew-id="{acme.crew.pk}"' in page
        assert "Orion works" in page_of(people[person], run, "live/")
        assert page_of(people[person], run, f"tools/{tool.pk}/output/") == "forty-two"

    @pytest.mark.parametrize("part", ["", "live/", "tools/{tool}/output/"])
    def test_an_outsider_gets_the_answer_of_a_missing_run(self, acme, globex, part):
        run = acme.start_run()
        part = part.format(tool=work(run).pk)
        answers = [get(globex.admin, f"/runs/{pk}/{part}") for pk in (run.pk, uuid4())]
        assert [answer.status_code for answer in answers] == [404, 404]

    def test_who_is_not_signed_in_is_asked_to_for_any_run(self, acme):
        for pk in (acme.start_run().pk, uuid4()):
            response = get(None, f"/runs/{pk}/")
            assert response.headers["Location"] == f"/login/?next=/runs/{pk}/"

    @pytest.mark.parametrize("person", ["outsider", "anonymous"])
    def test_a_shared_run_is_read_by_all_who_learn_nothing_else(self, acme, people, person):
        run = acme.start_run()
        tool = work(run, output="forty-two")
        run.share(True)
        page = page_of(people[person], run)
        assert "forty-two" in page
        assert page_of(people[person], run, f"tools/{tool.pk}/output/") == "forty-two"
        for secret in (str(acme.crew.pk), acme.operator.username, "Cancel", "Stop sharing"):
            assert secret not in page
        run.share(False)
        assert get(people[person], f"/runs/{run.pk}/").status_code in (302, 404)
        assert get(people[person], f"/runs/{run.pk}/live/").status_code == 404

    def test_a_tool_is_reached_through_its_own_run_only(self, acme, globex):
        run = globex.start_run()
        run.share(True)
        tool = work(acme.start_run(), output="secret")
        response = get(globex.admin, f"/runs/{run.pk}/tools/{tool.pk}/output/")
        assert response.status_code == 404

    def test_pages_are_not_kept_by_caches_and_not_found_by_search_engines(self, acme):
        run = acme.start_run()
        run.share(True)
        response = get(None, f"/runs/{run.pk}/")
        assert "no-store" in response.headers["Cache-Control"]
        assert '<meta name="robots" content="noindex">' in response.content.decode()


class TestTier:
    """The box of the run's tools, on its page."""

    @pytest.mark.parametrize("tier", ["user", "limits", "none"])
    def test_members_see_the_weakness_of_a_lesser_tier(self, acme, globex, tier):
        run = self._run_in(acme, tier)
        run.share(True)
        for part in ("", "live/"):
            assert escape(TIER_WARNINGS[tier]) in page_of(acme.viewer, run, part)
            assert escape(TIER_WARNINGS[tier]) not in page_of(globex.admin, run, part)

    @pytest.mark.parametrize("tier", ["namespaces", ""])
    def test_the_sandbox_is_nothing_to_say(self, acme, tier):
        assert "Tools' box" not in page_of(acme.viewer, self._run_in(acme, tier))

    def _run_in(self, acme, tier: str) -> Run:
        run = Run.objects.create(crew=acme.crew)
        run.start(worker="w", tier=tier)
        return run


class TestStates:
    def test_a_queued_run_says_what_it_waits_for(self, acme):
        run = Run.objects.create(crew=acme.crew)
        page = page_of(acme.viewer, run)
        assert "no worker is running" in page
        assert "Waiting for" in page
        assert 'data-status="pending"' in page

    def test_a_queued_run_waits_for_a_worker_that_is_busy(self, acme, worker_alive):
        page = page_of(acme.viewer, Run.objects.create(crew=acme.crew))
        assert "Waiting for a free worker" in page
        assert "no worker is running" not in page

    def test_a_failed_run_says_why_and_opens_the_tool_that_failed(self, acme):
        run = acme.start_run()
        tool = fail(run)
        page = page_of(acme.viewer, run)
        assert "A task failed." in page
        assert "Orion works: it broke." in page
        assert "exit 3" in page
        assert f'href="#tool-{tool.pk}" class="alert-link' in page
        assert 'data-status="skipped"' in page  # the second task
        assert "data-over" in page

    def test_a_cancelled_run_says_so(self, acme):
        run = Run.objects.create(crew=acme.crew)
        run.cancel()
        assert "before it had started" in page_of(acme.viewer, run)

    def test_the_part_that_is_fetched_again_leaves_the_output_out(self, acme):
        run = acme.start_run()
        tool = work(run, output="forty-two")
        part = page_of(acme.viewer, run, "live/")
        assert "forty-two" not in part
        assert "<html" not in part
        assert f'data-execution="{tool.pk}"' in part
        assert 'data-length="9"' in part


class TestText:
    def test_names_messages_and_output_never_become_markup(self, acme):
        for record in (*acme.crew.tasks.all(), *acme.crew.agents.all()):
            record.name = record.role = MARKUP
            record.save()
        run = acme.start_run()
        tool = work(run, output=MARKUP)
        tool.report(message=MARKUP)
        ToolExecution.objects.start(
            task_execution=tool.task_execution, tool=MARKUP, params={MARKUP: MARKUP}
        )
        for part in ("", "live/"):
            page = page_of(acme.viewer, run, part)
            assert MARKUP not in page
            assert escape(MARKUP) in page

    def test_output_is_served_as_plain_text_that_no_browser_guesses_about(self, acme):
        run = acme.start_run()
        tool = work(run, output=MARKUP)
        response = get(acme.viewer, f"/runs/{run.pk}/tools/{tool.pk}/output/")
        assert response.content.decode() == MARKUP
        assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert response.headers["X-Content-Type-Options"] == "nosniff"

    def test_scripts_run_from_files_and_with_a_nonce_only(self, acme):
        response = get(acme.viewer, f"/runs/{acme.start_run().pk}/")
        policy = response.headers["Content-Security-Policy"]
        scripts = next(rule for rule in policy.split("; ") if rule.startswith("script-src"))
        assert "'nonce-" in scripts
        assert "unsafe" not in scripts


class TestOutput:
    def test_continues_anywhere_counted_in_characters(self, acme):
        run = acme.start_run()
        tool = work(run, output="añ🚀b")
        tool.report(output="ç🚀d")
        whole = "añ🚀bç🚀d"
        for start in range(len(whole) + 2):
            response = get(acme.viewer, f"/runs/{run.pk}/tools/{tool.pk}/output/?from={start}")
            assert response.content.decode() == whole[start:]
            assert response.headers["X-Output-Begin"] == str(min(start, len(whole)))
            assert response.headers["X-Output-End"] == str(len(whole))

    def test_of_a_long_one_the_end_comes(self, acme, monkeypatch):
        monkeypatch.setattr("runs.pages.views.OUTPUT_AT_MOST", 4)
        run = acme.start_run()
        tool = work(run, output="0123456789")
        path = f"/runs/{run.pk}/tools/{tool.pk}/output/"
        response = get(acme.viewer, f"{path}?from=2")
        assert response.content.decode() == "6789"
        assert response.headers["X-Output-Begin"] == "6"
        assert get(acme.viewer, f"{path}?from=8").content.decode() == "89"
        assert get(acme.viewer, path).content.decode() == "0123456789"

    @pytest.mark.parametrize("start", ["-1", "x", "1.5", "", "9" * 30])
    def test_a_place_that_is_no_number_is_refused_with_a_reason(self, acme, start):
        run = acme.start_run()
        path = f"/runs/{run.pk}/tools/{work(run).pk}/output/"
        response = get(acme.viewer, f"{path}?from={start}")
        assert response.status_code == 400
        assert "give a number of characters" in response.content.decode()


class TestList:
    def test_shows_the_own_runs_newest_first(self, acme, globex, superuser):
        first, second, foreign = acme.start_run(), acme.start_run(), globex.start_run()
        foreign.share(True)
        page = get(acme.viewer, "/runs/").content.decode()
        assert page.index(str(second.pk)) < page.index(str(first.pk))
        assert str(foreign.pk) not in page
        assert str(foreign.pk) in get(superuser, "/runs/").content.decode()

    def test_is_narrowed_by_crew_and_status(self, acme):
        failed, running = acme.start_run(), acme.start_run()
        fail(failed)
        page = get(acme.viewer, f"/runs/?crew={acme.crew.pk}&status=failed").content.decode()
        assert str(failed.pk) in page
        assert str(running.pk) not in page
        assert "No run matches" in get(acme.viewer, "/runs/?status=cancelled").content.decode()

    def test_ends_with_the_last_day_that_is_wanted(self, acme):
        runs = {day: acme.start_run() for day in ("2026-01-30", "2026-01-31", "2026-02-01")}
        for day, run in runs.items():
            at = datetime.fromisoformat(f"{day}T23:59:59.5Z")
            QuerySet.update(Run.objects.filter(pk=run.pk), created_at=at)
        page = get(acme.viewer, "/runs/?until=2026-01-31").content.decode()
        assert [str(run.pk) in page for run in runs.values()] == [True, True, False]
        assert "No run matches" in get(acme.viewer, "/runs/?until=2025-12-31").content.decode()
        for text in ("yesterday", "2026-02-30", "\0"):
            page = get(acme.viewer, f"/runs/?until={quote(text)}").content.decode()
            assert "give a day such as 2026-01-31" in page
            assert str(runs["2026-02-01"].pk) in page
        assert (
            str(runs["2026-02-01"].pk)
            in get(acme.viewer, "/runs/?until=9999-12-31").content.decode()
        )

    def test_says_what_an_ended_run_has_used(self, acme):
        run, plain = acme.start_run(), acme.start_run()
        fields = {"agent_id": "orion", "provider": "openai", "model": "gpt-5-mini"}
        call = ModelCall.objects.start(run=run, id=uuid4(), at=timezone.now(), **fields)
        call.end("success", tokens={"input_tokens": 8000, "output_tokens": 120})
        for each in (run, plain):
            each.finish("succeeded")
        page = get(acme.viewer, "/runs/").content.decode()
        assert page.count("8,120 tokens") == page.count(" tokens ·") == 1

    def test_a_foreign_crew_is_no_choice_and_answers_like_a_missing_one(self, acme, globex):
        acme.start_run()
        pages = []
        for pk in (globex.crew.pk, uuid4()):
            page = get(acme.viewer, f"/runs/?crew={pk}").content.decode()
            assert "There is no such crew that you can see." in page
            assert globex.crew.name not in page
            pages.append(page.replace(str(pk), "").count("run-row"))
        assert pages[0] == pages[1] > 0

    def test_comes_in_pages_that_keep_the_filter(self, acme, monkeypatch):
        monkeypatch.setattr("runs.pages.views.RUNS_PER_PAGE", 2)
        for _ in range(3):
            acme.start_run()
        page = get(acme.viewer, "/runs/?status=running").content.decode()
        assert page.count('class="run-row"') == 2
        assert 'rel="prev"' not in page
        older = unescape(re.search(r'rel="next" href="([^"]+)"', page)[1])
        assert older.startswith("?status=running&after=")
        last = get(acme.viewer, f"/runs/{older}").content.decode()
        assert last.count('class="run-row"') == 1
        assert 'rel="next"' not in last
        newer = unescape(re.search(r'rel="prev" href="([^"]+)"', last)[1])
        assert newer.startswith("?status=running&before=")
        back = get(acme.viewer, f"/runs/{newer}").content.decode()
        assert re.findall(r'id="run-[^"]+"', back) == re.findall(r'id="run-[^"]+"', page)

    def test_says_what_to_do_when_there_is_none(self, acme):
        assert "Nothing has run yet" in get(acme.viewer, "/runs/").content.decode()


def test_the_number_of_queries_does_not_grow_with_the_run(acme, worker_alive):
    def queries(path: str) -> int:
        client = client_of(acme.admin)
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path).status_code == 200
        return len(captured)

    small, large = acme.start_run(), acme.start_run()
    work(small, output="x")
    work(large, output="x", tools=30)
    for part in ("", "live/"):
        few, many = (queries(f"/runs/{run.pk}/{part}") for run in (small, large))
        assert few == many <= MOST_QUERIES
    before = queries("/runs/")
    for _ in range(10):
        acme.start_run()
    assert queries("/runs/") == before <= MOST_QUERIES
