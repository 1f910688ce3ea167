"""The run socket: every frame of the contract, on a live server."""

from datetime import timedelta

import pytest
from django.utils import timezone

from realtime.log import pruning
from realtime.models import Event, Stream
from realtime.tests.sockets.helpers import finish
from runs.models import TaskExecution

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_run_is_replayed_followed_and_closed(web, acme, run):
    with web.socket(f"/ws/runs/{run.pk}", acme.viewer) as socket:
        assert socket.subprotocol == "token"
        hello = socket.frame()
        assert hello == {
            "type": "hello",
            "stream": f"run:{run.pk}",
            "epoch": Stream.objects.get(name=f"run:{run.pk}").epoch,
            "head": 1,
            "heartbeat_s": 1.0,
            "rendered_every_s": 5.0,
        }
        boot = socket.frame()
        assert boot["agents"][0] == {"agent_id": "orion", "name": "Orion", "role": ""}
        assert boot["tasks"][1].keys() == {"task_id", "name", "agent_id"}
        finish(run)
        events = [boot, *(e for e in socket.rest() if e["type"] != "ping")]
        assert socket.code == 1000
    assert [event["seq"] for event in events] == list(range(1, 11))
    assert [event["type"] for event in events] == [
        "boot",
        *["agent_start", "task_start", "task_end", "agent_end"] * 2,
        "done",
    ]
    for event in events:
        assert event["crew_id"] == str(acme.crew.pk)
        assert event["run_id"] == str(run.pk)
        assert event["timestamp"].endswith("Z")
    assert events[-1].keys() >= {"status", "duration_s"}
    assert events[3].keys() >= {"task_id", "agent_id", "status", "duration_s"}


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_finished_run_is_replayed_and_closed(web, acme, run, slash):
    finish(run)
    with web.socket(f"/ws/runs/{run.pk}{slash}", acme.viewer) as socket:
        frames = socket.rest()
        assert [frame["type"] for frame in (frames[0], frames[1], frames[-1])] == [
            "hello",
            "boot",
            "done",
        ]
        assert socket.code == 1000


def test_resuming_sends_only_what_is_missing(web, acme, run):
    finish(run)
    epoch = Stream.objects.get(name=f"run:{run.pk}").epoch
    with web.socket(f"/ws/runs/{run.pk}?since=7&epoch={epoch}", acme.viewer) as socket:
        assert [frame.get("seq") for frame in socket.rest()] == [None, 8, 9, 10]
    with web.socket(f"/ws/runs/{run.pk}?since={'0' * 30}7", acme.viewer) as socket:
        assert [frame.get("seq") for frame in socket.rest()] == [None, 8, 9, 10]
    with web.socket(f"/ws/runs/{run.pk}?since=10", acme.viewer) as socket:
        assert [frame["type"] for frame in socket.rest()] == ["hello"]
        assert socket.code == 1000


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("since=3&epoch=another", "epoch_changed"),
        ("since=99", "ahead"),
        (f"since={2**63}", "ahead"),
        (f"since={'9' * 5000}", "ahead"),
    ],
)
def test_an_unknown_position_is_reset_and_replayed(web, acme, run, query, reason):
    finish(run)
    with web.socket(f"/ws/runs/{run.pk}?{query}", acme.viewer) as socket:
        hello, reset, *events = socket.rest()
    assert reset == {
        "type": "reset",
        "stream": f"run:{run.pk}",
        "reason": reason,
        "epoch": hello["epoch"],
        "head": 10,
    }
    assert [event["seq"] for event in events] == list(range(1, 11))


@pytest.mark.parametrize("query", ["", "?since=2"])
def test_a_pruned_position_is_reset_to_what_is_left(web, acme, run, query):
    finish(run)
    old = timezone.now() - timedelta(days=9)
    Event.objects.filter(seq__lte=4).update(created_at=old)
    pruning.prune(older_than=timezone.now() - timedelta(days=1))
    with web.socket(f"/ws/runs/{run.pk}{query}", acme.viewer) as socket:
        _, reset, *events = socket.rest()
    assert reset["reason"] == "pruned"
    assert [event["seq"] for event in events] == list(range(5, 11))


def test_errors_of_a_run(web, acme, run):
    task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    task.finish("failed", reason="tool_failed", message="Step 1, pytest: 3 failed")
    run.finish("failed", reason="task_failed", message="Orion works")
    with web.socket(f"/ws/runs/{run.pk}", acme.viewer) as socket:
        frames = socket.rest()
    error = next(frame for frame in frames if frame["type"] == "error")
    assert error["message"] == "Step 1, pytest: 3 failed"
    assert error["reason"] == "tool_failed"
    assert error["agent_id"] == "orion"
    assert error["task_id"] == run.plan["tasks"][0]["task_id"]
    assert frames[-1]["status"] == "failed"
    assert frames[-1]["reason"] == "task_failed"
