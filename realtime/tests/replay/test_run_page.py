"""The run page at a moment is what it showed live at that moment."""

import random
import re
from datetime import timedelta
from itertools import pairwise
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from django.utils import timezone

from realtime.log import pruning
from realtime.models import Checkpoint, Event
from realtime.replay import checkpoints, merging
from realtime.tests.pages.scene import get, reported
from realtime.tests.replay import stories
from runs.events.encoding import iso_utc
from runs.events.state import CrewState
from runs.models import Run, TaskExecution, ToolExecution
from runs.pages.past import Past
from runs.tests.test_large_run import begin, carry_out, large_run

pytestmark = pytest.mark.django_db

# What differs between a page of the past and a live one, and is none of the run's state.
DIFFERENT = re.compile(
    r"""(?x)\sdata-(?:past|since|until|version)="[^"]*"
    | <noscript>.*?</noscript>
    | <label[^>]*id="follow-run".*?</label>
    | <div\ class="tool-output".*?</pre>.*?</div>
    | (?:&amp;|\?)at=[^"\#&]*""",
    re.DOTALL,
)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch):
    monkeypatch.setattr(checkpoints, "PAGE_EVENTS", 7)


def shown(user, path: str) -> str:
    answer = get(user, path)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", DIFFERENT.sub("", answer.content.decode()))


def shown_live(user, run, monkeypatch) -> tuple[str, str]:
    """The present moment, and the page at it."""
    now = timezone.now()
    with monkeypatch.context() as stopped:
        stopped.setattr(timezone, "now", lambda: now)
        return iso_utc(now), shown(user, f"/runs/{run.pk}/live/")


def page_at(user, run, moment: str) -> str:
    return shown(user, f"/runs/{run.pk}/live/?at={quote(moment)}")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("story", [stories.of_worker, stories.of_program])
def test_the_page_at_each_moment_is_what_it_showed_live(acme, monkeypatch, story, seed):
    run, steps = story(acme, seed)
    seen = [shown_live(acme.viewer, run, monkeypatch) for _ in steps]
    assert len(seen) > 10
    assert all(earlier[1] != later[1] for earlier, later in pairwise(seen))
    random.Random(seed).shuffle(seen)  # a reader jumps
    for moment, page in seen:
        assert page_at(acme.viewer, run, moment) == page, moment


def test_the_page_of_a_large_run_at_each_moment(acme, monkeypatch):
    run = large_run(acme, 40, agents=25)
    seen = []
    for number in range(6):
        carry_out(run, number)
        _, calls = begin(run, number + 10, tools=2)
        seen.append(shown_live(acme.viewer, run, monkeypatch))
        calls[-1].report(message="half", progress=0.5, output="x\n")
        seen.append(shown_live(acme.viewer, run, monkeypatch))
    run.finish("failed", reason="task_failed")
    for moment, page in reversed(seen):
        assert page_at(acme.viewer, run, moment) == page, moment


def test_a_part_of_a_large_run_is_shown_at_the_moment_too(acme, monkeypatch):
    run = large_run(acme, 40)
    carry_out(run, 0)
    _, (call,) = begin(run, 1)
    now = timezone.now()
    call.end("success")
    path = f"/runs/{run.pk}/?at={call.pk}&at={quote(iso_utc(now))}"
    page = get(acme.viewer, path).content.decode()
    assert re.search(rf'id="tool-{call.pk}"[^>]*data-status="running"', page)
    assert f"at={quote(iso_utc(now))}" in page  # links to other parts stay at the moment


def test_a_report_that_comes_late_is_not_shown_before_it_came(acme):
    run = reported(acme)
    before = timezone.now()
    begun = {"type": "llm_start", "provider": "x", "model": "m", "agent_id": "a", "call_id": "c"}
    early = {"at": before.timestamp() - 60}
    stories.say(acme, "nightly", begun | early)
    ended = {"type": "llm_end", "call_id": "c", "status": "success"}
    stories.say(acme, "nightly", ended | {"at": before.timestamp() - 30})
    assert run.calls.get().ended_at < before
    assert "llm_start" not in page_at(acme.viewer, run, iso_utc(before))
    assert "llm_end" in page_at(acme.viewer, run, iso_utc(timezone.now()))


def test_a_record_that_never_changes_is_there_from_its_time_on(acme):
    now, second = timezone.now(), timedelta(seconds=1)
    past = Past(reported(acme), now, CrewState(), iso_utc(now), iso_utc(now + second))
    before, at, after = (SimpleNamespace(at=now + number * second) for number in (-1, 0, 1))
    assert past.cut([before, at, after]) == [before, at]
    with pytest.raises(TypeError, match="SimpleNamespace"):
        past.cut([SimpleNamespace(started_at=now)])


def test_shows_the_output_until_the_moment(acme):
    run = acme.start_run()
    task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    call = ToolExecution.objects.start(task_execution=task, tool="script", params={})
    moments = []
    for line in ("first", "second", "third"):
        call.report(output=f"{line} \N{BUG}\n")
        moments.append(iso_utc(timezone.now()))
    call.end("success")
    page = get(acme.viewer, f"/runs/{run.pk}/?at={moments[1]}").content.decode()
    assert "first \N{BUG}\nsecond \N{BUG}\n</pre>" in page
    assert "third" not in page


def test_nothing_that_acts_is_offered(acme):
    run = acme.start_run()
    moment = iso_utc(timezone.now())
    forms = re.compile(r'id="(pause|cancel|share|again|resume|unshare)-form"')
    page = f"/runs/{run.pk}/live/"
    assert forms.search(get(acme.admin, page).content.decode())
    assert not forms.search(get(acme.admin, f"{page}?at={moment}").content.decode())
    run.finish("failed", reason="task_failed")
    now = iso_utc(timezone.now())
    assert forms.search(get(acme.admin, page).content.decode())
    assert not forms.search(get(acme.admin, f"{page}?at={now}").content.decode())


def test_a_pruned_run_says_that_not_all_is_known(acme):
    run, steps = stories.of_worker(acme, 1)
    moments = []
    for _ in steps:
        moments.append(iso_utc(timezone.now()))
    Checkpoint.objects.all().delete()
    pruning.prune(older_than=merging.parsed(moments[len(moments) // 2]))
    answer = get(acme.viewer, f"/runs/{run.pk}/?at={moments[-2]}")
    assert answer.status_code == 200
    assert "Its first events have been deleted" in answer.content.decode()
    # All that the rows know of the time before is there.
    task = run.task_executions.earliest("started_at")
    assert f'id="task-{task.task_id}" data-version' in answer.content.decode()
    # The graph's stream is open, so pruning keeps its newest event: as if its crew had been
    # removed.
    pruning.prune(older_than=timezone.now())
    Event.objects.all().delete()
    Checkpoint.objects.all().delete()
    gone = get(acme.viewer, f"/runs/{run.pk}/?at={moments[-2]}").content.decode()
    assert "The past of this run is not known" in gone


def test_a_moment_before_the_first_shows_the_first(acme):
    run, steps = stories.of_worker(acme, 1)
    for _ in steps:
        pass
    page = get(acme.viewer, f"/runs/{run.pk}/live/?at=2000-01-01T00:00:00Z").content.decode()
    assert 'data-status="queued"' in page
    assert "event-tool_start" not in page


@pytest.mark.parametrize("at", ["", "yesterday", "2026-01-01T00:00:00", "9" * 500])
def test_what_is_no_time_is_the_present(acme, at):
    run = Run.objects.create(crew=acme.crew)
    answer = get(acme.viewer, f"/runs/{run.pk}/?at={at}")
    assert answer.status_code == 200
    assert "data-past=" not in answer.content.decode()
