"""What held two runs up, side by side: pauses, waits for approval, messages, a cancel."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db.models import QuerySet
from django.utils import timezone

from crews.scoping import unscoped
from runs.models import Approval, Control, Run, TaskExecution, ToolExecution
from runs.models.control import report_paused
from runs.pages import comparison as comparisons
from runs.pages.comparison import Comparison
from runs.tests.scene import page_of

pytestmark = pytest.mark.django_db


def begin(run: Run) -> TaskExecution:
    return TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])


def call(task: TaskExecution) -> ToolExecution:
    tool = ToolExecution.objects.start(task_execution=task, tool="script", params={})
    tool.end("success", exit_code=0)
    return tool


def approve(task: TaskExecution, *, waited_s: float = 12) -> Approval:
    about = {"agent_id": task.agent_id, "tool": "script", "params": {}, "expires_after_s": 60}
    asked = Approval.objects.request(id=uuid4(), run=task.run, task_id=task.task_id, **about)
    asked.decide("approved", by="anna", seen=asked.seen)
    begun = asked.decided_at - timedelta(seconds=waited_s)
    change(Approval, asked.pk, requested_at=begun)
    return asked


def change(model, pk, **values) -> None:
    """Set fields that no verb sets: times that a test does not wait for."""
    with unscoped():
        QuerySet(model).filter(pk=pk).update(**values)


def pause(run: Run, *, seconds: float | None) -> None:
    """A pause of so many seconds that ends now; with None it goes on since a minute."""
    Control.objects.ask(run, "pause", by="anna")
    assert report_paused(run, True)
    begun = timezone.now() - timedelta(seconds=60 if seconds is None else seconds)
    newest = run.controls.filter(action="pause").latest("ended_at")
    change(Control, newest.pk, ended_at=begun)
    change(Run, run.pk, started_at=begun - timedelta(minutes=5))
    if seconds is not None:
        Control.objects.ask(run, "resume", by="anna")
        assert report_paused(run, False)


def ended(run: Run) -> Run:
    run.finish("succeeded")
    return Run.objects.unscoped().get(pk=run.pk)


def text_of(page: str, begin: str, end: str) -> str:
    found = page[page.index(begin) :].split(end)[0]
    return " ".join(re.sub("<[^>]*>", " ", found).split())


class TestFacts:
    def test_a_run_without_any_has_no_row(self, acme):
        runs = [acme.start_run() for _ in range(2)]
        for run in runs:
            call(begin(run))
            ended(run)
        assert "Controls and waits" not in page_of(acme.viewer, runs[1], "compare/")

    def test_stand_beside_each_run(self, acme):
        before, after = acme.start_run(), acme.start_run()
        call(begin(before))
        task = begin(after)
        approve(task)
        call(task)
        pause(after, seconds=190)
        Control.objects.ask(after, "cancel", by="anna")
        ended(before)
        after.finish("cancelled", reason="cancelled")
        page = page_of(acme.viewer, after, "compare/")
        row = text_of(page, "Controls and waits", "</tr>")
        facts = "paused once, 3 min 10 s waited 12 s for approvals (1) cancel asked"
        assert row == f"Controls and waits nothing {facts}"

    def test_a_paused_run_is_not_shown_as_slower_than_it_was(self, acme):
        before, after = acme.start_run(), acme.start_run()
        for run in (before, after):
            call(begin(run))
        pause(after, seconds=200)
        comparison = Comparison(ended(before), ended(after))
        rows = {figure.name: figure for figure in comparison.figures}
        lasted = rows["Duration"].after
        assert 500 <= lasted < 520
        assert rows["Without pauses"].after == pytest.approx(lasted - 200, abs=0.5)
        assert rows["Without pauses"].before == rows["Duration"].before
        page = page_of(acme.viewer, after, "compare/")
        assert '<th scope="row">Without pauses</th>' in page

    def test_runs_that_never_paused_have_one_duration(self, acme):
        runs = [ended(acme.start_run()) for _ in range(2)]
        names = [figure.name for figure in Comparison(*runs).figures]
        assert "Without pauses" not in names

    def test_a_pause_that_goes_on_counts_until_now(self, acme):
        before, live = ended(acme.start_run()), acme.start_run()
        begin(live)
        pause(live, seconds=None)
        facts = Comparison(before, Run.objects.unscoped().get(pk=live.pk)).facts[1]
        assert facts.pauses == 1
        assert 60 <= facts.paused_s < 90

    def test_asks_as_often_however_many_there_are(self, acme, django_assert_max_num_queries):
        before, after = acme.start_run(), acme.start_run()
        for run in (before, after):
            call(begin(run))
            ended(run)
        with django_assert_max_num_queries(5):  # tasks, approvals, controls, tools of each run
            Comparison(before, after)
        many = acme.start_run()
        task = begin(many)
        for _ in range(20):
            approve(task)
            call(task)
            pause(many, seconds=0)
        many = ended(many)
        with django_assert_max_num_queries(5):
            facts = Comparison(after, many).facts[1]
        assert (facts.pauses, facts.waits) == (20, 20)

    def test_more_approvals_than_are_read_are_said_to_be_left_out(self, acme, monkeypatch):
        run = acme.start_run()
        task = begin(run)
        approve(task)
        other = ended(acme.start_run())
        ended(run)
        monkeypatch.setattr(comparisons, "STEPS_AT_MOST", 1)
        assert not Comparison(run, other).is_cut
        again = acme.start_run()
        task = begin(again)
        for _ in range(3):
            approve(task)
        assert Comparison(other, ended(again)).is_cut


class TestSteps:
    def test_a_step_says_how_long_it_waited_and_who_approved_it(self, acme):
        before, after = acme.start_run(), acme.start_run()
        call(begin(before))
        ended(before)
        task = begin(after)
        first = call(task)  # needs no approval
        approved = approve(task)
        begun = approved.decided_at - timedelta(seconds=20)  # before the request of the next
        change(ToolExecution, first.pk, started_at=begun, ended_at=begun)
        tool = call(task)
        ended(after)
        page = page_of(acme.viewer, after, "compare/")
        assert page.count("approved by") == 1
        side = text_of(page, f'#tool-{tool.pk}"', "</li>")
        assert "waited 12 s, approved by anna" in side

    def test_who_may_not_see_the_comparison_learns_no_name(self, acme, client):
        before, after = acme.start_run(), acme.start_run()
        ended(before)
        task = begin(after)
        approve(task)
        call(task)
        ended(after)
        after.share(True)
        answer = client.get(f"/runs/{after.pk}/compare/")
        assert answer.status_code == 302
        assert b"anna" not in client.get(f"/runs/{after.pk}/").content


def test_a_call_long_after_a_decision_is_another_one(acme):
    runs = [acme.start_run() for _ in range(2)]
    for run in runs:
        task = begin(run)
        asked = approve(task)
        tool = call(task)
        change(ToolExecution, tool.pk, started_at=asked.decided_at + timedelta(hours=1))
        ended(run)
    compared = Comparison(*runs)
    steps = [step for pair in compared.pairs for step in pair.steps]
    assert [(step.before.waited_s, step.after.waited_s) for step in steps] == [(None, None)]
