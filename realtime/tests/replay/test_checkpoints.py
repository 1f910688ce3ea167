"""A run's state at any moment: what the reducer of the live pages makes of the events until
then.
"""

import random
from datetime import timedelta
from itertools import pairwise

import msgspec
import pytest
from django.utils import timezone

from realtime import log
from realtime.log import pruning, streams
from realtime.models import Checkpoint
from realtime.replay import checkpoints, merging
from realtime.tests.pages.scene import get, reported
from runs.events.encoding import iso_utc
from runs.events.state import CrewState
from runs.models import Run, TaskExecution, ToolExecution

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def small_pages(monkeypatch):
    """A checkpoint after every seven events, so that few events have many."""
    monkeypatch.setattr(checkpoints, "PAGE_EVENTS", 7)


def carry_out(tenant, *, beside: Run | None = None) -> Run:
    """A run with two tasks and several tools, one of which fails; ``beside`` works meanwhile."""
    run = tenant.start_run()
    for number, planned in enumerate(run.plan["tasks"][:2]):
        task = TaskExecution.objects.start(run=run, task=planned)
        for tool in ("git_clone", "script", "pytest"):
            call = ToolExecution.objects.start(task_execution=task, tool=tool, params={"a": 1})
            for step in range(3):
                call.report(message=f"step {step}", progress=step / 3, output="line\n")
            if beside:
                _work_on(beside)
            is_bad = number == 1 and tool == "pytest"
            call.end("error" if is_bad else "success", exit_code=int(is_bad))
        task.finish("failed" if number == 1 else "succeeded")
    run.finish("failed", reason="task_failed")
    return run


def _work_on(run: Run) -> None:
    task = run.task_executions.first()
    ToolExecution.objects.start(task_execution=task, tool="other", params={}).end("success")


def events_of(run: Run) -> list[dict]:
    """Every event of the run, read without `merging`, in the order of time."""
    found = []
    for stream in (streams.run(run.pk), streams.graph(run.crew_id)):
        since = 0
        while page := log.read(stream, since):
            found += [msgspec.json.decode(entry.text) for entry in page]
            since = page[-1].seq
    own = [frame for frame in found if frame["run_id"] == str(run.pk)]
    return sorted(own, key=lambda frame: frame["timestamp"])


def encoded(state: CrewState) -> bytes:
    return msgspec.json.encode(checkpoints.without_params(state), order="deterministic")


def states_live(run: Run) -> dict[str, bytes]:
    """The state after all events of each time, as a page computed it from the sockets' events."""
    state, states = CrewState(), {}
    for frame in events_of(run):
        state.apply(frame)
        states[frame["timestamp"]] = encoded(state)
    return states


def state_at(run: Run, moment: str) -> bytes:
    found = checkpoints.at(run, moment)
    return encoded(found.state)


def test_the_state_at_each_moment_is_what_the_live_page_computed(acme):
    run = carry_out(acme)
    live = states_live(run)
    assert len(live) > 30
    moments = list(live)
    random.Random(1).shuffle(moments)  # a reader jumps
    for moment in moments:
        assert state_at(run, moment) == live[moment], moment
    assert Checkpoint.objects.filter(stream=streams.run(run.pk)).count() > 5


def test_between_two_events_the_state_is_that_of_the_earlier_one(acme):
    run = carry_out(acme)
    live = states_live(run)
    for earlier, later in pairwise(live):
        between = merging.parsed(earlier) + (merging.parsed(later) - merging.parsed(earlier)) / 2
        assert state_at(run, iso_utc(between)) == live[earlier]


def test_the_events_that_follow_lead_to_each_later_state(acme):
    run = carry_out(acme)
    live = states_live(run)
    found = checkpoints.at(run, next(iter(live)), following=20, size=100_000)
    assert len(found.events) >= 15
    for logged in found.events:
        found.state.apply(logged.frame)
    assert found.until == found.events[-1].place.at
    assert encoded(found.state) == live[found.until]


def test_leaves_out_the_crews_other_runs(acme):
    other = acme.start_run()
    TaskExecution.objects.start(run=other, task=other.plan["tasks"][0])
    run = carry_out(acme, beside=other)
    for moment, state in states_live(run).items():
        assert state_at(run, moment) == state
    other.finish("cancelled")
    assert list(checkpoints.at(run, "9").state.runs) == [str(run.pk)]


def test_a_run_that_goes_on_is_continued_from_its_last_checkpoint(acme):
    run = acme.start_run()
    task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    call = ToolExecution.objects.start(task_execution=task, tool="script", params={})
    for step in range(10):
        call.report(message=f"step {step}")
        known = checkpoints.recording(run)
        assert known.is_complete
        found = checkpoints.at(run, iso_utc(timezone.now()))
        assert found.state.executions[str(call.pk)]["message"] == f"step {step}"
    call.end("success")
    run.finish("succeeded")
    checkpoints.recording(run)
    ends = Checkpoint.objects.filter(stream=streams.run(run.pk), is_end=True)
    assert ends.count() == 1
    for moment, state in states_live(run).items():
        assert state_at(run, moment) == state


def test_a_long_run_is_read_in_several_requests(acme):
    run = carry_out(acme)
    shares = []
    while not (known := checkpoints.recording(run, budget_s=0)).is_complete:
        shares.append(known.share)
    assert len(shares) > 4
    assert shares == sorted(shares)
    assert known.share == 1.0
    assert known.last == list(states_live(run))[-1]


def test_names_errors_and_handoffs(acme):
    run = carry_out(acme)
    kinds = [(kind, label) for _, kind, label in checkpoints.recording(run).marks]
    assert ("error", "pytest: error") in kinds
    handed = {"type": "handoff", "from_agent_id": "orion", "to_agent_id": "vega"}
    agents = [{"type": "agent_start", "agent_id": name} for name in ("orion", "vega")]
    other = reported(acme, *agents, handed)
    assert [mark[1:] for mark in checkpoints.recording(other).marks] == [
        ("handoff", "orion to vega")
    ]


def test_a_pruned_run_is_known_from_its_oldest_event(acme):
    run = carry_out(acme)
    whole = states_live(run)
    Checkpoint.objects.all().delete()
    middle = list(whole)[len(whole) // 2]
    pruning.prune(older_than=merging.parsed(middle))
    known = checkpoints.recording(run)
    assert known.is_pruned
    assert known.first >= middle
    # What the deleted events said is not known; what is known is what a page would show now.
    assert state_at(run, "9") != b""
    assert checkpoints.at(run, "0").at == known.first


def test_checkpoints_that_lead_to_pruned_events_are_not_used(acme):
    run = carry_out(acme)
    whole = states_live(run)
    checkpoints.recording(run)
    middle = list(whole)[len(whole) // 2]
    pruning.prune(older_than=merging.parsed(middle))
    known = checkpoints.recording(run)
    assert known.is_pruned
    # The state before the first event that is left was saved in time: nothing after it is missing.
    for moment in [moment for moment in whole if moment >= known.first]:
        assert state_at(run, moment) == whole[moment]


def test_a_run_without_events_has_no_recording(acme):
    run = acme.start_run()
    log.delete(streams.run(run.pk))
    assert checkpoints.recording(run) is None
    assert checkpoints.at(run, "9") is None


def test_finds_where_a_run_begins_in_a_long_graph_stream(acme):
    for _ in range(3):
        carry_out(acme)
    run = carry_out(acme)
    first = next(f for f in events_of(run) if f["type"] == "tool_start")
    graph = streams.graph(run.crew_id)
    first_at = merging.parsed(first["timestamp"])
    assert merging._graph_seq(graph, first_at) == first["seq"] - 1
    head = log.position(graph).head
    assert merging._graph_seq(graph, first_at + timedelta(days=1)) == head
    assert merging._graph_seq(graph, first_at - timedelta(days=1)) == 0


class TestRoutes:
    def test_a_run_of_others_is_not_found(self, acme, globex):
        run = carry_out(acme)
        for path in ("recording/", "moment/?at=2026-01-01T00:00:00Z"):
            assert get(globex.admin, f"/runs/{run.pk}/{path}").status_code == 404
            assert get(None, f"/runs/{run.pk}/{path}").status_code == 404
            assert get(acme.viewer, f"/runs/{run.pk}/{path}").status_code == 200

    def test_a_shared_run_is_open_with_its_own_events_only(self, acme):
        other = acme.start_run()
        TaskExecution.objects.start(run=other, task=other.plan["tasks"][0])
        run = carry_out(acme, beside=other)
        run.share(True)
        assert get(None, f"/runs/{run.pk}/recording/").json()["is_complete"]
        answer = get(None, f"/runs/{run.pk}/moment/?at=2026-01-01T00:00:00Z")
        assert answer.json()["events"]
        assert str(other.pk) not in answer.content.decode()

    @pytest.mark.parametrize("at", ["", "yesterday", "2026-01-01T00:00:00", "9" * 5000])
    def test_refuses_what_is_no_time(self, acme, at):
        run = carry_out(acme)
        assert get(acme.viewer, f"/runs/{run.pk}/moment/?at={at}").status_code == 400

    def test_sends_no_output(self, acme):
        run = carry_out(acme)
        answer = get(acme.viewer, f"/runs/{run.pk}/moment/?at=2026-01-01T00:00:00Z")
        assert '"output_length"' in answer.content.decode() or answer.json()["events"]
        assert '"output":' not in answer.content.decode()


def test_a_deleted_run_takes_its_checkpoints_along(acme):
    run = carry_out(acme)
    checkpoints.recording(run)
    assert Checkpoint.objects.exists()
    log.delete(streams.run(run.pk))
    assert not Checkpoint.objects.exists()


def test_the_crew_page_offers_the_newest_run_or_the_one_that_is_named(acme, globex):
    older, newest = carry_out(acme), carry_out(acme)
    foreign = Run.objects.create(crew=globex.crew)
    page = f"/crews/{acme.crew.pk}/"
    bar = 'id="replay" aria-label="Look back at the run" data-run="{}"'
    assert bar.format(newest.pk) in get(acme.viewer, page).content.decode()
    assert bar.format(older.pk) in get(acme.viewer, f"{page}?run={older.pk}").content.decode()
    for missing in (foreign.pk, "nothing"):
        assert bar.format("") in get(acme.viewer, f"{page}?run={missing}").content.decode()
