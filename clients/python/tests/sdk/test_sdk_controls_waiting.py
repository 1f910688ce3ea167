"""A cancel of a run that waits for a person, and of a run whose program cannot be cancelled."""

import pytest

import crewops_client as crewops
from crewops_client import follow
from crewops_client.adapters.common import new_run
from crewops_client.adapters.waiting import CANCELLED, Pause, Waiting
from crewops_client.runs import Run
from sdk.steering import User, answers

WHY = "It has no hooks."


@pytest.fixture
def waiting() -> Waiting[None]:
    return Waiting()


@pytest.fixture
def run(reporter) -> Run:
    return new_run("release-crew", "nightly", "openai-agents").start()


def wait(waiting: Waiting[None], run: Run) -> None:
    waiting.put("trace", Pause(run, True, None, []))


def stop(run: Run) -> None:
    """As an answer to the events of the run asks for it."""
    run.reporter._stop(run.key)


def ask(run: Run) -> None:
    User().ask("cancel", run)


WAYS = [stop, ask]


@pytest.mark.parametrize("why", ["", WHY])
@pytest.mark.parametrize("cancel", WAYS)
def test_a_run_that_waits_is_cancelled_at_once(server, waiting, run, cancel, why):
    run.controls.unable = why
    wait(waiting, run)
    cancel(run)
    (done,) = server.wait_for("done")
    assert (done["status"], done["message"]) == ("cancelled", CANCELLED)
    assert len(waiting) == 0
    assert answers(server.events).get("cancel") in (None, ["control_acknowledged"])


def test_a_run_that_waits_and_is_not_followed_is_cancelled(reporter, server, waiting, monkeypatch):
    monkeypatch.setattr(follow.importlib.util, "find_spec", lambda name: None)
    run = new_run("release-crew", "nightly", "openai-agents").start()
    assert not run.takes_controls
    wait(waiting, run)
    stop(run)
    assert server.wait_for("done")[0]["status"] == "cancelled"


@pytest.mark.parametrize("first", WAYS)
@pytest.mark.parametrize("second", WAYS)
def test_a_cancel_that_is_refused_is_not_carried_out(server, waiting, run, first, second):
    run.controls.unable = WHY
    first(run)
    second(run)
    wait(waiting, run)
    assert not run.stop_requested
    assert len(waiting) == 1
    run.checkpoint()
    run.end()
    (done,) = server.wait_for("done")
    assert done["status"] == "succeeded"
    refused = ["control_acknowledged", "refused"]
    assert answers(server.events).get("cancel", refused)[:2] == refused


@pytest.mark.parametrize("first", WAYS)
@pytest.mark.parametrize("second", WAYS)
def test_a_cancel_that_was_accepted_is_not_refused_later(server, run, first, second):
    """It arrives in both ways, and the program becomes unable in between."""
    first(run)
    run.controls.unable = WHY
    second(run)
    assert run.stop_requested
    run.end("cancelled")
    server.wait_for("done")
    assert answers(server.events).get("cancel") in (None, ["control_acknowledged"])


def test_a_run_that_begins_to_wait_after_its_cancel_ends(server, waiting, run):
    ask(run)
    wait(waiting, run)
    assert server.wait_for("done")[0]["status"] == "cancelled"


def test_a_cancel_ends_what_waits_in_a_run_of_the_program(reporter, waiting):
    with pytest.raises(crewops.Cancelled), crewops.run("release-crew") as run:
        tool = run.start_tool("deploy")
        waiting.put("trace", Pause(run, False, None, [tool]))
        stop(run)
        assert tool.has_ended
        assert not run.has_ended
        run.checkpoint()
