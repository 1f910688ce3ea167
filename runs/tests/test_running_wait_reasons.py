"""Why a running run waits, in the rows of all lists of runs and in their updates."""

import re
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from realtime.tests.pages.scene import FRAGMENT, crew_path, get
from runs.execution.budget_actions import BUDGET_ACTOR
from runs.models import Approval, Control, Run
from runs.models.control import report_paused
from runs.pages.running_wait_reasons import with_wait_reason

pytestmark = pytest.mark.django_db


def pause(run: Run, by: str = "ada") -> None:
    Control.objects.ask(run, "pause", by=by)
    report_paused(run, True)


def resume(run: Run) -> None:
    Control.objects.ask(run, "resume", by="ada")
    report_paused(run, False)


def ask(run: Run) -> Approval:
    call = {"agent_id": "orion", "tool": "script", "params": {}, "expires_after_s": 3600}
    return Approval.objects.request(id=uuid4(), run=run, **call)


def reason_of(run: Run) -> str:
    return with_wait_reason(Run.objects.filter(pk=run.pk)).get().wait_reason


def test_it_is_the_newest_pause_that_is_in_effect(acme):
    run = acme.start_run()
    assert reason_of(run) == ""
    Control.objects.ask(run, "pause", by="ada")
    assert reason_of(run) == ""  # asked for, and tools still work
    report_paused(run, True)
    assert reason_of(run) == "paused"
    resume(run)
    assert reason_of(run) == ""
    pause(run, by=BUDGET_ACTOR)
    assert reason_of(run) == "paused by budget"
    resume(run)
    pause(run)
    assert reason_of(run) == "paused"
    run.finish("succeeded")
    assert reason_of(run) == ""


def test_a_call_that_waits_holds_its_run_until_the_decision(acme):
    run, other = acme.start_run(), acme.start_run()
    approval = ask(run)
    assert (reason_of(run), reason_of(other)) == ("waiting", "")
    pause(run)
    assert reason_of(run) == "paused"
    resume(run)
    approval.decide("approved", by="ada", seen=approval.seen)
    assert reason_of(run) == ""


def test_a_run_that_is_paused_in_the_queue_is_still_queued(acme):
    run = Run.objects.create(crew=acme.crew)
    Control.objects.ask(run, "pause", by="ada")
    assert reason_of(run) == ""
    assert "paused in the queue" in get(acme.viewer, "/").content.decode()


def test_every_list_of_runs_shows_it(acme):
    waits, paused, held, goes_on = (acme.start_run() for _ in range(4))
    ask(waits)
    pause(paused)
    pause(held, by=BUDGET_ACTOR)
    shown = {waits: "Waits for approval", paused: "Paused", held: "Paused by budget"}
    for path in ("/", "/runs/", crew_path(acme)):
        page = get(acme.viewer, path).content.decode()
        for run, text in {**shown, goes_on: "Running"}.items():
            row = page.partition(f'id="run-{run.pk}"')[2].partition("</a>")[2]
            badge = row.partition('class="status-badge"')[2].partition("</span>")[0]
            assert badge.partition(">")[2] == text
    answer = get(acme.viewer, "/runs/progress/", data={"run": [run.pk for run in shown]}).json()
    reasons = {run["run_id"]: run["wait_reason"] for run in answer["runs"]}
    assert reasons == {
        str(waits.pk): "waiting", str(paused.pk): "paused", str(held.pk): "paused by budget",
    }  # fmt: skip


def test_the_crews_card_shows_it_for_the_last_run(acme):
    pause(acme.start_run())
    card = get(acme.viewer, "/").content.decode().partition('class="last-run"')[2]
    assert card.partition("</a>")[0].partition(">")[2] == "Paused"


def test_the_page_of_a_run_shows_it(acme):
    run = acme.start_run()
    for change, text in (
        (ask, "Waits for approval"),
        (pause, "Paused"),
        (resume, "Waits for approval"),
    ):
        change(run)
        title = get(acme.viewer, run.get_absolute_url()).content.decode().partition("</h1>")[0]
        badge = title.rpartition('class="status-badge"')[2].partition("</span>")[0]
        assert badge.partition(">")[2] == text


def test_the_comparison_shows_it_of_both_runs(acme):
    pause(acme.start_run())
    after = acme.start_run()
    ask(after)
    page = get(acme.viewer, f"{after.get_absolute_url()}compare/").content.decode()
    row = page.partition(">Outcome</th>")[2].partition("</tr>")[0]
    assert re.findall(r'class="status-badge"[^>]*>([^<]*)<', row) == [
        "Paused",
        "Waits for approval",
    ]


def test_it_costs_no_query_of_its_own(acme):
    counts = []
    for _ in range(3):
        with CaptureQueriesContext(connection) as queries:
            get(acme.viewer, "/runs/")
        counts.append(len(queries))
        run = acme.start_run()
        ask(run)
        pause(run, by=BUDGET_ACTOR)
    assert counts[1] == counts[2]


def test_an_update_of_the_list_has_the_rows_and_nothing_around_them(acme):
    runs = [acme.start_run() for _ in range(26)]
    update = get(acme.viewer, "/runs/", headers=FRAGMENT).content.decode()
    assert "<html" not in update
    assert "<form" not in update
    assert f'id="run-{runs[-1].pk}"' in update
    assert f'id="run-{runs[0].pk}"' not in update
    assert 'rel="next"' in update
    answer = get(acme.viewer, "/runs/?status=failed", headers=FRAGMENT)
    assert "No run matches" in answer.content.decode()
    assert "X-Fragment" in answer.headers["Vary"]
    assert "no-store" in answer.headers["Cache-Control"]
